//! What devices do, for eyes: a light each, and the control that was moved last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How far a control has to go to count as moved, as a part of 1 or of where it stands, whichever is more: 8 of a MIDI
/// controller's 127 steps. A pot that trembles goes less far.
const NOTICEABLE: f64 = 1.0 / 16.0;
/// Controls whose place is remembered; more are not learned.
const MAX_CONTROLS: usize = 8192;
/// Characters of the text of a light.
const MAX_TEXT: usize = 80;

/// What kind of device a light belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A MIDI input.
    Midi,
    /// A MIDI output.
    MidiOut,
    /// An audio input.
    Audio,
    /// An address where OSC is heard.
    OscIn,
    /// An address where OSC is sent.
    OscOut,
    /// A serial port.
    Serial,
}

/// How a device fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is open.
    Open,
    /// It is not there, and opened as soon as it is.
    Waiting,
    /// It is there and cannot be used: why, and what to do. It is tried again.
    Failed(String),
}

/// A device's light.
#[derive(Clone, Debug, PartialEq)]
pub struct Light {
    /// The kind of device.
    pub kind: Kind,
    /// Its name or address.
    pub name: String,
    /// How it fares.
    pub state: State,
    /// When the last message passed.
    pub last: Option<Instant>,
    /// Messages that passed.
    pub count: u64,
    /// Messages that could not be read or sent.
    pub errors: u64,
    /// The last message, or what was wrong with it.
    pub last_text: String,
}

/// What can be turned, pressed or sent from outside.
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
        /// Its address.
        address: String,
        /// Its place among the message's numbers, from 0.
        index: usize,
    },
    /// A number of a sensor on a serial line.
    Sensor {
        /// Its name.
        name: String,
        /// Its place among the line's numbers, from 0.
        index: usize,
    },
}

/// A control that was moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Which one.
    pub control: Control,
    /// Where it went.
    pub value: f64,
    /// When.
    pub at: Instant,
}

/// What all devices do. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    lights: BTreeMap<(Kind, String), Light>,
    places: BTreeMap<Control, Place>,
    moved: Option<Moved>,
}

/// Where a control stood when it last counted as moved, and where it stands.
#[derive(Debug)]
struct Place {
    counted: f64,
    now: f64,
}

impl Activity {
    /// The lights by kind and name.
    pub fn lights(&self) -> Vec<Light> {
        self.board().lights.values().cloned().collect()
    }

    /// The control that was moved last, noticeably: by a sixteenth of 1 or of its value. The first message of a control only tells
    /// where it stands.
    pub fn moved(&self) -> Option<Moved> {
        self.board().moved.clone()
    }

    /// Begins to learn: nothing was moved, and every control has its whole way to go from where it stands.
    pub fn learn(&self) {
        let mut board = self.board();
        board.moved = None;
        board.places.values_mut().for_each(|place| place.counted = place.now);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Every change of the board is a single one, so it is whole even if a thread panicked.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The control stands here now.
    pub(super) fn turned(&self, control: Control, value: f64) {
        let mut board = self.board();
        let board = &mut *board;
        let room = board.places.len() < MAX_CONTROLS;
        match board.places.get_mut(&control) {
            Some(place) => {
                place.now = value;
                if noticeable(place.counted, value) {
                    place.counted = value;
                    board.moved = Some(Moved { control, value, at: Instant::now() });
                }
            }
            None if room => {
                board.places.insert(control, Place { counted: value, now: value });
            }
            None => {}
        }
    }

    /// The control was struck: that counts as moved at once.
    pub(super) fn struck(&self, control: Control, value: f64) {
        self.board().moved = Some(Moved { control, value, at: Instant::now() });
    }

    /// A light, dark as long as its lamp is not set.
    pub(super) fn lamp(&self, kind: Kind, name: &str) -> Lamp {
        Lamp { activity: self.clone(), key: (kind, name.to_owned()) }
    }
}

fn noticeable(from: f64, to: f64) -> bool {
    (to - from).abs() >= NOTICEABLE * from.abs().max(to.abs()).max(1.0)
}

/// A device's hold on its own light.
#[derive(Clone, Debug)]
pub(super) struct Lamp {
    activity: Activity,
    key: (Kind, String),
}

impl Lamp {
    /// Says how the device fares.
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

    /// Takes the light away.
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
        assert_eq!(activity.board().places.len(), MAX_CONTROLS);
    }

    #[test]
    fn a_light_counts() {
        let activity = Activity::default();
        let lamp = activity.lamp(Kind::Serial, "board");
        lamp.set(State::Open);
        lamp.pass("a 1");
        lamp.fault(&"x".repeat(500));
        let lights = activity.lights();
        assert_eq!((lights.len(), lights[0].count, lights[0].errors), (1, 1, 1));
        assert_eq!((lights[0].state.clone(), lights[0].last_text.len()), (State::Open, MAX_TEXT));
        assert!(lights[0].last.is_some());
        lamp.remove();
        assert!(activity.lights().is_empty());
    }
}
