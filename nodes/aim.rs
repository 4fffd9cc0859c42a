//! What all target nodes share: they narrow a target further.

use crate::def::{Input, Output};
use crate::target::{Set, Target};
use crate::tick::Run;
use crate::value::Kind;

/// The target that is narrowed.
pub const WITHIN: Input = Input::socket("within", Kind::Target, "A target that is narrowed further.");
/// More than any model has of anything: a range that ends here ends with the model's last.
pub const END: f64 = 99_999.0;
/// Where a range begins.
pub const FIRST: Input = Input::number("first", 0.0, "The first one, from 0.").hard(0.0, END);
/// Where a range ends.
pub const LAST: Input =
    Input::number("last", END, "The last one; 99999 is the model's last.").hard(0.0, END).ends(&FIRST);

/// The range between two knobs.
pub fn range(run: &Run<'_>, first: &Input, last: &Input) -> Set {
    let (first, last) = (run.number(first).round(), run.number(last).round());
    Set::range(first as usize, if last < END { last as usize } else { usize::MAX })
}

/// Gives what is meant both by the target that comes in and by `part`.
pub fn narrow(run: &mut Run<'_>, out: &Output, part: &Target) {
    run.set(out, run.target(&WITHIN).and(part));
}
