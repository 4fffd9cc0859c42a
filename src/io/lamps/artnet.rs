//! Packets of Art-Net 4: `ArtDmx`.

use super::universes::{SIZE, Universe};

/// The usual port.
pub const PORT: u16 = 6454;
/// The highest universe: a Port-Address has 15 bits.
pub const LAST: u16 = 0x7FFF;
/// `OpDmx`.
const OP_DMX: u16 = 0x5000;
/// Revision of the protocol.
const VERSION: u16 = 14;
/// Bytes before the levels.
const HEADER: usize = 18;

/// The packet of a universe. `sequence` is from 1 to 255; 0 would switch the check of the order off.
pub fn dmx(sequence: u8, universe: u16, levels: &Universe) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + SIZE);
    packet.extend_from_slice(b"Art-Net\0");
    packet.extend(OP_DMX.to_le_bytes());
    packet.extend(VERSION.to_be_bytes());
    // Sequence; the physical port, which is for information only.
    packet.extend([sequence, 0]);
    // The lower byte of the Port-Address comes first: sub-net and universe, then the net.
    packet.extend(universe.to_le_bytes());
    packet.extend((SIZE as u16).to_be_bytes());
    packet.extend_from_slice(levels);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the table `ArtDmx` of the Art-Net 4 specification.
    #[test]
    fn a_packet_is_that_of_the_specification() {
        let mut levels = [0; SIZE];
        (levels[0], levels[511]) = (255, 7);
        let packet = dmx(9, 0x1234, &levels);
        assert_eq!(&packet[..18], b"Art-Net\0\x00\x50\x00\x0e\x09\x00\x34\x12\x02\x00");
        assert_eq!((packet.len(), packet[18], packet[19], packet[529]), (530, 255, 0, 7));
    }
}
