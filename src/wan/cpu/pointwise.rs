//! One pass over memory, element by element.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::memory::zeros;
use super::norm::{Shared, fill_rows};
use super::simd::{map, map2, map3, sigmoid};
use super::{View, WORTH_THREADS, tensor};

/// Elements that a thread takes at a time.
pub const CHUNK: usize = 1 << 14;

/// `max(x, 0)`.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    unary(x, Relu)
}

/// `x · sigmoid(x)`.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    unary(x, Silu)
}

/// `x (1 + tanh u) / 2` with `u = √(2/π) (x + 0.044715 x³)`, which is `x · sigmoid(2u)`.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    unary(x, Gelu)
}

/// `x + y`, of one shape.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    binary(x, y, Add)
}

/// `max(x + y, 0)`, of one shape.
pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    binary(x, y, AddRelu)
}

/// `x + y · gate`, see [`crate::wan::ops::gated_residual`].
pub fn gated_residual(x: &Tensor, y: &Tensor, gate: &Tensor) -> Result<Tensor> {
    if x.shape() != y.shape() {
        bail!("gated_residual: {:?} and {:?} differ", x.shape(), y.shape());
    }
    let gate = Shared::of(x, gate)?;
    let (x, y) = (x.contiguous()?, y.contiguous()?);
    let mut out = zeros(x.elem_count());
    if let Some(dim) = x.dims().last().copied()
        && !out.is_empty()
    {
        let (x, y, rows) = (View::of(&x), View::of(&y), View::of(&gate.rows));
        let (x, y, rows) = (x.data()?, y.data()?, rows.data()?);
        fill_rows(&mut out, dim, |row, out| {
            let [x, y] = [x, y].map(|x| &x[row * dim..][..dim]);
            Arch::new().dispatch(GatedResidual { x, y, gate: gate.row(rows, row, dim), out });
        });
    }
    tensor(out, x.shape())
}

struct GatedResidual<'a> {
    x: &'a [f32],
    y: &'a [f32],
    gate: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for GatedResidual<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        map3(simd, [self.x, self.y, self.gate], self.out, |x, y, gate| simd.mul_add_e_f32s(y, gate, x));
    }
}

/// A function of one number, for a vector of them.
trait Unary: Copy + Sync {
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s;
}

/// A function of two numbers, for a vector of pairs.
trait Binary: Copy + Sync {
    fn of<S: Simd>(self, simd: S, x: S::f32s, y: S::f32s) -> S::f32s;
}

#[derive(Clone, Copy)]
struct Relu;

impl Unary for Relu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        // Unlike a maximum, this lets a NaN through on every instruction set.
        let zero = simd.splat_f32s(0.0);
        simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
    }
}

#[derive(Clone, Copy)]
struct Silu;

impl Unary for Silu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        simd.mul_f32s(x, sigmoid(simd, x))
    }
}

#[derive(Clone, Copy)]
struct Gelu;

impl Unary for Gelu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        const SQRT_8_BY_PI: f32 = 1.595_769;
        let cubic = simd.mul_add_e_f32s(simd.mul_f32s(x, x), simd.splat_f32s(0.044_715), simd.splat_f32s(1.0));
        let u2 = simd.mul_f32s(simd.mul_f32s(x, cubic), simd.splat_f32s(SQRT_8_BY_PI));
        simd.mul_f32s(x, sigmoid(simd, u2))
    }
}

#[derive(Clone, Copy)]
struct Add;

impl Binary for Add {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s, y: S::f32s) -> S::f32s {
        simd.add_f32s(x, y)
    }
}

#[derive(Clone, Copy)]
struct AddRelu;

impl Binary for AddRelu {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::f32s, y: S::f32s) -> S::f32s {
        Relu.of(simd, simd.add_f32s(x, y))
    }
}

/// A pass over one chunk.
struct Pass<'a, F> {
    x: &'a [f32],
    y: &'a [f32],
    out: &'a mut [f32],
    f: F,
}

/// A [`Unary`] as a pass over `x` alone.
struct One<F>(F);

/// A [`Binary`] as a pass over `x` and `y`.
struct Two<F>(F);

impl<F: Unary> WithSimd for Pass<'_, One<F>> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        map(
            simd,
            self.x,
            self.out,
            #[inline(always)]
            |x| self.f.0.of(simd, x),
        );
    }
}

impl<F: Binary> WithSimd for Pass<'_, Two<F>> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        map2(simd, self.x, self.y, self.out, |x, y| self.f.0.of(simd, x, y));
    }
}

fn unary(x: &Tensor, f: impl Unary) -> Result<Tensor> {
    let x = x.contiguous()?;
    let mut out = zeros(x.elem_count());
    let view = View::of(&x);
    let data = view.data()?;
    chunks(&mut out, |at, out| {
        Arch::new().dispatch(Pass { x: &data[at..][..out.len()], y: &[], out, f: One(f) });
    });
    tensor(out, x.shape())
}

fn binary(x: &Tensor, y: &Tensor, f: impl Binary) -> Result<Tensor> {
    if x.shape() != y.shape() {
        bail!("{:?} and {:?} differ", x.shape(), y.shape());
    }
    let (x, y) = (x.contiguous()?, y.contiguous()?);
    let mut out = zeros(x.elem_count());
    let views = [View::of(&x), View::of(&y)];
    let (left, right) = (views[0].data()?, views[1].data()?);
    chunks(&mut out, |at, out| {
        let [x, y] = [left, right].map(|x| &x[at..][..out.len()]);
        Arch::new().dispatch(Pass { x, y, out, f: Two(f) });
    });
    tensor(out, x.shape())
}

/// Fills `out` chunk by chunk, on all threads when there are many; f gets the start of its chunk.
fn chunks(out: &mut [f32], f: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() < WORTH_THREADS {
        out.chunks_mut(CHUNK).enumerate().for_each(|(i, out)| f(i * CHUNK, out));
    } else {
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(i, out)| f(i * CHUNK, out));
    }
}
