//! The activity of devices: one light per device.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The most characters of the text of a light.
const MAX_TEXT: usize = 80;

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A MIDI input.
    Midi,
    /// A MIDI output.
    MidiOut,
    /// An audio input.
    Audio,
    /// An address that receives OSC.
    OscIn,
    /// An address that OSC goes to.
    OscOut,
    /// A serial port.
    Serial,
}

/// The state of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Open.
    Open,
    /// Missing; it opens as soon as it appears.
    Waiting,
    /// Present, but not usable: the reason, and what to do. The device is tried again.
    Failed(String),
}

/// A device's light.
#[derive(Clone, Debug, PartialEq)]
pub struct Light {
    /// The kind of device.
    pub kind: Kind,
    /// Its name or address.
    pub name: String,
    /// The state.
    pub state: State,
    /// The time of the last message.
    pub last: Option<Instant>,
    /// The number of messages.
    pub count: u64,
    /// The number of messages that could not be read or sent.
    pub errors: u64,
    /// The last message, or its problem.
    pub last_text: String,
}

/// The activity of all devices. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    lights: Arc<Mutex<Lights>>,
}

type Lights = BTreeMap<(Kind, String), Light>;

impl Activity {
    /// The lights by kind and name.
    pub fn lights(&self) -> Vec<Light> {
        self.locked().values().cloned().collect()
    }

    fn locked(&self) -> MutexGuard<'_, Lights> {
        // Each change leaves the lights consistent, so a thread that panicked left valid ones.
        self.lights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The light of a device. It appears once it is set.
    pub(super) fn light(&self, kind: Kind, name: &str) -> LightHandle {
        LightHandle { activity: self.clone(), key: (kind, name.to_owned()) }
    }
}

/// The handle by which a device sets its light.
#[derive(Clone, Debug)]
pub(super) struct LightHandle {
    activity: Activity,
    key: (Kind, String),
}

impl LightHandle {
    /// Sets the state.
    pub(super) fn set(&self, state: State) {
        self.change(|light| light.state = state);
    }

    /// Counts a message.
    pub(super) fn count_message(&self, text: &str) {
        self.count_messages(1, text);
    }

    /// Counts messages; the text is that of the last.
    pub(super) fn count_messages(&self, count: usize, text: &str) {
        if count == 0 {
            return;
        }
        self.change(|light| {
            light.count += count as u64;
            light.last = Some(Instant::now());
            light.last_text = text.chars().take(MAX_TEXT).collect();
        });
    }

    /// Counts a message that could not be read or sent.
    pub(super) fn count_error(&self, text: &str) {
        self.change(|light| {
            light.errors += 1;
            light.last_text = text.chars().take(MAX_TEXT).collect();
        });
    }

    /// Removes the light.
    pub(super) fn remove(&self) {
        self.activity.locked().remove(&self.key);
    }

    fn change(&self, change: impl FnOnce(&mut Light)) {
        let mut lights = self.activity.locked();
        if !lights.contains_key(&self.key) {
            let (kind, name) = self.key.clone();
            let (last_text, state) = (String::new(), State::Waiting);
            lights.insert(self.key.clone(), Light { kind, name, state, last: None, count: 0, errors: 0, last_text });
        }
        if let Some(light) = lights.get_mut(&self.key) {
            change(light);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_light_counts() {
        let activity = Activity::default();
        let light = activity.light(Kind::Serial, "board");
        light.set(State::Open);
        light.count_message("a 1");
        light.count_error(&"x".repeat(500));
        let lights = activity.lights();
        assert_eq!((lights.len(), lights[0].count, lights[0].errors), (1, 1, 1));
        assert_eq!((lights[0].state.clone(), lights[0].last_text.len()), (State::Open, MAX_TEXT));
        assert!(lights[0].last.is_some());
        light.remove();
        assert!(activity.lights().is_empty());
    }
}
