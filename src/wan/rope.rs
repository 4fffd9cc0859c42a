//! Rotary position embedding over time, rows and columns.
//!
//! A head of width d has `d − 4⌊d/6⌋` numbers for time and `2⌊d/6⌋` each for rows and columns. At 128 these are 44, 42
//! and 42. Pair j of an axis of width m turns by `position · 10000^(−2j/m)`. Angles are computed in f64 and rounded
//! once, as in the original. Positions far beyond its table of 1024 stay exact. Source: `rope_params`, `rope_apply` of
//! Wan2.1 `wan/modules/model.py`.

use candle_core::{Device, Result, Tensor};

use super::ops;

const THETA: f64 = 10000.0;

/// Cosines and sines for a run of tokens, `[tokens, head_dim / 2]` each, in f32.
#[derive(Clone, Debug)]
pub struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// The table for the tokens of `frames` (temporal positions, in latent frames) of a `rows × columns` grid.
    ///
    /// # Errors
    ///
    /// Fails if the device fails.
    pub fn new(head_dim: usize, frames: &[f64], (rows, columns): (usize, usize), device: &Device) -> Result<Self> {
        let [time, space, _] = widths(head_dim);
        let axis = |positions: &[f64], width| -> Vec<Vec<Turn>> {
            positions.iter().map(|&position| turns(position, width).collect()).collect()
        };
        let upto = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<_>>();
        let (t, h, w) = (axis(frames, time), axis(&upto(rows), space), axis(&upto(columns), space));
        let shape = (frames.len() * rows * columns, head_dim / 2);
        let mut tokens = Vec::with_capacity(shape.0 * shape.1);
        for t in &t {
            for h in &h {
                for w in &w {
                    tokens.extend(t.iter().chain(h).chain(w));
                }
            }
        }
        Self::from_turns(tokens, shape, device)
    }

    /// The table for tokens at these RoPE positions: time, row and column each.
    ///
    /// # Errors
    ///
    /// Fails if the device fails.
    pub fn at(head_dim: usize, positions: &[[f64; 3]], device: &Device) -> Result<Self> {
        let axes = positions.iter().flat_map(|position| position.iter().zip(widths(head_dim)));
        let tokens = axes.flat_map(|(&position, width)| turns(position, width)).collect();
        Self::from_turns(tokens, (positions.len(), head_dim / 2), device)
    }

    /// The table of the turns of all tokens, one token after the other.
    fn from_turns(turns: Vec<Turn>, shape: (usize, usize), device: &Device) -> Result<Self> {
        let (cos, sin): (Vec<f32>, Vec<f32>) = turns.into_iter().unzip();
        Ok(Self { cos: Tensor::from_vec(cos, shape, device)?, sin: Tensor::from_vec(sin, shape, device)? })
    }

    /// Rotates x `[batch, tokens, heads, head_dim]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        ops::rope(x, &self.cos, &self.sin)
    }
}

/// The widths of the axes in a head: time, rows, columns.
const fn widths(head_dim: usize) -> [usize; 3] {
    let space = 2 * (head_dim / 6);
    [head_dim - 2 * space, space, space]
}

/// The rotation of a pair: cosine and sine.
type Turn = (f32, f32);

/// The rotation of each pair of an axis of this width, at a position.
fn turns(position: f64, width: usize) -> impl Iterator<Item = Turn> {
    let angle = move |j: usize| angle(position, j, width);
    (0..width / 2).map(angle).map(|angle| (angle.cos() as f32, angle.sin() as f32))
}

/// The angle of pair j of an axis of this width at a position.
fn angle(position: f64, j: usize, width: usize) -> f64 {
    position * THETA.powf(-(2.0 * j as f64) / width as f64)
}
