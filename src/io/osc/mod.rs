//! OSC over UDP, in and out: the addresses of both.

mod input;
mod output;
mod packet;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::str::FromStr;
use std::time::Duration;

use super::DeviceError;
pub(super) use input::listen;
pub use output::OscOut;
pub(super) use output::follow;

/// The wait before an address that cannot be opened is tried again, and between two looks at the network.
const RETRY: Duration = Duration::from_secs(2);

/// Reads an address: `9000` is that port on 127.0.0.1, which no other machine reaches; else `host:port`.
///
/// # Errors
///
/// Fails if the text is neither.
pub fn address(text: &str) -> Result<SocketAddr, DeviceError> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| format!("{text:?} is not an address; write a port, such as 9000, or host:port").into())
}

/// The destination of OSC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OscTarget {
    /// An address.
    Address(SocketAddr),
    /// A host with a name, and a port. The name may be unknown until the host is on.
    Name(String, u16),
}

impl FromStr for OscTarget {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if let Ok(port) = text.parse::<u16>() {
            return Ok(Self::Address((Ipv4Addr::LOCALHOST, port).into()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        // A name of digits and dots is an address with a mistake.
        let is_name = |name: &str| name.chars().all(is_part) && name.contains(char::is_alphabetic);
        let named = text.rsplit_once(':').filter(|(name, _)| is_name(name));
        let named = named.and_then(|(name, port)| Some(Self::Name(name.to_owned(), port.parse().ok()?)));
        named.ok_or_else(|| format!("{text:?} is not an address; write a port, such as 9000, or host:port").into())
    }
}

impl From<SocketAddr> for OscTarget {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for OscTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// This machine's address in its network, if it has one. It sends nothing.
pub fn local_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation: connecting only chooses the route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

    use super::*;

    pub(super) fn message(addr: &str, args: Vec<OscType>) -> OscPacket {
        OscPacket::Message(OscMessage { addr: addr.into(), args })
    }

    pub(super) fn bundle(content: Vec<OscPacket>) -> OscPacket {
        OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content })
    }

    pub(super) fn bytes(packet: &OscPacket) -> Vec<u8> {
        rosc::encoder::encode(packet).expect("it encodes")
    }

    #[test]
    fn destinations_are_read_and_a_name_is_not_asked_for_yet() {
        let target = |text: &str| text.parse::<OscTarget>();
        assert_eq!(target("9000"), Ok(OscTarget::Address(([127, 0, 0, 1], 9000).into())));
        assert_eq!(target("[::1]:9000"), Ok(OscTarget::Address((Ipv6Addr::LOCALHOST, 9000).into())));
        assert_eq!(target("no-such-lamp.local:9"), Ok(OscTarget::Name("no-such-lamp.local".into(), 9)));
        for text in
            ["", "70000", "1.2.3.4", "1.2.3.400:9", "lamp.local", "lamp.local:", ":9", "lamp:x", "a b:9", "\u{1b}[2J:9"]
        {
            assert!(target(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(address("9000"), Ok(([127, 0, 0, 1], 9000).into()));
        assert_eq!(address("0.0.0.0:9000"), Ok(([0, 0, 0, 0], 9000).into()));
        assert!(address("").is_err() && address("70000").is_err() && address("1.2.3.4").is_err());
    }
}
