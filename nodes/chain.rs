//! What all bend nodes share: they take a chain of bends and add their own to its end.

use std::sync::Arc;

use crate::def::{Input, Output};
use crate::op::Op;
use crate::program::Bend;
use crate::tick::Run;
use crate::value::Kind;

/// The bends that act before.
pub const BENDS: Input = Input::socket("bends", Kind::Bend, "Bends that act before this one.");
/// Which part of the site is meant.
pub const TARGET: Input = Input::socket("target", Kind::Target, "What is bent; everything without a cable.");
/// Dry to wet.
pub const AMOUNT: Input =
    Input::number("amount", 1.0, "How much of the bend: 0 leaves the model alone.").hard(0.0, 1.0);
/// The chain with this bend at its end.
pub const OUT: Output = Output::of("bends", Kind::Bend, "The bends before and this one.");

/// Runs a bend node: `params` are the inputs of the operation's parameters, in its order.
pub fn run(run: &mut Run<'_>, op: &'static Op, params: &[&Input]) {
    let before = run.bends(&BENDS);
    if run.bypass() {
        run.set(&OUT, before);
        return;
    }
    let bend = Bend {
        node: run.id().clone(),
        op,
        params: params.iter().map(|input| vec![run.number(input)]).collect(),
        amount: vec![run.number(&AMOUNT)],
        target: run.target(&TARGET),
    };
    run.set(&OUT, before.iter().cloned().chain([Arc::new(bend)]).collect::<Arc<[Arc<Bend>]>>());
}
