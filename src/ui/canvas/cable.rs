//! Cables: their curves, their look, their distance from the pointer.

use std::collections::BTreeMap;

use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, Port};
use eframe::egui::epaint::CubicBezierShape;
use eframe::egui::{Color32, Pos2, Shape, Stroke, vec2};

use crate::ui::theme;
use crate::ui::workspace::{DrawnPort, Workspace};

/// A cable on the screen.
pub struct DrawnCable {
    /// Its input.
    pub to: Port,
    /// Its output.
    pub from: Port,
    /// True if it is muted.
    pub mute: bool,
    kind: Kind,
    points: [Pos2; 4],
}

/// The control points of a cable. It leaves its output to the right and enters its input from the left.
pub fn curve(from: Pos2, to: Pos2, zoom: f32) -> [Pos2; 4] {
    let reach = ((to.x - from.x).abs() * 0.5).clamp(24.0 * zoom, 160.0 * zoom).max(if to.x < from.x {
        80.0 * zoom
    } else {
        0.0
    });
    [from, from + vec2(reach, 0.0), to - vec2(reach, 0.0), to]
}

/// The cables between drawn ports, in the order of the patch.
pub fn drawn_cables(workspace: &Workspace) -> Vec<DrawnCable> {
    let drawn_ports: BTreeMap<(&Port, bool), &DrawnPort> =
        workspace.frame.ports.iter().map(|drawn| ((&drawn.port, drawn.output), drawn)).collect();
    let drawn = |cable: &Cable| {
        let (from, to) = (drawn_ports.get(&(&cable.from, true))?, drawn_ports.get(&(&cable.to, false))?);
        let points = curve(from.at, to.at, workspace.frame.zoom);
        Some(DrawnCable { to: cable.to.clone(), from: cable.from.clone(), mute: cable.mute, kind: from.kind, points })
    };
    workspace.editor.patch().cables.iter().filter_map(drawn).collect()
}

impl DrawnCable {
    /// The shape of the cable, with a glow that follows its number.
    pub fn shape(&self, workspace: &Workspace, hovered: bool) -> Shape {
        let zoom = workspace.frame.zoom;
        let (bright, dim) = theme::kind_colours(self.kind);
        let ends = |id: &str| workspace.editor.patch().nodes.get(id).is_some_and(|node| node.bypass);
        let bypassed = ends(&self.to.node) || ends(&self.from.node);
        let width = (if hovered { 2.0 * theme::CABLE } else { theme::CABLE }) * zoom.max(0.5);
        if self.mute {
            return self.dashed(width, if hovered { bright } else { dim }, zoom);
        }
        let colour = if hovered {
            bright
        } else if bypassed {
            dim
        } else {
            bright.gamma_multiply(0.85)
        };
        let line = |width: f32, colour: Color32| {
            let stroke = Stroke::new(width, colour);
            Shape::CubicBezier(CubicBezierShape::from_points_stroke(self.points, false, Color32::TRANSPARENT, stroke))
        };
        let level = workspace.playback.live.output(&self.from).map_or(0.0, |value| value.abs().min(1.0) as f32);
        Shape::Vec(vec![
            line(width + 3.0 * zoom, theme::canvas()),
            line(width + 6.0 * zoom, bright.gamma_multiply(0.20 * level)),
            line(width, colour),
        ])
    }

    /// A faint copy of a cable that runs backwards, for above the nodes that it crosses.
    pub fn backward_shape(&self, workspace: &Workspace) -> Option<Shape> {
        let [from, .., to] = self.points;
        if to.x >= from.x || self.mute {
            return None;
        }
        let width = theme::CABLE * workspace.frame.zoom.max(0.5);
        let stroke = Stroke::new(width, theme::kind_colours(self.kind).0.gamma_multiply(0.4));
        Some(CubicBezierShape::from_points_stroke(self.points, false, Color32::TRANSPARENT, stroke).into())
    }

    /// The shape of a muted cable: dashes.
    fn dashed(&self, width: f32, colour: Color32, zoom: f32) -> Shape {
        let (dash, gap) = theme::DASH;
        let stroke = Stroke::new(0.8 * width, colour);
        Shape::Vec(Shape::dashed_line(&self.points(), stroke, dash * zoom.max(0.3), gap * zoom.max(0.3)))
    }

    /// Points along the cable.
    fn points(&self) -> Vec<Pos2> {
        (0..=32_u8).map(|i| self.at(f32::from(i) / 32.0)).collect()
    }

    /// The distance of a point from the cable.
    pub fn distance(&self, at: Pos2) -> f32 {
        let points = self.points();
        let near = |pair: &[Pos2]| {
            let (a, b) = (pair[0], pair[1]);
            let along = b - a;
            let t = ((at - a).dot(along) / along.length_sq().max(1e-6)).clamp(0.0, 1.0);
            (a + along * t).distance(at)
        };
        points.windows(2).map(near).fold(f32::MAX, f32::min)
    }

    fn at(&self, t: f32) -> Pos2 {
        let [a, b, c, d] = self.points.map(Pos2::to_vec2);
        let s = 1.0 - t;
        (a * (s * s * s) + b * (3.0 * s * s * t) + c * (3.0 * s * t * t) + d * (t * t * t)).to_pos2()
    }
}

/// The shape of a pending cable, from its port to `end`.
pub fn pending_shape(kind: Kind, port: Pos2, end: Pos2, from_output: bool, zoom: f32) -> Shape {
    let points = if from_output { curve(port, end, zoom) } else { curve(end, port, zoom) };
    let stroke = Stroke::new(1.5 * theme::CABLE * zoom.max(0.5), theme::kind_colours(kind).0);
    let line = CubicBezierShape::from_points_stroke(points, false, Color32::TRANSPARENT, stroke);
    Shape::Vec(vec![line.into(), Shape::circle_filled(end, 3.5 * zoom, theme::kind_colours(kind).0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cable_is_found_along_its_whole_length() {
        let points = curve(Pos2::new(0.0, 0.0), Pos2::new(300.0, 120.0), 1.0);
        let (to, from) = ("b.in".parse().unwrap(), "a.out".parse().unwrap());
        let cable = DrawnCable { to, from, mute: false, kind: Kind::Number, points };
        for i in 0..=20_u8 {
            let on = cable.at(f32::from(i) / 20.0);
            assert!(cable.distance(on) < 1.0, "at {i}");
            assert!(cable.distance(on + vec2(0.0, 40.0)) > theme::CABLE_NEAR, "below {i}");
        }
    }
}
