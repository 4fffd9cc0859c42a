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
        let mut numbers = Vec::with_capacity(bytes.len() * 2);
        for block in bytes.chunks_exact(self.bytes()) {
            let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
            match self {
                Self::Nl => group(&block[2..], scale, &mut numbers),
                Self::Xs => {
                    let high = u16::from_le_bytes([block[2], block[3]]);
                    for (index, codes) in block[8..].chunks_exact(GROUP / 2).enumerate() {
                        let low = block[4 + index / 2] >> (4 * (index % 2)) & 0xf;
                        let factor = u16::from(low) | (high >> (2 * index) & 3) << 4;
                        group(codes, scale * (f32::from(factor) - 32.0), &mut numbers);
                    }
                }
            }
        }
        Tensor::from_vec(numbers, dims, &Device::Cpu)
    }
}

/// Adds the numbers of 16 bytes: first those of the low halves, then those of the high halves.
fn group(codes: &[u8], scale: f32, numbers: &mut Vec<f32>) {
    let value = |code: u8| scale * f32::from(VALUES[usize::from(code)]);
    numbers.extend(codes.iter().map(|code| value(code & 0xf)));
    numbers.extend(codes.iter().map(|code| value(code >> 4)));
}
