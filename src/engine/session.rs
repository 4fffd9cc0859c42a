//! A video as a list of entries: events, patches, makes of chunks, model calls, frames shown.
//!
//! Live, a clock decides the entries; a take keeps them. The same entries give the same pictures, whoever decides them.

use std::mem;
use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{Applied, Controls, Event, StoredControls};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Tap;
use candle_core::{Result, bail};
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::{Engine, Frame, StoredEngine};
use crate::sound::Sound;
use crate::wan::stored::Tensors;

/// One thing that happens to a video.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Another patch runs from the next model call on.
    Patch {
        /// The patch.
        patch: Arc<Patch>,
        /// Its plan.
        plan: Arc<Plan>,
    },
    /// A device sends an event.
    Event {
        /// The latent frame to which it belongs. It acts there if the next make covers that frame, else in the nearest that it covers.
        frame: u64,
        /// The event.
        event: Event,
    },
    /// A chunk begins, or the finished chunk is made once more if that changes it.
    Make {
        /// The number of latent frames whose controls are final with this make: those that are shown before the next one.
        frames: usize,
    },
    /// A model call.
    Call,
    /// A model call that failed: its effects, without the model. If the patch asked for a reset meanwhile, it drops the chunk.
    Fail,
    /// The pictures of the next latent frames are shown.
    Show {
        /// The number of latent frames.
        frames: usize,
    },
    /// The KV cache is emptied before the next chunk.
    Forget,
    /// The checksum of the pictures so far.
    Check(Checksum),
}

/// The CRC-32 of the model's pictures that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// The number of pictures.
    pub pictures: u64,
    /// The CRC-32 of their pixels.
    pub crc: u32,
}

/// The beginning of a video: its patch, and what else decides its pictures on one model at one size.
#[derive(Clone, Debug)]
pub struct Video {
    /// The patch.
    pub patch: Arc<Patch>,
    /// The plan of the patch.
    pub plan: Arc<Plan>,
    /// The sound in place of that of devices.
    pub sound: Option<Arc<Sound>>,
    /// Scale of the screen, times the model's picture.
    pub zoom: usize,
    /// True if every bend of a map takes its exact form.
    pub exact: bool,
}

/// An engine that executes entries.
pub struct Session {
    engine: Engine,
    patch: Arc<Patch>,
    /// The controls after the last latent frame whose controls are final.
    controls: Controls,
    /// Events for the next make, with their latent frames.
    events: Vec<(u64, Event)>,
    /// Events that replaced one of their latent frame, because there were too many.
    merged: u64,
    pictures: u64,
    /// Bytes of the pictures so far.
    bytes: u64,
    hasher: Hasher,
}

impl From<Engine> for Session {
    /// A session without the patch of the engine's plan.
    fn from(engine: Engine) -> Self {
        Self::new(engine, Arc::default())
    }
}

/// A session between two chunks, apart from its patch and its tensors.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredSession {
    engine: StoredEngine,
    controls: StoredControls,
    merged: u64,
    checksum: Checksum,
    /// Bytes of the pictures so far.
    bytes: u64,
}

impl Session {
    /// True if the session can be stored: between two chunks, before another patch or an event comes.
    pub fn can_store(&self) -> bool {
        self.events.is_empty() && self.engine.can_store()
    }

    /// The session between two chunks. Its tensors are put into `tensors`.
    ///
    /// # Errors
    ///
    /// Fails unless [`Self::can_store`], and if the device fails.
    pub fn store(&self, tensors: &mut Tensors) -> Result<StoredSession> {
        if !self.events.is_empty() {
            bail!("a session is stored before events come; make the next chunk first")
        }
        Ok(StoredSession {
            engine: self.engine.store(tensors)?,
            controls: self.controls.store(),
            merged: self.merged,
            checksum: self.checksum(),
            bytes: self.bytes,
        })
    }

    /// Continues from a stored session of the same model and settings, under the patch that it had.
    ///
    /// # Errors
    ///
    /// Fails if the stored session is that of another model, size or patch, and if the device fails.
    pub fn restore(&mut self, stored: StoredSession, tensors: &mut Tensors) -> Result<()> {
        let Some(controls) = Controls::restore(stored.controls) else {
            bail!("the checkpoint names a control that is none; begin the render again")
        };
        self.engine.restore(stored.engine, tensors)?;
        let StoredSession { checksum: Checksum { pictures, crc }, bytes, merged, .. } = stored;
        self.hasher = Hasher::new_with_initial_len(crc, bytes);
        (self.pictures, self.bytes, self.merged) = (pictures, bytes, merged);
        (self.controls, self.events) = (controls, Vec::new());
        Ok(())
    }

    /// A session of an engine that runs the plan of this patch.
    pub fn new(engine: Engine, patch: Arc<Patch>) -> Self {
        Self {
            engine,
            patch,
            controls: Controls::default(),
            events: Vec::new(),
            merged: 0,
            pictures: 0,
            bytes: 0,
            hasher: Hasher::new(),
        }
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Measures these taps of the viewer too, from the next call on: see [`Engine::set_probes`]. They are no part of the video.
    pub fn set_probes(&mut self, probes: Arc<[Tap]>) {
        self.engine.set_probes(probes);
    }

    /// The patch that runs.
    pub const fn patch(&self) -> &Arc<Patch> {
        &self.patch
    }

    /// The controls after the last latent frame whose controls are final.
    pub const fn controls(&self) -> &Controls {
        &self.controls
    }

    /// The number of events that replaced one of their latent frame, because there were too many.
    pub const fn merged(&self) -> u64 {
        self.merged
    }

    /// The checksum of the pictures so far.
    pub fn checksum(&self) -> Checksum {
        Checksum { pictures: self.pictures, crc: self.hasher.clone().finalize() }
    }

    /// The latent frames that the next make covers: those that are not shown, of the finished chunk or of the next one.
    pub fn open_frames(&self) -> &[usize] {
        if self.engine.is_between_chunks() { self.engine.chunk() } else { self.engine.to_show() }
    }

    /// Executes an entry. Returns the frames that it shows.
    ///
    /// # Errors
    ///
    /// Fails if a prompt cannot be encoded, if the device fails, if a call comes before frames are shown, or if more frames are shown than are made. The entry can be executed
    /// again.
    pub fn execute(&mut self, entry: &Entry) -> Result<Vec<Frame>> {
        match entry {
            Entry::Patch { patch, plan } => {
                self.patch = patch.clone();
                self.engine.set_plan(plan.clone());
            }
            Entry::Event { frame, event } => self.events.push((*frame, event.clone())),
            Entry::Make { frames } => self.make(*frames)?,
            Entry::Call => _ = self.engine.call()?,
            Entry::Fail => self.engine.fail()?,
            Entry::Forget => self.engine.forget_past(),
            Entry::Show { frames } => return self.show(*frames),
            Entry::Check(_) => {}
        }
        Ok(Vec::new())
    }

    fn make(&mut self, frames: usize) -> Result<()> {
        let Some(&first) = self.open_frames().first() else { return Ok(()) };
        let lanes = self.lanes(first as u64, frames.min(self.open_frames().len()));
        if self.engine.is_between_chunks() {
            self.engine.begin(&lanes);
        } else {
            self.engine.remake(&lanes)?;
        }
        Ok(())
    }

    /// The controls in each of `count` latent frames from `first` on. Later events belong to the last of them.
    fn lanes(&mut self, first: u64, count: usize) -> Vec<Arc<Controls>> {
        let mut events = mem::take(&mut self.events);
        events.sort_by_key(|(frame, _)| *frame);
        let mut events = events.into_iter().peekable();
        let mut lanes = Vec::with_capacity(count);
        for index in 0..count {
            let end = if index + 1 == count { u64::MAX } else { first + index as u64 };
            while let Some((_, event)) = events.next_if(|(frame, _)| *frame <= end) {
                self.merged += u64::from(self.controls.apply(&event) == Applied::Merged);
            }
            lanes.push(Arc::new(self.controls.clone()));
            self.controls.end_frame();
        }
        lanes
    }

    fn show(&mut self, frames: usize) -> Result<Vec<Frame>> {
        let made = self.engine.to_show().len();
        if frames > made {
            bail!("{frames} latent frames are to be shown and {made} are made; make them first")
        }
        let frames = self.engine.show(frames)?;
        for frame in &frames {
            self.hasher.update(&frame.picture.rgb);
            self.bytes += frame.picture.rgb.len() as u64;
        }
        self.pictures += frames.len() as u64;
        Ok(frames)
    }

    /// The video that runs, with the patch and the plan of now.
    pub fn video(&self) -> Video {
        let engine = &self.engine;
        Video {
            patch: self.patch.clone(),
            plan: engine.plan().clone(),
            sound: engine.sound().cloned(),
            zoom: engine.zoom(),
            exact: engine.is_exact(),
        }
    }

    /// Begins another video, with devices as they are before they send anything.
    pub fn begin(&mut self, video: Video) {
        let Video { patch, plan, sound, zoom, exact } = video;
        self.patch = patch;
        self.engine.set_plan(plan);
        self.engine.set_sound(sound);
        self.engine.set_zoom(zoom);
        self.engine.set_exact(exact);
        self.restart();
    }

    /// Begins the video again, with devices as they are before they send anything.
    pub fn restart(&mut self) {
        self.engine.restart();
        self.controls = Controls::default();
        self.events.clear();
        (self.pictures, self.bytes, self.hasher) = (0, 0, Hasher::new());
    }
}

/// The receiver of what a session executes.
pub trait Journal: Send {
    /// A video begins, or begins again, with the patch of the session and before any event.
    fn begin(&mut self, session: &Session);
    /// An entry is executed.
    fn record(&mut self, entry: &Entry);
    /// The video ends. Its entries are complete until the next one begins.
    fn end(&mut self) {}
    /// The problem by which entries are lost, and the next step.
    fn problem(&self) -> Option<String>;
}

impl Journal for () {
    fn begin(&mut self, _: &Session) {}
    fn record(&mut self, _: &Entry) {}
    fn problem(&self) -> Option<String> {
        None
    }
}

impl<J: Journal> Journal for Option<J> {
    fn begin(&mut self, session: &Session) {
        if let Some(journal) = self {
            journal.begin(session);
        }
    }

    fn record(&mut self, entry: &Entry) {
        if let Some(journal) = self {
            journal.record(entry);
        }
    }

    fn end(&mut self) {
        if let Some(journal) = self {
            journal.end();
        }
    }

    fn problem(&self) -> Option<String> {
        self.as_ref().and_then(J::problem)
    }
}
