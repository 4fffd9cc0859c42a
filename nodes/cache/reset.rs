//! Forgets the past.

use crate::def::{Input, NodeDef};

const TRIGGER: Input = Input::gate("trigger", false, "Forgets when it goes on.");
/// Forgets the past.
pub const NODE: NodeDef = NodeDef {
    name: "cache.reset",
    title: "Cache reset",
    about: "Empties the model's memory of past frames, so that bends and prompts act at once.",
    inputs: &[TRIGGER],
    outputs: &[],
    run: |run| {
        if run.rises(&TRIGGER) {
            run.ask_reset();
        }
    },
    ..NodeDef::BASE
};
