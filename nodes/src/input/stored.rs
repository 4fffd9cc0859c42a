//! Controls between two latent frames, to be stored and continued later.

use serde::{Deserialize, Serialize};

use super::{Control, ControlId, Controls, Key, Lane, Lanes};

/// [`Controls`] between two latent frames, when presses, strikes and sound are over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StoredControls {
    notes: Vec<(StoredId, Key)>,
    fixed: StoredLanes,
    osc: StoredLanes,
    sensors: StoredLanes,
}

/// A [`ControlId`] as JSON, which has a form for it in every format.
type StoredId = String;

/// [`Lanes`], the one used least recently first. Each has its numbers, and whether it is direct.
type StoredLanes = Vec<(StoredId, Vec<Control>, bool)>;

impl Controls {
    /// The state after [`Self::end_frame`], to be stored.
    pub fn store(&self) -> StoredControls {
        StoredControls {
            notes: self.notes.iter().map(|(source, key)| (id(source), key.clone())).collect(),
            fixed: self.fixed.store(),
            osc: self.osc.store(),
            sensors: self.sensors.store(),
        }
    }

    /// A stored state; none if a name in it is none.
    pub fn restore(stored: StoredControls) -> Option<Self> {
        let key = |(source, key): (StoredId, Key)| Some((serde_json::from_str(&source).ok()?, key));
        Some(Self {
            notes: stored.notes.into_iter().map(key).collect::<Option<_>>()?,
            fixed: Lanes::restore(stored.fixed)?,
            osc: Lanes::restore(stored.osc)?,
            sensors: Lanes::restore(stored.sensors)?,
            sound: Vec::new(),
        })
    }
}

impl Lanes {
    fn store(&self) -> StoredLanes {
        self.recent.by_use().map(|(source, lane)| (id(source), lane.controls.to_vec(), lane.is_direct)).collect()
    }

    fn restore(stored: StoredLanes) -> Option<Self> {
        let mut lanes = Self::new();
        for (source, controls, is_direct) in stored {
            let source = serde_json::from_str(&source).ok()?;
            *lanes.recent.use_or_insert_with(&source, Lane::default) = Lane { controls: controls.into(), is_direct };
        }
        lanes.begin = lanes.recent.uses();
        Some(lanes)
    }
}

fn id(source: &ControlId) -> StoredId {
    // Its keys are names: JSON holds all of them.
    serde_json::to_string(source).unwrap_or_default()
}
