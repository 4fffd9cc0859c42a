//! The range of the heatmap.

use std::collections::BTreeMap;

use bendrack_nodes::program::source::Source;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::json;

use crate::patching::*;

#[test]
fn the_range_of_a_heatmap_is_the_frames_a_running_one_or_fixed() {
    let ranges = |params: serde_json::Value, measured: &[(f64, f64)]| -> Vec<Option<(f64, f64)>> {
        let patch = patch(
            &[("map", "tap.map", json!({})), ("heat", "output.heatmap", params), ("out", "output.screen", json!({}))],
            &[("map.map", "heat.map"), ("heat.picture", "out.picture")],
        );
        let (plan, mut memory) = (compile(&patch), Memory::default());
        let call = |(call, (low, high)): (usize, &(f64, f64))| {
            let numbers = BTreeMap::from([("min", *low), ("max", *high)]);
            let measurements = Measurements::from([("map".into(), numbers)]);
            let inputs = Inputs {
                lanes: &[],
                measurements: &measurements,
                first_frame: 3 * call as u64,
                dt_secs: DT_SECS,
                step: DenoisingStep::default(),
            };
            match &*plan.program(&inputs, &mut memory, 3).screen[2] {
                Source::Heatmap { range, .. } => *range,
                other => panic!("{other:?}"),
            }
        };
        measured.iter().enumerate().map(call).collect()
    };
    let measured = [(0.2, 0.4), (0.1, 0.9), (0.3, 0.5), (0.3, 0.5)];
    assert_eq!(ranges(json!({}), &measured), [None; 4]);
    let fixed = ranges(json!({ "range": "fixed", "low": 0.25, "high": 0.5 }), &measured);
    assert_eq!(fixed, [Some((0.25, 0.5)); 4]);
    let running: Vec<(f64, f64)> =
        ranges(json!({ "range": "running" }), &measured).into_iter().map(|range| range.expect("a range")).collect();
    assert_eq!(running[..2], [(0.2, 0.4), (0.1, 0.9)], "it widens at once");
    let narrows = |a: (f64, f64), b: (f64, f64)| a.0 < b.0 && b.0 < 0.3 && a.1 > b.1 && b.1 > 0.5;
    assert!(narrows(running[1], running[2]) && narrows(running[2], running[3]), "and narrows slowly: {running:?}");
}
