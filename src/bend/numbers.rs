//! The outputs of a map tap.

use std::collections::BTreeMap;

use bendrack_nodes::choice::Choice;
use bendrack_nodes::program::Tap;
use bendrack_nodes::program::measurement::MapNumber;

use super::memory::BendMemory;
use super::resolve;
use super::tap::Measured;
use crate::media::Map;

/// The outputs for the last map of a call, by name.
pub fn map_numbers(measured: &Measured, tap: &Tap, memory: &BendMemory) -> BTreeMap<&'static str, f64> {
    let Some((map, before)) = measured.maps.split_last() else { return BTreeMap::new() };
    let before = before.last().or(memory.maps.get(&tap.node));
    let values = || map.values.iter().map(|&value| f64::from(value));
    let count = map.values.len().max(1) as f64;
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let shares = shares(map);
    let sum =
        |weight: &dyn Fn(usize) -> f64| shares.iter().enumerate().map(|(i, share)| share * weight(i)).sum::<f64>();
    let centre = |at: &dyn Fn(usize) -> usize, size: usize| {
        if shares.is_empty() { 0.5 } else { sum(&|i| (at(i) as f64 + 0.5) / size as f64) }
    };
    let reach = values().filter(|value| high > low && (value - low) / (high - low) >= tap.threshold).count();
    let region = resolve::region(&tap.region, (map.height, map.width), &memory.maps);
    let mass = region.map_or(1.0, |region| sum(&|i| f64::from(region[i])));
    let entropy = -shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f64>();
    let change = before.filter(|before| before.values.len() == map.values.len()).map_or(0.0, |before| {
        let before = self::shares(before);
        shares.iter().zip(&before).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
    });
    let value = |number: MapNumber| match number {
        MapNumber::Mean => values().sum::<f64>() / count,
        MapNumber::Min => low,
        MapNumber::Max => high,
        MapNumber::X => centre(&|i| i % map.width.max(1), map.width),
        MapNumber::Y => centre(&|i| i / map.width.max(1), map.height),
        MapNumber::Entropy if count > 1.0 => entropy / count.ln(),
        MapNumber::Entropy => 0.0,
        MapNumber::Area => reach as f64 / count,
        MapNumber::Mass => mass,
        MapNumber::Change => change,
    };
    MapNumber::ALL.iter().map(|number| (number.name(), value(*number))).collect()
}

/// The share of each position in the sum of a map. A negative value, which a bent map may have, counts as 0. Empty if the sum is 0.
fn shares(map: &Map) -> Vec<f64> {
    let sum: f64 = map.values.iter().map(|&value| f64::from(value.max(0.0))).sum();
    if sum > 0.0 { map.values.iter().map(|&value| f64::from(value.max(0.0)) / sum).collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bendrack_nodes::program::region::{Rect, Region, Shape};
    use bendrack_nodes::program::{Fuse, Measure};

    use super::*;

    #[test]
    fn numbers_of_a_map_are_its_position_and_spread() {
        let left = Rect { x: 0.25, y: 0.5, width: 0.5, height: 1.0, feather: 0.0 };
        let tap = Tap {
            node: "tap".into(),
            measure: Measure::CrossMap,
            target: Arc::default(),
            fuse: Fuse::Mean,
            threshold: 0.5,
            region: Region::of(Shape::Rectangle(left)),
        };
        let of = |values: &[f32], before: Option<&[f32]>| {
            let map = |values: &[f32]| Map { width: 4, height: 2, values: values.to_vec() };
            map_numbers(
                &Measured { maps: before.into_iter().chain([values]).map(map).collect() },
                &tap,
                &BendMemory::default(),
            )
        };
        let near = |numbers: &BTreeMap<&str, f64>, expected: &[(&str, f64)]| {
            expected.iter().all(|(name, value)| (numbers[name] - value).abs() < 1e-6)
        };
        let nothing = of(&[0.0; 8], None);
        assert!(
            near(&nothing, &[("x", 0.5), ("y", 0.5), ("mass", 0.0), ("area", 0.0), ("entropy", 0.0)]),
            "{nothing:?}"
        );
        let corner = [0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0];
        let at_corner = of(&corner, None);
        let expected = [("x", 0.875), ("y", 0.25), ("mean", 0.0625), ("max", 0.5), ("area", 0.125), ("mass", 0.0)];
        assert!(near(&at_corner, &expected) && near(&at_corner, &[("entropy", 0.0), ("change", 0.0)]), "{at_corner:?}");
        let below = of(&[-1.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0], None);
        assert!(near(&below, &[("x", 0.875)]), "what is below 0 pulls nothing");
        let even = of(&[0.1; 8], Some(&corner));
        assert!(near(&even, &[("entropy", 1.0), ("mass", 0.5), ("change", 0.875)]), "{even:?}");
    }
}
