//! `bendrack devices`: the connected devices.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::json;

use super::wanted::{Connected, describe as describe_wanted, wanted};
use super::{Failure, monitor, print, print_json, read_patch};
use crate::io::midi::MidiInputs;
use crate::io::serial::{Port, Usb};
use crate::io::{DeviceError, Gamepads, Settings, audio, midi, osc, serial};
use crate::terminal::in_line;

#[derive(clap::Args)]
pub(super) struct Devices {
    /// Patch whose requested devices are compared with the connected ones.
    #[arg(conflicts_with = "monitor")]
    patch: Option<PathBuf>,
    /// Print the devices as JSON; with --monitor, one line of JSON each second.
    #[arg(long)]
    json: bool,
    /// Open the devices of the flags below, and print each second the messages that they send, until Ctrl+C.
    #[arg(long)]
    monitor: bool,
    /// Time after which the monitor ends, in seconds.
    #[arg(long, value_name = "N", requires = "monitor")]
    seconds: Option<f64>,
    #[command(flatten)]
    settings: Settings,
}

impl Devices {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.monitor {
            return monitor::run(&self.settings, self.seconds, self.json);
        }
        let names = self.settings.names.clone();
        let unchanged = Settings { midi: vec![MidiInputs::All], gamepad: Gamepads::All, names, ..Settings::none() };
        if self.settings != unchanged {
            return Err(Failure::Usage(
                "the list of devices opens none; add --monitor to open those of the flags".to_owned(),
            ));
        }
        let (inputs, outputs, ports) = (midi::inputs(), midi::outputs(), serial::ports());
        let audio_inputs = audio::inputs();
        let local = osc::local_address();
        let connected = Connected {
            midi_inputs: inputs.clone().unwrap_or_default(),
            midi_outputs: outputs.clone().unwrap_or_default(),
            serial: ports.clone().unwrap_or_default(),
            audio: audio_inputs.clone().unwrap_or_default(),
            address: local,
        };
        let wanted = match &self.patch {
            Some(path) => Some(wanted(&read_patch(path)?, &connected)),
            None => None,
        };
        if self.json {
            let mut list = json!({
                "midi": {
                    "inputs": inputs.as_deref().unwrap_or_default(),
                    "outputs": outputs.as_deref().unwrap_or_default(),
                    "problem": inputs.as_ref().err().or(outputs.as_ref().err()),
                },
                "audio": { "inputs": audio_inputs.as_deref().unwrap_or_default(), "problem": audio_inputs.as_ref().err() },
                "serial": { "ports": ports.as_deref().unwrap_or_default(), "problem": ports.as_ref().err() },
                "osc": { "local_address": local },
            });
            if let Some(wanted) = &wanted {
                list["wanted"] = json!(wanted);
            }
            return print_json(&format!("{list:#}\n"));
        }
        let mut text = section("MIDI inputs", inputs, "none is connected");
        text += &section("MIDI outputs", outputs, "none is connected");
        let no_input = "none is available; connect one, or allow access in the system's settings";
        text += &section("Audio inputs", audio_inputs, no_input);
        let ports = ports.map(|ports| ports.iter().map(describe).collect());
        let no_port =
            "none is connected; use a USB cable that carries data, and install the board's driver if it needs one";
        text += &section("Serial ports", ports, no_port);
        text += "OSC\n  --osc-in 9000 listens to this machine only\n";
        if let Some(local) = local {
            // Writing to a string does not fail.
            let _ =
                writeln!(text, "  --osc-in {local}:9000 listens to the network too: anyone on it can turn your knobs");
        }
        if let Some(wanted) = &wanted {
            text += &describe_wanted(wanted);
        }
        print(&text)
    }
}

/// A title over the list of devices, or over the reason for an empty list.
fn section(title: &str, found: Result<Vec<String>, DeviceError>, nothing: &str) -> String {
    let lines = match found {
        Ok(found) if found.is_empty() => nothing.to_owned(),
        Ok(found) => found.iter().map(|name| in_line(name)).collect::<Vec<_>>().join("\n  "),
        Err(problem) => problem.to_string(),
    };
    format!("{title}\n  {lines}\n")
}

fn describe(port: &Port) -> String {
    let Some(Usb { vid, pid, product, serial }) = &port.usb else { return port.path.clone() };
    let words = [product.as_deref(), serial.as_deref()];
    let words: String = words.into_iter().flatten().flat_map(|word| ["  ", word]).collect();
    format!("{}  {vid:04x}:{pid:04x}{words}", port.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_lists_devices_or_the_reason_for_none() {
        assert_eq!(section("Ports", Ok(vec!["a".into(), "b".into()]), "none"), "Ports\n  a\n  b\n");
        assert_eq!(section("Ports", Ok(vec![]), "none"), "Ports\n  none\n");
        assert_eq!(section("Ports", Err("no /dev".into()), "none"), "Ports\n  no /dev\n");
    }

    #[test]
    fn a_usb_port_is_described_by_its_numbers_and_names() {
        let usb = Usb { vid: 0x10c4, pid: 0xea60, product: Some("CP2102N".into()), serial: None };
        let port = Port { path: "/dev/ttyUSB0".into(), usb: Some(usb) };
        assert_eq!(describe(&port), "/dev/ttyUSB0  10c4:ea60  CP2102N");
        assert_eq!(describe(&Port { path: "/dev/ttyS0".into(), usb: None }), "/dev/ttyS0");
    }
}
