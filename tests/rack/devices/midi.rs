//! MIDI inputs and outputs. They need a MIDI system: ALSA's sequencer, or with `--features jack` a server, such as
//! `jackd -r -d dummy`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bendrack::io::midi_out::PartOfName;
use bendrack::io::{Kind, Settings, State};
use bendrack_nodes::input::Control;
use bendrack_nodes::program::message::{Midi, Played};
use midir::os::unix::{VirtualInput, VirtualOutput};
use midir::{MidiInput, MidiInputConnection, MidiOutput, MidiOutputConnection};

use super::{Other, SOON, is_open, light, open, task, within};

fn played(node: &str, midi: Midi) -> Played {
    Played { node: node.into(), device: Arc::default(), midi }
}

fn keyboard(name: &str) -> MidiOutputConnection {
    let output = MidiOutput::new("bendrack test").expect("a MIDI system");
    output.create_virtual(name).expect("a virtual port")
}

#[test]
#[ignore = "the second process of a_keyboard_is_read_unplugged_and_read_again"]
fn player() {
    let Some(name) = task() else { return };
    let mut keyboard = keyboard(&name);
    for step in (0_u8..=127).cycle() {
        let messages: [&[u8]; 4] = [&[0xB2, 7, step], &[0xF8], &[0x90, 60, 127], &[0xB0, 1, 127]];
        for message in messages {
            keyboard.send(message).expect("it is sent");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_keyboard_is_read_unplugged_and_read_again() {
    if let Err(problem) = bendrack::io::midi::inputs() {
        println!("skipped: {problem}");
        return;
    }
    let name = format!("keys{}", std::process::id());
    let midi = vec![bendrack::io::midi::MidiInputs::Named(name.to_uppercase())];
    let (devices, inbox) = open(&Settings { midi, ..Settings::none() });
    let cc = |key| inbox.latest().cc(key).and_then(Control::last);
    let held = || inbox.latest().note((1, 60)).is_some();
    within(SOON, "it is waited for", || light(&devices, Kind::Midi).is_some_and(|light| light.state == State::Waiting));

    let player = Other::start(module_path!(), "player", &name);
    within(SOON, "values", || cc((1, 1)) == Some(1.0) && cc((3, 7)).is_some() && held());
    assert!(is_open(&devices, Kind::Midi));

    drop(player);
    within(SOON, "it is waited for", || !is_open(&devices, Kind::Midi));
    assert!(!held(), "no key of a lost keyboard stays down");
    inbox.take(Instant::now());

    let _player = Other::start(module_path!(), "player", &name);
    within(SOON, "values flow again", || !inbox.take(Instant::now()).is_empty());
}

/// Messages, each with its bytes.
type Received = Arc<Mutex<Vec<Vec<u8>>>>;

/// A synthesizer that records its messages.
fn synthesizer(name: &str) -> (MidiInputConnection<()>, Received) {
    let received = Received::default();
    let notes = received.clone();
    let input = MidiInput::new("bendrack test").expect("a MIDI system");
    let write = move |_, bytes: &[u8], (): &mut ()| notes.lock().expect("notes").push(bytes.to_vec());
    (input.create_virtual(name, write, ()).expect("a virtual port"), received)
}

#[test]
fn notes_of_a_patch_arrive_and_end_with_bendrack() {
    if let Err(problem) = bendrack::io::midi::outputs() {
        println!("skipped: {problem}");
        return;
    }
    let name = format!("synth{}", std::process::id());
    let (_synthesizer, received) = synthesizer(&name);
    let (_another, other_notes) = synthesizer("another");
    let received = || received.lock().expect("notes").clone();
    let (devices, _) = open(&Settings { midi_out: vec![PartOfName(name.to_uppercase()).into()], ..Settings::none() });
    within(SOON, "the port is open", || is_open(&devices, Kind::MidiOut));
    let out = devices.outputs().midi().first().expect("it may be played on").clone();
    let controller = |value| Midi::Controller { channel: 2, number: 7, value, fine: false };
    let key = |hits| Midi::Note { channel: 1, number: 60, velocity: 1.0, held: true, hits };
    out.send(&[played("a", controller(0.0)), played("b", key(1))]);
    within(SOON, "a key and a controller", || received() == [vec![0x90, 60, 127], vec![0xB1, 7, 0]]);
    // A controller that changes faster than the rate of messages.
    let begin = Instant::now();
    for step in 0..1000 {
        out.send(&[played("a", controller(f64::from(step % 128) / 127.0)), played("b", key(0))]);
        std::thread::sleep(Duration::from_millis(2));
    }
    let (count, secs) = (received().len(), begin.elapsed().as_secs_f64());
    assert!(count as f64 <= 100.0 * (secs + 1.0), "{count} messages in {secs} s");
    let last = vec![0xB1, 7, (999 % 128) as u8];
    within(SOON, "the last place of the controller", || received().last() == Some(&last));
    drop(devices);
    within(SOON, "the end", || received().ends_with(&[vec![0x80, 60, 0], vec![0xB0, 123, 0]]));
    assert!(other_notes.lock().expect("notes").is_empty(), "another port is left alone");
    // Without a receiver the message does no harm.
    out.send(&[played("b", key(1))]);
}
