//! What the nodes for logic, time and numbers give, held against formulas of their own.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

mod clocks;
mod gates;
mod harness;
mod numbers;
mod properties;
