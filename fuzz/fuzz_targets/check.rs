//! Any bytes are read, checked, compiled, written and run without a panic, and what was written is read as the same.

#![no_main]

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory, Scratch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for problem in check(bytes, LIBRARY) {
        // What is shown to people has to be sliced out of the text. What is no text has no places.
        let Some(place) = problem.place.map(|place| place.bytes) else { continue };
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        assert!(text.is_empty() || text.get(place.clone()).is_some(), "{place:?}: {}", problem.message);
    }
    let Ok(patch) = Patch::from_slice(bytes) else { return };
    let text = patch.to_json();
    // Small steps of a format can make a file longer than the longest that is read.
    if let Ok(again) = Patch::from_json(&text) {
        assert_eq!(again, patch);
        assert_eq!(again.to_json(), text);
    }
    let Some(plan) = Plan::compile(&patch, LIBRARY).0 else { return };
    let measurements = Measurements::default();
    let (mut memory, mut scratch, mut program) = (Memory::default(), Scratch::default(), Program::default());
    for call in 0..2 {
        let inputs = Inputs { lanes: &[], measurements: &measurements, first_frame: 3 * call, dt_secs: 0.25, step: DenoisingStep::default() };
        plan.run(&inputs, &mut memory, 3, &mut scratch, &mut program);
    }
});
