//! The ways of levels to lamps: a socket or a serial port that is opened again after an error, and the packets of its protocol.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bendrack_nodes::program::light::Channels;
use serialport::SerialPort;
use socket2::SockRef;

use super::universes::{MOST, Row, SIZE, Universes};
use super::{SacnTarget, artnet, ddp, sacn, widget};
use crate::io::activity::LightHandle;
use crate::io::light::State;
use crate::io::socket;
use crate::io::target::{RETRY, Target};
use crate::io::worker::Stop;

/// The time between two lists of universes.
const DISCOVERY: Duration = Duration::from_secs(10);
/// The longest wait for a widget that takes no more.
const PATIENCE: Duration = Duration::from_millis(100);

/// A frame of levels: one of many, or the last of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    Now,
    Last,
}

/// A device with its levels.
pub struct Transport {
    way: Way,
    levels: Levels,
    /// The time of the next look at the network.
    look: Instant,
}

enum Levels {
    Universes(Universes, Protocol),
    Row(Row),
}

enum Protocol {
    ArtNet(BTreeMap<u16, u8>),
    Sacn { source: sacn::Source, sequences: BTreeMap<u16, u8>, discovery: Instant },
}

enum Way {
    /// Packets to one address.
    Udp { target: Target, socket: Option<UdpSocket>, sequence: u8 },
    /// Packets to the multicast group of each universe.
    Multicast { from: Option<Ipv4Addr>, socket: Option<UdpSocket> },
    /// A serial port.
    Serial { path: String, port: Option<Box<dyn SerialPort>> },
}

impl Transport {
    fn new(way: Way, levels: Levels) -> Self {
        Self { way, levels, look: Instant::now() }
    }

    pub fn artnet(target: Target) -> Self {
        let way = Way::Udp { target, socket: None, sequence: 0 };
        Self::new(way, Levels::Universes(Universes::new(0..=artnet::LAST), Protocol::ArtNet(BTreeMap::new())))
    }

    pub fn sacn(target: SacnTarget, source: sacn::Source) -> Self {
        let way = match target {
            SacnTarget::Multicast(from) => Way::Multicast { from, socket: None },
            SacnTarget::Unicast(target) => Way::Udp { target, socket: None, sequence: 0 },
        };
        let protocol = Protocol::Sacn { source, sequences: BTreeMap::new(), discovery: Instant::now() };
        Self::new(way, Levels::Universes(Universes::new(sacn::FIRST..=sacn::LAST), protocol))
    }

    pub fn ddp(target: Target) -> Self {
        Self::new(Way::Udp { target, socket: None, sequence: 0 }, Levels::Row(Row::default()))
    }

    pub fn widget(path: String) -> Self {
        Self::new(Way::Serial { path, port: None }, Levels::Row(Row::default()))
    }

    /// Opens the device if it is not open, or the network changed. False if the thread must stop.
    pub fn keep_open(&mut self, light: &LightHandle, stop: &Stop) -> bool {
        if Instant::now() < self.look {
            return true;
        }
        self.look = Instant::now() + RETRY;
        let opened = match &mut self.way {
            Way::Udp { target, socket, .. } => {
                if socket.as_ref().is_some_and(|socket| !socket::is_outdated(socket)) {
                    return true;
                }
                match target.find(stop) {
                    Ok(None) => return false,
                    Ok(Some(address)) => socket::sender(address).map(|new| *socket = Some(new)).map_err(unreachable),
                    Err(problem) => Err(problem),
                }
            }
            Way::Multicast { socket: Some(_), .. } | Way::Serial { port: Some(_), .. } => return true,
            Way::Multicast { from, socket } => multicast(*from).map(|new| *socket = Some(new)).map_err(unreachable),
            Way::Serial { path, port } => {
                let new = serialport::new(path.as_str(), widget::BAUD).timeout(PATIENCE).open();
                new.map(|new| *port = Some(new)).map_err(|error| {
                    format!(
                        "{path} cannot be opened: {error}; connect the widget, and close other programs that use it"
                    )
                })
            }
        };
        light.set(opened.map_or_else(State::Failed, |()| State::Open));
        true
    }

    /// Takes the levels of a frame. Returns the number of those without a place.
    pub fn update(&mut self, channels: &[Channels]) -> usize {
        let most = if matches!(self.way, Way::Serial { .. }) { SIZE } else { MOST * SIZE };
        match &mut self.levels {
            Levels::Universes(universes, _) => universes.update(channels.iter()),
            Levels::Row(row) => row.update(channels.iter(), most),
        }
    }

    /// True if the protocol has packets that end a source.
    pub const fn has_end(&self) -> bool {
        matches!(self.levels, Levels::Universes(_, Protocol::Sacn { .. }))
    }

    /// All levels are 0.
    pub fn clear(&mut self) {
        match &mut self.levels {
            Levels::Universes(universes, _) => universes.clear(),
            Levels::Row(row) => row.levels.fill(0),
        }
    }

    /// Sends the levels, and returns their number. None are sent before the first, or while the device is not open.
    ///
    /// # Errors
    ///
    /// Fails with the first problem. A device that is gone is opened again later.
    pub fn send(&mut self, frame: Frame, light: &LightHandle) -> Result<usize, String> {
        if !self.way.is_open() {
            return Ok(0);
        }
        let (mut count, mut problem) = (0, None);
        for (to, packet, levels) in packets(&mut self.levels, &mut self.way, frame) {
            match self.way.send(to, &packet) {
                Ok(()) => count += levels,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    problem.get_or_insert_with(|| "a packet that the system had no room for".to_owned());
                }
                Err(error) => {
                    self.way.close();
                    light.set(State::Failed(unreachable(error.to_string())));
                    return Err(error.to_string());
                }
            }
        }
        problem.map_or(Ok(count), Err)
    }
}

/// The packets of a frame, each with its multicast group, if it has one, and its number of levels.
fn packets(levels: &mut Levels, way: &mut Way, frame: Frame) -> Vec<(Option<Ipv4Addr>, Vec<u8>, usize)> {
    match levels {
        Levels::Universes(universes, Protocol::ArtNet(sequences)) => {
            let packet = |(universe, levels)| {
                let sequence = sequences.entry(universe).or_insert(0);
                // From 1 to 255.
                *sequence = sequence.checked_add(1).unwrap_or(1);
                (None, artnet::dmx(*sequence, universe, levels), SIZE)
            };
            universes.iter().map(packet).collect()
        }
        Levels::Universes(universes, Protocol::Sacn { source, sequences, discovery }) => {
            let packet = |(universe, levels)| {
                let sequence = sequences.entry(universe).or_insert(0);
                *sequence = sequence.wrapping_add(1);
                let data = source.data(*sequence, universe, levels, frame == Frame::Last);
                (Some(sacn::group(universe)), data, SIZE)
            };
            let mut packets: Vec<_> = universes.iter().map(packet).collect();
            if matches!(way, Way::Multicast { .. }) && *discovery <= Instant::now() {
                *discovery = Instant::now() + DISCOVERY;
                let list: Vec<u16> = universes.iter().map(|(universe, _)| universe).collect();
                let pages = source.discovery(&list).into_iter();
                packets.extend(pages.map(|page| (Some(sacn::DISCOVERY), page, 0)));
            }
            packets
        }
        Levels::Row(row) => match way {
            Way::Udp { sequence, .. } => {
                let sent = ddp::packets(sequence, &row.levels, row.has_white).into_iter();
                sent.map(|packet| (None, packet, row.levels.len())).collect()
            }
            _ if row.levels.is_empty() => Vec::new(),
            _ => vec![(None, widget::message(&row.levels), row.levels.len())],
        },
    }
}

impl Way {
    fn send(&mut self, group: Option<Ipv4Addr>, packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp { socket: None, .. } | Self::Multicast { socket: None, .. } | Self::Serial { port: None, .. } => {
                Ok(())
            }
            Self::Udp { socket: Some(socket), .. } => match socket.send(packet) {
                // This error concerns the packet before: nobody listens there, and somebody may soon.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket.send(packet).map(drop),
                sent => sent.map(drop),
            },
            Self::Multicast { socket: Some(socket), .. } => {
                let group = group.unwrap_or(sacn::DISCOVERY);
                socket.send_to(packet, SocketAddr::from((group, sacn::PORT))).map(drop)
            }
            Self::Serial { port: Some(port), .. } => port.write_all(packet),
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Udp { socket, .. } | Self::Multicast { socket, .. } => socket.is_some(),
            Self::Serial { port, .. } => port.is_some(),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Udp { socket, .. } | Self::Multicast { socket, .. } => *socket = None,
            Self::Serial { port, .. } => *port = None,
        }
    }
}

/// A socket that sends to multicast groups.
fn multicast(from: Option<Ipv4Addr>) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((from.unwrap_or(Ipv4Addr::UNSPECIFIED), 0))?;
    if let Some(from) = from {
        SockRef::from(&socket).set_multicast_if_v4(&from)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn unreachable(problem: impl std::fmt::Display) -> String {
    let retry = RETRY.as_secs();
    format!("the lamps cannot be reached: {problem}; check the network or cable, bendrack tries again every {retry} s")
}
