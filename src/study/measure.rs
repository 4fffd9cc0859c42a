//! The measurements of a run.

use serde::Serialize;

/// A measurement of a video against the same video without bends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Distance of the latents.
    Latents,
    /// Distance of the pictures, pixel by pixel.
    Picture,
    /// Distance of the structure of pictures.
    Structure,
    /// Distance of the colours of areas.
    Colour,
    /// Change of the brightness.
    Brightness,
    /// Change of the saturation.
    Saturation,
    /// Change of the edges.
    Edges,
    /// Change of the motion.
    Motion,
    /// Change of the flicker.
    Flicker,
    /// Change of the entropy of maps.
    MapEntropy,
    /// Distance of the centroids of maps.
    MapShift,
    /// Change in how often things are recognised.
    Things,
    /// Change in how often their looks are recognised.
    Looks,
    /// Change in how often the ground is recognised.
    Ground,
    /// Change in how often motions are recognised.
    Motions,
    /// Distance of the places of things.
    Place,
    /// Number of warnings.
    Warnings,
}

/// The kind of a measurement, which decides its statistics and its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A distance, from 0 up. It is compared with that of another seed.
    Distance,
    /// A difference, bent minus unbent. It is tested against 0.
    Change,
    /// A number from 0 up, without a test.
    Count,
}

/// The description of a measurement, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its title.
    pub title: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its definition: one sentence.
    pub about: &'static str,
    /// Its kind.
    pub kind: Kind,
}

impl About {
    const fn of(title: &'static str, unit: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { title, unit, about, kind }
    }
}

impl Measure {
    /// Every measurement, in the order of reports.
    pub const ALL: [Self; 17] = [
        Self::Picture,
        Self::Structure,
        Self::Latents,
        Self::Colour,
        Self::Brightness,
        Self::Saturation,
        Self::Edges,
        Self::Motion,
        Self::Flicker,
        Self::Things,
        Self::Looks,
        Self::Ground,
        Self::Motions,
        Self::Place,
        Self::MapEntropy,
        Self::MapShift,
        Self::Warnings,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latents => "latents",
            Self::Picture => "picture",
            Self::Structure => "structure",
            Self::Colour => "colour",
            Self::Brightness => "brightness",
            Self::Saturation => "saturation",
            Self::Edges => "edges",
            Self::Motion => "motion",
            Self::Flicker => "flicker",
            Self::MapEntropy => "map_entropy",
            Self::MapShift => "map_shift",
            Self::Things => "things",
            Self::Looks => "looks",
            Self::Ground => "ground",
            Self::Motions => "motions",
            Self::Place => "place",
            Self::Warnings => "warnings",
        }
    }

    /// Its description.
    pub const fn about(self) -> About {
        match self {
            Self::Latents => About::of(
                "Latents",
                "of their norm",
                Kind::Distance,
                "Norm of the difference of the clean latents, relative to the norm of those without bends.",
            ),
            Self::Picture => About::of(
                "Picture",
                "levels of 255",
                Kind::Distance,
                "Mean difference of the pictures, over pixels and channels.",
            ),
            Self::Structure => About::of(
                "Structure",
                "1 − SSIM",
                Kind::Distance,
                "One minus the structural similarity of the luma, in windows of 8 × 8 pixels.",
            ),
            Self::Colour => About::of(
                "Colour",
                "ΔE × 100",
                Kind::Distance,
                "Mean distance in OKLab of the mean colours of blocks of 16 × 16 pixels.",
            ),
            Self::Brightness => {
                About::of("Brightness", "L × 100", Kind::Change, "Change of the mean lightness in OKLab.")
            }
            Self::Saturation => About::of("Saturation", "C × 100", Kind::Change, "Change of the mean chroma in OKLab."),
            Self::Edges => About::of(
                "Edges",
                "doublings",
                Kind::Change,
                "Logarithm to base 2 of the ratio of the mean gradients of the luma.",
            ),
            Self::Motion => About::of(
                "Motion",
                "levels of 255",
                Kind::Change,
                "Change of the mean difference between pictures one latent frame apart.",
            ),
            Self::Flicker => About::of(
                "Flicker",
                "levels of 255",
                Kind::Change,
                "Change of the mean difference between each picture and the mean of its neighbours in time.",
            ),
            Self::MapEntropy => About::of(
                "Entropy of maps",
                "0 to 1",
                Kind::Change,
                "Change of the entropy of the maps of taps, relative to that of an even map.",
            ),
            Self::MapShift => About::of(
                "Shift of maps",
                "of the side",
                Kind::Distance,
                "Mean distance of the centroids of the maps of taps.",
            ),
            Self::Things => About::of(
                "Things",
                "share",
                Kind::Change,
                "Change of the share of frames in which the detector recognises the thing of the prompt.",
            ),
            Self::Looks => About::of(
                "Looks",
                "share",
                Kind::Change,
                "Change of the share of frames in which the detector recognises its look.",
            ),
            Self::Ground => About::of(
                "Ground",
                "share",
                Kind::Change,
                "Change of the share of frames in which the detector recognises the ground.",
            ),
            Self::Motions => About::of(
                "Motions",
                "share",
                Kind::Change,
                "Change of the share of things that move as the prompt describes.",
            ),
            Self::Place => About::of(
                "Place",
                "tokens",
                Kind::Distance,
                "Mean distance between the places of things with and without bends, where both are recognised.",
            ),
            Self::Warnings => About::of("Warnings", "per video", Kind::Count, "Number of the warnings of the engine."),
        }
    }

    /// The measurement of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}
