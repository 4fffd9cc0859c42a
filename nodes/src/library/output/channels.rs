//! Three pictures as red, green and blue.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::Source;

const RED: Input =
    Input::socket("red", Kind::Picture, "What becomes red: the light of a picture, or the heat of a map.");
const GREEN: Input = Input::socket("green", Kind::Picture, "What becomes green.");
const BLUE: Input = Input::socket("blue", Kind::Picture, "What becomes blue.");
const OUT: Output = Output::of("picture", Kind::Picture, "All three in one.").passes(&RED);

/// Three pictures as red, green and blue.
pub const NODE: NodeDef = NodeDef {
    name: "output.channels",
    title: "Channels",
    about: "Makes three maps or pictures the red, the green and the blue of one picture.",
    inputs: &[RED, GREEN, BLUE],
    outputs: &[OUT],
    run: |ctx| {
        let (red, green, blue) = (ctx.source(&RED), ctx.source(&GREEN), ctx.source(&BLUE));
        if red.is_some() || green.is_some() || blue.is_some() {
            ctx.show(&OUT, Source::Channels { red, green, blue });
        }
    },
    ..NodeDef::BASE
};
