//! Takes: what is played live is rendered again, bit for bit.

mod playback;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::UdpSocket;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bendrack::engine::{
    Engine, EngineHandle, Entry, Frame, Journal, Model, Phase, Replay, Session, StoredSession, Video,
};
use bendrack::io::{Devices, Settings};
use bendrack::sound::analyse::Analyser;
use bendrack::take::{Performance, Take, TakeWriter};
use bendrack::wan::stored::Tensors;
use bendrack_nodes::input::Event;
use bendrack_nodes::node::sound::Hop;
use bendrack_nodes::patch::{LevelEdit, Patch};
use candle_core::Result;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rosc::{OscMessage, OscPacket, OscType};
use serde_json::json;

use crate::rig::{cc, key, patch, plan};

const SIZE: (usize, usize) = (32, 32);

/// A patch for all kinds of devices, with a tap that feeds back and a view of it.
fn listening() -> Patch {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": "a red heart over a blue gradient" })),
        ("lfo", "modulate.lfo", json!({ "rate": 1.0 })),
        ("noise", "modulate.noise", json!({})),
        ("cc", "midi.cc", json!({ "number": 7 })),
        ("key", "midi.note", json!({})),
        ("osc", "osc.in", json!({ "address": "/a" })),
        ("count", "logic.counter", json!({ "to": 1000 })),
        ("gain", "bend.gain", json!({ "site": "ffn.hidden", "gain": 1.2 })),
        ("turn", "bend.rotate", json!({ "angle": 20.0 })),
        ("words", "target.words", json!({ "words": "heart" })),
        ("map", "tap.map", json!({})),
        ("heat", "output.heatmap", json!({})),
        ("screen", "output.screen", json!({})),
        ("send", "osc.out", json!({ "address": "/count" })),
    ];
    let cables = [
        ("cc.out", "gain.gain"),
        ("lfo.out", "turn.angle"),
        ("osc.out", "turn.amount"),
        ("noise.out", "gain.amount"),
        ("key.gate", "count.up"),
        ("count.count", "send.value"),
        ("words.target", "map.target"),
        ("map.x", "lfo.rate"),
        ("map.map", "heat.map"),
        ("heat.picture", "screen.picture"),
        ("gain.bends", "turn.bends"),
        ("turn.bends", "wan.bends"),
    ];
    patch(&nodes, &cables)
}

/// The patch after one of several edits: a knob, prompt, seed, removed node, or the first patch again.
fn edited(patch: &Patch, choice: u8) -> Patch {
    let mut patch = patch.clone();
    let set = |id: &str, name: &str, value| LevelEdit::SetParam { id: id.into(), name: name.into(), value };
    let edit = match choice % 7 {
        0 => set("turn", "angle", Some(json!(f64::from(choice)))),
        1 => set("wan", "prompt", Some(json!("a white cat over a meadow"))),
        2 => set("wan", "prompt", Some(json!("two yellow planets over black"))),
        3 => {
            patch.engine.seed = u64::from(choice);
            return patch;
        }
        4 => set("gain", "gain", None),
        5 => LevelEdit::RemoveNode { id: "noise".into() },
        _ => return listening(),
    };
    // Fails if the node is already removed.
    let _ = patch.apply(edit);
    patch
}

fn new_session(patch: &Patch) -> Session {
    session_of(patch, SIZE)
}

fn session_of(patch: &Patch, size: (usize, usize)) -> Session {
    let mut engine = Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(patch)), size)).expect("an engine");
    engine.set_zoom(1);
    Session::new(engine, Arc::new(patch.clone()))
}

/// What is seen and sent.
fn seen(frames: &[Frame]) -> Vec<(u64, Vec<u8>, String)> {
    frames.iter().map(|frame| (frame.number, frame.screen.rgb.clone(), format!("{:?}", frame.messages))).collect()
}

fn executed(session: &mut Session, entries: &[(usize, Entry)]) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (_, entry) in entries {
        if let Entry::Check(wanted) = entry {
            assert_eq!(session.checksum(), *wanted);
        }
        frames.extend(session.execute(entry).expect("an entry"));
    }
    frames
}

/// Plays at random: each byte is a decision of a hand or of the clock. Returns the frames.
fn play(session: &mut Session, journal: &mut impl Journal, decisions: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    journal.begin(session);
    let mut act = |session: &mut Session, entry: Entry| {
        frames.extend(session.execute(&entry).expect("an entry"));
        journal.record(&entry);
    };
    for &decision in decisions {
        if decision % 5 == 0 {
            let patch = edited(session.patch(), decision / 5);
            let plan = Arc::new(plan(&patch));
            act(session, Entry::Patch { patch: Arc::new(patch), plan });
        }
        let first = session.open_frames().first().copied().unwrap_or_default() as u64;
        let level = f64::from(decision) / 255.0;
        for event in [cc(7, level), key(level), key(0.0), Event::osc("/a", &[level])]
            .into_iter()
            .take(usize::from(decision % 8).saturating_sub(3))
        {
            act(session, Entry::Event { frame: first + u64::from(decision % 3), event });
        }
        match session.engine().phase() {
            Phase::Between => act(session, Entry::Make { frames: 1 + usize::from(decision % 3) }),
            Phase::Show if decision % 2 == 0 => act(session, Entry::Make { frames: 1 }),
            Phase::Show => {
                let left = session.open_frames().len();
                act(session, Entry::Show { frames: left.min(1 + usize::from(decision / 2 % 2)) });
            }
            Phase::Denoise | Phase::Cache => act(session, Entry::Call),
        }
        if decision % 11 == 0 {
            let checksum = session.checksum();
            act(session, Entry::Check(checksum));
        }
    }
    frames
}

/// A journal of a take in a file.
fn writer(path: &Path) -> TakeWriter {
    let path = path.to_owned();
    TakeWriter::new(move || Ok(path.clone()), None)
}

/// A session that is stored after any chunk and continued in another engine shows and sends what it would have shown and sent.
#[test]
fn a_session_goes_on_from_where_it_was_stored() {
    let mut runner = TestRunner::new(Config { cases: 6, ..Config::default() });
    let decisions = prop::collection::vec(any::<u8>(), 40..80);
    let result = runner.run(&(decisions.clone(), decisions), |(before, after)| {
        let mut session = new_session(&listening());
        play(&mut session, &mut (), &before);
        while !session.can_store() {
            play(&mut session, &mut (), &[1]);
        }
        let mut tensors = Tensors::default();
        let stored = session.store(&mut tensors).expect("between two chunks");
        let stored: StoredSession =
            postcard::from_bytes(&postcard::to_stdvec(&stored).expect("bytes")).expect("a session");
        let mut other = session_of(session.patch(), SIZE);
        other.restore(stored, &mut tensors).expect("the same patch");
        prop_assert_eq!(other.controls(), session.controls());
        let wanted = seen(&play(&mut session, &mut (), &after));
        prop_assert!(seen(&play(&mut other, &mut (), &after)) == wanted, "the frames differ");
        prop_assert_eq!(other.checksum(), session.checksum());
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_is_played_at_random_is_played_again() {
    let mut runner = TestRunner::new(Config { cases: 6, ..Config::default() });
    let folder = tempfile::tempdir().expect("a folder");
    let case = std::cell::Cell::new(0);
    let decisions = prop::collection::vec(any::<u8>(), 60..140);
    let ran = runner.run(&decisions, |decisions| {
        case.set(case.get() + 1);
        let path = folder.path().join(format!("{}.take", case.get()));
        let mut journal = writer(&path);
        let frames = play(&mut new_session(&listening()), &mut journal, &decisions);
        drop(journal);
        let take = Take::read(&path).expect("a take");
        prop_assert_eq!(take.pictures(), frames.len() as u64);
        let again = executed(&mut new_session(&take.patch), &take.entries);
        prop_assert!(seen(&again) == seen(&frames));
        // Cut anywhere, it plays up to the cut.
        let bytes = std::fs::read(&path).expect("bytes");
        std::fs::write(&path, &bytes[..bytes.len() * 2 / 3]).expect("a shorter take");
        let cut = Take::read(&path).expect("a take");
        prop_assert!(cut.is_cut && cut.entries.len() < take.entries.len());
        let part = executed(&mut new_session(&cut.patch), &cut.entries);
        prop_assert!(seen(&frames).starts_with(&seen(&part)));
        Ok(())
    });
    ran.expect("every performance");
}

/// A set of some seconds on a running engine: devices, edits and a restart, by the clock.
#[test]
fn what_is_played_live_is_rendered_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("1.take"), folder.path().join("2.take"));
    let mut paths = vec![second.clone(), first.clone()];
    let next = move || paths.pop().ok_or_else(|| std::io::Error::other("no more paths"));
    let shown = Arc::new(Mutex::new(Vec::new()));
    let watch = shown.clone();
    let load = || -> Result<Session> { Ok(new_session(&listening())) };
    let rack = EngineHandle::start_with_journal(
        load,
        move |frame| watch.lock().expect("frames").push(frame.clone()),
        TakeWriter::new(next, None),
    );
    let count = |least: usize| {
        let begin = Instant::now();
        while shown.lock().expect("frames").len() < least {
            assert!(begin.elapsed() < Duration::from_mins(1), "no {least} frames in a minute");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    count(4);
    for step in 0..40_u8 {
        let level = f64::from(step) / 40.0;
        rack.inbox().push(Instant::now(), [cc(7, level), key(0.5), key(0.0)]);
        if step % 8 == 0 {
            let patch = edited(&listening(), step / 8);
            let plan = plan(&patch);
            rack.set_patch(patch, plan);
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    count(30);
    rack.restart();
    let frames_before = shown.lock().expect("frames").len();
    count(frames_before + 24);
    rack.close(Duration::from_mins(1));
    let shown = shown.lock().expect("frames").clone();
    let restarted = (1..shown.len()).find(|&index| shown[index].number == 0).expect("a restart");
    for (path, shown) in [(first, &shown[..restarted]), (second, &shown[restarted..])] {
        let take = Take::read(&path).expect("a take");
        assert!(!take.is_cut);
        let again = executed(&mut new_session(&take.patch), &take.entries);
        assert!(shown.len() > 20 && seen(&again).starts_with(&seen(shown)), "{}: {}", path.display(), shown.len());
    }
}

/// A frame's number, and a digest of its picture and messages: ten minutes of pictures fill the memory.
fn digest(frame: &Frame) -> (u64, u64) {
    let mut hasher = DefaultHasher::new();
    (&frame.screen.rgb, format!("{:?}", frame.messages)).hash(&mut hasher);
    (frame.number, hasher.finish())
}

/// Ten minutes of eight faders and a pad through OSC at performance size, with an edit every five seconds.
///
/// `cargo test --workspace --test rack -- --ignored --nocapture ten_minutes`
#[test]
#[ignore = "plays for ten minutes, then renders them"]
fn ten_minutes_through_osc_with_edits_are_rendered_again() {
    let (size, length) = ((128, 128), Duration::from_mins(10));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("set.take");
    let shown = Arc::new(Mutex::new(Vec::new()));
    let watch = shown.clone();
    let load = move || -> Result<Session> { Ok(session_of(&listening(), size)) };
    let rack = EngineHandle::start_with_journal(
        load,
        move |frame| watch.lock().expect("frames").push(digest(frame)),
        writer(&path),
    );
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let _devices = Devices::open(&Settings { osc_in: vec![free.into()], ..Settings::none() }, rack.inbox());
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let begin = Instant::now();
    for step in 0_u32.. {
        let at = begin.elapsed();
        if at >= length {
            break;
        }
        let level = (at.as_secs_f32() * 0.7 + step as f32 / 8.0).sin().mul_add(0.5, 0.5);
        let address = if step % 9 == 8 { "/a".to_owned() } else { format!("/1/fader{}", step % 9) };
        let message = OscMessage { addr: address, args: vec![OscType::Float(level)] };
        let packet = rosc::encoder::encode(&OscPacket::Message(message)).expect("a packet");
        // Nobody listens before the socket is open.
        let _ = sender.send_to(&packet, free);
        if step % 250 == 249 {
            let patch = edited(&listening(), (step / 250) as u8);
            let plan = plan(&patch);
            rack.set_patch(patch, plan);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = rack.status();
    rack.close(Duration::from_mins(1));
    let shown = shown.lock().expect("frames").clone();
    let take = Take::read(&path).expect("a take");
    let bytes = std::fs::metadata(&path).expect("a file").len();
    println!(
        "{} pictures, {} late, {} makes, {bytes} bytes of take, {} entries",
        shown.len(),
        status.late,
        status.makes,
        take.entries.len()
    );
    let mut session = session_of(&take.patch, size);
    let mut again = Vec::new();
    for (line, entry) in &take.entries {
        if let Entry::Check(wanted) = entry {
            assert_eq!(session.checksum(), *wanted, "line {line}");
        }
        again.extend(session.execute(entry).expect("an entry").iter().map(digest));
    }
    assert!(shown.len() > 9 * 60 * 16 / 2 && again.starts_with(&shown), "{} of {} pictures", again.len(), shown.len());
}

/// An audio input: a beat, a chord that swells, and hiss.
#[test]
fn a_minute_of_sound_is_less_than_a_megabyte_and_reads_bit_for_bit() {
    const SECS: usize = 10;
    let rate = 48_000;
    let mut seed = 1_u32;
    let samples = (0..SECS * rate).map(|n| {
        let secs = n as f32 / rate as f32;
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = seed as f32 / u32::MAX as f32 - 0.5;
        let (beat, tone) = (secs % 0.5, |hz: f32| (std::f32::consts::TAU * hz * secs).sin());
        let chord = (tone(220.0) + tone(277.2) + tone(329.6)) * (0.5 - 0.5 * (secs * 0.7).cos());
        0.6 * tone(55.0) * (-beat * 12.0).exp() + 0.1 * chord + 0.05 * hiss
    });
    let mut hops = Vec::new();
    Analyser::new(rate as u32).push(samples, &mut hops);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.take");
    let mut journal = writer(&path);
    journal.begin(&new_session(&listening()));
    for (index, hop) in hops.iter().enumerate() {
        journal.record(&Entry::Event { frame: index as u64 / 25, event: Event::Sound(Box::new(*hop)) });
    }
    drop(journal);
    let bytes = std::fs::metadata(&path).expect("a take").len() * 60 / SECS as u64;
    println!("{bytes} bytes a minute");
    assert!(bytes < 1_000_000, "{bytes} bytes a minute");
    let take = Take::read(&path).expect("a take");
    let bits = |hop: &Hop| hop.bands.map(f32::to_bits);
    let read = take.entries.iter().map(|(_, entry)| match entry {
        Entry::Event { event: Event::Sound(hop), .. } => bits(hop),
        other => panic!("{other:?}"),
    });
    assert!(hops.len() == 100 * SECS && read.eq(hops.iter().map(bits)));
}

#[test]
fn a_video_whose_take_cannot_begin_names_the_cause_and_not_the_take_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = vec![folder.path().join("1.take")];
    let next = move || paths.pop().ok_or_else(|| std::io::Error::other("the system names no data folder; set HOME"));
    let mut journal = TakeWriter::new(next, None);
    let (session, state) = (new_session(&listening()), journal.state());
    journal.begin(&session);
    journal.begin(&session);
    let begin = Instant::now();
    while state().failed.is_none() {
        assert!(begin.elapsed() < Duration::from_mins(1), "no failure");
        std::thread::sleep(Duration::from_millis(5));
    }
    let why = "take: the system names no data folder; set HOME; this video has no take: mend the cause, then begin another video";
    assert_eq!((state().path, journal.problem().as_deref()), (None, Some(why)));
}

#[test]
fn a_take_without_events_is_the_plain_render_and_a_performance_keeps_its_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.take");
    let mut journal = writer(&path);
    let mut session = new_session(&listening());
    journal.begin(&session);
    let mut played = Vec::new();
    let mut act = |session: &mut Session, entry: Entry| {
        played.extend(session.execute(&entry).expect("an entry"));
        journal.record(&entry);
    };
    for chunk in 0..4_u64 {
        act(&mut session, Entry::Event { frame: 3 * chunk + 1, event: cc(7, chunk as f64 / 4.0) });
        act(&mut session, Entry::Make { frames: 3 });
        while session.engine().phase() == Phase::Denoise {
            act(&mut session, Entry::Call);
        }
        act(&mut session, Entry::Show { frames: 3 });
        act(&mut session, Entry::Call);
    }
    drop(journal);
    let take = Take::read(&path).expect("a take");
    // Each chunk was made once with all its events, so the final render equals the played video.
    let rendered = |mut performance: Performance, size: (usize, usize)| {
        let engine = Model::mini().and_then(|mini| Engine::new(mini, take.plan.clone(), size)).expect("an engine");
        let mut session = Session::new(engine, take.patch.clone());
        let mut frames = Vec::new();
        while frames.len() < played.len() {
            frames.extend(performance.step(&mut session).expect("a step"));
        }
        frames
    };
    let models = |frames: &[Frame]| -> Vec<Vec<u8>> { frames.iter().map(|frame| frame.picture.rgb.clone()).collect() };
    assert!(models(&rendered(Performance::of(&take), SIZE)) == models(&played));
    assert!(models(&rendered(Performance::default(), SIZE)) != models(&played), "events are seen");
    // On pictures of another size, controls have the same values in the same frames.
    let controls = |frames: &[Frame]| -> Vec<_> { frames.iter().map(|frame| frame.controls.clone()).collect() };
    assert_eq!(controls(&rendered(Performance::of(&take), (64, 48))), controls(&played));
}
