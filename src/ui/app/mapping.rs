//! The mapping of the picture onto a projector's surface: four corners that are dragged, and flips.

use eframe::egui::epaint::{Mesh, Vertex};
use eframe::egui::{Color32, Key, Modifiers, Pos2, Rect, Response, Stroke, TextureId, Ui, Vec2, pos2, vec2};
use serde::{Deserialize, Serialize};

use crate::ui::document::settings::Stored;
use crate::ui::theme;

/// The cells of the mesh along each side: fine enough that the perspective of a picture is smooth.
const CELLS: usize = 24;
/// The reach of a corner, in points.
const REACH: f32 = 24.0;

/// The corners of the picture, from its upper left one on clockwise, as parts of the place of the unmapped picture; and its flips.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mapping {
    corners: [[f32; 2]; 4],
    flip_x: bool,
    flip_y: bool,
}

/// The corners of the unmapped picture.
const SQUARE: [[f32; 2]; 4] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];

impl Default for Mapping {
    fn default() -> Self {
        Self { corners: SQUARE, flip_x: false, flip_y: false }
    }
}

impl Mapping {
    /// The mapping in a file; none in a damaged one.
    pub(super) fn read(file: &Stored) -> Self {
        file.read().filter(Self::is_valid).unwrap_or_default()
    }

    /// True if the corners are those of a convex shape, which a picture fills.
    fn is_valid(&self) -> bool {
        let corner = |index: usize| Pos2::from(self.corners[index % 4]);
        let turns = (0..4).map(|i| {
            let (a, b) = (corner(i + 1) - corner(i), corner(i + 2) - corner(i + 1));
            a.x * b.y - a.y * b.x
        });
        self.corners.iter().flatten().all(|at| at.is_finite()) && turns.into_iter().all(|turn| turn > 1e-4)
    }

    /// The place of a point of the unit square: the projection that takes its corners to these.
    fn project(&self, u: f32, v: f32) -> Pos2 {
        // Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989: square to quadrilateral.
        let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = self.corners;
        let (sx, sy) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dx2, dy1, dy2) = (x1 - x2, x3 - x2, y1 - y2, y3 - y2);
        let under = dx1 * dy2 - dx2 * dy1;
        let (g, h) = ((sx * dy2 - dx2 * sy) / under, (dx1 * sy - sx * dy1) / under);
        let (a, b, d, e) = (x1 - x0 + g * x1, x3 - x0 + h * x3, y1 - y0 + g * y1, y3 - y0 + h * y3);
        let w = g * u + h * v + 1.0;
        pos2((a * u + b * v + x0) / w, (d * u + e * v + y0) / w)
    }

    /// The mesh that shows a texture in the place of the unmapped picture.
    pub(super) fn mesh(&self, texture: TextureId, place: Rect) -> Mesh {
        let mut mesh = Mesh::with_texture(texture);
        for row in 0..=CELLS {
            for column in 0..=CELLS {
                let (u, v) = (column as f32 / CELLS as f32, row as f32 / CELLS as f32);
                let at = self.project(u, v);
                let uv = pos2(if self.flip_x { 1.0 - u } else { u }, if self.flip_y { 1.0 - v } else { v });
                let pos = place.min + at.to_vec2() * place.size();
                mesh.vertices.push(Vertex { pos, uv, color: Color32::WHITE });
            }
        }
        for row in 0..CELLS {
            for column in 0..CELLS {
                let first = (row * (CELLS + 1) + column) as u32;
                let below = first + CELLS as u32 + 1;
                mesh.add_triangle(first, first + 1, below);
                mesh.add_triangle(first + 1, below + 1, below);
            }
        }
        mesh
    }

    /// Edits the mapping: drags of corners, H and V flip, R resets. Writes each change to a file.
    pub(super) fn edit_ui(&mut self, ui: &Ui, response: &Response, place: Rect, file: &Stored) {
        let before = *self;
        let points = self.corners.map(|corner| place.min + Vec2::from(corner) * place.size());
        let held = ui.id().with("corner");
        let nearest = |at: Pos2| {
            (0..4).filter(|&i| points[i].distance(at) < REACH).min_by_key(|&i| points[i].distance(at) as u32)
        };
        if let Some(at) = response.interact_pointer_pos() {
            if ui.input(|i| i.pointer.primary_pressed()) {
                ui.data_mut(|data| data.insert_temp(held, nearest(at)));
            }
            if let Some(index) = ui.data(|data| data.get_temp::<Option<usize>>(held)).flatten() {
                self.corners[index] = ((at - place.min) / place.size()).into();
            }
        }
        ui.input_mut(|i| {
            self.flip_x ^= i.consume_key(Modifiers::NONE, Key::H);
            self.flip_y ^= i.consume_key(Modifiers::NONE, Key::V);
            if i.consume_key(Modifiers::NONE, Key::R) {
                *self = Self::default();
            }
        });
        if !self.is_valid() {
            *self = before;
        }
        // A drag is written at its end.
        if *self != before && !ui.input(|i| i.pointer.primary_down()) || response.drag_stopped() {
            file.write(self);
        }
        let stroke = Stroke::new(2.0, theme::accent());
        for (index, point) in points.iter().enumerate() {
            ui.painter().line_segment([*point, points[(index + 1) % 4]], Stroke::new(1.0, theme::accent()));
            ui.painter().circle_stroke(*point, 10.0, stroke);
        }
        let text = "Corner pin: drag the corners. H and V flip, R resets, C ends.";
        let at = place.center() - vec2(0.0, 12.0);
        let font = theme::proportional(theme::LARGE);
        ui.painter().text(at, eframe::egui::Align2::CENTER_CENTER, text, font, theme::accent());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_go_to_their_places_and_lines_stay_straight() {
        let mapping = Mapping { corners: [[0.1, 0.0], [0.9, 0.2], [1.0, 1.0], [0.0, 0.8]], ..Mapping::default() };
        assert!(mapping.is_valid());
        for ([u, v], corner) in SQUARE.into_iter().zip(mapping.corners) {
            assert!(mapping.project(u, v).distance(Pos2::from(corner)) < 1e-5);
        }
        // The middle of the picture lies on both diagonals.
        let middle = mapping.project(0.5, 0.5);
        for (a, b) in [(0, 2), (1, 3)] {
            let (a, b) = (Pos2::from(mapping.corners[a]), Pos2::from(mapping.corners[b]));
            let (way, to) = (b - a, middle - a);
            assert!((way.x * to.y - way.y * to.x).abs() < 1e-5);
        }
        let square = Mapping::default();
        assert!(square.project(0.3, 0.7).distance(pos2(0.3, 0.7)) < 1e-6);
    }

    #[test]
    fn a_mapping_that_folds_the_picture_is_refused() {
        let folded = Mapping { corners: [[0.0, 0.0], [1.0, 0.0], [0.1, 0.1], [0.0, 1.0]], ..Mapping::default() };
        assert!(!folded.is_valid());
        let lost = Mapping { corners: [[f32::NAN, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], ..Mapping::default() };
        assert!(!lost.is_valid());
    }

    #[test]
    fn a_flip_turns_the_picture_in_its_place() {
        let place = Rect::from_min_size(pos2(10.0, 20.0), vec2(100.0, 50.0));
        let mesh = Mapping { flip_x: true, ..Mapping::default() }.mesh(TextureId::default(), place);
        assert_eq!((mesh.vertices[0].pos, mesh.vertices[0].uv), (place.min, pos2(1.0, 0.0)));
        assert_eq!(mesh.vertices.last().map(|last| (last.pos, last.uv)), Some((place.max, pos2(0.0, 1.0))));
        assert_eq!(mesh.indices.len(), 6 * CELLS * CELLS);
    }
}
