//! Serial ports of boards that send the lines and frames of [`super::board`]. A port that goes away is awaited.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serialport::{SerialPort, SerialPortType};

use super::activity::LightHandle;
use super::light::{Kind, State};
use super::names::UsbId;
use super::serial_udp;
use super::session::Session;
use super::worker::{Backoff, Stop, Worker};
use super::{DeviceContext, DeviceError};

/// Bits per second.
pub const BAUD: u32 = 115_200;
/// The first and the longest wait for a missing port.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The time between two scans for USB ports.
const SCAN: Duration = Duration::from_secs(1);
/// The longest wait for bytes. What is written waits as long.
const READ: Duration = Duration::from_millis(10);
/// The silence after which a board gets the signal that the port is read.
const SILENCE: Duration = Duration::from_secs(2);

/// The serial ports to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SerialPorts {
    /// Every USB port.
    Auto,
    /// None.
    None,
    /// The port at this path.
    Path(String),
    /// Boards that send to this address by UDP.
    Udp(SocketAddr),
}

impl FromStr for SerialPorts {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        Ok(match text {
            "auto" => SerialPorts::Auto,
            "none" => SerialPorts::None,
            text => match text.strip_prefix("udp:") {
                Some(address) => SerialPorts::Udp(super::osc::address(address)?),
                None => SerialPorts::Path(text.to_owned()),
            },
        })
    }
}

/// A serial port of the system.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Port {
    /// Its path or name.
    pub path: String,
    /// The USB device behind it, if it is one.
    pub usb: Option<Usb>,
}

/// The description of a USB device.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Usb {
    /// The vendor ID.
    pub vid: u16,
    /// The product ID.
    pub pid: u16,
    /// The product name.
    pub product: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
}

impl Port {
    /// The name of the device. It survives replugging, which may change the path.
    fn name(&self) -> Option<String> {
        let Usb { vid, pid, product, serial } = self.usb.as_ref()?;
        let product = product.clone().unwrap_or_else(|| format!("{vid:04x}:{pid:04x}"));
        Some(format!("{product} {}", serial.as_ref().unwrap_or(&self.path)))
    }
}

/// The serial ports of the system.
///
/// # Errors
///
/// Fails if the system does not list them; the message has the next step.
pub fn ports() -> Result<Vec<Port>, DeviceError> {
    // Without this folder the crate panics.
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

/// The port to open.
enum Wanted {
    Path(String),
    /// The name of a USB port.
    Usb(String),
}

impl Wanted {
    /// The path of the port, if it is present.
    fn path(&self) -> Option<String> {
        match self {
            Wanted::Path(path) => Some(path.clone()),
            Wanted::Usb(name) => {
                ports().ok()?.into_iter().find(|port| port.name().as_ref() == Some(name)).map(|port| port.path)
            }
        }
    }
}

/// Keeps the ports of one flag open.
pub(super) fn follow(wanted: &SerialPorts, baud: u32, context: &DeviceContext) -> Option<Worker> {
    match wanted {
        SerialPorts::None => None,
        SerialPorts::Udp(address) => Some(serial_udp::listen(*address, context)),
        SerialPorts::Path(path) => {
            let light = context.light(Kind::Serial, path);
            Some(follow_port(Wanted::Path(path.clone()), baud, context.clone(), light))
        }
        SerialPorts::Auto => {
            let (context, light) = (context.clone(), context.light(Kind::Serial, "USB serial"));
            Some(Worker::spawn(&light.clone(), move |stop| follow_usb(baud, &context, &light, stop)))
        }
    }
}

/// Keeps every USB port open from its first appearance on.
fn follow_usb(baud: u32, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    let mut followed = BTreeMap::<String, Worker>::new();
    loop {
        match ports() {
            Ok(ports) => {
                light.set(State::Waiting);
                for (port, name) in ports.iter().filter_map(|port| Some((port, port.name()?))) {
                    context.names.connect(&name, port.usb.as_ref().map(|usb| UsbId { vid: usb.vid, pid: usb.pid }));
                    followed.entry(name).or_insert_with_key(|name| {
                        let light = context.light(Kind::Serial, name);
                        follow_port(Wanted::Usb(name.clone()), baud, context.clone(), light)
                    });
                }
            }
            Err(problem) => light.set(State::Failed(problem.to_string())),
        }
        if !followed.is_empty() {
            light.remove();
        }
        if stop.after(SCAN) {
            return;
        }
    }
}

fn follow_port(wanted: Wanted, baud: u32, context: DeviceContext, light: LightHandle) -> Worker {
    Worker::spawn(&light.clone(), move |stop| {
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
        let mut session = Session::new(context.clone(), light.clone());
        loop {
            match open(&wanted, baud) {
                Ok(Some(port)) => {
                    backoff.reset();
                    receive(port, &mut session, stop);
                    session.close(State::Waiting);
                }
                Ok(None) => session.close(State::Waiting),
                Err(problem) => session.close(State::Failed(problem)),
            }
            if stop.after(backoff.next_wait()) {
                return;
            }
        }
    })
}

/// Opens the port, if it is present.
fn open(wanted: &Wanted, baud: u32) -> Result<Option<Box<dyn SerialPort>>, String> {
    use serialport::ErrorKind as Kind;
    let Some(path) = wanted.path() else { return Ok(None) };
    let mut port = match serialport::new(&path, baud).timeout(READ).open() {
        Ok(port) => port,
        Err(error) => {
            return match error.kind() {
                Kind::Io(ErrorKind::NotFound) => Ok(None),
                Kind::Io(ErrorKind::PermissionDenied) => Err(format!(
                    "{path} cannot be opened by your user; add it to the group that owns the port (dialout, uucp)"
                )),
                Kind::NoDevice => Err(format!("{path} cannot be opened: {error}; close other programs that use it")),
                _ => Err(format!("{path} cannot be opened: {error}")),
            };
        }
    };
    // The order matters: DTR low under RTS high resets boards. A port without these lines needs neither.
    let _ = port.write_request_to_send(false);
    let _ = port.write_data_terminal_ready(false);
    Ok(Some(port))
}

/// Reads a port, and writes to it, until it is lost or the thread must stop.
fn receive(mut port: Box<dyn SerialPort>, session: &mut Session, stop: &Stop) {
    let mut bytes = [0; 1024];
    let (mut received, mut signalled, opened) = (false, false, Instant::now());
    session.open();
    while !stop.now() {
        match port.read(&mut bytes) {
            Ok(0) => return,
            Ok(size) => {
                received = true;
                session.take(&bytes[..size]);
            }
            Err(error) if error.kind() == ErrorKind::TimedOut && !received => {
                session.begin();
                if !signalled && opened.elapsed() > SILENCE {
                    signal_ready(port.as_mut());
                    signalled = true;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
        session.check(Instant::now());
        if !session.write(Instant::now(), |line| port.write(line)) {
            return;
        }
    }
}

/// Raises DTR, then RTS. Boards with native USB send only after that; this order does not reset them.
fn signal_ready(port: &mut dyn SerialPort) {
    let _ = port.write_data_terminal_ready(true);
    let _ = port.write_request_to_send(true);
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::{Control, MOST_NAMES};

    use super::*;
    use crate::io::Colour;

    fn session(context: &DeviceContext) -> Session {
        let mut session = Session::new(context.clone(), context.light(Kind::Serial, "board"));
        session.open();
        session.begin();
        session
    }

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
        let context = DeviceContext::default();
        let mut board = session(&context);
        board.take(b"touch 0.5 0.25\ntouch\n");
        board.take(&[b'x'; 5000]);
        board.take(b"\ntouch 0.75\n");
        let controls = context.inbox.latest();
        let touch = [0, 1].map(|index| controls.sensor("touch", index).and_then(Control::last));
        assert_eq!(touch, [Some(0.75), Some(0.25)]);
        let lights = context.activity.lights();
        assert_eq!(lights[0].counted(), "2 lines, 2 errors");
        assert_eq!(lights[0].last_error.as_ref().map(|error| &*error.text), Some("a line that is too long"));
    }

    #[test]
    fn a_flood_of_sensors_is_bounded() {
        let context = DeviceContext::default();
        let mut board = session(&context);
        (0..MOST_NAMES + 5).for_each(|i| board.take(format!("s{i} 1\n").as_bytes()));
        let counts = context.activity.lights()[0].counts;
        assert_eq!((counts.errors, counts.evicted + counts.refused), (0, 5));
        // One more event: the board is there.
        assert_eq!(context.inbox.take(Instant::now()).len() as u64 + counts.refused, MOST_NAMES as u64 + 6);
    }

    #[test]
    fn a_board_with_bad_lines_alone_is_yellow_and_shows_the_last_one() {
        let context = DeviceContext::default();
        session(&context).take(b"hello\n\xff\xfe\nknob: 1,5\n");
        let light = context.activity.lights().remove(0);
        assert_eq!((light.colour, light.counts.errors), (Colour::Yellow, 3));
        assert!(light.reason.contains("every line so far is invalid"), "{}", light.reason);
        let error = light.last_error.map(|error| error.text).unwrap_or_default();
        assert!(error.contains("send 1.5 with a point") && error.ends_with("knob: 1,5"), "{error}");
    }
}
