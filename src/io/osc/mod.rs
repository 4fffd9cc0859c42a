//! OSC over UDP and TCP: the addresses of inputs.

mod framing;
mod input;
mod output;
mod packet;
mod pattern;
mod query;
mod tcp;
mod tempo;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::str::FromStr;

use super::worker::Worker;
use super::{DeviceContext, DeviceError};
pub use output::OscOut;
pub(super) use output::follow;
pub(super) use query::serve;

/// The prefix of an address of TCP.
const TCP: &str = "tcp:";

/// An address that receives OSC: over UDP, or over TCP with the prefix `tcp:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OscPort {
    address: SocketAddr,
    is_tcp: bool,
}

impl FromStr for OscPort {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (text, is_tcp) = text.strip_prefix(TCP).map_or((text, false), |text| (text, true));
        Ok(Self { address: address(text)?, is_tcp })
    }
}

impl From<SocketAddr> for OscPort {
    fn from(address: SocketAddr) -> Self {
        Self { address, is_tcp: false }
    }
}

impl fmt::Display for OscPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_tcp { TCP } else { "" }, self.address)
    }
}

/// Listens at a port.
pub(super) fn listen(port: &OscPort, context: &DeviceContext) -> Worker {
    let name = port.to_string();
    if port.is_tcp { tcp::listen(port.address, &name, context) } else { input::listen(port.address, &name, context) }
}

/// Reads an address: `9000` is that port on 127.0.0.1, which no other machine reaches; else `host:port`.
///
/// # Errors
///
/// Fails if the text is neither.
pub(super) fn address(text: &str) -> Result<SocketAddr, DeviceError> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| format!("{text:?} is not an address; write a port, such as 9000, or host:port").into())
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
    fn addresses_are_read() {
        assert_eq!(address("9000"), Ok(([127, 0, 0, 1], 9000).into()));
        assert_eq!(address("0.0.0.0:9000"), Ok(([0, 0, 0, 0], 9000).into()));
        let port = |text: &str| text.parse::<OscPort>().map(|port| port.to_string());
        assert_eq!(port("tcp:9000"), Ok("tcp:127.0.0.1:9000".to_owned()));
        assert_eq!(port("9000"), Ok("127.0.0.1:9000".to_owned()));
        assert!(port("tcp:").is_err() && port("udp:9000").is_err());
        assert!(address("").is_err() && address("70000").is_err() && address("1.2.3.4").is_err());
    }
}
