//! Takes that are played back in place of the live video.

use super::*;

/// A take as the window plays it back.
fn replay(path: &Path) -> Replay {
    let take = Take::read(path).expect("a take");
    let pictures = take.pictures();
    let Take { patch, plan, entries, .. } = take;
    let video = Video { patch, plan, sound: None, zoom: 1, exact: false };
    Replay { name: "set".into(), pictures, video, entries: entries.into(), differs: "it was changed".into() }
}

/// A take of some chunks, and its frames.
fn set(path: &Path) -> Vec<Frame> {
    let mut journal = writer(path);
    let decisions: Vec<u8> = (0..90).map(|step| 37_u8.wrapping_mul(step)).collect();
    play(&mut new_session(&listening()), &mut journal, &decisions)
}

#[test]
fn a_take_is_played_back_in_place_of_the_live_video_which_begins_again_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("set.take");
    let played = set(&path);
    let shown = Arc::new(Mutex::new(Vec::new()));
    let watch = shown.clone();
    let sessions = folder.path().to_owned();
    let mut number = 0;
    let next = move || {
        number += 1;
        Ok(sessions.join(format!("live {number}.take")))
    };
    let live = patch(&[("wan", "model.wan", json!({ "prompt": "a purple cat over a white background" }))], &[]);
    let other = live.clone();
    let rack = EngineHandle::start_with_journal(
        move || -> Result<Session> { Ok(new_session(&live)) },
        move |frame| watch.lock().expect("frames").push(frame.clone()),
        TakeWriter::new(next, None),
    );
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !done() {
            assert!(begin.elapsed() < Duration::from_mins(2), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let count = || shown.lock().expect("frames").len();
    until("live frames", &|| count() >= 8);
    rack.inbox().push(Instant::now(), [cc(7, 0.25)]);
    rack.play(replay(&path));
    until("the beginning", &|| rack.status().playing.is_some());
    let before = count();
    // Neither an edit nor a hand changes the take; both act afterwards.
    let mut edited = other;
    edited.engine.seed = 7;
    rack.set_patch(edited.clone(), plan(&edited));
    rack.inbox().push(Instant::now(), [cc(7, 0.75)]);
    until("the end", &|| rack.status().playing.is_none());
    assert_eq!(rack.status().broke_off, None);
    let after = count();
    until("live frames", &|| count() >= after + 8);
    rack.close(Duration::from_mins(1));
    let shown = shown.lock().expect("frames").clone();
    // The frames of the live video that was shown until then.
    let from = (before.saturating_sub(1)..shown.len()).find(|&index| shown[index].number == 0).expect("the beginning");
    let pictures = |frames: &[Frame]| -> Vec<_> { frames.iter().map(|frame| frame.screen.clone()).collect() };
    let again = &shown[from..from + played.len()];
    assert!(pictures(again) == pictures(&played), "{} pictures", played.len());
    assert!(again.iter().all(|frame| frame.messages.is_empty() && !frame.recorded));
    let ended = Take::read(&folder.path().join("live 1.take")).expect("a take");
    assert!(!ended.is_cut && ended.pictures() > 0);
    let next = Take::read(&folder.path().join("live 2.take")).expect("a take of the live video that follows");
    assert_eq!(next.patch.engine.seed, 7);
    let held = next.entries.iter().find_map(|(_, entry)| match entry {
        Entry::Event { frame: 0, event } => Some(event.clone()),
        _ => None,
    });
    assert_eq!(held, Some(cc(7, 0.75)), "the controls as they are");
    let live = &shown[from + played.len()..];
    assert!(live.first().is_some_and(|frame| frame.number == 0) && live.iter().all(|frame| frame.recorded));
    assert!(seen(&executed(&mut new_session(&next.patch), &next.entries)).starts_with(&seen(live)));
}

#[test]
fn a_playback_ends_at_a_picture_that_differs_and_when_it_is_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("set.take");
    set(&path);
    let mut changed = replay(&path);
    let check = changed.entries.iter_mut().find_map(|(_, entry)| match entry {
        Entry::Check(checksum) if checksum.pictures > 0 => Some(checksum),
        _ => None,
    });
    check.expect("a checksum").crc ^= 1;
    let rack = EngineHandle::start(|| -> Result<Session> { Ok(new_session(&listening())) }, |_| {});
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !done() {
            assert!(begin.elapsed() < Duration::from_mins(2), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    rack.play(changed);
    until("the reason", &|| rack.status().broke_off.is_some());
    let why = rack.status().broke_off.expect("a reason");
    assert!(why.contains("the pictures differ from those that were played: it was changed"), "{why}");
    assert_eq!(rack.status().playing, None);
    rack.play(replay(&path));
    until("the beginning", &|| rack.status().playing.is_some());
    rack.stop_playing();
    until("the stop", &|| rack.status().playing.is_none());
    assert_eq!(rack.status().broke_off, None);
    let stopped = rack.frame().map(|frame| frame.number);
    until("live frames", &|| rack.frame().is_some_and(|frame| frame.recorded && Some(frame.number) != stopped));
}
