//! Sets of indices: layers, steps, heads, frames, neurons.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::diagnostics::SyntaxError;

/// The last index of a listed set. A layer of any model has fewer neurons.
pub const MOST: usize = 32_767;

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

    /// The indices from `first` to `last`, both included; none if `first` is larger. [`usize::MAX`] is the end.
    pub fn range(first: usize, last: usize) -> Self {
        Self(Some(if first <= last { vec![first..=last] } else { Vec::new() }))
    }

    /// True if it contains every index without a list.
    pub const fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// True if it contains no index.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(Vec::is_empty)
    }

    /// True if it contains `index`.
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
                let (mut a, mut b, mut both) = (a.as_slice(), b.as_slice(), Vec::new());
                while let ([x, ..], [y, ..]) = (a, b) {
                    let (first, last) = (*x.start().max(y.start()), *x.end().min(y.end()));
                    both.extend((first <= last).then_some(first..=last));
                    // The range that ends first overlaps no later one.
                    if x.end() < y.end() { a = &a[1..] } else { b = &b[1..] }
                }
                Self(Some(both))
            }
        }
    }

    /// The indices that are not in it.
    #[must_use]
    pub fn not(&self) -> Self {
        let Some(ranges) = &self.0 else { return Self::none() };
        let mut gaps = Vec::new();
        let mut next = Some(0);
        for range in ranges {
            if let Some(first) = next.filter(|first| first < range.start()) {
                gaps.push(first..=range.start() - 1);
            }
            next = range.end().checked_add(1);
        }
        gaps.extend(next.map(|first| first..=usize::MAX));
        if ranges.is_empty() { Self::ALL } else { Self(Some(gaps)) }
    }

    /// Every `step`-th index from `first` to `last`, up to [`MOST`].
    pub fn every(first: usize, last: usize, step: usize) -> Self {
        if step <= 1 {
            return Self::range(first, last);
        }
        Self(Some((first..=last.min(MOST)).step_by(step).map(|index| index..=index).collect()))
    }

    /// The ranges, unless it contains everything.
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
        let mut rest = ranges.as_slice();
        while let [range, ..] = rest {
            let run = evenly_spaced(rest);
            let comma = if rest.len() == ranges.len() { "" } else { "," };
            match (range.start(), range.end()) {
                (first, _) if run > 2 => {
                    let (last, step) = (rest[run - 1].start(), rest[1].start() - first);
                    write!(f, "{comma}{first}-{last}/{step}")?;
                }
                (first, &usize::MAX) => write!(f, "{comma}{first}-end")?,
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
            rest = &rest[if run > 2 { run } else { 1 }..];
        }
        Ok(())
    }
}

/// Number of single indices in even steps at the beginning of the ranges.
fn evenly_spaced(ranges: &[RangeInclusive<usize>]) -> usize {
    let single = |range: &RangeInclusive<usize>| range.start() == range.end();
    let [first, second, ..] = ranges else { return ranges.len().min(1) };
    if !single(first) || !single(second) {
        return 1;
    }
    let step = second.start() - first.start();
    let even = |pair: &[RangeInclusive<usize>]| single(&pair[1]) && pair[1].start() - pair[0].start() == step;
    1 + ranges.windows(2).take_while(|pair| even(pair)).count()
}

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Set {
    type Err = SyntaxError;

    /// Reads `all`, `none`, `3`, `0-9`, `0-9,20`, `0-30/2` for every second one, `4-end`, and `*` for all.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = text.trim();
        match text {
            "all" | "*" | "" => return Ok(Self::ALL),
            "none" => return Ok(Self::none()),
            _ => {}
        }
        let number = |part: &str| {
            part.trim().parse::<usize>().map_err(|_| {
                SyntaxError::new(format!("{part:?} is not a number; write all, 3, 0-9, 0-9,20, 0-30/2 or 4-end"))
            })
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (part, step) = match part.split_once('/') {
                Some((part, step)) => (part, number(step)?),
                None => (part, 1),
            };
            let (first, last) = match part.split_once('-') {
                Some((first, last)) if last.trim() == "end" => (number(first)?, usize::MAX),
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(SyntaxError::new(format!("the range {part:?} is reversed; write {last}-{first}")));
            }
            ranges.extend(Self::every(first, last, step).0.into_iter().flatten());
        }
        ranges.sort_by_key(|range| *range.start());
        Ok(Self(Some(merge(ranges))))
    }
}

impl FromIterator<usize> for Set {
    /// The set of these indices, in rising order.
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        Self(Some(merge(indices.into_iter().map(|index| index..=index).collect())))
    }
}

/// Joins touching ranges, given in rising order.
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
            ("1-9/3, 20", "1-7/3,20"),
            ("2,4,9", "2,4,9"),
            ("0-4/2, 7-8", "0-4/2,7-8"),
        ] {
            let set: Set = text.parse().expect(text);
            assert_eq!(set.to_string(), written);
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        for wrong in ["a", "9-3", "1-", "-", "1,,2", "99999999999999999999", "1/x", "3-9/"] {
            assert!(wrong.parse::<Set>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sets_are_sets() {
        let texts = ["4-end", "all", "none", "0-9", "3,5,7", "8-20", "0-2,6-6,9-11", "0-end", "1-30/4"];
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (*a, *b))) {
            let (a, b): (Set, Set) = (a.parse().expect(a), b.parse().expect(b));
            let (both, rest) = (a.and(&b), a.not());
            for index in 0..40 {
                assert_eq!(both.contains(index), a.contains(index) && b.contains(index), "{a} and {b} at {index}");
                assert_ne!(rest.contains(index), a.contains(index), "not {a} at {index}");
            }
            assert!(a.and(&rest).is_empty(), "{a} and {rest}");
        }
    }
}
