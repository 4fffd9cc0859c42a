//! Bytes of a MIDI stream to messages, with running status.

/// A MIDI message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Note on; note off with velocity 0.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 127.
        velocity: u8,
    },
    /// Polyphonic key pressure.
    KeyPressure {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 127.
        value: u8,
    },
    /// A control change.
    Cc {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 127.
        value: u8,
    },
    /// Program change.
    Program {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// Channel pressure.
    Pressure {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        value: u8,
    },
    /// Pitch bend, 0 to 16383; 8192 is the centre.
    PitchBend {
        /// 1 to 16.
        channel: u8,
        /// 0 to 16383.
        value: u16,
    },
    /// Note off for every note of a channel.
    AllNotesOff {
        /// 1 to 16.
        channel: u8,
    },
    /// Song position, in sixteenth notes.
    SongPosition(u16),
    /// A tick of the clock, 24 per quarter note.
    Clock,
    /// Start from the beginning of the song.
    Start,
    /// Start from the song position.
    Continue,
    /// Stop.
    Stop,
}

/// The effect of a byte in a MIDI stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The byte is part of an incomplete message, or of one without use here.
    Nothing,
    /// The byte completes a message.
    Message(Message),
    /// The byte belongs to no message.
    Stray,
}

/// Reads a MIDI stream byte by byte.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    /// The status byte of the message under way.
    status: Option<u8>,
    first: Option<u8>,
}

impl Parser {
    /// Takes the next byte.
    pub fn feed(&mut self, byte: u8) -> Step {
        match byte {
            // Real-time messages may stand within other messages.
            0xF8 => Step::Message(Message::Clock),
            0xFA => Step::Message(Message::Start),
            0xFB => Step::Message(Message::Continue),
            0xFC => Step::Message(Message::Stop),
            0xF9 | 0xFD.. => Step::Nothing,
            0x80.. => {
                // A tune request, the end of system exclusive data, and undefined bytes have no data.
                self.status = (!matches!(byte, 0xF4..=0xF7)).then_some(byte);
                self.first = None;
                Step::Nothing
            }
            _ => self.data(byte),
        }
    }

    fn data(&mut self, byte: u8) -> Step {
        let Some(status) = self.status else { return Step::Stray };
        let channel = (status & 0x0F) + 1;
        let kind = status & 0xF0;
        if matches!(kind, 0x80 | 0x90 | 0xA0 | 0xB0 | 0xE0) || status == 0xF2 {
            let Some(first) = self.first.take() else {
                self.first = Some(byte);
                return Step::Nothing;
            };
            let whole = u16::from(byte) << 7 | u16::from(first);
            return Step::Message(match (kind, first) {
                (0x80, number) => Message::Note { channel, number, velocity: 0 },
                (0x90, number) => Message::Note { channel, number, velocity: byte },
                (0xA0, number) => Message::KeyPressure { channel, number, value: byte },
                // All sound off, all notes off.
                (0xB0, 120 | 123) => Message::AllNotesOff { channel },
                (0xB0, number) => Message::Cc { channel, number, value: byte },
                (0xE0, _) => Message::PitchBend { channel, value: whole },
                _ => {
                    // A system message has no running status.
                    self.status = None;
                    Message::SongPosition(whole)
                }
            });
        }
        match kind {
            0xC0 => Step::Message(Message::Program { channel, number: byte }),
            0xD0 => Step::Message(Message::Pressure { channel, value: byte }),
            // System exclusive data, of any length.
            _ if status == 0xF0 => Step::Nothing,
            // Time code and song select have one byte.
            _ => {
                self.status = None;
                Step::Nothing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(bytes: &[u8]) -> (Vec<Message>, usize) {
        let (mut parser, mut messages, mut stray) = (Parser::default(), Vec::new(), 0);
        for &byte in bytes {
            match parser.feed(byte) {
                Step::Message(message) => messages.push(message),
                Step::Stray => stray += 1,
                Step::Nothing => {}
            }
        }
        (messages, stray)
    }

    fn cc(channel: u8, number: u8, value: u8) -> Message {
        Message::Cc { channel, number, value }
    }

    fn note(channel: u8, number: u8, velocity: u8) -> Message {
        Message::Note { channel, number, velocity }
    }

    #[test]
    fn messages_are_read() {
        assert_eq!(messages(&[0xB0, 1, 64]).0, [cc(1, 1, 64)]);
        assert_eq!(messages(&[0xBF, 127, 127]).0, [cc(16, 127, 127)]);
        assert_eq!(
            messages(&[0x92, 60, 100, 0x82, 60, 64, 0x92, 61, 0]).0,
            [note(3, 60, 100), note(3, 60, 0), note(3, 61, 0)]
        );
        assert_eq!(messages(&[0xB4, 123, 0]).0, [Message::AllNotesOff { channel: 5 }]);
        let others = [0xE0, 1, 64, 0xC1, 5, 6, 0xD2, 7, 0xA3, 60, 2, 0xF2, 16, 1];
        assert_eq!(
            messages(&others).0,
            [
                Message::PitchBend { channel: 1, value: 8193 },
                Message::Program { channel: 2, number: 5 },
                Message::Program { channel: 2, number: 6 },
                Message::Pressure { channel: 3, value: 7 },
                Message::KeyPressure { channel: 4, number: 60, value: 2 },
                Message::SongPosition(144),
            ]
        );
        assert_eq!(
            messages(&[0xFA, 0xF8, 0xFC, 0xFB]).0,
            [Message::Start, Message::Clock, Message::Stop, Message::Continue]
        );
    }

    #[test]
    fn running_status_real_time_and_system_messages_are_no_trouble() {
        assert_eq!(messages(&[0xB0, 1, 0xF8, 2, 1, 3, 0xFE]).0, [Message::Clock, cc(1, 1, 2), cc(1, 1, 3)]);
        let exclusive = [0xF0, 0x7E, 1, 2, 0xF8, 3, 4, 5, 0xF7];
        assert_eq!(messages(&exclusive), (vec![Message::Clock], 0));
        assert_eq!(messages(&[0xF1, 5, 0xF3, 6, 0xF6]), (vec![], 0));
        assert_eq!(messages(&[1, 2, 3, 0xB0, 4, 5]), (vec![cc(1, 4, 5)], 3));
        // A system message ends running status.
        assert_eq!(messages(&[0xB0, 4, 5, 0xF2, 0, 0, 6, 7]), (vec![cc(1, 4, 5), Message::SongPosition(0)], 2));
    }
}
