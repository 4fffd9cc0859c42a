//! State of bends and taps between model calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bendrack_nodes::program::Program;
use candle_core::{Device, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::tap::Measured;
use crate::media::Map;
use crate::wan::stored::Tensors;

/// State between calls. Like the KV cache, it is an input of the next call.
#[derive(Clone, Default)]
pub struct BendMemory {
    /// The columns of frozen maps.
    pub(super) frozen: BTreeMap<FrozenKey, Tensor>,
    /// The mean |h| of each neuron, by layer.
    pub(super) activity: BTreeMap<usize, Vec<f32>>,
    /// The last map of each tap, by the id of its node.
    pub(super) maps: BTreeMap<Arc<str>, Map>,
}

/// Identifies frozen columns: node, words, layer, step, heads.
pub(super) type FrozenKey = (Arc<str>, String, usize, usize, Vec<u32>);

/// A [`BendMemory`] apart from its tensors, to be stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StoredBends {
    /// The keys of frozen columns, in the order of their tensors.
    frozen: Vec<FrozenKey>,
    activity: BTreeMap<usize, Vec<f32>>,
    maps: BTreeMap<Arc<str>, Map>,
}

impl BendMemory {
    /// The state, with its tensors put into `tensors`.
    pub fn store(&self, tensors: &mut Tensors) -> StoredBends {
        for (number, columns) in self.frozen.values().enumerate() {
            tensors.put(format!("frozen.{number}"), columns.clone());
        }
        let frozen = self.frozen.keys().cloned().collect();
        StoredBends { frozen, activity: self.activity.clone(), maps: self.maps.clone() }
    }

    /// Stored state on a device.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing, or if the device fails.
    pub fn restore(stored: StoredBends, tensors: &mut Tensors, device: &Device) -> Result<Self> {
        let mut frozen = BTreeMap::new();
        for (number, key) in stored.frozen.into_iter().enumerate() {
            frozen.insert(key, tensors.take(&format!("frozen.{number}"))?.to_device(device)?);
        }
        Ok(Self { frozen, activity: stored.activity, maps: stored.maps })
    }

    /// Adds the results of a call under `program`, and drops nodes that the program lacks.
    pub fn update(&mut self, new: Self, program: &Program, measured: BTreeMap<Arc<str>, Measured>) {
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

    /// The neurons of a layer that were most active in the call before, at most `most`. None if the layer was not
    /// measured.
    pub(super) fn most_active(&self, layer: usize, most: usize) -> impl Iterator<Item = usize> {
        let activity = self.activity.get(&layer).map_or(&[][..], Vec::as_slice);
        let mut order: Vec<usize> = (0..activity.len()).collect();
        order.sort_by(|&a, &b| activity[b].total_cmp(&activity[a]).then(a.cmp(&b)));
        order.into_iter().take(most)
    }
}
