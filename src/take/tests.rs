//! Takes of random performances: written, read, and made again.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{ControlId, ControlName, Event};
use bendrack_nodes::node::sound::{BANDS, Hop};
use bendrack_nodes::patch::{LevelEdit, Patch};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::json;

use super::lock::is_recording;
use super::write::{TakeFile, value_of};
use super::{Header, Summary, Take, VERSION};
use crate::engine::{Checksum, Entry};

pub(super) fn first_bend() -> Patch {
    Patch::from_json(include_str!("../../patches/first_bend.json")).expect("a patch")
}

pub(super) fn header(patch: &Patch) -> Header {
    Header {
        version: VERSION,
        bendrack: "0.1.0".to_owned(),
        model: "mini".to_owned(),
        family: "mini".to_owned(),
        model_sha256: "12".to_owned(),
        size: [128, 128],
        zoom: 4,
        exact: false,
        clip: None,
        sound: None,
        processor: "some".to_owned(),
        patch: value_of(patch),
    }
}

/// The patch with another seed and another rate, and its plan.
fn patched(seed: u64, rate: f64) -> Entry {
    let mut patch = first_bend();
    patch.engine.seed = seed;
    let id = patch.nodes.iter().find(|(_, node)| node.kind == "modulate.lfo").expect("an LFO").0.clone();
    patch.apply(LevelEdit::SetParam { id, name: "rate".into(), value: Some(json!(rate)) }).expect("an edit");
    let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
    Entry::Patch { patch: Arc::new(patch), plan: Arc::new(plan) }
}

fn device() -> impl Strategy<Value = Option<Arc<str>>> {
    prop::option::of("[a-z \"]{0,3}").prop_map(|name| name.map(Arc::from))
}

/// A control of MIDI of any kind, with its device.
fn midi_control() -> impl Strategy<Value = ControlId> {
    (0..8_usize, 1..=16_u8, 0..=127_u8, 0..=0x3FFF_u16, device()).prop_map(
        |(kind, channel, number, parameter, device)| {
            let name = match kind {
                0 => ControlName::Cc { channel, number },
                1 => ControlName::Note { channel, number },
                2 => ControlName::PitchBend { channel },
                3 => ControlName::Pressure { channel },
                4 => ControlName::KeyPressure { channel, number },
                5 => ControlName::Program { channel },
                6 => ControlName::Nrpn { channel, number: parameter },
                _ => ControlName::Rpn { channel, number: parameter },
            };
            ControlId { name, device }
        },
    )
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let number = || prop_oneof![Just(0.0), Just(1.0), any::<f64>().prop_filter("finite", |x| x.is_finite())];
    let event = prop_oneof![
        (1..=16_u8, 0..=127_u8, number()).prop_map(|(channel, number, value)| Event::cc(channel, number, value)),
        (1..=16_u8, 0..=127_u8, number())
            .prop_map(|(channel, number, velocity)| Event::note(channel, number, velocity)),
        (midi_control(), number()).prop_map(|(control, number)| Event::new(control, &[number])),
        (device(), [number(), number(), number()])
            .prop_map(|(device, numbers)| Event::new(ControlId { name: ControlName::Clock, device }, &numbers)),
        (device(), number())
            .prop_map(|(device, number)| Event::new(ControlId { name: ControlName::Online, device }, &[number])),
        ("/[a-z/\"\\\\é]{0,4}", prop::collection::vec(number(), 0..4))
            .prop_map(|(address, numbers)| Event::osc(address, &numbers)),
        ("[a-z]{1,3}", device(), prop::collection::vec(number(), 0..4)).prop_map(|(name, device, numbers)| {
            Event::new(ControlId { name: ControlName::Sensor { name: name.into() }, device }, &numbers)
        }),
        // Any finite band, bit for bit.
        prop::array::uniform31(any::<f32>().prop_filter("finite", |x| x.is_finite()))
            .prop_map(|bands| Event::Sound(Box::new(Hop { bands }))),
    ];
    let entry = prop_oneof![
        4 => (0..100_u64, event).prop_map(|(frame, event)| Entry::Event { frame, event }),
        1 => (0..u64::MAX, 0.0..9.0).prop_map(|(seed, rate)| patched(seed, rate)),
        1 => (1..4_usize).prop_map(|frames| Entry::Make { frames }),
        2 => Just(Entry::Call),
        1 => Just(Entry::Fail),
        1 => Just(Entry::Forget),
        1 => (1..4_usize).prop_map(|frames| Entry::Show { frames }),
        1 => (any::<u64>(), any::<u32>()).prop_map(|(pictures, crc)| Entry::Check(Checksum { pictures, crc })),
    ];
    prop::collection::vec(entry, 0..40)
}

/// Entries as text: plans have no other equality.
fn texts(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| match entry {
        Entry::Patch { patch, .. } => patch.to_json(),
        other => format!("{other:?}"),
    };
    entries.iter().map(text).collect()
}

fn written(path: &Path, entries: &[Entry]) {
    let mut file = TakeFile::begin(path, &header(&first_bend())).expect("a file");
    for entry in entries {
        file.write(entry).expect("an entry");
    }
    file.finish().expect("an end");
}

fn read_entries(path: &Path) -> Vec<Entry> {
    Take::read(path).expect("a take").entries.into_iter().map(|(_, entry)| entry).collect()
}

/// The take with another text.
fn with_text(path: &Path, change: impl FnOnce(String) -> String) {
    let mut text = String::new();
    MultiGzDecoder::new(std::fs::File::open(path).expect("a file")).read_to_string(&mut text).expect("text");
    let mut out = GzEncoder::new(std::fs::File::create(path).expect("a file"), flate2::Compression::fast());
    out.write_all(change(text).as_bytes()).and_then(|()| out.finish()).expect("written");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_take_reads_as_it_was_written(entries in entries()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.take");
        written(&path, &entries);
        let take = Take::read(&path).expect("a take");
        prop_assert_eq!(&take.header, &header(&first_bend()));
        prop_assert!(!take.is_cut);
        let read: Vec<Entry> = take.entries.into_iter().map(|(_, entry)| entry).collect();
        prop_assert_eq!(texts(&read), texts(&entries));
    }

    /// A truncated file reads as a prefix of the written entries.
    #[test]
    fn a_take_that_is_cut_anywhere_is_read_up_to_there(entries in entries(), share in 0.0..1.0_f64) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.take");
        written(&path, &entries);
        let whole = std::fs::read(&path).expect("bytes");
        std::fs::write(&path, &whole[..(share * whole.len() as f64) as usize]).expect("a shorter file");
        match Take::read(&path) {
            Ok(take) => {
                let read: Vec<Entry> = take.entries.into_iter().map(|(_, entry)| entry).collect();
                prop_assert!(take.is_cut && texts(&entries).starts_with(&texts(&read)));
            }
            Err(error) => prop_assert!(error.to_string().contains("not a take"), "{}", error),
        }
    }

    #[test]
    fn a_damaged_take_never_panics(entries in entries(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.take");
        written(&path, &entries);
        let mut bytes = std::fs::read(&path).expect("bytes");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        std::fs::write(&path, bytes).expect("a damaged file");
        if let Err(error) = Take::read(&path) {
            prop_assert!(error.to_string().contains("a.take"));
        }
    }
}

/// Only a take with a running writer is marked as recording. A copy of it is cut, and not recording.
#[test]
fn a_take_that_is_recorded_is_marked_until_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let [path, broken] = ["a.take", "broken.take"].map(|name| folder.path().join(name));
    let state = |path: &Path| {
        let (take, summary) = (Take::read(path).expect("a take"), Summary::read(path).expect("a summary"));
        assert_eq!((take.is_cut, take.is_recording), (summary.is_cut, summary.is_recording));
        (take.is_cut, take.is_recording)
    };
    let mut file = TakeFile::begin(&path, &header(&first_bend())).expect("a file");
    file.write(&Entry::Make { frames: 3 }).and_then(|()| file.flush()).expect("an entry");
    assert_eq!(state(&path), (true, true));
    assert!(is_recording(&path), "reading it takes nothing away");
    std::fs::copy(&path, &broken).expect("a copy");
    assert_eq!(state(&broken), (true, false));
    file.finish().expect("an end");
    assert_eq!(state(&path), (false, false));
    assert!(!is_recording(&path) && !is_recording(&folder.path().join("none.take")));
}

#[test]
fn a_wrong_line_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.take");
    for (line, why) in [
        ("[\"dance\",1]", "line 3: \"dance\" is an unknown kind of line"),
        ("[4,0.5]", "line 3: control 4 has no name; 0 names are known"),
        ("nonsense", "line 3: not a JSON array"),
        ("[]", "line 3: an empty array"),
        ("[\"name\",\"cc\",17,1]", "line 3: 17 is not within 1 to 16"),
        ("[\"call\",1e9]", "line 3: 1000000000.0 is not a whole number"),
        ("[\"call\",100000000]", "line 3: 100000000 model calls in one line"),
        ("[\"sound\",[1,2]]", "line 3: 2 bands of sound instead of 31"),
        ("[\"patch\",[{\"op\":\"remove\",\"path\":\"/nobody\"}]]", "line 3: the patch cannot change so"),
        ("[\"patch\",[{\"op\":\"replace\",\"path\":\"/nodes\",\"value\":7}]]", "line 3: the patch: "),
        ("[\"check\",1,\"xyz\"]", "line 3: a checksum is eight hexadecimal digits"),
        ("[\"fail\",1]", "line 3: \"fail\" is an unknown kind of line, or its values are wrong"),
    ] {
        let _ = std::fs::remove_file(&path);
        written(&path, &[Entry::Make { frames: 3 }, Entry::Call]);
        with_text(&path, |text| text.replace("[\"call\",1]", line));
        let error = Take::read(&path).expect_err(line).to_string();
        assert!(error.contains(why) && error.contains("a.take"), "{line}: {error}");
    }
    for (from, to, why) in [
        ("\"bendrack-take\":3", "\"bendrack-take\":4", "a take of version 4; this bendrack reads versions 1 to 3"),
        ("\"bendrack-take\":3", "\"bendrack-take\":0", "a take of version 0"),
        ("\"bendrack-take\":3", "\"song\":1", "not a take of bendrack"),
        ("\"size\":[128,128],", "", "line 1: missing field `size`"),
        ("\"model.wan\"", "\"model.wan\",\"type\":7", "line 1"),
    ] {
        let _ = std::fs::remove_file(&path);
        written(&path, &[]);
        with_text(&path, |text| text.replace(from, to));
        let error = Take::read(&path).expect_err(to).to_string();
        assert!(error.contains(why), "{to}: {error}");
    }
    std::fs::write(&path, "no gzip").expect("a file");
    assert!(Take::read(&path).expect_err("no gzip").to_string().contains("not a take"));
}

#[test]
fn a_take_of_version_1_reads_as_it_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.take");
    let bands = [0.3; BANDS];
    let sound = Entry::Event { frame: 2, event: Event::Sound(Box::new(Hop { bands })) };
    let entries = [sound, Entry::Make { frames: 3 }, Entry::Call, Entry::Show { frames: 1 }];
    written(&path, &entries);
    // Version 1 had the digits of 64 bits.
    with_text(&path, |text| {
        text.replace("\"bendrack-take\":3", "\"bendrack-take\":1").replace("0.3", "0.30000001192092896")
    });
    let take = Take::read(&path).expect("a take");
    assert_eq!((take.header.version, texts(&read_entries(&path))), (1, texts(&entries)));
}

#[test]
fn a_take_takes_no_other_files_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.take");
    std::fs::write(&path, "mine").expect("a file");
    assert!(TakeFile::begin(&path, &header(&first_bend())).is_err());
    assert_eq!(std::fs::read(&path).expect("a file"), b"mine");
}

/// Eight faders at thirty messages a second for ten minutes.
#[test]
fn ten_minutes_of_eight_faders_are_less_than_a_megabyte() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.take");
    let mut file = TakeFile::begin(&path, &header(&first_bend())).expect("a file");
    for tick in 0..10 * 60 * 30_u32 {
        let frame = u64::from(tick * 4 / 30);
        for fader in 0..8_u32 {
            // A hand that moves: TouchOSC sends floats of 32 bits.
            let hand = 0.5 + 0.5 * (f64::from(tick) / (20.0 + f64::from(fader))).sin();
            let event = Event::osc(format!("/1/fader{fader}"), &[f64::from(hand as f32)]);
            file.write(&Entry::Event { frame, event }).expect("an entry");
        }
        if tick % 30 == 0 {
            file.flush().expect("a flush");
        }
    }
    file.finish().expect("an end");
    let bytes = std::fs::metadata(&path).expect("a file").len();
    assert!(bytes < 1_000_000, "{bytes} bytes");
    assert_eq!(read_entries(&path).len(), 8 * 18_000);
}
