//! Devices: MIDI, sound, OSC, serial lines, gamepads and keys in, MIDI, OSC and light out.
//!
//! The thread of a device stamps its events, puts them into one [`Inbox`], and sets one [`Light`]. Unreadable messages are counted and never stop anything.
//! A patch never opens a device; only [`Settings`] do, and they come from a person.

mod activity;
pub mod audio;
pub mod board;
#[cfg(feature = "audio")]
mod capture;
mod controls;
mod error;
mod gamepad;
mod keyboard;
pub mod lamps;
mod light;
pub mod line;
mod message;
pub mod midi;
mod midi_clock;
pub mod midi_out;
mod midi_ports;
pub mod names;
pub mod osc;
mod outputs;
mod player;
mod request;
pub mod serial;
mod serial_udp;
mod session;
mod socket;
pub mod target;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use bendrack_nodes::input::{ControlId, Event};

use activity::LightHandle;
pub use activity::{Activity, LatestMessage};
use audio::AudioSource;
pub use controls::{ControlName, ControlState, Pressed};
pub use error::DeviceError;
pub use gamepad::Gamepads;
pub use keyboard::Keyboard;
use lamps::LampSettings;
pub use light::{Colour, Counts, Dated, Kind, Light, State};
use message::Message;
use midi::MidiInputs;
use midi_out::PartOfName;
use names::{DeviceNames, GivenName};
use osc::OscPort;
pub use outputs::Outputs;
pub use request::{Action, RECORD, Request};
use serial::SerialPorts;
use session::Boards;
use target::{Named, Target};
use worker::Worker;

use crate::input::Inbox;
use crate::sound::{Channels, SoundQueue};

/// The devices to open: flags of a command, or a choice in the window.
#[derive(clap::Args, Clone, Debug, PartialEq)]
pub struct Settings {
    /// MIDI inputs to open: all, none, or those with this text in their name; may be repeated.
    #[arg(long, value_name = "all|none|NAME", default_value = "all", help_heading = "Devices")]
    pub midi: Vec<MidiInputs>,
    /// MIDI outputs to play on: those with this text in their name; may be repeated [default: none].
    #[arg(long, value_name = "[NAME=]TEXT", help_heading = "Devices")]
    pub midi_out: Vec<Named<PartOfName>>,
    /// Controllers that show the state of maps on their lamps, rings and motors: those with this text in their name. The flag may be
    /// repeated.
    #[arg(long, value_name = "NAME", help_heading = "Devices")]
    pub midi_feedback: Vec<midi_out::PartOfName>,
    /// Gamepads and joysticks to read.
    #[arg(long, value_name = "all|none", value_enum, default_value_t, help_heading = "Devices")]
    pub gamepad: Gamepads,
    /// Source of the node audio.in: none, the default input, an input with this text in its name, or a file.
    #[arg(long, value_name = "none|default|NAME|FILE", default_value = "none", help_heading = "Devices")]
    pub audio: AudioSource,
    /// Channels of --audio for the node audio.in: their mean, one of the first two, or the loudest in each band.
    #[arg(long, value_name = "CHANNELS", value_enum, default_value_t, requires = "audio", help_heading = "Devices")]
    pub audio_channels: Channels,
    /// Listen for OSC at this address; 9000 alone is 127.0.0.1:9000, which only this machine reaches; may be repeated.
    #[arg(long, value_name = "[tcp:]ADDRESS", help_heading = "Devices")]
    pub osc_in: Vec<OscPort>,
    /// Answer OSCQuery over HTTP at this address, such as 9001: the addresses of the patch, with ranges and values.
    #[arg(long, value_name = "ADDRESS", value_parser = osc::address, requires = "osc_in", help_heading = "Devices")]
    pub oscquery: Option<SocketAddr>,
    /// Send OSC to this address, such as 127.0.0.1:7000; may be repeated. A patch chooses among several by NAME.
    #[arg(long, value_name = "[NAME=]ADDRESS", help_heading = "Devices")]
    pub osc_out: Vec<Named<Target>>,
    /// Boards to read and send to: every USB serial port (auto), none, a path, or the network (udp:9100); may be repeated.
    #[arg(long, value_name = "auto|none|PATH|udp:ADDRESS", default_value = "none", help_heading = "Devices")]
    pub serial: Vec<SerialPorts>,
    /// Speed of serial ports, in bits per second.
    #[arg(long, default_value_t = serial::BAUD, help_heading = "Devices")]
    pub baud: u32,
    /// Name the port with this text in its name; nodes and maps use the name. The flag may be repeated.
    #[arg(long, value_name = "NAME=PORT", help_heading = "Devices")]
    pub device: Vec<GivenName>,
    /// The file that keeps names of devices.
    #[arg(skip = names::of_user())]
    pub names: Option<PathBuf>,
    /// The destinations of light.
    #[command(flatten)]
    pub lamps: LampSettings,
}

impl Settings {
    /// Opens nothing.
    pub fn none() -> Self {
        Settings {
            midi: vec![MidiInputs::None],
            midi_out: Vec::new(),
            midi_feedback: Vec::new(),
            gamepad: Gamepads::None,
            audio: AudioSource::None,
            audio_channels: Channels::Mean,
            osc_in: Vec::new(),
            oscquery: None,
            osc_out: Vec::new(),
            serial: vec![SerialPorts::None],
            baud: serial::BAUD,
            device: Vec::new(),
            names: None,
            lamps: LampSettings::none(),
        }
    }
}

/// The devices that are open or awaited. They close when dropped, which takes up to a third of a second.
pub struct Devices {
    activity: Activity,
    names: DeviceNames,
    sound: SoundQueue,
    outputs: Outputs,
    /// Stop when dropped.
    _workers: Vec<Worker>,
}

impl Devices {
    /// Opens the devices of the settings and keeps them open; missing ones are awaited. Their events go to the inbox.
    pub fn open(settings: &Settings, inbox: &Inbox) -> Devices {
        let names = DeviceNames::open(&settings.device, settings.names.clone());
        let context = DeviceContext { inbox: inbox.clone(), names, ..DeviceContext::default() };
        let (midi, players): (_, Vec<_>) = settings.midi_out.iter().map(|out| midi_out::follow(out, &context)).unzip();
        let (osc, senders): (_, Vec<_>) = settings.osc_out.iter().map(|out| osc::follow(out, &context)).unzip();
        let (lamps, lighters): (_, Vec<_>) = lamps::follow(&settings.lamps, &context).into_iter().unzip();
        let (feedback, shown): (_, Vec<_>) =
            settings.midi_feedback.iter().map(|wanted| midi_out::follow_feedback(wanted, &context)).unzip();
        let outputs = Outputs { osc, midi, feedback, lamps, context: context.clone(), ..Outputs::default() };
        let workers = [
            midi::follow(&settings.midi, &context),
            audio::follow(&settings.audio, settings.audio_channels, &context),
            settings.oscquery.map(|address| osc::serve(address, settings.osc_in.first().copied(), &context)),
            gamepad::follow(settings.gamepad, &context),
        ];
        let listeners = settings.osc_in.iter().map(|port| osc::listen(port, &context));
        let boards = settings.serial.iter().filter_map(|ports| serial::follow(ports, settings.baud, &context));
        let outgoing = players.into_iter().chain(shown).chain(senders).chain(lighters);
        let workers = workers.into_iter().flatten().chain(listeners).chain(boards).chain(outgoing).collect();
        Devices { activity: context.activity, names: context.names, sound: context.sound, outputs, _workers: workers }
    }

    /// The names of the devices.
    pub fn names(&self) -> &DeviceNames {
        &self.names
    }

    /// The activity of the devices.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// The computer's keyboard, for a window.
    pub fn keyboard(&self) -> Keyboard {
        Keyboard::new(&self.outputs.context)
    }

    /// The sound of the audio input, for a recording.
    pub fn sound(&self) -> &SoundQueue {
        &self.sound
    }

    /// The outputs of the settings.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }
}

/// Inbox, activity and sound queue, which the thread of a device writes.
#[derive(Clone, Debug, Default)]
struct DeviceContext {
    inbox: Inbox,
    activity: Activity,
    names: DeviceNames,
    /// The sound of the audio input.
    sound: SoundQueue,
    /// The boards that are open.
    boards: Boards,
}

impl DeviceContext {
    /// Sends events of one time to the engine, and counts them: each as a message, or all of them as `one`. A device has the
    /// name that patches use.
    fn send(&self, light: &LightHandle, at: Instant, one: Option<Message>, events: &[Event]) {
        let events = self.named(events);
        let has_numbers = |event: &&Event| match event {
            Event::Control { numbers, .. } => !numbers.is_empty(),
            Event::Sound(_) => true,
        };
        let pushed = self.inbox.push(at, events.iter().filter(has_numbers).cloned());
        light.count_events(one, &events, pushed);
    }

    /// The events with the names of their devices that patches use.
    fn named(&self, events: &[Event]) -> Vec<Event> {
        let name = |event: &Event| match event {
            Event::Control { control: ControlId { device: Some(port), .. }, .. } => {
                event.clone().on(&self.names.of(port))
            }
            _ => event.clone(),
        };
        events.iter().map(name).collect()
    }

    fn light(&self, kind: Kind, name: &str) -> LightHandle {
        self.activity.light(kind, name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        devices: Settings,
    }

    fn settings(args: &[&str]) -> Result<Settings, clap::Error> {
        Command::try_parse_from([&["bendrack"], args].concat()).map(|command| command.devices)
    }

    #[test]
    fn without_flags_no_network_or_serial_port_is_opened() {
        let settings = settings(&[]).expect("defaults");
        assert_eq!((settings.osc_in, settings.osc_out, settings.midi_out), (Vec::new(), Vec::new(), Vec::new()));
        assert_eq!(settings.lamps, LampSettings::none());
        assert_eq!((settings.audio, settings.audio_channels), (AudioSource::None, Channels::Mean));
        assert_eq!((&settings.midi[..], &settings.serial[..]), (&[MidiInputs::All][..], &[SerialPorts::None][..]));
        assert_eq!(settings.baud, 115_200);
        assert_eq!(settings.gamepad, Gamepads::All);
    }

    #[test]
    fn flags_choose_devices() {
        let args = [
            "--midi",
            "nano",
            "--midi",
            "Launch",
            "--midi-out",
            "Synth",
            "--midi-out",
            "pads=Launchpad",
            "--osc-in",
            "9000",
            "--osc-in",
            "tcp:0.0.0.0:9001",
            "--osc-out",
            "10.0.0.2:9001",
            "--osc-out",
            "wall=lamp.local:7000",
            "--artnet",
            "10.0.0.5",
            "--sacn",
            "roof=multicast",
            "--light-end",
            "hold",
            "--serial",
            "/dev/ttyACM0",
            "--serial",
            "udp:9100",
        ];
        let settings = settings(&args).expect("flags");
        assert_eq!(settings.midi, ["nano", "launch"].map(|text| MidiInputs::Named(text.into())));
        let part = |name: &str, text: &str| Named { name: name.into(), device: PartOfName(text.into()) };
        assert_eq!(settings.midi_out, [part("", "Synth"), part("pads", "Launchpad")]);
        let ports: Vec<String> = settings.osc_in.iter().map(OscPort::to_string).collect();
        assert_eq!(ports, ["127.0.0.1:9000", "tcp:0.0.0.0:9001"]);
        let wall = Named { name: "wall".into(), device: Target::Name("lamp.local".into(), 7000) };
        assert_eq!(settings.osc_out, [Target::Address(([10, 0, 0, 2], 9001).into()).into(), wall]);
        let LampSettings { artnet, sacn, light_rate, light_end, .. } = &settings.lamps;
        assert_eq!((artnet.len(), sacn.len(), *light_rate, *light_end), (1, 1, 40, lamps::End::Hold));
        let network = SerialPorts::Udp(([127, 0, 0, 1], 9100).into());
        assert_eq!(settings.serial, [SerialPorts::Path("/dev/ttyACM0".into()), network]);
        assert!("udp:nowhere".parse::<SerialPorts>().is_err());
    }

    #[test]
    fn none_is_none() {
        let settings_of_nothing =
            settings(&["--midi", "none", "--serial", "none", "--gamepad", "none"]).expect("flags");
        assert_eq!(Settings { names: None, ..settings_of_nothing }, Settings::none());
        assert!(settings(&["--oscquery", "9001"]).is_err(), "it announces the port of --osc-in");
        assert!(settings(&["--osc-in", "nonsense"]).is_err() && settings(&["--midi-out", " "]).is_err());
    }

    #[test]
    fn events_have_the_name_of_their_device_in_patches() {
        let (inbox, given) = (Inbox::default(), "left=nano".parse().expect("a name"));
        let names = DeviceNames::open(&[given], None);
        let context = DeviceContext { inbox: inbox.clone(), names: names.clone(), ..DeviceContext::default() };
        let (port, light) = (Arc::from("nanoKONTROL2"), context.light(Kind::Midi, "nanoKONTROL2"));
        context.send(&light, Instant::now(), None, &[Event::cc(1, 7, 0.5).on(&port), Event::osc("/a", &[1.0])]);
        let devices =
            || -> Vec<String> { context.activity.controls().into_iter().map(|control| control.device).collect() };
        assert_eq!(devices(), ["left", "nanoKONTROL2"]);
        let control = ControlId { name: ControlName::Cc { channel: 1, number: 7 }, device: Some("left".into()) };
        assert!(inbox.latest().get(&control, 0).is_some());
    }

    #[test]
    fn nothing_is_lit_when_nothing_may_be_opened() {
        let devices = Devices::open(&Settings::none(), &Inbox::default());
        let outputs = devices.outputs();
        assert!(devices.activity().lights().is_empty() && outputs.osc().is_empty());
        assert!(
            outputs.midi().is_empty() && outputs.lamps().is_empty(),
            "a patch plays only on outputs of the settings"
        );
    }
}
