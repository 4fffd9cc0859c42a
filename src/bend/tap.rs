//! What taps measure: added up while the model runs, read back once per call.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor};

use crate::output::Map;

/// The sum of what a tap met at the places of its target, on the model's device.
#[derive(Default)]
pub(super) struct Tally {
    /// `[frames, rows, columns]`.
    sum: Option<Tensor>,
    count: usize,
}

impl Tally {
    /// Adds a measurement `[frames, rows, columns]`.
    pub(super) fn add(&mut self, x: &Tensor) -> Result<()> {
        self.sum = Some(match &self.sum {
            Some(sum) => (sum + x)?,
            None => x.clone(),
        });
        self.count += 1;
        Ok(())
    }

    /// The mean; nothing if there was no measurement.
    pub(super) fn read(self) -> Option<Result<Measured>> {
        let sum = self.sum.filter(|sum| sum.elem_count() > 0)?;
        Some(Measured::read(&sum, self.count))
    }
}

/// What a tap measured in one model call.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// One map per latent frame of the call.
    pub maps: Vec<Map>,
}

impl Measured {
    fn read(sum: &Tensor, count: usize) -> Result<Self> {
        let (_, height, width) = sum.dims3()?;
        let mean = (sum.to_dtype(DType::F32)?.to_device(&Device::Cpu)? / count as f64)?;
        let frames = mean.flatten_from(1)?.to_vec2()?;
        Ok(Self { maps: frames.into_iter().map(|values| Map { width, height, values }).collect() })
    }
}

/// The numbers that a map gives to modulation: mean, max, and its centre of gravity, 0 to 1 from the left and the top.
pub fn numbers(map: &Map) -> BTreeMap<&'static str, f64> {
    let values = || map.values.iter().map(|&value| f64::from(value));
    let count = map.values.len().max(1) as f64;
    // Places at which a bent map is below 0 pull nothing.
    let weight: f64 = values().map(|value| value.max(0.0)).sum();
    let centre = |at: &dyn Fn(usize) -> usize, size: usize| {
        let pull: f64 = values().enumerate().map(|(i, value)| value.max(0.0) * (at(i) as f64 + 0.5)).sum();
        if weight > 0.0 { pull / weight / size as f64 } else { 0.5 }
    };
    BTreeMap::from([
        ("mean", values().sum::<f64>() / count),
        ("max", values().fold(f64::NEG_INFINITY, f64::max)),
        ("x", centre(&|i| i % map.width.max(1), map.width)),
        ("y", centre(&|i| i / map.width.max(1), map.height)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "small binary fractions")]
    fn numbers_of_a_map_say_where_it_lies() {
        let mut map = Map { width: 4, height: 2, values: vec![0.0; 8] };
        assert_eq!((numbers(&map)["x"], numbers(&map)["y"]), (0.5, 0.5), "of nothing, the middle");
        map.values[3] = 0.5;
        let found = numbers(&map);
        assert_eq!((found["x"], found["y"]), (0.875, 0.25), "the first row's last cell");
        assert_eq!((found["mean"], found["max"]), (0.0625, 0.5));
        map.values[0] = -1.0;
        assert_eq!(numbers(&map)["x"], 0.875);
    }
}
