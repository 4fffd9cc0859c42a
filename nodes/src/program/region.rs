//! Parts of the picture.

use std::fmt;
use std::sync::Arc;

use crate::program::pick::{Pick, Pickable};

/// A part of the picture: a weight from 0 to 1 for each position.
pub type Region = Pick<Shape>;

/// A shape in the picture. Lengths are fractions of the picture's width and height, from the left and the top.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A rectangle.
    Rectangle(Rect),
    /// The ellipse in a rectangle.
    Ellipse(Rect),
    /// Positions where the tap's map of the previous model call reaches a threshold between its minimum and maximum.
    Map {
        /// The node of the tap; none if it is empty.
        tap: Arc<str>,
        /// 0 selects every position, 1 only the largest value.
        threshold: f64,
        /// Width of the soft edge, on the same scale.
        feather: f64,
    },
}

/// A rectangle: its centre, its size and its soft edge, as fractions of the picture's width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Horizontal centre.
    pub x: f64,
    /// Vertical centre.
    pub y: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    /// The width of the soft edge, half of it on either side.
    pub feather: f64,
}

impl Shape {
    /// Weight of a position, 0 to 1. `heat` is the value of a tap's map there, from 0, its minimum, to 1, its maximum.
    /// A map without a measurement has none.
    pub fn weight(&self, (x, y): (f64, f64), heat: impl Fn(&str) -> Option<f64>) -> f32 {
        if self.is_known_empty() {
            return 0.0;
        }
        let weight = match self {
            // The distance outside of the edge, negative inside.
            Self::Rectangle(rect) => {
                let (dx, dy) = rect.offset(x, y);
                let out = (dx.abs() - rect.width / 2.0).max(dy.abs() - rect.height / 2.0);
                fall(out, rect.feather)
            }
            Self::Ellipse(rect) => {
                let (dx, dy) = rect.offset(x, y);
                let (a, b) = (rect.width / 2.0, rect.height / 2.0);
                fall(((dx / a).hypot(dy / b) - 1.0) * a.min(b), rect.feather)
            }
            Self::Map { tap, threshold, feather } => heat(tap).map_or(0.0, |heat| fall(threshold - heat, *feather)),
        };
        weight as f32
    }
}

impl Rect {
    /// Offset of a position from the centre.
    fn offset(&self, x: f64, y: f64) -> (f64, f64) {
        (x - self.x, y - self.y)
    }
}

/// Weight at a distance `out` outside the edge, negative inside: from 1 to 0 over the width of the feather.
fn fall(out: f64, feather: f64) -> f64 {
    if feather > 0.0 { (0.5 - out / feather).clamp(0.0, 1.0) } else { f64::from(u8::from(out <= 0.0)) }
}

impl Pickable for Shape {
    fn is_known_empty(&self) -> bool {
        match self {
            Self::Rectangle(rect) | Self::Ellipse(rect) => rect.width <= 0.0 || rect.height <= 0.0,
            Self::Map { tap, .. } => tap.is_empty(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |x: f64| (x * 1e3).round() / 1e3 + 0.0;
        let (name, rect) = match self {
            Self::Rectangle(rect) => ("rectangle", rect),
            Self::Ellipse(rect) => ("ellipse", rect),
            Self::Map { tap, threshold, .. } => return write!(f, "map of {tap} above {}", short(*threshold)),
        };
        let Rect { x, y, width, height, .. } = *rect;
        write!(f, "{name} {}×{} at {},{}", short(width), short(height), short(x), short(y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_soft_edges() {
        let rect = Rect { x: 0.5, y: 0.25, width: 0.4, height: 0.2, feather: 0.1 };
        let at = |shape: &Shape, x, y| shape.weight((x, y), |_| None);
        let rectangle = Shape::Rectangle(rect);
        for (x, y, weight) in [
            (0.5, 0.25, 1.0),
            (0.7, 0.25, 0.5),
            (0.725, 0.25, 0.25),
            (0.3, 0.25, 0.5),
            (0.5, 0.4, 0.0),
            (0.69, 0.34, 0.6),
        ] {
            assert!((at(&rectangle, x, y) - weight).abs() < 1e-5, "{x} {y}: {}", at(&rectangle, x, y));
        }
        let ellipse = Shape::Ellipse(Rect { feather: 0.0, ..rect });
        assert_eq!([at(&ellipse, 0.69, 0.25), at(&ellipse, 0.69, 0.34), at(&ellipse, 0.5, 0.34)], [1.0, 0.0, 1.0]);
        let flat = Rect { height: 0.0, ..rect };
        assert_eq!([Shape::Rectangle(flat), Shape::Ellipse(flat)].map(|shape| at(&shape, 0.5, 0.25)), [0.0; 2]);
        let map = Shape::Map { tap: "map".into(), threshold: 0.5, feather: 0.0 };
        let hot = |heat: f64| map.weight((0.5, 0.5), |tap| (tap == "map").then_some(heat));
        assert_eq!([hot(0.6), hot(0.4)], [1.0, 0.0]);
        assert_eq!(at(&map, 0.5, 0.5), 0.0, "nothing was measured");
    }
}
