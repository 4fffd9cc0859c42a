//! Audio input: level, ranges, onsets and brightness.

use crate::library::audio::follower::{Brightness, Onsets, amplitude, amplitudes, progress, shares};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::sound::HOPS_PER_SEC;
use crate::node::value::Gate;

const GAIN: Input = Input::number("gain", 0.0, "Gain of the input, in dB; 0 changes nothing.")
    .soft(-24.0, 48.0)
    .hard(-120.0, 120.0)
    .unit("dB");
const LOW: Input = Input::number("low", 200.0, "Crossover from bass to mid, in Hz.")
    .soft(20.0, 2000.0)
    .hard(1.0, 100_000.0)
    .unit("Hz")
    .log();
const HIGH: Input = Input::number("high", 2000.0, "Crossover from mid to treble, in Hz.")
    .soft(200.0, 20_000.0)
    .hard(1.0, 100_000.0)
    .unit("Hz")
    .log();
const ATTACK: Input = Input::number("attack", 0.01, "Attack time of the levels: seconds to rise 90 % of the way.")
    .soft(0.001, 1.0)
    .hard(0.0, 60.0)
    .unit("s")
    .log();
const RELEASE: Input = Input::number("release", 0.25, "Release time of the levels: seconds to fall 90 % of the way.")
    .soft(0.01, 10.0)
    .hard(0.0, 60.0)
    .unit("s")
    .log();
const SENSITIVITY: Input = Input::number(
    "sensitivity",
    0.5,
    "Onset sensitivity: 0 detects only loud attacks after silence, 1 nearly any change.",
)
.hard(0.0, 1.0);
const WAIT: Input = Input::number("wait", 0.1, "Shortest time between two onsets, in seconds.")
    .soft(0.0, 1.0)
    .hard(0.0, 60.0)
    .unit("s");
const LEVEL: Output = Output::number("level", "Peak level in the latent frame, 0 to 1; a full-scale sine gives 1.");
const BASS: Output = Output::number("bass", "Peak level below `low`, 0 to 1.");
const MID: Output = Output::number("mid", "Peak level between `low` and `high`, 0 to 1.");
const TREBLE: Output = Output::number("treble", "Peak level above `high`, 0 to 1.");
const BRIGHTNESS: Output =
    Output::number("brightness", "Spectral centroid by pitch: 0 at 20 Hz, 1 at 20 kHz. It holds its value in silence.");
const ONSET: Output = Output::gate("onset", "Trigger at each onset; several onsets in one latent frame all count.");

/// Outputs of the level followers, in the order of [`shares`]. Their memory precedes that of the onsets.
const LEVELS: [&Output; 4] = [&LEVEL, &BASS, &MID, &TREBLE];

/// Audio input: level, ranges, onsets and brightness.
pub const NODE: NodeDef = NodeDef {
    name: "audio.in",
    title: "Audio in",
    about: "Follows an audio input or a file: level, three bands, brightness and onsets.",
    inputs: &[GAIN, LOW, HIGH, ATTACK, RELEASE, SENSITIVITY, WAIT],
    outputs: &[LEVEL, BASS, MID, TREBLE, BRIGHTNESS, ONSET],
    memory: LEVELS.len() + Onsets::MEMORY,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (hops, gain) = (ctx.sound(), 10.0_f64.powf(ctx.number(&GAIN) / 20.0));
    let shares = shares(ctx.number(&LOW), ctx.number(&HIGH));
    let hop_secs = 1.0 / HOPS_PER_SEC as f64;
    let (up, down) = (progress(hop_secs, ctx.number(&ATTACK)), progress(hop_secs, ctx.number(&RELEASE)));
    let (sensitivity, wait) = (ctx.number(&SENSITIVITY), (ctx.number(&WAIT) / hop_secs).round());
    // Without new sound, the levels fall at their release.
    let fallen = 1.0 - progress(ctx.dt_secs(), ctx.number(&RELEASE));
    let (levels, onsets) = ctx.memory().split_at_mut(LEVELS.len());
    let (mut onsets, mut count) = (Onsets::new(onsets), 0_u16);
    let (mut highest, mut centroid) = ([0.0_f64; LEVELS.len()], Brightness::default());
    for hop in hops {
        let bands = amplitudes(hop, gain);
        for ((level, share), highest) in levels.iter_mut().zip(&shares).zip(&mut highest) {
            let way = amplitude(&bands, share) - *level;
            *level += way * if way > 0.0 { up } else { down };
            *highest = highest.max(*level);
        }
        centroid.add(&bands);
        count = count.saturating_add(u16::from(onsets.add(&bands, sensitivity, wait)));
    }
    if hops.is_empty() {
        for (level, highest) in levels.iter_mut().zip(&mut highest) {
            *level *= fallen;
            *highest = *level;
        }
    }
    for (output, level) in LEVELS.into_iter().zip(highest) {
        ctx.set(output, level);
    }
    let brightness = centroid.place().unwrap_or_else(|| ctx.last(&BRIGHTNESS));
    ctx.set(&BRIGHTNESS, brightness);
    ctx.set(&ONSET, Gate::fired(count));
}
