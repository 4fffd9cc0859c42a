//! The activity of devices: a light each, and the control that moved last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The change that counts as a move, as a share of 1 or of the value, whichever is larger: 8 of the 127 steps of a MIDI controller.
/// The noise of a pot is smaller.
const NOTICEABLE: f64 = 1.0 / 16.0;
/// The most controls that are tracked; more cannot be learned.
const MAX_CONTROLS: usize = 8192;
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
    /// Present, but not usable: the reason, and what to do. It is tried again.
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

/// A control of a device: anything that sends numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// A MIDI controller.
    Cc {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// A MIDI key.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// A number of an OSC message.
    Osc {
        /// The address.
        address: String,
        /// The index among the numbers of the message, from 0.
        index: usize,
    },
    /// A number of a sensor on a serial line.
    Sensor {
        /// The name.
        name: String,
        /// The index among the numbers of the line, from 0.
        index: usize,
    },
}

/// A move of a control.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The control.
    pub control: Control,
    /// The new value.
    pub value: f64,
    /// The time.
    pub at: Instant,
}

/// The activity of all devices. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    lights: BTreeMap<(Kind, String), Light>,
    values: BTreeMap<Control, Tracked>,
    moved: Option<Moved>,
}

/// The value of a control at its last move, and now.
#[derive(Debug)]
struct Tracked {
    counted: f64,
    now: f64,
}

impl Activity {
    /// The lights by kind and name.
    pub fn lights(&self) -> Vec<Light> {
        self.board().lights.values().cloned().collect()
    }

    /// The control that moved last, by a sixteenth of 1 or of its value. The first message of a control only sets its value.
    pub fn moved(&self) -> Option<Moved> {
        self.board().moved.clone()
    }

    /// Begins to learn: clears the last move, and counts moves relative to the current values.
    pub fn learn(&self) {
        let mut board = self.board();
        board.moved = None;
        board.values.values_mut().for_each(|tracked| tracked.counted = tracked.now);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Every change of the board is a single one, so a thread that panicked left a valid one.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the value of a control.
    pub(super) fn turned(&self, control: Control, value: f64) {
        let mut board = self.board();
        let board = &mut *board;
        let room = board.values.len() < MAX_CONTROLS;
        match board.values.get_mut(&control) {
            Some(tracked) => {
                tracked.now = value;
                if noticeable(tracked.counted, value) {
                    tracked.counted = value;
                    board.moved = Some(Moved { control, value, at: Instant::now() });
                }
            }
            None if room => {
                board.values.insert(control, Tracked { counted: value, now: value });
            }
            None => {}
        }
    }

    /// A note on, which counts as a move at once.
    pub(super) fn note_on(&self, control: Control, value: f64) {
        self.board().moved = Some(Moved { control, value, at: Instant::now() });
    }

    /// The light of a device. It appears once it is set.
    pub(super) fn light(&self, kind: Kind, name: &str) -> LightHandle {
        LightHandle { activity: self.clone(), key: (kind, name.to_owned()) }
    }
}

fn noticeable(from: f64, to: f64) -> bool {
    (to - from).abs() >= NOTICEABLE * from.abs().max(to.abs()).max(1.0)
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
    pub(super) fn pass(&self, text: &str) {
        self.change(|light| {
            light.count += 1;
            light.last = Some(Instant::now());
            light.last_text = text.chars().take(MAX_TEXT).collect();
        });
    }

    /// Counts a message that could not be read or sent.
    pub(super) fn fault(&self, text: &str) {
        self.change(|light| {
            light.errors += 1;
            light.last_text = text.chars().take(MAX_TEXT).collect();
        });
    }

    /// Removes the light.
    pub(super) fn remove(&self) {
        self.activity.board().lights.remove(&self.key);
    }

    fn change(&self, change: impl FnOnce(&mut Light)) {
        let mut board = self.activity.board();
        if !board.lights.contains_key(&self.key) {
            let (kind, name) = self.key.clone();
            let (last_text, state) = (String::new(), State::Waiting);
            board
                .lights
                .insert(self.key.clone(), Light { kind, name, state, last: None, count: 0, errors: 0, last_text });
        }
        if let Some(light) = board.lights.get_mut(&self.key) {
            change(light);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knob(number: u8) -> Control {
        Control::Cc { channel: 1, number }
    }

    fn turn(activity: &Activity, number: u8, steps: impl IntoIterator<Item = u8>) {
        steps.into_iter().for_each(|step| activity.turned(knob(number), f64::from(step) / 127.0));
    }

    #[test]
    fn a_trembling_pot_is_not_learned_and_a_turned_one_is() {
        let activity = Activity::default();
        turn(&activity, 1, (0..=255).map(|i| 60 + i % 3));
        assert_eq!(activity.moved(), None);
        turn(&activity, 2, 10..=17);
        assert_eq!(activity.moved(), None);
        turn(&activity, 2, [18]);
        turn(&activity, 1, [61, 60]);
        assert_eq!(activity.moved().map(|moved| moved.control), Some(knob(2)));
    }

    #[test]
    fn learning_begins_anew() {
        let activity = Activity::default();
        turn(&activity, 1, [0, 127, 120]);
        activity.learn();
        assert_eq!(activity.moved(), None);
        turn(&activity, 1, [119]);
        assert_eq!(activity.moved(), None);
        turn(&activity, 1, [112]);
        assert_eq!(activity.moved().map(|moved| moved.value), Some(112.0 / 127.0));
    }

    #[test]
    fn a_flood_of_controls_is_bounded() {
        let activity = Activity::default();
        for index in 0..MAX_CONTROLS + 100 {
            activity.turned(Control::Osc { address: "/a".into(), index }, 0.0);
        }
        assert_eq!(activity.board().values.len(), MAX_CONTROLS);
    }

    #[test]
    fn a_light_counts() {
        let activity = Activity::default();
        let light = activity.light(Kind::Serial, "board");
        light.set(State::Open);
        light.pass("a 1");
        light.fault(&"x".repeat(500));
        let lights = activity.lights();
        assert_eq!((lights.len(), lights[0].count, lights[0].errors), (1, 1, 1));
        assert_eq!((lights[0].state.clone(), lights[0].last_text.len()), (State::Open, MAX_TEXT));
        assert!(lights[0].last.is_some());
        light.remove();
        assert!(activity.lights().is_empty());
    }
}
