//! Writing a take while it is played, on a thread of its own: the engine never waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bendrack_nodes::input::Event;
use bendrack_nodes::patch::Patch;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value as Json;

use super::line::{Line, Names};
use super::{Header, SoundFile, TakeError, VERSION, lock, processor};
use crate::engine::{Entry, Journal, Session};

/// The time after which lines reach the disk. A crash loses no more than the last of it.
const FLUSH: Duration = Duration::from_secs(1);
/// The most entries that wait for the disk.
const MOST_WAITING: usize = 1 << 16;

/// The state of a take that is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TakeState {
    /// The file.
    pub path: Option<PathBuf>,
    /// The failure by which it broke off. The video goes on.
    pub failed: Option<TakeError>,
}

/// A journal that writes a take. A video that begins again begins a new file.
pub struct TakeWriter {
    entries: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<Mutex<TakeState>>,
    sound: Option<SoundFile>,
    model_sha256: Option<String>,
}

enum Message {
    Begin(Box<Header>),
    Entry(Entry),
    End,
}

impl TakeWriter {
    /// A writer of takes. `next` gives the path of each file, and is asked once for each beginning of the video. No file is overwritten.
    pub fn new(next: impl FnMut() -> io::Result<PathBuf> + Send + 'static, sound: Option<SoundFile>) -> Self {
        let (entries, receiver) = sync_channel(MOST_WAITING);
        let state = Arc::new(Mutex::new(TakeState::default()));
        let shared = state.clone();
        let thread = std::thread::spawn(move || write_all(&receiver, next, &shared));
        Self { entries: Some(entries), thread: Some(thread), state, sound, model_sha256: None }
    }

    /// A handle to the state of the file.
    pub fn state(&self) -> impl Fn() -> TakeState + Send + Sync + 'static + use<> {
        let state = self.state.clone();
        move || state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn send(&mut self, message: Message) {
        let Some(entries) = &self.entries else { return };
        if let Err(TrySendError::Full(_)) = entries.try_send(message) {
            // A take with a hole would be another video.
            self.entries = None;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let path = state.path.clone().unwrap_or_default();
            state.failed =
                Some(TakeError::new(&path, "the disk is too slow, so the take ends here; choose another disk"));
        }
    }
}

impl Journal for TakeWriter {
    fn begin(&mut self, session: &Session) {
        let engine = session.engine();
        let model = engine.model();
        let hash = || model.sha256().unwrap_or_else(|_| "unknown".to_owned());
        let header = Header {
            version: VERSION,
            bendrack: env!("CARGO_PKG_VERSION").to_owned(),
            model: model.name.clone(),
            family: model.family.name().to_owned(),
            model_sha256: self.model_sha256.get_or_insert_with(hash).clone(),
            size: engine.size().into(),
            zoom: engine.zoom(),
            exact: engine.is_exact(),
            clip: engine.timeline().clip(),
            sound: self.sound.clone(),
            processor: processor(),
            patch: value_of(session.patch()),
        };
        self.send(Message::Begin(Box::new(header)));
    }

    fn record(&mut self, entry: &Entry) {
        self.send(Message::Entry(entry.clone()));
    }

    fn end(&mut self) {
        self.send(Message::End);
    }

    fn problem(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed.as_ref().map(|error| format!("take: {error}"))
    }
}

impl Drop for TakeWriter {
    /// Waits until everything is written.
    fn drop(&mut self) {
        self.entries = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread is already printed.
            let _ = thread.join();
        }
    }
}

/// A patch as JSON.
pub(super) fn value_of(patch: &Patch) -> Json {
    // A patch has strings, numbers and names for keys: JSON holds all of them.
    serde_json::to_value(patch).unwrap_or_default()
}

fn write_all(entries: &Receiver<Message>, mut next: impl FnMut() -> io::Result<PathBuf>, state: &Mutex<TakeState>) {
    let mut file: Option<TakeFile> = None;
    let mut flushed = Instant::now();
    loop {
        let message = entries.recv_timeout(FLUSH);
        let written = match (message, &mut file) {
            (Ok(Message::Begin(header)), file) => {
                let ended = file.take().map_or(Ok(()), TakeFile::finish);
                if ended.is_ok() {
                    // A failure from here on is not one of that file.
                    state.lock().unwrap_or_else(PoisonError::into_inner).path = None;
                }
                let begin = |path: PathBuf| {
                    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                    TakeFile::begin(&path, &header).map_err(named)
                };
                let begun = ended.and_then(|()| next()).and_then(begin);
                begun.map(|begun| {
                    *state.lock().unwrap_or_else(PoisonError::into_inner) =
                        TakeState { path: Some(begun.path.clone()), failed: None };
                    *file = Some(begun);
                })
            }
            (Ok(Message::Entry(entry)), Some(file)) => file.write(&entry),
            (Ok(Message::End), file) => {
                state.lock().unwrap_or_else(PoisonError::into_inner).path = None;
                file.take().map_or(Ok(()), TakeFile::finish)
            }
            (Err(RecvTimeoutError::Disconnected), _) => break,
            (Ok(Message::Entry(_)), None) | (Err(RecvTimeoutError::Timeout), _) => Ok(()),
        };
        let written = written.and_then(|()| match &mut file {
            Some(file) if flushed.elapsed() >= FLUSH => {
                flushed = Instant::now();
                file.flush()
            }
            _ => Ok(()),
        });
        if let Err(error) = written {
            file = None;
            fail(state, &error);
        }
    }
    if let Some(Err(error)) = file.map(TakeFile::finish) {
        fail(state, &error);
    }
}

fn fail(state: &Mutex<TakeState>, error: &io::Error) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.failed = Some(match &state.path {
        Some(path) => {
            TakeError::new(path, format_args!("{error}; the take ends here; free space, then begin another video"))
        }
        None => TakeError(format!("{error}; this video has no take: mend the cause, then begin another video")),
    });
}

/// A take that is written.
pub(super) struct TakeFile {
    path: PathBuf,
    out: GzEncoder<BufWriter<File>>,
    names: Names,
    patch: Json,
    /// The latent frame of the latest event.
    frame: Option<u64>,
    /// Model calls that are not written yet.
    calls: usize,
}

impl TakeFile {
    /// Begins a file that does not exist.
    pub(super) fn begin(path: &Path, header: &Header) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        lock::mark(&file);
        let out = GzEncoder::new(BufWriter::new(file), Compression::default());
        let (names, patch) = (Names::default(), header.patch.clone());
        let mut take = Self { path: path.to_owned(), out, names, patch, frame: None, calls: 0 };
        writeln!(take.out, "{}", serde_json::to_string(header)?)?;
        take.flush()?;
        Ok(take)
    }

    pub(super) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        if let Entry::Call = entry {
            self.calls += 1;
            return Ok(());
        }
        self.write_calls()?;
        match entry {
            Entry::Call => Ok(()),
            Entry::Fail => self.line(&Line::Fail),
            Entry::Forget => self.line(&Line::Forget),
            Entry::Patch { patch, .. } => {
                let new = value_of(patch);
                let difference = json_patch::diff(&self.patch, &new);
                self.patch = new;
                self.line(&Line::Patch(difference))
            }
            Entry::Event { frame, event } => {
                if self.frame != Some(*frame) {
                    self.frame = Some(*frame);
                    self.line(&Line::At(*frame))?;
                }
                match event {
                    Event::Control { control, numbers } => {
                        let (number, is_new) = self.names.number(control);
                        if is_new {
                            self.line(&Line::Name(control.clone()))?;
                        }
                        self.line(&Line::Event(number, numbers.to_vec()))
                    }
                    Event::Sound(hop) => self.line(&Line::Sound(hop.clone())),
                }
            }
            Entry::Make { frames } => self.line(&Line::Make(*frames)),
            Entry::Show { frames } => self.line(&Line::Show(*frames)),
            Entry::Check(checksum) => self.line(&Line::Check(*checksum)),
        }
    }

    fn write_calls(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.calls) {
            0 => Ok(()),
            calls => self.line(&Line::Call(calls)),
        }
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        writeln!(self.out, "{}", line.text())
    }

    /// Writes everything so far to the disk.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.write_calls()?;
        self.out.flush()?;
        self.out.get_mut().flush()
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write_calls()?;
        self.out.finish()?.flush()
    }
}
