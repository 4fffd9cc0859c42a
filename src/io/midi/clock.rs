//! Tempo and beat of a MIDI clock, by a phase-locked loop over its ticks.

use std::time::{Duration, Instant};

use super::parser::Message;

/// Ticks of a quarter note.
const TICKS: f64 = 24.0;
/// Ticks of a sixteenth note, the unit of the song position.
const SIXTEENTH: i64 = 6;
/// Longest pause of a clock. After it, the loop starts again and keeps the tempo.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Slowest and fastest tempo of a clock, in beats per minute.
const TEMPI: (f64, f64) = (20.0, 400.0);
/// Least part of an error that the loop corrects in its phase, and of that in its period.
const PHASE_GAIN: f64 = 0.02;
const PERIOD_GAIN: f64 = PHASE_GAIN * PHASE_GAIN / 2.0;
/// Ticks after which the period is sure enough to count missing ones.
const SURE: f64 = 8.0;
/// Mean error of the latest ticks, as a part of a tick, that is a change of tempo; and the count of those ticks.
const CHANGE: f64 = 0.25;
const MEAN: f64 = 4.0;

/// The state of a clock at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    /// The time.
    pub(super) at: Instant,
    /// Beats per minute.
    pub(super) tempo: f64,
    /// Beats since the start of the song.
    pub(super) beat: f64,
    /// False after a stop.
    pub(super) is_running: bool,
}

impl Position {
    /// Numbers of the event: tempo, beat, and 1 while the clock runs.
    pub(super) fn numbers(&self) -> [f64; 3] {
        [self.tempo, self.beat, f64::from(u8::from(self.is_running))]
    }
}

/// A clock that follows ticks.
#[derive(Debug, Default)]
pub(super) struct Clock {
    lock: Option<Lock>,
    /// Count of ticks since the start of the song: that of the latest tick.
    tick: i64,
    is_stopped: bool,
    /// Seconds from tick to tick, as known before a pause.
    period: Option<f64>,
}

/// The loop.
#[derive(Clone, Copy, Debug)]
struct Lock {
    /// Time of the latest tick without its noise.
    at: Instant,
    /// Seconds from tick to tick; none after the first tick.
    period: Option<f64>,
    /// Count of ticks, up to a limit: the more there are, the less each one counts.
    ticks: f64,
    /// Mean error of the latest ticks, in seconds.
    error: f64,
}

impl Clock {
    /// Takes a message. Returns the position after a start or stop, and at each sixteenth note.
    pub(super) fn take(&mut self, now: Instant, message: Message) -> Option<Position> {
        match message {
            Message::Clock => {
                let passed = self.follow(now);
                if self.is_stopped || passed == 0 {
                    return None;
                }
                let before = self.tick;
                self.tick += passed;
                // After a gap the sixteenth may lie before this tick.
                let is_sixteenth = self.tick.div_euclid(SIXTEENTH) > before.div_euclid(SIXTEENTH);
                return is_sixteenth.then(|| self.position()).flatten();
            }
            // The tick after a start is the first of the song.
            Message::Start => (self.tick, self.is_stopped) = (-1, false),
            Message::Continue => self.is_stopped = false,
            Message::Stop => self.is_stopped = true,
            Message::SongPosition(sixteenths) => self.tick = i64::from(sixteenths) * SIXTEENTH - 1,
            _ => return None,
        }
        self.position().map(|position| Position { at: now, beat: (self.tick.max(0) as f64) / TICKS, ..position })
    }

    /// The position at the latest tick; none before the tempo is known.
    fn position(&self) -> Option<Position> {
        let period = self.lock.and_then(|lock| lock.period).or(self.period)?;
        let (low, high) = TEMPI;
        Some(Position {
            at: self.lock?.at,
            tempo: (60.0 / TICKS / period).clamp(low, high),
            beat: self.tick as f64 / TICKS,
            is_running: !self.is_stopped,
        })
    }

    /// Corrects the loop by a tick. Returns the number of ticks since the one before: 1, more after missing ones, 0 for
    /// one too many.
    fn follow(&mut self, now: Instant) -> i64 {
        let Some(lock) = self.lock.filter(|lock| now.saturating_duration_since(lock.at) < LONGEST_PAUSE) else {
            self.period = self.lock.and_then(|lock| lock.period).or(self.period);
            self.lock = Some(Lock { at: now, period: None, ticks: 1.0, error: 0.0 });
            return 1;
        };
        let passed = now.saturating_duration_since(lock.at).as_secs_f64();
        let Some(period) = lock.period else {
            self.lock = Some(Lock { at: now, period: Some(passed.max(1e-3)), ticks: 2.0, error: 0.0 });
            return 1;
        };
        let early = lock.at.saturating_duration_since(now).as_secs_f64();
        let offset = passed - early;
        // Early in the loop the period is unsure, so that no tick counts as missing.
        let steps = if lock.ticks < SURE { 1.0 } else { (offset / period).round().clamp(0.0, 48.0) };
        let error = offset - steps.max(1.0) * period;
        let mean = lock.error + (error.clamp(-0.5 * period, 0.5 * period) - lock.error) / MEAN;
        if lock.ticks > TICKS && mean.abs() > CHANGE * period {
            // Another tempo: the loop begins again with this interval.
            let period = (offset / steps.max(1.0)).clamp(1e-3, 0.5);
            self.lock = Some(Lock { at: now, period: Some(period), ticks: 2.0, error: 0.0 });
            return steps.max(1.0) as i64;
        }
        if steps == 0.0 {
            self.lock = Some(Lock { error: mean, ..lock });
            return 0;
        }
        let ticks = lock.ticks + 1.0;
        // The gains of a least-squares fit to all ticks so far, until they reach those of a lasting loop.
        let phase_gain = (2.0 * (2.0 * ticks - 1.0) / (ticks * (ticks + 1.0))).clamp(PHASE_GAIN, 1.0);
        let period_gain = (6.0 / (ticks * (ticks + 1.0))).max(PERIOD_GAIN);
        let moved = steps * period + phase_gain * error;
        self.lock = Some(Lock {
            at: lock.at + Duration::from_secs_f64(moved.max(0.0)),
            period: Some((period + period_gain * error / steps).clamp(1e-3, 0.5)),
            ticks,
            error: mean,
        });
        steps as i64
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "beats are exact")]

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Positions for ticks at these seconds, each with the error of its beat in milliseconds at a tempo.
    fn follow(ticks: impl IntoIterator<Item = f64>) -> Vec<(f64, Position)> {
        let (mut clock, begin) = (Clock::default(), Instant::now());
        let mut positions = Vec::new();
        for secs in ticks {
            let now = begin + Duration::from_secs_f64(secs);
            positions.extend(
                clock.take(now, Message::Clock).map(|position| ((position.at - begin).as_secs_f64(), position)),
            );
        }
        positions
    }

    fn noise(seed: u64, most: f64) -> impl FnMut() -> f64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        move || (f64::from(random.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0) * most
    }

    const TICK: f64 = 60.0 / 120.0 / TICKS;

    #[test]
    fn noise_of_5_ms_leaves_a_jitter_below_1_ms() {
        for seed in 0..20 {
            let mut noise = noise(seed, 0.005);
            let positions = follow((0..24 * 120).map(|tick| 1.0 + f64::from(tick) * TICK + noise()));
            let settled = positions.iter().filter(|(secs, _)| *secs > 9.0);
            let errors: Vec<f64> =
                settled.clone().map(|(secs, position)| secs - 1.0 - (position.beat - 1.0 / TICKS) * 0.5).collect();
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            let jitter = (errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / errors.len() as f64).sqrt();
            assert!(jitter < 0.001 && mean.abs() < 0.001, "seed {seed}: {jitter} s, mean {mean} s");
            assert!(
                settled.map(|(_, position)| position.tempo).all(|tempo| (tempo - 120.0).abs() < 1.0),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn a_missing_tick_does_not_jump_and_a_double_one_does_not_count() {
        let all = || (0..24 * 20).map(|tick| f64::from(tick) * TICK);
        let whole = follow(all());
        let gaps = follow(
            all().enumerate().filter(|(index, _)| ![100, 200, 201, 202, 300].contains(index)).map(|(_, secs)| secs),
        );
        let double = follow(
            all().flat_map(|secs| if secs > 5.0 && secs < 5.02 { vec![secs, secs + 0.001] } else { vec![secs] }),
        );
        for (name, positions) in [("gaps", gaps), ("double", double)] {
            let (last, expected) = (positions.last().expect("ticks"), whole.last().expect("ticks"));
            assert_eq!(last.1.beat, expected.1.beat, "{name}");
            for (secs, position) in positions {
                assert!((secs - (position.beat - 1.0 / TICKS) * 0.5).abs() < 0.001, "{name} at {secs}: {position:?}");
            }
        }
    }

    #[test]
    fn another_tempo_is_followed_within_two_seconds() {
        let mut secs = 0.0;
        let ticks: Vec<f64> = (0..24 * 40)
            .map(|tick| {
                secs += if tick < 24 * 20 { TICK } else { 60.0 / 140.0 / TICKS };
                secs
            })
            .collect();
        let positions = follow(ticks);
        let tempo_at = |secs: f64| positions.iter().rfind(|(at, _)| *at <= secs).map(|(_, position)| position.tempo);
        assert!((tempo_at(9.9).expect("ticks") - 120.0).abs() < 0.01);
        assert!((tempo_at(12.0).expect("ticks") - 140.0).abs() < 1.0, "{:?}", tempo_at(12.0));
        assert!((tempo_at(16.0).expect("ticks") - 140.0).abs() < 0.1, "{:?}", tempo_at(16.0));
    }

    #[test]
    fn start_stop_continue_and_song_position_set_the_beat() {
        let (mut clock, begin) = (Clock::default(), Instant::now());
        let mut now = begin;
        let mut run = |clock: &mut Clock, ticks: u32| {
            let mut last = None;
            for _ in 0..ticks {
                now += Duration::from_secs_f64(TICK);
                last = clock.take(now, Message::Clock).or(last);
            }
            (last, now)
        };
        assert!(clock.take(begin, Message::Start).is_none(), "no tempo is known");
        let (last, now) = run(&mut clock, 25);
        assert_eq!(last.expect("ticks").beat, 1.0, "the first tick is beat 0");
        let stopped = clock.take(now, Message::Stop).expect("a position");
        assert_eq!((stopped.beat, stopped.is_running), (1.0, false));
        let (last, now) = run(&mut clock, 48);
        assert!(last.is_none(), "ticks go on, the beat does not");
        let moved = clock.take(now, Message::SongPosition(16)).expect("a position");
        assert!(!moved.is_running && (moved.beat - 4.0).abs() < 0.05, "{moved:?}");
        assert!(clock.take(now, Message::Continue).expect("a position").is_running);
        let (last, now) = run(&mut clock, 1);
        assert_eq!(last.expect("a sixteenth").beat, 4.0);
        assert_eq!(clock.take(now, Message::Start).expect("a position").beat, 0.0);
    }

    #[test]
    fn ticks_in_any_order_are_no_trouble() {
        let mut noise = noise(1, 3.0);
        for (_, position) in follow((0..5000).map(|tick| 10.0 + f64::from(tick) * 0.01 + noise())) {
            assert!(position.tempo.is_finite() && position.beat.is_finite());
        }
    }
}
