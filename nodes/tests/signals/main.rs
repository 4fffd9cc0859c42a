//! What the nodes for logic, time and numbers give, held against formulas of their own.

#![allow(clippy::float_cmp, reason = "identity is meant")]

mod clocks;
mod gates;
mod numbers;
#[path = "../patching/mod.rs"]
mod patching;
mod properties;
mod rig;
