//! Arranges up to nine pictures in a grid.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::{Fit, MOST_IN_GRID, Source};

const P1: Input = Input::socket("p1", Kind::Picture, "Picture 1; unconnected inputs take no space.");
const P2: Input = Input::socket("p2", Kind::Picture, "Picture 2.");
const P3: Input = Input::socket("p3", Kind::Picture, "Picture 3.");
const P4: Input = Input::socket("p4", Kind::Picture, "Picture 4.");
const P5: Input = Input::socket("p5", Kind::Picture, "Picture 5.");
const P6: Input = Input::socket("p6", Kind::Picture, "Picture 6.");
const P7: Input = Input::socket("p7", Kind::Picture, "Picture 7.");
const P8: Input = Input::socket("p8", Kind::Picture, "Picture 8.");
const P9: Input = Input::socket("p9", Kind::Picture, "Picture 9.");
const COLUMNS: Input = Input::number("columns", 0.0, "Number of columns; 0 makes the grid as square as possible.")
    .soft(0.0, 9.0)
    .hard(0.0, 9.0);
const GAP: Input =
    Input::number("gap", 4.0, "Gap between pictures, in pixels.").soft(0.0, 32.0).hard(0.0, 128.0).unit("px");
const FIT: Input =
    Input::choice_of::<Fit>("fit", "Fit of a picture into its cell: whole (contain), cropped (cover), or stretched.");
const OUT: Output = Output::of("picture", Kind::Picture, "The grid as one picture.").passes(&P1);

const PICTURES: [&Input; MOST_IN_GRID] = [&P1, &P2, &P3, &P4, &P5, &P6, &P7, &P8, &P9];

/// Arranges up to nine pictures in a grid.
pub const NODE: NodeDef = NodeDef {
    name: "output.grid",
    title: "Grid",
    about: "Arranges up to nine pictures in rows and columns.",
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
