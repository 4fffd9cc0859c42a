//! Properties that are scored, and their counts.

use std::collections::BTreeMap;

/// Property of a video that its prompt requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// By frame: nearly every row has the background's colour.
    Background,
    /// By frame and object: there is an object of the right colour and of a plausible size.
    Colour,
    /// By frame and object: of the four shapes, the right one covers the object best.
    Shape,
    /// By object: it goes and turns as it should, from latent frame to latent frame.
    Motion,
    /// By video of two objects: each colour has its own shape in most frames.
    Binding,
    /// By latent frame and word: the word's attention map has its maximum on what it names.
    Pointing,
}

impl Property {
    /// Every property.
    pub const ALL: [Self; 6] =
        [Self::Background, Self::Colour, Self::Shape, Self::Motion, Self::Binding, Self::Pointing];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Colour => "colour",
            Self::Shape => "shape",
            Self::Motion => "motion",
            Self::Binding => "binding",
            Self::Pointing => "pointing",
        }
    }

    /// Target score of mini.
    pub const fn target(self) -> f64 {
        match self {
            Self::Background | Self::Colour => 0.95,
            Self::Shape | Self::Motion | Self::Binding => 0.80,
            Self::Pointing => 0.85,
        }
    }
}

/// Number of correct opinions of each property, and of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores(BTreeMap<Property, (usize, usize)>);

impl Scores {
    /// Counts one opinion.
    pub fn count(&mut self, property: Property, right: bool) {
        let (rights, all) = self.0.entry(property).or_default();
        *rights += usize::from(right);
        *all += 1;
    }

    /// Counts the opinions of others, too.
    pub fn add(&mut self, other: &Self) {
        for (property, (rights, all)) in &other.0 {
            let (own, own_all) = self.0.entry(*property).or_default();
            *own += rights;
            *own_all += all;
        }
    }

    /// The share of correct opinions, 0 to 1; none without opinions.
    pub fn share(&self, property: Property) -> Option<f64> {
        self.0.get(&property).map(|(rights, all)| *rights as f64 / *all as f64)
    }

    /// Number of opinions.
    pub fn opinions(&self, property: Property) -> usize {
        self.0.get(&property).map_or(0, |(_, all)| *all)
    }
}
