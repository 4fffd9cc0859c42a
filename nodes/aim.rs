//! What all target nodes share: they narrow a target further.

use crate::def::{Input, Output};
use crate::target::{Set, Target};
use crate::tick::Run;
use crate::value::Kind;

/// The target that is narrowed.
pub const WITHIN: Input = Input::socket("within", Kind::Target, "A target that is narrowed further.");
/// Where a range begins.
pub const FIRST: Input = Input::number("first", 0.0, "The first one, from 0.").hard(0.0, 1e6);
/// Where a range ends.
pub const LAST: Input = Input::number("last", 29.0, "The last one.").hard(0.0, 1e6);

/// The range between two knobs.
pub fn range(run: &Run<'_>, first: &Input, last: &Input) -> Set {
    Set::range(run.number(first).round() as usize, run.number(last).round() as usize)
}

/// Gives what is meant both by the target that comes in and by `part`.
pub fn narrow(run: &mut Run<'_>, out: &Output, part: &Target) {
    run.set(out, run.target(&WITHIN).and(part));
}
