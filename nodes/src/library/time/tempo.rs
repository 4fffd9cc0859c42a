//! The tempo.

use crate::library::time::division;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const BPM: Input = Input::number("bpm", 120.0, "Beats per minute.").soft(20.0, 300.0).hard(20.0, 300.0).unique();
const TAP: Input = Input::gate(
    "tap",
    false,
    "Tap tempo: the mean of the last four intervals. Two taps set it, a pause of 3 s starts again, moving `bpm` overrides it. A tap has the time of its latent frame. For a finer tempo, press T in the window, without this node.",
);
const BEATS: Input = Input::number("beats", 4.0, "Beats per bar.").soft(1.0, 16.0).hard(1.0, 64.0);
const OUT: Output = Output::number("bpm", "Tempo in beats per minute, in effect from the next latent frame.");
const BEAT: Output = Output::number("beat", "Beats since the start of the video.");
const BAR: Output = Output::number("bar", "Phase within the bar, 0 to 1.");

/// Number of averaged intervals.
const MOST: usize = 4;
/// Longest interval between two taps, in seconds: a beat at 20 BPM.
const PAUSE_SECS: f64 = 3.0;
/// Seconds since the last tap.
const SINCE: usize = 0;
/// Number of taps since the last pause, at most 5.
const TAPS: usize = 1;
/// Tapped tempo in BPM, 0 if none; value of the knob at that time.
const TAPPED: usize = 2;
const KNOB: usize = 3;
/// The last intervals, latest first.
const INTERVALS: usize = 4;

/// Sets the tempo.
pub const NODE: NodeDef = NodeDef {
    name: "time.tempo",
    title: "Tempo",
    about: "Sets the tempo of the patch, by number or tap.",
    inputs: &[BPM, TAP, BEATS],
    outputs: &[OUT, BEAT, BAR],
    memory: INTERVALS + MOST,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let knob = ctx.number(&BPM);
    if let Some(interval) = tapped(ctx) {
        ctx.memory()[TAPPED] = (60.0 / interval).clamp(BPM.hard.0, BPM.hard.1);
        ctx.memory()[KNOB] = knob;
    }
    if ctx.memory()[KNOB] != knob {
        ctx.memory()[TAPPED] = 0.0;
    }
    let tapped = ctx.memory()[TAPPED];
    let tempo = if tapped > 0.0 { tapped } else { knob };
    ctx.request_tempo(tempo);
    ctx.set(&OUT, tempo);
    ctx.set(&BEAT, ctx.beat());
    let bars = division::cycles(ctx.beat(), ctx.whole(&BEATS) as f64);
    ctx.set(&BAR, bars - bars.floor());
}

/// Mean interval in seconds, at a tap after the first.
fn tapped(ctx: &mut NodeContext<'_>) -> Option<f64> {
    let (hits, dt) = (usize::from(ctx.hits(&TAP)), ctx.dt_secs());
    let memory = ctx.memory();
    memory[SINCE] += dt;
    if hits == 0 {
        return None;
    }
    let since = std::mem::take(&mut memory[SINCE]);
    if memory[TAPS] == 0.0 || since > PAUSE_SECS {
        memory[TAPS] = 1.0;
        return None;
    }
    // Several taps in a frame are spaced evenly since the last one.
    for _ in 0..hits.min(MOST) {
        memory[INTERVALS..].rotate_right(1);
        memory[INTERVALS] = since / hits as f64;
    }
    let count = (memory[TAPS] as usize - 1 + hits).min(MOST);
    memory[TAPS] = count as f64 + 1.0;
    Some(memory[INTERVALS..][..count].iter().sum::<f64>() / count as f64)
}
