//! Messages of a USB DMX widget, by the “DMX USB Pro Widget API”.

/// Speed of the serial port. A widget ignores it, but the port needs one.
pub const BAUD: u32 = 57_600;
const START: u8 = 0x7E;
const END: u8 = 0xE7;
/// “Output Only Send DMX Packet Request”.
const SEND: u8 = 6;
/// The fewest levels that a widget sends.
const FEWEST: usize = 24;

/// The message that sends levels, at most 512. The widget repeats them until the next.
pub fn message(levels: &[u8]) -> Vec<u8> {
    let mut data = levels[..levels.len().min(super::universes::SIZE)].to_vec();
    data.resize(data.len().max(FEWEST), 0);
    // The start code of DMX counts too.
    let [low, high] = (data.len() as u16 + 1).to_le_bytes();
    let mut message = vec![START, SEND, low, high, 0];
    message.extend(data);
    message.push(END);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_that_of_the_api() {
        let message = message(&[255; 600]);
        assert_eq!((message.len(), &message[..6]), (518, &[0x7E, 6, 1, 2, 0, 255][..]));
        assert_eq!(message.last(), Some(&0xE7));
        let short = super::message(&[9]);
        assert_eq!((short.len(), &short[..7]), (30, &[0x7E, 6, 25, 0, 0, 9, 0][..]));
    }
}
