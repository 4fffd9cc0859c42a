//! Packets of the Distributed Display Protocol, version 1: <http://www.3waylabs.com/ddp/>.

/// The usual port.
pub const PORT: u16 = 4048;
/// The most levels of a packet: 480 RGB pixels, which fit into an Ethernet frame.
const MOST: usize = 1440;
const VERSION_1: u8 = 0x40;
/// The flag of the last packet of a frame, which is then shown.
const PUSH: u8 = 0x01;
/// The default output of the receiver.
const DEFAULT_OUTPUT: u8 = 1;

/// The packets of a frame. `sequence` is the number of the last packet, 1 to 15, and is advanced. `has_white` is true for pixels of
/// four bytes.
pub fn packets(sequence: &mut u8, levels: &[u8], has_white: bool) -> Vec<Vec<u8>> {
    // Packets begin with a whole pixel, of three bytes or four.
    let last = levels.len().div_ceil(MOST).saturating_sub(1);
    let packet = |(index, part): (usize, &[u8])| {
        *sequence = *sequence % 15 + 1;
        let push = if index == last { PUSH } else { 0 };
        // RGB or RGBW, 8 bits each.
        let pixels = if has_white { 0x1B } else { 0x0B };
        let mut packet = vec![VERSION_1 | push, *sequence, pixels, DEFAULT_OUTPUT];
        packet.extend(((index * MOST) as u32).to_be_bytes());
        packet.extend((part.len() as u16).to_be_bytes());
        packet.extend_from_slice(part);
        packet
    };
    levels.chunks(MOST).enumerate().map(packet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_those_of_the_specification() {
        let mut sequence = 14;
        let levels: Vec<u8> = (0..3000).map(|i| i as u8).collect();
        let sent = packets(&mut sequence, &levels, false);
        let headers: Vec<&[u8]> = sent.iter().map(|packet| &packet[..10]).collect();
        assert_eq!(headers[0], [0x40, 15, 0x0B, 1, 0, 0, 0, 0, 0x05, 0xA0]);
        assert_eq!(headers[1], [0x40, 1, 0x0B, 1, 0, 0, 0x05, 0xA0, 0x05, 0xA0]);
        assert_eq!(headers[2], [0x41, 2, 0x0B, 1, 0, 0, 0x0B, 0x40, 0, 120]);
        let data: Vec<u8> = sent.iter().flat_map(|packet| packet[10..].to_vec()).collect();
        assert_eq!((data, sequence), (levels, 2));
        assert_eq!(packets(&mut sequence, &[1, 2, 3, 4], true)[0], [0x41, 3, 0x1B, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
        assert!(packets(&mut sequence, &[], false).is_empty());
    }
}
