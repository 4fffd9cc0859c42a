//! Rotary position embedding over time, rows and columns.
//!
//! A head of width d is split into `d − 4⌊d/6⌋` numbers for time and `2⌊d/6⌋` each for rows and columns (44/42/42 at 128);
//! pair j of an axis of width m turns by `position · 10000^(−2j/m)`. Angles are computed in f64 and rounded once, as the
//! original does, so positions far beyond its table of 1024 stay exact. Source: `rope_params`, `rope_apply` of
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
    pub fn new(head_dim: usize, frames: &[f64], (rows, columns): (usize, usize), device: &Device) -> Result<Self> {
        let space = 2 * (head_dim / 6);
        let time = head_dim - 2 * space;
        let turns = |positions: &[f64], width: usize| -> Vec<Vec<(f32, f32)>> {
            let pair = |a: f64| (a.cos() as f32, a.sin() as f32);
            positions.iter().map(|&p| (0..width / 2).map(|j| pair(angle(p, j, width))).collect()).collect()
        };
        let upto = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<_>>();
        let (t, h, w) = (turns(frames, time), turns(&upto(rows), space), turns(&upto(columns), space));
        let tokens = frames.len() * rows * columns;
        let (mut cos, mut sin) = (Vec::with_capacity(tokens * head_dim / 2), Vec::with_capacity(tokens * head_dim / 2));
        for t in &t {
            for h in &h {
                for w in &w {
                    for &(c, s) in t.iter().chain(h).chain(w) {
                        cos.push(c);
                        sin.push(s);
                    }
                }
            }
        }
        let shape = (tokens, head_dim / 2);
        Ok(Self { cos: Tensor::from_vec(cos, shape, device)?, sin: Tensor::from_vec(sin, shape, device)? })
    }

    /// The table for tokens at these RoPE positions: time, row and column each.
    pub fn at(head_dim: usize, positions: &[[f64; 3]], device: &Device) -> Result<Self> {
        let space = 2 * (head_dim / 6);
        let widths = [head_dim - 2 * space, space, space];
        let angles = positions.iter().flat_map(|position| {
            position
                .iter()
                .zip(widths)
                .flat_map(|(&position, width)| (0..width / 2).map(move |j| angle(position, j, width)))
        });
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.map(|a| (a.cos() as f32, a.sin() as f32)).unzip();
        let shape = (positions.len(), head_dim / 2);
        Ok(Self { cos: Tensor::from_vec(cos, shape, device)?, sin: Tensor::from_vec(sin, shape, device)? })
    }

    /// Rotates x `[batch, tokens, heads, head_dim]`.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        ops::rope(x, &self.cos, &self.sin)
    }
}

/// The angle of pair j of an axis of this width at a position.
fn angle(position: f64, j: usize, width: usize) -> f64 {
    position * THETA.powf(-(2.0 * j as f64) / width as f64)
}
