//! Recordings of made-up frames.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::output::video::Position;

fn shot(number: u64, at: Instant) -> Shot {
    let picture = |level: u8| Arc::new(Picture::filled(64, 48, [level, 60, 90]));
    let map = Map { width: 2, height: 2, values: vec![0.0, 1.0, 0.5, 0.25] };
    Shot {
        number,
        at,
        screen: picture((number % 200) as u8),
        model: picture(200),
        taps: Arc::new(BTreeMap::from([("a".into(), map.clone()), ("b".into(), map)])),
        is_recorded: true,
    }
}

fn recording(folder: &Path, sound: SoundOf) -> Recording {
    Recording { files: vec![(Seen::Screen, folder.join("a.mp4"))], frame_rate: 16.0, provenance: None, sound }
}

/// Waits, so that the thread keeps up.
fn push_all(recorder: &Recorder, shots: impl IntoIterator<Item = Shot>) {
    for shot in shots {
        recorder.push(shot);
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_recording_has_its_frames_and_the_gate_leaves_out_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = Instant::now();
    let mut plan = recording(folder.path(), SoundOf::Nothing);
    plan.files.push((Seen::Model, folder.path().join("model.mp4")));
    plan.files.push((Seen::Maps, folder.path().join("maps.mp4")));
    let recorder = Recorder::start(plan);
    push_all(&recorder, (0..30).map(|number| Shot { is_recorded: !(10..20).contains(&number), ..shot(number, start) }));
    let progress = recorder.finish();
    assert_eq!(progress, Progress { pictures: 20, is_done: true, ..Progress::default() });
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.mp4", "maps.mp4", "model.mp4"]);
}

/// The thread does not run: the channel fills, and the rest is counted. Numbers tell the thread which pictures are missing.
#[test]
fn a_frame_without_room_is_counted_and_the_length_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = recording(folder.path(), SoundOf::Nothing);
    let (sender, receiver) = sync_channel(MOST_WAITING);
    let progress = Arc::new(Mutex::<Progress>::default());
    let recorder = Recorder { sender: Some(sender), progress: progress.clone(), thread: None };
    let start = Instant::now();
    for number in 0..MOST_WAITING as u64 + 40 {
        recorder.push(shot(number, start));
    }
    assert_eq!(recorder.progress().lost, 40);
    let thread = std::thread::spawn(move || run(&plan, &receiver, &progress));
    while recorder.progress().pictures < MOST_WAITING as u64 {
        assert!(start.elapsed() < Duration::from_mins(1), "{:?}", recorder.progress());
        std::thread::sleep(Duration::from_millis(1));
    }
    recorder.push(shot(MOST_WAITING as u64 + 40, start));
    let progress = Arc::clone(&recorder.progress);
    drop(recorder);
    thread.join().expect("it ends");
    assert_eq!(locked(&progress).pictures, MOST_WAITING as u64 + 41, "the last picture stood in for 40");
}

#[test]
fn a_recording_replaces_no_file_and_a_problem_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.mp4"), "a set of last year").expect("a file");
    let recorder = Recorder::start(recording(folder.path(), SoundOf::Nothing));
    push_all(&recorder, (0..3).map(|number| shot(number, Instant::now())));
    let progress = recorder.finish();
    assert!(progress.is_done && progress.problem.is_some_and(|problem| problem.contains("a.mp4")));
    assert_eq!(fs::read(folder.path().join("a.mp4")).expect("still there"), b"a set of last year");
    let recorder = Recorder::start(recording(&folder.path().join("none"), SoundOf::Nothing));
    push_all(&recorder, [shot(0, Instant::now())]);
    let problem = recorder.finish().problem.expect("no folder");
    assert!(problem.contains("make its folder first"), "{problem}");
}

/// The sound of an input from its start to its end, with what comes before and after.
#[test]
fn sound_of_an_input_lies_where_it_was_received() {
    let (queue, start) = (SoundQueue::default(), Instant::now());
    let at = |secs: f64| start + Duration::from_secs_f64(secs);
    let mut job = Job::new(&Recording {
        files: Vec::new(),
        frame_rate: 16.0,
        provenance: None,
        sound: SoundOf::Input(queue.clone()),
    });
    let sound = Arc::<Mutex<Vec<Stereo>>>::default();
    job.videos.push((Seen::Screen, Box::new(Sounding(sound.clone()))));
    // Sound in hundredths, from the first picture on; its level is the second. It stops for half a second.
    let mut next = 0_i32;
    for number in 0..64 {
        while f64::from(next) <= f64::from(number) * 6.25 {
            let secs = f64::from(next) / 100.0;
            if !(1.0..1.5).contains(&secs) {
                queue.push(at(1.0 + secs + 0.01), &[[secs.floor() as f32; 2]; 480]);
            }
            next += 1;
        }
        let time = at(1.0 + f64::from(number) / 16.0);
        // The third second is left out.
        job.take(&Shot { is_recorded: !(32..48).contains(&number), ..shot(number as u64, time) }).expect("a frame");
    }
    assert_eq!(job.timeline.pictures(), 48);
    {
        let sound = locked_sound(&sound);
        // The last picture is new, and its sound still comes.
        assert_eq!(sound.len(), 47 * 3000 + 120, "sound up to its last hundredth");
        let level = |secs: f64| sound[(secs * f64::from(RATE)) as usize][0];
        assert_eq!([0.5, 1.2, 1.7, 2.1, 2.9].map(level).map(|level| level as u8), [0, 0, 1, 3, 3]);
    }
    assert!(queue.is_open());
    job.finish(true).expect("it ends");
    assert!(!queue.is_open());
}

/// A video that keeps its sound.
struct Sounding(Arc<Mutex<Vec<Stereo>>>);

fn locked_sound(sound: &Mutex<Vec<Stereo>>) -> MutexGuard<'_, Vec<Stereo>> {
    sound.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VideoWriter for Sounding {
    fn set_provenance(&mut self, _: &Provenance) -> Result<()> {
        Ok(())
    }

    fn push(&mut self, _: &Picture) -> Result<()> {
        Ok(())
    }

    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        locked_sound(&self.0).extend(samples);
        Ok(())
    }

    fn settle(&mut self) -> Result<Position> {
        Ok(Position::Pictures(0))
    }

    fn finish(self: Box<Self>, _: End) -> Result<()> {
        Ok(())
    }
}

#[cfg(feature = "audio")]
#[test]
fn sound_of_a_file_goes_by_the_numbers_of_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::start(recording(folder.path(), SoundOf::File("tests/sounds/tone.flac".into())));
    // From the middle of the sound, back to its beginning, on a restart.
    push_all(&recorder, (8..16).chain(0..8).map(|number| shot(number, Instant::now())));
    assert_eq!(recorder.finish(), Progress { pictures: 16, is_done: true, ..Progress::default() });
}
