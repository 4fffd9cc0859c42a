//! Rules that every node obeys, and results of a few nodes.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

mod bends;
mod declarations;
mod heatmap;
mod numbers;
mod steps;
mod targets;
