//! The measurements of taps over a chunk.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use bendrack_nodes::program::{Fuse, Pass, Tap};

use super::frame::Taps;
use crate::bend::{Measured, fuse_maps};
use crate::media::Map;

/// Collects the maps of taps, from the denoising steps of a chunk.
#[derive(Default)]
pub(super) struct TapCollector {
    /// The maps of each tap in the chunk, by the id of its node.
    chunk: BTreeMap<Arc<str>, Steps>,
    /// The maps at the latest latent frame that was presented.
    last: Arc<Taps>,
}

/// The maps of a tap: one per frame, for each step so far.
struct Steps {
    maps: Vec<Vec<Map>>,
    fuse: Fuse,
}

/// The maps at a latent frame.
pub(super) struct LaneTaps {
    pub(super) taps: Arc<Taps>,
    /// The maps at the latent frame before.
    pub(super) before: Arc<Taps>,
}

impl TapCollector {
    /// Begins a make of a chunk.
    pub(super) fn begin(&mut self) {
        self.chunk.clear();
    }

    /// Forgets everything, for a new video.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// The maps of the latest latent frame that was shown.
    pub(super) const fn last(&self) -> &Arc<Taps> {
        &self.last
    }

    /// Continues behind a latent frame of these maps.
    pub(super) fn set_last(&mut self, last: Arc<Taps>) {
        self.chunk.clear();
        self.last = last;
    }

    /// Adds the measurements of a call of denoising.
    pub(super) fn add(&mut self, taps: &[Tap], measured: &BTreeMap<Arc<str>, Measured>, pass: Pass) {
        if pass == Pass::Cache {
            return;
        }
        for tap in taps {
            let Some(measured) = measured.get(&tap.node) else { continue };
            match self.chunk.get_mut(&tap.node) {
                Some(steps) if steps.fits(&measured.maps) => steps.maps.push(measured.maps.clone()),
                // The first step of the chunk, or another target.
                _ => {
                    let steps = Steps { maps: vec![measured.maps.clone()], fuse: tap.fuse };
                    self.chunk.insert(tap.node.clone(), steps);
                }
            }
        }
    }

    /// The maps at a latent frame of the chunk, which is shown next.
    pub(super) fn show(&mut self, lane: usize) -> LaneTaps {
        let maps = self.chunk.iter().filter_map(|(node, steps)| Some((node.clone(), steps.at(lane)?)));
        let taps: Arc<Taps> = Arc::new(maps.collect());
        let before = mem::replace(&mut self.last, taps.clone());
        LaneTaps { taps, before }
    }
}

impl Steps {
    /// True if maps have the shape of those so far.
    fn fits(&self, maps: &[Map]) -> bool {
        let size = |map: &Map| (map.width, map.height);
        self.maps[0].iter().map(size).eq(maps.iter().map(size))
    }

    /// The map at a frame of the chunk, fused over its steps.
    fn at(&self, lane: usize) -> Option<Map> {
        let maps: Vec<&Map> = self.maps.iter().filter_map(|maps| maps.get(lane)).collect();
        fuse_maps(&maps, self.fuse)
    }
}
