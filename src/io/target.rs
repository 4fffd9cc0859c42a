//! Destinations in a network, and the names by which a patch chooses among devices.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::mpsc::{self, TryRecvError};
use std::time::Duration;

use super::DeviceError;
use super::worker::{Stop, TURN};

/// The wait before a destination that cannot be reached is tried again, and between two looks at the network.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// The most bytes of a name.
const MOST_NAME: usize = 64;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(SocketAddr),
    /// A host with a name, and a port. The name may be unknown until the host is on.
    Name(String, u16),
}

impl Target {
    /// Reads `host`, `host:port` or an address. A port alone is that of this machine.
    ///
    /// # Errors
    ///
    /// Fails if the text is none of these, or has no port and `port` is none.
    pub(super) fn read(text: &str, port: Option<u16>) -> Result<Self, DeviceError> {
        let is_port = |text: &str| text.parse::<u16>().ok();
        if let (Some(own), None) = (is_port(text), port) {
            return Ok(Self::Address((Ipv4Addr::LOCALHOST, own).into()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if let (Ok(address), Some(port)) = (text.trim_matches(['[', ']']).parse::<IpAddr>(), port) {
            return Ok(Self::Address((address, port).into()));
        }
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        // A name of digits and dots is an address with a mistake.
        let is_name = |name: &str| name.chars().all(is_part) && name.contains(char::is_alphabetic);
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, is_port(port)),
            None => (text, port),
        };
        let named = port.filter(|_| is_name(name)).map(|port| Self::Name(name.to_owned(), port));
        named.ok_or_else(|| format!("{text:?} is not an address; write a port, such as 9000, or host:port").into())
    }

    /// The address. None if the thread must stop before it is known.
    ///
    /// # Errors
    ///
    /// Fails if the name is unknown.
    pub(super) fn find(&self, stop: &Stop) -> Result<Option<SocketAddr>, String> {
        let name = match self {
            Self::Address(address) => return Ok(Some(*address)),
            Self::Name(name, port) => (name.clone(), *port),
        };
        let problem = |why: &str| format!("{self} is unknown: {why}; bendrack asks again every {} s", RETRY.as_secs());
        // The system may take longer to answer than the device to close.
        let (send, answer) = mpsc::channel();
        let ask = move || send.send(name.to_socket_addrs().map(preferred));
        std::thread::Builder::new()
            .name("name of a host".into())
            .spawn(ask)
            .map_err(|error| problem(&error.to_string()))?;
        loop {
            match answer.try_recv() {
                Ok(Ok(Some(address))) => return Ok(Some(address)),
                Ok(Ok(None)) => return Err(problem("it has no address")),
                Ok(Err(error)) => return Err(problem(&error.to_string())),
                Err(TryRecvError::Disconnected) => return Err(problem("the system does not answer")),
                Err(TryRecvError::Empty) if stop.after(TURN) => return Ok(None),
                Err(TryRecvError::Empty) => {}
            }
        }
    }
}

/// The address of a host to which packets are sent: its first of IPv4, which nearly every receiver of OSC and light listens to; else
/// its first.
fn preferred(addresses: impl Iterator<Item = SocketAddr>) -> Option<SocketAddr> {
    let addresses: Vec<SocketAddr> = addresses.collect();
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied()
}

impl FromStr for Target {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        Self::read(text, None)
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// A device of a flag, `NAME=DEVICE` or `DEVICE` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// Its name for patches; empty without one.
    pub name: String,
    /// The device.
    pub device: T,
}

impl<T> Named<T> {
    /// True if a patch means this device: by its name, or every device.
    pub(super) fn is_meant(&self, wanted: &str) -> bool {
        wanted.is_empty() || self.name.eq_ignore_ascii_case(wanted)
    }
}

impl<T> From<T> for Named<T> {
    fn from(device: T) -> Self {
        Self { name: String::new(), device }
    }
}

impl<T: FromStr<Err = DeviceError>> FromStr for Named<T> {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (name, device) = text.split_once('=').unwrap_or(("", text));
        let name = name.trim();
        if name.len() > MOST_NAME || name.contains(char::is_control) || name.is_empty() && text.contains('=') {
            return Err(format!("{text:?} has no usable name; write NAME=DEVICE, or the device alone").into());
        }
        Ok(Self { name: name.to_owned(), device: device.parse()? })
    }
}

impl<T: fmt::Display> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() { self.device.fmt(f) } else { write!(f, "{} ({})", self.name, self.device) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn destinations_are_read_and_a_name_is_not_asked_for_yet() {
        let target = |text: &str| text.parse::<Target>();
        assert_eq!(target("9000"), Ok(Target::Address(([127, 0, 0, 1], 9000).into())));
        assert_eq!(target("[::1]:9000"), Ok(Target::Address((Ipv6Addr::LOCALHOST, 9000).into())));
        assert_eq!(target("no-such-lamp.local:9"), Ok(Target::Name("no-such-lamp.local".into(), 9)));
        for text in
            ["", "70000", "1.2.3.4", "1.2.3.400:9", "lamp.local", "lamp.local:", ":9", "lamp:x", "a b:9", "\u{1b}[2J:9"]
        {
            assert!(target(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_destination_with_a_usual_port_needs_none() {
        let target = |text: &str| Target::read(text, Some(6454));
        assert_eq!(target("10.0.0.5"), Ok(Target::Address(([10, 0, 0, 5], 6454).into())));
        assert_eq!(target("10.0.0.5:7"), Ok(Target::Address(([10, 0, 0, 5], 7).into())));
        assert_eq!(target("::1"), Ok(Target::Address((Ipv6Addr::LOCALHOST, 6454).into())));
        assert_eq!(target("wled-wall.local"), Ok(Target::Name("wled-wall.local".into(), 6454)));
        for text in ["", "6454", "10.0.0.400", "a b", "lamp:x"] {
            assert!(target(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_device_may_have_a_name() {
        let named = |text: &str| text.parse::<Named<Target>>();
        let wall = named("Wall left=10.0.0.5:9").expect("a name");
        assert_eq!(wall.to_string(), "Wall left (10.0.0.5:9)");
        assert_eq!(["", "wall left", "wall"].map(|wanted| wall.is_meant(wanted)), [true, true, false]);
        let plain = named("9000").expect("no name");
        assert_eq!(
            (plain.to_string().as_str(), plain.is_meant(""), plain.is_meant("x")),
            ("127.0.0.1:9000", true, false)
        );
        assert!(named("=9000").is_err() && named("a=").is_err() && named("a\u{7}=9000").is_err());
        assert!(named(&format!("{}=9000", "a".repeat(65))).is_err());
    }

    #[test]
    fn packets_go_to_the_first_address_of_ipv4() {
        let [v6, v4]: [SocketAddr; 2] = ["[::1]:9", "127.0.0.1:9"].map(|text| text.parse().expect("an address"));
        assert_eq!(preferred([v6, v4].into_iter()), Some(v4));
        assert_eq!((preferred([v6].into_iter()), preferred([].into_iter())), (Some(v6), None));
    }
}
