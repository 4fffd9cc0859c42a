//! Divisions of the tempo: bars and notes, with their lengths in beats. A bar has four beats.

use crate::library::time::ROUNDED_CYCLES;
use crate::node::context::NodeContext;
use crate::node::def::Input;

/// The divisions, longest bars first: their names in patches, and their beats. A quarter note is a beat.
const DIVISIONS: [(&str, f64); 20] = [
    ("16_bars", 64.0),
    ("8_bars", 32.0),
    ("4_bars", 16.0),
    ("2_bars", 8.0),
    ("1_bar", 4.0),
    ("1/2", 2.0),
    ("1/2_dotted", 3.0),
    ("1/2_triplet", 4.0 / 3.0),
    ("1/4", 1.0),
    ("1/4_dotted", 1.5),
    ("1/4_triplet", 2.0 / 3.0),
    ("1/8", 0.5),
    ("1/8_dotted", 0.75),
    ("1/8_triplet", 1.0 / 3.0),
    ("1/16", 0.25),
    ("1/16_dotted", 0.375),
    ("1/16_triplet", 1.0 / 6.0),
    ("1/32", 0.125),
    ("1/32_dotted", 0.1875),
    ("1/32_triplet", 1.0 / 12.0),
];
/// The names of the divisions in patches.
pub const NAMES: [&str; DIVISIONS.len()] = {
    let mut names = [""; DIVISIONS.len()];
    let mut index = 0;
    while index < DIVISIONS.len() {
        names[index] = DIVISIONS[index].0;
        index += 1;
    }
    names
};
/// The index of `1/4` in [`NAMES`].
pub const QUARTER: usize = {
    let mut index = 0;
    while DIVISIONS[index].1 != 1.0 {
        index += 1;
    }
    index
};

/// Choices of an input: `other`, which stands for no division, then the divisions.
pub const fn or(other: &'static str) -> [&'static str; NAMES.len() + 1] {
    let mut choices = [other; NAMES.len() + 1];
    let mut index = 0;
    while index < NAMES.len() {
        choices[index + 1] = NAMES[index];
        index += 1;
    }
    choices
}

/// Beats of the division at an index of [`NAMES`].
pub fn beats(index: usize) -> f64 {
    DIVISIONS[index.min(DIVISIONS.len() - 1)].1
}

/// Beats of the division chosen at an input with the choices of [`or`]; none for `other`.
pub fn chosen(ctx: &NodeContext<'_>, input: &Input) -> Option<f64> {
    ctx.choice(input).checked_sub(1).map(beats)
}

/// Number of cycles of `length` beats in `beats`, with rounding errors removed.
pub fn cycles(beats: f64, length: f64) -> f64 {
    whole(beats / length)
}

/// Rounds a number of cycles within [`ROUNDED_CYCLES`] of a whole number; other numbers stay.
pub fn whole(cycles: f64) -> f64 {
    let whole = cycles.round();
    if (cycles - whole).abs() < ROUNDED_CYCLES { whole } else { cycles }
}

/// Position in cycles with swing: of each pair, the first cycle is 1 + `swing`/2 long, the second 1 − `swing`/2. 0 is
/// straight, 2/3 triplet swing, 1 dotted.
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
