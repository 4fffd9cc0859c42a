//! The table of controls: the last values of every controller, key, address and sensor, and their rates.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack_nodes::input::{Event, MOST_NAMES, Recent};
use serde::{Deserialize, Serialize};

/// The span of time over which messages are counted for a rate.
const SPAN: Duration = Duration::from_secs(1);

/// The name of a control.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ControlName {
    /// A MIDI controller.
    Cc {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// A MIDI note.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// An OSC address.
    Osc {
        /// The address.
        address: String,
    },
    /// A sensor on a serial line.
    Sensor {
        /// Its name.
        name: String,
    },
}

/// A control, at the time at which the table was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ControlState {
    /// Its name.
    #[serde(flatten)]
    pub name: ControlName,
    /// The numbers of its last message: one of a controller or key, any count of an address or sensor.
    pub values: Vec<f64>,
    /// Seconds since its last message.
    pub secs_ago: f64,
    /// Messages per second.
    pub per_sec: f64,
    /// The device that sent the last message.
    pub device: String,
}

/// The messages of a control so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressed {
    /// Messages.
    pub messages: u64,
    /// Presses: notes on, and rises of the first number to a half or more.
    pub presses: u64,
    /// The first number of the last message.
    pub last: f64,
}

impl Pressed {
    /// The first number from which on a control is pressed.
    pub const HALF: f64 = 0.5;

    fn add(&mut self, number: f64, is_press: bool) {
        self.messages += 1;
        self.presses += u64::from(is_press);
        self.last = number;
    }
}

/// The table. Names have as many places as in [`bendrack_nodes::input::Controls`].
#[derive(Debug, Default)]
pub(super) struct Table {
    ccs: BTreeMap<(u8, u8), Row>,
    notes: BTreeMap<(u8, u8), Row>,
    osc: Recent<Arc<str>, Row>,
    sensors: Recent<Arc<str>, Row>,
}

#[derive(Debug)]
struct Row {
    values: Values,
    last: Instant,
    rate: Rate,
    pressed: Pressed,
    device: Arc<str>,
}

#[derive(Debug)]
enum Values {
    One(f64),
    Many(Arc<[f64]>),
}

impl Table {
    /// Takes an event of a device.
    pub(super) fn update(&mut self, now: Instant, device: &Arc<str>, event: &Event) {
        let new = || Row {
            values: Values::One(0.0),
            last: now,
            rate: Rate::new(now),
            pressed: Pressed::default(),
            device: device.clone(),
        };
        let (row, values) = match event {
            Event::Cc { channel, number, value } => {
                (self.ccs.entry((*channel, *number)).or_insert_with(new), Values::One(*value))
            }
            Event::Note { channel, number, velocity } => {
                (self.notes.entry((*channel, *number)).or_insert_with(new), Values::One(*velocity))
            }
            Event::Osc { address, numbers } => (place(&mut self.osc, address, new), Values::Many(numbers.clone())),
            Event::Sensor { name, numbers } => (place(&mut self.sensors, name, new), Values::Many(numbers.clone())),
            Event::Sound(_) => return,
        };
        let first = match &values {
            Values::One(number) => *number,
            Values::Many(numbers) => numbers.first().copied().unwrap_or_default(),
        };
        let is_press = match event {
            // A key that is played softly is played.
            Event::Note { .. } => first > 0.0,
            _ => first >= Pressed::HALF && row.pressed.last < Pressed::HALF,
        };
        row.pressed.add(first, is_press);
        row.values = values;
        row.last = now;
        row.rate.count(now);
        if !Arc::ptr_eq(&row.device, device) {
            row.device = device.clone();
        }
    }

    /// The messages of a control so far.
    pub(super) fn pressed(&self, name: &ControlName) -> Pressed {
        let row = match name {
            ControlName::Cc { channel, number } => self.ccs.get(&(*channel, *number)),
            ControlName::Note { channel, number } => self.notes.get(&(*channel, *number)),
            ControlName::Osc { address } => self.osc.get(&**address),
            ControlName::Sensor { name } => self.sensors.get(&**name),
        };
        row.map(|row| row.pressed).unwrap_or_default()
    }

    /// Every control: controllers, notes, addresses, sensors.
    pub(super) fn read(&self, now: Instant) -> Vec<ControlState> {
        let read = |name, row: &Row| ControlState {
            name,
            values: match &row.values {
                Values::One(value) => vec![*value],
                Values::Many(values) => values.to_vec(),
            },
            secs_ago: now.saturating_duration_since(row.last).as_secs_f64(),
            per_sec: row.rate.per_sec(now),
            device: row.device.to_string(),
        };
        let ccs = self.ccs.iter();
        let ccs = ccs.map(|(&(channel, number), row)| read(ControlName::Cc { channel, number }, row));
        let notes = self.notes.iter();
        let notes = notes.map(|(&(channel, number), row)| read(ControlName::Note { channel, number }, row));
        let osc = self.osc.iter();
        let osc = osc.map(|(address, row)| read(ControlName::Osc { address: address.to_string() }, row));
        let sensors = self.sensors.iter();
        let sensors = sensors.map(|(name, row)| read(ControlName::Sensor { name: name.to_string() }, row));
        ccs.chain(notes).chain(osc).chain(sensors).collect()
    }
}

/// The row of a name. A new one takes the place of the one that was silent for longest.
fn place<'a>(rows: &'a mut Recent<Arc<str>, Row>, name: &Arc<str>, new: impl FnOnce() -> Row) -> &'a mut Row {
    if rows.len() >= MOST_NAMES && rows.get(name).is_none() {
        rows.remove_oldest();
    }
    rows.use_or_insert_with(name, new)
}

/// Counts messages in spans of a second.
#[derive(Debug)]
struct Rate {
    begin: Instant,
    /// Messages in this span, and in the one before.
    counts: [u32; 2],
}

impl Rate {
    const fn new(now: Instant) -> Self {
        Self { begin: now, counts: [0; 2] }
    }

    fn count(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.begin);
        if age >= SPAN {
            *self = Self { begin: now, counts: [0, if age < 2 * SPAN { self.counts[0] } else { 0 }] };
        }
        self.counts[0] = self.counts[0].saturating_add(1);
    }

    /// Messages per second: those of this span, and of the part of the one before that makes a second with it.
    fn per_sec(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.begin).as_secs_f64();
        let [this, before] = self.counts.map(f64::from);
        if age < 1.0 { this + before * (1.0 - age) } else { this * (2.0 - age).max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn osc(address: &str, number: f64) -> Event {
        Event::Osc { address: address.into(), numbers: [number].into() }
    }

    #[test]
    fn a_control_has_its_last_values_their_age_their_rate_and_their_device() {
        let (mut table, begin, phone) = (Table::default(), Instant::now(), Arc::from("phone"));
        let after = |millis| begin + Duration::from_millis(millis);
        for index in 0..300_u64 {
            table.update(after(index * 10), &phone, &osc("/fader", index as f64));
        }
        table.update(after(2990), &phone, &Event::Cc { channel: 2, number: 7, value: 0.5 });
        table.update(after(2990), &phone, &Event::Sound(Box::default()));
        let sensor = |name: &str| Event::Sensor { name: name.into(), numbers: [1.0, 2.0].into() };
        table.update(after(2990), &Arc::from("board"), &sensor("imu"));
        let [cc, fader, imu] = &table.read(after(3000))[..] else { panic!("three controls") };
        assert_eq!((&cc.name, &cc.values[..]), (&ControlName::Cc { channel: 2, number: 7 }, &[0.5][..]));
        assert_eq!((&fader.values[..], &*fader.device), (&[299.0][..], "phone"));
        assert!((fader.per_sec - 100.0).abs() < 2.0 && (fader.secs_ago - 0.01).abs() < 1e-9, "{fader:?}");
        assert_eq!((&imu.values[..], &*imu.device), (&[1.0, 2.0][..], "board"));
        assert!(table.read(after(60_000))[1].per_sec.abs() < 1e-9, "it is silent");
    }

    #[test]
    fn presses_are_counted_however_short_they_are() {
        let (mut table, now, device) = (Table::default(), Instant::now(), Arc::from("pad"));
        let note = |velocity| Event::Note { channel: 1, number: 36, velocity };
        let cc = |value| Event::Cc { channel: 1, number: 7, value };
        for event in [note(0.1), note(0.0), note(0.1), note(0.0), cc(0.2), cc(0.6), cc(1.0), cc(0.1), cc(0.5)] {
            table.update(now, &device, &event);
        }
        table.update(now, &device, &osc("/bendrack/record", 1.0));
        table.update(now, &device, &osc("/bendrack/record", 1.0));
        let pressed = |name: &ControlName| {
            let Pressed { messages, presses, last } = table.pressed(name);
            (messages, presses, last)
        };
        assert_eq!(pressed(&ControlName::Note { channel: 1, number: 36 }), (4, 2, 0.0));
        assert_eq!(pressed(&ControlName::Cc { channel: 1, number: 7 }), (5, 2, 0.5));
        assert_eq!(pressed(&ControlName::Osc { address: "/bendrack/record".into() }), (2, 1, 1.0));
        assert_eq!(table.pressed(&ControlName::Sensor { name: "none".into() }), Pressed::default());
    }

    #[test]
    fn a_flood_of_names_has_as_many_rows_as_there_are_places() {
        let (mut table, now, device) = (Table::default(), Instant::now(), Arc::from("noise"));
        table.update(now, &device, &osc("/first", 0.0));
        for index in 0..2 * MOST_NAMES {
            table.update(now, &device, &osc(&format!("/{index}"), 0.0));
            table.update(now, &device, &osc("/fader", 1.0));
        }
        let rows = table.read(now);
        let has = |address: &str| rows.iter().any(|row| row.name == ControlName::Osc { address: address.to_owned() });
        assert_eq!(rows.len(), MOST_NAMES);
        assert!(has("/fader") && !has("/first"));
    }
}
