//! Patches of prompts, and the texts of their programs.

use std::collections::BTreeMap;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::{Problem, Severity};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::Memory;
use serde_json::{Value as Json, json};

use crate::patching::*;

pub const PROMPTS: [&str; 4] = ["a red circle", "a blue: square", "a cat, a dog", "x"];

/// How much of each text is in a prompt; a text that is in it twice is there once.
pub fn parts(program: &Program) -> BTreeMap<String, f64> {
    let amount = program.blend.as_ref().map_or(0.0, |blend| blend.amount);
    let mut parts = BTreeMap::from([(program.prompt.to_string(), 1.0 - amount)]);
    if let Some(blend) = &program.blend {
        *parts.entry(blend.prompt.to_string()).or_default() += blend.amount;
    }
    parts
}

/// How much of a text is in a prompt.
pub fn part(program: &Program, text: &str) -> f64 {
    parts(program).get(text).copied().unwrap_or(0.0)
}

/// The programs of the first latent frames, one call for each.
pub fn by_frame(patch: &Patch, frames: u64) -> Vec<Program> {
    let (plan, mut memory) = (compile(patch), Memory::default());
    (0..frames).map(|frame| run(&plan, &mut memory, frame, 1)).collect()
}

/// A patch in which one node gives the model its prompt.
pub fn prompting(kind: &str, params: &Json) -> Patch {
    patch(&[("it", kind, params.clone()), ("wan", "model.wan", json!({}))], &[("it.text", "wan.prompt")])
}

#[track_caller]
pub fn refused(patch: &Patch) -> Problem {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    assert!(plan.is_none());
    problems.into_iter().find(|problem| problem.severity == Severity::Error).expect("an error")
}
