//! Which latent frames are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::Target;
use crate::value::Kind;

const FIRST: Input = aim::FIRST.soft(0.0, 2.0);
const LAST: Input = aim::LAST.soft(0.0, 2.0);
const OUT: Output = Output::of("target", Kind::Target, "Only these latent frames of each chunk.").passes(&aim::WITHIN);

/// Aims a bend or a tap at latent frames of each chunk.
pub const NODE: NodeDef = NodeDef {
    name: "target.frames",
    title: "Frames",
    about: "Aims a bend or a tap at latent frames of each chunk.",
    inputs: &[aim::WITHIN, FIRST, LAST],
    outputs: &[OUT],
    run: |run| {
        let frames = aim::range(run, &FIRST, &LAST);
        aim::narrow(run, &OUT, Target { frames, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
