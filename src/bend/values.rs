//! Value columns appended to an attention. Their outputs are columns of the map, shares of taps, and parts of the output.

use candle_core::{Result, Tensor};

use super::softmax::Softmax;

/// The values of an attention with extra columns.
pub(super) struct Values<'a> {
    softmax: &'a Softmax<'a>,
    /// `[batch, keys, heads, columns]` each.
    columns: Vec<Tensor>,
    /// Columns so far.
    pub(super) width: usize,
}

impl<'a> Values<'a> {
    /// The model's own values.
    pub(super) fn new(softmax: &'a Softmax<'a>) -> Self {
        let v = softmax.values();
        Self { softmax, width: v.dims()[3], columns: vec![v.clone()] }
    }

    /// Adds columns `[batch, keys, heads, n]`.
    pub(super) fn push(&mut self, columns: Tensor) -> Result<()> {
        self.width += columns.dim(3)?;
        self.columns.push(columns);
        Ok(())
    }

    /// Adds columns `[keys, n]` that every head shares.
    pub(super) fn push_shared(&mut self, values: Vec<f32>, n: usize) -> Result<()> {
        let v = self.softmax.values();
        let (batch, keys, heads, _) = v.dims4()?;
        let shared = Tensor::from_vec(values, (1, keys, 1, n), v.device())?.to_dtype(v.dtype())?;
        self.push(shared.broadcast_as((batch, keys, heads, n))?.contiguous()?)
    }

    /// Adds a column for each of these keys.
    pub(super) fn push_keys(&mut self, keys: &[u32]) -> Result<()> {
        let mut values = vec![0.0; self.softmax.values().dim(1)? * keys.len()];
        for (column, &key) in keys.iter().enumerate() {
            values[key as usize * keys.len() + column] = 1.0;
        }
        self.push_shared(values, keys.len())
    }

    /// Adds the values of these keys, and 0 for the others.
    pub(super) fn push_values(&mut self, keys: &[u32]) -> Result<()> {
        let v = self.softmax.values();
        let n = v.dim(1)?;
        let mask = weights(&vec![true; n], |key| keys.binary_search(&key).is_ok());
        let mask = Tensor::from_vec(mask, (1, n, 1, 1), v.device())?.to_dtype(v.dtype())?;
        self.push(v.broadcast_mul(&mask)?)
    }

    /// The attention over all columns.
    pub(super) fn run(self) -> Result<Tensor> {
        match self.columns.as_slice() {
            [values] => self.softmax.run(values),
            columns => self.softmax.run(&Tensor::cat(columns, 3)?),
        }
    }
}

/// 1 for the keys that are selected and pass `also`, 0 for the others.
pub(super) fn weights(selected: &[bool], also: impl Fn(u32) -> bool) -> Vec<f32> {
    let weight = |(key, selected): (usize, &bool)| f32::from(u8::from(*selected && also(key as u32)));
    selected.iter().enumerate().map(weight).collect()
}
