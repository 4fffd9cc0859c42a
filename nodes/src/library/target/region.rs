//! Target: a region of the picture.

use crate::choice::choices;
use crate::library::target::outline::{FEATHER, HEIGHT, WIDTH, X, Y};
use crate::library::target::target_node;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::pick::Pick;
use crate::program::region::{Rect, Shape};
use crate::program::source::Source;
use crate::program::target::Target;

choices! {
    /// Shape of the region.
    enum Outline {
        Rectangle = "rectangle",
        Ellipse = "ellipse",
        Map = "map",
    }
}

const SHAPE: Input = Input::choice_of::<Outline>("shape", "Shape of the region.");
const MAP: Input = Input::socket(
    "map",
    Kind::Map,
    "Map for the shape `map`: the region is where it was hot in the previous model call.",
);
const THRESHOLD: Input =
    Input::number("threshold", 0.5, "Threshold of the map: 0 is its smallest value, 1 its largest.").hard(0.0, 1.0);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to this region.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to a region: a rectangle, an ellipse, or where a map is hot.
pub const NODE: NodeDef = NodeDef {
    name: "target.region",
    title: "Region",
    about: "Limits a bend or a tap to a region: a rectangle, an ellipse, or where a map is hot.",
    inputs: &[target_node::WITHIN, SHAPE, X, Y, WIDTH, HEIGHT, FEATHER, MAP, THRESHOLD],
    outputs: &[OUT],
    run: |ctx| {
        let region = Pick::of(shape(ctx));
        target_node::narrow(ctx, &OUT, Target { region, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};

fn shape(ctx: &NodeContext<'_>) -> Shape {
    let [x, y, width, height, feather] = [&X, &Y, &WIDTH, &HEIGHT, &FEATHER].map(|input| ctx.number(input));
    let rect = Rect { x, y, width, height, feather };
    match ctx.chosen::<Outline>(&SHAPE) {
        Outline::Rectangle => Shape::Rectangle(rect),
        Outline::Ellipse => Shape::Ellipse(rect),
        Outline::Map => {
            let tap = match ctx.source(&MAP).as_deref() {
                Some(Source::Tap(tap)) => tap.clone(),
                _ => "".into(),
            };
            Shape::Map { tap, threshold: ctx.number(&THRESHOLD), feather }
        }
    }
}
