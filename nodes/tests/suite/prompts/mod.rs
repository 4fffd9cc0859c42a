//! Prompts, policies of past frames and the distance of programs, against formulas of their own.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

mod cache;
mod change;
mod crossfade;
mod distance;
mod list;
mod patches;
mod schedule;
