//! Events of devices, and the controls that they change.
//!
//! An event belongs to one latent frame. [`Controls`] are the state of all devices in one latent frame, with each
//! press and strike within it.

mod control;
mod recent;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::node::sound::Hop;
pub use control::{Control, Key, Reading, Strike};
pub(crate) use control::{ON, is_on};
pub use recent::Recent;

/// Limit on the OSC addresses, and on the names of sensors. A further one replaces the one without a message for the
/// longest time.
pub const MOST_NAMES: usize = 4096;

/// A message of a device.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A MIDI controller.
    Cc {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 1.
        value: f64,
    },
    /// A MIDI note.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 1; 0 releases the key.
        velocity: f64,
    },
    /// The numbers of an OSC message.
    Osc {
        /// Address, such as `/1/fader1`.
        address: Arc<str>,
        /// Finite numbers.
        numbers: Arc<[f64]>,
    },
    /// The numbers of a sensor on a serial line.
    Sensor {
        /// Its name, as the board sends it.
        name: Arc<str>,
        /// Finite numbers.
        numbers: Arc<[f64]>,
    },
    /// A hundredth of a second of sound.
    #[serde(skip)]
    Sound(Box<Hop>),
}

/// Result of [`Controls::apply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The latent frame has the event.
    Kept,
    /// The latent frame is full for this control: the event replaces its previous one.
    Merged,
    /// The latent frame has the event. Its name is new, and replaces the name without a message for the longest time.
    Evicted,
    /// The event has no effect: its name is new, and all others have a message in this latent frame.
    Refused,
}

/// State of all devices in one latent frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    cc: BTreeMap<(u8, u8), Control>,
    notes: BTreeMap<(u8, u8), Key>,
    osc: Names,
    sensors: Names,
    sound: Vec<Hop>,
}

impl Controls {
    /// State without any event.
    pub const fn new() -> Self {
        Self {
            cc: BTreeMap::new(),
            notes: BTreeMap::new(),
            osc: Names::new(),
            sensors: Names::new(),
            sound: Vec::new(),
        }
    }

    /// Applies an event to the latent frame.
    pub fn apply(&mut self, event: &Event) -> Applied {
        let kept = match event {
            Event::Cc { channel, number, value } => {
                self.cc.entry((*channel, *number)).or_insert_with(Control::new).push(*value)
            }
            Event::Note { channel, number, velocity } => {
                self.notes.entry((*channel, *number)).or_default().push(*velocity)
            }
            Event::Osc { address, numbers } => return self.osc.apply(address, numbers),
            Event::Sensor { name, numbers } => return self.sensors.apply(name, numbers),
            Event::Sound(hop) => {
                self.sound.push(**hop);
                true
            }
        };
        if kept { Applied::Kept } else { Applied::Merged }
    }

    /// Replaces the sound of the latent frame.
    pub fn set_sound(&mut self, hops: impl IntoIterator<Item = Hop>) {
        self.sound.clear();
        self.sound.extend(hops);
    }

    /// Begins the next latent frame: numbers and held keys stay, presses, strikes and sound are over.
    pub fn end_frame(&mut self) {
        self.cc.values_mut().for_each(Control::end_frame);
        self.notes.retain(|_, key| key.end_frame());
        self.osc.end_frame();
        self.sensors.end_frame();
        self.sound.clear();
    }

    /// A MIDI controller, by channel (1 to 16) and number.
    pub fn cc(&self, key: (u8, u8)) -> Option<&Control> {
        self.cc.get(&key)
    }

    /// Every MIDI controller that sent a value, by channel and number.
    pub fn ccs(&self) -> impl Iterator<Item = ((u8, u8), &Control)> {
        self.cc.iter().map(|(key, control)| (*key, control))
    }

    /// A key, by channel (1 to 16) and number; none while it is off.
    pub fn note(&self, key: (u8, u8)) -> Option<&Key> {
        self.notes.get(&key)
    }

    /// Every key that is on, by channel and number.
    pub fn notes(&self) -> impl Iterator<Item = ((u8, u8), &Key)> {
        self.notes.iter().map(|(key, state)| (*key, state))
    }

    /// A number of an OSC address, by its index in the message.
    pub fn osc(&self, address: &str, index: usize) -> Option<&Control> {
        self.osc.get(address, index)
    }

    /// A number of a sensor, by its index in the line.
    pub fn sensor(&self, name: &str, index: usize) -> Option<&Control> {
        self.sensors.get(name, index)
    }

    /// The events that lead from [`Controls::new`] to this state: the last number of each control, and the keys that
    /// are held.
    pub fn events(&self) -> Vec<Event> {
        let numbers = |controls: &[Control]| -> Arc<[f64]> { controls.iter().filter_map(Control::last).collect() };
        let cc = self
            .cc
            .iter()
            .filter_map(|(&(channel, number), control)| Some(Event::Cc { channel, number, value: control.last()? }));
        let keys = self.notes.iter().filter(|(_, key)| key.held().on);
        let keys = keys.map(|(&(channel, number), key)| Event::Note { channel, number, velocity: key.held().velocity });
        let osc =
            self.osc.recent.by_use().map(|(address, of)| Event::Osc { address: address.clone(), numbers: numbers(of) });
        let sensors =
            self.sensors.recent.by_use().map(|(name, of)| Event::Sensor { name: name.clone(), numbers: numbers(of) });
        cc.chain(keys).chain(osc).chain(sensors).collect()
    }

    /// Sound of the latent frame, oldest hop first.
    pub fn sound(&self) -> &[Hop] {
        &self.sound
    }
}

impl<'a> Extend<&'a Event> for Controls {
    fn extend<T: IntoIterator<Item = &'a Event>>(&mut self, events: T) {
        for event in events {
            self.apply(event);
        }
    }
}

impl FromIterator<Event> for Controls {
    /// Controls after events within one latent frame.
    fn from_iter<T: IntoIterator<Item = Event>>(events: T) -> Self {
        let mut controls = Self::default();
        for event in events {
            controls.apply(&event);
        }
        controls
    }
}

/// Numbers by name, of OSC addresses or of sensors.
#[derive(Clone, Debug, Default)]
struct Names {
    recent: Recent<Arc<str>, Vec<Control>>,
    /// Number of the first use in this latent frame.
    begin: u64,
}

impl Names {
    const fn new() -> Self {
        Self { recent: Recent::new(), begin: 0 }
    }

    fn get(&self, name: &str, index: usize) -> Option<&Control> {
        self.recent.get(name)?.get(index)
    }

    /// Applies the numbers of a message to those of its name. A shorter message leaves the others.
    fn apply(&mut self, name: &Arc<str>, numbers: &[f64]) -> Applied {
        let mut applied = Applied::Kept;
        if self.recent.len() >= MOST_NAMES && self.recent.get(name).is_none() {
            if self.recent.oldest().is_none_or(|(latest, _)| latest >= self.begin) {
                return Applied::Refused;
            }
            self.recent.remove_oldest();
            applied = Applied::Evicted;
        }
        let controls = self.recent.use_or_insert_with(name, Vec::new);
        controls.resize_with(numbers.len().max(controls.len()), Control::new);
        for (control, number) in controls.iter_mut().zip(numbers) {
            if !control.push(*number) {
                applied = Applied::Merged;
            }
        }
        applied
    }

    fn end_frame(&mut self) {
        self.recent.values_mut().flatten().for_each(Control::end_frame);
        self.begin = self.recent.uses();
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.recent == other.recent
    }
}
