//! The cache policy of a patch. It decides when past frames are dropped or recached, and how much the model attends to
//! them.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use bendrack_nodes::program::{Cache, Imprint, Program, Switch};
use serde::{Deserialize, Serialize};

use crate::wan::kv_cache::PastVisibility;

/// Action on past frames at the beginning of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PastAction {
    /// They keep their keys and values.
    Keep,
    /// They are dropped.
    Reset,
    /// Their keys and values are recomputed.
    Recache,
}

/// Decides about past frames.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct PastPolicy {
    /// Requests of the patch in the middle of a chunk.
    due: Requests,
    /// Requests of the patch at the beginning of the chunk. A trigger that stays on requests once.
    begun: Requests,
    /// The programs under which the keys and values of past frames were computed, by number of the frame.
    cached: BTreeMap<usize, Arc<Imprint>>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Requests {
    reset: bool,
    recache: bool,
}

impl PastPolicy {
    /// Records the requests of a program in the middle of a chunk.
    pub(super) fn request(&mut self, cache: &Cache) {
        self.due.reset |= cache.reset && !self.begun.reset;
        self.due.recache |= cache.recache && !self.begun.recache;
    }

    /// Requests that past frames are dropped before the next chunk.
    pub(super) fn request_reset(&mut self) {
        self.due.reset = true;
    }

    /// Records the patch's choice for past frames, for a prompt that is new in the middle of a chunk.
    pub(super) fn switch(&mut self, switch: Option<Switch>) {
        self.due.reset |= switch == Some(Switch::Reset);
        self.due.recache |= switch == Some(Switch::Recache);
    }

    /// The action at the beginning of a chunk, after `switch`, the patch's choice for a new prompt.
    /// `recacheable` are the past frames that a recache covers.
    pub(super) fn begin_chunk(
        &mut self,
        program: &Program,
        switch: Option<Switch>,
        recacheable: impl Iterator<Item = usize>,
    ) -> PastAction {
        let due = mem::take(&mut self.due);
        let reset = program.cache.reset || due.reset;
        let switch_recaches = switch == Some(Switch::Recache);
        let recache = program.cache.recache || due.recache || switch_recaches || self.is_far(program, recacheable);
        self.begun = Requests { reset, recache };
        if reset || switch == Some(Switch::Reset) {
            PastAction::Reset
        } else if recache {
            PastAction::Recache
        } else {
            PastAction::Keep
        }
    }

    /// Takes the pending reset; true if there was one.
    pub(super) fn take_reset(&mut self) -> bool {
        mem::take(&mut self.due.reset)
    }

    /// Forgets the programs of past frames.
    pub(super) fn forget(&mut self) {
        self.cached.clear();
    }

    /// Forgets everything, for a new video.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Attention of a chunk's frames to past frames under a program.
    pub(super) fn visibility(&self, program: &Program) -> PastVisibility {
        let cache = &program.cache;
        let is_stale = cache.stale.iter().any(|&strength| strength > 0.0);
        let here = is_stale.then(|| program.imprint());
        let past = here.iter().flat_map(|here| self.cached.iter().map(move |(number, cached)| (number, here, cached)));
        PastVisibility {
            off: cache.off.iter().map(|&off| off > 0.0).collect(),
            strength: cache.stale.to_vec(),
            staleness: past.map(|(number, here, cached)| (*number, here.distance(cached))).collect(),
        }
    }

    /// Records that the keys and values of frames `numbers` were computed under `program`. Keeps only frames that the KV cache holds.
    pub(super) fn record_cached(&mut self, numbers: &[usize], program: &Program, held: impl Iterator<Item = usize>) {
        if numbers.is_empty() {
            return;
        }
        let imprint = Arc::new(program.imprint());
        self.cached.extend(numbers.iter().map(|&number| (number, imprint.clone())));
        let held: Vec<usize> = held.collect();
        self.cached.retain(|number, _| held.contains(number));
    }

    /// True if a frame that can be recached has a program beyond the threshold of this one.
    fn is_far(&self, program: &Program, recacheable: impl Iterator<Item = usize>) -> bool {
        let Some(threshold) = program.cache.threshold else { return false };
        let here = program.imprint();
        let mut cached = recacheable.filter_map(|number| self.cached.get(&number));
        cached.any(|cached| here.distance(cached) > threshold)
    }
}
