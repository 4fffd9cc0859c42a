//! The attention of a layer under bends before the softmax, which weigh its logits.
//!
//! Without a region, the weights are the same for all queries of a frame. They then go into the queries, the keys and
//! the bias of an ordinary attention. With a region, and for the exact form, the map of one head after the other is
//! written out.

use std::ops::Range;

use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::{Form, Weight};
use bendrack_nodes::program::set::Set;
use candle_core::{D, Result, Tensor, bail};

use super::bound::BoundBend;
use super::map::Scoped;
use crate::wan::hooks::Attention;
use crate::wan::ops;

/// Attention with weights on its logits.
pub(super) struct Softmax<'a> {
    attention: Attention,
    /// The heads, by number in the layer.
    heads: Vec<u32>,
    grid: Grid,
    weights: &'a [Scoped<'a, &'a BoundBend<'a>>],
    /// The bent attention as ordinary ones: one, or one per frame where weights differ. Absent if the map must be
    /// written out.
    plain: Option<Vec<Attention>>,
}

impl<'a> Softmax<'a> {
    /// An attention under weights, which act first to last. `exact` writes out every map.
    pub(super) fn new(
        attention: Attention,
        grid: Grid,
        weights: &'a [Scoped<'a, &'a BoundBend<'a>>],
        exact: bool,
    ) -> Result<Self> {
        let heads = (0..attention.q.dim(2)? as u32).collect();
        let mut softmax = Self { attention, heads, grid, weights, plain: None };
        if !exact && weights.iter().all(|part| part.item.region.is_none()) {
            softmax.plain = Some(softmax.fold()?);
        }
        Ok(softmax)
    }

    /// The values `[batch, keys, heads, value_dim]`.
    pub(super) const fn values(&self) -> &Tensor {
        &self.attention.v
    }

    /// The heads, by number in the layer.
    pub(super) fn heads(&self) -> &[u32] {
        &self.heads
    }

    /// True if the shares of the keys sum to 1 for every query: no key is masked.
    pub(super) const fn is_full(&self) -> bool {
        self.weights.is_empty() && self.attention.bias.is_none()
    }

    /// True if maps are written out.
    pub(super) const fn is_written_out(&self) -> bool {
        self.plain.is_none()
    }

    /// This attention for some of its heads, by index.
    pub(super) fn of_heads(&self, indices: &[u32]) -> Result<Self> {
        let pick = |attention: &Attention| of_heads(attention, indices);
        Ok(Self {
            attention: pick(&self.attention)?,
            heads: indices.iter().map(|&index| self.heads[index as usize]).collect(),
            grid: self.grid,
            weights: self.weights,
            plain: self.plain.as_ref().map(|frames| frames.iter().map(pick).collect()).transpose()?,
        })
    }

    /// The map times values `[batch, keys, heads, columns]`: `[batch, queries, heads, columns]`.
    pub(super) fn run(&self, values: &Tensor) -> Result<Tensor> {
        let Some(frames) = &self.plain else {
            let heads = (0..self.heads.len()).map(|head| {
                let values = values.narrow(2, head, 1)?.squeeze(2)?;
                ops::matmul(&self.map(head)?, &values)?.unsqueeze(2)
            });
            return Tensor::cat(&heads.collect::<Result<Vec<_>>>()?, 2);
        };
        let run = |attention: &Attention| Attention { v: values.clone(), ..attention.clone() }.run();
        if let [all] = frames.as_slice() {
            return run(all);
        }
        Tensor::cat(&frames.iter().map(run).collect::<Result<Vec<_>>>()?, 1)
    }

    /// The map of a head, `[batch, queries, keys]`.
    pub(super) fn map(&self, head: usize) -> Result<Tensor> {
        self.rows(head..head + 1, None)?.squeeze(1)
    }

    /// The maps of some heads, by index, `[batch, heads, queries, keys]`: of `queries`, or of all.
    pub(super) fn rows(&self, heads: Range<usize>, queries: Option<&[usize]>) -> Result<Tensor> {
        let Attention { q, k, bias, scale, .. } = &self.attention;
        let all: Vec<usize> = if queries.is_none() { (0..self.grid.cells()).collect() } else { Vec::new() };
        let chosen = queries.unwrap_or(&all);
        let index = Tensor::from_iter(chosen.iter().map(|&query| query as u32), q.device())?;
        let (mut q, k) = (q.narrow(2, heads.start, heads.len())?, k.narrow(2, heads.start, heads.len())?);
        if queries.is_some() {
            q = q.contiguous()?.index_select(&index, 1)?;
        }
        let q = (q * *scale)?.transpose(1, 2)?;
        let mut logits = ops::matmul(&q, &k.permute((0, 2, 3, 1))?)?;
        if let Some(bias) = bias {
            logits = logits.broadcast_add(&bias_of(bias, &heads, &index)?)?;
        }
        for part in self.weights {
            let acts = |&head: &usize| part.heads.contains(self.heads[head] as usize);
            if !heads.clone().any(|head| acts(&head)) {
                continue;
            }
            let weights = chosen.iter().map(|&query| {
                let (frame, row, column) = self.grid.place(query);
                weight(part.item, frame, part.item.weight(frame, row * self.grid.columns + column))
            });
            let (sharpness, gain): (Vec<_>, Vec<_>) = weights.collect::<Result<Vec<_>>>()?.into_iter().unzip();
            let column = |values: Vec<f32>, neutral: f32| {
                let of_head = |head| values.iter().map(move |&value| if acts(&head) { value } else { neutral });
                let all: Vec<f32> = heads.clone().flat_map(of_head).collect();
                Tensor::from_vec(all, (1, heads.len(), chosen.len(), 1), logits.device())?.to_dtype(logits.dtype())
            };
            let bent = logits.broadcast_mul(&column(sharpness, 1.0)?)?.broadcast_add(&column(gain, 0.0)?)?;
            // A masked logit stays masked.
            let bent = logits.gt(f32::MIN)?.where_cond(&bent, &logits)?;
            let keys = Tensor::from_iter(part.keys.iter().map(|&key| u8::from(key)), logits.device())?;
            logits =
                keys.reshape((1, 1, 1, part.keys.len()))?.broadcast_as(bent.shape())?.where_cond(&bent, &logits)?;
        }
        softmax(&logits)
    }

    /// The weights as parts of ordinary attentions: one, or one for each frame.
    fn fold(&self) -> Result<Vec<Attention>> {
        if self.weights.is_empty() {
            return Ok(vec![self.attention.clone()]);
        }
        let keys = self.attention.k.dim(1)?;
        let frames = (0..self.grid.frames).map(|frame| self.logits(frame, keys)).collect::<Result<Vec<_>>>()?;
        if frames.iter().all(|frame| *frame == frames[0]) {
            return Ok(vec![self.with(&self.attention.q, &frames[0], keys, 0)?]);
        }
        let positions = self.grid.rows * self.grid.columns;
        let queries = |frame: usize| self.attention.q.narrow(1, frame * positions, positions)?.contiguous();
        frames.iter().enumerate().map(|(i, frame)| self.with(&queries(i)?, frame, keys, i * positions)).collect()
    }

    /// The weight of each logit of a frame's queries, `[heads, keys]`: `(factor, summand)`.
    fn logits(&self, frame: usize, keys: usize) -> Result<Vec<(f32, f32)>> {
        let mut logits = vec![(1.0, 0.0); self.heads.len() * keys];
        for part in self.weights {
            let (sharpness, gain) = weight(part.item, frame, part.item.amount[frame])?;
            for (head, logits) in logits.chunks_exact_mut(keys).enumerate() {
                if part.heads.contains(head) {
                    let weighed = logits.iter_mut().zip(&part.keys).filter(|(_, is_key)| **is_key);
                    weighed.for_each(|((factor, summand), _)| {
                        (*factor, *summand) = (*factor * sharpness, plus(*summand * sharpness, gain));
                    });
                }
            }
        }
        Ok(logits)
    }

    /// Attention of some queries, the first of which is `first`, with these logits.
    fn with(&self, q: &Tensor, logits: &[(f32, f32)], keys: usize, first: usize) -> Result<Attention> {
        let Attention { k, bias, .. } = &self.attention;
        let heads = self.heads.len();
        let device = q.device();
        let (mut q, mut k) = (q.clone(), k.clone());
        let even = |logits: &[(f32, f32)]| logits.iter().all(|(factor, _)| factor.to_bits() == logits[0].0.to_bits());
        if logits.chunks_exact(keys).all(even) {
            let factors: Vec<f32> = logits.chunks_exact(keys).map(|head| head[0].0).collect();
            if factors.iter().any(|factor| factor.to_bits() != 1.0_f32.to_bits()) {
                q = q.broadcast_mul(&Tensor::from_vec(factors, (1, 1, heads, 1), device)?.to_dtype(q.dtype())?)?;
            }
        } else {
            let factors = logits.iter().map(|(factor, _)| *factor);
            let factors = Tensor::from_iter(factors, device)?.reshape((heads, keys))?.t()?.to_dtype(k.dtype())?;
            k = k.broadcast_mul(&factors.reshape((1, keys, heads, 1))?)?;
        }
        let mut bias = match bias {
            Some(bias) if bias.rank() == 3 && bias.dim(1)? > 1 => Some(bias.narrow(1, first, q.dim(1)?)?),
            bias => bias.clone(),
        };
        if logits.iter().any(|(_, summand)| *summand != 0.0) {
            let summands = Tensor::from_iter(logits.iter().map(|(_, summand)| *summand), device)?;
            let summands = summands.reshape((heads, 1, keys))?.to_dtype(q.dtype())?;
            bias = Some(match bias {
                Some(bias) => bias.broadcast_add(&summands)?,
                None => summands,
            });
        }
        Ok(Attention { q, k, bias, ..self.attention.clone() })
    }
}

/// The factor and the summand of a weight's logits.
fn weight(bound: &BoundBend<'_>, frame: usize, amount: f64) -> Result<(f32, f32)> {
    let Form::LogitWeight(op) = bound.bend.op.form else {
        bail!("{}: {} does not act before the softmax", bound.bend.node, bound.bend.op.name)
    };
    let Weight { sharpness, gain } = op(&bound.params, frame);
    let [sharpness, gain] = [sharpness, gain].map(|x| 1.0 + amount * (x - 1.0));
    Ok((sharpness as f32, if gain > 0.0 { gain.ln() as f32 } else { f32::NEG_INFINITY }))
}

/// A sum in which −∞ stays −∞.
fn plus(a: f32, b: f32) -> f32 {
    if b == f32::NEG_INFINITY || a.is_infinite() || a.is_nan() { f32::NEG_INFINITY } else { a + b }
}

/// Softmax over the last axis of `[batch, heads, queries, keys]`; a row of −∞ gets 0.
fn softmax(logits: &Tensor) -> Result<Tensor> {
    if ops::is_worth_blocks(logits) {
        return ops::in_blocks(logits, |x, _, _| softmax_of_rows(x));
    }
    softmax_of_rows(logits)
}

fn softmax_of_rows(logits: &Tensor) -> Result<Tensor> {
    let highest = logits.max_keepdim(D::Minus1)?.clamp(f32::MIN, f32::MAX)?;
    let weights = logits.broadcast_sub(&highest)?.exp()?;
    let sum = weights.sum_keepdim(D::Minus1)?;
    weights.broadcast_div(&sum.maximum(f32::MIN_POSITIVE)?)
}

/// The bias of some heads and queries; it broadcasts to `[heads, queries, keys]`.
fn bias_of(bias: &Tensor, heads: &Range<usize>, queries: &Tensor) -> Result<Tensor> {
    let bias = match bias.rank() {
        3 if bias.dim(0)? > 1 => bias.narrow(0, heads.start, heads.len())?,
        _ => bias.clone(),
    };
    let axis = bias.rank().saturating_sub(2);
    if bias.rank() >= 2 && bias.dim(axis)? > 1 { bias.contiguous()?.index_select(queries, axis) } else { Ok(bias) }
}

/// The attention of some heads only.
fn of_heads(attention: &Attention, heads: &[u32]) -> Result<Attention> {
    let heads = Tensor::new(heads, attention.q.device())?;
    let pick = |x: &Tensor| x.contiguous()?.index_select(&heads, 2);
    let bias = match &attention.bias {
        // `[heads, queries, keys]`. All heads share a bias of fewer axes, or one with a single row.
        Some(bias) if bias.rank() == 3 && bias.dim(0)? > 1 => Some(bias.index_select(&heads, 0)?),
        bias => bias.clone(),
    };
    Ok(Attention { q: pick(&attention.q)?, k: pick(&attention.k)?, v: pick(&attention.v)?, bias, ..attention.clone() })
}

/// True if a set has one of these heads.
pub(super) fn any_head(set: &Set, heads: &[u32]) -> bool {
    heads.iter().any(|&head| set.contains(head as usize))
}
