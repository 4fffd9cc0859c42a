//! The set-up of a performance: the knobs in sight, the morphs of snapshots, the crossfader.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Port;
use crate::choice::{choices, schema_of};

/// The longest morph, in seconds.
pub const LONGEST_MORPH: f64 = 600.0;

/// The set-up of a performance. It does not affect a video by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "an object in braces")]
pub struct Stage {
    /// The knobs that perform mode shows, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macros: Vec<Port>,
    /// The knobs that are not randomised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<Port>,
    /// Time in which knobs glide to a snapshot, in seconds; 0 recalls at once.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub morph: f64,
    /// Course of a glide.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(schema_with = "schema_of::<MorphCurve>")]
    pub curve: MorphCurve,
    /// Time at which a snapshot is recalled.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(schema_with = "schema_of::<Quantise>")]
    pub quantise: Quantise,
    /// The snapshots at the ends of the crossfader, by number from 1.
    #[serde(default = "first_two", skip_serializing_if = "is_first_two")]
    pub fade: [usize; 2],
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Default for Stage {
    fn default() -> Self {
        let (curve, quantise) = (MorphCurve::default(), Quantise::default());
        Self {
            macros: Vec::new(),
            locked: Vec::new(),
            morph: 0.0,
            curve,
            quantise,
            fade: first_two(),
            rest: Map::new(),
        }
    }
}

impl Stage {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

choices! {
    /// Course of a glide.
    #[derive(Default)]
    pub enum MorphCurve {
        /// At even speed.
        #[default]
        Linear = "linear",
        /// Slow at both ends.
        Smooth = "smooth",
        /// Slow at the beginning.
        In = "in",
        /// Slow at the end.
        Out = "out",
    }
}

impl MorphCurve {
    /// The part of the way at a part of the time, both 0 to 1.
    pub fn at(self, part: f64) -> f64 {
        match self {
            Self::Linear => part,
            Self::Smooth => part * part * (3.0 - 2.0 * part),
            Self::In => part * part,
            Self::Out => part * (2.0 - part),
        }
    }
}

choices! {
    /// Time at which a snapshot is recalled.
    #[derive(Default)]
    pub enum Quantise {
        /// At once.
        #[default]
        Off = "off",
        /// On the next beat.
        Beat = "beat",
        /// On the next bar of four beats.
        Bar = "bar",
        /// On the next four bars.
        FourBars = "four_bars",
    }
}

impl Quantise {
    /// The beats between two such times; none for at once.
    pub const fn beats(self) -> Option<f64> {
        match self {
            Self::Off => None,
            Self::Beat => Some(1.0),
            Self::Bar => Some(4.0),
            Self::FourBars => Some(16.0),
        }
    }
}

const fn first_two() -> [usize; 2] {
    [1, 2]
}

fn is_first_two(fade: &[usize; 2]) -> bool {
    *fade == first_two()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_nothing(number: &f64) -> bool {
    *number == 0.0 || !number.is_finite()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice as _;

    #[test]
    fn every_curve_begins_at_0_rises_and_ends_at_1() {
        for curve in MorphCurve::ALL {
            assert_eq!((curve.at(0.0), curve.at(1.0)), (0.0, 1.0), "{curve:?}");
            let places: Vec<f64> = (0..=10).map(|part| curve.at(f64::from(part) / 10.0)).collect();
            assert!(places.is_sorted(), "{curve:?}: {places:?}");
        }
    }
}
