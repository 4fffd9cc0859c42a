//! The node library and the patch language of bendrack: no model, no user interface, no input or output.
//!
//! A [`patch::Patch`] is edited and saved. [`compile::plan::Plan::compile`] checks and sorts it once per edit.
//! [`compile::plan::Plan::program`] evaluates it for one model call. The result is a [`program::Program`]: the bends of
//! the call, as plain data. Every node is one file with one constant, listed in [`LIBRARY`].

#![allow(
    clippy::float_cmp,
    reason = "controls are compared for identity: a knob at its neutral value is there exactly"
)]

pub mod address;
pub mod check;
pub mod choice;
pub mod compile;
pub mod diagnostics;
pub mod fade;
pub mod grammar;
pub mod input;
pub mod library;
pub mod mapping;
pub mod node;
pub mod patch;
pub mod program;
pub mod tick;

pub use library::LIBRARY;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
