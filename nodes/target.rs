//! Which part of a site is meant: steps × layers × heads × words × neurons × frames × pass.

pub mod layers;
pub mod neurons;
pub mod steps;
pub mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::program::Pass;

/// A part of a site. Every axis defaults to all of it, and all axes hold at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Target {
    /// Denoising steps, from 0.
    pub steps: Set,
    /// Layers, from 0.
    pub layers: Set,
    /// Attention heads, from 0.
    pub heads: Set,
    /// Prompt tokens, by word.
    pub words: Words,
    /// Feed-forward neurons, from 0.
    pub neurons: Set,
    /// Which passes; `None` is the denoising steps and the cache pass both.
    pub pass: Option<Pass>,
}

impl Target {
    /// Whether nothing can be meant: some axis is empty.
    pub fn is_empty(&self) -> bool {
        [&self.steps, &self.layers, &self.heads, &self.neurons].into_iter().any(Set::is_empty)
            || matches!(&self.words, Words::These(words) if words.is_empty())
    }

    /// What both targets mean.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            steps: self.steps.and(&other.steps),
            layers: self.layers.and(&other.layers),
            heads: self.heads.and(&other.heads),
            words: self.words.and(&other.words),
            neurons: self.neurons.and(&other.neurons),
            pass: self.pass.or(other.pass),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let sets =
            [("steps", &self.steps), ("layers", &self.layers), ("heads", &self.heads), ("neurons", &self.neurons)];
        parts.extend(sets.iter().filter(|(_, set)| !set.is_all()).map(|(axis, set)| format!("{axis} {set}")));
        if self.words != Words::All {
            parts.push(format!("words {}", self.words));
        }
        if let Some(pass) = self.pass {
            parts.push(format!("pass {pass:?}").to_lowercase());
        }
        f.write_str(if parts.is_empty() { "everything" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// A set of indices: all of them, or some ranges in rising order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set(Option<Vec<RangeInclusive<usize>>>);

impl Set {
    /// Every index.
    pub const ALL: Self = Self(None);

    /// No index.
    pub const fn none() -> Self {
        Self(Some(Vec::new()))
    }

    /// The indices from `first` to `last`, both included; none if they are the wrong way round. [`usize::MAX`] is the end.
    pub fn range(first: usize, last: usize) -> Self {
        Self(Some(if first <= last { vec![first..=last] } else { Vec::new() }))
    }

    /// Whether every index is in it, without being listed.
    pub const fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether no index is in it.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether `index` is in it.
    pub fn contains(&self, index: usize) -> bool {
        self.0.as_ref().is_none_or(|ranges| ranges.iter().any(|range| range.contains(&index)))
    }

    /// The indices in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (None, _) => other.clone(),
            (_, None) => self.clone(),
            (Some(a), Some(b)) => {
                let overlap = |x: &RangeInclusive<usize>, y: &RangeInclusive<usize>| {
                    let (first, last) = (*x.start().max(y.start()), *x.end().min(y.end()));
                    (first <= last).then_some(first..=last)
                };
                let mut ranges: Vec<_> = a.iter().flat_map(|x| b.iter().filter_map(move |y| overlap(x, y))).collect();
                ranges.sort_by_key(|range| *range.start());
                Self(Some(ranges))
            }
        }
    }

    /// The ranges, if not everything is meant.
    pub fn ranges(&self) -> Option<&[RangeInclusive<usize>]> {
        self.0.as_deref()
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ranges) = &self.0 else { return f.write_str("all") };
        if ranges.is_empty() {
            return f.write_str("none");
        }
        for (i, range) in ranges.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (first, &usize::MAX) => write!(f, "{comma}{first}-end")?,
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Set {
    type Err = String;

    /// Reads `all`, `none`, `3`, `0-9`, `0-9,20`, and `*` for all.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text {
            "all" | "*" | "" => return Ok(Self::ALL),
            "none" => return Ok(Self::none()),
            _ => {}
        }
        let number = |part: &str| {
            part.trim()
                .parse::<usize>()
                .map_err(|_| format!("{part:?} is not a number; write all, 3, 0-9, 0-9,20 or 4-end"))
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) if last.trim() == "end" => (number(first)?, usize::MAX),
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(format!("{part:?} runs backwards; write {last}-{first}"));
            }
            ranges.push(first..=last);
        }
        ranges.sort_by_key(|range| *range.start());
        Ok(Self(Some(merge(ranges))))
    }
}

/// Joins ranges that touch; they come in rising order.
fn merge(ranges: Vec<RangeInclusive<usize>>) -> Vec<RangeInclusive<usize>> {
    let mut merged: Vec<RangeInclusive<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// The words that a target has, at most.
pub const MOST_WORDS: usize = 256;

/// Prompt tokens by word; a word means all its tokens, wherever it occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Words {
    /// Every token, padding included.
    #[default]
    All,
    /// The padding behind the prompt.
    Padding,
    /// The tokens of these words, which may be phrases.
    These(Vec<Arc<str>>),
}

impl Words {
    /// What both mean. Words and padding have nothing in common.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, words) | (words, Self::All) => words.clone(),
            (Self::Padding, Self::Padding) => Self::Padding,
            (Self::These(a), Self::These(b)) => {
                let b: BTreeSet<&Arc<str>> = b.iter().collect();
                Self::These(a.iter().filter(|word| b.contains(word)).cloned().collect())
            }
            _ => Self::These(Vec::new()),
        }
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Words {
    type Err = std::convert::Infallible;

    /// Reads `*` or nothing (all tokens), `<padding>`, or words separated by commas: the first [`MOST_WORDS`] of them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.trim() {
            "" | "*" => Self::All,
            "<padding>" => Self::Padding,
            list => Self::These(listed(list).take(MOST_WORDS).map(Arc::from).collect()),
        })
    }
}

/// The words of a list.
pub(crate) fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Padding => f.write_str("<padding>"),
            Self::These(words) => f.write_str(&words.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_read_back_as_they_are_written() {
        for (text, written) in [
            ("all", "all"),
            ("*", "all"),
            ("none", "none"),
            ("7", "7"),
            ("20, 0-9", "0-9,20"),
            ("0-3,4-6,2", "0-6"),
            ("5-5", "5"),
            ("7, 2-end, 5", "2-end"),
        ] {
            let set: Set = text.parse().expect(text);
            assert_eq!(set.to_string(), written);
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        for wrong in ["a", "9-3", "1-", "-", "1,,2", "99999999999999999999"] {
            assert!(wrong.parse::<Set>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn intersection_is_intersection() {
        let texts = ["4-end", "all", "none", "0-9", "3,5,7", "8-20", "0-2,6-6,9-11"];
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (*a, *b))) {
            let (a, b): (Set, Set) = (a.parse().expect(a), b.parse().expect(b));
            let both = a.and(&b);
            for index in 0..30 {
                assert_eq!(both.contains(index), a.contains(index) && b.contains(index), "{a} and {b} at {index}");
            }
        }
    }

    #[test]
    fn words_of_one_target_narrow_those_of_another() {
        let words = |text: &str| text.parse::<Words>().expect("words");
        assert_eq!(words("rose, horse").and(&words("horse, ship")), words("horse"));
        assert_eq!(words("*").and(&words("rose")), words("rose"));
        let nothing = Target { words: words("<padding>").and(&words("rose")), ..Target::default() };
        assert!(nothing.is_empty() && !Target::default().is_empty());
    }
}
