//! Curves through keys, the text of the curve node: `0 0, 2 1 hold, 4 0.5 bezier 0.42 0 0.58 1`.
//!
//! Keys are separated by commas or line ends. Each is a time, a value and an interpolation to the next key: `linear`
//! (the default), `hold` or `bezier`. Four numbers after `bezier` are the handles x₁ y₁ x₂ y₂ of CSS's `cubic-bezier`.
//! x is a fraction of the time to the next key, and y of the difference in value. Without handles
//! the curve eases in and out (0.42 0 0.58 1).

use std::sync::Arc;

use crate::diagnostics::SyntaxError;

/// Limit on the keys of a curve.
pub const MOST_KEYS: usize = 256;
/// The handles of a Bézier curve that eases in and out.
const EASE: [f64; 4] = [0.42, 0.0, 0.58, 1.0];
/// Bisection steps in [`bezier`]; the error of the curve's parameter is at most 2⁻⁴¹.
const BISECTIONS: usize = 40;

/// A curve through keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// At least one, in the order of their times.
    keys: Arc<[Key]>,
}

/// A key of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    at: f64,
    value: f64,
    ease: Ease,
}

/// Interpolation from a key to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ease {
    Linear,
    Hold,
    Bezier([f64; 4]),
}

impl Curve {
    /// Parses a curve.
    ///
    /// # Errors
    /// Fails for an invalid key, an empty text and too many keys.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let written = text.split([',', ';', '\n']).map(str::trim).filter(|key| !key.is_empty());
        let mut keys = written.map(Key::parse).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(SyntaxError::new("a curve needs at least one key: write a time and a value, such as 0 0, 2 1"));
        }
        if keys.len() > MOST_KEYS {
            return Err(SyntaxError::new(format!(
                "too many keys: {}, the limit is {MOST_KEYS}; remove some",
                keys.len()
            )));
        }
        // The sort is stable: of keys at the same time, the last one counts from there on.
        keys.sort_by(|a, b| a.at.total_cmp(&b.at));
        Ok(Self { keys: keys.into() })
    }

    /// Value at a time; before the first key that of the first, after the last that of the last.
    pub fn at(&self, time: f64) -> f64 {
        let next = self.keys.partition_point(|key| key.at <= time);
        let (Some(key), Some(to)) = (next.checked_sub(1).map(|last| self.keys[last]), self.keys.get(next)) else {
            return self.keys[next.saturating_sub(1)].value;
        };
        let progress = (time - key.at) / (to.at - key.at);
        let progress = match key.ease {
            Ease::Linear => progress,
            Ease::Hold => 0.0,
            Ease::Bezier(handles) => bezier(handles, progress),
        };
        key.value + (to.value - key.value) * progress
    }

    /// Time of the last key.
    pub fn end(&self) -> f64 {
        self.keys.last().map_or(0.0, |key| key.at)
    }

    /// Time of the first key.
    pub fn start(&self) -> f64 {
        self.keys.first().map_or(0.0, |key| key.at)
    }
}

impl Key {
    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let wrong = |problem: String| SyntaxError::new(format!("key {text:?}: {problem}"));
        let mut parts = text.split_whitespace();
        let mut number = |what: &str| {
            let part = parts.next().ok_or_else(|| wrong(format!("missing {what}; write a time and a value")))?;
            finite(part).ok_or_else(|| wrong(format!("{part:?} is not a {what}; write a number")))
        };
        let (at, value) = (number("time")?, number("value")?);
        let ease = match parts.next() {
            None | Some("linear") => Ease::Linear,
            Some("hold") => Ease::Hold,
            Some("bezier") => {
                let handles: Vec<&str> = parts.by_ref().collect();
                let numbers: Option<Vec<f64>> = handles.iter().map(|part| finite(part)).collect();
                match numbers.as_deref() {
                    Some([]) => Ease::Bezier(EASE),
                    Some(&[x1, y1, x2, y2]) if (0.0..=1.0).contains(&x1) && (0.0..=1.0).contains(&x2) => {
                        Ease::Bezier([x1, y1, x2, y2])
                    }
                    _ => {
                        let advice = "write bezier alone, or bezier x1 y1 x2 y2 with both x between 0 and 1";
                        return Err(wrong(format!("invalid handles; {advice}")));
                    }
                }
            }
            Some(word) => return Err(wrong(format!("{word:?} is not one of linear, hold, bezier"))),
        };
        match parts.next() {
            Some(more) => Err(wrong(format!("unexpected {more:?}; separate keys by commas"))),
            None => Ok(Self { at, value, ease }),
        }
    }
}

/// Parses a finite number.
pub(crate) fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The y of a Bézier curve from (0, 0) to (1, 1) at `x`, 0 to 1.
fn bezier([x1, y1, x2, y2]: [f64; 4], x: f64) -> f64 {
    let place = |a: f64, b: f64, t: f64| {
        let u = 1.0 - t;
        3.0 * u * u * t * a + 3.0 * u * t * t * b + t * t * t
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if place(x1, x2, middle) < x { low = middle } else { high = middle }
    }
    place(y1, y2, 0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_follows_the_interpolation_of_its_keys() {
        let curve = Curve::parse("0 0, 2 1 hold, 4 -1 bezier\n6 3 bezier 0 0 1 1, 8 5").expect("a curve");
        for (time, value) in
            [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.25), (2.0, 1.0), (3.9, 1.0), (4.0, -1.0), (5.0, 1.0), (9.0, 5.0)]
        {
            assert!((curve.at(time) - value).abs() < 1e-9, "{time}: {}", curve.at(time));
        }
        assert!((curve.at(6.5) - 3.5).abs() < 1e-9, "a straight line as a Bézier curve");
        assert!(
            (curve.at(4.5) - (-1.0 + 4.0 * 0.129_161_9)).abs() < 1e-6,
            "CSS ease-in-out at a quarter: {}",
            curve.at(4.5)
        );
        assert_eq!((curve.start(), curve.end()), (0.0, 8.0));
        // A jump: two keys at one time.
        let jump = Curve::parse("0 0, 1 1, 1 5, 2 5").expect("a curve");
        assert_eq!((jump.at(0.999_999) < 1.0, jump.at(1.0)), (true, 5.0));
    }

    #[test]
    fn a_wrong_key_is_named() {
        for (text, reported) in [
            ("", "at least one key"),
            ("0", "missing value"),
            ("0 x", "\"x\" is not a value"),
            ("0 0 ease", "\"ease\" is not one of linear, hold, bezier"),
            ("0 0 bezier 2 0 1 1", "both x between 0 and 1"),
            ("0 0 1 1", "\"1\" is not one of"),
            ("0 0 hold 1", "unexpected \"1\""),
            ("0 inf", "not a value"),
        ] {
            let why = Curve::parse(text).expect_err("a mistake").to_string();
            assert!(why.contains(reported), "{text}: {why}");
        }
        assert!(Curve::parse(&"0 0,".repeat(257)).is_err());
    }
}
