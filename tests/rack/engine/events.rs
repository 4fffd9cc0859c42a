//! Events of devices, and messages to them, in their latent frames.

use bendrack::engine::{Engine, Frame};
use bendrack_nodes::input::Controls;
use bendrack_nodes::program::message::Midi;
use candle_core::Result;
use serde_json::json;

use crate::rig::{PROMPT, cc, chunks, engine, key, lanes_of, moving, patch};

#[test]
fn an_event_acts_from_its_latent_frame_on() -> Result<()> {
    let patch = moving(&[("cc", "midi.cc", json!({ "number": 7 }))], &[("cc.out", "gain.amount")]);
    let mut engine = engine(&patch);
    let mut controls = Controls::default();
    engine.step(&lanes_of(&mut controls, [&[], &[cc(7, 0.25)], &[cc(7, 0.5), cc(7, 0.75)]]))?;
    let amounts = |engine: &Engine| engine.program().bends[0].amount.to_vec();
    // The cable moves the amount by a quarter of the controller's value.
    let base = amounts(&engine)[0];
    assert_eq!(amounts(&engine), [base, base + 0.0625, base + 0.1875]);
    // Other steps of the chunk have the same controls.
    engine.step(&lanes_of(&mut controls, [&[cc(7, 0.0)]]))?;
    assert_eq!(amounts(&engine)[2..], [base + 0.1875]);
    // In further frames, the last controls hold.
    chunks(&mut engine, 1);
    while !engine.is_between_chunks() {
        engine.step(&[])?;
    }
    engine.step(&lanes_of(&mut controls, [&[cc(7, 0.125)]]))?;
    assert_eq!(amounts(&engine), [base + 0.03125; 3]);
    Ok(())
}

#[test]
fn a_key_resets_the_chunk_of_its_frame_once() {
    let patch = moving(
        &[("key", "midi.note", json!({})), ("reset", "cache.reset", json!({}))],
        &[("key.gate", "reset.trigger")],
    );
    let mut engine = engine(&patch);
    let mut controls = Controls::default();
    let resets = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.0]].map(|velocities| {
        let events = velocities.map(|velocity| if velocity > 0.0 { vec![key(velocity)] } else { Vec::new() });
        let lanes = lanes_of(&mut controls, [&events[0], &events[1], &events[2]]);
        engine.step(&lanes).expect("a step");
        let resets = engine.program().cache.reset;
        while !engine.is_between_chunks() {
            engine.step(&[]).expect("a step");
        }
        resets
    });
    assert_eq!(resets, [false, true, false]);
}

/// A wave of one second holds a note, plays another one four times a latent frame, and switches the recorder.
#[test]
fn a_frame_has_its_messages_and_the_state_of_the_recorder() {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "square" })),
        ("fast", "modulate.lfo", json!({ "rate": 8.0 })),
        ("key", "midi.out", json!({ "send": "note", "note": 60 })),
        ("roll", "midi.out", json!({ "send": "note", "note": 61 })),
        ("knob", "midi.out", json!({ "number": 7, "value": 0.25 })),
        ("video", "output.record", json!({})),
    ];
    let cables = [("wave.out", "key.gate"), ("fast.wrap", "roll.gate"), ("wave.out", "video.gate")];
    let frames = chunks(&mut engine(&patch(&nodes, &cables)), 2).concat();
    let of = |node: &str| -> Vec<Midi> {
        let says = |frame: &Frame| frame.midi.iter().find(|it| &*it.node == node).expect("it plays").midi;
        frames.iter().map(says).collect()
    };
    let key = |midi: &Midi| match midi {
        Midi::Note { held, hits, .. } => (*held, *hits),
        Midi::Controller { .. } | Midi::Clock { .. } => panic!("a key"),
    };
    // One picture of the first latent frame, four of each of the others: two are off, two on.
    let latents: Vec<bool> = frames.iter().map(|frame| frame.latent % 4 >= 2).collect();
    assert_eq!(frames.iter().map(|frame| frame.recorded).collect::<Vec<_>>(), latents);
    let struck: Vec<usize> = (0..frames.len()).filter(|at| key(&of("key")[*at]).1 > 0).collect();
    assert_eq!(of("key").iter().map(|midi| key(midi).0).collect::<Vec<_>>(), latents);
    // Picture 5 is the first of latent frame 2, and 21 would be that of 6.
    assert_eq!(struck, [5]);
    assert_eq!(of("roll")[5..13].iter().map(|midi| key(midi).1).collect::<Vec<_>>(), [1, 0, 1, 0, 1, 0, 1, 0]);
    assert!(
        of("knob").iter().all(|midi| *midi == Midi::Controller { channel: 1, number: 7, value: 0.25, fine: false })
    );
    assert!(frames.iter().all(|frame| frame.messages.is_empty()), "nothing of this goes by OSC");
}
