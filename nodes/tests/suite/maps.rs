//! Maps: takeover, relative encoders, buttons, laws and smoothing, and the controls of several devices.

#![expect(clippy::float_cmp, reason = "positions are exact")]

use std::sync::Arc;

use bendrack_nodes::input::{ComputerKey, ControlId, ControlName, Controls, Event, GamepadPart};
use bendrack_nodes::patch::{ControlMap, Law, MapMode, MapSet, Patch, Takeover, loaded};
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use proptest::prelude::*;
use serde_json::json;

use crate::patching::{DT_SECS, compile, patch};

/// A knob or button with a map, and the state of its devices.
struct Rig {
    patch: Patch,
    memory: Memory,
    controls: Controls,
}

const CC: ControlName = ControlName::Cc { channel: 1, number: 20 };

impl Rig {
    /// A knob from 0 to 1 at a position, with these maps.
    fn new(value: f64, maps: Vec<ControlMap>) -> Self {
        let mut patch = patch(&[("k", "control.knob", json!({ "value": value }))], &[]);
        patch.maps = maps;
        Self { patch, memory: Memory::default(), controls: Controls::default() }
    }

    /// The position after a latent frame with these values of the controller.
    fn frame(&mut self, values: &[f64]) -> f64 {
        self.frame_of(&values.iter().map(|value| Event::new(CC, &[*value])).collect::<Vec<_>>())
    }

    fn frame_of(&mut self, events: &[Event]) -> f64 {
        self.controls.extend(events);
        let (lanes, measurements) = ([Arc::new(self.controls.clone())], Measurements::new());
        let inputs = Inputs {
            lanes: &lanes,
            measurements: &measurements,
            first_frame: 0,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
        compile(&self.patch).program(&inputs, &mut self.memory, 1);
        self.controls.end_frame();
        self.memory.output("k", "out").expect("a number")
    }
}

fn map(mode: MapMode, takeover: Takeover) -> ControlMap {
    ControlMap { mode, takeover, ..ControlMap::new(CC, "k.value".parse().expect("a port"), [0.0, 1.0]) }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn pickup_waits_for_the_hand_to_pass() {
    let mut rig = Rig::new(0.5, vec![map(MapMode::Absolute, Takeover::Pickup)]);
    assert_eq!([&[][..], &[0.1], &[0.3], &[0.4]].map(|values| rig.frame(values)), [0.5; 4]);
    let knob = rig.memory.knob("k", "value").expect("a knob");
    assert_eq!((knob.position, knob.hand, knob.has_knob), (0.5, Some(0.4), false), "the mark of the hand");
    assert_eq!(rig.frame(&[0.6]), 0.6, "it passed between two messages");
    assert_eq!(rig.frame(&[0.2]), 0.2);
    assert_eq!(rig.frame(&[]), 0.2, "and holds the knob");
    // The mouse or a snapshot moves the knob: the hand must meet it again.
    rig.patch.nodes.get_mut("k").expect("a knob").params.insert("value".into(), json!(0.8));
    assert_eq!([&[][..], &[0.3], &[0.5]].map(|values| rig.frame(values)), [0.8; 3]);
    assert_eq!(rig.frame(&[0.805]), 0.805, "within a step of a controller");
    // Down and up again within one frame passes too.
    let mut rig = Rig::new(0.5, vec![map(MapMode::Absolute, Takeover::Pickup)]);
    assert_eq!(rig.frame(&[0.9, 0.1, 0.7]), 0.7);
}

#[test]
fn a_knob_beyond_the_range_is_met_at_its_end() {
    let low = ControlMap { range: [0.0, 0.5], ..map(MapMode::Absolute, Takeover::Pickup) };
    let mut rig = Rig::new(0.9, vec![low]);
    assert_eq!(rig.frame(&[0.2, 0.6]), 0.9);
    assert_eq!(rig.frame(&[1.0]), 0.5);
}

#[test]
fn scale_reaches_both_ends_together() {
    let mut rig = Rig::new(0.5, vec![map(MapMode::Absolute, Takeover::Scale)]);
    assert_eq!(rig.frame(&[0.2]), 0.5, "the first message has no direction");
    assert!(near(rig.frame(&[0.6]), 0.75), "half of the hand's way up is half of the knob's");
    assert!(near(rig.frame(&[1.0]), 1.0));
    assert!(near(rig.frame(&[0.3]), 0.3), "from the end on, both are the same");
}

#[test]
fn jump_follows_at_once_and_hides_the_knob() {
    let mut rig = Rig::new(0.5, vec![map(MapMode::Absolute, Takeover::Jump)]);
    assert_eq!((rig.frame(&[]), rig.frame(&[0.9]), rig.frame(&[])), (0.5, 0.9, 0.9));
    rig.patch.nodes.get_mut("k").expect("a knob").params.insert("value".into(), json!(0.1));
    assert_eq!(rig.frame(&[]), 0.9);
}

#[test]
fn encoders_of_all_codings_move_by_steps() {
    let byte = |byte: u8| f64::from(byte) / 127.0;
    for (mode, forward, backward) in [
        (MapMode::TwosComplement, [1, 3], [127, 125]),
        (MapMode::BinaryOffset, [65, 67], [63, 61]),
        (MapMode::SignedBit, [1, 3], [65, 67]),
        (MapMode::SignedBit2, [65, 67], [1, 3]),
    ] {
        let mut rig = Rig::new(0.5, vec![ControlMap { step: 0.01, ..map(mode, Takeover::Pickup) }]);
        assert!(near(rig.frame(&[byte(forward[0]); 3]), 0.53), "{mode:?}: equal messages count");
        assert!(near(rig.frame(&[byte(forward[1])]), 0.56), "{mode:?}: fast turns are several steps");
        assert!(near(rig.frame(&backward.map(byte)), 0.52), "{mode:?}");
        assert!(near(rig.frame(&[]), 0.52), "{mode:?}");
        rig.frame(&[byte(backward[1]); 60]);
        assert!(near(rig.frame(&[byte(forward[0])]), 0.01), "{mode:?}: the end is the end");
    }
}

#[test]
fn the_bank_decides_which_maps_act_and_a_hand_must_meet_its_knob_again() {
    let in_bank = |bank: u8, to: &str| ControlMap {
        to: to.parse().expect("a port"),
        bank,
        ..map(MapMode::Absolute, Takeover::Pickup)
    };
    let mut rig = Rig::new(0.0, vec![in_bank(1, "k.value"), in_bank(2, "other.value"), in_bank(0, "third.value")]);
    rig.patch = patch(
        &[
            ("k", "control.knob", json!({})),
            ("other", "control.knob", json!({})),
            ("third", "control.knob", json!({})),
            ("bank", "control.bank", json!({ "bank": 1 })),
        ],
        &[],
    );
    rig.patch.maps = vec![in_bank(1, "k.value"), in_bank(2, "other.value"), in_bank(0, "third.value")];
    let turn = |rig: &mut Rig, bank: f64, value: f64| {
        rig.patch.nodes.get_mut("bank").expect("a bank").params.insert("bank".into(), json!(bank));
        // The bank acts from the next latent frame on.
        rig.frame(&[]);
        rig.frame(&[value]);
        ["k", "other", "third"].map(|id| rig.memory.output(id, "out").expect("a number"))
    };
    assert_eq!(turn(&mut rig, 1.0, 0.0), [0.0; 3]);
    assert_eq!(turn(&mut rig, 1.0, 0.5), [0.5, 0.0, 0.5]);
    assert_eq!(turn(&mut rig, 2.0, 0.75), [0.5, 0.0, 0.75], "the hand is elsewhere");
    assert_eq!(turn(&mut rig, 2.0, 0.0), [0.5, 0.0, 0.0]);
    assert_eq!(turn(&mut rig, 2.0, 0.25), [0.5, 0.25, 0.25]);
    assert_eq!(turn(&mut rig, 1.0, 0.375), [0.5, 0.25, 0.375], "back in the first, the knob waits");
    assert_eq!(turn(&mut rig, 1.0, 0.625), [0.625, 0.25, 0.625]);
    // Lamps and rings show the maps of the bank alone.
    let shown = |rig: &mut Rig| {
        let (lanes, measurements) = ([Arc::new(rig.controls.clone())], Measurements::new());
        let inputs = Inputs {
            lanes: &lanes,
            measurements: &measurements,
            first_frame: 0,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
        let program = compile(&rig.patch).program(&inputs, &mut rig.memory, 1);
        program.mapped.iter().map(|mapped| mapped.parts[0]).collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut rig), [0.625, 0.625]);
}

#[test]
fn a_map_in_a_bank_that_is_never_chosen_is_warned_of() {
    let mut patch = patch(&[("k", "control.knob", json!({}))], &[]);
    patch.maps = vec![ControlMap { bank: 2, ..map(MapMode::Absolute, Takeover::Pickup) }];
    let warned = |patch: &Patch| {
        let problems = bendrack_nodes::check::check(patch.to_json().as_bytes(), bendrack_nodes::LIBRARY);
        problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect::<Vec<_>>()
    };
    let never = ("/maps/0/bank".to_owned(), "bank 2 is never chosen; add the node Bank".to_owned());
    assert_eq!(warned(&patch), [never]);
    patch.maps[0].bank = 1;
    assert_eq!(warned(&patch), [], "it is the first bank");
    patch.maps[0].bank = 17;
    assert_eq!(warned(&patch)[0].1, "17 is outside 0 to 16, so the map has no effect; correct the number");
}

#[test]
fn a_set_of_maps_survives_its_file_and_keeps_what_fits_a_patch() {
    let mut first = patch(&[("k", "control.knob", json!({}))], &[]);
    let of = |name: ControlName, to: &str| ControlMap::new(name, to.parse().expect("a port"), [0.0, 1.0]);
    first.maps = vec![
        ControlMap { bank: 3, curve: 0.5, ..of(CC, "k.value") },
        of(ControlName::Gamepad { part: GamepadPart::LeftX }, "k.value"),
        of(ControlName::Key { key: ComputerKey::Seven }, "gone.on"),
    ];
    let set = MapSet::of(&first);
    let text = set.to_json();
    assert_eq!(MapSet::from_slice(text.as_bytes()), Ok(set.clone()));
    assert_eq!(MapSet::from_slice(format!("\u{feff}{text}").as_bytes()), Ok(set.clone()));
    assert!(
        text.contains(r#""kind":"gamepad","part":"left_x""#) && text.contains(r#""kind":"key","key":"7""#),
        "{text}"
    );
    let (fit, missing) = set.split(|port| first.nodes.contains_key(&port.node));
    assert_eq!((fit.len(), loaded(fit.len(), &missing).as_str()), (2, "2 maps; this patch has no gone.on"));
    for (text, why) in [
        ("", "not a set of maps"),
        ("[]", "not a set of maps"),
        (r#"{"format":"bendrack-patch","version":1,"maps":[]}"#, "the format is \"bendrack-patch\""),
        (r#"{"format":"bendrack-maps","version":2,"maps":[]}"#, "a set of version 2"),
        (r#"{"format":"bendrack-maps","version":1,"maps":[{"kind":"cc"}]}"#, "not a set of maps"),
        (
            r#"{"format":"bendrack-maps","version":1,"maps":[{"kind":"key","key":"esc","to":"k.value","range":[0,1]}]}"#,
            "esc",
        ),
    ] {
        let Err(problem) = MapSet::from_slice(text.as_bytes()) else { panic!("{text}") };
        assert!(problem.contains(why), "{problem}");
    }
}

#[test]
fn buttons_toggle_set_and_cycle() {
    let press = &[1.0, 0.0][..];
    let mut toggle = Rig::new(0.0, vec![map(MapMode::Toggle, Takeover::Pickup)]);
    let presses = [press, &[], press, &[1.0, 0.0, 1.0, 0.0], press].map(|values| toggle.frame(values));
    assert_eq!(presses, [1.0, 1.0, 0.0, 0.0, 1.0], "two presses in a frame cancel");
    let mut momentary = Rig::new(0.3, vec![map(MapMode::Momentary, Takeover::Pickup)]);
    assert_eq!(
        [&[][..], &[1.0], &[], &[0.0], press, &[]].map(|values| momentary.frame(values)),
        [0.3, 1.0, 1.0, 0.0, 1.0, 0.0]
    );
    // Radio buttons: several notes, each with its own position.
    let radio = |number: u8, position: f64| ControlMap {
        from: ControlName::Note { channel: 1, number }.into(),
        range: [0.0, position],
        ..map(MapMode::Set, Takeover::Pickup)
    };
    let mut radios = Rig::new(0.0, vec![radio(36, 0.25), radio(37, 0.5), radio(38, 0.75)]);
    let strike = |number: u8| [Event::note(1, number, 0.8), Event::note(1, number, 0.0)];
    assert_eq!([37, 38, 36].map(|number| radios.frame_of(&strike(number))), [0.5, 0.75, 0.25]);
    assert_eq!(radios.frame_of(&[]), 0.25);
    let mut cycle = Rig::new(0.0, vec![ControlMap { step: 0.25, ..map(MapMode::Cycle, Takeover::Pickup) }]);
    let steps = [press; 6].map(|values| cycle.frame(values));
    assert_eq!(steps, [0.25, 0.5, 0.75, 1.0, 0.0, 0.25]);
}

#[test]
fn a_button_is_pressed_toggled_and_triggered() {
    let gates = |mode: MapMode, frames: &[&[f64]]| {
        let mut rig = Rig::new(0.0, Vec::new());
        rig.patch = patch(&[("k", "control.button", json!({}))], &[]);
        rig.patch.maps = vec![ControlMap { to: "k.on".parse().expect("a port"), ..map(mode, Takeover::Pickup) }];
        let mut gate = |values: &&[f64]| {
            rig.controls.extend(&values.iter().map(|value| Event::new(CC, &[*value])).collect::<Vec<_>>());
            let (lanes, measurements) = ([Arc::new(rig.controls.clone())], Measurements::new());
            let inputs = Inputs {
                lanes: &lanes,
                measurements: &measurements,
                first_frame: 0,
                dt_secs: DT_SECS,
                step: DenoisingStep::default(),
            };
            compile(&rig.patch).program(&inputs, &mut rig.memory, 1);
            rig.controls.end_frame();
            rig.memory.output("k", "gate").expect("a gate")
        };
        frames.iter().map(&mut gate).collect::<Vec<_>>()
    };
    let press = &[1.0, 0.0][..];
    assert_eq!(gates(MapMode::Toggle, &[press, &[], press, &[]]), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(gates(MapMode::Momentary, &[&[1.0], &[], &[0.0], press]), [1.0, 1.0, 0.0, 1.0]);
    assert_eq!(gates(MapMode::Set, &[&[1.0], &[], &[0.0]]), [1.0, 0.0, 0.0], "a trigger");
}

#[test]
fn a_logarithmic_knob_moves_by_factors_and_a_curve_bends_its_way() {
    let mut lfo = patch(&[("k", "modulate.lfo", json!({}))], &[]);
    let mut map = ControlMap {
        to: "k.rate".parse().expect("a port"),
        range: [0.01, 1.0],
        ..map(MapMode::Absolute, Takeover::Jump)
    };
    let mut rate = |map: &ControlMap, value: f64| {
        lfo.maps = vec![map.clone()];
        let controls = Controls::from_iter([Event::new(CC, &[value])]);
        let (lanes, measurements, mut memory) = ([Arc::new(controls)], Measurements::new(), Memory::default());
        let inputs = Inputs {
            lanes: &lanes,
            measurements: &measurements,
            first_frame: 0,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
        compile(&lfo).program(&inputs, &mut memory, 1);
        memory.knob("k", "rate").expect("a knob").position
    };
    assert!(near(rate(&map, 0.5), 0.1));
    map.law = Law::Linear;
    assert!(near(rate(&map, 0.5), 0.505));
    map.curve = -1.0;
    assert!(near(rate(&map, 0.5), 0.01 + 0.99 * 0.5_f64.powi(8)));
    map.curve = 0.0;
    map.input = [0.25, 0.75];
    assert!(near(rate(&map, 0.5), 0.505) && near(rate(&map, 0.1), 0.01) && near(rate(&map, 0.75), 1.0));
}

#[test]
fn smoothing_takes_its_time_and_leaves_buttons_crisp() {
    let smooth = ControlMap { smooth: 1.0, ..map(MapMode::Absolute, Takeover::Jump) };
    let mut rig = Rig::new(0.2, vec![smooth]);
    rig.frame(&[0.2]);
    let positions: Vec<f64> = [&[0.7][..], &[], &[], &[]].iter().map(|values| rig.frame(values)).collect();
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "{positions:?}");
    assert!(near(positions[3], 0.2 + 0.5 * 0.9), "90 % after a second: {positions:?}");
    let mut rig = Rig::new(0.0, vec![ControlMap { smooth: 1.0, ..map(MapMode::Absolute, Takeover::Jump) }]);
    rig.frame(&[0.0]);
    assert_eq!(rig.frame(&[1.0]), 1.0, "from end to end");
}

#[test]
fn two_devices_stay_two_and_a_map_of_neither_takes_both() {
    let of = |device: &str| ControlId { name: CC, device: Some(device.into()) };
    let event = |device: &str, value: f64| Event::new(of(device), &[value]);
    let left = ControlMap { from: of("left"), ..map(MapMode::Absolute, Takeover::Jump) };
    let mut rig = Rig::new(0.5, vec![left]);
    assert_eq!(rig.frame_of(&[event("right", 0.9)]), 0.5);
    assert_eq!(rig.frame_of(&[event("left", 0.1), event("right", 0.2)]), 0.1);
    let mut any = Rig::new(0.5, vec![map(MapMode::Absolute, Takeover::Jump)]);
    assert_eq!(any.frame_of(&[event("left", 0.1), event("right", 0.2)]), 0.2);
    let omni = ControlMap {
        from: ControlName::Cc { channel: 0, number: 20 }.into(),
        ..map(MapMode::Absolute, Takeover::Jump)
    };
    let mut rig = Rig::new(0.5, vec![omni]);
    let on_5 = Event::cc(5, 20, 0.4).on(&Arc::from("left"));
    assert_eq!(rig.frame_of(&[on_5]), 0.4);
}

#[test]
fn a_key_of_two_keyboards_is_off_when_both_are() {
    let [left, right] = ["left", "right"].map(Arc::<str>::from);
    let note = |device: &Arc<str>, velocity: f64| Event::note(1, 60, velocity).on(device);
    let mut controls = Controls::default();
    controls.extend(&[note(&left, 0.5), note(&right, 0.7), note(&left, 0.0)]);
    controls.end_frame();
    assert!(controls.note((1, 60)).is_some() && controls.note((0, 60)).is_some(), "the right one is held");
    assert_eq!(controls.keys().count(), 1);
    controls.extend(&[note(&right, 0.0)]);
    controls.end_frame();
    assert!(controls.note((1, 60)).is_none() && controls.note((0, 60)).is_none());
}

#[test]
fn maps_of_earlier_files_jump_as_they_did() {
    let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": { "k": { "type": "control.knob" } },
  "maps": [{ "channel": 2, "cc": 7.0, "to": "k.value", "range": [1.0, 0.5], "hue": 1 }] }"#;
    let patch = Patch::from_json(text).expect("a patch");
    let map = &patch.maps[0];
    assert_eq!(map.from, ControlName::Cc { channel: 2, number: 7 }.into());
    assert_eq!((map.takeover, map.law, map.rest.len()), (Takeover::Jump, Law::Linear, 1));
    assert_eq!(Patch::from_json(&patch.to_json()).expect("a patch"), patch);
}

/// An end of a range, also one that no knob has.
fn end() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -2.0..2.0_f64, 1 => Just(f64::MAX), 1 => Just(f64::MIN), 1 => Just(f64::MIN_POSITIVE), 1 => Just(0.0)]
}

proptest! {
    /// Whatever a hand does, the knob stays within its limits, and the same hand gives the same positions.
    #[test]
    fn any_hand_keeps_the_knob_within_its_limits(
        frames in prop::collection::vec(prop::collection::vec(-0.5..1.5_f64, 0..5), 1..12),
        mode in prop::sample::select(<MapMode as bendrack_nodes::choice::Choice>::ALL),
        takeover in prop::sample::select(<Takeover as bendrack_nodes::choice::Choice>::ALL),
        range in [end(), end()],
        input in [end(), end()],
        (curve, smooth, step) in (-9.0..9.0_f64, -1.0..200.0_f64, -1.0..2.0_f64),
    ) {
        let map = ControlMap { range, input, curve, smooth, step, ..map(mode, takeover) };
        let (mut first, mut second) = (Rig::new(0.5, vec![map.clone()]), Rig::new(0.5, vec![map]));
        for values in &frames {
            let position = first.frame(values);
            prop_assert!(position.is_finite(), "{}", position);
            prop_assert_eq!(position.to_bits(), second.frame(values).to_bits());
        }
    }
}
