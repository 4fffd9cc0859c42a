//! What bends and taps keep from one model call for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bendrack_nodes::program::Program;
use candle_core::Tensor;

use super::tap::Measured;
use crate::media::Map;

/// What calls before left: it is part of what the next call depends on, as the KV cache is.
#[derive(Default)]
pub struct Past {
    /// The columns of frozen maps.
    pub(super) frozen: BTreeMap<Moment, Tensor>,
    /// The mean |h| of each neuron, by layer.
    pub(super) activity: BTreeMap<usize, Vec<f32>>,
    /// The last map of each tap.
    pub(super) maps: BTreeMap<Arc<str>, Map>,
}

/// What was frozen, where and when: the node, its words, the layer, the step, the heads.
pub(super) type Moment = (Arc<str>, String, usize, usize, Vec<u32>);

impl Past {
    /// Takes what a call leaves. What a program does not ask for any more is forgotten.
    pub fn keep(&mut self, new: Self, program: &Program, measured: BTreeMap<Arc<str>, Measured>) {
        let nodes: BTreeSet<&str> = program.bends.iter().map(|bend| &*bend.node).collect();
        self.frozen.retain(|(node, ..), _| nodes.contains(&**node));
        self.frozen.extend(new.frozen);
        self.activity.extend(new.activity);
        let taps: BTreeSet<&str> = program.taps.iter().map(|tap| &*tap.node).collect();
        self.maps.retain(|node, _| taps.contains(&**node));
        for (node, measured) in measured {
            if let Some(map) = measured.maps.into_iter().next_back() {
                self.maps.insert(node, map);
            }
        }
    }

    /// The most active neurons of a layer in the call before, at most so many; none if it was not measured.
    pub(super) fn most_active(&self, layer: usize, most: usize) -> impl Iterator<Item = usize> {
        let activity = self.activity.get(&layer).map_or(&[][..], Vec::as_slice);
        let mut order: Vec<usize> = (0..activity.len()).collect();
        order.sort_by(|&a, &b| activity[b].total_cmp(&activity[a]).then(a.cmp(&b)));
        order.into_iter().take(most)
    }
}
