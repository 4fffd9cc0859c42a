//! A stopwatch.

use crate::library::time::ROUNDED;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const TRIGGER: Input = Input::gate("trigger", false, "Trigger: restarts from 0.");
const RUN: Input = Input::gate("run", true, "Gate: off pauses the timer.");
const LENGTH: Input =
    Input::number("length", 10.0, "Length, in seconds.").soft(0.0, 60.0).hard(0.0, 86_400.0).unit("s");
const SECS: Output = Output::number("seconds", "Seconds since the trigger; 0 before the first.");
const NORMALISED: Output = Output::number("normalised", "Progress, 0 to 1.");
const DONE: Output = Output::gate("done", "Trigger when the length has passed.");

/// 1 after the first trigger; 1 after `done` has fired.
const STARTED: usize = 0;
const ENDED: usize = 1;
const PASSED: usize = 2;

/// Measures the time since a trigger and fires after a set length.
pub const NODE: NodeDef = NodeDef {
    name: "time.timer",
    title: "Timer",
    about: "Measures the time since a trigger and fires after a set length.",
    inputs: &[TRIGGER, RUN, LENGTH],
    outputs: &[SECS, NORMALISED, DONE],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (starts, runs, dt, length) = (ctx.rises(&TRIGGER), ctx.gate(&RUN), ctx.dt_secs(), ctx.number(&LENGTH));
    let memory = ctx.memory();
    if starts {
        memory.copy_from_slice(&[1.0, 0.0, 0.0]);
    } else if runs {
        memory[PASSED] += dt * memory[STARTED];
    }
    let (started, passed) = (memory[STARTED] != 0.0, memory[PASSED]);
    let ends = started && memory[ENDED] == 0.0 && passed >= length - ROUNDED;
    if ends {
        memory[ENDED] = 1.0;
    }
    ctx.set(&SECS, passed);
    let normalised = if passed >= length { 1.0 } else { passed / length };
    ctx.set(&NORMALISED, if started { normalised } else { 0.0 });
    ctx.fire(&DONE, i64::from(ends));
}
