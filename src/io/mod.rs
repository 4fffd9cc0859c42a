//! Devices: MIDI, sound, OSC and serial lines in, MIDI and OSC out.
//!
//! The thread of a device stamps its events, puts them into one [`Inbox`], and sets one [`Light`]. Unreadable messages are counted and never stop anything.
//! A patch never opens a device; only [`Settings`] do, and they come from a person.

mod activity;
pub mod audio;
#[cfg(feature = "audio")]
mod capture;
mod controls;
mod error;
mod light;
pub mod line;
mod message;
pub mod midi;
pub mod midi_out;
mod midi_ports;
pub mod osc;
mod player;
pub mod serial;
mod socket;
mod worker;

use std::net::SocketAddr;
use std::time::Instant;

use bendrack_nodes::input::Event;

use activity::LightHandle;
pub use activity::{Activity, LatestMessage};
use audio::AudioSource;
pub use controls::{ControlName, ControlState, Pressed};
pub use error::DeviceError;
pub use light::{Colour, Counts, Dated, Kind, Light, State};
use message::Message;
use midi::MidiInputs;
use midi_out::MidiOut;
use osc::{OscOut, OscTarget};
use serial::SerialPorts;
use worker::Worker;

use crate::input::Inbox;
use crate::sound::{Channels, SoundQueue};

/// The devices to open: flags of a command, or a choice in the window.
#[derive(clap::Args, Clone, Debug, PartialEq)]
pub struct Settings {
    /// MIDI inputs to open: all, none, or those with this text in their name.
    #[arg(long, value_name = "all|none|NAME", default_value = "all", help_heading = "Devices")]
    pub midi: MidiInputs,
    /// MIDI outputs to play on: those with this text in their name [default: none].
    #[arg(long, value_name = "NAME", value_parser = midi_out::name, help_heading = "Devices")]
    pub midi_out: Option<String>,
    /// Source of the node audio.in: none, the default input, an input with this text in its name, or a file.
    #[arg(long, value_name = "none|default|NAME|FILE", default_value = "none", help_heading = "Devices")]
    pub audio: AudioSource,
    /// Channels of --audio for the node audio.in: their mean, one of the first two, or the loudest in each band.
    #[arg(long, value_name = "CHANNELS", value_enum, default_value_t, requires = "audio", help_heading = "Devices")]
    pub audio_channels: Channels,
    /// Listen for OSC at this address; 9000 alone is 127.0.0.1:9000, which only this machine reaches.
    #[arg(long, value_name = "ADDRESS", value_parser = osc::address, help_heading = "Devices")]
    pub osc_in: Option<SocketAddr>,
    /// Send OSC to this address, such as 127.0.0.1:7000.
    #[arg(long, value_name = "ADDRESS", help_heading = "Devices")]
    pub osc_out: Option<OscTarget>,
    /// Serial port to read: every USB port (auto), none, or a path.
    #[arg(long, value_name = "auto|none|PATH", default_value = "none", help_heading = "Devices")]
    pub serial: SerialPorts,
    /// Speed of serial ports, in bits per second.
    #[arg(long, default_value_t = serial::BAUD, help_heading = "Devices")]
    pub baud: u32,
}

impl Settings {
    /// Opens nothing.
    pub fn none() -> Self {
        Settings {
            midi: MidiInputs::None,
            midi_out: None,
            audio: AudioSource::None,
            audio_channels: Channels::Mean,
            osc_in: None,
            osc_out: None,
            serial: SerialPorts::None,
            baud: serial::BAUD,
        }
    }
}

/// The devices that are open or awaited. They close when dropped, which takes up to a third of a second.
pub struct Devices {
    activity: Activity,
    sound: SoundQueue,
    osc_out: Option<OscOut>,
    midi_out: Option<MidiOut>,
    /// Stop when dropped.
    _workers: Vec<Worker>,
}

impl Devices {
    /// Opens the devices of the settings and keeps them open; missing ones are awaited. Their events go to the inbox.
    pub fn open(settings: &Settings, inbox: &Inbox) -> Devices {
        let context =
            DeviceContext { inbox: inbox.clone(), activity: Activity::default(), sound: SoundQueue::default() };
        let (midi_out, player) = settings.midi_out.as_ref().map(|wanted| midi_out::follow(wanted, &context)).unzip();
        let (osc_out, sender) = settings.osc_out.as_ref().map(|target| osc::follow(target, &context)).unzip();
        let workers = [
            player,
            sender,
            midi::follow(&settings.midi, &context),
            audio::follow(&settings.audio, settings.audio_channels, &context),
            settings.osc_in.map(|address| osc::listen(address, &context)),
            serial::follow(&settings.serial, settings.baud, &context),
        ];
        let workers = workers.into_iter().flatten().collect();
        Devices { activity: context.activity, sound: context.sound, osc_out, midi_out, _workers: workers }
    }

    /// The activity of the devices.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// The sound of the audio input, for a recording.
    pub fn sound(&self) -> &SoundQueue {
        &self.sound
    }

    /// The OSC output, if the settings have one.
    pub fn osc_out(&self) -> Option<&OscOut> {
        self.osc_out.as_ref()
    }

    /// The MIDI output, if the settings have one.
    pub fn midi_out(&self) -> Option<&MidiOut> {
        self.midi_out.as_ref()
    }
}

/// Inbox, activity and sound queue, which the thread of a device writes.
#[derive(Clone, Debug, Default)]
struct DeviceContext {
    inbox: Inbox,
    activity: Activity,
    /// The sound of the audio input.
    sound: SoundQueue,
}

impl DeviceContext {
    /// Sends events of one time to the engine, and counts them: each as a message, or all of them as `one`.
    fn send(&self, light: &LightHandle, at: Instant, one: Option<Message>, events: &[Event]) {
        let has_numbers = |event: &&Event| match event {
            Event::Osc { numbers, .. } | Event::Sensor { numbers, .. } => !numbers.is_empty(),
            Event::Cc { .. } | Event::Note { .. } | Event::Sound(_) => true,
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
        assert_eq!((settings.osc_in, settings.osc_out, settings.midi_out), (None, None, None));
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
            "--osc-in",
            "9000",
            "--osc-out",
            "10.0.0.2:9001",
            "--serial",
            "/dev/ttyACM0",
        ];
        let settings = settings(&args).expect("flags");
        assert_eq!(settings.midi, MidiInputs::Named("nano".into()));
        assert_eq!(settings.midi_out, Some("Synth".into()));
        assert_eq!(settings.osc_in, Some(([127, 0, 0, 1], 9000).into()));
        assert_eq!(settings.osc_out, Some(OscTarget::Address(([10, 0, 0, 2], 9001).into())));
        assert_eq!(settings.serial, SerialPorts::Path("/dev/ttyACM0".into()));
    }

    #[test]
    fn none_is_none() {
        assert_eq!(settings(&["--midi", "none", "--serial", "none"]).expect("flags"), Settings::none());
        assert!(settings(&["--osc-in", "nonsense"]).is_err() && settings(&["--midi-out", " "]).is_err());
    }

    #[test]
    fn nothing_is_lit_when_nothing_may_be_opened() {
        let devices = Devices::open(&Settings::none(), &Inbox::default());
        assert!(devices.activity().lights().is_empty() && devices.osc_out().is_none());
        assert!(devices.midi_out().is_none(), "a patch plays only on outputs of the settings");
    }
}
