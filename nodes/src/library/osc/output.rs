//! Numbers and texts sent by OSC.

use std::sync::Arc;

use crate::choice::choices;
use crate::library::osc::DEVICE;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::node::requests::{Destination, Requested};
use crate::program::Form;

choices! {
    /// The type of the arguments.
    enum Type {
        Float = "float",
        Int = "int",
        Double = "double",
        Bool = "bool",
        Text = "text",
        None = "none",
    }
}

choices! {
    /// The times of sending.
    pub(crate) enum When {
        EveryFrame = "every_frame",
        Changes = "changes",
        Trigger = "trigger",
    }
}

const ADDRESS: Input = Input::text("address", "/bend/out", "OSC address to send to.").address();
pub(crate) const VALUE: Input = Input::direct("value", 0.0, "Number to send.");
const TYPE: Input =
    Input::choice_of::<Type>("type", "Type of the arguments; `text` sends `text` alone, `none` no number.");
const TEXT: Input = Input::text("text", "", "Text before the numbers; empty sends none.");
const WHEN: Input = Input::choice_of::<When>(
    "when",
    "Times of sending: every latent frame, when an argument changes, or by `trigger`.",
);
pub(crate) const TRIGGER: Input = Input::gate("trigger", false, "Sends once per rising edge, if `when` is `trigger`.");
pub(crate) const V2: Input = Input::optional("value_2", "Second number of a list; unset inputs are left out.");
pub(crate) const V3: Input = Input::optional("value_3", "Third number of the list.");
pub(crate) const V4: Input = Input::optional("value_4", "Fourth number of the list.");
pub(crate) const V5: Input = Input::optional("value_5", "Fifth number of the list.");
pub(crate) const V6: Input = Input::optional("value_6", "Sixth number of the list.");
pub(crate) const V7: Input = Input::optional("value_7", "Seventh number of the list.");
pub(crate) const V8: Input = Input::optional("value_8", "Eighth number of the list.");

/// The numbers of the list.
pub(crate) const VALUES: [&Input; 8] = [&VALUE, &V2, &V3, &V4, &V5, &V6, &V7, &V8];

/// The memory cell with the count of numbers sent last, and 1; the numbers follow.
const COUNT: usize = 0;

/// Numbers and texts sent by OSC.
pub const NODE: NodeDef = NodeDef {
    name: "osc.out",
    title: "OSC out",
    about: "Sends numbers or a text by OSC, with each latent frame, on changes or by triggers.",
    inputs: &[ADDRESS, VALUE, TYPE, TEXT, WHEN, TRIGGER, V2, V3, V4, V5, V6, V7, V8, DEVICE],
    outputs: &[],
    memory: 1 + VALUES.len(),
    texts: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let to = Destination { device: ctx.text(&DEVICE), address: ctx.text(&ADDRESS) };
    let form = match ctx.chosen::<Type>(&TYPE) {
        Type::Float => Form::Float,
        Type::Int => Form::Int,
        Type::Double => Form::Double,
        Type::Bool => Form::Bool,
        Type::Text => Form::Text,
        Type::None => Form::None,
    };
    let times = match ctx.chosen::<When>(&WHEN) {
        When::EveryFrame => None,
        When::Changes => Some(u16::from(changes(ctx))),
        When::Trigger => Some(ctx.hits(&TRIGGER)),
    };
    let text = ctx.text(&TEXT);
    if form == Form::Text {
        ctx.request_argument(&to, Requested::Text(text));
    } else {
        if !text.is_empty() {
            ctx.request_argument(&to, Requested::Text(text));
        }
        for value in VALUES {
            if ctx.has(value) {
                ctx.request_argument(&to, Requested::Number(ctx.number(value), form));
            }
        }
    }
    if let Some(times) = times {
        ctx.request_times(&to, times);
    }
}

/// True if an argument differs from that of the last frame, and in the first.
fn changes(ctx: &mut NodeContext<'_>) -> bool {
    let text = ctx.text(&TEXT);
    let is_same_text = ctx.remembered()[0].as_ref().is_some_and(|last: &Arc<str>| *last == text);
    ctx.remembered()[0] = Some(text);
    values_change(ctx) || !is_same_text
}

/// True if a number of the list differs from that of the last frame, and in the first. The list is the memory of the node.
pub(crate) fn values_change(ctx: &mut NodeContext<'_>) -> bool {
    let mut now = [0.0; 1 + VALUES.len()];
    for value in VALUES.into_iter().filter(|value| ctx.has(value)) {
        now[COUNT] += 1.0;
        now[now[COUNT] as usize] = ctx.number(value);
    }
    let is_same = ctx.memory() == now;
    ctx.memory().copy_from_slice(&now);
    !is_same
}
