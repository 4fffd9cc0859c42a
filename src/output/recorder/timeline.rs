//! Places of frames in a recording.

use std::time::{Duration, Instant};

use crate::sound::RATE;

/// The longest time that one picture fills, in seconds. A longer interruption is left out.
const MOST_SECS: f64 = 60.0;
/// The part of a picture's time by which it may be late without moving: timers and threads are not exact.
const SLACK: f64 = 0.25;

/// The measure of time of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The numbers of frames: a missing number is a missing picture.
    Number,
    /// The times at which frames were shown.
    Clock,
}

/// The places of frames at a constant rate.
#[derive(Debug)]
pub struct Timeline {
    frame_rate: f64,
    way: Way,
    pictures: u64,
    /// The number of the last frame; none at the start and after a pause.
    last: Option<u64>,
    /// The time of the first picture, later by all pauses.
    origin: Option<Instant>,
    /// The start of the present pause.
    paused: Option<Instant>,
}

impl Timeline {
    /// A recording without pictures.
    pub fn new(frame_rate: f64, way: Way) -> Self {
        Self { frame_rate, way, pictures: 0, last: None, origin: None, paused: None }
    }

    /// Pictures so far.
    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    /// Counts a picture.
    pub fn count(&mut self) {
        self.pictures += 1;
    }

    /// Leaves out the time from now on.
    pub fn pause(&mut self, at: Instant) {
        self.last = None;
        self.paused.get_or_insert(at);
    }

    /// Repeats of the last picture before a frame; none if the frame has no place.
    pub fn place(&mut self, number: u64, at: Instant) -> Option<u64> {
        let origin = *self.origin.get_or_insert(at);
        if let Some(paused) = self.paused.take() {
            self.origin = Some(if self.pictures == 0 { at } else { origin + at.saturating_duration_since(paused) });
        }
        let most = (MOST_SECS * self.frame_rate) as u64;
        let last = self.last.replace(number);
        match (self.way, last) {
            (_, None) => Some(0),
            (Way::Number, Some(last)) => Some(number.saturating_sub(last + 1)).filter(|gap| *gap <= most).or(Some(0)),
            (Way::Clock, Some(_)) => {
                let ahead = self.place_at(at) - self.pictures as f64 + SLACK;
                if ahead < -1.0 {
                    return None;
                }
                let repeats = ahead.max(0.0) as u64;
                if repeats > most {
                    let left_out = repeats as f64 / self.frame_rate;
                    self.origin = self.origin.map(|origin| origin + Duration::from_secs_f64(left_out));
                    return Some(0);
                }
                Some(repeats)
            }
        }
    }

    /// The place of a time, in pictures.
    fn place_at(&self, at: Instant) -> f64 {
        let origin = self.origin.unwrap_or(at);
        let secs = match at.checked_duration_since(origin) {
            Some(since) => since.as_secs_f64(),
            None => -(origin - at).as_secs_f64(),
        };
        secs * self.frame_rate
    }

    /// The start of a picture, in samples of sound.
    pub fn samples(&self, picture: u64) -> u64 {
        (picture as f64 / self.frame_rate * f64::from(RATE)).round() as u64
    }

    /// The place of a time, in samples of sound; none before the first picture.
    pub fn sample_at(&self, at: Instant) -> Option<i64> {
        self.origin?;
        Some((self.place_at(at) / self.frame_rate * f64::from(RATE)).round() as i64)
    }

    /// True if a time lies before the end of the last picture.
    pub fn is_past(&self, at: Instant) -> bool {
        self.place_at(at) <= self.pictures as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(way: Way, shots: &[(u64, f64)]) -> Vec<Option<u64>> {
        let (start, mut timeline) = (Instant::now(), Timeline::new(16.0, way));
        let place = |&(number, pictures): &(u64, f64)| {
            let repeats = timeline.place(number, start + Duration::from_secs_f64(pictures / 16.0));
            (0..repeats.map_or(0, |repeats| repeats + 1)).for_each(|_| timeline.count());
            repeats
        };
        shots.iter().map(place).collect()
    }

    #[test]
    fn a_missing_number_is_a_missing_picture() {
        let shots = [(7, 0.0), (8, 9.0), (11, 12.0), (0, 13.0), (1, 14.0), (9999, 15.0)];
        let wanted = [0, 0, 2, 0, 0, 0].map(Some);
        assert_eq!(places(Way::Number, &shots), wanted, "a restart and a leap are no gap");
    }

    #[test]
    fn frames_keep_the_time_at_which_they_were_shown() {
        let jitter = [(0, 0.0), (1, 1.3), (2, 1.9), (3, 3.6), (4, 3.7), (5, 5.0)];
        assert_eq!(places(Way::Clock, &jitter), [Some(0); 6], "timers are not exact");
        let slow = [(0, 0.0), (1, 3.0), (2, 6.0)];
        assert_eq!(places(Way::Clock, &slow), [Some(0), Some(2), Some(2)]);
        let fast = [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 4.0)];
        assert_eq!(places(Way::Clock, &fast), [Some(0), Some(0), None, None, Some(2)]);
        let stalled = [(0, 0.0), (1, 16.0 * 600.0), (2, 16.0 * 600.0 + 1.0)];
        assert_eq!(places(Way::Clock, &stalled), [Some(0), Some(0), Some(0)], "ten minutes are left out");
    }

    #[test]
    fn a_pause_takes_no_time() {
        let (start, mut timeline) = (Instant::now(), Timeline::new(16.0, Way::Clock));
        let at = |pictures: f64| start + Duration::from_secs_f64(pictures / 16.0);
        assert_eq!(timeline.place(0, at(0.0)), Some(0));
        timeline.count();
        timeline.pause(at(1.0));
        timeline.pause(at(2.0));
        assert_eq!(timeline.place(100, at(100.0)), Some(0));
        timeline.count();
        assert_eq!(timeline.place(101, at(101.0)), Some(0));
        assert_eq!(timeline.sample_at(at(101.0)), Some(2 * 3000));
    }
}
