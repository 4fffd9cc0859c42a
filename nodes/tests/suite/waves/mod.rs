//! Nodes that move by themselves, against formulas of their own.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

mod curve;
mod envelope;
mod hour;
mod lfo;
mod noise;
mod walk;
