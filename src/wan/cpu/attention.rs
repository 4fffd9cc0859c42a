//! Attention by online softmax over tiles: the map never exists beyond a block of keys by a panel of queries.
//!
//! Everything is kept transposed, with the queries along the vector lanes. Then the rows of K and the columns of V are
//! the scalars of the register tile. They are read in place through the strides of the KV cache. A softmax runs down
//! the lanes without a horizontal step. Only q is copied in and the result copied out.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};

use super::memory::{Aligned, zeros};
use super::simd::exp2;
use super::tile::{self, Offsets, Scalars, multiply_add};
use super::{View, for_each, tensor};

/// Keys per softmax step: with a panel of 48 queries and 128 dimensions, logits and queries fill the first-level cache.
const KEYS: usize = 128;

/// Panels of queries that share one reading of K and V, and the floats of second-level cache they may take.
const PANELS: usize = 8;
const PANEL_FLOATS: usize = 128 << 10;

/// `softmax(q kᵀ · scale + bias) v`, see [`crate::wan::ops::attention`]. A row whose logits are all -∞ gives 0.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>, scale: f64) -> Result<Tensor> {
    let (batch, queries, heads, dim) = q.dims4()?;
    let (keys, value_dim) = (k.dim(1)?, v.dim(3)?);
    if k.dims() != [batch, keys, heads, dim] || v.dims() != [batch, keys, heads, value_dim] {
        bail!("attention: q {:?}, k {:?} and v {:?} do not fit together", q.shape(), k.shape(), v.shape());
    }
    let shape = (batch, queries, heads, value_dim);
    if dim == 0 || keys == 0 || shape.0 * shape.1 * shape.2 * shape.3 == 0 {
        return tensor(vec![0.0; batch * queries * heads * value_dim], shape);
    }
    let bias = bias.map(|bias| bias.broadcast_as((heads, queries, keys))).transpose()?;
    let dense = |x: &Tensor| if x.stride()[3] == 1 { Ok(x.clone()) } else { x.contiguous() };
    let (q, k, v) = (dense(q)?, dense(k)?, dense(v)?);
    let (q, k, v, bias) = (View::of(&q), View::of(&k), View::of(&v), bias.as_ref().map(View::of));
    let mut out = zeros(batch * queries * heads * value_dim);
    Arch::new().dispatch(Attention {
        q: Strided::of(&q)?,
        k: Strided::of(&k)?,
        v: Strided::of(&v)?,
        bias: bias.as_ref().map(Strided::of).transpose()?,
        // In powers of two, so that the exponential needs no product.
        scale: (scale * std::f64::consts::LOG2_E) as f32,
        sizes: Sizes { heads, queries, keys, dim, value_dim },
        out: &mut out,
    });
    tensor(out, shape)
}

/// A tensor whose last axis, where there is a fourth, is dense.
#[derive(Clone, Copy)]
struct Strided<'a> {
    data: &'a [f32],
    strides: [usize; 3],
}

impl<'a> Strided<'a> {
    fn of(view: &'a View<'_>) -> Result<Self> {
        Ok(Self { data: view.data()?, strides: [view.stride(0), view.stride(1), view.stride(2)] })
    }

    /// Everything from this index on.
    #[inline(always)]
    fn from(&self, at: [usize; 3]) -> &'a [f32] {
        &self.data[at.iter().zip(self.strides).map(|(i, stride)| i * stride).sum()..]
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    heads: usize,
    queries: usize,
    keys: usize,
    dim: usize,
    value_dim: usize,
}

struct Attention<'a> {
    q: Strided<'a>,
    k: Strided<'a>,
    v: Strided<'a>,
    bias: Option<Strided<'a>>,
    scale: f32,
    sizes: Sizes,
    out: &'a mut [f32],
}

/// A few panels of queries of one head, and the rows of the result they fill.
struct Job<'a> {
    batch: usize,
    head: usize,
    first: usize,
    out: Vec<&'a mut [f32]>,
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Sizes { heads, queries, keys, dim, value_dim } = self.sizes;
        let lanes = const { tile::width::<S>() };
        let panels = (PANEL_FLOATS / (lanes * (dim + value_dim))).clamp(1, PANELS).min(queries.div_ceil(lanes));
        let per_job = panels * lanes;
        let blocks = queries.div_ceil(per_job);
        let batch = self.out.len() / (queries * heads * value_dim);
        let mut jobs = Vec::with_capacity(batch * heads * blocks);
        for b in 0..batch {
            for head in 0..heads {
                jobs.extend((0..blocks).map(|i| Job { batch: b, head, first: i * per_job, out: Vec::new() }));
            }
        }
        for (i, row) in self.out.chunks_mut(value_dim).enumerate() {
            let (token, head) = (i / heads, i % heads);
            let (b, query) = (token / queries, token % queries);
            jobs[(b * heads + head) * blocks + query / per_job].out.push(row);
        }
        let shared = Shared { q: self.q, k: self.k, v: self.v, bias: self.bias, scale: self.scale, sizes: self.sizes };
        let scratch = || Scratch::new::<S>(self.sizes, panels);
        for_each(jobs, batch * heads * queries * keys * (dim + value_dim), scratch, |scratch, job| {
            if const { tile::rows::<S>() == 8 } {
                simd.vectorize(Run::<8> { shared: &shared, scratch, job });
            } else {
                simd.vectorize(Run::<4> { shared: &shared, scratch, job });
            }
        });
    }
}

struct Shared<'a> {
    q: Strided<'a>,
    k: Strided<'a>,
    v: Strided<'a>,
    bias: Option<Strided<'a>>,
    scale: f32,
    sizes: Sizes,
}

/// The workspace of one thread; every panel is `[.., lanes]` with the queries along the lanes.
struct Scratch {
    /// Queries, scaled: `[panels, dim, lanes]`.
    q: Aligned,
    /// Weighted sums of values so far: `[panels, value_dim, lanes]`, value_dim rounded up to the tile's rows.
    out: Aligned,
    /// The largest logit of each query so far, and the sum of the exponentials: `[panels, lanes]`.
    max: Aligned,
    sum: Aligned,
    /// Logits, then weights, of a block of keys: `[KEYS, lanes]`.
    map: Aligned,
    /// The start of each row of a panel.
    rows: Offsets,
}

impl Scratch {
    fn new<S: Simd>(sizes: Sizes, panels: usize) -> Self {
        let lanes = tile::width::<S>();
        let zeros = |rows: usize| Aligned::zeros(rows * lanes);
        Self {
            q: zeros(panels * sizes.dim),
            out: zeros(panels * sizes.value_dim.next_multiple_of(tile::rows::<S>())),
            max: zeros(panels),
            sum: zeros(panels),
            map: zeros(KEYS),
            rows: Offsets::new((0..KEYS.max(sizes.dim)).map(|row| row * lanes).collect()),
        }
    }
}

struct Run<'a, 'b, const ROWS: usize> {
    shared: &'b Shared<'a>,
    scratch: &'b mut Scratch,
    job: Job<'a>,
}

impl<'a, const ROWS: usize> WithSimd for Run<'a, '_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shared, scratch, mut job } = self;
        let lanes = const { tile::width::<S>() };
        let Sizes { keys, dim, value_dim, .. } = shared.sizes;
        let (q_size, out_size) = (dim * lanes, value_dim.next_multiple_of(ROWS) * lanes);
        let panels = job.out.len().div_ceil(lanes);
        scratch.max.fill(f32::NEG_INFINITY);
        scratch.sum.fill(0.0);
        scratch.out.fill(0.0);
        load_queries(shared, &job, &mut scratch.q, lanes);
        for first_key in (0..keys).step_by(KEYS) {
            let count = KEYS.min(keys - first_key);
            for panel in 0..panels {
                let q = &scratch.q[panel * q_size..][..q_size];
                let max = &mut scratch.max[panel * lanes..][..lanes];
                let sum = &mut scratch.sum[panel * lanes..][..lanes];
                let out = &mut scratch.out[panel * out_size..][..out_size];
                let map = &mut scratch.map[..count.next_multiple_of(ROWS) * lanes];
                load_bias(shared, &job, panel, first_key, count, map, lanes);
                let at = [job.batch, first_key, job.head];
                let block = |x: &Strided<'a>| Block { data: x.from(at), stride: x.strides[1], count };
                logits::<S, ROWS>(simd, block(&shared.k), q, map, &scratch.rows, dim);
                softmax(simd, &mut map[..count * lanes], max, sum, out);
                weigh::<S, ROWS>(simd, block(&shared.v), map, out, &scratch.rows, value_dim);
            }
        }
        for (query, row) in job.out.iter_mut().enumerate() {
            let (panel, lane) = (query / lanes, query % lanes);
            let sum = scratch.sum[query];
            let weight = if sum == 0.0 { 0.0 } else { 1.0 / sum };
            for (x, column) in row.iter_mut().zip(scratch.out[panel * out_size..].chunks_exact(lanes)) {
                *x = column[lane] * weight;
            }
        }
    }
}

/// Copies the job's queries, transposed and scaled; the lanes past the last query get zeros.
#[inline(always)]
fn load_queries(shared: &Shared<'_>, job: &Job<'_>, q: &mut [f32], lanes: usize) {
    let dim = shared.sizes.dim;
    q.fill(0.0);
    for query in 0..job.out.len() {
        let row = &shared.q.from([job.batch, job.first + query, job.head])[..dim];
        let panel = &mut q[query / lanes * dim * lanes..][..dim * lanes];
        for (x, column) in row.iter().zip(panel.chunks_exact_mut(lanes)) {
            column[query % lanes] = x * shared.scale;
        }
    }
}

/// Starts the logits of a panel from the bias, or from zero.
#[inline(always)]
fn load_bias(
    shared: &Shared<'_>,
    job: &Job<'_>,
    panel: usize,
    first_key: usize,
    count: usize,
    map: &mut [f32],
    lanes: usize,
) {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    map.fill(0.0);
    let Some(bias) = &shared.bias else { return };
    let [_, query_stride, key_stride] = bias.strides;
    let first = job.first + panel * lanes;
    let queries = lanes.min(job.out.len() - panel * lanes);
    if query_stride == 0 {
        let per_key = bias.from([job.head, first, first_key]);
        for (key, row) in map.chunks_exact_mut(lanes).take(count).enumerate() {
            row.fill(per_key[key * key_stride] * LOG2_E);
        }
    } else {
        for query in 0..queries {
            let per_key = bias.from([job.head, first + query, first_key]);
            for (key, row) in map.chunks_exact_mut(lanes).take(count).enumerate() {
                row[query] = per_key[key * key_stride] * LOG2_E;
            }
        }
    }
}

/// The rows of K or V of one head that belong to a block of keys.
#[derive(Clone, Copy)]
struct Block<'a> {
    data: &'a [f32],
    stride: usize,
    count: usize,
}

/// Adds `k q` to the map: rows of K are the scalars. Rows past the last key repeat it and are not used.
#[inline(always)]
fn logits<S: Simd, const ROWS: usize>(
    simd: S,
    keys: Block<'_>,
    q: &[f32],
    map: &mut [f32],
    rows: &Offsets,
    dim: usize,
) {
    let Block { data, stride, count } = keys;
    for (tile, map) in map.chunks_exact_mut(ROWS * tile::width::<S>()).enumerate() {
        let start = std::array::from_fn(|row| (tile * ROWS + row).min(count - 1) * stride);
        multiply_add(simd, map, Scalars::<ROWS> { data, start, step: 1 }, q, rows, 0, dim);
    }
}

/// Turns logits `[keys, lanes]` into weights relative to the new maximum, and rescales what was summed under the old one.
#[inline(always)]
fn softmax<S: Simd>(simd: S, map: &mut [f32], max: &mut [f32], sum: &mut [f32], out: &mut [f32]) {
    const VECTORS: usize = 3;
    let (map, max, sum, out) = (
        S::as_mut_simd_f32s(map).0,
        S::as_mut_simd_f32s(max).0,
        S::as_mut_simd_f32s(sum).0,
        S::as_mut_simd_f32s(out).0,
    );
    let (map, out) = (map.as_chunks_mut::<VECTORS>().0, out.as_chunks_mut::<VECTORS>().0);
    let [max] = max.as_chunks_mut::<VECTORS>().0 else { return };
    let [sum] = sum.as_chunks_mut::<VECTORS>().0 else { return };
    let mut highest = *max;
    for row in &*map {
        highest = std::array::from_fn(|i| simd.max_f32s(highest[i], row[i]));
    }
    // The origin is 0 for a query whose logits are all -∞ so far. Its weights are then 0, not NaN from ∞ - ∞.
    let origin = highest.map(|x| {
        let masked = simd.less_than_f32s(x, simd.splat_f32s(f32::MIN));
        simd.select_f32s(masked, simd.splat_f32s(0.0), x)
    });
    let rescale: [S::f32s; VECTORS] = std::array::from_fn(|i| exp2(simd, simd.sub_f32s(max[i], origin[i])));
    let mut total = [simd.splat_f32s(0.0); VECTORS];
    for row in map {
        for i in 0..VECTORS {
            row[i] = exp2(simd, simd.sub_f32s(row[i], origin[i]));
            total[i] = simd.add_f32s(total[i], row[i]);
        }
    }
    for row in out {
        *row = std::array::from_fn(|i| simd.mul_f32s(row[i], rescale[i]));
    }
    *sum = std::array::from_fn(|i| simd.mul_add_e_f32s(sum[i], rescale[i], total[i]));
    *max = highest;
}

/// Adds `vᵀ map` to the sums: columns of V are the scalars. Columns past the last repeat it and are not used.
#[inline(always)]
fn weigh<S: Simd, const ROWS: usize>(
    simd: S,
    values: Block<'_>,
    map: &[f32],
    out: &mut [f32],
    rows: &Offsets,
    value_dim: usize,
) {
    let Block { data, stride: step, count } = values;
    for (tile, out) in out.chunks_exact_mut(ROWS * tile::width::<S>()).enumerate() {
        let start = std::array::from_fn(|row| (tile * ROWS + row).min(value_dim - 1));
        multiply_add(simd, out, Scalars::<ROWS> { data, start, step }, map, rows, 0, count);
    }
}
