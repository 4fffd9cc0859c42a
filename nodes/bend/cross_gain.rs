//! Strengthens or weakens how much the picture attends to words.

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::grid;
use crate::op::{Form, Op};
use crate::program::Site;

const GAIN: Input =
    Input::number("gain", 1.0, "The factor: 0 silences, below 0 inverts.").soft(-1.0, 4.0).hard(-100.0, 100.0);

const OP: Op =
    Op { name: "gain", site: Site::CrossMap, params: &["gain"], neutral: &[1.0], form: Form::Grid(grid::gain) };

/// Strengthens or weakens how much the picture attends to words.
pub const NODE: NodeDef = NodeDef {
    name: "bend.cross_gain",
    title: "Word gain",
    about: "Strengthens or weakens how much the picture attends to words.",
    inputs: &[chain::BENDS, chain::TARGET, GAIN, chain::AMOUNT],
    outputs: &[chain::OUT],
    memory: 0,
    run: |run| chain::run(run, &OP, &[&GAIN]),
};
