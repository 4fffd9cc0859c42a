//! Controllers of 14 bits, NRPNs and RPNs, assembled from control changes.

use std::time::{Duration, Instant};

use bendrack_nodes::input::ControlName;

/// Distance from the controller of the upper 7 bits to that of the lower ones.
const LOWER: u8 = 32;
/// Longest time from the upper bits to the lower ones.
const PAIR: Duration = Duration::from_millis(5);
/// Pairs in a row after which two controllers are one of 14 bits.
const PAIRS: u8 = 3;
/// Upper bits without lower ones after which they are two controllers again.
const MOST_ALONE: u8 = 3;
/// Largest value in 14 bits, and in 7.
const FINE: f64 = 16383.0;
const COARSE: f64 = 127.0;

/// The controllers of a port.
#[derive(Debug)]
pub(super) struct Controllers {
    channels: [Channel; 16],
}

impl Default for Controllers {
    fn default() -> Self {
        Self { channels: std::array::from_fn(|_| Channel::default()) }
    }
}

#[derive(Debug)]
struct Channel {
    /// Controllers 0 to 31.
    halves: [Halves; LOWER as usize],
    /// The upper bits of the latest message, if it is one of a controller below 32.
    latest: Option<(u8, Instant)>,
    /// The parameter that data entry changes.
    parameter: Parameter,
    data: Halves,
}

/// The two halves of a controller.
#[derive(Clone, Copy, Debug, Default)]
struct Halves {
    upper: u8,
    lower: u8,
    /// Pairs in a row.
    pairs: u8,
    /// Upper bits in a row without lower ones.
    alone: u8,
}

/// The selection of a parameter.
#[derive(Clone, Copy, Debug, Default)]
struct Parameter {
    /// True for a registered parameter.
    is_registered: bool,
    upper: Option<u8>,
    lower: Option<u8>,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            halves: [Halves::default(); LOWER as usize],
            latest: None,
            parameter: Parameter::default(),
            data: Halves::default(),
        }
    }
}

impl Controllers {
    /// The control that a control change moves, and its value of 0 to 1.
    pub(super) fn change(&mut self, now: Instant, channel: u8, number: u8, value: u8) -> (ControlName, f64) {
        let of = &mut self.channels[usize::from(channel - 1) & 0x0F];
        let latest = of.latest.take();
        let plain = (ControlName::Cc { channel, number }, f64::from(value) / COARSE);
        match number {
            98..=101 => {
                of.parameter.select(number, value);
                of.data = Halves { pairs: of.data.pairs, ..Halves::default() };
                plain
            }
            6 | 38 | 96 | 97 if let Some(name) = of.parameter.name(channel) => (name, of.data.enter(number, value)),
            0..LOWER => {
                of.latest = Some((number, now));
                let halves = &mut of.halves[usize::from(number)];
                halves.set_upper(value);
                let is_fine = halves.is_fine(PAIRS);
                if is_fine { (plain.0, halves.value()) } else { plain }
            }
            LOWER..64 => {
                let upper = number - LOWER;
                let halves = &mut of.halves[usize::from(upper)];
                let is_next =
                    latest.is_some_and(|(latest, at)| latest == upper && now.saturating_duration_since(at) <= PAIR);
                halves.set_lower(value, is_next);
                let whole = ControlName::Cc { channel, number: upper };
                if halves.is_fine(PAIRS) { (whole, halves.value()) } else { plain }
            }
            _ => plain,
        }
    }
}

impl Halves {
    /// True once both halves belong together.
    const fn is_fine(self, pairs: u8) -> bool {
        self.pairs >= pairs
    }

    fn value(self) -> f64 {
        f64::from(u16::from(self.upper) << 7 | u16::from(self.lower)) / FINE
    }

    /// Takes the upper bits. Until the lower ones come, the value is the nearest with these upper bits.
    fn set_upper(&mut self, value: u8) {
        self.alone = (self.alone + 1).min(MOST_ALONE + 1);
        if self.alone > MOST_ALONE {
            self.pairs = 0;
        }
        self.lower = match value.cmp(&self.upper) {
            std::cmp::Ordering::Less => 127,
            std::cmp::Ordering::Equal => self.lower,
            std::cmp::Ordering::Greater => 0,
        };
        self.upper = value;
    }

    /// Takes the lower bits. `is_next` is true if they follow their upper bits at once.
    fn set_lower(&mut self, value: u8, is_next: bool) {
        if is_next {
            self.pairs = (self.pairs + 1).min(PAIRS);
            self.alone = 0;
        } else if self.pairs < PAIRS {
            self.pairs = 0;
        }
        self.lower = value;
    }

    /// The value of a parameter after data entry, an increment or a decrement.
    fn enter(&mut self, number: u8, value: u8) -> f64 {
        match number {
            6 => self.set_upper(value),
            38 => self.set_lower(value, true),
            _ => {
                let whole = u16::from(self.upper) << 7 | u16::from(self.lower);
                let step = if self.is_fine(1) { 1 } else { 128 };
                let moved =
                    if number == 96 { whole.saturating_add(step) } else { whole.saturating_sub(step) }.min(16383);
                (self.upper, self.lower) = ((moved >> 7) as u8, (moved & 0x7F) as u8);
            }
        }
        if self.is_fine(1) { self.value() } else { f64::from(self.upper) / COARSE }
    }
}

impl Parameter {
    fn select(&mut self, number: u8, value: u8) {
        let is_registered = number >= 100;
        if self.is_registered != is_registered {
            *self = Self { is_registered, upper: None, lower: None };
        }
        match number {
            99 | 101 => self.upper = Some(value),
            _ => self.lower = Some(value),
        }
    }

    /// The selected parameter; none without a selection, or after the null parameter.
    fn name(self, channel: u8) -> Option<ControlName> {
        let (upper, lower) = (self.upper?, self.lower?);
        let number = u16::from(upper) << 7 | u16::from(lower);
        match number {
            0x3FFF => None,
            _ if self.is_registered => Some(ControlName::Rpn { channel, number }),
            _ => Some(ControlName::Nrpn { channel, number }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The controls that these changes move on channel 1, each a millisecond after the one before.
    fn changed(changes: &[(u8, u8)]) -> Vec<(ControlName, f64)> {
        changed_after(&mut Controllers::default(), changes, 1)
    }

    fn changed_after(controllers: &mut Controllers, changes: &[(u8, u8)], millis: u64) -> Vec<(ControlName, f64)> {
        let begin = Instant::now();
        let times = (0..).map(|step| begin + Duration::from_millis(step * millis));
        let change = |(at, &(number, value))| controllers.change(at, 1, number, value);
        times.zip(changes).map(change).collect()
    }

    fn cc(number: u8) -> ControlName {
        ControlName::Cc { channel: 1, number }
    }

    #[test]
    fn pairs_become_a_controller_of_14_bits_and_stay_one() {
        let mut controllers = Controllers::default();
        let sweep: Vec<(u8, u8)> = (0..6_u8).flat_map(|step| [(7, 60 + step), (39, step * 20)]).collect();
        let moves = changed_after(&mut controllers, &sweep, 1);
        assert_eq!(moves[0], (cc(7), 60.0 / 127.0));
        assert_eq!(moves[1].0, cc(39), "not yet");
        assert_eq!(moves[11], (cc(7), f64::from(65 * 128 + 100) / FINE));
        // A move within the upper bits sends the lower ones alone.
        assert_eq!(changed_after(&mut controllers, &[(39, 7)], 1), [(cc(7), f64::from(65 * 128 + 7) / FINE)]);
        // A coarse position lies between both fine ones, in either direction.
        let down = changed_after(&mut controllers, &[(7, 64), (39, 100)], 1);
        assert!(down[0].1 >= down[1].1 && down[0].1 < f64::from(65 * 128 + 7) / FINE, "{down:?}");
        let ends = changed_after(&mut controllers, &[(7, 127), (39, 127), (7, 0), (39, 0)], 1);
        assert_eq!((ends[1].1, ends[3].1), (1.0, 0.0));
    }

    #[test]
    fn faders_32_apart_stay_two_controllers() {
        let mut controllers = Controllers::default();
        let one_by_one: Vec<(u8, u8)> = (0..40).flat_map(|step| [(7, step), (39, 127 - step)]).collect();
        let moves = changed_after(&mut controllers, &one_by_one, 20);
        assert_eq!(moves.iter().filter(|(name, _)| *name == cc(39)).count(), 40);
        let sweep: Vec<(u8, u8)> = (0..20).map(|step| (39, step)).chain((0..20).map(|step| (7, step))).collect();
        let moves = changed(&sweep);
        assert_eq!(moves[19], (cc(39), 19.0 / 127.0));
        assert_eq!(moves[39], (cc(7), 19.0 / 127.0));
    }

    #[test]
    fn a_controller_that_stops_sending_lower_bits_is_coarse_again() {
        let pairs: Vec<(u8, u8)> = (0..4_u8).flat_map(|step| [(1, step), (33, 5)]).collect();
        let alone: Vec<(u8, u8)> = (0..8).map(|step| (1, 120 + step)).collect();
        let moves = changed(&[pairs, alone].concat());
        assert_eq!(moves.last(), Some(&(cc(1), 1.0)));
    }

    #[test]
    fn parameters_are_selected_and_entered() {
        let nrpn = ControlName::Nrpn { channel: 1, number: 300 };
        let moves =
            changed(&[(99, 2), (98, 44), (6, 64), (38, 1), (38, 2), (6, 65), (96, 0), (101, 0), (100, 1), (6, 3)]);
        let values: Vec<f64> = moves.iter().filter(|(name, _)| *name == nrpn).map(|(_, value)| *value).collect();
        assert_eq!(values.first(), Some(&(64.0 / 127.0)));
        let fine = |upper: u16, lower: u16| f64::from(upper * 128 + lower) / FINE;
        assert_eq!(values[1..], [fine(64, 1), fine(64, 2), fine(65, 0), fine(65, 1)]);
        assert_eq!(moves.last(), Some(&(ControlName::Rpn { channel: 1, number: 1 }, fine(3, 0))));
        // Without a selection, and after the null parameter, data entry is a controller like others.
        assert_eq!(changed(&[(6, 127)]), [(cc(6), 1.0)]);
        let moves = changed(&[(101, 0), (100, 0), (101, 127), (100, 127), (6, 127)]);
        assert_eq!(moves.last(), Some(&(cc(6), 1.0)));
        assert_eq!(changed(&[(99, 1), (98, 1), (6, 127)]).pop().map(|(_, value)| value), Some(1.0), "7 bits");
    }

    proptest! {
        #[test]
        fn any_changes_give_values_of_0_to_1(changes in prop::collection::vec((0..128_u8, 0..128_u8), 0..200)) {
            for (_, value) in changed(&changes) {
                prop_assert!((0.0..=1.0).contains(&value));
            }
        }
    }
}
