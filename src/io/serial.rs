//! Boards on serial ports that send the lines of [`super::line`]. A port that goes away is waited for.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serialport::{SerialPort, SerialPortType};

use super::Desk;
use super::activity::{Control, Kind, Lamp, State};
use super::line::{self, Lines, Readings};
use super::worker::{Stop, Worker};

/// Bits per second.
pub const BAUD: u32 = 115_200;
/// Names of sensors that are remembered; others are counted as errors.
pub const MAX_SENSORS: usize = 1024;
/// Numbers of a sensor that can be learned.
const LEARNED: usize = 16;
/// How long a thread is deaf to being stopped.
const TURN: Duration = Duration::from_millis(100);
/// The first wait for a port that is missing; each wait is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How often new USB ports are looked for.
const SCAN: Duration = Duration::from_secs(1);
/// How long a board may say nothing until it is told that somebody listens.
const SILENCE: Duration = Duration::from_secs(2);

/// Which serial ports are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SerialPorts {
    /// Every USB one.
    Auto,
    /// None.
    None,
    /// This one.
    Path(String),
}

impl FromStr for SerialPorts {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => SerialPorts::Auto,
            "none" => SerialPorts::None,
            path => SerialPorts::Path(path.to_owned()),
        })
    }
}

/// A serial port that is there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Port {
    /// Its path or name.
    pub path: String,
    /// What is behind it, if that is a USB device.
    pub usb: Option<Usb>,
}

/// What a USB device says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Usb {
    /// The vendor's number.
    pub vid: u16,
    /// The product's number.
    pub pid: u16,
    /// The product's name.
    pub product: Option<String>,
    /// This one's own number.
    pub serial: Option<String>,
}

impl Port {
    /// What the device is called, the same after it was plugged in again: a board that restarts may get another path.
    fn name(&self) -> Option<String> {
        let Usb { vid, pid, product, serial } = self.usb.as_ref()?;
        let product = product.clone().unwrap_or_else(|| format!("{vid:04x}:{pid:04x}"));
        Some(format!("{product} {}", serial.as_ref().unwrap_or(&self.path)))
    }
}

/// The serial ports that are there. The error is a sentence.
pub fn ports() -> Result<Vec<Port>, String> {
    // Without it there are no ports, and the crate would panic.
    if cfg!(target_os = "linux") && !Path::new("/sys/class/tty").is_dir() {
        return Err("this system has no /sys/class/tty; is /sys mounted?".into());
    }
    let found = serialport::available_ports().map_err(|error| error.to_string())?;
    let mut ports: Vec<Port> =
        found.into_iter().map(|port| Port { path: port.port_name, usb: usb(port.port_type) }).collect();
    ports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ports)
}

fn usb(kind: SerialPortType) -> Option<Usb> {
    let SerialPortType::UsbPort(usb) = kind else { return None };
    Some(Usb { vid: usb.vid, pid: usb.pid, product: usb.product, serial: usb.serial_number })
}

/// Where a port is looked for.
enum Place {
    Path(String),
    /// The name of a USB port.
    Usb(String),
}

impl Place {
    /// Where the port is now.
    fn path(&self) -> Option<String> {
        match self {
            Place::Path(path) => Some(path.clone()),
            Place::Usb(name) => {
                ports().ok()?.into_iter().find(|port| port.name().as_ref() == Some(name)).map(|port| port.path)
            }
        }
    }
}

/// Keeps serial ports open.
pub(super) fn follow(wanted: &SerialPorts, baud: u32, desk: &Desk) -> Option<Worker> {
    match wanted {
        SerialPorts::None => None,
        SerialPorts::Path(path) => {
            let lamp = desk.lamp(Kind::Serial, path);
            Some(follow_port(Place::Path(path.clone()), baud, desk.clone(), lamp))
        }
        SerialPorts::Auto => {
            let (desk, lamp) = (desk.clone(), desk.lamp(Kind::Serial, "USB serial"));
            Some(Worker::spawn(&lamp.clone(), move |stop| follow_usb(baud, &desk, &lamp, stop)))
        }
    }
}

/// Follows each USB port as soon as it is seen.
fn follow_usb(baud: u32, desk: &Desk, lamp: &Lamp, stop: &Stop) {
    let mut followed = BTreeMap::<String, Worker>::new();
    loop {
        match ports() {
            Ok(ports) => {
                lamp.set(State::Waiting);
                for name in ports.iter().filter_map(Port::name) {
                    followed.entry(name).or_insert_with_key(|name| {
                        let lamp = desk.lamp(Kind::Serial, name);
                        follow_port(Place::Usb(name.clone()), baud, desk.clone(), lamp)
                    });
                }
            }
            Err(problem) => lamp.set(State::Failed(problem)),
        }
        if !followed.is_empty() {
            lamp.remove();
        }
        if stop.after(SCAN) {
            return;
        }
    }
}

fn follow_port(place: Place, baud: u32, desk: Desk, lamp: Lamp) -> Worker {
    Worker::spawn(&lamp.clone(), move |stop| {
        let mut wait = FIRST_WAIT;
        loop {
            match open(&place, baud) {
                Ok(Some(port)) => {
                    lamp.set(State::Open);
                    wait = FIRST_WAIT;
                    hear(port, &desk, &lamp, stop);
                    lamp.set(State::Waiting);
                }
                Ok(None) => lamp.set(State::Waiting),
                Err(problem) => lamp.set(State::Failed(problem)),
            }
            if stop.after(wait) {
                return;
            }
            wait = (wait * 2).min(MAX_WAIT);
        }
    })
}

/// Opens the port, if it is there.
fn open(place: &Place, baud: u32) -> Result<Option<Box<dyn SerialPort>>, String> {
    use serialport::ErrorKind as Kind;
    let Some(path) = place.path() else { return Ok(None) };
    let mut port = match serialport::new(&path, baud).timeout(TURN).open() {
        Ok(port) => port,
        Err(error) => {
            return match error.kind() {
                Kind::Io(ErrorKind::NotFound) => Ok(None),
                Kind::Io(ErrorKind::PermissionDenied) => {
                    Err(format!("{path} is not yours to open; add your user to the group that owns it (dialout, uucp)"))
                }
                Kind::NoDevice => Err(format!("{path} cannot be opened: {error}; is another program using it?")),
                _ => Err(format!("{path} cannot be opened: {error}")),
            };
        }
    };
    // The order matters: boards are reset by DTR low under RTS high. A port without these lines needs neither.
    let _ = port.write_request_to_send(false);
    let _ = port.write_data_terminal_ready(false);
    Ok(Some(port))
}

/// Reads a port until it is lost or it is time to stop.
fn hear(mut port: Box<dyn SerialPort>, desk: &Desk, lamp: &Lamp, stop: &Stop) {
    let (mut lines, mut bytes) = (Lines::default(), [0; 1024]);
    let (mut heard, mut called, opened) = (false, false, Instant::now());
    while !stop.now() {
        match port.read(&mut bytes) {
            Ok(0) => return,
            Ok(size) => {
                heard = true;
                lines.push(&bytes[..size], |line| take(line, desk, lamp));
            }
            Err(error) if error.kind() == ErrorKind::TimedOut && !heard => {
                lines.begin();
                if !called && opened.elapsed() > SILENCE {
                    call(port.as_mut());
                    called = true;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}

/// Tells a silent board that somebody listens: those with USB of their own say nothing before. DTR first, as both high reset nothing.
fn call(port: &mut dyn SerialPort) {
    let _ = port.write_data_terminal_ready(true);
    let _ = port.write_request_to_send(true);
}

fn take(line: Result<&[u8], &str>, desk: &Desk, lamp: &Lamp) {
    match line.and_then(|line| Ok((line::read(line)?, line))) {
        Ok((readings, line)) => store(readings, line, desk, lamp),
        Err(problem) => {
            let line = String::from_utf8_lossy(line.unwrap_or_default());
            lamp.fault(&format!("{problem}: {}", line.trim()));
        }
    }
}

fn store(readings: Readings, line: &[u8], desk: &Desk, lamp: &Lamp) {
    for (name, numbers) in &readings {
        for (index, &value) in numbers.iter().take(LEARNED).enumerate() {
            desk.activity.turned(Control::Sensor { name: name.clone(), index }, value);
        }
    }
    let mut controls = desk.controls();
    let mut full = false;
    for (name, numbers) in readings {
        if controls.sensors.len() < MAX_SENSORS || controls.sensors.contains_key(&name) {
            controls.sensors.insert(name, numbers);
        } else {
            full = true;
        }
    }
    drop(controls);
    if full {
        lamp.fault("one sensor too many");
    } else {
        lamp.pass(String::from_utf8_lossy(line).trim());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(path: &str, serial: Option<&str>) -> Port {
        let usb = Usb { vid: 0x10c4, pid: 0xea60, product: Some("CP2102N".into()), serial: serial.map(Into::into) };
        Port { path: path.into(), usb: Some(usb) }
    }

    #[test]
    fn a_board_keeps_its_name_when_its_path_changes() {
        assert_eq!(port("/dev/ttyUSB0", Some("77")).name(), port("/dev/ttyUSB1", Some("77")).name());
        assert_ne!(port("/dev/ttyUSB0", None).name(), port("/dev/ttyUSB1", None).name());
        assert_eq!(Port { path: "/dev/ttyS0".into(), usb: None }.name(), None);
    }

    #[test]
    fn good_lines_are_stored_and_bad_ones_counted() {
        let desk = Desk::default();
        let lamp = desk.lamp(Kind::Serial, "board");
        take(Ok(b"touch 0.5 0.25"), &desk, &lamp);
        take(Ok(b"touch"), &desk, &lamp);
        take(Err("a line that is too long"), &desk, &lamp);
        take(Ok(b"touch 0.75"), &desk, &lamp);
        assert_eq!(desk.controls().sensors, BTreeMap::from([("touch".to_owned(), vec![0.75])]));
        let lights = desk.activity.lights();
        assert_eq!((lights[0].count, lights[0].errors), (2, 2));
        let touch = Control::Sensor { name: "touch".into(), index: 0 };
        assert_eq!(desk.activity.moved().map(|moved| (moved.control, moved.value)), Some((touch, 0.75)));
    }

    #[test]
    fn a_flood_of_sensors_is_bounded() {
        let desk = Desk::default();
        let lamp = desk.lamp(Kind::Serial, "board");
        (0..MAX_SENSORS + 5).for_each(|i| take(Ok(format!("s{i} 1").as_bytes()), &desk, &lamp));
        assert_eq!(desk.controls().sensors.len(), MAX_SENSORS);
        assert_eq!(desk.activity.lights()[0].errors, 5);
    }
}
