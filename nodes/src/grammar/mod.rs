//! The languages of text fields: expressions, curves through keys, lists and schedules of prompts.

pub mod expression;
pub mod keyframes;
pub mod prompts;
