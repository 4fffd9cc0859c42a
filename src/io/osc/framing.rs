//! Packets in a stream: between the marks of SLIP (OSC 1.1), or after their lengths (OSC 1.0).

/// Marks of SLIP.
const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
const ESCAPED_END: u8 = 0xDC;
const ESCAPED_ESCAPE: u8 = 0xDD;
/// Bytes of a length.
const LENGTH: usize = 4;

/// A packet, or the problem of one.
pub(super) type Framed<'a> = Result<&'a [u8], &'static str>;

/// A stream that cannot go on: the beginning of its next packet is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// Finds the packets of a stream, of at most `most` bytes each.
#[derive(Debug)]
pub(super) struct Frames {
    most: usize,
    form: Option<Form>,
    /// The beginning of the packet, or of its length.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Slip {
        /// True after an escape.
        is_escaped: bool,
        /// The problem of the packet.
        problem: Option<&'static str>,
    },
    Lengths {
        /// Bytes of the packet; none within its length.
        length: Option<usize>,
    },
}

impl Frames {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, form: None, buffer: Vec::new() }
    }

    /// Takes bytes, and calls `with` for each packet that ends in them.
    ///
    /// # Errors
    ///
    /// Fails if the stream cannot go on.
    pub(super) fn feed(&mut self, bytes: &[u8], mut with: impl FnMut(Framed<'_>)) -> Result<(), Broken> {
        for &byte in bytes {
            // A packet begins with / or #, and a length that is not too large with 0.
            let slip = Form::Slip { is_escaped: false, problem: None };
            let form = self.form.get_or_insert(if byte == 0 { Form::Lengths { length: None } } else { slip });
            match form {
                Form::Slip { is_escaped, problem } => {
                    if byte == END {
                        let problem = if *is_escaped { Some("an escape without its byte") } else { *problem };
                        match problem {
                            Some(problem) => with(Err(problem)),
                            None if self.buffer.is_empty() => {}
                            None => with(Ok(&self.buffer)),
                        }
                        self.buffer.clear();
                        *form = slip;
                        continue;
                    }
                    let plain = match (std::mem::take(is_escaped), byte) {
                        (false, ESCAPE) => {
                            *is_escaped = true;
                            continue;
                        }
                        (true, ESCAPED_END) => END,
                        (true, ESCAPED_ESCAPE) => ESCAPE,
                        (false, byte) => byte,
                        (true, _) => {
                            *problem = Some("an escape with a wrong byte");
                            continue;
                        }
                    };
                    if self.buffer.len() < self.most {
                        self.buffer.push(plain);
                    } else {
                        *problem = Some("a packet that is too long");
                    }
                }
                Form::Lengths { length } => {
                    self.buffer.push(byte);
                    match *length {
                        None => {
                            let Ok(bytes) = <[u8; LENGTH]>::try_from(&self.buffer[..]) else { continue };
                            let found = u32::from_be_bytes(bytes) as usize;
                            if found == 0 || found > self.most {
                                return Err(Broken("a length that is 0 or too large"));
                            }
                            *length = Some(found);
                            self.buffer.clear();
                        }
                        Some(found) if self.buffer.len() == found => {
                            with(Ok(&self.buffer));
                            *length = None;
                            self.buffer.clear();
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Packet = Result<Vec<u8>, &'static str>;

    fn slip(packet: &[u8]) -> Vec<u8> {
        let escaped = |&byte: &u8| match byte {
            END => vec![ESCAPE, ESCAPED_END],
            ESCAPE => vec![ESCAPE, ESCAPED_ESCAPE],
            byte => vec![byte],
        };
        [vec![END], packet.iter().flat_map(escaped).collect(), vec![END]].concat()
    }

    fn with_length(packet: &[u8]) -> Vec<u8> {
        [&(packet.len() as u32).to_be_bytes(), packet].concat()
    }

    /// The packets of a stream that arrives in pieces of this length, and its end.
    fn read(stream: &[u8], piece: usize) -> (Vec<Packet>, Result<(), Broken>) {
        let (mut frames, mut found) = (Frames::new(100), Vec::new());
        for bytes in stream.chunks(piece) {
            if let Err(broken) = frames.feed(bytes, |packet| found.push(packet.map(<[u8]>::to_vec))) {
                return (found, Err(broken));
            }
            assert!(frames.buffer.len() <= 100);
        }
        (found, Ok(()))
    }

    proptest! {
        #[test]
        fn packets_are_found_in_both_forms_and_in_any_pieces(
            packets in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![0, 1, b'/', END, ESCAPE, ESCAPED_END]), 1..100), 1..5),
            piece in 1..300_usize,
        ) {
            let expected: Vec<_> = packets.iter().cloned().map(Ok).collect();
            for form in [slip, with_length] {
                let stream: Vec<u8> = packets.iter().flat_map(|packet| form(packet)).collect();
                prop_assert_eq!(read(&stream, piece), (expected.clone(), Ok(())));
            }
        }

        #[test]
        fn any_bytes_stay_within_the_bounds(stream in prop::collection::vec(any::<u8>(), 0..500), piece in 1..300_usize) {
            let (packets, _) = read(&stream, piece);
            prop_assert!(packets.iter().flatten().all(|packet| !packet.is_empty() && packet.len() <= 100));
        }
    }

    #[test]
    fn a_bad_packet_in_slip_is_one_error_and_the_next_is_read() {
        let mut stream = slip(&[b'/'; 500]);
        stream.extend([b'/', ESCAPE, b'x', END, b'/', ESCAPE, END]);
        stream.extend(b"/a\xC0");
        let (packets, end) = read(&stream, 7);
        let bad =
            [Err("a packet that is too long"), Err("an escape with a wrong byte"), Err("an escape without its byte")];
        assert_eq!((&packets[..3], &packets[3..], end), (&bad[..], &[Ok(b"/a".to_vec())][..], Ok(())));
    }

    #[test]
    fn a_length_beyond_the_bounds_ends_the_stream() {
        for stream in [&[0, 0, 0, 0][..], &[0, 0, 0, 101], &[0, 255, 255, 255]] {
            assert!(read(stream, 1).1.is_err(), "{stream:?}");
        }
    }
}
