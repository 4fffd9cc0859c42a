//! Recorder: writes latent frames to the video.

use crate::node::def::{Input, NodeDef};

const GATE: Input = Input::gate(
    "gate",
    true,
    "Gate: latent frames are written while it is on. A recording of the window pauses while it is off.",
)
.unique();

/// Recorder: writes latent frames to the video.
pub const NODE: NodeDef = NodeDef {
    name: "output.record",
    title: "Record",
    about: "Selects the latent frames that `bendrack render` and a recording of the window contain; without this node, all of them. The window records only after Record is pressed.",
    inputs: &[GATE],
    outputs: &[],
    run: |ctx| ctx.request_record(ctx.gate(&GATE)),
    ..NodeDef::BASE
};
