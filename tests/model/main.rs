//! The model: its parts, its weights, what bends do to it, and the patches that come with bendrack, rendered.
//!
//! One program for all of it, as each test program takes seconds to link: `cargo test --test model rollout::` runs one part.

mod bend;
mod checkpoint;
mod custom_node;
mod figures;
mod forms;
mod help;
mod hooks;
mod kernels;
mod mini;
mod parity;
mod patches;
mod recordings;
mod rollout;
mod tiny;
mod weights;
