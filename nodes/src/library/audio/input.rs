//! What is heard.

use crate::library::audio::follower::{Brightness, Onsets, amplitude, amplitudes, part, shares};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::sound::HOPS_PER_SEC;
use crate::node::value::Gate;

const GAIN: Input =
    Input::number("gain", 0.0, "How much louder it is heard.").soft(-24.0, 48.0).hard(-120.0, 120.0).unit("dB");
const LOW: Input = Input::number("low", 200.0, "Where the bass ends and the mid begins.")
    .soft(20.0, 2000.0)
    .hard(1.0, 100_000.0)
    .unit("Hz")
    .log();
const HIGH: Input = Input::number("high", 2000.0, "Where the mid ends and the treble begins.")
    .soft(200.0, 20_000.0)
    .hard(1.0, 100_000.0)
    .unit("Hz")
    .log();
const ATTACK: Input = Input::number("attack", 0.01, "Seconds in which the levels come up 90 % of the way.")
    .soft(0.001, 1.0)
    .hard(0.0, 60.0)
    .unit("s")
    .log();
const RELEASE: Input = Input::number("release", 0.25, "Seconds in which the levels come down 90 % of the way.")
    .soft(0.01, 10.0)
    .hard(0.0, 60.0)
    .unit("s")
    .log();
const SENSITIVITY: Input =
    Input::number("sensitivity", 0.5, "How little is an onset: at 0 a blow out of silence, at 1 nearly anything.")
        .hard(0.0, 1.0);
const WAIT: Input =
    Input::number("wait", 0.1, "The least time from one onset to the next.").soft(0.0, 1.0).hard(0.0, 60.0).unit("s");
const LEVEL: Output =
    Output::number("level", "How loud it was at its loudest in the latent frame, 0 to 1; a sine at full scale is 1.");
const BASS: Output = Output::number("bass", "The same of what is below low.");
const MID: Output = Output::number("mid", "The same of what is between low and high.");
const TREBLE: Output = Output::number("treble", "The same of what is above high.");
const BRIGHTNESS: Output =
    Output::number("brightness", "Where the sound lies by pitch, 0 at 20 Hz, 1 at 20 kHz; it stays in silence.");
const ONSET: Output = Output::gate("onset", "Fires when something begins to sound; each of several counts.");

/// The levels that are followed, in the order of [`shares`]; what onsets remember comes after them.
const LEVELS: [&Output; 4] = [&LEVEL, &BASS, &MID, &TREBLE];

/// Follows what is heard.
pub const NODE: NodeDef = NodeDef {
    name: "audio.in",
    title: "Audio in",
    about: "Follows the sound of an audio input or a file: how loud it is, in three ranges, how bright, and when something begins.",
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
    let (up, down) = (part(hop_secs, ctx.number(&ATTACK)), part(hop_secs, ctx.number(&RELEASE)));
    let (sensitivity, wait) = (ctx.number(&SENSITIVITY), (ctx.number(&WAIT) / hop_secs).round());
    // Where nothing is heard, the levels fall all the same.
    let fallen = 1.0 - part(ctx.dt_secs(), ctx.number(&RELEASE));
    let (levels, onsets) = ctx.memory().split_at_mut(LEVELS.len());
    let (mut onsets, mut count) = (Onsets::new(onsets), 0_u16);
    let (mut highest, mut heard) = ([0.0_f64; LEVELS.len()], Brightness::default());
    for hop in hops {
        let bands = amplitudes(hop, gain);
        for ((level, share), highest) in levels.iter_mut().zip(&shares).zip(&mut highest) {
            let way = amplitude(&bands, share) - *level;
            *level += way * if way > 0.0 { up } else { down };
            *highest = highest.max(*level);
        }
        heard.hear(&bands);
        count = count.saturating_add(u16::from(onsets.hear(&bands, sensitivity, wait)));
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
    let brightness = heard.place().unwrap_or_else(|| ctx.last(&BRIGHTNESS));
    ctx.set(&BRIGHTNESS, brightness);
    ctx.set(&ONSET, Gate::fired(count));
}
