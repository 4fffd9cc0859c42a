//! Three pictures as red, green and blue.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::Source;

const RED: Input =
    Input::socket("red", Kind::Picture, "Red channel: the brightness of a picture or the value of a map.");
const GREEN: Input =
    Input::socket("green", Kind::Picture, "Green channel: the brightness of a picture or the value of a map.");
const BLUE: Input =
    Input::socket("blue", Kind::Picture, "Blue channel: the brightness of a picture or the value of a map.");
const OUT: Output = Output::of("picture", Kind::Picture, "The combined picture.").passes(&RED);

/// Three pictures as red, green and blue.
pub const NODE: NodeDef = NodeDef {
    name: "output.channels",
    title: "Channels",
    about: "Combines three maps or pictures as the red, green and blue of one picture.",
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
