//! The denoising step of the call.

use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::json;

use crate::patching::*;

#[test]
fn a_patch_knows_the_denoising_step_of_its_call() {
    let patch = patch(
        &[("step", "time.step", json!({})), ("a", "osc.out", json!({})), ("b", "osc.out", json!({}))],
        &[("step.step", "a.value"), ("step.progress", "b.value")],
    );
    let (plan, measurements) = (compile(&patch), Measurements::default());
    let sent = |index, count| -> Vec<f64> {
        let step = DenoisingStep { index, count };
        let inputs = Inputs { lanes: &[], measurements: &measurements, first_frame: 0, dt_secs: DT_SECS, step };
        // Each call runs from the memory at the beginning of its chunk.
        let program = plan.program(&inputs, &mut Memory::default(), 2);
        assert!(program.messages.iter().all(|message| message.values[0].to_bits() == message.values[1].to_bits()));
        let of =
            |node: &str| program.messages.iter().find(|message| &*message.node == node).expect("a number").values[0];
        vec![of("a"), of("b")]
    };
    for (index, count, progress) in [(0, 4, 0.0), (3, 4, 1.0), (1, 3, 0.5), (0, 1, 0.0), (4, 4, 1.0), (1, 1, 1.0)] {
        assert_eq!(sent(index, count), [index as f64, progress], "step {index} of {count}");
    }
}
