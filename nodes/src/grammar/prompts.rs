//! Prompts, one per line: a list, or a schedule with the start time of each.

use std::sync::Arc;

use crate::diagnostics::SyntaxError;
use crate::grammar::keyframes::finite;

/// Limit on the prompts of a list, and on those of a schedule.
pub const MOST_PROMPTS: usize = 256;

/// Prompts with their start times.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// In the order of their times.
    entries: Arc<[(f64, Arc<str>)]>,
}

/// A moment of a schedule. Times have the unit of the schedule, seconds or beats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment<'a> {
    /// The current prompt.
    pub now: &'a Arc<str>,
    /// The next prompt; the current one if it is the last.
    pub next: &'a Arc<str>,
    /// Time since the start of the current prompt.
    pub since: f64,
    /// Time until the next prompt; infinite for the last.
    pub left: f64,
}

/// Entries of a text, each with the number of its line, from 1.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().flat_map(|(line, text)| text.split('|').map(move |part| (line + 1, part)));
    lines.map(|(line, part)| (line, part.trim())).filter(|(_, part)| !part.is_empty())
}

impl Schedule {
    /// Parses a schedule.
    ///
    /// # Errors
    /// Fails for an invalid line, and for too many prompts.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut read = entries(text).map(|(line, entry)| parsed(line, entry)).collect::<Result<Vec<_>, _>>()?;
        if read.len() > MOST_PROMPTS {
            let count = read.len();
            return Err(SyntaxError::new(format!(
                "too many prompts: {count}, the limit is {MOST_PROMPTS}; remove some"
            )));
        }
        // `dedup_by` keeps the first of equals, so the reversed list keeps the last prompt of each time.
        read.sort_by(|a, b| a.0.total_cmp(&b.0));
        read.reverse();
        read.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
        read.reverse();
        Ok(Self { entries: read.into() })
    }

    /// The moment at a time from 0 on; none in an empty schedule. With `repeat` above 0, the schedule repeats with that
    /// period.
    ///
    /// Before the first start time, the first prompt is the current one, or, with `repeat`, the last. Prompts at
    /// `repeat` or later have no effect.
    pub fn at(&self, time: f64, repeat: f64) -> Option<Moment<'_>> {
        if repeat <= 0.0 {
            let after = self.entries.partition_point(|(start, _)| *start <= time).max(1);
            let (start, now) = self.entries.get(after - 1)?;
            let next = self.entries.get(after);
            let since = (time - start).max(0.0);
            let left = next.map_or(f64::INFINITY, |(end, _)| end - time);
            return Some(Moment { now, next: next.map_or(now, |(_, prompt)| prompt), since, left });
        }
        let count = self.entries.partition_point(|(start, _)| *start < repeat);
        let entries = &self.entries[..count];
        let time = time.rem_euclid(repeat);
        let after = entries.partition_point(|(start, _)| *start <= time);
        let ((first, opening), (last, closing)) = (entries.first()?, entries.last()?);
        let (start, now) = match after {
            0 => (last - repeat, closing),
            _ => (entries[after - 1].0, &entries[after - 1].1),
        };
        let (end, next) = entries.get(after).map_or((first + repeat, opening), |(end, prompt)| (*end, prompt));
        Some(Moment { now, next, since: time - start, left: end - time })
    }
}

fn parsed(line: usize, entry: &str) -> Result<(f64, Arc<str>), SyntaxError> {
    let wrong = |what: String| {
        let advice = "write a time, a colon and a prompt, such as 0: a red tulip";
        SyntaxError::new(format!("line {line}, {entry:?}: {what}; {advice}"))
    };
    let (time, prompt) = entry.split_once(':').ok_or_else(|| wrong("missing colon".to_owned()))?;
    let (time, prompt) = (time.trim(), prompt.trim());
    let start = finite(time).ok_or_else(|| wrong(format!("{time:?} is not a time")))?;
    if start < 0.0 {
        return Err(wrong(format!("time {time} is negative")));
    }
    if prompt.is_empty() {
        return Err(wrong("missing prompt".to_owned()));
    }
    Ok((start, prompt.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named() {
        for (text, reported) in [
            ("a cat", "line 1, \"a cat\": missing colon"),
            ("0: a cat\n\nnow: a dog", "line 3, \"now: a dog\": \"now\" is not a time"),
            ("0: a cat | 4:", "line 1, \"4:\": missing prompt"),
            ("-1: a cat", "time -1 is negative"),
            ("inf: a cat", "\"inf\" is not a time"),
        ] {
            let why = Schedule::parse(text).expect_err("a mistake").to_string();
            assert!(why.contains(reported) && why.contains("such as 0: a red tulip"), "{text}: {why}");
        }
        assert!(Schedule::parse(&"0: a cat|".repeat(257)).expect_err("a mistake").to_string().contains("256"));
        assert_eq!(Schedule::parse(" \n|\n").expect("a schedule").at(0.0, 0.0), None);
    }

    #[test]
    fn prompts_count_in_the_order_of_their_times() {
        let schedule = Schedule::parse("8: c\n0: a: with a colon | 4: x\n4: b").expect("a schedule");
        let at = |time, repeat| {
            let moment = schedule.at(time, repeat).expect("a moment");
            (&**moment.now, &**moment.next, moment.since, moment.left)
        };
        assert_eq!(at(0.0, 0.0), ("a: with a colon", "b", 0.0, 4.0));
        assert_eq!(at(5.0, 0.0), ("b", "c", 1.0, 3.0));
        assert_eq!(at(9.0, 0.0), ("c", "c", 1.0, f64::INFINITY));
        assert_eq!(at(9.0, 10.0), ("c", "a: with a colon", 1.0, 1.0));
        assert_eq!(at(11.0, 10.0), ("a: with a colon", "b", 1.0, 3.0));
        assert_eq!(at(5.0, 6.0), ("b", "a: with a colon", 1.0, 1.0), "what comes after the end is never there");
        let late = Schedule::parse("2: a, 4: no | 4: b").expect("a schedule");
        assert_eq!(&**late.at(1.0, 0.0).expect("a moment").now, "a, 4: no");
        assert_eq!(&**late.at(1.0, 6.0).expect("a moment").now, "b");
        assert_eq!(late.at(1.0, 6.0).expect("a moment").since, 3.0);
    }
}
