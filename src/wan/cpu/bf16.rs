//! Products of bf16 numbers, summed in f32: the dot products of AVX-512 BF16, at twice the rate of f32.
//!
//! An instruction multiplies pairs of neighbouring inputs. So x and the weight are packed in pairs: x in tiles of [`ROWS`] rows, the weight in
//! panels of [`COLUMNS`] of its rows, which are columns of the result. Other processors round the same numbers and multiply them in f32.

use rayon::prelude::*;

/// Rows of x in a tile, and columns of the result in a panel: 28 registers of sums, two of the weight.
const ROWS: usize = 14;
const COLUMNS: usize = 32;
/// Pairs of x that a thread takes at a time: 256 KiB, which stay in its cache for all panels.
const SHARE: usize = 1 << 16;
/// Pairs that are packed at a time, so that writes stay in a few cache lines.
const BLOCK: usize = 16;

/// True if this processor multiplies pairs of bf16.
#[cfg(target_arch = "x86_64")]
pub fn is_fast() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

/// True if this processor multiplies pairs of bf16.
#[cfg(not(target_arch = "x86_64"))]
pub const fn is_fast() -> bool {
    false
}

/// The bits of the nearest bf16, ties to even; a NaN stays one.
#[inline(always)]
fn bits(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if x.is_nan() { bits >> 16 | 0x40 } else { rounded }
}

/// The numbers rounded to bf16.
pub fn round(numbers: &mut [f32]) {
    for x in numbers {
        *x = f32::from_bits(bits(*x) << 16);
    }
}

/// Numbers in pairs, in groups of `WIDTH` rows: `[group, pair, row]`. Missing rows and inputs are zeros.
struct Pairs<const WIDTH: usize> {
    pairs: Vec<[u32; WIDTH]>,
    /// Pairs of a row.
    length: usize,
}

impl<const WIDTH: usize> Pairs<WIDTH> {
    /// Packs dense rows of `in_dim` numbers.
    fn pack(rows: &[f32], in_dim: usize) -> Self {
        let length = in_dim.div_ceil(2);
        let groups = (rows.len() / in_dim).div_ceil(WIDTH);
        let mut pairs = vec![[0; WIDTH]; groups * length];
        let jobs = pairs.par_chunks_exact_mut(length).zip(rows.par_chunks(WIDTH * in_dim));
        jobs.for_each(|(pairs, rows)| pack_group(pairs, rows, in_dim));
        Self { pairs, length }
    }

    /// The groups, each `[pair, row]`.
    fn groups(&self) -> impl Iterator<Item = &[[u32; WIDTH]]> {
        self.pairs.chunks_exact(self.length)
    }
}

fn pack_group<const WIDTH: usize>(pairs: &mut [[u32; WIDTH]], rows: &[f32], in_dim: usize) {
    for (block, pairs) in pairs.chunks_mut(BLOCK).enumerate() {
        for (index, row) in rows.chunks_exact(in_dim).enumerate() {
            let inputs = &row[2 * BLOCK * block..];
            for (pair, inputs) in pairs.iter_mut().zip(inputs.chunks(2)) {
                let second = inputs.get(1).map_or(0, |x| bits(*x));
                pair[index] = bits(inputs[0]) | second << 16;
            }
        }
    }
}

/// The rows of x, packed once for all pieces of a weight.
pub struct Rows {
    tiles: Pairs<ROWS>,
    in_dim: usize,
}

impl Rows {
    /// Packs x `[rows, in]`.
    pub fn pack(x: &[f32], in_dim: usize) -> Self {
        Self { tiles: Pairs::pack(x, in_dim), in_dim }
    }

    /// `y += x Wᵀ` for some columns of y `[rows, out]`: one for each row of the weight `[columns, in]`, from `first` on.
    ///
    /// # Panics
    /// When the sizes do not fit, or when the processor is not [fast](is_fast).
    pub fn add_product(&self, y: &mut [f32], weight: &[f32], out_dim: usize, first: usize) {
        let panels = Pairs::<COLUMNS>::pack(weight, self.in_dim);
        let length = self.tiles.length;
        let columns = weight.len() / self.in_dim;
        assert!(is_fast() && first + columns <= out_dim);
        assert_eq!((y.len() / out_dim).div_ceil(ROWS) * length, self.tiles.pairs.len());
        let share = (SHARE / (ROWS * length)).max(1);
        let jobs = y.par_chunks_mut(share * ROWS * out_dim).zip(self.tiles.pairs.par_chunks(share * length));
        jobs.for_each(|(y, tiles)| {
            for (panel, start) in panels.groups().zip((0..columns).step_by(COLUMNS)) {
                let width = COLUMNS.min(columns - start);
                for (y, tile) in y.chunks_mut(ROWS * out_dim).zip(tiles.chunks_exact(length)) {
                    // SAFETY: the processor is fast.
                    let sums = unsafe { sums(tile, panel) };
                    for (y, sums) in y.chunks_exact_mut(out_dim).zip(&sums) {
                        y[first + start..][..width].iter_mut().zip(sums).for_each(|(y, sum)| *y += sum);
                    }
                }
            }
        });
    }
}

/// The products of a tile and a panel of equal lengths, summed over the pairs.
///
/// # Safety
/// The processor must be [fast](is_fast).
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn sums(tile: &[[u32; ROWS]], panel: &[[u32; COLUMNS]]) -> [[f32; COLUMNS]; ROWS] {
    use std::arch::x86_64::{
        __m512bh, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
    };
    use std::mem::transmute;

    const LANES: usize = 16;
    const VECTORS: usize = COLUMNS / LANES;
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    for (x, weight) in tile.iter().zip(panel) {
        // SAFETY: each vector reads sixteen of the 32 pairs; a vector of pairs has the bits of one of integers.
        let weight: [__m512bh; VECTORS] =
            std::array::from_fn(|i| unsafe { transmute(_mm512_loadu_si512(weight[i * LANES..].as_ptr().cast())) });
        for (sums, x) in sums.iter_mut().zip(x) {
            // SAFETY: the same bits.
            let x: __m512bh = unsafe { transmute(_mm512_set1_epi32(x.cast_signed())) };
            for (sum, weight) in sums.iter_mut().zip(weight) {
                *sum = _mm512_dpbf16_ps(*sum, x, weight);
            }
        }
    }
    let mut result = [[0.0; COLUMNS]; ROWS];
    for (result, sums) in result.iter_mut().zip(sums) {
        for (result, sum) in result.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_ps(result.as_mut_ptr(), sum) };
        }
    }
    result
}

/// Other processors have no such instruction.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn sums(_: &[[u32; ROWS]], _: &[[u32; COLUMNS]]) -> [[f32; COLUMNS]; ROWS] {
    unreachable!("no processor of this kind is fast")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ties go to even, large numbers to infinity, and a NaN stays one, as in the `half` crate.
    #[test]
    fn numbers_are_rounded_as_the_half_crate_does() {
        let special = [0.0, -0.0, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY, 1.0 + 1.0 / 256.0];
        for x in special.into_iter().chain((0..=0xffff).map(|high| f32::from_bits(high << 16 | 0x8000))) {
            let expected = half::bf16::from_f32(x);
            if x.is_nan() {
                assert!(f32::from_bits(bits(x) << 16).is_nan(), "{:x}", x.to_bits());
            } else {
                assert_eq!(bits(x), u32::from(expected.to_bits()), "{x}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Sizes that fill no tile, panel or pair; some columns of y only.
        #[test]
        fn packed_products_are_those_of_rounded_numbers(
            rows in 1usize..40, in_dim in 1usize..90, columns in 1usize..80, first in 0usize..5, seed: u64,
        ) {
            if !is_fast() {
                return Ok(());
            }
            let mut state = seed | 1;
            let mut draw = |length: usize| -> Vec<f32> {
                let mut next = || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 40) as f32 / (1 << 23) as f32 - 1.0
                };
                (0..length).map(|_| next()).collect()
            };
            let (mut x, mut weight) = (draw(rows * in_dim), draw(columns * in_dim));
            let out_dim = first + columns + 3;
            let mut y = vec![1.0; rows * out_dim];
            Rows::pack(&x, in_dim).add_product(&mut y, &weight, out_dim, first);
            round(&mut x);
            round(&mut weight);
            for (y, x) in y.chunks_exact(out_dim).zip(x.chunks_exact(in_dim)) {
                for (column, y) in y.iter().enumerate() {
                    let row = column.checked_sub(first).filter(|row| *row < columns);
                    let product = row.map_or(0.0, |row| {
                        let weight = &weight[row * in_dim..][..in_dim];
                        x.iter().zip(weight).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>()
                    });
                    prop_assert!((f64::from(*y) - 1.0 - product).abs() < 1e-5, "{} {}", y, product);
                }
            }
        }
    }
}
