//! Devices: MIDI, sound, OSC and serial lines in, MIDI, OSC and light out.
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
pub mod lamps;
mod light;
pub mod line;
mod message;
pub mod midi;
mod midi_clock;
pub mod midi_out;
mod midi_ports;
pub mod osc;
mod outputs;
mod player;
pub mod serial;
mod serial_udp;
mod session;
mod socket;
pub mod target;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bendrack_nodes::input::Event;

use activity::LightHandle;
pub use activity::{Activity, LatestMessage};
use audio::AudioSource;
pub use controls::{ControlName, ControlState, Pressed};
pub use error::DeviceError;
use lamps::LampSettings;
pub use light::{Colour, Counts, Dated, Kind, Light, State};
use message::Message;
use midi::MidiInputs;
use midi_out::PartOfName;
pub use outputs::Outputs;
use serial::SerialPorts;
use session::Boards;
use target::{Named, Target};
use worker::Worker;

use crate::input::Inbox;
use crate::sound::{Channels, SoundQueue};

/// The devices to open: flags of a command, or a choice in the window.
#[derive(clap::Args, Clone, Debug, PartialEq)]
pub struct Settings {
    /// MIDI inputs to open: all, none, or those with this text in their name.
    #[arg(long, value_name = "all|none|NAME", default_value = "all", help_heading = "Devices")]
    pub midi: MidiInputs,
    /// MIDI outputs to play on: those with this text in their name; may be repeated [default: none].
    #[arg(long, value_name = "[NAME=]TEXT", help_heading = "Devices")]
    pub midi_out: Vec<Named<PartOfName>>,
    /// Source of the node audio.in: none, the default input, an input with this text in its name, or a file.
    #[arg(long, value_name = "none|default|NAME|FILE", default_value = "none", help_heading = "Devices")]
    pub audio: AudioSource,
    /// Channels of --audio for the node audio.in: their mean, one of the first two, or the loudest in each band.
    #[arg(long, value_name = "CHANNELS", value_enum, default_value_t, requires = "audio", help_heading = "Devices")]
    pub audio_channels: Channels,
    /// Listen for OSC at this address; 9000 alone is 127.0.0.1:9000, which only this machine reaches.
    #[arg(long, value_name = "ADDRESS", value_parser = osc::address, help_heading = "Devices")]
    pub osc_in: Option<SocketAddr>,
    /// Send OSC to this address, such as 127.0.0.1:7000; may be repeated. A patch chooses among several by NAME.
    #[arg(long, value_name = "[NAME=]ADDRESS", help_heading = "Devices")]
    pub osc_out: Vec<Named<Target>>,
    /// Boards to read and send to: every USB serial port (auto), none, a path, or the network (udp:9100).
    #[arg(long, value_name = "auto|none|PATH|udp:ADDRESS", default_value = "none", help_heading = "Devices")]
    pub serial: SerialPorts,
    /// Speed of serial ports, in bits per second.
    #[arg(long, default_value_t = serial::BAUD, help_heading = "Devices")]
    pub baud: u32,
    /// Lamps and LEDs.
    #[command(flatten)]
    pub lamps: LampSettings,
}

impl Settings {
    /// Opens nothing.
    pub fn none() -> Self {
        Settings {
            midi: MidiInputs::None,
            midi_out: Vec::new(),
            audio: AudioSource::None,
            audio_channels: Channels::Mean,
            osc_in: None,
            osc_out: Vec::new(),
            serial: SerialPorts::None,
            baud: serial::BAUD,
            lamps: LampSettings::none(),
        }
    }
}

/// The devices that are open or awaited. They close when dropped, which takes up to a third of a second.
pub struct Devices {
    activity: Activity,
    sound: SoundQueue,
    outputs: Outputs,
    /// Stop when dropped.
    _workers: Vec<Worker>,
}

impl Devices {
    /// Opens the devices of the settings and keeps them open; missing ones are awaited. Their events go to the inbox.
    pub fn open(settings: &Settings, inbox: &Inbox) -> Devices {
        let context = DeviceContext { inbox: inbox.clone(), ..DeviceContext::default() };
        let (midi, players): (_, Vec<_>) = settings.midi_out.iter().map(|out| midi_out::follow(out, &context)).unzip();
        let (osc, senders): (_, Vec<_>) = settings.osc_out.iter().map(|out| osc::follow(out, &context)).unzip();
        let (lamps, lighters): (_, Vec<_>) = lamps::follow(&settings.lamps, &context).into_iter().unzip();
        let outputs = Outputs { osc, midi, lamps, context: context.clone(), unknown: Arc::default() };
        let workers = [
            midi::follow(&settings.midi, &context),
            audio::follow(&settings.audio, settings.audio_channels, &context),
            settings.osc_in.map(|address| osc::listen(address, &context)),
            serial::follow(&settings.serial, settings.baud, &context),
        ];
        let workers = workers.into_iter().flatten().chain(players).chain(senders).chain(lighters).collect();
        Devices { activity: context.activity, sound: context.sound, outputs, _workers: workers }
    }

    /// The activity of the devices.
    pub fn activity(&self) -> &Activity {
        &self.activity
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
    /// The sound of the audio input.
    sound: SoundQueue,
    /// The boards that are open.
    boards: Boards,
}

impl DeviceContext {
    /// Sends events of one time to the engine, and counts them: each as a message, or all of them as `one`.
    fn send(&self, light: &LightHandle, at: Instant, one: Option<Message>, events: &[Event]) {
        let has_numbers = |event: &&Event| match event {
            Event::Control { numbers, .. } => !numbers.is_empty(),
            Event::Sound(_) => true,
        };
        let pushed = self.inbox.push(at, events.iter().filter(has_numbers).cloned());
        light.count_events(one, events, pushed);
    }

    fn light(&self, kind: Kind, name: &str) -> LightHandle {
        self.activity.light(kind, name)
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!((settings.osc_in, settings.osc_out, settings.midi_out), (None, Vec::new(), Vec::new()));
        assert_eq!(settings.lamps, LampSettings::none());
        assert_eq!((settings.audio, settings.audio_channels), (AudioSource::None, Channels::Mean));
        assert_eq!((settings.midi, settings.serial, settings.baud), (MidiInputs::All, SerialPorts::None, 115_200));
    }

    #[test]
    fn flags_choose_devices() {
        let args = [
            "--midi",
            "nano",
            "--midi-out",
            "Synth",
            "--midi-out",
            "pads=Launchpad",
            "--osc-in",
            "9000",
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
        ];
        let settings = settings(&args).expect("flags");
        assert_eq!(settings.midi, MidiInputs::Named("nano".into()));
        let part = |name: &str, text: &str| Named { name: name.into(), device: PartOfName(text.into()) };
        assert_eq!(settings.midi_out, [part("", "Synth"), part("pads", "Launchpad")]);
        assert_eq!(settings.osc_in, Some(([127, 0, 0, 1], 9000).into()));
        let wall = Named { name: "wall".into(), device: Target::Name("lamp.local".into(), 7000) };
        assert_eq!(settings.osc_out, [Target::Address(([10, 0, 0, 2], 9001).into()).into(), wall]);
        let LampSettings { artnet, sacn, light_rate, light_end, .. } = &settings.lamps;
        assert_eq!((artnet.len(), sacn.len(), *light_rate, *light_end), (1, 1, 40, lamps::End::Hold));
        assert_eq!(settings.serial, SerialPorts::Path("/dev/ttyACM0".into()));
        assert_eq!("udp:9100".parse(), Ok(SerialPorts::Udp(([127, 0, 0, 1], 9100).into())));
        assert!("udp:nowhere".parse::<SerialPorts>().is_err());
    }

    #[test]
    fn none_is_none() {
        assert_eq!(settings(&["--midi", "none", "--serial", "none"]).expect("flags"), Settings::none());
        assert!(settings(&["--osc-in", "nonsense"]).is_err() && settings(&["--midi-out", " "]).is_err());
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
