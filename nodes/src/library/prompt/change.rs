//! Policy for a change of the prompt.

use std::sync::Arc;

use crate::choice::choices;
use crate::library::prompt::{METHOD, method};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::{Gate, Kind};
use crate::program::Switch;
use crate::program::prompt::Prompt;

const TEXT: Input = Input::text("text", "", "Prompt; it may change at any time.");

choices! {
    /// Response to a change.
    enum Policy {
        Hard = "hard",
        Recache = "recache",
        Crossfade = "crossfade",
    }
}

const POLICY: Input = Input::choice_of::<Policy>(
    "policy",
    "Response to a change: empty the KV cache, recompute it, or crossfade the prompts.",
);
const CROSSFADE: Input = Input::number(
    "crossfade",
    2.0,
    "Length of a crossfade, in seconds. A new prompt waits for its end; the previous prompt fades back at once.",
)
.soft(0.0, 10.0)
.hard(0.0, 600.0)
.unit("s");
const OUT: Output = Output::of("text", Kind::Text, "Prompt for the model.").passes(&TEXT);
const CHANGING: Output = Output::gate("changing", "On during a crossfade.");
const CHANGED: Output = Output::gate("changed", "Trigger when a new prompt starts.");

/// Progress of a crossfade, 0 to 1.
const WAY: usize = 0;
/// Texts in memory: the start of the crossfade, and its end.
const FROM: usize = 0;
const TO: usize = 1;
/// Progress that counts as complete; a sum over frames has rounding errors.
const COMPLETE: f64 = 1.0 - 1e-9;

/// Policy for a change of the prompt.
pub const NODE: NodeDef = NodeDef {
    name: "prompt.change",
    title: "Prompt change",
    about: "Sets the response to a change of prompt: hard cut, recache, or crossfade.",
    inputs: &[TEXT, POLICY, CROSSFADE, METHOD],
    outputs: &[OUT, CHANGING, CHANGED],
    memory: 1,
    texts: 2,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let text = ctx.text(&TEXT);
    let switch = match ctx.chosen::<Policy>(&POLICY) {
        Policy::Hard => Switch::Reset,
        Policy::Recache => Switch::Recache,
        Policy::Crossfade => Switch::Keep,
    };
    let seconds = if switch == Switch::Keep { ctx.number(&CROSSFADE) } else { 0.0 };
    let part = if seconds > 0.0 { ctx.dt_secs() / seconds } else { 1.0 };
    let way = ctx.memory()[WAY] + part;
    let (changed, way) = turn(ctx.remembered(), text, if way < COMPLETE { way } else { 1.0 });
    let way = if seconds > 0.0 { way } else { 1.0 };
    ctx.memory()[WAY] = way;
    let [Some(from), Some(to)] = ctx.remembered() else { return };
    let (from, to) = (from.clone(), to.clone());
    ctx.set(&OUT, Prompt { switch: Some(switch), ..Prompt::mix(from, to, way, method(ctx)) });
    ctx.switch(&CHANGING, way < 1.0);
    ctx.set(&CHANGED, Gate::fired(u16::from(changed)));
}

/// Updates the texts of the crossfade. Returns true for a new text, and the progress. During a crossfade only its start
/// text takes effect, by turning it back; any other text waits for its end.
fn turn(texts: &mut [Option<Arc<str>>], text: Arc<str>, way: f64) -> (bool, f64) {
    let is = |known: &Option<Arc<str>>| known.as_ref() == Some(&text);
    if texts[TO].is_none() {
        texts.fill(Some(text));
        (false, 1.0)
    } else if is(&texts[TO]) {
        (false, way)
    } else if way < 1.0 && is(&texts[FROM]) {
        texts.swap(FROM, TO);
        (true, 1.0 - way)
    } else if way < 1.0 {
        (false, way)
    } else {
        texts.swap(FROM, TO);
        texts[TO] = Some(text);
        (true, 0.0)
    }
}
