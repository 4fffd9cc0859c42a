//! Sensors of boards, and lines to them.

use std::sync::Arc;

use bendrack_nodes::input::{ControlName, Controls, Event};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::cells::{Cells, Pixels};
use bendrack_nodes::program::message::board_lines;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::{Value as Json, json};

use crate::patching::*;

fn sensor(number: f64) -> Event {
    Event::sensor("a0", &[number]).on(&"lamp".into())
}

fn online(device: &str, number: f64) -> Event {
    Event::new(ControlName::Online, &[number]).on(&device.into())
}

/// The output of a sensor's node in each frame with these events.
fn outputs(params: Json, frames: &[&[Event]]) -> Vec<f64> {
    let nodes = [("it", "serial.in", params), ("send", "osc.out", json!({}))];
    let mut controls = Controls::new();
    let lane = |events: &&[Event]| {
        controls.end_frame();
        controls.extend(*events);
        Arc::new(controls.clone())
    };
    let lanes: Vec<Arc<Controls>> = frames.iter().map(lane).collect();
    let measurements = Measurements::default();
    let inputs = Inputs {
        lanes: &lanes,
        measurements: &measurements,
        first_frame: 0,
        dt_secs: DT_SECS,
        step: DenoisingStep::default(),
    };
    let plan = compile(&patch(&nodes, &[("it.out", "send.value")]));
    plan.program(&inputs, &mut Memory::default(), frames.len()).messages[0].values.to_vec()
}

#[test]
fn a_lost_board_holds_defaults_or_fades_and_returns() {
    let lost: [&[Event]; 7] = [
        &[],
        &[online("lamp", 1.0), sensor(1.0)],
        &[online("lamp", 0.0)],
        &[],
        &[],
        &[],
        &[online("lamp", 1.0), sensor(0.5)],
    ];
    let of = |policy: &str| outputs(json!({ "lost": policy, "lost_secs": 0.5, "held": 0.2 }), &lost);
    assert_near(&of("hold"), &[0.2, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5]);
    assert_near(&of("default"), &[0.2, 1.0, 1.0, 0.2, 0.2, 0.2, 0.5]);
    assert_near(&of("fade"), &[0.2, 1.0, 0.6, 0.2, 0.2, 0.2, 0.5]);
}

#[test]
fn a_board_is_not_lost_with_another_one() {
    let frames: [&[Event]; 3] =
        [&[online("lamp", 1.0), online("wall", 1.0), sensor(1.0)], &[online("wall", 0.0)], &[online("lamp", 0.0)]];
    for (device, expected) in [("", [1.0, 1.0, 0.0]), ("lamp", [1.0, 1.0, 0.0])] {
        let params = json!({ "lost": "default", "lost_secs": 0, "device": device });
        assert_near(&outputs(params, &frames), &expected);
    }
}

#[test]
fn a_sensor_is_calibrated_in_its_node() {
    let numbers = [100.0, 300.0, 200.0, 150.0].map(|number| [sensor(number)]);
    let frames: Vec<&[Event]> = numbers.iter().map(|events| &events[..]).collect();
    assert_near(&outputs(json!({}), &frames), &[100.0, 300.0, 200.0, 150.0]);
    assert_near(&outputs(json!({ "learn": true }), &frames), &[0.0, 1.0, 0.5, 0.25]);
    let range = json!({ "scaled": true, "min": 300, "max": 100, "dead_zone": 0.25 });
    assert_near(&outputs(range, &frames), &[1.0, 0.0, 0.5, 1.0]);
    assert_near(&outputs(json!({ "smooth": DT_SECS }), &frames[..2]), &[100.0, 280.0]);
}

/// Lines to boards in each frame of a patch.
fn lines(patch: &Patch, frames: usize) -> Vec<Vec<String>> {
    let program = run(&compile(patch), &mut Memory::default(), 0, frames);
    let pixels = |cells: &Cells| Pixels::Grey(vec![1.0; usize::from(cells.width) * usize::from(cells.height)]);
    let of = |lane| board_lines(&program.messages, lane, |times| times > 0, pixels);
    let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
    (0..frames)
        .map(|lane| of(lane).iter().map(|line| format!("{}>{}", line.device, text(&line.line))).collect())
        .collect()
}

#[test]
fn numbers_go_to_a_board_when_they_change() {
    let wave = ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "square" }));
    let of =
        |params: Json| lines(&patch(&[wave.clone(), ("it", "serial.out", params)], &[("wave.out", "it.value")]), 4);
    let frames = of(json!({ "name": "led", "device": "lamp" }));
    assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1, 0], "{frames:?}");
    assert!(frames[0][0].starts_with("lamp>led ") && frames[0][0].ends_with('\n'), "{frames:?}");
    let all = of(json!({ "when": "every_frame", "form": "json", "value_3": 3 }));
    assert!(all.iter().all(|lines| lines.len() == 1 && lines[0].starts_with(">{\"out\":[")), "{all:?}");
}

#[test]
fn a_picture_for_a_board_has_256_cells_at_most() {
    let of = |params: Json| {
        let nodes = [("tap", "tap.neurons", json!({})), ("it", "serial.out", params)];
        lines(&patch(&nodes, &[("tap.map", "it.picture")]), 1).concat()
    };
    assert_eq!(of(json!({ "columns": 2, "rows": 1 })), [">out 2 1 ffff\n"]);
    assert_eq!(of(json!({ "columns": 32, "rows": 32 }))[0].len(), ">out 32 8 \n".len() + 2 * 256);
}
