//! The video model.

#[expect(clippy::module_inception, reason = "the node is called model")]
pub mod model;
