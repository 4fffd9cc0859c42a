//! A MIDI clock.

use crate::input::ControlName;
use crate::library::midi::DEVICE;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const SYNC: Input = Input::gate("sync", true, "Gate: tempo and beat of the patch follow the clock while it is on.");
const TEMPO: Output = Output::number("tempo", "Tempo of the clock, in beats per minute.");
const BEAT: Output = Output::number("beat", "Beats since the start of the song.");
const RUNNING: Output = Output::gate("running", "On from start or continue to stop.");
const RESTART: Output = Output::gate("restart", "Trigger when the song starts again.");

/// The beat at the end of the previous frame, and 1 once it is known.
const END: usize = 0;
const IS_KNOWN: usize = 1;
/// Largest error of the beat that is corrected little by little; a larger one is a jump.
const JUMP: f64 = 0.25;
/// Part of an error that a frame corrects.
const CORRECTION: f64 = 0.25;

/// A MIDI clock.
pub const NODE: NodeDef = NodeDef {
    name: "midi.clock",
    title: "MIDI clock",
    about: "Follows the clock of a MIDI device, or the tempo and beat that another program sends by OSC.",
    inputs: &[SYNC, DEVICE],
    outputs: &[TEMPO, BEAT, RUNNING, RESTART],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let control = ctx.control_of(&DEVICE, ControlName::Clock);
    let [(tempo, _), (beat, messages), (running, _)] = [0, 1, 2].map(|index| ctx.latest(&control, index));
    let (Some(tempo), Some(arrived)) = (tempo, beat) else {
        // The patch has its own tempo until a clock is there.
        ctx.set(&TEMPO, ctx.tempo());
        ctx.set(&BEAT, ctx.beat());
        ctx.switch(&RUNNING, false);
        ctx.fire(&RESTART, 0);
        return;
    };
    let is_running = running.is_none_or(|running| running >= 0.5);
    let step = if is_running { ctx.dt_secs() * tempo / 60.0 } else { 0.0 };
    let known = (ctx.memory()[IS_KNOWN] > 0.0).then(|| ctx.memory()[END]);
    let expected = known.map(|end| end + step);
    let end = match expected {
        Some(expected) if messages == 0 => expected,
        Some(expected) if (arrived - expected).abs() < JUMP => expected + CORRECTION * (arrived - expected),
        _ => arrived,
    };
    let is_restart = expected.is_some_and(|expected| end < expected - JUMP);
    ctx.memory().copy_from_slice(&[end, 1.0]);
    ctx.set(&TEMPO, tempo);
    ctx.set(&BEAT, end - step);
    ctx.switch(&RUNNING, is_running);
    ctx.fire(&RESTART, i64::from(is_restart));
    if ctx.gate(&SYNC) {
        ctx.request_tempo(tempo);
        ctx.request_beat(end);
    }
}
