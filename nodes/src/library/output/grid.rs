//! Up to nine pictures to one.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::{Fit, MOST_IN_GRID, Source};

const P1: Input = Input::socket("p1", Kind::Picture, "The first picture; those without a cable take no room.");
const P2: Input = Input::socket("p2", Kind::Picture, "The second picture.");
const P3: Input = Input::socket("p3", Kind::Picture, "The third picture.");
const P4: Input = Input::socket("p4", Kind::Picture, "The fourth picture.");
const P5: Input = Input::socket("p5", Kind::Picture, "The fifth picture.");
const P6: Input = Input::socket("p6", Kind::Picture, "The sixth picture.");
const P7: Input = Input::socket("p7", Kind::Picture, "The seventh picture.");
const P8: Input = Input::socket("p8", Kind::Picture, "The eighth picture.");
const P9: Input = Input::socket("p9", Kind::Picture, "The ninth picture.");
const COLUMNS: Input =
    Input::number("columns", 0.0, "How many stand side by side; 0 makes the grid as square as it can be.")
        .soft(0.0, 9.0)
        .hard(0.0, 9.0);
const GAP: Input =
    Input::number("gap", 4.0, "Dark pixels between two pictures.").soft(0.0, 32.0).hard(0.0, 128.0).unit("px");
const FIT: Input = Input::choice_of::<Fit>(
    "fit",
    "How a picture of other proportions fills its place: whole, cut, or out of proportion.",
);
const OUT: Output = Output::of("picture", Kind::Picture, "All pictures in one.").passes(&P1);

const PICTURES: [&Input; MOST_IN_GRID] = [&P1, &P2, &P3, &P4, &P5, &P6, &P7, &P8, &P9];

/// Up to nine pictures to one.
pub const NODE: NodeDef = NodeDef {
    name: "output.grid",
    title: "Grid",
    about: "Puts up to nine pictures into rows and columns.",
    inputs: &[P1, P2, P3, P4, P5, P6, P7, P8, P9, COLUMNS, GAP, FIT],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let mut pictures = [const { None }; MOST_IN_GRID];
    let there = PICTURES.iter().filter_map(|input| ctx.source(input));
    pictures.iter_mut().zip(there).for_each(|(place, picture)| *place = Some(picture));
    if pictures[0].is_some() {
        let (columns, gap) = (ctx.whole(&COLUMNS) as usize, ctx.whole(&GAP) as usize);
        ctx.show(&OUT, Source::Grid { pictures, columns, gap, fit: ctx.chosen(&FIT) });
    }
}
