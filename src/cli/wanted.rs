//! Devices that a patch names, their connected matches, and the flags that open them.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use bendrack_nodes::patch::{Device, DeviceKind, Patch};
use serde::Serialize;

use crate::io::serial::{Port, Usb};
use crate::terminal::in_line;

/// The connected devices.
#[derive(Default)]
pub(super) struct Connected {
    pub(super) midi_inputs: Vec<String>,
    pub(super) midi_outputs: Vec<String>,
    pub(super) serial: Vec<Port>,
    pub(super) audio: Vec<String>,
    /// This machine's address in its network.
    pub(super) address: Option<IpAddr>,
}

/// A device that the patch names.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Wanted {
    /// Name in the patch.
    name: String,
    kind: DeviceKind,
    label: String,
    /// Connected devices that match it.
    found: Vec<String>,
    /// Flag that opens the first match; for OSC, the flag that receives or sends.
    flag: Option<String>,
}

/// The devices that a patch names, each with its matches among those connected.
pub(super) fn wanted(patch: &Patch, connected: &Connected) -> Vec<Wanted> {
    patch.devices.iter().map(|(name, device)| find(name, device, connected)).collect()
}

fn find(name: &str, device: &Device, connected: &Connected) -> Wanted {
    let named = |names: &[String]| names.iter().filter(|name| is_called(device, name)).cloned().collect();
    let (found, flag): (Vec<String>, _) = match device.kind {
        DeviceKind::MidiIn => (named(&connected.midi_inputs), "--midi"),
        DeviceKind::MidiOut => (named(&connected.midi_outputs), "--midi-out"),
        DeviceKind::Audio => (named(&connected.audio), "--audio"),
        DeviceKind::Serial => {
            let ports = connected.serial.iter().filter(|port| is_port(device, port));
            (ports.map(|port| port.path.clone()).collect(), "--serial")
        }
        // OSC has no list of ports.
        DeviceKind::OscIn => (Vec::new(), "--osc-in"),
        DeviceKind::OscOut => (Vec::new(), "--osc-out"),
    };
    // An output takes the name of the patch, which its nodes may have in their field `device`.
    let flag = match device.kind {
        // A phone reaches the address in the network alone.
        DeviceKind::OscIn => Some(match connected.address {
            Some(address) => format!("{flag} {}", SocketAddr::new(address, 9000)),
            None => format!("{flag} 9000"),
        }),
        DeviceKind::OscOut => Some(format!("{flag} {}", quoted(&format!("{name}=ADDRESS")))),
        DeviceKind::MidiOut => found.first().map(|found| format!("{flag} {}", quoted(&format!("{name}={found}")))),
        _ => found.first().map(|found| format!("{flag} {}", quoted(found))),
    };
    Wanted { name: name.to_owned(), kind: device.kind, label: device.label.clone(), found, flag }
}

/// True if the name of a device contains that in the patch. Without a name, any device matches.
fn is_called(device: &Device, name: &str) -> bool {
    let wanted = device.known_by.get("name").map(|name| name.to_lowercase());
    wanted.is_none_or(|wanted| name.to_lowercase().contains(&wanted))
}

/// True if a serial port matches every property in the patch.
fn is_port(device: &Device, port: &Port) -> bool {
    let agrees = |key: &str, is: &dyn Fn(&Usb) -> Option<String>| match device.known_by.get(key) {
        None => true,
        Some(wanted) => {
            port.usb.as_ref().and_then(is).is_some_and(|found| found.to_lowercase().contains(&wanted.to_lowercase()))
        }
    };
    agrees("vid", &|usb| Some(format!("{:04x}", usb.vid)))
        && agrees("pid", &|usb| Some(format!("{:04x}", usb.pid)))
        && agrees("serial", &|usb| usb.serial.clone())
        && agrees("name", &|usb| usb.product.clone())
}

/// A name, quoted for a shell if necessary.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=".contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// One line per device.
pub(super) fn describe(wanted: &[Wanted]) -> String {
    let mut text = "Devices that the patch names\n".to_owned();
    if wanted.is_empty() {
        text += "  none\n";
    }
    for Wanted { name, kind, label, found, flag } in wanted {
        let label = if label.is_empty() { String::new() } else { format!(" ({})", in_line(label)) };
        let kind = match kind {
            DeviceKind::MidiIn => "MIDI input",
            DeviceKind::MidiOut => "MIDI output",
            DeviceKind::OscIn => "OSC from another application or a phone",
            DeviceKind::OscOut => "OSC to another application",
            DeviceKind::Serial => "serial port",
            DeviceKind::Audio => "audio input",
        };
        let found = match found.as_slice() {
            [] if flag.is_some() => String::new(),
            [] => ": not connected; connect it, or play without it".to_owned(),
            found => format!(": {}", in_line(&found.join(" or "))),
        };
        let flag = flag.as_ref().map_or_else(String::new, |flag| format!("; open it with {}", in_line(flag)));
        let name = in_line(name);
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name}{label}, {kind}{found}{flag}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(devices: &str) -> Patch {
        let text = format!(r#"{{"format": "bendrack-patch", "version": 1, "devices": {devices}}}"#);
        Patch::from_json(&text).expect("a patch")
    }

    fn connected() -> Connected {
        let usb = |vid, pid, serial: &str| {
            Some(Usb { vid, pid, product: Some("USB JTAG".into()), serial: Some(serial.into()) })
        };
        Connected {
            midi_inputs: vec!["Midi Through".into(), "MIDI Mix MIDI 1".into()],
            midi_outputs: vec!["Synth 1".into()],
            serial: vec![
                Port { path: "/dev/ttyUSB0".into(), usb: usb(0x10c4, 0xea60, "A") },
                Port { path: "/dev/ttyACM0".into(), usb: usb(0x303a, 0x1001, "B") },
                Port { path: "/dev/ttyS0".into(), usb: None },
            ],
            address: Some([192, 168, 1, 5].into()),
            ..Connected::default()
        }
    }

    #[test]
    fn a_device_is_found_by_its_description_in_the_patch() {
        for (device, found, flag) in [
            (
                r#"{"kind": "midi_in", "match": {"name": "midi mix"}}"#,
                &["MIDI Mix MIDI 1"][..],
                "--midi 'MIDI Mix MIDI 1'",
            ),
            (r#"{"kind": "midi_in"}"#, &["Midi Through", "MIDI Mix MIDI 1"], "--midi 'Midi Through'"),
            (r#"{"kind": "midi_in", "match": {"name": "nano"}}"#, &[], ""),
            (r#"{"kind": "serial", "match": {"vid": "303A"}}"#, &["/dev/ttyACM0"], "--serial /dev/ttyACM0"),
            (r#"{"kind": "serial", "match": {"vid": "303a", "serial": "A"}}"#, &[], ""),
            (
                r#"{"kind": "serial", "match": {"name": "jtag", "pid": "ea60"}}"#,
                &["/dev/ttyUSB0"],
                "--serial /dev/ttyUSB0",
            ),
            (r#"{"kind": "osc_in", "label": "phone"}"#, &[], "--osc-in 192.168.1.5:9000"),
            (r#"{"kind": "osc_out"}"#, &[], "--osc-out it=ADDRESS"),
            (r#"{"kind": "midi_out", "match": {"name": "synth"}}"#, &["Synth 1"], "--midi-out 'it=Synth 1'"),
            (r#"{"kind": "audio"}"#, &[], ""),
        ] {
            let wanted = wanted(&patch(&format!(r#"{{"it": {device}}}"#)), &connected());
            assert_eq!(wanted[0].found, found, "{device}");
            assert_eq!(wanted[0].flag.as_deref().unwrap_or_default(), flag, "{device}");
        }
    }

    #[test]
    fn every_device_has_a_line_whether_connected_or_not() {
        let patch = patch(
            r#"{"fader": {"kind": "midi_in", "label": "MIDI Mix", "match": {"name": "midi mix"}},
                "pad": {"kind": "serial", "match": {"name": "touch"}}, "phone": {"kind": "osc_in"}}"#,
        );
        assert_eq!(
            describe(&wanted(&patch, &connected())),
            "Devices that the patch names\n  \
             fader (MIDI Mix), MIDI input: MIDI Mix MIDI 1; open it with --midi 'MIDI Mix MIDI 1'\n  \
             pad, serial port: not connected; connect it, or play without it\n  \
             phone, OSC from another application or a phone; open it with --osc-in 192.168.1.5:9000\n"
        );
        assert!(describe(&wanted(&Patch::default(), &connected())).ends_with("  none\n"));
    }
}
