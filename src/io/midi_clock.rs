//! MIDI clock: the ticks of a port, at even times between the frames that carry the beat.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Ticks of a beat.
const TICKS: f64 = 24.0;
/// Ticks of a sixteenth, in which song positions count.
const SIXTEENTH: u64 = 6;
/// The time between frames until it is measured, in seconds.
const INTERVAL: f64 = 1.0 / 16.0;
/// The weight of a new interval in the mean of intervals.
const WEIGHT: f64 = 0.02;
/// The part of a distance from the beat of the frames that is made up in a second.
const CORRECTION: f64 = 2.0;
/// The distance from the beat of the frames, in ticks, beyond which the clock jumps.
const JUMP: f64 = 12.0;

/// The clock of a patch in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InFrame {
    /// True while it runs.
    pub runs: bool,
    /// True if it starts from the beginning.
    pub starts: bool,
    /// The beat at the frame.
    pub beat: f64,
    /// Beats of the frame.
    pub beats: f64,
}

/// A message of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    Tick,
    Start,
    Continue,
    Stop,
    /// Song position in sixteenths.
    Position(u16),
}

impl Message {
    /// Its bytes, the first one or all three.
    pub const fn bytes(self) -> ([u8; 3], usize) {
        match self {
            Self::Tick => ([0xF8, 0, 0], 1),
            Self::Start => ([0xFA, 0, 0], 1),
            Self::Continue => ([0xFB, 0, 0], 1),
            Self::Stop => ([0xFC, 0, 0], 1),
            Self::Position(sixteenths) => ([0xF2, (sixteenths & 0x7F) as u8, (sixteenths >> 7 & 0x7F) as u8], 3),
        }
    }
}

/// The clock of a port.
#[derive(Debug, Default)]
pub struct Clock {
    run: Option<Run>,
    /// Messages that are due.
    due: VecDeque<Message>,
}

#[derive(Debug)]
struct Run {
    state: State,
    /// The position in ticks at a time.
    position: f64,
    at: Instant,
    /// Ticks a second.
    rate: f64,
    /// The position at which the clock waits for the next frame.
    limit: f64,
    /// The next tick.
    next: u64,
    /// The time of the last frame, and the mean time between frames in seconds.
    frame: Instant,
    interval: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Stopped at the beginning.
    Ready,
    Stopped,
    /// It runs, and the receiver joins at the next sixteenth.
    Joins,
    Runs,
}

impl Clock {
    /// Takes the clock of a frame; none if the patch has none.
    pub fn update(&mut self, now: Instant, beat: Option<InFrame>) {
        let Some(InFrame { runs, starts, beat, beats }) = beat else { return self.end() };
        let (target, step) = (TICKS * beat, TICKS * beats);
        if starts {
            // The interval that was measured stays.
            if let Some(run) = &mut self.run {
                run.advance(now);
                (run.state, run.position) = (State::Ready, target);
                run.place();
            }
        }
        let run = self.run.get_or_insert_with(|| {
            let state = if starts { State::Ready } else { State::Joins };
            let (rate, limit, interval) = (step / INTERVAL, target, INTERVAL);
            let mut run = Run { state, position: target, at: now, rate, limit, next: 0, frame: now, interval };
            run.place();
            run
        });
        run.advance(now);
        let since = now.saturating_duration_since(run.frame).as_secs_f64();
        if since > 0.0 {
            // A pause is not an interval.
            run.interval += WEIGHT * (since.min(4.0 * run.interval) - run.interval);
        }
        run.frame = now;
        let behind = target - run.position;
        if behind.abs() > JUMP {
            run.position = target;
            if run.state == State::Runs {
                run.state = State::Joins;
            }
            run.place();
        }
        run.rate = if step > 0.0 { (step / run.interval + CORRECTION * (target - run.position)).max(0.0) } else { 0.0 };
        // A late frame costs no tick; after two, the clock waits.
        run.limit = target + 2.0 * step;
        run.state = match (run.state, runs) {
            (State::Ready, true) => {
                self.due.push_back(Message::Start);
                State::Runs
            }
            (State::Stopped, true) => {
                self.due.push_back(Message::Continue);
                State::Runs
            }
            (State::Runs, false) => {
                self.due.push_back(Message::Stop);
                State::Stopped
            }
            (State::Joins, false) => State::Stopped,
            (state, _) => state,
        };
    }

    /// The next message that is due, or none and the time until one may be.
    pub fn next(&mut self, now: Instant) -> Result<Message, Duration> {
        if let Some(tick) = self.due.pop_front() {
            return Ok(tick);
        }
        let Some(run) = self.run.as_mut().filter(|run| matches!(run.state, State::Joins | State::Runs)) else {
            return Err(Duration::MAX);
        };
        run.advance(now);
        let rest = run.next as f64 - run.position;
        if rest > 0.0 {
            let is_beyond = run.next as f64 > run.limit || run.rate <= 0.0;
            return Err(if is_beyond { Duration::MAX } else { Duration::from_secs_f64((rest / run.rate).min(1.0)) });
        }
        run.next += 1;
        if run.state == State::Runs {
            return Ok(Message::Tick);
        }
        run.state = State::Runs;
        self.due.extend([Message::Continue, Message::Tick]);
        Ok(Message::Position(((run.next - 1) / SIXTEENTH) as u16))
    }

    /// Ends the clock: a running receiver stops.
    pub fn end(&mut self) {
        if self.run.take().is_some_and(|run| run.state == State::Runs) {
            self.due.push_back(Message::Stop);
        }
    }
}

impl Run {
    fn advance(&mut self, now: Instant) {
        let secs = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.position = (self.position + self.rate * secs).min(self.limit.max(self.position));
    }

    /// Sets the next tick: that of a sixteenth, if the receiver joins.
    fn place(&mut self) {
        let each = if self.state == State::Joins { SIXTEENTH } else { 1 };
        // Beats are never below 0. Rounding must not skip a tick.
        self.next = ((self.position - 1e-6).max(0.0) / each as f64).ceil() as u64 * each;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: f64 = 1.0 / 16.0;

    /// The messages of a clock in steps of a tenth of a millisecond, with their times in seconds. `frames` has the time and beat of each frame.
    fn played(frames: &[(f64, Option<InFrame>)], secs: f64) -> Vec<(f64, Message)> {
        let (begin, mut clock, mut frames) = (Instant::now(), Clock::default(), frames.iter().peekable());
        let mut sent = Vec::new();
        for step in 0..(secs * 1e4) as u64 {
            let at = step as f64 * 1e-4;
            let now = begin + Duration::from_secs_f64(at);
            while let Some((_, beat)) = frames.next_if(|(time, _)| *time <= at) {
                clock.update(now, *beat);
            }
            while let Ok(tick) = clock.next(now) {
                sent.push((at, tick));
            }
        }
        sent
    }

    /// Frames at a tempo, each late by up to `noise` seconds.
    fn frames(tempo: f64, secs: f64, noise: f64) -> Vec<(f64, Option<InFrame>)> {
        let beats = tempo / 60.0 * FRAME;
        let mut state = 1_u64;
        (0..(secs / FRAME) as usize)
            .map(|index| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let late = noise * (state >> 33) as f64 / f64::from(1_u32 << 31);
                let beat = InFrame { runs: true, starts: index == 0, beat: beats * index as f64, beats };
                (index as f64 * FRAME + late, Some(beat))
            })
            .collect()
    }

    fn ticks(sent: &[(f64, Message)]) -> Vec<f64> {
        sent.iter().filter(|(_, tick)| *tick == Message::Tick).map(|(at, _)| *at).collect()
    }

    #[test]
    fn ticks_are_even_and_none_is_missing_though_frames_come_unevenly() {
        for tempo in [40.0, 120.0, 174.0, 300.0] {
            let sent = played(&frames(tempo, 30.0, 0.01), 30.0);
            let ticks = ticks(&sent);
            let period = 60.0 / tempo / 24.0;
            assert_eq!((sent[0].1, sent[1].1), (Message::Start, Message::Tick));
            assert!((ticks.len() as f64 - 30.0 / period).abs() <= 3.0, "{tempo}: {} ticks", ticks.len());
            // After two seconds the clock has settled.
            let settled: Vec<f64> = ticks.iter().copied().filter(|at| *at > 2.0).collect();
            let worst = settled.windows(2).map(|pair| (pair[1] - pair[0] - period).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-3, "{tempo}: {worst} s");
            // Frames are late by 5 ms on average.
            let drift =
                ticks.iter().enumerate().map(|(index, at)| (at - index as f64 * period).abs()).fold(0.0, f64::max);
            assert!(drift < 0.02, "{tempo}: {drift} s");
        }
    }

    #[test]
    fn a_clock_stops_and_goes_on_and_starts_again() {
        let (beats, mut all) = (0.125, Vec::new());
        let mut beat = 0.0;
        for index in 0_u32..96 {
            // A stop for 2 s, then on; at 5 s from the beginning.
            let (runs, starts) = (!(32..64).contains(&index), index == 0 || index == 80);
            if starts {
                beat = 0.0;
            }
            let dt = if runs { beats } else { 0.0 };
            all.push((f64::from(index) * FRAME, Some(InFrame { runs, starts, beat, beats: dt })));
            beat += dt;
        }
        let sent = played(&all, 6.0);
        let commands: Vec<(u32, Message)> = sent
            .iter()
            .filter(|(_, tick)| *tick != Message::Tick)
            .map(|(at, tick)| ((at * 16.0).round() as u32, *tick))
            .collect();
        assert_eq!(commands, [(0, Message::Start), (32, Message::Stop), (64, Message::Continue), (80, Message::Start)]);
        let ticks = ticks(&sent);
        assert!(!ticks.iter().any(|at| (2.01..4.0).contains(at)), "{ticks:?}");
        let of = |from: f64, to: f64| ticks.iter().filter(|at| (from..to).contains(*at)).count();
        assert!(of(0.0, 2.01).abs_diff(96) <= 2 && of(4.0, 5.0).abs_diff(48) <= 2 && of(5.0, 6.0).abs_diff(48) <= 2);
    }

    #[test]
    fn without_frames_the_clock_waits_and_then_goes_on() {
        let mut all = frames(120.0, 4.0, 0.0);
        // The engine pauses for three seconds after two.
        all.iter_mut().skip(32).for_each(|(at, _)| *at += 3.0);
        let sent = played(&all, 7.0);
        assert!(sent.iter().all(|(_, tick)| matches!(tick, Message::Start | Message::Tick)), "no jump");
        let ticks = ticks(&sent);
        assert!(ticks.iter().filter(|at| (2.0..5.0).contains(*at)).count() <= 7, "two frames at most");
        assert!(ticks.len().abs_diff(192) <= 4, "{}", ticks.len());
    }

    #[test]
    fn a_receiver_that_comes_later_joins_at_a_sixteenth() {
        let late: Vec<_> = frames(120.0, 4.0, 0.0).into_iter().skip(17).collect();
        let sent = played(&late, 4.0);
        // Frame 17 is at tick 51; the next sixteenth is the ninth, at tick 54.
        assert_eq!(
            sent[..3].iter().map(|(_, tick)| *tick).collect::<Vec<_>>(),
            [Message::Position(9), Message::Continue, Message::Tick]
        );
        assert!((sent[0].0 - 54.0 / 48.0).abs() < 2e-3, "{}", sent[0].0);
        assert_eq!(Message::Position(300).bytes(), ([0xF2, 44, 2], 3));
    }

    #[test]
    fn a_clock_that_is_gone_stops() {
        let mut all = frames(120.0, 1.0, 0.0);
        all.push((1.0, None));
        let sent = played(&all, 3.0);
        assert_eq!(sent.last().map(|(_, tick)| *tick), Some(Message::Stop));
        assert!(played(&[(0.0, None)], 0.1).is_empty());
    }
}
