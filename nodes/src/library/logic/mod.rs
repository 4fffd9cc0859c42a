//! Logic of gates, and selection by triggers.

pub mod compare;
pub mod counter;
pub mod gate;
pub mod latch;
#[expect(clippy::module_inception, reason = "the node is called Logic")]
pub mod logic;
pub mod pulse;
pub mod select;
pub mod switch;
pub mod toggle;
