//! Recordings and devices without files and without hardware.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bendrack::io::{
    Colour, ControlName, ControlState, Counts, Dated, Kind, LatestMessage, Light, Pressed, Request, State,
};
use bendrack::ui::{DeviceLink, RecordedParts, RecordingLink, RecordingState, ShareLink};
use bendrack_nodes::input::ComputerKey;
use bendrack_nodes::patch::{Device, Patch};

/// The calls and the answers of recordings without files.
#[derive(Default)]
pub struct Recorded {
    pub started: Vec<(RecordedParts, Patch)>,
    pub stops: usize,
    pub state: RecordingState,
    pub outcome: Option<Result<String, String>>,
}

#[derive(Clone, Default)]
pub struct FakeRecordings(pub Rc<RefCell<Recorded>>);

impl RecordingLink for FakeRecordings {
    fn start(&self, parts: RecordedParts, patch: &Patch) {
        let mut recorded = self.0.borrow_mut();
        recorded.started.push((parts, patch.clone()));
        recorded.state = RecordingState::On { secs: 0.0, lost: 0, is_paused: false };
    }

    fn stop(&self) {
        let mut recorded = self.0.borrow_mut();
        recorded.stops += 1;
        recorded.state = RecordingState::Off;
    }

    fn state(&self) -> RecordingState {
        self.0.borrow().state.clone()
    }

    fn outcome(&self) -> Option<Result<String, String>> {
        self.0.borrow_mut().outcome.take()
    }
}

/// Devices that always send the same, presses of controls, and requests.
#[derive(Clone, Default)]
pub struct FakeDevices(pub Rc<RefCell<DeviceState>>, pub Rc<RefCell<Vec<Request>>>);

#[derive(Default)]
pub struct DeviceState {
    pub pressed: BTreeMap<ControlName, Pressed>,
    /// Names that the window gave to ports.
    pub names: BTreeMap<String, String>,
    /// The devices that the patch describes.
    pub wanted: BTreeMap<String, Device>,
    /// Keys of the computer that the window gave to the patch.
    pub keys: Vec<(ComputerKey, bool)>,
}

impl FakeDevices {
    /// Sends a message of a control.
    pub fn send(&self, name: &ControlName, number: f64) {
        let mut all = self.0.borrow_mut();
        let control = all.pressed.entry(name.clone()).or_default();
        let is_press = number >= Pressed::HALF && control.last < Pressed::HALF;
        *control =
            Pressed { messages: control.messages + 1, presses: control.presses + u64::from(is_press), last: number };
    }
}

impl DeviceLink for FakeDevices {
    fn set_key(&self, key: ComputerKey, is_down: bool) {
        self.0.borrow_mut().keys.push((key, is_down));
    }

    fn take_requests(&self) -> Vec<Request> {
        self.1.take()
    }

    fn lights(&self) -> Vec<Light> {
        let dated = |text: &str, secs_ago| Some(Dated { text: text.into(), secs_ago });
        let counts = |messages, errors| Counts { messages, errors, ..Counts::default() };
        let light = |kind, name: &str, colour, reason: &str, counts, last_message, last_error| Light {
            kind,
            name: name.into(),
            colour,
            state: if colour == Colour::Red { State::Failed(reason.into()) } else { State::Open },
            reason: reason.into(),
            advice: None,
            counts,
            last_message,
            last_error,
        };
        let invalid =
            "open, and every line so far is invalid; check --baud, and docs/devices.md for the form of a line";
        let taken = "127.0.0.1:7000 cannot be reached: Network is unreachable; check the network";
        let phone = Counts { lost: Some(0), ..counts(12_345, 2) };
        let (bundle, fader) = (dated("a bundle that is cut off", 42.0), dated("/1/fader1 0.731", 0.05));
        let key = dated("channel 1 controller 7: 64", 3.2);
        vec![
            light(Kind::Midi, "nanoKONTROL2", Colour::Green, "works", counts(873, 0), key, None),
            light(Kind::OscIn, "192.168.1.5:9000", Colour::Green, "works", phone, fader, bundle),
            light(Kind::OscOut, "127.0.0.1:7000", Colour::Red, taken, counts(40, 1), dated("3 messages", 9.0), None),
            light(
                Kind::Serial,
                "ESP32",
                Colour::Yellow,
                invalid,
                counts(0, 57),
                None,
                dated("a number without a name: 512", 0.2),
            ),
        ]
    }

    fn controls(&self) -> Vec<ControlState> {
        let control = |name, values: &[f64], secs_ago, per_sec, device: &str| ControlState {
            name,
            values: values.into(),
            secs_ago,
            per_sec,
            device: device.into(),
        };
        let osc = |address: &str| ControlName::Osc { address: address.into() };
        let sensor = |name: &str| ControlName::Sensor { name: name.into() };
        let mut all = vec![
            control(ControlName::Cc { channel: 1, number: 7 }, &[0.504], 3.2, 0.0, "nanoKONTROL2"),
            control(ControlName::Note { channel: 10, number: 36 }, &[0.75], 71.0, 0.0, "nanoKONTROL2"),
            control(osc("/1/fader1"), &[0.731], 0.05, 60.0, "192.168.1.5:9000"),
            control(osc("/accxyz"), &[-0.12, 0.44, 9.81], 0.02, 100.0, "192.168.1.5:9000"),
            control(osc("/bang"), &[], 8.0, 0.0, "192.168.1.5:9000"),
            control(sensor("touch"), &[412.0], 0.5, 10.0, "ESP32"),
        ];
        let sent = self.0.borrow().pressed.keys().cloned().collect::<Vec<_>>();
        let new: Vec<_> = sent.into_iter().filter(|name| all.iter().all(|known| known.name != *name)).collect();
        all.extend(new.into_iter().map(|name| control(name, &[0.0], 0.1, 1.0, "pads")));
        all
    }

    fn messages(&self, kind: Kind, name: &str) -> Vec<LatestMessage> {
        let message = |text: &str, secs_ago: f64, is_error| LatestMessage {
            dated: Dated { text: text.into(), secs_ago },
            is_error,
        };
        match (kind, name) {
            (Kind::OscIn, "192.168.1.5:9000") => {
                let fader = |n: u32| message(&format!("/1/fader1 0.{n:02}"), 6.4 - f64::from(n) / 10.0, false);
                let newest = message("a packet without an address", 0.1, true);
                (0..63).map(fader).chain([newest]).collect()
            }
            _ => Vec::new(),
        }
    }

    fn name_of(&self, port: &str) -> String {
        self.0.borrow().names.get(port).cloned().unwrap_or_else(|| port.to_owned())
    }

    fn give_name(&self, port: &str, name: Option<&str>) {
        let names = &mut self.0.borrow_mut().names;
        match name {
            Some(name) => _ = names.insert(port.to_owned(), name.to_owned()),
            None => _ = names.remove(port),
        }
    }

    fn set_wanted(&self, devices: &BTreeMap<String, Device>) {
        self.0.borrow_mut().wanted = devices.clone();
    }

    fn pressed(&self, name: &ControlName) -> Pressed {
        self.0.borrow().pressed.get(name).copied().unwrap_or_default()
    }
}

/// A share without a device: what the window sets, and the news to show.
#[derive(Default)]
pub struct Shared {
    pub is_held: bool,
    pub is_black: bool,
    pub news: Option<String>,
}

#[derive(Clone, Default)]
pub struct FakeShares(pub Rc<RefCell<Shared>>);

impl ShareLink for FakeShares {
    fn set_stage(&self, is_held: bool, is_black: bool) {
        let mut shared = self.0.borrow_mut();
        (shared.is_held, shared.is_black) = (is_held, is_black);
    }

    fn lines(&self) -> Vec<String> {
        vec!["v4l2:/dev/video10: shared, 512×512".to_owned()]
    }

    fn news(&self) -> Option<String> {
        self.0.borrow_mut().news.take()
    }
}
