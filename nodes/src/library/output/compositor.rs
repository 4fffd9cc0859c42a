//! Combines two pictures.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::{Layout, Source};

const A: Input = Input::socket("a", Kind::Picture, "The first picture.");
const B: Input = Input::socket("b", Kind::Picture, "The second picture.");
const LAYOUT: Input = Input::choice_of::<Layout>("layout", "Layout or blend mode.");
const MIX: Input = Input::number("mix", 0.5, "Share of `b` in the blend modes, 0 to 1.").hard(0.0, 1.0);
const OUT: Output = Output::of("picture", Kind::Picture, "The combined picture.").passes(&A);

/// Combines two pictures.
pub const NODE: NodeDef = NodeDef {
    name: "output.compositor",
    title: "Compositor",
    about: "Combines two pictures: side by side, stacked, blended, or their difference.",
    inputs: &[A, B, LAYOUT, MIX],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    match (ctx.source(&A), ctx.source(&B)) {
        (Some(a), Some(b)) => {
            let layout = ctx.chosen(&LAYOUT);
            ctx.show(&OUT, Source::Composite { a, b, layout, mix: ctx.number(&MIX) });
        }
        (Some(one), None) | (None, Some(one)) => ctx.set(&OUT, one),
        (None, None) => {}
    }
}
