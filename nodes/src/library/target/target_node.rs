//! Shared code of all target nodes: each narrows a target further.

use crate::node::context::NodeContext;
use crate::node::def::{Input, Output};
use crate::node::value::Kind;
use crate::program::set::Set;
use crate::program::target::{Selection, Target};

/// Target to narrow.
pub const WITHIN: Input =
    Input::socket("within", Kind::Target, "The target to narrow; everything if nothing is connected.");
/// End of an open range, beyond the indices of every model: the range ends at the model's last index.
pub const END: f64 = 99_999.0;
/// First index of a range.
pub const FIRST: Input = Input::number("first", 0.0, "First index, from 0.").hard(0.0, END);
/// Last index of a range.
pub const LAST: Input =
    Input::number("last", END, "Last index, inclusive; 99999 stands for the model's last.").hard(0.0, END).ends(&FIRST);
/// Step of a range.
pub const EVERY: Input = Input::number("every", 1.0, "Step of the range: 1 takes every index, 2 every second one.")
    .soft(1.0, 8.0)
    .hard(1.0, 4096.0);

/// Range between two inputs.
pub fn range(ctx: &NodeContext<'_>, first: &Input, last: &Input) -> Set {
    every(ctx, first, last, 1)
}

/// Every `step`-th index of the range between two inputs.
pub fn every(ctx: &NodeContext<'_>, first: &Input, last: &Input, step: usize) -> Set {
    let (first, last) = (ctx.number(first).round(), ctx.number(last).round());
    Set::every(first as usize, if last < END { last as usize } else { usize::MAX }, step)
}

/// Outputs the intersection of the input target and `part`.
pub fn narrow(ctx: &mut NodeContext<'_>, out: &Output, part: Target) {
    ctx.set(out, ctx.target(&WITHIN).and(&Selection::from(part)));
}
