//! The languages of text fields: expressions, curves through keys, lists and schedules of prompts, layers by step.

pub mod expression;
pub mod keyframes;
pub mod layers;
pub mod prompts;
