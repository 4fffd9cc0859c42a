//! Prompts at set times.

use std::sync::Arc;

use crate::choice::choices;
use crate::grammar::prompts::Moment;
use crate::library::prompt::{METHOD, method};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::prompt::Prompt;

const SCHEDULE: Input = Input::text(
    "schedule",
    "",
    "Entries such as 0: a red tulip (time, colon, prompt), one per line or separated by |.",
)
.schedule();

choices! {
    /// Unit of the times.
    enum Unit {
        Frames = "frames",
        Seconds = "seconds",
        Beats = "beats",
    }
}

const UNIT: Input = Input::choice_of::<Unit>(
    "unit",
    "Unit of the times: latent frames, seconds or beats, from the start of the video.",
);
const LOOP_LENGTH: Input =
    Input::number("loop_length", 0.0, "Length of the loop, in the unit of the times; 0 plays once.")
        .soft(0.0, 64.0)
        .hard(0.0, 1e5);
const CROSSFADE: Input = Input::number(
    "crossfade",
    0.0,
    "Length of the crossfade before each change, in the unit of the times; at most as long as the prompt.",
)
.soft(0.0, 16.0)
.hard(0.0, 1e5);
const OUT: Output = Output::of("text", Kind::Text, "The current prompt, or the mix with the next one.");

/// Prompts at set times.
pub const NODE: NodeDef = NodeDef {
    name: "prompt.schedule",
    title: "Prompt schedule",
    about: "Plays prompts at set times, with optional crossfades.",
    inputs: &[SCHEDULE, UNIT, LOOP_LENGTH, CROSSFADE, METHOD],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let time = match ctx.chosen::<Unit>(&UNIT) {
        Unit::Seconds => ctx.secs(),
        Unit::Beats => ctx.beat(),
        Unit::Frames => ctx.frame() as f64,
    };
    let moment = ctx.schedule(&SCHEDULE).and_then(|schedule| schedule.at(time, ctx.number(&LOOP_LENGTH)));
    let Some(Moment { now, next, since, left }) = moment else { return ctx.set(&OUT, Arc::<str>::default()) };
    // A crossfade is at most as long as the prompt it leaves.
    let length = ctx.number(&CROSSFADE).min(since + left);
    let amount = if left < length { 1.0 - left / length } else { 0.0 };
    ctx.set(&OUT, Prompt::mix(now.clone(), next.clone(), amount, method(ctx)));
}
