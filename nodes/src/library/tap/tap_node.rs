//! Shared code of all tap nodes: their target and their numbers.

use crate::choice::Choice;
use crate::node::context::NodeContext;
use crate::node::def::{Input, Output};
use crate::node::value::Kind;
use crate::program::measurement::MapNumber;
use crate::program::pick::Pick;
use crate::program::region::Region;
use crate::program::source::Source;
use crate::program::target::Selection;
use crate::program::{Fuse, Measure, Tap};

/// Target of the measurement within its site.
pub const TARGET: Input =
    Input::socket("target", Kind::Target, "Part of the site to measure; all of it if nothing is connected.");
/// Reduction of several measurements to one.
pub const FUSE: Input = Input::choice_of::<Fuse>("fuse", "Reduction over layers, heads and steps.");
/// Threshold for the area.
pub const THRESHOLD: Input =
    Input::number("threshold", 0.5, "Threshold for `area`: 0 is the smallest value of the map, 1 the largest.")
        .hard(0.0, 1.0);
/// Region for the mass.
pub const REGION: Input = Input::socket(
    "region",
    Kind::Target,
    "Region over which `mass` is measured; the whole picture if nothing is connected.",
);
/// Mean of the measurement.
pub const MEAN: Output = number(MapNumber::Mean, "Mean of the measurement.");
/// Largest value.
pub const MAX: Output = number(MapNumber::Max, "Largest value.");
/// Horizontal centroid.
pub const X: Output = number(MapNumber::X, "Centroid, 0 left to 1 right; 0.5 for an empty map.");
/// Vertical centroid.
pub const Y: Output = number(MapNumber::Y, "Centroid, 0 top to 1 bottom; 0.5 for an empty map.");
/// Entropy: evenness of the distribution.
pub const ENTROPY: Output = number(MapNumber::Entropy, "Normalised entropy: 0 is one position, 1 is spread evenly.");
/// Share of positions that reach the threshold.
pub const AREA: Output = number(MapNumber::Area, "Share of positions that reach `threshold`, 0 to 1.");
/// Share of the total in the region.
pub const MASS: Output = number(MapNumber::Mass, "Share of the total inside `region`, 0 to 1.");
/// Share of the total that moved since the last latent frame.
pub const CHANGE: Output =
    number(MapNumber::Change, "Share of the total that moved since the last latent frame: 0 none, 1 all.");

/// Output of a number.
const fn number(number: MapNumber, about: &'static str) -> Output {
    Output::number(MapNumber::CHOICES[number as usize], about).late()
}

/// Inputs of the taps of a map.
pub const INPUTS: [Input; 4] = [TARGET, FUSE, THRESHOLD, REGION];

/// Outputs of the taps of a map: the map and its numbers.
pub const fn outputs(map: Output) -> [Output; 9] {
    [map, MEAN, MAX, X, Y, ENTROPY, AREA, MASS, CHANGE]
}

/// Requests a measurement and outputs it as a map.
pub fn run(ctx: &mut NodeContext<'_>, measure: Measure, out: &Output) {
    let within = ctx.target(&REGION);
    run_within(ctx, measure, out, &within);
}

/// [`run`] for a measurement without positions, whose node has no region.
pub fn run_everywhere(ctx: &mut NodeContext<'_>, measure: Measure, out: &Output) {
    let everything = ctx.everything();
    run_within(ctx, measure, out, &everything);
}

fn run_within(ctx: &mut NodeContext<'_>, measure: Measure, out: &Output, within: &Selection) {
    let tap = Tap {
        node: ctx.id().clone(),
        measure,
        target: ctx.target(&TARGET),
        fuse: ctx.chosen(&FUSE),
        threshold: ctx.number(&THRESHOLD),
        region: region(within),
    };
    ctx.request_tap(tap);
    ctx.show(out, Source::Tap(ctx.id().clone()));
}

/// Union of the regions of a selection's parts.
pub fn region(selection: &Selection) -> Region {
    selection.parts().iter().fold(Pick::All, |rest, part| rest.and(&part.region.not())).not()
}
