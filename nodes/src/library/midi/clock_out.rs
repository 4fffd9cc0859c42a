//! MIDI clock for other instruments.

use crate::library::midi::OUTPUT;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::program::Midi;

const RUN: Input = Input::gate("run", true, "Runs the clock: it stops while off, and continues from there.");
const RESET: Input = Input::gate("reset", false, "Starts the clock again from the first beat.");

/// The memory cells of the beat from the start, and of 1 after the first frame.
const BEAT: usize = 0;
const BEGAN: usize = 1;

/// MIDI clock for other instruments.
pub const NODE: NodeDef = NodeDef {
    name: "midi.clock_out",
    title: "MIDI clock out",
    about: "Sends the tempo of the patch as MIDI clock: 24 ticks a beat, with start, stop and continue.",
    inputs: &[RUN, RESET, OUTPUT],
    outputs: &[],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (runs, resets, dt) = (ctx.gate(&RUN), ctx.rises(&RESET), ctx.dt_beats());
    let memory = ctx.memory();
    let starts = resets || memory[BEGAN] == 0.0;
    let beat = if starts { 0.0 } else { memory[BEAT] };
    memory.copy_from_slice(&[if runs { beat + dt } else { beat }, 1.0]);
    let beats = if runs { dt } else { 0.0 };
    ctx.request_midi(&ctx.text(&OUTPUT), Midi::Clock { runs, starts, beat, beats });
}
