//! Scored properties, and the counts of verdicts.

use std::collections::BTreeMap;

/// Property of a video that its prompt requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// By frame and thing: of all things in all looks, the prompt's is nearest to the picture.
    Thing,
    /// By frame and thing: of all looks of the prompt's thing, the prompt's is nearest.
    Look,
    /// By frame: of all grounds, the prompt's is nearest.
    Ground,
    /// By thing: its motion from latent frame to latent frame is the prompt's.
    Motion,
    /// By video of two different things: both are right, with their looks, in most frames.
    Binding,
    /// By latent frame and word: the word's attention map has its maximum on what it names.
    Pointing,
}

impl Property {
    /// Every property.
    pub const ALL: [Self; 6] = [Self::Thing, Self::Look, Self::Ground, Self::Motion, Self::Binding, Self::Pointing];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thing => "thing",
            Self::Look => "look",
            Self::Ground => "ground",
            Self::Motion => "motion",
            Self::Binding => "binding",
            Self::Pointing => "pointing",
        }
    }

    /// Target score of mini.
    pub const fn target(self) -> f64 {
        match self {
            Self::Thing | Self::Look => 0.85,
            Self::Ground => 0.98,
            Self::Motion => 0.92,
            Self::Binding => 0.60,
            Self::Pointing => 0.90,
        }
    }
}

/// Correct verdicts, and all verdicts.
type Count = (usize, usize);

/// Verdicts on each property, video by video.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores(BTreeMap<Property, Vec<Count>>);

/// Standard deviations of a 95 % interval.
const DEVIATIONS: f64 = 1.96;

impl Scores {
    /// Counts one verdict on the last video.
    pub fn count(&mut self, property: Property, right: bool) {
        let videos = self.0.entry(property).or_default();
        if videos.is_empty() {
            videos.push((0, 0));
        }
        if let Some((rights, all)) = videos.last_mut() {
            *rights += usize::from(right);
            *all += 1;
        }
    }

    /// Adds the videos of others.
    pub fn add(&mut self, other: &Self) {
        for (property, videos) in &other.0 {
            self.0.entry(*property).or_default().extend(videos);
        }
    }

    /// Share of correct verdicts, 0 to 1; none without verdicts.
    pub fn share(&self, property: Property) -> Option<f64> {
        let (rights, all) = self.total(property);
        (all > 0).then(|| rights as f64 / all as f64)
    }

    /// Number of verdicts.
    pub fn verdicts(&self, property: Property) -> usize {
        self.total(property).1
    }

    /// Wilson's 95 % interval of the share, 0 to 1. The verdicts on one video depend on each other, so the spread
    /// between videos gives the number of independent verdicts.
    pub fn interval(&self, property: Property) -> Option<(f64, f64)> {
        let share = self.share(property)?;
        let videos = &self.0[&property];
        let (count, all) = (videos.len() as f64, self.verdicts(property) as f64);
        let squares: f64 = videos.iter().map(|&(right, all)| (right as f64 - share * all as f64).powi(2)).sum();
        let variance = squares / (all * all) * count / f64::max(1.0, count - 1.0);
        let independent = if variance > 0.0 { (share * (1.0 - share) / variance).clamp(1.0, all) } else { count };
        let z = DEVIATIONS * DEVIATIONS / independent;
        let middle = (share + z / 2.0) / (1.0 + z);
        let half = (z * (share * (1.0 - share) + z / 4.0)).sqrt() / (1.0 + z);
        Some(((middle - half).max(0.0), (middle + half).min(1.0)))
    }

    fn total(&self, property: Property) -> Count {
        let videos = self.0.get(&property).into_iter().flatten();
        videos.fold((0, 0), |(rights, all), (right, count)| (rights + right, all + count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(videos: &[Count]) -> Scores {
        let mut all = Scores::default();
        for &(right, count) in videos {
            let mut own = Scores::default();
            (0..count).for_each(|i| own.count(Property::Thing, i < right));
            all.add(&own);
        }
        all
    }

    #[test]
    fn intervals_are_those_of_independent_verdicts_or_wider() {
        // Wilson's interval of 50 of 100, as tables have it.
        let alone: Vec<Count> = (0..100).map(|i| (i % 2, 1)).collect();
        let (low, high) = scores(&alone).interval(Property::Thing).expect("verdicts");
        assert!((low - 0.404).abs() < 2e-3 && (high - 0.596).abs() < 2e-3, "{low} {high}");
        // Videos that are right as a whole or wrong as a whole: ten verdicts in each are worth one.
        let whole: Vec<Count> = (0..100).map(|i| (10 * (i % 2), 10)).collect();
        let (whole_low, whole_high) = scores(&whole).interval(Property::Thing).expect("verdicts");
        assert!((whole_low - low).abs() < 2e-3 && (whole_high - high).abs() < 2e-3, "{whole_low} {whole_high}");
        let (low, high) = scores(&[(1, 1); 50]).interval(Property::Thing).expect("verdicts");
        assert!(low > 0.9 && low < 0.95 && (high - 1.0).abs() < 1e-9, "all right is no proof: {low} {high}");
        assert_eq!(Scores::default().interval(Property::Thing), None);
    }
}
