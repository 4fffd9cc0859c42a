//! Prompts by time.

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
    "The prompts, one per line or with | between them: a time, a colon and a prompt, such as 0: a red circle.",
)
.schedule();

choices! {
    /// The unit of times.
    enum Unit {
        Frames = "frames",
        Seconds = "seconds",
        Beats = "beats",
    }
}

const UNIT: Input = Input::choice_of::<Unit>(
    "unit",
    "What times are counted in: latent frames, seconds or beats, from the beginning of the video.",
);
const LOOP: Input =
    Input::number("loop", 0.0, "After how long it begins again; never at 0.").soft(0.0, 64.0).hard(0.0, 1e5);
const CROSSFADE: Input = Input::number(
    "crossfade",
    0.0,
    "How long before a change the prompts begin to mix, as far as there is time for it.",
)
.soft(0.0, 16.0)
.hard(0.0, 1e5);
const OUT: Output = Output::of("text", Kind::Text, "The prompt of now, or the mix on the way to the next one.");

/// Prompts by time.
pub const NODE: NodeDef = NodeDef {
    name: "prompt.schedule",
    title: "Prompt schedule",
    about: "Gives prompts at their times, in latent frames, seconds or beats, and mixes each into the next if it is told to.",
    inputs: &[SCHEDULE, UNIT, LOOP, CROSSFADE, METHOD],
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
    let moment = ctx.schedule(&SCHEDULE).and_then(|schedule| schedule.at(time, ctx.number(&LOOP)));
    let Some(Moment { now, next, since, left }) = moment else { return ctx.set(&OUT, Arc::<str>::default()) };
    // There is no more time to mix than the prompt counts.
    let length = ctx.number(&CROSSFADE).min(since + left);
    let amount = if left < length { 1.0 - left / length } else { 0.0 };
    ctx.set(&OUT, Prompt::mix(now.clone(), next.clone(), amount, method(ctx)));
}
