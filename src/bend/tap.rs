//! The measurements of taps: accumulated during a call, read back once at its end.

use bendrack_nodes::program::Fuse;
use candle_core::{DType, Device, Result, Tensor};

use crate::media::Map;

/// The measurements of a tap so far, on the model's device.
pub(super) struct Accumulator {
    fuse: Fuse,
    /// `[frames, rows, columns]`: the sum, the maximum or the minimum; for the median, every measurement.
    accumulated: Vec<Tensor>,
    count: usize,
}

impl Accumulator {
    pub(super) const fn new(fuse: Fuse) -> Self {
        Self { fuse, accumulated: Vec::new(), count: 0 }
    }

    /// Adds measurements `[n, frames, rows, columns]`.
    pub(super) fn add(&mut self, x: &Tensor) -> Result<()> {
        self.count += x.dim(0)?;
        let new = match self.fuse {
            // In bf16 a sum of hundreds of small numbers stops growing.
            Fuse::Mean => x.to_dtype(DType::F32)?.sum(0)?,
            Fuse::Max => x.max(0)?,
            Fuse::Min => x.min(0)?,
            Fuse::Median => {
                self.accumulated.push(x.clone());
                return Ok(());
            }
        };
        let old = self.accumulated.pop();
        self.accumulated.push(match (self.fuse, old) {
            (_, None) => new,
            (Fuse::Max, Some(old)) => old.maximum(&new)?,
            (Fuse::Min, Some(old)) => old.minimum(&new)?,
            (_, Some(old)) => (old + new)?,
        });
        Ok(())
    }

    /// The result; none if the target matched nothing.
    pub(super) fn read(self) -> Option<Result<Measured>> {
        let any = self.accumulated.iter().any(|accumulated| accumulated.elem_count() > 0);
        any.then(|| self.measured())
    }

    fn measured(&self) -> Result<Measured> {
        let fused = match self.fuse {
            Fuse::Mean => (&self.accumulated[0] / self.count as f64)?,
            Fuse::Max | Fuse::Min => self.accumulated[0].clone(),
            Fuse::Median => return Measured::median(&Tensor::cat(&self.accumulated, 0)?),
        };
        Measured::read(&fused)
    }
}

/// The measurement of a tap in one model call.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// One map per latent frame of the call.
    pub maps: Vec<Map>,
}

impl Measured {
    fn read(x: &Tensor) -> Result<Self> {
        let (_, height, width) = x.dims3()?;
        let frames = x.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.flatten_from(1)?.to_vec2()?;
        Ok(Self { maps: frames.into_iter().map(|values| Map { width, height, values }).collect() })
    }

    /// The median of x `[n, frames, rows, columns]`, position by position.
    fn median(x: &Tensor) -> Result<Self> {
        let (_, frames, height, width) = x.dims4()?;
        let x = x.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.flatten_from(1)?.t()?.to_vec2::<f32>()?;
        let medians: Vec<f32> = x.into_iter().map(median).collect();
        let maps = medians.chunks_exact((height * width).max(1)).take(frames);
        Ok(Self { maps: maps.map(|values| Map { width, height, values: values.to_vec() }).collect() })
    }
}

/// The middle value, or the mean of the two middle ones.
fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f32::midpoint(values[middle - 1], values[middle]) }
}

/// Reduces several maps of one shape to one, position by position; none if there are no maps.
pub fn fuse_maps(maps: &[&Map], fuse: Fuse) -> Option<Map> {
    let mut fused = (*maps.first()?).clone();
    for (position, value) in fused.values.iter_mut().enumerate() {
        let values = maps.iter().filter_map(|map| map.values.get(position).copied());
        *value = match fuse {
            Fuse::Mean => values.sum::<f32>() / maps.len() as f32,
            Fuse::Max => values.fold(f32::NEG_INFINITY, f32::max),
            Fuse::Min => values.fold(f32::INFINITY, f32::min),
            Fuse::Median => median(values.collect()),
        };
    }
    Some(fused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bendrack_nodes::choice::Choice;

    /// The sum over the layers, heads and steps of a GPU's numbers.
    #[test]
    fn a_mean_of_many_small_numbers_keeps_its_precision_in_bf16() -> Result<()> {
        let x = Tensor::full(0.01f32, (8, 1, 1, 1), &Device::Cpu)?.to_dtype(DType::BF16)?;
        let expected = x.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?[0];
        let mut mean = Accumulator::new(Fuse::Mean);
        (0..400).try_for_each(|_| mean.add(&x))?;
        let found = mean.read().expect("something")?.maps[0].values[0];
        assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
        Ok(())
    }

    #[test]
    fn measurements_accumulate_alike_at_once_and_one_by_one() -> Result<()> {
        let x =
            Tensor::new(&[[[1.0f32, 5.0]], [[2.0, -4.0]], [[6.0, 0.0]], [[7.0, 2.0]]], &Device::Cpu)?.unsqueeze(1)?;
        let expected = [[4.0, 0.75], [7.0, 5.0], [1.0, -4.0], [4.0, 1.0]];
        for (fuse, expected) in Fuse::ALL.iter().copied().zip(expected) {
            let (mut at_once, mut one_by_one) = (Accumulator::new(fuse), Accumulator::new(fuse));
            at_once.add(&x)?;
            (0..4).try_for_each(|i| one_by_one.add(&x.narrow(0, i, 1)?))?;
            let [at_once, one_by_one] = [at_once, one_by_one].map(|add| add.read().expect("something"));
            assert_eq!(at_once?.maps[0].values, expected, "{fuse:?}");
            let one_by_one = one_by_one?;
            assert_eq!(one_by_one.maps[0].values, expected, "{fuse:?}");
            let maps: Vec<Map> = x
                .flatten_from(1)?
                .to_vec2()?
                .into_iter()
                .map(|values| Map { values, ..one_by_one.maps[0].clone() })
                .collect();
            assert_eq!(fuse_maps(&maps.iter().collect::<Vec<_>>(), fuse).expect("maps").values, expected);
        }
        assert!(Accumulator::new(Fuse::Mean).read().is_none());
        Ok(())
    }
}
