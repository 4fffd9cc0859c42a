//! Recordings of the window: their folder, their names, and their frames.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bendrack_nodes::patch::Patch;
use jiff::Zoned;

use crate::engine::Frame;
use crate::engine::model::FRAME_RATE;
use crate::output::Recorder;
use crate::output::recorder::{Progress, Recording, Seen, Shot, SoundOf};
use crate::provenance::{Provenance, Render};
use crate::ui::{RecordedParts, RecordingLink, RecordingState};

/// Largest number of recordings with the time of one second in their names.
const MOST_NAMES: usize = 1000;

/// The recordings of a window: one at a time.
#[derive(Clone)]
pub(super) struct Recordings(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    sound: OnceLock<SoundOf>,
    /// The render record, once the model is loaded. The seed and the number of frames follow.
    render: OnceLock<Render>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    outcome: Option<Result<String, String>>,
}

struct Running {
    recorder: Recorder,
    files: Vec<PathBuf>,
    is_ending: bool,
}

impl Recordings {
    /// Recordings in a folder.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let folder = folder.unwrap_or_else(default_folder);
        let (sound, render, state) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        Self(Arc::new(Shared { folder, sound, render, state }))
    }

    /// Sets the sound of the recordings, once.
    pub(super) fn set_sound(&self, sound: SoundOf) {
        // No other code sets it.
        let _ = self.0.sound.set(sound);
    }

    /// Sets the render record, once.
    pub(super) fn set_render(&self, render: Render) {
        // No other code sets it.
        let _ = self.0.render.set(render);
    }

    /// The folder of recordings.
    pub(super) fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// The render record, once the model is loaded.
    pub(super) fn render(&self) -> Option<Render> {
        self.0.render.get().cloned()
    }

    /// Adds a frame that is shown now.
    pub(super) fn push(&self, frame: &Frame) {
        let state = self.state();
        let Some(running) = state.running.as_ref().filter(|running| !running.is_ending) else { return };
        running.recorder.push(Shot {
            number: frame.number,
            at: Instant::now(),
            screen: frame.screen.clone(),
            model: frame.picture.clone(),
            taps: frame.taps.clone(),
            is_recorded: frame.recorded,
        });
    }

    /// Ends the recording and waits for its files. Returns its message; none without a recording.
    pub(super) fn finish(&self) -> Option<String> {
        let running = self.state().running.take()?;
        let progress = running.recorder.finish();
        Some(message(&running.files, &progress).unwrap_or_else(|problem| problem))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the message of an ended recording to the outcome.
    fn settle(state: &mut State) {
        let is_done = |running: &mut Running| running.recorder.progress().is_done;
        if let Some(running) = state.running.take_if(is_done) {
            state.outcome = Some(message(&running.files, &running.recorder.progress()));
        }
    }
}

impl RecordingLink for Recordings {
    fn start(&self, parts: RecordedParts, patch: &Patch) {
        let mut state = self.state();
        Self::settle(&mut state);
        if state.running.is_some() {
            return;
        }
        let seen = [(parts.screen, Seen::Screen), (parts.model, Seen::Model), (parts.maps, Seen::Maps)];
        let seen: Vec<Seen> = seen.into_iter().filter_map(|(is_chosen, seen)| is_chosen.then_some(seen)).collect();
        let files = files(&self.0.folder, &Zoned::now(), &seen);
        let provenance = self.0.render.get().map(|render| Provenance {
            patch: patch.clone(),
            render: Render { seed: patch.engine.seed, ..render.clone() },
        });
        // A video omits a patch that is too long, as in renders.
        let provenance = provenance.filter(|provenance| provenance.text().is_ok());
        let sound = self.0.sound.get().cloned().unwrap_or_default();
        let paths = files.iter().map(|(_, path)| path.clone()).collect();
        let recorder = Recorder::start(Recording { files, frame_rate: FRAME_RATE, provenance, sound });
        state.running = Some(Running { recorder, files: paths, is_ending: false });
    }

    fn stop(&self) {
        if let Some(running) = &mut self.state().running {
            running.is_ending = true;
            running.recorder.stop();
        }
    }

    fn state(&self) -> RecordingState {
        let state = Self::state(self);
        let Some(running) = &state.running else { return RecordingState::Off };
        let progress = running.recorder.progress();
        if progress.is_done || running.is_ending {
            return RecordingState::Ending;
        }
        let secs = progress.pictures as f64 / FRAME_RATE;
        RecordingState::On { secs, lost: progress.lost, is_paused: progress.is_paused }
    }

    fn outcome(&self) -> Option<Result<String, String>> {
        let mut state = Self::state(self);
        Self::settle(&mut state);
        state.outcome.take()
    }
}

/// The result of a recording, for the user: the files, or the problem.
fn message(files: &[PathBuf], progress: &Progress) -> Result<String, String> {
    let secs = progress.pictures as f64 / FRAME_RATE;
    let names: Vec<String> = files.iter().map(|path| absolute(path).display().to_string()).collect();
    if let Some(problem) = &progress.problem {
        return Err(format!("The recording ended after {secs:.1} s: {problem}"));
    }
    let lost = match progress.lost {
        0 => String::new(),
        lost => format!("; {lost} pictures were too fast for the encoder and repeat the one before"),
    };
    Ok(format!("Recorded {secs:.1} s to {}{lost}", names.join(", ")))
}

/// A path from the root, as the working folder of a window is easily forgotten.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Unused names for the files of a recording, with its time: `bendrack-2026-11-29-14-03-05.mp4`.
fn files(folder: &Path, now: &Zoned, seen: &[Seen]) -> Vec<(Seen, PathBuf)> {
    let name = now.strftime("bendrack-%Y-%m-%d-%H-%M-%S").to_string();
    let named = |number: usize| -> Vec<(Seen, PathBuf)> {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let part = |seen: Seen| match seen {
            Seen::Screen => "",
            Seen::Model => "-model",
            Seen::Maps => "-heatmaps",
        };
        seen.iter().map(|seen| (*seen, folder.join(format!("{name}{again}{}.mp4", part(*seen))))).collect()
    };
    let is_free = |files: &Vec<(Seen, PathBuf)>| files.iter().all(|(_, path)| !path.exists());
    // The recorder refuses an existing file.
    (1..MOST_NAMES).map(named).find(is_free).unwrap_or_else(|| named(MOST_NAMES))
}

/// The user's folder of videos, if there is one; else the working folder.
fn default_folder() -> PathBuf {
    let home = std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from);
    let name = if cfg!(target_os = "macos") { "Movies" } else { "Videos" };
    home.map(|home| home.join(name)).filter(|folder| folder.is_dir()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::Picture;

    fn frame(number: u64, recorded: bool) -> Frame {
        let picture = Arc::new(Picture::filled(32, 32, [number as u8; 3]));
        Frame {
            number,
            latent: number / 4,
            picture: picture.clone(),
            screen: picture,
            taps: Arc::default(),
            probes: Arc::default(),
            controls: Arc::default(),
            measurements: Arc::default(),
            messages: Vec::new(),
            board_lines: Vec::new(),
            midi: Vec::new(),
            lights: Vec::new(),
            mapped: Vec::new(),
            recorded,
        }
    }

    /// The message of a recording that ends by itself.
    fn outcome(recordings: &Recordings) -> String {
        for _ in 0..1000 {
            if let Some(outcome) = recordings.outcome() {
                return outcome.unwrap_or_else(|problem| problem);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the recording does not end");
    }

    #[test]
    fn a_recording_is_named_after_its_time_and_takes_no_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = jiff::Timestamp::from_second(1_795_960_985).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
        let all = [Seen::Screen, Seen::Model, Seen::Maps];
        let names = |seen: &[Seen]| -> Vec<String> {
            let name = |(_, path): (Seen, PathBuf)| path.file_name().expect("a name").to_string_lossy().into_owned();
            files(folder.path(), &now, seen).into_iter().map(name).collect()
        };
        let first = names(&all);
        assert!(first[0].starts_with("bendrack-2026-11-29-14-03-05."), "{first:?}");
        assert!(first[1].ends_with("-model.mp4") && first[2].ends_with("-heatmaps.mp4"), "{first:?}");
        std::fs::write(folder.path().join(&first[1]), "").expect("a file");
        assert_eq!(names(&all[..1]), first[..1]);
        assert!(names(&all)[0].ends_with("-2.mp4"));
    }

    #[test]
    fn a_window_records_from_start_to_stop_with_its_patch() {
        let folder = tempfile::tempdir().expect("a folder");
        let recordings = Recordings::new(Some(folder.path().to_owned()));
        let render = serde_json::json!({
            "bendrack": "0", "model": "mini", "family": "mini", "model_sha256": "", "seed": 0, "size": [32, 32],
            "zoom": 1, "exact": false, "frames": 0, "frame_rate": 16,
        });
        recordings.set_render(serde_json::from_value(render).expect("a render"));
        recordings.push(&frame(0, true));
        assert_eq!(RecordingLink::state(&recordings), RecordingState::Off);
        recordings.start(RecordedParts::default(), &Patch::default());
        (1..21).for_each(|number| recordings.push(&frame(number, number <= 10)));
        let begin = Instant::now();
        while !matches!(RecordingLink::state(&recordings), RecordingState::On { is_paused: true, .. }) {
            assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", recordings.outcome());
            std::thread::sleep(Duration::from_millis(5));
        }
        recordings.stop();
        recordings.push(&frame(21, true));
        let outcome = outcome(&recordings);
        assert!(outcome.starts_with("Recorded 0.6 s to ") && outcome.contains("bendrack-"), "{outcome}");
        let path = std::fs::read_dir(folder.path()).expect("a folder").next().expect("a file").expect("a file").path();
        let text = crate::provenance::read(&path).expect("a patch").text;
        assert!(String::from_utf8_lossy(&text).contains("\"frames\":10"), "the pictures that the patch records");
        assert_eq!(RecordingLink::state(&recordings), RecordingState::Off);
        assert_eq!(recordings.finish(), None);
    }

    #[test]
    fn a_problem_ends_the_recording_with_a_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let recordings = Recordings::new(Some(folder.path().join("none")));
        recordings.start(RecordedParts::default(), &Patch::default());
        recordings.push(&frame(0, true));
        let outcome = outcome(&recordings);
        assert!(
            outcome.starts_with("The recording ended after 0.0 s: ") && outcome.contains("make its folder"),
            "{outcome}"
        );
    }
}
