//! Events of devices, and the controls that they change.
//!
//! An event belongs to one latent frame. [`Controls`] are the state of all devices in one latent frame, with what happened
//! within it: a press between two frames is a press, and each strike of a pad counts.

mod control;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::node::sound::Hop;
pub use control::{Control, Key, Reading, Strike};
pub(crate) use control::{ON, is_on};

/// The most OSC addresses, and the most names of sensors. Events of further ones are refused.
pub const MOST_NAMES: usize = 4096;

/// Something that a device sent.
#[derive(Clone, Debug, PartialEq)]
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
    Sound(Box<Hop>),
}

/// Result of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The event has its place in the latent frame.
    Kept,
    /// The latent frame is full for this control: the event replaces the one before it.
    Merged,
    /// There are too many names: the event has no effect.
    Refused,
}

/// State of all devices in one latent frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    cc: BTreeMap<(u8, u8), Control>,
    notes: BTreeMap<(u8, u8), Key>,
    osc: BTreeMap<Arc<str>, Vec<Control>>,
    sensors: BTreeMap<Arc<str>, Vec<Control>>,
    sound: Vec<Hop>,
}

impl Controls {
    /// The state of devices that sent nothing.
    pub const fn new() -> Self {
        Self {
            cc: BTreeMap::new(),
            notes: BTreeMap::new(),
            osc: BTreeMap::new(),
            sensors: BTreeMap::new(),
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
            Event::Osc { address, numbers } => return apply_numbers(&mut self.osc, address, numbers),
            Event::Sensor { name, numbers } => return apply_numbers(&mut self.sensors, name, numbers),
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
        self.osc.values_mut().chain(self.sensors.values_mut()).flatten().for_each(Control::end_frame);
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
        self.osc.get(address)?.get(index)
    }

    /// A number of a sensor, by its index in the line.
    pub fn sensor(&self, name: &str, index: usize) -> Option<&Control> {
        self.sensors.get(name)?.get(index)
    }

    /// The events by which devices that sent nothing come to this state: the last number of each control, and the keys that are held.
    pub fn events(&self) -> Vec<Event> {
        let numbers = |controls: &[Control]| -> Arc<[f64]> { controls.iter().filter_map(Control::last).collect() };
        let cc = self
            .cc
            .iter()
            .filter_map(|(&(channel, number), control)| Some(Event::Cc { channel, number, value: control.last()? }));
        let keys = self.notes.iter().filter(|(_, key)| key.held().on);
        let keys = keys.map(|(&(channel, number), key)| Event::Note { channel, number, velocity: key.held().velocity });
        let osc = self.osc.iter().map(|(address, of)| Event::Osc { address: address.clone(), numbers: numbers(of) });
        let sensors = self.sensors.iter().map(|(name, of)| Event::Sensor { name: name.clone(), numbers: numbers(of) });
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

/// Applies the numbers of a message to those of its name. A shorter message leaves the others.
fn apply_numbers(known: &mut BTreeMap<Arc<str>, Vec<Control>>, name: &Arc<str>, numbers: &[f64]) -> Applied {
    if !known.contains_key(name) && known.len() == MOST_NAMES {
        return Applied::Refused;
    }
    let controls = known.entry(name.clone()).or_default();
    controls.resize_with(numbers.len().max(controls.len()), Control::new);
    let mut all_kept = true;
    for (control, number) in controls.iter_mut().zip(numbers) {
        all_kept &= control.push(*number);
    }
    if all_kept { Applied::Kept } else { Applied::Merged }
}
