//! The node library and the patch language of bendrack: no model, no user interface, no input or output.
//!
//! A [`patch::Patch`] is what people edit and save. [`compile::plan::Plan::compile`] checks and sorts it once per edit;
//! [`compile::plan::Plan::program`] evaluates it for one model call; the result is a [`program::Program`], plain data that says where and
//! how the model is bent. Every node is one file with one constant, listed in [`LIBRARY`].

#![allow(
    clippy::float_cmp,
    reason = "controls are compared for identity: a knob at its neutral value is there exactly"
)]

pub mod check;
pub mod choice;
pub mod compile;
pub mod diagnostics;
pub mod grammar;
pub mod library;
pub mod node;
pub mod patch;
pub mod program;
pub mod tick;

pub use library::LIBRARY;
