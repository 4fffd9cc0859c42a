//! What the picture looks like.

use crate::library::tap::tap_node;
use crate::node::context::NodeContext;
use crate::node::def::{Image, Input, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::{Fuse, Measure, Tap};

const REGION: Input =
    Input::socket("region", Kind::Target, "The part of the picture that is looked at; all of it without a cable.");
const BRIGHTNESS: Output = Output::number("brightness", "How bright it is, its mean luma, 0 black to 1 white.").late();
const RED: Output = Output::number("red", "Its mean red, 0 to 1.").late();
const GREEN: Output = Output::number("green", "Its mean green, 0 to 1.").late();
const BLUE: Output = Output::number("blue", "Its mean blue, 0 to 1.").late();
const CONTRAST: Output =
    Output::number("contrast", "Two times the standard deviation of its luma: 0 even, 1 half black and half white.")
        .late();
const CHANGE: Output = Output::number("change", "How far it is from the picture a latent frame before, 0 to 1.").late();
const X: Output = Output::number("x", "The centre of what changes, 0 left to 1 right; 0.5 while nothing does.").late();
const Y: Output = Output::number("y", "The centre of what changes, 0 top to 1 bottom; 0.5 while nothing does.").late();

/// Measures the picture that the model made.
pub const NODE: NodeDef = NodeDef {
    name: "tap.picture",
    title: "Picture tap",
    about: "Measures how bright, how colourful and how restless the picture is: the last one of each chunk.",
    inputs: &[REGION],
    outputs: &[BRIGHTNESS, RED, GREEN, BLUE, CONTRAST, CHANGE, X, Y],
    run,
    view: View::Picture(Image::Map),
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let region = tap_node::region(&ctx.target(&REGION));
    let (node, target) = (ctx.id().clone(), ctx.everything());
    ctx.ask_tap(Tap { node, measure: Measure::Picture, target, fuse: Fuse::Mean, threshold: 0.0, region });
}
