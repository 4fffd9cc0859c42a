//! Events of devices, and the controls that they change.
//!
//! An event belongs to one latent frame. [`Controls`] are the state of all devices in one latent frame, with each
//! press and strike within it.

mod control;
mod hand;
mod name;
mod recent;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::node::sound::Hop;
pub use control::{Control, Key, Reading, Strike};
pub(crate) use control::{ON, is_on};
pub use hand::{ComputerKey, GamepadPart};
pub(crate) use name::{ControlForm, ControlKind};
pub use name::{ControlId, ControlName};
pub use recent::Recent;
pub use stored::StoredControls;

/// Limit on the OSC addresses, and on the names of sensors. A further one replaces the one without a message for the
/// longest time.
pub const MOST_NAMES: usize = 4096;

/// Limit on the lanes of controls with given names, such as those of MIDI: a control has one for its device, and those of every device and every channel.
const MOST_FIXED: usize = 4 * MOST_NAMES;

/// Limit on the lanes of addresses, and on those of sensors: each has one for its device, and one of every device.
const MOST_DOUBLE: usize = 2 * MOST_NAMES;

/// The numbers of a message.
pub type Numbers = SmallVec<[f64; 2]>;

/// A message of a device.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// New numbers of a control.
    Control {
        /// The control.
        control: ControlId,
        /// Finite numbers. A control of MIDI has one: 0 to 1, pitch bend −1 to 1, a program 0 to 127; a note off is 0.
        numbers: Numbers,
    },
    /// A hundredth of a second of sound.
    Sound(Box<Hop>),
}

impl Event {
    /// Numbers of a control.
    pub fn new(control: impl Into<ControlId>, numbers: &[f64]) -> Self {
        Self::Control { control: control.into(), numbers: numbers.into() }
    }

    /// A MIDI controller: channel (1 to 16), number, and value (0 to 1).
    pub fn cc(channel: u8, number: u8, value: f64) -> Self {
        Self::new(ControlName::Cc { channel, number }, &[value])
    }

    /// A MIDI note: channel (1 to 16), number, and velocity (0 to 1; 0 releases the key).
    pub fn note(channel: u8, number: u8, velocity: f64) -> Self {
        Self::new(ControlName::Note { channel, number }, &[velocity])
    }

    /// The numbers of an OSC message.
    pub fn osc(address: impl Into<Arc<str>>, numbers: &[f64]) -> Self {
        Self::new(ControlName::Osc { address: address.into() }, numbers)
    }

    /// The numbers of a sensor.
    pub fn sensor(name: impl Into<Arc<str>>, numbers: &[f64]) -> Self {
        Self::new(ControlName::Sensor { name: name.into() }, numbers)
    }

    /// The same event for a latent frame that ends so many seconds later: the beat of a clock is that at its end.
    pub fn advance(&mut self, secs: f64) {
        if let Self::Control { control, numbers } = self
            && control.name == ControlName::Clock
            && let [tempo, beat, is_running] = &mut numbers[..]
            && *is_running >= ON
        {
            *beat += *tempo / 60.0 * secs;
        }
    }

    /// The same event, of this device.
    #[must_use]
    pub fn on(mut self, device: &Arc<str>) -> Self {
        if let Self::Control { control, .. } = &mut self {
            control.device = Some(device.clone());
        }
        self
    }
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
///
/// A control has a lane for its device, and shares those of every device and of every MIDI channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    notes: BTreeMap<ControlId, Key>,
    /// Those whose names are given: of MIDI, gamepads, keys and clocks.
    fixed: Lanes,
    osc: Lanes,
    sensors: Lanes,
    sound: Vec<Hop>,
}

impl Controls {
    /// State without any event.
    pub const fn new() -> Self {
        Self {
            notes: BTreeMap::new(),
            fixed: Lanes::new(),
            osc: Lanes::new(),
            sensors: Lanes::new(),
            sound: Vec::new(),
        }
    }

    /// Applies an event to the latent frame.
    pub fn apply(&mut self, event: &Event) -> Applied {
        match event {
            Event::Control { control, numbers } => match control.name {
                ControlName::Note { .. } => self.strike(control, numbers.first().copied().unwrap_or_default()),
                ControlName::Osc { .. } => self.osc.apply(control, numbers, MOST_DOUBLE),
                ControlName::Sensor { .. } => self.sensors.apply(control, numbers, MOST_DOUBLE),
                ControlName::Online => self.set_online(control, numbers),
                _ => self.fixed.apply(control, numbers, MOST_FIXED),
            },
            Event::Sound(hop) => {
                self.sound.push(**hop);
                Applied::Kept
            }
        }
    }

    /// Strikes or releases a key in each of its lanes. A lane stays on while another key of it is held.
    fn strike(&mut self, source: &ControlId, velocity: f64) -> Applied {
        let mut applied = Applied::Kept;
        for lane in source.lanes() {
            let is_own = lane == *source;
            let is_held = |(other, key): (&ControlId, &Key)| {
                other != source && key.is_direct() && key.held().on && lane.includes(other)
            };
            if velocity <= 0.0 && !is_own && self.notes.iter().any(is_held) {
                continue;
            }
            let key = self.notes.entry(lane).or_default();
            if !key.push(velocity, is_own) && is_own {
                applied = Applied::Merged;
            }
        }
        applied
    }

    /// Notes that a device comes or goes. The lane of every device is on while one of them is.
    fn set_online(&mut self, source: &ControlId, numbers: &[f64]) -> Applied {
        let applied = self.fixed.apply_lane(source, numbers, MOST_FIXED, true);
        if source.device.is_some() {
            let is_device = |other: &ControlId| other.name == ControlName::Online && other.device.is_some();
            let is_on = self
                .fixed
                .direct()
                .filter(|(other, _)| is_device(other))
                .any(|(_, controls)| controls.first().and_then(Control::last).is_some_and(|number| number >= ON));
            self.fixed.apply_lane(&ControlName::Online.into(), &[f64::from(u8::from(is_on))], MOST_FIXED, false);
        }
        applied
    }

    /// Replaces the sound of the latent frame.
    pub fn set_sound(&mut self, hops: impl IntoIterator<Item = Hop>) {
        self.sound.clear();
        self.sound.extend(hops);
    }

    /// Begins the next latent frame: numbers and held keys stay, presses, strikes and sound are over.
    pub fn end_frame(&mut self) {
        self.notes.retain(|_, key| key.end_frame());
        self.lanes_mut().into_iter().for_each(Lanes::end_frame);
        self.sound.clear();
    }

    fn lanes_mut(&mut self) -> [&mut Lanes; 3] {
        [&mut self.fixed, &mut self.osc, &mut self.sensors]
    }

    /// A number of a control, by its index in the message; none before its first message. Keys have no numbers.
    pub fn get(&self, source: &ControlId, index: usize) -> Option<&Control> {
        let lanes = match source.name {
            ControlName::Note { .. } => return None,
            ControlName::Osc { .. } => &self.osc,
            ControlName::Sensor { .. } => &self.sensors,
            _ => &self.fixed,
        };
        lanes.get(source, index)
    }

    /// A key; none while it is off.
    pub fn key(&self, source: &ControlId) -> Option<&Key> {
        self.notes.get(source)
    }

    /// Every key that is on, with its device.
    pub fn keys(&self) -> impl Iterator<Item = (&ControlId, &Key)> {
        self.notes.iter().filter(|(_, key)| key.is_direct())
    }

    /// Every control that sent a message, with its numbers. Keys are not among them.
    pub fn sent(&self) -> impl Iterator<Item = (&ControlId, &[Control])> {
        [&self.fixed, &self.osc, &self.sensors].into_iter().flat_map(Lanes::direct)
    }

    /// A MIDI controller of every device, by channel (1 to 16, or 0 for every channel) and number.
    pub fn cc(&self, (channel, number): (u8, u8)) -> Option<&Control> {
        self.get(&ControlName::Cc { channel, number }.into(), 0)
    }

    /// A key of every device, by channel (1 to 16, or 0 for every channel) and number; none while it is off.
    pub fn note(&self, (channel, number): (u8, u8)) -> Option<&Key> {
        self.key(&ControlName::Note { channel, number }.into())
    }

    /// A number of an OSC address, by its index in the message.
    pub fn osc(&self, address: &str, index: usize) -> Option<&Control> {
        self.get(&ControlName::Osc { address: address.into() }.into(), index)
    }

    /// A number of a sensor of every device, by its index in the line.
    pub fn sensor(&self, name: &str, index: usize) -> Option<&Control> {
        self.get(&ControlName::Sensor { name: name.into() }.into(), index)
    }

    /// The events that lead from [`Controls::new`] to this state: the last number of each control, and the keys that
    /// are held.
    pub fn events(&self) -> Vec<Event> {
        let held = self.keys().filter(|(_, key)| key.held().on);
        let keys = held.map(|(source, key)| Event::new(source.clone(), &[key.held().velocity]));
        let numbers = |controls: &[Control]| -> Numbers { controls.iter().filter_map(Control::last).collect() };
        let controls =
            self.sent().map(|(control, of)| Event::Control { control: control.clone(), numbers: numbers(of) });
        keys.chain(controls).collect()
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

/// Controls by source, with lanes for every device and every channel.
#[derive(Clone, Debug, Default)]
struct Lanes {
    recent: Recent<ControlId, Lane>,
    /// Number of the first use in this latent frame.
    begin: u64,
}

/// The numbers of a control.
#[derive(Clone, Debug, Default, PartialEq)]
struct Lane {
    controls: SmallVec<[Control; 1]>,
    /// True if events have this very source; false if it only includes others.
    is_direct: bool,
}

impl Lanes {
    const fn new() -> Self {
        Self { recent: Recent::new(), begin: 0 }
    }

    fn get(&self, source: &ControlId, index: usize) -> Option<&Control> {
        self.recent.get(source)?.controls.get(index)
    }

    /// Every source of events, the one used least recently first.
    fn direct(&self) -> impl Iterator<Item = (&ControlId, &[Control])> {
        let lanes = self.recent.by_use().filter(|(_, lane)| lane.is_direct);
        lanes.map(|(source, lane)| (source, &lane.controls[..]))
    }

    /// Applies the numbers of a message to the lanes of its source, of which there are at most `most`.
    fn apply(&mut self, source: &ControlId, numbers: &[f64], most: usize) -> Applied {
        // The lane of the source is the last, so that it is the latest in use.
        let mut lanes: SmallVec<[ControlId; 4]> = source.lanes().collect();
        lanes.reverse();
        let mut applied = Applied::Kept;
        for lane in lanes {
            applied = self.apply_lane(&lane, numbers, most, lane == *source);
        }
        applied
    }

    /// Applies the numbers of a message to a lane. A shorter message leaves the others.
    fn apply_lane(&mut self, source: &ControlId, numbers: &[f64], most: usize, is_direct: bool) -> Applied {
        let mut applied = Applied::Kept;
        if self.recent.len() >= most && self.recent.get(source).is_none() {
            if self.recent.oldest().is_none_or(|(latest, _)| latest >= self.begin) {
                return Applied::Refused;
            }
            self.recent.remove_oldest();
            applied = Applied::Evicted;
        }
        let lane = self.recent.use_or_insert_with(source, Lane::default);
        lane.is_direct |= is_direct;
        let count = numbers.len().max(lane.controls.len());
        lane.controls.resize_with(count, Control::new);
        for (control, number) in lane.controls.iter_mut().zip(numbers) {
            if !control.push(*number) {
                applied = Applied::Merged;
            }
        }
        applied
    }

    fn end_frame(&mut self) {
        self.recent.values_mut().flat_map(|lane| &mut lane.controls).for_each(Control::end_frame);
        self.begin = self.recent.uses();
    }
}

impl PartialEq for Lanes {
    fn eq(&self, other: &Self) -> bool {
        self.recent == other.recent
    }
}
