//! The table of controls: the last values of every controller, key, address and sensor, and their rates.

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use bendrack_nodes::input::ControlName;
use bendrack_nodes::input::{ControlId, Event, MOST_NAMES, Numbers, Recent};
use serde::Serialize;

/// The span of time over which messages are counted for a rate.
const SPAN: Duration = Duration::from_secs(1);

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

/// The table. Addresses and sensors have as many places as in [`bendrack_nodes::input::Controls`].
#[derive(Debug, Default)]
pub(super) struct Table {
    midi: Rows,
    osc: Rows,
    sensors: Rows,
}

type Rows = Recent<ControlId, Row>;

#[derive(Debug)]
struct Row {
    values: Numbers,
    last: Instant,
    rate: Rate,
    pressed: Pressed,
    device: Arc<str>,
}

impl Table {
    /// Takes an event of a device.
    pub(super) fn update(&mut self, now: Instant, device: &Arc<str>, event: &Event) {
        let Event::Control { control, numbers } = event else { return };
        let new = || Row {
            values: Numbers::new(),
            last: now,
            rate: Rate::new(now),
            pressed: Pressed::default(),
            device: device.clone(),
        };
        let row = place(self.rows_mut(&control.name), control, new);
        let first = numbers.first().copied().unwrap_or_default();
        let is_press = match control.name {
            // A key that is played softly is played.
            ControlName::Note { .. } => first > 0.0,
            // Each program change is one, whatever its number.
            ControlName::Program { .. } => true,
            _ => first >= Pressed::HALF && row.pressed.last < Pressed::HALF,
        };
        row.pressed.add(first, is_press);
        row.values.clone_from(numbers);
        row.last = now;
        row.rate.count(now);
        if !Arc::ptr_eq(&row.device, device) {
            row.device = device.clone();
        }
    }

    fn rows_mut(&mut self, name: &ControlName) -> &mut Rows {
        match name {
            ControlName::Osc { .. } => &mut self.osc,
            ControlName::Sensor { .. } => &mut self.sensors,
            _ => &mut self.midi,
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&ControlId, &Row)> {
        [&self.midi, &self.osc, &self.sensors].into_iter().flat_map(Rows::iter)
    }

    /// The messages of a control so far, of all devices.
    pub(super) fn pressed(&self, name: &ControlName) -> Pressed {
        let rows = self.rows().filter(|(control, _)| control.name == *name).map(|(_, row)| row);
        let (mut sum, mut latest) = (Pressed::default(), None);
        for row in rows {
            sum.messages += row.pressed.messages;
            sum.presses += row.pressed.presses;
            if latest.is_none_or(|latest| latest <= row.last) {
                (sum.last, latest) = (row.pressed.last, Some(row.last));
            }
        }
        sum
    }

    /// The age of the latest message of a control, and its first number.
    pub(super) fn latest(&self, now: Instant, control: &ControlId) -> Option<(Duration, f64)> {
        let rows = match control.name {
            ControlName::Osc { .. } => &self.osc,
            ControlName::Sensor { .. } => &self.sensors,
            _ => &self.midi,
        };
        let row = rows.get(control)?;
        Some((now.saturating_duration_since(row.last), row.values.first().copied()?))
    }

    /// Every control: of MIDI, addresses, sensors.
    pub(super) fn read(&self, now: Instant) -> Vec<ControlState> {
        let read = |(control, row): (&ControlId, &Row)| ControlState {
            name: control.name.clone(),
            values: row.values.to_vec(),
            secs_ago: now.saturating_duration_since(row.last).as_secs_f64(),
            per_sec: row.rate.per_sec(now),
            device: control.device.as_ref().unwrap_or(&row.device).to_string(),
        };
        self.rows().map(read).collect()
    }
}

/// The row of a control. A new one takes the place of the one that was silent for longest.
fn place<'a>(rows: &'a mut Rows, control: &ControlId, new: impl FnOnce() -> Row) -> &'a mut Row {
    if rows.len() >= MOST_NAMES && rows.get(control).is_none() {
        rows.remove_oldest();
    }
    rows.use_or_insert_with(control, new)
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
        Event::osc(address, &[number])
    }

    #[test]
    fn a_control_has_its_last_values_their_age_their_rate_and_their_device() {
        let (mut table, begin, phone) = (Table::default(), Instant::now(), Arc::from("phone"));
        let after = |millis| begin + Duration::from_millis(millis);
        for index in 0..300_u64 {
            table.update(after(index * 10), &phone, &osc("/fader", index as f64));
        }
        table.update(after(2990), &phone, &Event::cc(2, 7, 0.5));
        table.update(after(2990), &phone, &Event::Sound(Box::default()));
        let sensor = |name: &str| Event::sensor(name, &[1.0, 2.0]);
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
        let note = |velocity| Event::note(1, 36, velocity);
        let cc = |value| Event::cc(1, 7, value);
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
        let has = |address: &str| rows.iter().any(|row| row.name == ControlName::Osc { address: address.into() });
        assert_eq!(rows.len(), MOST_NAMES);
        assert!(has("/fader") && !has("/first"));
    }
}
