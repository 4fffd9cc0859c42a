//! Divisions of the tempo: how many beats a cycle takes when it is counted in bars and notes. A bar has four beats.

use crate::node::context::NodeContext;
use crate::node::def::Input;

/// The divisions, longest bars first: their names in patches.
pub const NAMES: [&str; 20] = [
    "16_bars",
    "8_bars",
    "4_bars",
    "2_bars",
    "1_bar",
    "1/2",
    "1/2_dotted",
    "1/2_triplet",
    "1/4",
    "1/4_dotted",
    "1/4_triplet",
    "1/8",
    "1/8_dotted",
    "1/8_triplet",
    "1/16",
    "1/16_dotted",
    "1/16_triplet",
    "1/32",
    "1/32_dotted",
    "1/32_triplet",
];
/// The beats of each; a quarter note is a beat.
const BEATS: [f64; 20] = [
    64.0,
    32.0,
    16.0,
    8.0,
    4.0,
    2.0,
    3.0,
    4.0 / 3.0,
    1.0,
    1.5,
    2.0 / 3.0,
    0.5,
    0.75,
    1.0 / 3.0,
    0.25,
    0.375,
    1.0 / 6.0,
    0.125,
    0.1875,
    1.0 / 12.0,
];
/// The index of `1/4` in [`NAMES`].
pub const QUARTER: usize = {
    let mut index = 0;
    while BEATS[index] != 1.0 {
        index += 1;
    }
    index
};

/// So near to a whole cycle is a whole cycle: a beat is a sum over frames, and off by what was rounded.
const ROUNDED: f64 = 1e-6;

/// The choices of an input that is one thing without a division: `other`, then the divisions.
pub const fn or(other: &'static str) -> [&'static str; NAMES.len() + 1] {
    let mut choices = [other; NAMES.len() + 1];
    let mut index = 0;
    while index < NAMES.len() {
        choices[index + 1] = NAMES[index];
        index += 1;
    }
    choices
}

/// The beats of the division of this name, in the order of [`NAMES`].
pub fn beats(index: usize) -> f64 {
    BEATS[index.min(BEATS.len() - 1)]
}

/// The beats of the division that is chosen at an input whose choices are those of [`or`]; nothing at the first of them.
pub fn chosen(ctx: &NodeContext<'_>, input: &Input) -> Option<f64> {
    ctx.choice(input).checked_sub(1).map(beats)
}

/// Number of cycles of `length` beats in `beats`, with rounding errors removed.
pub fn cycles(beats: f64, length: f64) -> f64 {
    whole(beats / length)
}

/// The whole number that a sum of frames comes to, if it is very near; else itself.
pub fn whole(cycles: f64) -> f64 {
    let whole = cycles.round();
    if (cycles - whole).abs() < ROUNDED { whole } else { cycles }
}

/// Cycles in pairs of which the first is longer and the second shorter: `swing` 0 is even, 2/3 is that of triplets, 1 that of dotted
/// notes.
pub fn swung(cycles: f64, swing: f64) -> f64 {
    if swing == 0.0 {
        return cycles;
    }
    let pair = 2.0 * (0.5 * cycles).floor();
    let (way, middle) = (cycles - pair, 1.0 + 0.5 * swing);
    pair + if way < middle { way / middle } else { 1.0 + (way - middle) / (2.0 - middle) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_note_is_half_as_long_again_and_three_triplets_are_two_notes() {
        let beats_of = |name: &str| beats(NAMES.iter().position(|known| *known == name).expect("a name"));
        for (index, bars) in [16.0, 8.0, 4.0, 2.0, 1.0].into_iter().enumerate() {
            assert_eq!(beats(index), 4.0 * bars);
        }
        for note in [2.0, 4.0, 8.0, 16.0, 32.0] {
            let plain = beats_of(&format!("1/{note}"));
            assert_eq!(plain, 4.0 / note);
            assert_eq!(beats_of(&format!("1/{note}_dotted")), plain * 1.5);
            assert!((beats_of(&format!("1/{note}_triplet")) * 3.0 - plain * 2.0).abs() < 1e-15);
        }
        assert_eq!(or("free")[0], "free");
        assert_eq!(or("free")[1..], NAMES);
    }

    #[test]
    fn a_sum_of_frames_comes_to_whole_cycles() {
        // Ten tenths are less than one.
        let beat: f64 = (0..10).map(|_| 0.1).sum();
        assert!(beat < 1.0);
        assert_eq!(cycles(beat, 1.0), 1.0);
        assert_eq!(cycles(beat, 0.25), 4.0);
        assert_eq!(cycles(0.3, 1.0), 0.3);
    }

    #[test]
    fn swing_moves_every_second_cycle_and_no_first_one() {
        for swing in [0.0, 0.25, 2.0 / 3.0, 1.0] {
            let second = 1.0 + 0.5 * swing;
            for pair in [-2.0, 0.0, 6.0] {
                for (at, is) in [(0.0, 0.0), (0.5 * second, 0.5), (second, 1.0), (0.5 * (second + 2.0), 1.5)] {
                    assert!((swung(pair + at, swing) - (pair + is)).abs() < 1e-12, "{swing} {pair} {at}");
                }
            }
        }
    }
}
