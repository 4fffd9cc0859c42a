//! Resolves targets for a model call: words to rows of the prompt, neurons to ranges, regions to weights of positions.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::pick::Pick;
use bendrack_nodes::program::region::{Region, Shape};
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{NeuronSet, Neurons, PADDING, Target, WordList, Words};
use bendrack_nodes::program::{Axis, Pass, Site};

use super::memory::BendMemory;
use crate::media::Map;
use crate::wan::hooks::HookContext;
use crate::wan::text::Tokens;

/// True if a target includes a hook.
///
/// A target of words excludes the call under the negative prompt, which has other words.
pub(super) fn applies(target: &Target, hook: &HookContext<'_>, site: Site) -> bool {
    let layer = !site.has(Axis::Layers) || target.layers.contains(hook.layer);
    let step = hook.pass == Pass::Cache || target.steps.contains(hook.step);
    let negative = !hook.negative || target.words.is_all();
    step && target.pass.contains_call(hook.pass, hook.negative) && layer && negative
}

/// Mask of the prompt's `keys` rows: true for the words.
pub(super) fn rows(words: &Words, tokens: &Tokens, keys: usize) -> Vec<bool> {
    let mut these = |list: &WordList| {
        let mut rows = vec![0.0; keys];
        for position in list.0.iter().flat_map(|word| word_rows(word, tokens, keys)) {
            if let Some(row) = rows.get_mut(position) {
                *row = 1.0;
            }
        }
        rows
    };
    words.weights(keys, &mut these).into_iter().map(|weight| weight > 0.5).collect()
}

/// The rows of the prompt that a word names; `*` in it stands for any letters.
pub(super) fn word_rows(word: &str, tokens: &Tokens, keys: usize) -> Vec<usize> {
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

/// True if a text matches a pattern; `*` stands for any letters.
fn fits(pattern: &[char], text: &[char]) -> bool {
    // The last star in the pattern, and the end of the text that it covers so far.
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

/// The neurons of a layer, of `count`, that a target names: rising ranges, or `None` for all.
pub(super) fn neurons(
    neurons: &Neurons,
    layer: usize,
    count: usize,
    memory: &BendMemory,
) -> Option<Vec<RangeInclusive<usize>>> {
    if neurons.is_all() {
        return None;
    }
    if let Pick::These(NeuronSet::Set(set)) = neurons {
        return Some(ranges(set, count));
    }
    let mut these = |leaf: &NeuronSet| {
        let mut weights = vec![0.0; count];
        match leaf {
            NeuronSet::Set(set) => (0..count).filter(|&i| set.contains(i)).for_each(|i| weights[i] = 1.0),
            NeuronSet::MostActive(most) => memory.most_active(layer, *most).for_each(|i| {
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

/// The ranges of a set below `count`.
pub(super) fn ranges(set: &Set, count: usize) -> Vec<RangeInclusive<usize>> {
    let Some(ranges) = set.ranges() else { return vec![0..=count.saturating_sub(1)] };
    let cut = ranges.iter().map(|range| *range.start()..=(*range.end()).min(count.saturating_sub(1)));
    cut.filter(|range| range.start() <= range.end()).collect()
}

/// True if a target names the most active neurons.
pub(super) fn uses_activity(target: &Target) -> bool {
    target.neurons.leaves().iter().any(|leaf| matches!(leaf, NeuronSet::MostActive(_)))
}

/// The weight of a region at each position of a frame, row-major; `None` if it covers the whole frame.
pub(super) fn region(
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

/// A map scaled to the range from its smallest to its largest value.
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

    /// The value at a point, 0 to 1; none if the map is uniform.
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
        let found = super::region(&hot, (2, 4), &maps).expect("weights");
        assert_eq!(found, [0., 0., 1., 1., 1., 1., 0., 0.]);
        assert_eq!(super::region(&hot.not(), (1, 1), &BTreeMap::new()), Some(vec![1.0]), "nothing was measured");
        assert_eq!(super::region(&Region::All, (1, 1), &maps), None);
    }
}
