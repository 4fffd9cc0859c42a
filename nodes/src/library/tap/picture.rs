//! Measurements of the picture.

use crate::choice::Choice;
use crate::library::tap::tap_node;
use crate::node::context::NodeContext;
use crate::node::def::{Image, Input, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::measurement::PictureNumber;
use crate::program::{Fuse, Measure, Tap};

const REGION: Input =
    Input::socket("region", Kind::Target, "Region to measure; the whole picture if nothing is connected.");
const BRIGHTNESS: Output = number(PictureNumber::Brightness, "Mean luma, 0 black to 1 white.");
const RED: Output = number(PictureNumber::Red, "Mean red, 0 to 1.");
const GREEN: Output = number(PictureNumber::Green, "Mean green, 0 to 1.");
const BLUE: Output = number(PictureNumber::Blue, "Mean blue, 0 to 1.");
const CONTRAST: Output = number(
    PictureNumber::Contrast,
    "Contrast: twice the standard deviation of luma. 0 is uniform, 1 half black and half white.",
);
const CHANGE: Output = number(PictureNumber::Change, "Difference from the picture one latent frame earlier, 0 to 1.");
const X: Output = number(PictureNumber::X, "Centre of the motion, 0 left to 1 right; 0.5 without motion.");
const Y: Output = number(PictureNumber::Y, "Centre of the motion, 0 top to 1 bottom; 0.5 without motion.");

/// Output of a number.
const fn number(number: PictureNumber, about: &'static str) -> Output {
    Output::number(PictureNumber::CHOICES[number as usize], about).late()
}

/// Measures the decoded picture.
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
    ctx.request_tap(Tap { node, measure: Measure::Picture, target, fuse: Fuse::Mean, threshold: 0.0, region });
}
