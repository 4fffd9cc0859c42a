//! GGUF's formats of 4 bits whose values are not evenly spaced.
//!
//! Source: ggml, `dequantize_row_iq4_nl` and `dequantize_row_iq4_xs` of `ggml-quants.c`.

use candle_core::{Device, Result, Tensor};
use half::f16;

/// The values of the 16 codes.
const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/// The numbers that share a scale.
const GROUP: usize = 32;

/// A block format of 4-bit codes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Iq4 {
    /// IQ4_NL: a scale for each 32 numbers.
    Nl,
    /// IQ4_XS: 256 numbers with one scale, and a factor of 6 bits for each 32 of them.
    Xs,
}

impl Iq4 {
    /// Numbers of a block.
    pub(super) const fn numbers(self) -> usize {
        match self {
            Self::Nl => GROUP,
            Self::Xs => 8 * GROUP,
        }
    }

    /// Bytes of a block.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Nl => 18,
            Self::Xs => 136,
        }
    }

    /// The numbers of whole blocks, in f32.
    pub(super) fn unpack(self, bytes: &[u8], dims: &[usize]) -> Result<Tensor> {
        let mut numbers = vec![0.0; bytes.len() / self.bytes() * self.numbers()];
        self.widen(bytes, &mut numbers);
        Tensor::from_vec(numbers, dims, &Device::Cpu)
    }

    /// Writes the numbers of whole blocks into `out`, in f32.
    pub(super) fn widen(self, bytes: &[u8], out: &mut [f32]) {
        for (block, out) in bytes.chunks_exact(self.bytes()).zip(out.chunks_exact_mut(self.numbers())) {
            let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
            match self {
                Self::Nl => group(&block[2..], scale, out),
                Self::Xs => {
                    let high = u16::from_le_bytes([block[2], block[3]]);
                    let groups = block[8..].chunks_exact(GROUP / 2).zip(out.chunks_exact_mut(GROUP));
                    for (index, (codes, out)) in groups.enumerate() {
                        let low = block[4 + index / 2] >> (4 * (index % 2)) & 0xf;
                        let factor = u16::from(low) | (high >> (2 * index) & 3) << 4;
                        group(codes, scale * (f32::from(factor) - 32.0), out);
                    }
                }
            }
        }
    }
}

/// The numbers of 16 bytes: first those of the low halves, then those of the high halves.
fn group(codes: &[u8], scale: f32, out: &mut [f32]) {
    let value = |code: u8| scale * f32::from(VALUES[usize::from(code)]);
    let (low, high) = out.split_at_mut(GROUP / 2);
    for ((code, low), high) in codes.iter().zip(low).zip(high) {
        (*low, *high) = (value(code & 0xf), value(code >> 4));
    }
}
