//! Recordings of what the window shows, on a thread of their own. The maker of pictures never waits for them.

mod timeline;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use bendrack_nodes::program::source::{Fit, MOST_IN_GRID, Source};

use super::video::{End, VideoWriter, open_live};
use super::{Result, compose};
use crate::media::{Map, Picture};
use crate::provenance::Provenance;
use crate::sound::queue::Received;
use crate::sound::{RATE, Samples, SoundQueue, Stereo};
use timeline::{Timeline, Way};

/// Pictures that wait for the thread, at most: eight seconds at the rate of the models.
pub const MOST_WAITING: usize = 128;
/// Dark pixels between two maps.
const GAP: usize = 4;
/// Difference between sound and pictures, in samples, from which the sound is moved: a twentieth of a second.
const MOST_DRIFT: i64 = RATE as i64 / 20;

/// The pictures of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// The picture that the patch shows.
    Screen,
    /// The model's picture.
    Model,
    /// The maps of all taps as heatmaps, beside one another.
    Maps,
}

/// The sound of a recording.
#[derive(Clone, Debug, Default)]
pub enum SoundOf {
    /// None: the video is silent.
    #[default]
    Nothing,
    /// A file, from the first picture of the video on.
    File(PathBuf),
    /// An audio input, at the time of the pictures.
    Input(SoundQueue),
}

/// A recording to be made.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The files, by their pictures.
    pub files: Vec<(Seen, PathBuf)>,
    /// Pictures per second.
    pub frame_rate: f64,
    /// The patch and its render, for the files.
    pub provenance: Option<Provenance>,
    /// The sound.
    pub sound: SoundOf,
}

/// A frame as it was shown.
#[derive(Clone, Debug)]
pub struct Shot {
    /// Its number in the video.
    pub number: u64,
    /// The time at which it was shown.
    pub at: Instant,
    /// The picture that the patch shows.
    pub screen: Arc<Picture>,
    /// The model's picture.
    pub model: Arc<Picture>,
    /// The maps of taps.
    pub taps: Arc<BTreeMap<Arc<str>, Map>>,
    /// True if the patch records it. A recording leaves out other frames, with their sound.
    pub is_recorded: bool,
}

/// The progress of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Pictures in the video.
    pub pictures: u64,
    /// Pictures that came too fast; the one before stands in for each.
    pub lost: u64,
    /// True while the patch leaves out frames.
    pub is_paused: bool,
    /// True once the files are whole, or once that failed.
    pub is_done: bool,
    /// The first problem.
    pub problem: Option<String>,
}

/// A running recording. Dropping it ends the files and waits for that.
pub struct Recorder {
    sender: Option<SyncSender<Shot>>,
    progress: Arc<Mutex<Progress>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins a recording. Its files appear with its first picture; none takes the place of another.
    pub fn start(recording: Recording) -> Self {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let progress = Arc::new(Mutex::<Progress>::default());
        let shared = progress.clone();
        let thread = Builder::new().name("recorder".into()).spawn(move || run(&recording, &receiver, &shared));
        if let Err(error) = &thread {
            let mut progress = locked(&progress);
            progress.is_done = true;
            progress.problem = Some(format!("the system starts no thread: {error}; close other programs"));
        }
        Self { sender: Some(sender), progress, thread: thread.ok() }
    }

    /// Adds a frame. It never waits: a frame that has no room is counted, and the one before stands in for it.
    pub fn push(&self, shot: Shot) {
        if let Some(Err(TrySendError::Full(_))) = self.sender.as_ref().map(|sender| sender.try_send(shot)) {
            locked(&self.progress).lost += 1;
        }
    }

    /// Takes no more frames. The files end soon after: see [`Progress::is_done`].
    pub fn stop(&mut self) {
        self.sender = None;
    }

    /// The progress so far.
    pub fn progress(&self) -> Progress {
        locked(&self.progress).clone()
    }

    /// Ends the files, and waits for that.
    pub fn finish(mut self) -> Progress {
        self.join();
        self.progress()
    }

    fn join(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic is already printed, and has ended the thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.join();
    }
}

fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the frames as they come. After a problem the files end with the pictures so far.
fn run(recording: &Recording, shots: &Receiver<Shot>, progress: &Mutex<Progress>) {
    let mut job = Job::new(recording);
    let mut ended = Ok(());
    for shot in shots {
        ended = job.take(&shot);
        let mut progress = locked(progress);
        (progress.pictures, progress.is_paused) = (job.timeline.pictures(), !shot.is_recorded);
        if let Err(error) = &ended {
            progress.problem = Some(error.to_string());
            break;
        }
    }
    // Frames that still come have no receiver, and are not counted.
    let finished = job.finish(ended.is_ok());
    let mut progress = locked(progress);
    if let Err(error) = finished {
        progress.problem.get_or_insert(error.to_string());
    }
    progress.is_done = true;
}

/// The files of a recording, and their sound.
struct Job {
    videos: Vec<(Seen, Box<dyn VideoWriter>)>,
    timeline: Timeline,
    sound: Hearing,
    /// The last frame in the video.
    last: Option<Shot>,
    /// The first problem before the first picture.
    refused: Option<super::Error>,
}

/// The source of sound while it is recorded.
enum Hearing {
    Nothing,
    File { path: PathBuf, samples: Option<Samples> },
    Input(Input),
}

/// The sound of an input on its way into the video.
struct Input {
    queue: SoundQueue,
    received: VecDeque<Received>,
    /// Sound in the order of the video, behind the samples that are in it.
    waiting: VecDeque<Stereo>,
    pushed: u64,
    /// True if the next sound begins again: at the start, and after a pause.
    begins: bool,
}

impl Job {
    fn new(recording: &Recording) -> Self {
        let mut refused = None;
        let with_sound = !matches!(recording.sound, SoundOf::Nothing);
        let open = |(seen, path): &(Seen, PathBuf)| {
            let mut video = open_live(path, recording.frame_rate);
            let provenance = recording.provenance.as_ref().map_or(Ok(()), |it| video.set_provenance(it));
            let prepared = provenance.and_then(|()| if with_sound { video.set_sound() } else { Ok(()) });
            if let Err(error) = prepared {
                refused.get_or_insert(error);
            }
            (*seen, video)
        };
        let videos = recording.files.iter().map(open).collect();
        let sound = match &recording.sound {
            SoundOf::Nothing => Hearing::Nothing,
            SoundOf::File(path) => Hearing::File { path: path.clone(), samples: None },
            SoundOf::Input(queue) => {
                queue.open();
                let (received, waiting) = (VecDeque::new(), VecDeque::new());
                Hearing::Input(Input { queue: queue.clone(), received, waiting, pushed: 0, begins: true })
            }
        };
        // The pictures of an input's sound keep the time of the performance. Others keep the time of the video, as renders do.
        let way = if matches!(sound, Hearing::Input(_)) { Way::Clock } else { Way::Number };
        Self { videos, timeline: Timeline::new(recording.frame_rate, way), sound, last: None, refused }
    }

    /// Takes a frame.
    fn take(&mut self, shot: &Shot) -> Result<()> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        if !shot.is_recorded {
            self.timeline.pause(shot.at);
            self.last = None;
            if let Hearing::Input(input) = &mut self.sound {
                input.skip_until(shot.at);
            }
            return Ok(());
        }
        let Some(repeats) = self.timeline.place(shot.number, shot.at) else { return Ok(()) };
        if let Some(last) = self.last.take() {
            for ahead in (1..=repeats).rev() {
                self.write(&last, shot.number.saturating_sub(ahead))?;
            }
        }
        self.write(shot, shot.number)?;
        self.last = Some(shot.clone());
        if let Hearing::Input(input) = &mut self.sound {
            input.receive(&self.timeline);
            let samples = input.until(&self.timeline);
            self.push_sound(&samples)?;
        }
        Ok(())
    }

    /// Writes a frame's pictures, with the sound that a file has at a number.
    fn write(&mut self, shot: &Shot, number: u64) -> Result<()> {
        for (seen, video) in &mut self.videos {
            match seen {
                Seen::Screen => video.push(&shot.screen)?,
                Seen::Model => video.push(&shot.model)?,
                Seen::Maps => video.push(&maps(shot))?,
            }
        }
        self.timeline.count();
        let span = self.timeline.samples(number)..self.timeline.samples(number + 1);
        if let Hearing::File { path, samples } = &mut self.sound {
            // A video that begins again begins the sound again.
            if samples.as_ref().is_none_or(|samples| samples.position() > span.start) {
                let opened = Samples::open(path).map_err(|error| super::Error::new(path, error))?;
                *samples = Some(opened);
            }
            if let Some(samples) = samples {
                while samples.position() < span.start {
                    samples.read((span.start - samples.position()).min(u64::from(RATE)) as usize);
                }
                let samples = samples.read((span.end - span.start) as usize);
                self.push_sound(&samples)?;
            }
        }
        Ok(())
    }

    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        self.videos.iter_mut().try_for_each(|(_, video)| video.push_sound(samples))
    }

    /// Ends the files.
    fn finish(mut self, is_whole: bool) -> Result<()> {
        let mut ended = Ok(());
        if let Hearing::Input(input) = &mut self.sound {
            input.receive(&self.timeline);
            let samples = input.until(&self.timeline);
            input.queue.close();
            if is_whole && self.timeline.pictures() > 0 {
                ended = self.push_sound(&samples);
            }
        }
        for (_, video) in self.videos {
            ended = ended.and(video.finish(End::Whole));
        }
        ended
    }
}

impl Input {
    /// Takes the sound that came, up to the end of the last picture.
    fn receive(&mut self, timeline: &Timeline) {
        self.received.extend(self.queue.take());
        while let Some(piece) = self.received.pop_front_if(|piece| timeline.is_past(piece.end)) {
            let Some(end) = timeline.sample_at(piece.end) else { continue };
            let (mut samples, have) = (&piece.samples[..], self.pushed as i64 + self.waiting.len() as i64);
            let ahead = end - samples.len() as i64 - have;
            // The clocks of two devices drift apart, and inputs are unplugged.
            if ahead.abs() > MOST_DRIFT || std::mem::take(&mut self.begins) {
                if ahead > 0 {
                    self.waiting.extend(std::iter::repeat_n([0.0; 2], ahead as usize));
                } else {
                    samples = &samples[samples.len().min(ahead.unsigned_abs() as usize)..];
                }
            }
            self.waiting.extend(samples);
        }
    }

    /// The sound that lies before the end of the last picture and is not in the video yet.
    fn until(&mut self, timeline: &Timeline) -> Vec<Stereo> {
        let most = timeline.samples(timeline.pictures()).saturating_sub(self.pushed) as usize;
        let samples: Vec<Stereo> = self.waiting.drain(..most.min(self.waiting.len())).collect();
        self.pushed += samples.len() as u64;
        samples
    }

    /// Drops the sound of frames that the patch leaves out.
    fn skip_until(&mut self, time: Instant) {
        self.begins = true;
        self.received.extend(self.queue.take());
        while self.received.pop_front_if(|piece| piece.end <= time).is_some() {}
    }
}

/// The maps of a frame, beside one another; a black picture if it has none.
fn maps(shot: &Shot) -> Arc<Picture> {
    if shot.taps.is_empty() {
        return Arc::new(Picture::black(shot.model.width, shot.model.height));
    }
    let mut pictures = [const { None }; MOST_IN_GRID];
    for (place, name) in pictures.iter_mut().zip(shot.taps.keys()) {
        *place = Some(Arc::new(Source::Tap(name.clone())));
    }
    compose(&Source::Grid { pictures, columns: 0, gap: GAP, fit: Fit::Contain }, &shot.model, &shot.taps)
}

#[cfg(test)]
mod tests;
