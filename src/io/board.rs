//! The stream of a board: lines of text, binary frames between them, and its greeting.
//!
//! A frame begins and ends with a byte 0. Between them, COBS (consistent overhead byte stuffing) keeps 0 out of its bytes. They are a type, a content and a
//! CRC-16/IBM-3740 (polynomial 0x1021, start 0xFFFF), low byte first:
//!
//! | type | content |
//! |---|---|
//! | 1 | greeting: `bendrack 1 NAME` and the names of sensors, each in a line |
//! | 2 | readings: the index of a name and a little-endian 32-bit float, repeated |

use super::line::{self, Lines, Readings};

/// The line that asks a board for its greeting.
pub const QUESTION: &[u8] = b"?\n";
/// The most bytes of a frame between its zeros.
const MAX_FRAME: usize = 1024;
/// The most bytes of a board's name.
const MAX_NAME: usize = 64;
/// The bytes of a reading: index and number.
const READING: usize = 5;

/// A message of a board.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'a> {
    /// Its name.
    Greeting(&'a str),
    /// Numbers of sensors, and their text.
    Readings(Readings, &'a [u8]),
    /// A message that has no effect: the problem, and the message.
    Problem(&'static str, &'a [u8]),
}

/// Reads the stream of a board.
#[derive(Debug, Default)]
pub struct Board {
    lines: Lines,
    /// The bytes of the current frame; none between frames.
    frame: Option<Vec<u8>>,
    /// The names of the sensors in frames.
    names: Vec<String>,
}

impl Board {
    /// Calls `each` with every message that ends in `bytes`.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Item<'_>)) {
        let mut text_from = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let Some(frame) = &mut self.frame else {
                if byte == 0 {
                    push_text(&mut self.lines, &bytes[text_from..at], &mut each);
                    self.frame = Some(Vec::new());
                }
                continue;
            };
            text_from = at + 1;
            if byte != 0 {
                frame.push(byte);
                if frame.len() > MAX_FRAME {
                    self.idle(&mut each);
                }
            } else if !frame.is_empty() {
                let frame = self.frame.take().unwrap_or_default();
                if let Err(problem) = self.take_frame(&frame, &mut each) {
                    each(Item::Problem(problem, b""));
                    // The frame may have lost its beginning: then this 0 is the beginning of the next one.
                    self.frame = Some(Vec::new());
                }
            }
        }
        if self.frame.is_none() {
            push_text(&mut self.lines, &bytes[text_from..], &mut each);
        }
    }

    /// True if bytes that begin a line or frame have a message of a board.
    pub fn is_message(bytes: &[u8]) -> bool {
        let (mut board, mut is_message) = (Self::default(), false);
        board.begin();
        board.push(&[bytes, b"\n"].concat(), |item| is_message |= !matches!(item, Item::Problem(..)));
        // A board greets when it is asked; its readings may come before.
        is_message || bytes.first() == Some(&0)
    }

    /// Marks the beginning of a line: nothing came before it.
    pub fn begin(&mut self) {
        self.lines.begin();
    }

    /// Ends a frame of which nothing more comes. A 0 that noise made begins no frame: what follows is text.
    pub fn idle(&mut self, mut each: impl FnMut(Item<'_>)) {
        let Some(bytes) = self.frame.take() else { return };
        if !bytes.is_empty() {
            each(Item::Problem("a frame without an end", b""));
            self.lines = Lines::default();
            push_text(&mut self.lines, &bytes, &mut each);
        }
    }

    fn take_frame(&mut self, frame: &[u8], each: &mut impl FnMut(Item<'_>)) -> Result<(), &'static str> {
        let bytes = unstuffed(frame).ok_or("a frame that is not COBS")?;
        let (bytes, crc) = bytes.split_last_chunk::<2>().ok_or("a frame that is too short")?;
        if crc16(bytes) != u16::from_le_bytes(*crc) {
            return Err("a frame with a wrong CRC");
        }
        match bytes {
            [1, text @ ..] => {
                let text = str::from_utf8(text).map_err(|_| "a greeting that is not text")?;
                let mut lines = text.lines();
                let name =
                    greeting(lines.next().unwrap_or_default().as_bytes()).ok_or("a greeting without a name")??;
                let names: Result<Vec<String>, &'static str> = lines.map(line::name).collect();
                self.names = names?;
                each(Item::Greeting(name));
                Ok(())
            }
            [2, readings @ ..] => {
                let readings = self.readings(readings)?;
                let text = readings.iter().map(|(name, numbers)| {
                    numbers.iter().fold(name.clone(), |text, number| format!("{text} {number}"))
                });
                let text = text.collect::<Vec<_>>().join(" ");
                each(Item::Readings(readings, text.as_bytes()));
                Ok(())
            }
            _ => Err("a frame of an unknown type; update bendrack"),
        }
    }

    /// The readings of a frame. Numbers with the same name are its indices.
    fn readings(&self, bytes: &[u8]) -> Result<Readings, &'static str> {
        let mut readings = Readings::new();
        let (chunks, rest) = bytes.as_chunks::<READING>();
        if chunks.is_empty() || !rest.is_empty() {
            return Err("a frame of readings with a wrong length");
        }
        for [index, number @ ..] in chunks {
            let name = self.names.get(usize::from(*index));
            let name =
                name.ok_or("a reading without a name in the greeting; the board must answer ? with its names")?;
            let number = f64::from(f32::from_le_bytes(*number));
            if let Some((_, numbers)) = readings.iter_mut().find(|(known, _)| known == name) {
                line::push(numbers, number)?;
            } else {
                let mut numbers = Vec::new();
                line::push(&mut numbers, number)?;
                readings.push((name.clone(), numbers));
            }
        }
        Ok(readings)
    }
}

fn push_text(lines: &mut Lines, bytes: &[u8], each: &mut impl FnMut(Item<'_>)) {
    lines.push(bytes, |line| {
        let bytes = line.unwrap_or_default();
        let item = line.and_then(|line| match greeting(line) {
            Some(name) => Ok(Item::Greeting(name?)),
            None => Ok(Item::Readings(line::read(line)?, line)),
        });
        each(item.unwrap_or_else(|problem| Item::Problem(problem, bytes)));
    });
}

/// The name in a greeting, `bendrack 1 NAME`; none if it is another line.
fn greeting(line: &[u8]) -> Option<Result<&str, &'static str>> {
    let rest = line.trim_ascii().strip_prefix(b"bendrack ")?;
    let name = || {
        let text = str::from_utf8(rest).map_err(|_| "a greeting that is not text")?;
        let (version, name) = text.split_once(' ').ok_or("a greeting without a name")?;
        let name = name.trim();
        if version != "1" {
            Err("a greeting of another version; update bendrack.h of the board, or bendrack")
        } else if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            Err("a greeting whose name is empty or too long")
        } else {
            Ok(name)
        }
    };
    Some(name())
}

/// CRC-16/IBM-3740, also named CCITT-FALSE.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

/// The bytes of a frame without COBS; none if it is damaged.
fn unstuffed(frame: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(frame.len());
    let mut rest = frame;
    while let Some((&code, after)) = rest.split_first() {
        let count = usize::from(code).checked_sub(1)?;
        bytes.extend_from_slice(after.get(..count)?);
        rest = &after[count..];
        if code < 0xff && !rest.is_empty() {
            bytes.push(0);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// COBS by its definition.
    fn stuffed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut parts = bytes.split(|&byte| byte == 0).peekable();
        while let Some(part) = parts.next() {
            let mut chunks: Vec<&[u8]> = part.chunks(254).collect();
            if chunks.is_empty() || (chunks[chunks.len() - 1].len() == 254 && parts.peek().is_some()) {
                chunks.push(&[]);
            }
            for chunk in chunks {
                out.push(chunk.len() as u8 + 1);
                out.extend(chunk);
            }
        }
        out
    }

    fn frame(bytes: &[u8]) -> Vec<u8> {
        let with_crc = [bytes, &crc16(bytes).to_le_bytes()].concat();
        [&[0], &stuffed(&with_crc)[..], &[0]].concat()
    }

    fn readings(pairs: &[(u8, f32)]) -> Vec<u8> {
        frame(&pairs.iter().fold(vec![2], |mut bytes, (index, number)| {
            bytes.push(*index);
            bytes.extend(number.to_le_bytes());
            bytes
        }))
    }

    fn items(board: &mut Board, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        board.push(bytes, |item| {
            found.push(match item {
                Item::Greeting(name) => format!("hello {name}"),
                Item::Readings(_, text) => String::from_utf8_lossy(text).into_owned(),
                Item::Problem(problem, _) => format!("! {problem}"),
            });
        });
        found
    }

    #[test]
    fn the_crc_is_that_of_the_catalogue() {
        assert_eq!(crc16(b"123456789"), 0x29b1);
    }

    #[test]
    fn frames_and_lines_share_a_port() {
        let mut board = Board::default();
        board.begin();
        let hello = frame(b"\x01bendrack 1 lamp\ntouch\naccel\naccel\n");
        let stream =
            [b"a 1\n", &hello[..], &readings(&[(0, 0.5), (1, -1.0), (2, 0.0)]), b"b 2\r\nbendrack 1 two words\n"]
                .concat();
        let expected = ["a 1", "hello lamp", "touch 0.5 accel -1 0", "b 2", "hello two words"];
        assert_eq!(items(&mut board, &stream), expected);
        for size in 1..stream.len() {
            let mut board = Board::default();
            board.begin();
            let found: Vec<String> = stream.chunks(size).flat_map(|part| items(&mut board, part)).collect();
            assert_eq!(found, expected, "in parts of {size}");
        }
    }

    #[test]
    fn damaged_frames_are_problems_and_the_next_one_is_read() {
        let mut board = Board::default();
        items(&mut board, &frame(b"\x01bendrack 1 lamp\na"));
        let good = readings(&[(0, 1.0)]);
        for at in 1..good.len() - 1 {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let found = items(&mut board, &[&bad[..], &good, &good].concat());
            assert!(found[0].starts_with('!') && found.last().is_some_and(|last| last == "a 1"), "{at}: {found:?}");
        }
        for (bytes, problem) in [
            (readings(&[(1, 1.0)]), "! a reading without a name in the greeting"),
            (readings(&[(0, f32::NAN)]), "! a number that is not finite"),
            (frame(&[2, 0]), "! a frame of readings with a wrong length"),
            (frame(&[9]), "! a frame of an unknown type"),
            (frame(b"\x01bendrack 2 lamp"), "! a greeting of another version"),
            (frame(b"\x01bendrack 1 \n"), "! a greeting without a name"),
        ] {
            let found = items(&mut board, &bytes);
            assert!(found.len() == 1 && found[0].starts_with(problem), "{found:?}");
            assert_eq!(items(&mut board, &good), ["a 1"]);
        }
    }

    #[test]
    fn a_zero_of_noise_costs_one_line_once_the_board_is_silent() {
        let mut board = Board::default();
        board.begin();
        assert!(items(&mut board, b"\0a 1\n").is_empty());
        board.idle(|_| {});
        assert_eq!(items(&mut board, b"a 2\n"), ["a 2"]);
        items(&mut board, b"\0");
        let flood = items(&mut board, &b"a 3\n".repeat(MAX_FRAME));
        assert!(flood.iter().filter(|item| *item == "a 3").count() > MAX_FRAME - 3, "{}", flood.len());
    }

    proptest! {
        #[test]
        fn any_bytes_survive_stuffing(bytes in prop::collection::vec(0..4_u8, 0..600)) {
            let stuffed = stuffed(&bytes);
            prop_assert!(!stuffed.contains(&0));
            prop_assert_eq!(unstuffed(&stuffed), Some(bytes));
        }

        #[test]
        fn long_bytes_survive_stuffing(bytes in prop::collection::vec(1..=255_u8, 250..520)) {
            prop_assert_eq!(unstuffed(&stuffed(&bytes)), Some(bytes));
        }

        #[test]
        fn any_stream_gives_finite_numbers(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20)) {
            let mut board = Board::default();
            for part in parts {
                let mut is_finite = true;
                board.push(&part, |item| if let Item::Readings(readings, _) = item {
                    is_finite &= readings.iter().all(|(_, numbers)| numbers.iter().all(|number| number.is_finite()));
                });
                prop_assert!(is_finite);
                prop_assert!(board.frame.as_ref().is_none_or(|frame| frame.len() <= MAX_FRAME));
            }
        }
    }
}
