//! Packets of streaming ACN, ANSI E1.31-2018: data, and discovery of universes.

use std::net::Ipv4Addr;

use super::universes::{SIZE, Universe};

/// The port.
pub const PORT: u16 = 5568;
/// The first and last universe.
pub const FIRST: u16 = 1;
pub const LAST: u16 = 63_999;
/// The default priority.
pub const PRIORITY: u8 = 100;
/// The most universes of a page of discovery.
const PAGE: usize = 512;
/// The multicast group of discovery.
pub const DISCOVERY: Ipv4Addr = Ipv4Addr::new(239, 255, 250, 214);

const ROOT_DATA: u32 = 0x0000_0004;
const ROOT_EXTENDED: u32 = 0x0000_0008;
const DATA: u32 = 0x0000_0002;
const EXTENDED_DISCOVERY: u32 = 0x0000_0002;
const DISCOVERY_LIST: u32 = 0x0000_0001;
const SET_PROPERTY: u8 = 0x02;
/// The option of the last packets of a source.
const TERMINATED: u8 = 0x40;
/// Bytes of the source's name, with a zero at its end.
const NAME: usize = 64;

/// The source of packets.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its identity, a UUID.
    pub cid: [u8; 16],
    /// Its name for people.
    pub name: String,
    /// 0 to 200. Of several sources a receiver takes the highest.
    pub priority: u8,
}

/// The multicast group of a universe.
pub const fn group(universe: u16) -> Ipv4Addr {
    let [high, low] = universe.to_be_bytes();
    Ipv4Addr::new(239, 255, high, low)
}

impl Source {
    /// The packet of a universe. `is_last` marks the end of the source.
    pub fn data(&self, sequence: u8, universe: u16, levels: &Universe, is_last: bool) -> Vec<u8> {
        let mut packet = self.root(ROOT_DATA);
        let framing = packet.len();
        packet.extend([0; 2]);
        packet.extend(DATA.to_be_bytes());
        packet.extend(self.padded_name());
        packet.push(self.priority);
        // No universe synchronises.
        packet.extend([0; 2]);
        packet.extend([sequence, if is_last { TERMINATED } else { 0 }]);
        packet.extend(universe.to_be_bytes());
        let dmp = packet.len();
        packet.extend([0; 2]);
        // Type of addresses and data; the first address, 0; the increment, 1; the count with the start code 0.
        packet.extend([SET_PROPERTY, 0xA1, 0, 0, 0, 1]);
        packet.extend((SIZE as u16 + 1).to_be_bytes());
        packet.push(0);
        packet.extend_from_slice(levels);
        set_lengths(&mut packet, &[framing, dmp]);
        packet
    }

    /// The packets that list the universes of the source.
    pub fn discovery(&self, universes: &[u16]) -> Vec<Vec<u8>> {
        let pages: Vec<&[u16]> = universes.chunks(PAGE).collect();
        let page = |(page, universes): (usize, &&[u16])| {
            let mut packet = self.root(ROOT_EXTENDED);
            let framing = packet.len();
            packet.extend([0; 2]);
            packet.extend(EXTENDED_DISCOVERY.to_be_bytes());
            packet.extend(self.padded_name());
            packet.extend([0; 4]);
            let list = packet.len();
            packet.extend([0; 2]);
            packet.extend(DISCOVERY_LIST.to_be_bytes());
            packet.extend([page as u8, (pages.len() - 1) as u8]);
            packet.extend(universes.iter().flat_map(|universe| universe.to_be_bytes()));
            set_lengths(&mut packet, &[framing, list]);
            packet
        };
        pages.iter().enumerate().map(page).collect()
    }

    /// The root layer.
    fn root(&self, vector: u32) -> Vec<u8> {
        // Preamble and postamble, then the identity of ACN.
        let mut packet = vec![0, 0x10, 0, 0];
        packet.extend_from_slice(b"ASC-E1.17\0\0\0");
        packet.extend([0; 2]);
        packet.extend(vector.to_be_bytes());
        packet.extend(self.cid);
        packet
    }

    fn padded_name(&self) -> [u8; NAME] {
        let mut padded = [0; NAME];
        let mut end = self.name.len().min(NAME - 1);
        while !self.name.is_char_boundary(end) {
            end -= 1;
        }
        padded[..end].copy_from_slice(&self.name.as_bytes()[..end]);
        padded
    }
}

/// Writes flags and lengths of the root layer and of those that begin at `layers`: each reaches to the end.
fn set_lengths(packet: &mut [u8], layers: &[usize]) {
    const ROOT: usize = 16;
    const FLAGS: u16 = 0x7000;
    let size = packet.len();
    for at in [ROOT].iter().chain(layers) {
        packet[*at..*at + 2].copy_from_slice(&(FLAGS | (size - at) as u16).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source { cid: std::array::from_fn(|i| i as u8 + 1), name: "bendrack".to_owned(), priority: 120 }
    }

    /// By tables 4-1 to 4-3 of the standard, octet by octet.
    #[test]
    fn a_data_packet_is_that_of_the_standard() {
        let mut levels = [0; SIZE];
        (levels[0], levels[511]) = (255, 7);
        let packet = source().data(42, 0x1234, &levels, false);
        let mut wanted = vec![0x00, 0x10, 0x00, 0x00];
        wanted.extend(b"ASC-E1.17\0\0\0");
        wanted.extend([0x72, 0x6e, 0, 0, 0, 4]);
        wanted.extend(1..=16);
        assert_eq!(wanted.len(), 38, "the framing layer begins at octet 38");
        wanted.extend([0x72, 0x58, 0, 0, 0, 2]);
        wanted.extend(b"bendrack");
        wanted.resize(108, 0);
        wanted.extend([120, 0, 0, 42, 0, 0x12, 0x34]);
        assert_eq!(wanted.len(), 115, "the DMP layer begins at octet 115");
        wanted.extend([0x72, 0x0b, 2, 0xa1, 0, 0, 0, 1, 2, 1, 0]);
        wanted.extend(levels);
        assert_eq!(packet, wanted);
        assert_eq!((packet.len(), source().data(42, 1, &levels, true)[112]), (638, 0x40));
    }

    /// By table 4-4 and section 8.
    #[test]
    fn discovery_lists_universes_by_pages() {
        let packets = source().discovery(&(1..=513).collect::<Vec<_>>());
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [120 + 1024, 120 + 2]);
        let last = &packets[1];
        assert_eq!(last[16..22], [0x70, 106, 0, 0, 0, 8]);
        assert_eq!(last[38..44], [0x70, 84, 0, 0, 0, 2]);
        assert_eq!(last[108..], [0, 0, 0, 0, 0x70, 10, 0, 0, 0, 1, 1, 1, 2, 1]);
        assert!(source().discovery(&[]).is_empty());
    }

    #[test]
    fn a_name_ends_with_a_zero_at_a_whole_character() {
        let long = Source { name: "ü".repeat(40), ..source() };
        let padded = long.padded_name();
        assert_eq!(std::str::from_utf8(&padded).map(|name| name.trim_end_matches('\0').len()), Ok(62));
        assert_eq!(group(0x1234), Ipv4Addr::new(239, 255, 0x12, 0x34));
    }
}
