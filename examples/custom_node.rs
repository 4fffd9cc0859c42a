//! A node outside the library: declared here, patched into the first bend, and run.
//!
//! `cargo run --example custom_node` prints the angle of the rotation that it moves. CONTRIBUTING.md has the way to a node
//! inside the library: the same declaration in a file of its own.

use anyhow::{Context as _, Result};
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::{Value as Json, json};

/// The node. A file of the library looks like this module.
mod ramp {
    use bendrack_nodes::node::context::NodeContext;
    use bendrack_nodes::node::def::{Input, NodeDef, Output};

    const PERIOD: Input =
        Input::number("period", 4.0, "Period in seconds: time from 0 to 1.").soft(0.5, 16.0).hard(0.1, 600.0).unit("s");
    const OUT: Output = Output::number("out", "Ramp from 0 to 1.");

    /// The memory cell of the phase, 0 to 1.
    const PHASE: usize = 0;

    /// Rises from 0 to 1 and starts again.
    pub const NODE: NodeDef = NodeDef {
        name: "custom.ramp",
        title: "Ramp",
        about: "Rises from 0 to 1 and starts again.",
        inputs: &[PERIOD],
        outputs: &[OUT],
        memory: 1,
        run,
        ..NodeDef::BASE
    };

    /// One latent frame.
    fn run(ctx: &mut NodeContext<'_>) {
        let phase = ctx.memory()[PHASE];
        ctx.set(&OUT, phase);
        ctx.memory()[PHASE] = (phase + ctx.dt_secs() / ctx.number(&PERIOD)).fract();
    }
}

/// Latent frames of a model call.
const FRAMES: usize = 3;
/// Seconds of a latent frame.
const FRAME_SECS: f64 = 0.25;

/// The angle of the first bend's rotation in each latent frame. A ramp of `period` seconds replaces its LFO.
///
/// # Errors
///
/// Fails if the patch does not compile.
pub fn angles(period: f64, calls: u64) -> Result<Vec<f64>> {
    let mut patch: Json = serde_json::from_str(include_str!("../patches/first_bend.json"))?;
    patch["nodes"]["lfo"] = json!({ "type": "custom.ramp", "params": { "period": period } });
    let patch = Patch::from_json(&patch.to_string()).map_err(|problem| anyhow::anyhow!("{problem}"))?;

    let library: Vec<&'static NodeDef> = LIBRARY.iter().copied().chain([&ramp::NODE]).collect();
    let (plan, problems) = Plan::compile(&patch, &library);
    let plan = plan.with_context(|| format!("{problems:?}"))?;

    let (measurements, mut memory) = (Measurements::default(), Memory::default());
    let mut angles = Vec::new();
    for call in 0..calls {
        let first_frame = call * FRAMES as u64;
        let inputs = Inputs {
            lanes: &[],
            measurements: &measurements,
            first_frame,
            dt_secs: FRAME_SECS,
            step: DenoisingStep::default(),
        };
        let program = serde_json::to_value(plan.program(&inputs, &mut memory, FRAMES))?;
        let lanes = program["bends"][0]["params"]["angle"].as_array().context("a rotation")?;
        angles.extend(lanes.iter().filter_map(Json::as_f64));
    }
    Ok(angles)
}

fn main() -> Result<()> {
    for (frame, angle) in angles(3.0, 6)?.into_iter().enumerate() {
        println!("{:4.2} s  {angle:7.2}°", frame as f64 * FRAME_SECS);
    }
    Ok(())
}
