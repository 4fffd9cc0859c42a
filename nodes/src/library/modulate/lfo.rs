//! A low-frequency oscillator.

use std::f64::consts::TAU;

use crate::choice::choices;
use crate::library::modulate::polarity::Polarity;
use crate::library::modulate::random::{SEED, random};
use crate::library::time::division;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

/// The frequency.
pub const RATE: Input = Input::number(
    "rate",
    0.25,
    "Frequency in Hz, without sync. Above 2 Hz the wave aliases: there are 4 latent frames per second.",
)
.soft(0.01, 2.0)
.hard(0.0, 30.0)
.unit("Hz")
.log();
const SYNC: Input =
    Input::choice("sync", &division::or("free"), "Length of a cycle as a division of the tempo; free uses `rate`.");

choices! {
    /// Waveform.
    enum Shape {
        Sine = "sine",
        Triangle = "triangle",
        SawUp = "saw_up",
        SawDown = "saw_down",
        Square = "square",
        SampleHold = "sample_hold",
        SmoothRandom = "smooth_random",
        Pulse = "pulse",
    }
}

const SHAPE: Input = Input::choice_of::<Shape>(
    "shape",
    "Waveform. A square is on at the end of each cycle. A pulse is on at its start, for at least one latent frame.",
);
const PHASE: Input = Input::number("phase", 0.0, "Phase offset, in cycles.").hard(-64.0, 64.0).unit("cycles");
const WIDTH: Input = Input::number(
    "width",
    0.5,
    "Peak position of a sine or triangle; duty cycle of a square or pulse. Other shapes ignore it.",
)
.soft(0.01, 0.99)
.hard(0.01, 0.99);
const SWING: Input =
    Input::number("swing", 0.0, "Delay of every second cycle: 0 is straight, 0.67 triplet swing, 1 dotted.")
        .hard(0.0, 1.0);

const POLARITY: Input = Input::choice_of::<Polarity>("polarity", "Range: unipolar is 0 to 1, bipolar −1 to 1.");
const DEPTH: Input = Input::number("depth", 1.0, "Amplitude; negative values invert the wave.").hard(-1e6, 1e6);
const OFFSET: Input = Input::number("offset", 0.0, "Offset added to the wave.").soft(-1.0, 1.0).hard(-1e6, 1e6);
const INVERT: Input = Input::gate("invert", false, "Inverts the wave.");
const SPREAD: Input = Input::number("spread", 0.25, "Phase difference between neighbouring outputs, in cycles.")
    .hard(0.0, 1.0)
    .unit("cycles");
const RESET: Input = Input::gate("reset", false, "Trigger: restarts the wave.");
const RUN: Input = Input::gate("run", true, "Gate: runs the wave; off holds it. With sync it resumes on the beat.");
const ONCE: Input =
    Input::gate("once", false, "Plays one cycle from the start and after each reset, then holds the end.");
/// The wave.
pub const OUT: Output = Output::number("out", "The wave.");
const OUT_2: Output = Output::number("out2", "The wave, `spread` ahead.");
const OUT_3: Output = Output::number("out3", "The wave, 2 × `spread` ahead.");
const OUT_4: Output = Output::number("out4", "The wave, 3 × `spread` ahead.");
const PHASE_OUT: Output = Output::number("phase", "Phase within the cycle, 0 to 1.");
const WRAP: Output = Output::gate("wrap", "Trigger at the start of each cycle, and at the end of a single cycle.");

/// Position in cycles since the start or the last reset, before swing and phase.
const PLACE: usize = 0;
/// Beat of the start or the last reset.
const ORIGIN: usize = 1;
/// Position in the previous frame, in cycles, after swing and phase.
const BEFORE: usize = 2;
/// 1 after the first frame since the reset.
const BEGUN: usize = 3;

/// A low-frequency oscillator.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.lfo",
    title: "LFO",
    about: "A low-frequency oscillator.",
    inputs: &[RATE, SYNC, SHAPE, PHASE, WIDTH, SWING, POLARITY, DEPTH, OFFSET, INVERT, SPREAD, SEED, RESET, RUN, ONCE],
    outputs: &[OUT, OUT_2, OUT_3, OUT_4, PHASE_OUT, WRAP],
    memory: 4,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    if ctx.rises(&RESET) {
        let beat = ctx.beat();
        ctx.memory().copy_from_slice(&[0.0, beat, 0.0, 0.0]);
    }
    warn_of_speed(ctx);
    let (place, ended) = place(ctx);
    let now = place + ctx.number(&PHASE);
    let begun = ctx.memory()[BEGUN] != 0.0;
    let before = if begun { ctx.memory()[BEFORE] } else { now };
    for (index, output) in [OUT, OUT_2, OUT_3, OUT_4].iter().enumerate() {
        let ahead = index as f64 * ctx.number(&SPREAD);
        let moment = Moment::new(before + ahead, now + ahead, ended);
        let wave = wave(ctx, &moment);
        let wave = if ctx.gate(&INVERT) { 1.0 - wave } else { wave };
        let wave = ctx.chosen::<Polarity>(&POLARITY).apply(wave);
        ctx.set(output, wave * ctx.number(&DEPTH) + ctx.number(&OFFSET));
    }
    ctx.set(&PHASE_OUT, Moment::new(before, now, ended).phase);
    let wraps = if begun { (now.floor() - before.floor()) as u16 } else { u16::from(now == now.floor()) };
    ctx.set(&WRAP, Gate::fired(wraps));
    ctx.memory()[BEFORE] = now;
    ctx.memory()[BEGUN] = 1.0;
}

/// Warning for a wave that is too fast for the latent frames.
const TOO_FAST: &str =
    "the LFO is too fast and aliases: more than one cycle in two latent frames; lower `rate` or choose a longer `sync`";

/// Warns if a periodic wave has fewer than two samples per cycle. A pulse and random shapes may be fast.
fn warn_of_speed(ctx: &mut NodeContext<'_>) {
    let step = match division::chosen(ctx, &SYNC) {
        Some(length) => ctx.dt_beats() / length,
        None => ctx.number(&RATE) * ctx.dt_secs(),
    };
    let repeats = matches!(
        ctx.chosen::<Shape>(&SHAPE),
        Shape::Sine | Shape::Triangle | Shape::SawUp | Shape::SawDown | Shape::Square
    );
    if repeats && ctx.gate(&RUN) && step > 0.5 + 1e-9 {
        ctx.warn(TOO_FAST);
    }
}

/// Position in cycles with swing, and true at the end of a single cycle. Advances to the next frame.
fn place(ctx: &mut NodeContext<'_>) -> (f64, bool) {
    let (origin, running) = (ctx.memory()[ORIGIN], ctx.gate(&RUN));
    let sync = division::chosen(ctx, &SYNC);
    let place = match sync {
        Some(length) if running => division::cycles(ctx.beat() - origin, length),
        _ => ctx.memory()[PLACE],
    };
    let step = if running && sync.is_none() { ctx.number(&RATE) * ctx.dt_secs() } else { 0.0 };
    ctx.memory()[PLACE] = place + step;
    let swung = division::swung(place, ctx.number(&SWING));
    let ended = ctx.gate(&ONCE) && swung >= 1.0;
    (if ended { 1.0 } else { swung }, ended)
}

/// Position of an output in the wave.
struct Moment {
    cycle: f64,
    /// 0 to 1.
    phase: f64,
    /// True if the cycle began in this frame.
    began: bool,
}

impl Moment {
    /// Position at `now` cycles, with `before` that of the previous frame. The end of a single cycle has phase 1 of
    /// this cycle, not phase 0 of the next.
    fn new(before: f64, now: f64, ended: bool) -> Self {
        let cycle = if ended { now.ceil() - 1.0 } else { now.floor() };
        Self { cycle, phase: now - cycle, began: !ended && cycle > before.floor() }
    }
}

/// The wave, 0 to 1. A sine, triangle, rising saw or square starts at 0, a falling saw or pulse at 1.
fn wave(ctx: &NodeContext<'_>, &Moment { cycle, phase, began }: &Moment) -> f64 {
    let width = ctx.number(&WIDTH);
    let level = |cycle: f64| random(ctx, 0, cycle as i64);
    match ctx.chosen::<Shape>(&SHAPE) {
        Shape::Triangle if phase < width => phase / width,
        Shape::Triangle => (1.0 - phase) / (1.0 - width),
        Shape::SawUp => phase,
        Shape::SawDown => 1.0 - phase,
        Shape::Square => f64::from(u8::from(phase >= 1.0 - width)),
        Shape::SampleHold => level(cycle),
        Shape::SmoothRandom => {
            let ease = phase * phase * (3.0 - 2.0 * phase);
            level(cycle) + (level(cycle + 1.0) - level(cycle)) * ease
        }
        Shape::Pulse => f64::from(u8::from(phase < width || began)),
        Shape::Sine => {
            let skewed = if phase < width { 0.5 * phase / width } else { 0.5 + 0.5 * (phase - width) / (1.0 - width) };
            0.5 - 0.5 * (TAU * skewed).cos()
        }
    }
}
