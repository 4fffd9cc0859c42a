//! A recorder of a number.

use crate::choice::choices;
use crate::library::time::division;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "The number to record.");
const RECORD: Input = Input::gate("record", false, "Gate: records while it is on.");
const PLAY: Input = Input::gate("play", true, "Gate: plays the loop; off holds it.");
const CLEAR: Input = Input::gate("clear", false, "Trigger: erases the loop.");

choices! {
    /// Recording mode over an existing loop.
    enum Overdub {
        Replace = "replace",
        Add = "add",
    }
}

const OVERDUB: Input = Input::choice_of::<Overdub>("overdub", "Recording mode: replace the loop, or overdub it.");
const SPEED: Input = Input::number("speed", 1.0, "Playback speed: 1 is normal, below 0 plays backwards.")
    .soft(-4.0, 4.0)
    .hard(-4.0, 4.0)
    .unit("×");
const LOOP_LENGTH: Input =
    Input::number("loop_length", 0.0, "Fixed loop length in latent frames; 0 records as long as `record` is on.")
        .soft(0.0, 64.0)
        .hard(0.0, MOST as f64)
        .unit("frames");
const QUANTISE: Input = Input::choice(
    "quantise",
    &division::or("off"),
    "Rounds the loop length to a multiple of this; the loop is cut or its last value held.",
);
const OUT: Output = Output::number("out", "The loop; the input while recording or without a loop.").passes(&IN);
const POSITION: Output = Output::number("position", "Position in the loop, 0 to 1.");

/// Longest loop, in latent frames.
const MOST: usize = 1024;

/// Number of frames in the loop.
const COUNT: usize = 0;
/// Index of the frame that plays.
const PLACE: usize = 1;
/// 1 while a new loop is being recorded.
const RECORDING: usize = 2;
/// 1 after the recording filled up, until the gate goes off.
const FULL: usize = 3;
/// The first frame.
const FRAMES: usize = 4;

/// Records a number for up to 1024 latent frames and plays it as a loop.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.recorder",
    title: "Recorder",
    about: "Records a number for up to 1024 latent frames and plays it as a loop.",
    inputs: &[IN, RECORD, PLAY, CLEAR, OVERDUB, SPEED, LOOP_LENGTH, QUANTISE],
    outputs: &[OUT, POSITION],
    memory: FRAMES + MOST,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    if ctx.rises(&CLEAR) {
        ctx.memory()[..FRAMES].fill(0.0);
    }
    let most = match ctx.whole(&LOOP_LENGTH) {
        0 => MOST,
        length => length as usize,
    };
    // A gate shorter than a latent frame records one.
    let on = ctx.gate(&RECORD) || ctx.rises(&RECORD);
    if !on {
        ctx.memory()[FULL] = 0.0;
    }
    let adds = ctx.chosen::<Overdub>(&OVERDUB) == Overdub::Add && ctx.memory()[COUNT] > 0.0;
    let begins = ctx.rises(&RECORD) || ctx.memory()[COUNT] == 0.0 && ctx.memory()[FULL] == 0.0;
    if on && begins && !adds && ctx.memory()[RECORDING] == 0.0 {
        ctx.memory()[..FRAMES].copy_from_slice(&[0.0, 0.0, 1.0, 0.0]);
    }
    if !on && ctx.memory()[RECORDING] != 0.0 {
        finish(ctx, most);
    }
    if ctx.memory()[RECORDING] == 0.0 {
        play(ctx, most, on && adds);
    } else {
        record(ctx, most);
    }
}

/// Records one more frame.
fn record(ctx: &mut NodeContext<'_>, most: usize) {
    let (now, count) = (ctx.number(&IN), ctx.memory()[COUNT] as usize);
    ctx.memory()[FRAMES + count.min(MOST - 1)] = now;
    ctx.memory()[COUNT] = (count + 1) as f64;
    ctx.set(&OUT, now);
    ctx.set(&POSITION, 0.0);
    if count + 1 >= most {
        finish(ctx, most);
        ctx.memory()[FULL] = 1.0;
    }
}

/// Turns the recording into a loop.
fn finish(ctx: &mut NodeContext<'_>, most: usize) {
    let recorded = ctx.memory()[COUNT];
    if let Some(division) = division::chosen(ctx, &QUANTISE).map(|beats| beats / ctx.dt_beats()) {
        let whole = (recorded / division).round().max(1.0) * division;
        let (last, count) = (recorded as usize - 1, whole.min(most as f64));
        let frames = &mut ctx.memory()[FRAMES..];
        let held = frames[last];
        frames[last..count.ceil().max(recorded) as usize].fill(held);
        ctx.memory()[COUNT] = count;
    }
    ctx.memory()[RECORDING] = 0.0;
    ctx.memory()[PLACE] = 0.0;
}

/// Outputs the frame at the position of the loop, interpolated between two frames, and advances.
fn play(ctx: &mut NodeContext<'_>, most: usize, adds: bool) {
    let now = ctx.number(&IN);
    // A loop of whole divisions need not have a whole number of frames.
    let length = ctx.memory()[COUNT].min(most as f64);
    if length == 0.0 {
        ctx.set(&OUT, now);
        ctx.set(&POSITION, 0.0);
        return;
    }
    let (place, count) = (ctx.memory()[PLACE].rem_euclid(length).min(length), length.ceil() as usize);
    let frames = &mut ctx.memory()[FRAMES..FRAMES + count];
    if adds {
        frames[place.round() as usize % count] += now;
    }
    let (frame, way) = (place as usize % count, place.fract());
    let level = frames[frame] + (frames[(frame + 1) % count] - frames[frame]) * way;
    ctx.set(&OUT, level);
    ctx.set(&POSITION, place / length);
    if ctx.gate(&PLAY) {
        ctx.memory()[PLACE] = (place + ctx.number(&SPEED)).rem_euclid(length);
    }
}
