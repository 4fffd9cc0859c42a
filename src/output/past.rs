//! Measurements of earlier pictures: held peaks, and the maps to interpolate from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bendrack_nodes::program::source::Source;
use serde::{Deserialize, Serialize};

use crate::media::Map;

/// Measurements of taps, by the id of their node.
type Taps = BTreeMap<Arc<str>, Map>;

/// The peaks that spectra hold, neuron by neuron, by the id of their node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peaks(BTreeMap<Arc<str>, Vec<f32>>);

impl Peaks {
    /// The peaks that a node holds; nothing if it holds none.
    pub fn of(&self, node: &str) -> &[f32] {
        self.0.get(node).map_or(&[], Vec::as_slice)
    }

    /// Advances the peaks by a latent frame of `secs` seconds. Drops the peaks of spectra that the patch no longer
    /// shows.
    pub fn update(&mut self, source: &Source, taps: &Taps, secs: f64) {
        let mut held = std::mem::take(&mut self.0);
        let (mut open, mut seen) = (vec![source], BTreeSet::new());
        while let Some(source) = open.pop() {
            if !seen.insert(std::ptr::from_ref(source)) {
                continue;
            }
            if let Source::Spectrum { node, map, drawing, .. } = source
                && drawing.decay > 0.0
                && let Source::Tap(tap) = &**map
            {
                let mut peaks = held.remove(node).unwrap_or_default();
                if let Some(map) = taps.get(tap) {
                    let left = (-secs / drawing.decay).exp() as f32;
                    peaks.resize(map.values.len(), 0.0);
                    for (peak, now) in peaks.iter_mut().zip(&map.values) {
                        // `max` takes the peak if the value is not a number.
                        *peak = (*peak * left).max(if now.is_finite() { *now } else { 0.0 });
                    }
                }
                self.0.insert(node.clone(), peaks);
            }
            open.extend(source.parts().map(|part| &**part));
        }
    }
}

/// Interpolates from the map before to the present one: `part` 0 is the former, 1 the latter. Maps of different sizes
/// are not interpolated.
pub fn on_the_way<'a>(before: Option<&Map>, now: &'a Map, part: f32) -> Cow<'a, Map> {
    match before {
        Some(before) if part < 1.0 && (before.width, before.height) == (now.width, now.height) && before.is_whole() => {
            let values = before.values.iter().zip(&now.values).map(|(before, now)| before + (now - before) * part);
            Cow::Owned(Map { values: values.collect(), ..*now })
        }
        _ => Cow::Borrowed(now),
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::program::source::Drawing;

    use super::*;

    fn spectrum(node: &str, hold: f64) -> Source {
        let map = Arc::new(Source::Tap("tap".into()));
        let drawing = Drawing { decay: hold, ..Drawing::default() };
        Source::Spectrum { node: node.into(), map, below: None, amount: 1.0, drawing }
    }

    fn taps(values: &[f32]) -> Taps {
        BTreeMap::from([("tap".into(), Map { width: values.len(), height: 1, values: values.to_vec() })])
    }

    /// The largest value of the past, each times e to the minus its age in holds.
    #[test]
    fn a_peak_falls_to_a_third_in_its_time() {
        let measured: Vec<f32> = (0..40).map(|i| ((i * 17) % 23) as f32).collect();
        let mut peaks = Peaks::default();
        for (now, &value) in measured.iter().enumerate() {
            peaks.update(&spectrum("a", 2.0), &taps(&[value, 1.0]), 0.25);
            let left = |(then, x): (usize, &f32)| f64::from(*x) * (-((now - then) as f64) * 0.125).exp();
            let wanted = measured[..=now].iter().enumerate().map(left).fold(0.0, f64::max);
            assert!((f64::from(peaks.of("a")[0]) - wanted).abs() < 1e-3, "{now}: {:?} is not {wanted}", peaks.of("a"));
            assert!((peaks.of("a")[1] - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn peaks_belong_to_their_node_and_go_with_it() {
        let mut peaks = Peaks::default();
        let both = |hold| {
            let (a, b) = (Arc::new(spectrum("a", 1.0)), Arc::new(spectrum("b", hold)));
            Source::Channels { red: Some(a.clone()), green: Some(b), blue: Some(a) }
        };
        peaks.update(&both(8.0), &taps(&[1.0, f32::NAN]), 0.25);
        peaks.update(&both(8.0), &taps(&[0.0, 0.0]), 0.25);
        assert!((peaks.of("a")[0] - (-0.25_f32).exp()).abs() < 1e-6, "once a frame, however often it is shown");
        assert!(peaks.of("b")[0] > peaks.of("a")[0] && peaks.of("b")[1].abs() < 1e-9);
        // Without a measurement they stand; another number of neurons makes room for them.
        let before = peaks.clone();
        peaks.update(&both(8.0), &BTreeMap::new(), 0.25);
        assert_eq!(peaks, before);
        peaks.update(&both(0.0), &taps(&[0.5; 3]), 0.25);
        assert_eq!((peaks.of("a").len(), peaks.of("b").len()), (3, 0));
        peaks.update(&Source::Model, &taps(&[1.0]), 0.25);
        assert_eq!(peaks, Peaks::default());
    }

    #[test]
    fn a_map_goes_straight_from_frame_to_frame() {
        let map = |values: [f32; 2]| Map { width: 1, height: 2, values: values.to_vec() };
        let (before, now) = (map([0.0, 4.0]), map([1.0, -4.0]));
        for (part, values) in [(0.25, [0.25, 2.0]), (0.5, [0.5, 0.0]), (0.75, [0.75, -2.0]), (1.0, [1.0, -4.0])] {
            assert_eq!(*on_the_way(Some(&before), &now, part), map(values));
        }
        assert_eq!(*on_the_way(None, &now, 0.25), now);
        let other = Map { width: 2, height: 1, values: vec![9.0; 2] };
        assert_eq!(*on_the_way(Some(&other), &now, 0.25), now);
        assert_eq!(*on_the_way(Some(&Map { values: vec![], ..before }), &now, 0.25), now);
    }
}
