//! Forgets the past.

use crate::def::{Input, NodeDef};

const TRIGGER: Input = Input::gate("trigger", false, "Forgets when it goes on.");
const WAS_ON: usize = 0;

/// Forgets the past.
pub const NODE: NodeDef = NodeDef {
    name: "cache.reset",
    title: "Cache reset",
    about: "Empties the model's memory of past frames, so that bends and prompts act at once.",
    inputs: &[TRIGGER],
    outputs: &[],
    memory: 1,
    run: |run| {
        let (on, was_on) = (run.gate(&TRIGGER), run.memory()[WAS_ON] != 0.0);
        run.memory()[WAS_ON] = f64::from(u8::from(on));
        if on && !was_on {
            run.ask_reset();
        }
    },
};
