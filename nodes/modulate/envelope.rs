//! An envelope: attack, decay, sustain, release.

use crate::def::{Input, NodeDef, Output};
use crate::run::Run;

const GATE: Input = Input::gate("gate", false, "Begins the envelope when it goes on, releases it when it goes off.");
const ATTACK: Input = Input::number("attack", 0.1, "Seconds to the top.").soft(0.0, 5.0).hard(0.0, 60.0).unit("s");
const DECAY: Input =
    Input::number("decay", 0.2, "Seconds from the top to the sustain level.").soft(0.0, 5.0).hard(0.0, 60.0).unit("s");
const SUSTAIN: Input = Input::number("sustain", 0.7, "The level while the gate is on.").hard(0.0, 1.0);
const RELEASE: Input =
    Input::number("release", 0.5, "Seconds from the top to nothing.").soft(0.0, 10.0).hard(0.0, 60.0).unit("s");
const OUT: Output = Output::number("out", "The envelope, 0 to 1.");

const LEVEL: usize = 0;
/// Whether the top was reached since the gate went on.
const DECAYING: usize = 1;

/// Rises when a gate goes on, falls when it goes off.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.envelope",
    title: "Envelope",
    about: "Rises when a gate goes on, holds, and falls when it goes off.",
    inputs: &[GATE, ATTACK, DECAY, SUSTAIN, RELEASE],
    outputs: &[OUT],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(run: &mut Run<'_>) {
    let (level, decaying) = (run.memory()[LEVEL], run.memory()[DECAYING] != 0.0);
    // What the level moves in one frame, at a speed that takes `secs` from 0 to 1.
    let step = |secs: f64| if secs > 0.0 { run.dt_secs() / secs } else { 1.0 };
    let (level, decaying) = match (run.gate(&GATE), decaying) {
        (false, _) => ((level - step(run.number(&RELEASE))).max(0.0), false),
        (true, false) => {
            let level = (level + step(run.number(&ATTACK))).min(1.0);
            (level, level >= 1.0)
        }
        (true, true) => {
            let sustain = run.number(&SUSTAIN);
            let step = step(run.number(&DECAY));
            (if level > sustain { (level - step).max(sustain) } else { (level + step).min(sustain) }, true)
        }
    };
    run.memory()[LEVEL] = level;
    run.memory()[DECAYING] = f64::from(u8::from(decaying));
    run.set(&OUT, level);
}
