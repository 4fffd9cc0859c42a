//! The line protocol of boards.
//!
//! A line is names and numbers: `touch 0.5`, `touch=0.5`, `Light Level: 21.5 C`, `accel 0.1 0.2 0.3`, `a:1,b:2`. Numbers
//! alone have the name `value`. A line may be JSON: `{"touch": 0.5, "imu": {"x": [0.1, 0.2]}}`.

use std::borrow::Cow;

use serde_json::Value;

/// The most bytes of a line; longer ones are errors.
pub const MAX_LINE: usize = 1024;
/// The most bytes of a sensor's name.
const MAX_NAME: usize = 64;
/// The most numbers of a sensor; more are dropped.
const MAX_NUMBERS: usize = 64;
/// The most objects within each other.
const MAX_DEPTH: usize = 8;
/// The name of numbers without one.
const NAMELESS: &str = "value";

const NO_NUMBER: &str = "a name without a number";
const NO_NAME: &str = "a number without a name";
const DECIMAL_COMMA: &str = "a decimal comma, or two numbers; send 1.5 with a point, or two numbers with a space";
const BOOT: &str = "a boot message of the board";

/// Units after a number. They have no effect.
const UNITS: [&str; 74] = [
    "%", "‰", "*C", "*F", "°", "°C", "°F", "C", "F", "K", "degC", "degF", "deg", "degrees", "rad", "V", "mV", "uV",
    "µV", "A", "mA", "uA", "µA", "W", "mW", "kW", "Wh", "kWh", "Hz", "kHz", "MHz", "Pa", "hPa", "kPa", "mbar", "bar",
    "psi", "m", "dm", "cm", "mm", "km", "in", "inch", "inches", "ft", "s", "sec", "ms", "us", "µs", "min", "h", "g",
    "kg", "mg", "N", "l", "ml", "L", "lx", "lux", "lm", "dB", "dBm", "ppm", "ppb", "rpm", "bpm", "m/s", "km/h", "m/s2",
    "ohm", "Ω",
];

/// Sensors by name, with finite numbers.
pub type Readings = Vec<(String, Vec<f64>)>;

/// Reads a line, whole or not at all.
///
/// # Errors
///
/// Fails with the problem of the line, such as `a name without a number`.
pub fn read(line: &[u8]) -> Result<Readings, &'static str> {
    let line = str::from_utf8(line).map_err(|_| "not text")?;
    let line = without_colours(line);
    let line = line.trim();
    if is_boot(line) {
        return Err(BOOT);
    }
    let readings = if line.starts_with(['{', '[']) { json(line)? } else { words(line)? };
    if readings.is_empty() { Err("no number") } else { Ok(readings) }
}

/// A line without the escape sequences that colour it on a terminal.
fn without_colours(line: &str) -> Cow<'_, str> {
    if !line.contains('\x1b') {
        return Cow::Borrowed(line);
    }
    let (mut clean, mut chars) = (String::with_capacity(line.len()), line.chars());
    while let Some(char) = chars.next() {
        if char != '\x1b' {
            clean.push(char);
        } else if chars.next() == Some('[') {
            // A sequence ends with its first byte from 0x40 on.
            let _ = chars.find(|end| ('@'..='~').contains(end));
        }
    }
    Cow::Owned(clean)
}

/// True for a line that the ROM or the system of an ESP32 or ESP8266 prints, and that could be taken for sensors.
fn is_boot(line: &str) -> bool {
    let after = |start: &str| line.strip_prefix(start).map(str::trim_start);
    let words = ["DIO", "DOUT", "QIO", "QOUT", "FAST_READ", "SLOW_READ"];
    // The log of ESP-IDF: level, milliseconds in brackets.
    let log = ["E (", "W (", "I (", "D (", "V ("].into_iter().filter_map(after);
    let is_log = |rest: &str| rest.split_once(')').is_some_and(|(time, _)| time.bytes().all(|b| b.is_ascii_digit()));
    let hex =
        ["rst:", "load:", "entry", "SPIWP:", "clk_drv:", "chksum", "csum", "configsip:", "PC", "EXCVADDR:", "LBEG"];
    let is_hex = |rest: &str| rest.trim_start_matches([':', ' ']).starts_with("0x");
    let plain = ["ets ", "ESP-ROM:", "Build:", "Backtrace:", "Guru Meditation", "Saved PC:", "rst cause:", "boot:"];
    plain.into_iter().any(|start| line.starts_with(start))
        || hex.into_iter().filter_map(after).any(is_hex)
        || log.into_iter().any(is_log)
        || after("mode:").is_some_and(|mode| words.into_iter().any(|word| mode.starts_with(word)))
        || after("configsip:").is_some()
        || (line.starts_with("ho ") && line.contains(" tail "))
        || (line.starts_with("tail ") && line.contains(" room "))
        || line.matches(": 0x").count() > 1
}

/// A part of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    /// A comma or semicolon, and true if it stands between two characters without a space.
    Separator(bool),
    /// A colon or equals sign.
    Assign,
}

/// The parts of a line, in order.
fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut cut = |end: usize, next: usize, token: Option<Token<'static>>| {
        let word = &line[start..end];
        let inner = word.trim_matches(['"', '\'']);
        // An arrow, or the angle bracket before a line of a plotter, is no word.
        let inner = inner.trim_start_matches("->").trim_start_matches('>');
        if !inner.is_empty() {
            tokens.push(Token::Word(inner));
        }
        tokens.extend(token);
        start = next;
    };
    for (at, char) in line.char_indices() {
        let next = at + char.len_utf8();
        let is_tight = || {
            let (before, after) = (line[..at].chars().next_back(), line[next..].chars().next());
            before.is_some_and(|char| char.is_ascii_digit()) && after.is_some_and(|char| char.is_ascii_digit())
        };
        match char {
            ' ' | '\t' | '|' => cut(at, next, None),
            ',' | ';' => cut(at, next, Some(Token::Separator(char == ',' && is_tight()))),
            ':' | '=' => cut(at, next, Some(Token::Assign)),
            _ => {}
        }
    }
    cut(line.len(), line.len(), None);
    tokens
}

/// Reads names, each followed by one number or more, or numbers alone.
fn words(line: &str) -> Result<Readings, &'static str> {
    let tokens = tokens(line);
    let mut rest = &tokens[..];
    let mut readings = Readings::new();
    while let Some(first) = rest.first() {
        if matches!(first, Token::Separator(_)) {
            rest = &rest[1..];
            continue;
        }
        let (name, is_assigned, after) = take_name(rest)?;
        let name = match name {
            Some(name) => name,
            None if readings.is_empty() => NAMELESS.to_owned(),
            None => return Err(NO_NAME),
        };
        let is_nameless = name == NAMELESS && after.len() == rest.len();
        let (numbers, after) = take_numbers(after, is_assigned)?;
        if is_nameless && after.iter().any(|token| matches!(token, Token::Word(_))) {
            return Err(NO_NAME);
        }
        readings.push((name, numbers));
        rest = after;
    }
    Ok(readings)
}

/// A name of several words, true if a colon or equals sign follows, and what is after it. No name before a number.
type Named<'a, 'b> = (Option<String>, bool, &'b [Token<'a>]);

fn take_name<'a, 'b>(tokens: &'b [Token<'a>]) -> Result<Named<'a, 'b>, &'static str> {
    let is_label = |at: usize| tokens.get(at + 1) == Some(&Token::Assign);
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(Token::Word(word)) = tokens.get(at) {
        // A number is a part of the name right before a colon: `Sensor 1: 0.5`. So is a word such as `on`.
        let is_number = value(word)?.is_some();
        if is_number && !(is_label(at) && (!words.is_empty() || word.parse::<f64>().is_err())) {
            break;
        }
        words.push(*word);
        at += 1;
        if is_label(at - 1) {
            break;
        }
    }
    let assigns = tokens[at..].iter().take_while(|token| **token == Token::Assign).count();
    if words.is_empty() {
        return if assigns > 0 { Err("a colon without a name") } else { Ok((None, false, tokens)) };
    }
    // A comma may stand between a name and its numbers: `a,1`.
    let mut rest = &tokens[at + assigns..];
    if assigns == 0 && matches!(rest.first(), Some(Token::Separator(_))) {
        rest = &rest[1..];
    }
    Ok((Some(joined(&words)?), assigns > 0, rest))
}

/// The numbers before the next name, and what is after them.
fn take_numbers<'a, 'b>(
    tokens: &'b [Token<'a>],
    is_assigned: bool,
) -> Result<(Vec<f64>, &'b [Token<'a>]), &'static str> {
    let mut numbers = Vec::new();
    let mut at = 0;
    // Digits on both sides of a comma.
    let mut tight = 0;
    loop {
        match tokens.get(at) {
            Some(Token::Separator(is_tight)) => {
                let is_comma = *is_tight && is_whole(tokens.get(at.wrapping_sub(1))) && is_digits(tokens.get(at + 1));
                tight += usize::from(is_comma);
            }
            Some(Token::Assign) => return Err("a colon after a number"),
            Some(Token::Word(word)) => match value(word)? {
                Some(number) if tokens.get(at + 1) != Some(&Token::Assign) => push(&mut numbers, number)?,
                None if !numbers.is_empty() && is_unit(&tokens[at..]) => {}
                _ => break,
            },
            None => break,
        }
        at += 1;
    }
    if numbers.is_empty() {
        return Err(NO_NUMBER);
    }
    if is_assigned && tight == 1 && numbers.len() == 2 {
        return Err(DECIMAL_COMMA);
    }
    Ok((numbers, &tokens[at..]))
}

fn is_digits(token: Option<&Token<'_>>) -> bool {
    // Its unit may follow.
    matches!(token, Some(Token::Word(word)) if word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('.'))
}

fn is_whole(token: Option<&Token<'_>>) -> bool {
    matches!(token, Some(Token::Word(word)) if word.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit()))
}

/// True if the first word is a unit, and not the name of what follows.
fn is_unit(tokens: &[Token<'_>]) -> bool {
    let [Token::Word(word), rest @ ..] = tokens else { return false };
    let is_name = match rest.first() {
        Some(Token::Assign) => true,
        Some(Token::Word(next)) => !matches!(value(next), Ok(None)),
        Some(Token::Separator(_)) | None => false,
    };
    UNITS.contains(word) && !is_name
}

/// The number that a word is, with or without a unit; none for another word.
fn value(word: &str) -> Result<Option<f64>, &'static str> {
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        let number = u64::from_str_radix(digits, 16).map_err(|_| "a hexadecimal number that cannot be read")?;
        return Ok(Some(number as f64));
    }
    for (words, number) in [(["on", "high", "true"], 1.0), (["off", "low", "false"], 0.0)] {
        if words.into_iter().any(|on| word.eq_ignore_ascii_case(on)) {
            return Ok(Some(number));
        }
    }
    if let Ok(number) = word.parse::<f64>() {
        return if number.is_finite() { Ok(Some(number)) } else { Err("a number that is not finite") };
    }
    let digits = word.trim_end_matches(|char: char| !char.is_ascii_digit() && char != '.');
    let is_number = digits.len() < word.len() && UNITS.contains(&&word[digits.len()..]);
    let unit_with_digit = word.strip_suffix("m/s2");
    let number = unit_with_digit.or(is_number.then_some(digits)).and_then(|digits| digits.parse::<f64>().ok());
    Ok(number.filter(|number| number.is_finite()))
}

/// Reads the numbers of an object or a list. Members without numbers are skipped.
fn json(line: &str) -> Result<Readings, &'static str> {
    let root: Value = serde_json::from_str(line).map_err(|_| "not JSON")?;
    let mut readings = Readings::new();
    flatten("", &root, MAX_DEPTH, &mut readings)?;
    Ok(readings)
}

/// Adds the numbers of a value. The names of nested objects are joined with points.
fn flatten(path: &str, member: &Value, depth: usize, readings: &mut Readings) -> Result<(), &'static str> {
    if let Value::Object(members) = member {
        if depth == 0 {
            return Err("objects within too many others");
        }
        for (key, member) in members {
            let key = name(key)?;
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            if path.len() > MAX_NAME {
                return Err("a name that is too long");
            }
            flatten(&path, member, depth - 1, readings)?;
        }
        return Ok(());
    }
    let members = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
    let mut numbers = Vec::new();
    for member in members {
        match member {
            Value::Number(number) => push(&mut numbers, number.as_f64().unwrap_or(f64::NAN))?,
            Value::Bool(on) => push(&mut numbers, f64::from(u8::from(*on)))?,
            Value::String(text) => {
                if let Ok(Some(number)) = value(text.trim()) {
                    push(&mut numbers, number)?;
                }
            }
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
    if !numbers.is_empty() {
        readings.push((if path.is_empty() { NAMELESS.to_owned() } else { path.to_owned() }, numbers));
    }
    Ok(())
}

/// Adds a number of a sensor.
///
/// # Errors
///
/// Fails if it is not finite.
pub(super) fn push(numbers: &mut Vec<f64>, number: f64) -> Result<(), &'static str> {
    if !number.is_finite() {
        return Err("a number that is not finite");
    }
    if numbers.len() < MAX_NUMBERS {
        numbers.push(number);
    }
    Ok(())
}

/// The name of a sensor.
///
/// # Errors
///
/// Fails if it has other characters than a name, or is too long.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    joined(&text.split_whitespace().collect::<Vec<_>>())
}

/// A name of words, joined with `_`. A part in brackets, mostly a unit, is left out.
fn joined(words: &[&str]) -> Result<String, &'static str> {
    let bare = |word: &str| match word.find(['(', '[']) {
        Some(at) if word.ends_with([')', ']']) => at,
        _ => word.len(),
    };
    let words: Vec<&str> = words.iter().map(|word| &word[..bare(word)]).filter(|word| !word.is_empty()).collect();
    let name = words.join("_");
    let begins = name.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == '/');
    let rest = |char: char| char.is_alphanumeric() || "_-./".contains(char);
    if name.len() > MAX_NAME {
        Err("a name that is too long")
    } else if begins && name.chars().all(rest) {
        Ok(name)
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
mod tests;
