//! Freezes attention maps.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op, Since};

const HOLD: Input = Input::gate("hold", false, "Gate: holds the maps while it is on.");
const SINCE: Input = Input::choice_of::<Since>(
    "since",
    "Source of the held map: the chunk in which `hold` went on, or each chunk's first step.",
);

const OP: Op = Op::new("freeze", &[HOLD.neutral_at(0.0), SINCE.option()], Form::Freeze { hold: &HOLD, since: &SINCE });

/// Freezes the attention maps of words as they were when `hold` went on.
pub const NODE: NodeDef = NodeDef {
    name: "bend.freeze",
    title: "Freeze words",
    about: "Freezes the attention maps of words as they were when `hold` went on.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, HOLD, SINCE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, Site::CrossMap, &OP),
    ..NodeDef::BASE
};
