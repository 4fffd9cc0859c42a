//! Where targets reach: words to rows of the prompt, neurons and places to weights.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::pick::Pick;
use bendrack_nodes::program::region::{Region, Shape};
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{NeuronSet, Neurons, PADDING, Target, WordList, Words};
use bendrack_nodes::program::{Pass, Site};

use super::past::Past;
use crate::output::Map;
use crate::wan::hooks::Place;
use crate::wan::text::Tokens;

/// Whether a target takes in a place.
///
/// Bends of words leave the call under the negative prompt alone: it has other words.
pub(super) fn meant(target: &Target, place: &Place<'_>, site: Site) -> bool {
    // What is not in a layer is of every layer.
    let layer = matches!(site, Site::NoiseFirst | Site::NoiseAgain | Site::Time) || target.layers.contains(place.layer);
    let step = place.pass == Pass::Cache || target.steps.contains(place.step);
    let negative = !place.negative || target.words.is_all();
    step && target.pass.contains(place.pass) && layer && negative
}

/// Which of a prompt's `keys` rows are meant.
pub(super) fn rows(words: &Words, tokens: &Tokens, keys: usize) -> Vec<bool> {
    let mut these = |list: &WordList| {
        let mut rows = vec![0.0; keys];
        for position in list.0.iter().flat_map(|word| positions(word, tokens, keys)) {
            if let Some(row) = rows.get_mut(position) {
                *row = 1.0;
            }
        }
        rows
    };
    words.weights(keys, &mut these).into_iter().map(|weight| weight > 0.5).collect()
}

/// The rows of a word, which may have `*` in it.
pub(super) fn positions(word: &str, tokens: &Tokens, keys: usize) -> Vec<usize> {
    if word == PADDING {
        return (tokens.padding_start()..keys).collect();
    }
    if !word.contains('*') {
        return tokens.positions(word);
    }
    let pattern: Vec<char> = word.to_lowercase().chars().collect();
    let fits = |word: &str| fits(&pattern, &word.to_lowercase().chars().collect::<Vec<_>>());
    let words = tokens.words().into_iter().filter(|word| fits(&word.text));
    words.flat_map(|word| word.positions).collect()
}

/// Whether a text fits a pattern in which `*` stands for any letters.
fn fits(pattern: &[char], text: &[char]) -> bool {
    // Where the last star stands, and how far it reaches by now.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, reach)) = star {
            star = Some((at, reach + 1));
            (p, t) = (at + 1, reach + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Which neurons of a layer are meant: `None` is all of them, else ranges in rising order within `count`.
pub(super) fn neurons(
    neurons: &Neurons,
    layer: usize,
    count: usize,
    past: &Past,
) -> Option<Vec<RangeInclusive<usize>>> {
    if neurons.is_all() {
        return None;
    }
    if let Pick::These(NeuronSet::Set(set)) = neurons {
        return Some(within(set, count));
    }
    let mut these = |leaf: &NeuronSet| {
        let mut weights = vec![0.0; count];
        match leaf {
            NeuronSet::Set(set) => (0..count).filter(|&i| set.contains(i)).for_each(|i| weights[i] = 1.0),
            NeuronSet::MostActive(most) => past.most_active(layer, *most).for_each(|i| {
                if let Some(weight) = weights.get_mut(i) {
                    *weight = 1.0;
                }
            }),
        }
        weights
    };
    let mut ranges: Vec<RangeInclusive<usize>> = Vec::new();
    for (index, weight) in neurons.weights(count, &mut these).into_iter().enumerate() {
        match ranges.last_mut() {
            _ if weight < 0.5 => {}
            Some(last) if last.end() + 1 == index => *last = *last.start()..=index,
            _ => ranges.push(index..=index),
        }
    }
    Some(ranges)
}

/// The ranges of a set up to `count`.
pub(super) fn within(set: &Set, count: usize) -> Vec<RangeInclusive<usize>> {
    let Some(ranges) = set.ranges() else { return vec![0..=count.saturating_sub(1)] };
    let cut = ranges.iter().map(|range| *range.start()..=(*range.end()).min(count.saturating_sub(1)));
    cut.filter(|range| range.start() <= range.end()).collect()
}

/// Whether a target asks which neurons are active.
pub(super) fn asks_activity(target: &Target) -> bool {
    target.neurons.leaves().iter().any(|leaf| matches!(leaf, NeuronSet::MostActive(_)))
}

/// How much each place of a frame belongs to a region, row by row; `None` is all of each.
pub(super) fn places(
    region: &Region,
    (rows, columns): (usize, usize),
    maps: &BTreeMap<Arc<str>, Map>,
) -> Option<Vec<f32>> {
    if region.is_all() {
        return None;
    }
    let grid = Grid { frames: 1, rows, columns };
    let mut these = |shape: &Shape| {
        let heat: BTreeMap<&str, Heat<'_>> = maps.iter().map(|(node, map)| (&**node, Heat::of(map))).collect();
        let weight = |cell| {
            let (_, row, column) = grid.place(cell);
            let point = grid.point(row, column);
            shape.weight(point, |tap| heat.get(tap).and_then(|heat| heat.at(point)))
        };
        (0..grid.cells()).map(weight).collect()
    };
    Some(region.weights(grid.cells(), &mut these))
}

/// A map between its smallest and its largest value.
struct Heat<'a> {
    map: &'a Map,
    low: f32,
    range: f32,
}

impl<'a> Heat<'a> {
    fn of(map: &'a Map) -> Self {
        let low = map.values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = map.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self { map, low, range: high - low }
    }

    /// The height of the cell at a point; none of a map that is flat.
    fn at(&self, (x, y): (f64, f64)) -> Option<f64> {
        let cell = |at: f64, count: usize| ((at * count as f64) as usize).min(count.saturating_sub(1));
        let index = cell(y, self.map.height) * self.map.width + cell(x, self.map.width);
        let value = self.map.values.get(index)?;
        (self.range > 0.0).then(|| f64::from((value - self.low) / self.range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_letters() {
        let fits = |pattern: &str, text: &str| {
            super::fits(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
        };
        for (pattern, text) in
            [("*", "cat"), ("c*", "cat"), ("*t", "cat"), ("c*t", "cat"), ("*a*", "cat"), ("c*t*", "ctat")]
        {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("c*", "act"), ("*c", "cat"), ("c*x*t", "cat"), ("ca", "cat"), ("cat*s", "cat")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_map_is_a_region_where_it_is_hot() {
        let map = Map { width: 2, height: 2, values: vec![0.2, 0.4, 0.3, 0.25] };
        let maps = BTreeMap::from([(Arc::from("tap"), map)]);
        let hot = Region::of(Shape::Map { tap: "tap".into(), threshold: 0.5, feather: 0.0 });
        let found = places(&hot, (2, 4), &maps).expect("weights");
        assert_eq!(found, [0., 0., 1., 1., 1., 1., 0., 0.]);
        assert_eq!(places(&hot.not(), (1, 1), &BTreeMap::new()), Some(vec![1.0]), "nothing was measured");
        assert_eq!(places(&Region::All, (1, 1), &maps), None);
    }
}
