//! Tempo and beat that another program sends: `/bend/tempo`, `/bend/beat`, `/bend/start`, `/bend/continue`, `/bend/stop`.

use std::time::Instant;

/// The addresses, with what each does.
pub(super) const ADDRESSES: [(&str, &str); 5] = [
    ("/bend/tempo", "Sets the tempo, in beats per minute."),
    ("/bend/beat", "Sets the beat, from 0. Without a tempo, two beats give it."),
    ("/bend/start", "Starts the clock at beat 0."),
    ("/bend/continue", "Starts the clock at its beat."),
    ("/bend/stop", "Stops the clock."),
];

/// Slowest and fastest tempo, in beats per minute.
const TEMPI: (f64, f64) = (20.0, 400.0);
/// Longest time between two beats that give a tempo, in seconds.
const LONGEST: f64 = 12.0;
/// The number from which on a message is a press.
const PRESSED: f64 = 0.5;

/// The clock of another program.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    /// Beats per minute.
    per_min: Option<f64>,
    /// True once the program sends its tempo; until then, beats give it.
    is_sent: bool,
    /// A beat and its time.
    beat: Option<(Instant, f64)>,
    /// The latest beat that the program sent, and its time.
    sent_beat: Option<(Instant, f64)>,
    is_stopped: bool,
}

impl Tempo {
    /// Takes the first number of a message to an address; none for a press. Returns tempo, beat, and 1 while the clock runs,
    /// if the message is of the clock and its tempo is known.
    pub(super) fn take(&mut self, at: Instant, address: &str, number: Option<f64>) -> Option<[f64; 3]> {
        let is_pressed = number.is_none_or(|number| number >= PRESSED);
        match (address, number) {
            ("/bend/tempo", Some(tempo)) if tempo > 0.0 => {
                self.beat = Some((at, self.beat_at(at)));
                self.per_min = Some(tempo.clamp(TEMPI.0, TEMPI.1));
                self.is_sent = true;
            }
            ("/bend/beat", Some(beat)) => {
                let before = self.sent_beat.replace((at, beat));
                if let Some(tempo) = before.and_then(|before| tempo_between(before, (at, beat)))
                    && !self.is_sent
                {
                    self.per_min = Some(tempo);
                }
                self.beat = Some((at, beat));
            }
            ("/bend/start", _) if is_pressed => {
                (self.beat, self.is_stopped, self.sent_beat) = (Some((at, 0.0)), false, None);
            }
            ("/bend/continue", _) if is_pressed => {
                (self.beat, self.is_stopped, self.sent_beat) = (Some((at, self.beat_at(at))), false, None);
            }
            ("/bend/stop", _) if is_pressed => {
                (self.beat, self.is_stopped, self.sent_beat) = (Some((at, self.beat_at(at))), true, None);
            }
            _ => return None,
        }
        Some([self.per_min?, self.beat_at(at), f64::from(u8::from(!self.is_stopped))])
    }

    fn beat_at(&self, at: Instant) -> f64 {
        let Some((since, beat)) = self.beat else { return 0.0 };
        let rate = if self.is_stopped { 0.0 } else { self.per_min.unwrap_or_default() / 60.0 };
        beat + rate * secs(since, at)
    }
}

/// The tempo of two beats; none if no tempo leads from one to the other.
fn tempo_between((from, first): (Instant, f64), (to, second): (Instant, f64)) -> Option<f64> {
    let passed = secs(from, to);
    let tempo = (second - first) / passed * 60.0;
    (passed > 0.0 && passed <= LONGEST && (TEMPI.0..=TEMPI.1).contains(&tempo)).then_some(tempo)
}

/// Seconds from one time to another, which may be earlier: a bundle may name any time.
fn secs(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() - from.saturating_duration_since(to).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The positions after messages, each after so many milliseconds.
    fn after(messages: &[(u64, &str, Option<f64>)]) -> Vec<Option<[f64; 3]>> {
        let (mut tempo, begin) = (Tempo::default(), Instant::now());
        let take = |(millis, address, number): &(u64, &str, Option<f64>)| {
            let position = tempo.take(begin + Duration::from_millis(*millis), address, *number)?;
            Some(position.map(|x| (x * 1e6).round() / 1e6))
        };
        messages.iter().map(take).collect()
    }

    #[test]
    fn the_beat_runs_on_with_the_tempo() {
        let positions = after(&[
            (0, "/bend/tempo", Some(120.0)),
            (1000, "/bend/tempo", Some(60.0)),
            (2000, "/bend/beat", Some(16.0)),
            (3000, "/bend/stop", Some(1.0)),
            (9000, "/bend/continue", None),
            (10_000, "/bend/tempo", Some(90.0)),
            (11_000, "/bend/start", Some(1.0)),
            (11_100, "/bend/start", Some(0.0)),
        ]);
        let expected = [
            Some([120.0, 0.0, 1.0]),
            Some([60.0, 2.0, 1.0]),
            Some([60.0, 16.0, 1.0]),
            Some([60.0, 17.0, 0.0]),
            Some([60.0, 17.0, 1.0]),
            Some([90.0, 18.0, 1.0]),
            Some([90.0, 0.0, 1.0]),
            None,
        ];
        assert_eq!(positions, expected);
    }

    #[test]
    fn beats_alone_give_the_tempo_until_it_is_sent() {
        let positions = after(&[
            (0, "/bend/beat", Some(4.0)),
            (500, "/bend/beat", Some(5.0)),
            (900, "/bend/beat", Some(0.0)),
            (1300, "/bend/beat", Some(1.0)),
            (1400, "/bend/tempo", Some(100.0)),
            (1900, "/bend/beat", Some(2.0)),
        ]);
        let expected = [
            None,
            Some([120.0, 5.0, 1.0]),
            Some([120.0, 0.0, 1.0]),
            Some([150.0, 1.0, 1.0]),
            Some([100.0, 1.25, 1.0]),
            Some([100.0, 2.0, 1.0]),
        ];
        assert_eq!(positions, expected);
    }

    #[test]
    fn other_messages_and_odd_numbers_have_no_effect() {
        let positions = after(&[
            (0, "/bend/tempo", Some(0.0)),
            (0, "/bend/tempo", None),
            (0, "/bend/beat", None),
            (0, "/bend/tempo/x", Some(120.0)),
            (0, "/bend/stop", Some(1.0)),
            (0, "/bend/tempo", Some(1e9)),
        ]);
        assert_eq!(positions, [None, None, None, None, None, Some([400.0, 0.0, 0.0])]);
    }
}
