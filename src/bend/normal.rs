//! Standard normal numbers by index: the same on every machine and for every split among threads.

// Functions generic over the instruction set must inline into the one that enables it.
#![allow(clippy::inline_always)]

use std::array;

use pulp::{Arch, Simd, WithSimd};

/// The counters of a SIMD block, and the numbers that they make.
const LANES: usize = 16;
const BLOCK: usize = 4 * LANES;

/// An endless sequence of numbers, identified by its key and by three words.
#[derive(Clone, Copy)]
pub(super) struct Normal {
    pub(super) key: [u32; 2],
    pub(super) words: [u32; 3],
}

impl Normal {
    /// The numbers from the one at `first` on.
    pub(super) fn fill(self, first: usize, out: &mut [f32]) {
        let (block, skipped) = (first / BLOCK, first % BLOCK);
        let (head, rest) = out.split_at_mut(out.len().min((BLOCK - skipped) % BLOCK));
        if !head.is_empty() {
            head.copy_from_slice(&self.block(block)[skipped..skipped + head.len()]);
        }
        Arch::new().dispatch(Blocks { normal: self, first: first.div_ceil(BLOCK), out: rest });
    }

    #[inline(always)]
    fn block(self, block: usize) -> [f32; BLOCK] {
        let [a, b, c, d] = philox(self.key, (block * LANES) as u32, self.words);
        let mut out = [0.0; BLOCK];
        for i in 0..LANES {
            (out[i], out[LANES + i]) = normal(a[i], b[i]);
            (out[2 * LANES + i], out[3 * LANES + i]) = normal(c[i], d[i]);
        }
        out
    }
}

/// The numbers of blocks from the one of this index on.
struct Blocks<'a> {
    normal: Normal,
    first: usize,
    out: &'a mut [f32],
}

impl WithSimd for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (i, out) in self.out.chunks_mut(BLOCK).enumerate() {
            out.copy_from_slice(&self.normal.block(self.first + i)[..out.len()]);
        }
    }
}

/// Philox4x32-10 (Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011) of counters from `first` on.
#[inline(always)]
fn philox(mut key: [u32; 2], first: u32, words: [u32; 3]) -> [[u32; LANES]; 4] {
    let [mut a, mut b, mut c, mut d] = [[0; LANES], [words[0]; LANES], [words[1]; LANES], [words[2]; LANES]];
    a = array::from_fn(|i| a[i] + first.wrapping_add(i as u32));
    for _ in 0..10 {
        for i in 0..LANES {
            let (p, q) = (u64::from(a[i]) * 0xd251_1f53, u64::from(c[i]) * 0xcd9e_8d57);
            (a[i], b[i]) = ((q >> 32) as u32 ^ b[i] ^ key[0], q as u32);
            (c[i], d[i]) = ((p >> 32) as u32 ^ d[i] ^ key[1], p as u32);
        }
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    [a, b, c, d]
}

/// Two normal numbers from random bits (Box and Muller). It uses only sums, products and a root, which are the same on
/// every machine.
#[inline(always)]
fn normal(a: u32, b: u32) -> (f32, f32) {
    const STEP: f32 = 1.0 / (1 << 24) as f32;
    let radius = (-2.0 * ln(((a >> 8) as f32 + 0.5) * STEP)).sqrt();
    // The lower bits turn by up to an eighth to either side, the upper two choose the quarter.
    let turned = ((b << 2 >> 8) as i32 - (1 << 23)) as f32 * (STEP * std::f32::consts::FRAC_PI_2);
    let square = turned * turned;
    let sin = turned * (1.0 + square * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0))));
    let cos = 1.0 + square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square * (1.0 / 40320.0))));
    let radius = if b >> 31 == 0 { radius } else { -radius };
    if b >> 30 & 1 == 0 { (radius * cos, radius * sin) } else { (radius * sin, radius * cos) }
}

/// The natural logarithm of a number above 0 that is not denormal; source: Cephes `logf`.
#[inline(always)]
fn ln(x: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    const TERMS: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461_e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_7e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    let bits = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = (bits as i32 >> 23) as f32;
    let x = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF) - 1.0;
    let mut sum = TERMS[0];
    for term in &TERMS[1..] {
        sum = sum * x + term;
    }
    let square = x * x;
    exponent * std::f32::consts::LN_2 + (x + (sum * x * square - 0.5 * square))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_become_what_the_authors_publish() {
        let first = philox([0, 0], 0, [0; 3]).map(|word| word[0]);
        assert_eq!(first, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    }

    #[test]
    fn any_part_is_a_part_of_the_whole() {
        let row = Normal { key: [3, 5], words: [1, 2, 3] };
        let mut all = [0.0; 5 * BLOCK + 7];
        row.fill(0, &mut all);
        for (first, count) in [(0, 1), (5, 10), (63, 2), (64, 64), (100, 200), (320, 7), (12, 0)] {
            let mut part = vec![0.0; count];
            row.fill(first, &mut part);
            assert_eq!(part, all[first..first + count], "{first} {count}");
        }
    }

    #[test]
    fn they_are_normal() {
        let mut x = vec![0.0; 1 << 18];
        Normal { key: [7, 0], words: [0; 3] }.fill(0, &mut x);
        let key = |power: i32| x.iter().map(|x| f64::from(*x).powi(power)).sum::<f64>() / x.len() as f64;
        for (power, expected, near) in [(1, 0.0, 0.01), (2, 1.0, 0.01), (3, 0.0, 0.03), (4, 3.0, 0.08), (6, 15.0, 1.2)]
        {
            assert!((key(power) - expected).abs() < near, "{power}: {}", key(power));
        }
        let outside_layers = |limit: f32| x.iter().filter(|x| x.abs() > limit).count() as f64 / x.len() as f64;
        for (limit, expected) in [(0.5, 0.617), (1.0, 0.3173), (2.0, 0.0455), (3.0, 0.0027)] {
            assert!((outside_layers(limit) - expected).abs() < 0.1 * expected, "{limit}: {}", outside_layers(limit));
        }
        let neighbours = x.windows(2).map(|x| f64::from(x[0] * x[1])).sum::<f64>() / x.len() as f64;
        assert!(neighbours.abs() < 0.01, "{neighbours}");
    }
}
