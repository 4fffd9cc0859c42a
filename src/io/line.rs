//! The line protocol of boards.
//!
//! A line is names and numbers: `touch 0.5`, `touch=0.5`, `touch: 0.5`, `accel 0.1 0.2 0.3`, `a:1,b:2`. It may be a
//! JSON object: `{"touch": 0.5, "accel": [0.1, 0.2, 0.3]}`.

use serde_json::{Map, Value};

/// The most bytes of a line; longer ones are errors.
pub const MAX_LINE: usize = 1024;
/// The most bytes of a sensor's name.
const MAX_NAME: usize = 64;
/// The most numbers of a sensor; more are dropped.
const MAX_NUMBERS: usize = 64;

/// Sensors by name, with finite numbers.
pub type Readings = Vec<(String, Vec<f64>)>;

/// Reads a line, whole or not at all.
///
/// # Errors
///
/// Fails with the problem of the line, such as `a name without a number`.
pub fn read(line: &[u8]) -> Result<Readings, &'static str> {
    let line = str::from_utf8(line).map_err(|_| "not text")?.trim();
    let readings = if line.starts_with('{') { json(line)? } else { words(line)? };
    if readings.is_empty() { Err("no number") } else { Ok(readings) }
}

/// Reads names, each followed by one number or more.
fn words(line: &str) -> Result<Readings, &'static str> {
    let mut readings = Readings::new();
    let words = line.split([' ', '\t', ',', ';', ':', '=']).filter(|word| !word.is_empty());
    for word in words {
        if let Ok(number) = word.parse::<f64>() {
            let (_, numbers) = readings.last_mut().ok_or("a number without a name")?;
            push(numbers, number)?;
        } else if readings.last().is_none_or(|(_, numbers)| !numbers.is_empty()) {
            readings.push((name(word)?, Vec::new()));
        } else {
            return Err("a name without a number");
        }
    }
    if readings.last().is_some_and(|(_, numbers)| numbers.is_empty()) {
        return Err("a name without a number");
    }
    Ok(readings)
}

/// Reads the numbers of an object's members; other members are skipped.
fn json(line: &str) -> Result<Readings, &'static str> {
    let members: Map<String, Value> = serde_json::from_str(line).map_err(|_| "not a JSON object")?;
    let mut readings = Readings::new();
    for (key, value) in &members {
        let mut numbers = Vec::new();
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            match value {
                Value::Number(number) => push(&mut numbers, number.as_f64().unwrap_or(f64::NAN))?,
                Value::Bool(on) => push(&mut numbers, f64::from(u8::from(*on)))?,
                _ => {}
            }
        }
        if !numbers.is_empty() {
            readings.push((name(key)?, numbers));
        }
    }
    Ok(readings)
}

fn push(numbers: &mut Vec<f64>, number: f64) -> Result<(), &'static str> {
    if !number.is_finite() {
        return Err("a number that is not finite");
    }
    if numbers.len() < MAX_NUMBERS {
        numbers.push(number);
    }
    Ok(())
}

fn name(word: &str) -> Result<String, &'static str> {
    let begins = word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '/');
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    if begins && word.len() <= MAX_NAME && word.bytes().all(rest) {
        Ok(word.to_owned())
    } else {
        Err("neither a name nor a number")
    }
}

/// Splits a stream of bytes into lines.
#[derive(Debug)]
pub struct Lines {
    bytes: Vec<u8>,
    /// True if the current line is skipped: its beginning is unknown, or it is too long.
    skip: bool,
}

impl Default for Lines {
    /// Lines of a stream that may begin within a line. The rest of that line could be read as another sensor.
    fn default() -> Self {
        Lines { bytes: Vec::new(), skip: true }
    }
}

impl Lines {
    /// Calls `each` with every line that ends in `bytes`, without its end. A line that is too long is an error.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Result<&[u8], &'static str>)) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                if !self.skip && !self.bytes.is_empty() {
                    each(Ok(&self.bytes));
                }
                self.bytes.clear();
                self.skip = false;
            } else if !self.skip {
                self.bytes.push(byte);
                if self.bytes.len() > MAX_LINE {
                    each(Err("a line that is too long"));
                    self.bytes.clear();
                    self.skip = true;
                }
            }
        }
    }

    /// Marks the beginning of a line: nothing came before it.
    pub fn begin(&mut self) {
        self.skip = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reads(line: &str) -> Readings {
        read(line.as_bytes()).unwrap_or_else(|problem| panic!("{line}: {problem}"))
    }

    #[test]
    fn every_spelling_of_a_reading_is_read() {
        let one = vec![("a0".to_owned(), vec![0.5])];
        for line in
            ["a0 0.5", "a0=0.5", "a0: 0.5", "a0:0.5", "a0\t0.5", "a0,0.5", " a0 = .5 ", "{\"a0\": 0.5}", "a0 0.5\r"]
        {
            assert_eq!(reads(line), one, "{line}");
        }
        let two = vec![("a".to_owned(), vec![1.0, -2e-1]), ("b/c".to_owned(), vec![0.0])];
        for line in ["a 1 -0.2 b/c 0", "a:1,-0.2 b/c:0", "{\"a\":[1,-0.2,null],\"b/c\":false,\"text\":\"x\"}"] {
            assert_eq!(reads(line), two, "{line}");
        }
    }

    #[test]
    fn boot_messages_and_nonsense_are_refused() {
        let lines = [
            "",
            "a",
            "0.5",
            "a b 1",
            "a nan",
            "a inf",
            "a 1e999",
            "a 1 b",
            "ets Jul 29 2019 12:21:46",
            "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
            "load:0x3fff0030,len:1184",
            "{\"a\": }",
            "{}",
            "{\"a\": \"1\"}",
            "{\"a\": 1e999}",
            "\u{fffd} 1",
        ];
        for line in lines {
            assert!(read(line.as_bytes()).is_err(), "{line}");
        }
        assert!(read(b"a\xff 1").is_err());
    }

    fn cut(lines: &mut Lines, bytes: &[u8]) -> Vec<Option<String>> {
        let mut found = Vec::new();
        lines.push(bytes, |line| found.push(line.ok().map(|line| String::from_utf8_lossy(line).into_owned())));
        found
    }

    #[test]
    fn half_a_line_is_no_line_unless_the_sender_was_silent() {
        let mut lines = Lines::default();
        assert_eq!(cut(&mut lines, b"uch 1\r\ntou"), []);
        assert_eq!(cut(&mut lines, b"ch 2\r\n"), [Some("touch 2".into())]);
        let mut lines = Lines::default();
        lines.begin();
        assert_eq!(cut(&mut lines, b"touch 1\n"), [Some("touch 1".into())]);
    }

    #[test]
    fn a_line_that_never_ends_is_counted_once_and_forgotten() {
        let mut lines = Lines::default();
        lines.begin();
        assert_eq!(cut(&mut lines, &vec![b'x'; 100_000]), [None]);
        assert!(lines.bytes.capacity() < 4 * MAX_LINE);
        assert_eq!(cut(&mut lines, b"\na 1\n"), [Some("a 1".into())]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_finite_numbers_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for (name, numbers) in read(&bytes).unwrap_or_default() {
                prop_assert!(!name.is_empty() && !numbers.is_empty() && numbers.iter().all(|number| number.is_finite()));
            }
        }

        #[test]
        fn text_like_lines_give_finite_numbers_or_an_error(line in "[{a-c]?[\"a-c:=, \t0-9.eE+inf}\\[\\]-]{0,40}") {
            for (_, numbers) in read(line.as_bytes()).unwrap_or_default() {
                prop_assert!(!numbers.is_empty() && numbers.iter().all(|number| number.is_finite()));
            }
        }

        #[test]
        fn lines_arrive_however_the_stream_is_cut(values in prop::collection::vec(-1e6..1e6, 1..20), size in 1..30_usize) {
            let text = values.iter().map(|value: &f64| format!("a {value}\r\n")).collect::<Vec<_>>().concat();
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            lines.begin();
            for piece in text.as_bytes().chunks(size) {
                lines.push(piece, |line| found.push(read(line.expect("short")).expect("a reading")[0].1[0]));
            }
            prop_assert_eq!(found, values);
        }
    }
}
