//! What the picture tap asks for, and what it gives of what was measured.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use std::collections::BTreeMap;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::def::Latency;
use bendrack_nodes::program::Measure;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::json;

use crate::patching::*;

#[test]
fn a_picture_tap_asks_for_the_picture_in_its_region() {
    let nodes = [("look", "tap.picture", json!({})), ("left", "target.region", json!({ "x": 0.25, "y": 0.5 }))];
    for (cables, region) in [(&[][..], "all"), (&[("left.target", "look.region")], "rectangle 0.5×0.5 at 0.25,0.5")] {
        let program = run(&compile(&patch(&nodes, cables)), &mut Memory::default(), 0, 3);
        assert_eq!((program.taps.len(), &program.taps[0].measure), (1, &Measure::Picture));
        assert_eq!(program.taps[0].region.to_string(), region);
        assert_eq!(program.to_string(), format!("prompt \"\"\ntap picture of look, region {region}\n"));
    }
}

#[test]
fn what_was_measured_of_the_picture_is_there_in_the_next_call_and_may_lead_back() {
    let def = LIBRARY.iter().find(|def| def.name == "tap.picture").expect("the node");
    assert!(def.outputs.iter().all(|output| output.latency == Some(Latency::Call)));
    for (index, output) in def.outputs.iter().enumerate() {
        let value = 0.125 * index as f64 + 0.0625;
        let nodes = [
            ("look", "tap.picture", json!({})),
            ("range", "math.range", json!({})),
            ("aim", "target.region", json!({})),
            ("send", "osc.out", json!({})),
        ];
        let from = format!("look.{}", output.name);
        let cables = [
            (from.as_str(), "range.in"),
            ("range.out", "aim.x"),
            ("aim.target", "look.region"),
            (from.as_str(), "send.value"),
        ];
        let (plan, mut memory) = (compile(&patch(&nodes, &cables)), Memory::default());
        let mut sent = |measurements: &Measurements| {
            let inputs =
                Inputs { lanes: &[], measurements, first_frame: 0, dt_secs: DT_SECS, step: DenoisingStep::default() };
            plan.program(&inputs, &mut memory, 2).messages[0].values.to_vec()
        };
        assert_eq!(sent(&Measurements::new()), [0.0; 2], "nothing was measured yet");
        let measured = Measurements::from([("look".into(), BTreeMap::from([(output.name, value)]))]);
        assert_eq!(sent(&measured), [value; 2], "{from}");
    }
}
