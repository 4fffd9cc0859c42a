//! Numbers in a text: malformed ones, with their form in JSON, and rounded ones.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value as Json;

use crate::diagnostics::messages::cut;
use crate::diagnostics::pointer::join;
use crate::diagnostics::spans::{DEEPEST, LONGEST_KEY};

/// 2⁵³. From here on, a 64-bit float does not hold every whole number.
const EVERY_WHOLE: f64 = 9_007_199_254_740_992.0;
/// Largest number of reported malformed numbers.
const MOST_MALFORMED: usize = 100;

/// A number that is not JSON.
pub(crate) struct Malformed {
    /// The JSON pointer to it.
    pub(crate) pointer: String,
    /// Its bytes.
    pub(crate) bytes: Range<usize>,
    /// The problem with the number, and its correct form.
    pub(crate) message: String,
}

/// The malformed numbers of a text, up to the first character that is not JSON for another reason.
pub(crate) fn malformed(text: &str) -> Vec<Malformed> {
    let (mut found, mut path) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let start = at;
        at += first.len_utf8();
        match first {
            ' ' | '\t' | '\n' | '\r' | ':' => {}
            '{' => path.push(Level::Object(Cow::Borrowed(""))),
            '[' => path.push(Level::List(0)),
            '}' | ']' => drop(path.pop()),
            ',' => {
                if let Some(Level::List(index)) = path.last_mut() {
                    *index += 1;
                }
            }
            '"' => {
                let Some(length) = string_length(&text[at..]) else { return found };
                at += length;
                let is_key = text[at..].trim_start().starts_with(':');
                if let (true, Some(Level::Object(key))) = (is_key, path.last_mut()) {
                    *key = serde_json::from_str::<String>(&text[start..at]).unwrap_or_default().into();
                    if key.len() > LONGEST_KEY {
                        return found;
                    }
                }
            }
            first if is_part(first) => {
                at = start + text[start..].find(|c| !is_part(c)).unwrap_or(text.len() - start);
                let token = &text[start..at];
                match mistake(token) {
                    Some(message) => found.push(Malformed { pointer: pointer(&path), bytes: start..at, message }),
                    None if is_json(token) || matches!(token, "true" | "false" | "null") => {}
                    None => return found,
                }
            }
            _ => return found,
        }
        if path.len() > DEEPEST || found.len() >= MOST_MALFORMED {
            break;
        }
    }
    found
}

/// An object or list that is open.
enum Level {
    /// An object, with the latest of its keys.
    Object(Cow<'static, str>),
    /// A list, with the index of the element.
    List(usize),
}

fn pointer(path: &[Level]) -> String {
    path.iter().fold(String::new(), |pointer, level| match level {
        Level::Object(key) => join(&pointer, [key]),
        Level::List(index) => format!("{pointer}/{index}"),
    })
}

/// The length of a string after its first quote, including the last one.
fn string_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map(|end| end + 1)
}

/// True for a character of a number or of a word such as NaN.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')
}

/// True for a number of JSON.
fn is_json(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let NumberParts { whole, fraction, exponent } = NumberParts::of(text);
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

/// The parts of a number without its sign.
struct NumberParts<'a> {
    whole: &'a str,
    fraction: Option<&'a str>,
    exponent: Option<&'a str>,
}

impl<'a> NumberParts<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        Self { whole, fraction, exponent }
    }
}

/// The problem with a number, and its correct form; none for a number of JSON or any other text.
fn mistake(token: &str) -> Option<String> {
    let number = value_of(token);
    let shown = cut(token);
    match number {
        Some(number) if number.is_finite() && is_json(token) => None,
        Some(number) if number.is_finite() => {
            json_form(token).map(|form| format!("{shown} is not a number of JSON; write {form}"))
        }
        Some(_) if token.contains(|c: char| c.is_ascii_digit()) => {
            Some(format!("{shown} is too large for a number; write at most {:e}", f64::MAX))
        }
        Some(_) => Some(format!("{shown} is not a number of JSON; write a finite number, such as 0")),
        None if token.starts_with(|c: char| !c.is_ascii_alphabetic() && c != '_') => {
            Some(format!("{shown} is not a number of JSON; write numbers such as 0.5, 2 or 1e-3"))
        }
        None => None,
    }
}

/// Value of a number in the notation of JSON or of other languages.
fn value_of(token: &str) -> Option<f64> {
    let (sign, digits) = token.strip_prefix('-').map_or((1.0, token), |rest| (-1.0, rest));
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return u32::from_str_radix(hex, 16).ok().map(|number| sign * f64::from(number));
    }
    digits.replace('_', "").parse::<f64>().ok().map(|number| sign * number)
}

/// A finite number in the notation of JSON.
pub(crate) fn json_form(token: &str) -> Option<String> {
    let number = value_of(token).filter(|number| number.is_finite())?;
    if is_json(token) {
        return Some(token.to_owned());
    }
    let is_whole = !token.contains(['.', 'e', 'E']) || token.contains(['x', 'X']);
    if is_whole && number.abs() < EVERY_WHOLE {
        return Some(number.to_string());
    }
    Some(Json::from(number).to_string())
}

/// Value of a JSON number if a 64-bit float loses digits before its point; else none.
pub(crate) fn rounded(literal: &str) -> Option<f64> {
    if literal.parse::<u64>().is_ok() || literal.parse::<i64>().is_ok() {
        return None;
    }
    let number: f64 = literal.parse().ok()?;
    (number.abs() >= EVERY_WHOLE && decimal(literal) != decimal(&format!("{number:e}"))).then_some(number)
}

/// Significant digits of a number, without zeros at either end, and the position of its point.
fn decimal(literal: &str) -> (String, i64) {
    let NumberParts { whole, fraction, exponent } = NumberParts::of(literal);
    let digits = format!("{whole}{}", fraction.unwrap_or_default());
    let significant = digits.trim_start_matches('0');
    let exponent: i64 = exponent.and_then(|text| text.parse().ok()).unwrap_or(0);
    let point = whole.len() as i64 - (digits.len() - significant.len()) as i64;
    (significant.trim_end_matches('0').to_owned(), point.saturating_add(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_numbers_are_found_with_their_keys() {
        let text = r#"{ "a": [1, NaN, { "b/c\"": 007 }], "d": "x, 01", "e": -0.5e+3, "f": .5 }"#;
        let found: Vec<_> = malformed(text)
            .into_iter()
            .map(|number| (number.pointer, text[number.bytes].to_owned(), number.message))
            .collect();
        let at = |pointer: &str, token: &str, message: &str| (pointer.to_owned(), token.to_owned(), message.to_owned());
        assert_eq!(
            found,
            [
                at("/a/1", "NaN", "NaN is not a number of JSON; write a finite number, such as 0"),
                at("/a/2/b~1c\"", "007", "007 is not a number of JSON; write 7"),
                at("/f", ".5", ".5 is not a number of JSON; write 0.5"),
            ]
        );
        assert!(malformed("{ // 007\n }").is_empty() && malformed("{ \"a\": True, \"b\": 01 }").is_empty());
    }

    #[test]
    fn only_digits_before_the_point_count_as_lost() {
        for literal in ["0.1", "1e300", "9007199254740993", "18446744073709551615", "100000000000000000000", "1E2"] {
            assert_eq!(rounded(literal), None, "{literal}");
        }
        for literal in ["9007199254740993.0", "-18446744073709551617", "1234567890123456789e5", "90071992547409930e-1"]
        {
            assert!(rounded(literal).is_some(), "{literal}");
        }
    }
}
