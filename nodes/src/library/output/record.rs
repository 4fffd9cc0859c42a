//! When frames are written to the film.

use crate::node::def::{Input, NodeDef};

const GATE: Input = Input::gate("gate", true, "While it is on, frames are written.").unique();

/// When frames are written to the film.
pub const NODE: NodeDef = NodeDef {
    name: "output.record",
    title: "Record",
    about: "Says at which frames `bendrack render` writes to the file; without this node at all of them, and in the window it does \
            nothing.",
    inputs: &[GATE],
    outputs: &[],
    run: |ctx| ctx.ask_film(ctx.gate(&GATE)),
    ..NodeDef::BASE
};
