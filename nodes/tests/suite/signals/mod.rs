//! What the nodes for logic, time and numbers give, held against formulas of their own.

#![allow(clippy::float_cmp, reason = "identity is meant")]

mod clocks;
mod gates;
mod harness;
mod numbers;
mod properties;
