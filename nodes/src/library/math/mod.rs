//! Arithmetic, mapping and smoothing of numbers.

pub mod delay;
pub mod expression;
#[expect(clippy::module_inception, reason = "the node is called Math")]
pub mod math;
pub mod mix;
pub mod quantise;
pub mod range;
pub mod smooth_switch;
