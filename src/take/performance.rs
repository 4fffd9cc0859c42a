//! A take as events and patches in their latent frames, for another model or other makes.

use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Event;
use bendrack_nodes::patch::Patch;
use candle_core::Result;
use serde::{Deserialize, Serialize};

use super::Take;
use crate::engine::{Entry, Frame, Phase, Session};

/// The events and patches of a take, in order, without the decisions of the clock.
#[derive(Clone, Debug, Default)]
pub struct Performance {
    /// Events with the first pictures of the latent frames to which they belong: on another model, a latent frame may have other pictures.
    events: Vec<(u64, Event)>,
    /// Patches with the first picture that was not shown when they came.
    patches: Vec<(u64, Arc<Patch>, Arc<Plan>)>,
    /// The pictures from which on a chunk begins with an empty KV cache.
    forgotten: Vec<u64>,
}

/// The numbers of events, patches and empty KV caches that are still to come in a [`Performance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    events: usize,
    patches: usize,
    forgotten: usize,
}

impl Performance {
    /// The rest of it.
    pub const fn left(&self) -> Left {
        Left { events: self.events.len(), patches: self.patches.len(), forgotten: self.forgotten.len() }
    }

    /// Leaves out what came before. Returns the latest patch of it.
    pub fn go_on(&mut self, left: Left) -> Option<Entry> {
        let before = |all: usize, left: usize| all.saturating_sub(left);
        self.events.drain(..before(self.events.len(), left.events));
        self.forgotten.drain(..before(self.forgotten.len(), left.forgotten));
        let mut patches = self.patches.drain(..before(self.patches.len(), left.patches));
        patches.next_back().map(|(_, patch, plan)| Entry::Patch { patch, plan })
    }

    /// The performance of a take.
    pub fn of(take: &Take) -> Self {
        let (mut events, mut patches, mut forgotten) = (Vec::new(), Vec::new(), Vec::new());
        let (mut shown, mut is_in_chunk, mut is_shown) = (0, false, false);
        let picture = |frame: u64| take.header.pictures(frame as usize);
        for (_, entry) in &take.entries {
            match entry {
                Entry::Event { frame, event } => events.push((picture(*frame), event.clone())),
                Entry::Patch { patch, plan } => patches.push((picture(shown), patch.clone(), plan.clone())),
                // Within a chunk, it concerns the next one.
                Entry::Forget => forgotten.push(picture(shown + u64::from(is_in_chunk))),
                Entry::Show { frames } => {
                    shown += *frames as u64;
                    is_shown = true;
                }
                Entry::Make { .. } => (is_in_chunk, is_shown) = (true, false),
                // A call right after pictures is the cache pass, which ends the chunk.
                Entry::Call => {
                    is_in_chunk &= !is_shown;
                    is_shown = false;
                }
                Entry::Fail | Entry::Check(_) => {}
            }
        }
        events.sort_by_key(|(picture, _)| *picture);
        Self { events, patches, forgotten }
    }

    /// Does the next thing: begins a chunk with all that belongs to it, makes one model call, shows a finished chunk. Each chunk is made
    /// once, under the last patch that came before its end.
    ///
    /// # Errors
    ///
    /// Fails as [`Session::execute`] does.
    pub fn step(&mut self, session: &mut Session) -> Result<Vec<Frame>> {
        if session.engine().phase() == Phase::Between {
            self.begin_chunk(session)?;
        }
        if session.engine().phase() != Phase::Show {
            session.execute(&Entry::Call)?;
        }
        if session.engine().phase() != Phase::Show {
            return Ok(Vec::new());
        }
        session.execute(&Entry::Show { frames: session.open_frames().len() })
    }

    fn begin_chunk(&mut self, session: &mut Session) -> Result<()> {
        let frames = session.open_frames().len();
        let timeline = session.engine().timeline();
        let first_of = |frame: usize| timeline.pictures_before(frame) as u64;
        let end = session.open_frames().last().map_or(0, |&last| first_of(last + 1));
        let patches = self.patches.partition_point(|(picture, ..)| *picture < end);
        if let Some((_, patch, plan)) = self.patches.drain(..patches).next_back() {
            session.execute(&Entry::Patch { patch, plan })?;
        }
        // It was asked for in a chunk, and empties the cache before the next one.
        let begin = session.open_frames().first().map_or(0, |&first| first_of(first));
        let forgotten = self.forgotten.partition_point(|picture| *picture <= begin);
        if self.forgotten.drain(..forgotten).next_back().is_some() {
            session.execute(&Entry::Forget)?;
        }
        let events = self.events.partition_point(|(picture, _)| *picture < end);
        for (picture, event) in self.events.drain(..events) {
            let frame = timeline.latents((picture as usize).saturating_add(1)).saturating_sub(1) as u64;
            session.execute(&Entry::Event { frame, event })?;
        }
        session.execute(&Entry::Make { frames }).map(drop)
    }
}
