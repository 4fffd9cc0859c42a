//! A clock multiplier.

use crate::library::time::ROUNDED_CYCLES;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const TRIGGER: Input = Input::gate("trigger", false, "Triggers to multiply.");
const BY: Input = Input::number("by", 2.0, "Output triggers per input trigger.").soft(1.0, 16.0).hard(1.0, 16.0);
const OUT: Output = Output::gate("out", "The multiplied triggers, spaced by the last interval.").passes(&TRIGGER);

/// Seconds since the last trigger.
const SINCE: usize = 0;
/// Seconds between the last two triggers.
const INTERVAL: usize = 1;
/// Triggers sent since the last input trigger, including it; 0 before the first.
const SENT: usize = 2;

/// A clock multiplier: adds triggers evenly, at the interval of the last two.
pub const NODE: NodeDef = NodeDef {
    name: "time.multiply",
    title: "Clock multiply",
    about: "A clock multiplier: adds triggers evenly, at the interval of the last two.",
    inputs: &[TRIGGER, BY],
    outputs: &[OUT],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (by, hits, dt) = (ctx.whole(&BY).max(1), i64::from(ctx.hits(&TRIGGER)), ctx.dt_secs());
    let memory = ctx.memory();
    memory[SINCE] += dt;
    let (since, sent) = (memory[SINCE], memory[SENT] as i64);
    // Several triggers in a frame are spaced evenly since the last one.
    let next = since / hits.max(1) as f64;
    let due =
        if memory[INTERVAL] > 0.0 { 1 + (next * by as f64 / memory[INTERVAL] + ROUNDED_CYCLES) as i64 } else { 0 };
    let late = (due.min(by) - sent).max(0);
    let fired = match hits {
        0 => late,
        _ if sent == 0 => hits,
        _ => late + 1 + (hits - 1) * by,
    };
    if hits == 0 {
        memory[SENT] += late as f64;
    } else {
        let interval = if sent > 0 { next } else { 0.0 };
        memory.copy_from_slice(&[0.0, interval, 1.0]);
    }
    ctx.fire(&OUT, fired);
}
