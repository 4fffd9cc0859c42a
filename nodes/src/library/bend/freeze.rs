//! Holds attention as it was.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op};

const HOLD: Input = Input::gate("hold", false, "On or off.");
const SINCE: Input = Input::choice(
    "since",
    &["chunk", "step"],
    "Hold the chunk in which it was switched on, or each chunk's first step.",
);

const OP: Op = Op {
    name: "freeze",
    params: &["hold", "since"],
    neutral: &[0.0],
    choices: &[("since", SINCE.choices)],
    form: Form::Freeze,
};

/// Holds where the picture attends to words as it was when it was switched on, whatever it shows by now.
pub const NODE: NodeDef = NodeDef {
    name: "bend.freeze",
    title: "Freeze words",
    about: "Holds where the picture attends to words as it was when it was switched on, whatever it shows by now.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, HOLD, SINCE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, Site::CrossMap, &OP, &[&HOLD, &SINCE]),
    ..NodeDef::BASE
};
