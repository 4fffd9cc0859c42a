//! Text as pictures.

use bendrack::media::Picture;
use epaint::text::{FontDefinitions, Fonts, TextOptions};
use epaint::{Color32, FontId};

/// Background of a sheet.
pub const GROUND: [u8; 3] = [17, 17, 19];
/// Primary text.
pub const BRIGHT: [u8; 3] = [232, 230, 224];
/// Secondary text.
pub const DIM: [u8; 3] = [150, 148, 142];

/// Draws text in the window's font.
pub struct Pen(Fonts);

impl Default for Pen {
    fn default() -> Self {
        Self(Fonts::new(TextOptions::default(), FontDefinitions::default()))
    }
}

impl Pen {
    /// One line of text of a height in pixels.
    pub fn line(&mut self, text: &str, height: f32, colour: [u8; 3]) -> Picture {
        let galley = self.0.with_pixels_per_point(1.0).layout_no_wrap(
            text.to_owned(),
            FontId::proportional(height),
            Color32::WHITE,
        );
        let atlas = self.0.image();
        let size = galley.rect.size().ceil();
        let mut picture = Picture::filled(size.x as usize + 1, size.y as usize, GROUND);
        for row in &galley.rows {
            for glyph in &row.glyphs {
                let uv = glyph.uv_rect;
                let corner = (row.pos + glyph.pos.to_vec2() + uv.offset).round();
                for y in uv.min[1]..uv.max[1] {
                    for x in uv.min[0]..uv.max[0] {
                        let (right, down) =
                            (corner.x as usize + usize::from(x - uv.min[0]), usize::from(y - uv.min[1]));
                        let ink = atlas.pixels[usize::from(y) * atlas.size[0] + usize::from(x)].a();
                        ink_at(&mut picture, right, corner.y as usize + down, colour, ink);
                    }
                }
            }
        }
        picture
    }
}

/// Covers a pixel with a colour by `ink` of 255.
fn ink_at(picture: &mut Picture, x: usize, y: usize, colour: [u8; 3], ink: u8) {
    if x >= picture.width || y >= picture.height {
        return;
    }
    let at = 3 * (y * picture.width + x);
    for (under, over) in picture.rgb[at..at + 3].iter_mut().zip(colour) {
        let share = f32::from(ink) / 255.0;
        *under = (f32::from(*under) * (1.0 - share) + f32::from(over) * share).round() as u8;
    }
}
