//! Measurements of the picture.

use crate::library::tap::tap_node;
use crate::node::context::NodeContext;
use crate::node::def::{Image, Input, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::{Fuse, Measure, Tap};

const REGION: Input =
    Input::socket("region", Kind::Target, "Region to measure; the whole picture if nothing is connected.");
const BRIGHTNESS: Output = Output::number("brightness", "Mean luma, 0 black to 1 white.").late();
const RED: Output = Output::number("red", "Mean red, 0 to 1.").late();
const GREEN: Output = Output::number("green", "Mean green, 0 to 1.").late();
const BLUE: Output = Output::number("blue", "Mean blue, 0 to 1.").late();
const CONTRAST: Output = Output::number(
    "contrast",
    "Contrast: twice the standard deviation of luma. 0 is uniform, 1 half black and half white.",
)
.late();
const CHANGE: Output = Output::number("change", "Difference from the picture one latent frame earlier, 0 to 1.").late();
const X: Output = Output::number("x", "Centre of the motion, 0 left to 1 right; 0.5 without motion.").late();
const Y: Output = Output::number("y", "Centre of the motion, 0 top to 1 bottom; 0.5 without motion.").late();

/// Measures the picture that the model made.
pub const NODE: NodeDef = NodeDef {
    name: "tap.picture",
    title: "Picture tap",
    about: "Measures brightness, colour, contrast and motion in the last picture of each chunk.",
    inputs: &[REGION],
    outputs: &[BRIGHTNESS, RED, GREEN, BLUE, CONTRAST, CHANGE, X, Y],
    run,
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let region = tap_node::region(&ctx.target(&REGION));
    let (node, target) = (ctx.id().clone(), ctx.everything());
    ctx.ask_tap(Tap { node, measure: Measure::Picture, target, fuse: Fuse::Mean, threshold: 0.0, region });
}
