//! The register tile that attention and convolution share.
//!
//! `acc[r, j] += Σ_k a[r, k] · b[k, j]` for a few rows r and the columns j of three vectors. The sums stay in registers
//! while k runs. The vectors of b are read in place, and may overlap from one k to the next. A convolution thus needs
//! no unrolled copy of its picture.

use pulp::Simd;

/// Vectors of columns in a tile.
const VECTORS: usize = 3;

/// Columns of a tile: 48 with AVX-512, 24 with AVX2, 12 with Neon.
#[inline(always)]
pub const fn width<S: Simd>() -> usize {
    VECTORS * S::F32_LANES
}

/// Rows of a tile: as many as leave registers for b's vectors and a scalar.
pub const fn rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 4 }
}

/// The start of the vectors of each k in b.
pub struct Offsets {
    at: Vec<usize>,
    /// The largest of the offsets up to each one.
    highest: Vec<usize>,
}

impl Offsets {
    pub fn new(at: Vec<usize>) -> Self {
        let running_max = |highest: &mut usize, at: &usize| {
            *highest = (*highest).max(*at);
            Some(*highest)
        };
        let highest = at.iter().scan(0, running_max).collect();
        Self { at, highest }
    }
}

/// The scalars of a tile: row r has its k-th one at `data[start[r] + k · step]`.
#[derive(Clone, Copy)]
pub struct Scalars<'a, const ROWS: usize> {
    pub data: &'a [f32],
    pub start: [usize; ROWS],
    pub step: usize,
}

/// Adds the products of the first `depth` scalars and vectors to acc, `[ROWS, width]`. The reads of b are at
/// `offsets + shift`.
///
/// # Panics
/// When a scalar or vector would lie outside of its slice.
#[inline(always)]
pub fn multiply_add<S: Simd, const ROWS: usize>(
    simd: S,
    acc: &mut [f32],
    a: Scalars<'_, ROWS>,
    b: &[f32],
    offsets: &Offsets,
    shift: usize,
    depth: usize,
) {
    let width = const { width::<S>() };
    assert!(depth > 0 && depth <= offsets.at.len() && acc.len() == ROWS * width);
    assert!(shift + offsets.highest[depth - 1] + width <= b.len());
    assert!(a.start.iter().all(|start| start + (depth - 1) * a.step < a.data.len()));
    let (acc, _) = S::as_mut_simd_f32s(acc);
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (row, acc) in sums.iter_mut().zip(acc.chunks_exact(VECTORS)) {
        row.copy_from_slice(acc);
    }
    for k in 0..depth {
        // SAFETY: k < depth ≤ at.len(). By the second assertion, the `width` floats after any of these offsets lie in
        // b.
        let vectors: [S::f32s; VECTORS] = unsafe {
            let start = b.as_ptr().add(shift + *offsets.at.get_unchecked(k));
            std::array::from_fn(|i| start.add(i * S::F32_LANES).cast::<S::f32s>().read_unaligned())
        };
        for (row, start) in sums.iter_mut().zip(a.start) {
            // SAFETY: start + k · step ≤ start + (depth - 1) · step, inside data by the third assertion.
            let scalar = simd.splat_f32s(unsafe { *a.data.get_unchecked(start + k * a.step) });
            for (sum, vector) in row.iter_mut().zip(vectors) {
                *sum = simd.mul_add_e_f32s(scalar, vector, *sum);
            }
        }
    }
    for (row, acc) in sums.iter().zip(acc.chunks_exact_mut(VECTORS)) {
        acc.copy_from_slice(row);
    }
}
