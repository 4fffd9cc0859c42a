//! Devices: MIDI, sound, OSC and serial lines in, MIDI and OSC out.
//!
//! Each device has a thread that writes into one [`Controls`] and lights one [`Light`]. Nothing that a device sends stops anything:
//! what cannot be read is counted. A patch never opens a device; only [`Settings`] do, and they come from a person.

mod activity;
pub mod audio;
#[cfg(feature = "audio")]
mod capture;
pub mod line;
pub mod midi;
pub mod midi_out;
pub mod osc;
mod player;
pub mod serial;
mod worker;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bendrack_nodes::tick::Controls;

use activity::Lamp;
pub use activity::{Activity, Control, Kind, Light, Moved, State};
use audio::Heard;
use midi::MidiInputs;
use midi_out::MidiOut;
use osc::OscOut;
use serial::SerialPorts;
use worker::Worker;

/// Which devices may be opened: flags for a command, or a choice in a window.
#[derive(clap::Args, Clone, Debug, PartialEq)]
pub struct Settings {
    /// MIDI inputs to open: all, none, or those with this text in their name.
    #[arg(long, value_name = "all|none|NAME", default_value = "all", help_heading = "Devices")]
    pub midi: MidiInputs,
    /// MIDI outputs to play on: those with this text in their name [default: none].
    #[arg(long, value_name = "NAME", value_parser = midi_out::name, help_heading = "Devices")]
    pub midi_out: Option<String>,
    /// What the node audio.in hears: none, the default input, the one with this text in its name, or a file.
    #[arg(long, value_name = "none|default|NAME|FILE", default_value = "none", help_heading = "Devices")]
    pub audio: Heard,
    /// Listen for OSC at this address; 9000 alone is 127.0.0.1:9000, which only this machine reaches.
    #[arg(long, value_name = "ADDRESS", value_parser = osc::address, help_heading = "Devices")]
    pub osc_in: Option<SocketAddr>,
    /// Send OSC to this address.
    #[arg(long, value_name = "ADDRESS", value_parser = osc::address, help_heading = "Devices")]
    pub osc_out: Option<SocketAddr>,
    /// Serial port to read: auto for every USB one, none, or a path.
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
            audio: Heard::None,
            osc_in: None,
            osc_out: None,
            serial: SerialPorts::None,
            baud: serial::BAUD,
        }
    }
}

/// The devices that are open or waited for. Dropped, they close; that takes up to a third of a second, and must not happen under the
/// lock of the controls.
pub struct Devices {
    activity: Activity,
    osc_out: Option<OscOut>,
    midi_out: Option<MidiOut>,
    /// Held for their drop.
    _workers: Vec<Worker>,
}

impl Devices {
    /// Opens what the settings say and keeps it open: what is missing is waited for. `controls` is what devices write.
    pub fn open(settings: &Settings, controls: Arc<Mutex<Controls>>) -> Devices {
        let desk = Desk { controls, activity: Activity::default() };
        let (midi_out, player) = settings.midi_out.as_ref().map(|wanted| midi_out::follow(wanted, &desk)).unzip();
        let workers = [
            player,
            midi::follow(&settings.midi, &desk),
            audio::follow(&settings.audio, &desk),
            settings.osc_in.map(|address| osc::listen(address, &desk)),
            serial::follow(&settings.serial, settings.baud, &desk),
        ];
        let osc_out =
            settings.osc_out.map(|address| OscOut::new(address, desk.lamp(Kind::OscOut, &address.to_string())));
        Devices { activity: desk.activity, osc_out, midi_out, _workers: workers.into_iter().flatten().collect() }
    }

    /// What the devices do: lights, and the control that was moved last.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Where OSC goes, if the settings say so.
    pub fn osc_out(&self) -> Option<&OscOut> {
        self.osc_out.as_ref()
    }

    /// Where MIDI is played, if the settings say so.
    pub fn midi_out(&self) -> Option<&MidiOut> {
        self.midi_out.as_ref()
    }
}

/// What a device thread needs: where it writes, and where its light is.
#[derive(Clone, Debug, Default)]
struct Desk {
    controls: Arc<Mutex<Controls>>,
    activity: Activity,
}

impl Desk {
    fn controls(&self) -> MutexGuard<'_, Controls> {
        // Each write leaves the controls whole, so those of a thread that panicked are as good as any.
        self.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lamp(&self, kind: Kind, name: &str) -> Lamp {
        self.activity.lamp(kind, name)
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
        assert_eq!(settings.audio, Heard::None);
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
        assert_eq!(settings.osc_out, Some(([10, 0, 0, 2], 9001).into()));
        assert_eq!(settings.serial, SerialPorts::Path("/dev/ttyACM0".into()));
    }

    #[test]
    fn none_is_none() {
        assert_eq!(settings(&["--midi", "none", "--serial", "none"]).expect("flags"), Settings::none());
        assert!(settings(&["--osc-in", "nonsense"]).is_err() && settings(&["--midi-out", " "]).is_err());
    }

    #[test]
    fn nothing_is_lit_when_nothing_may_be_opened() {
        let devices = Devices::open(&Settings::none(), Arc::default());
        assert!(devices.activity().lights().is_empty() && devices.osc_out().is_none());
        assert!(devices.midi_out().is_none(), "no patch can play where nobody said it may");
    }
}
