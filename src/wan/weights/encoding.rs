//! The number formats of files.

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Result, Tensor};
use half::{bf16, f16};

/// The number format of a tensor in a file.
#[derive(Clone, PartialEq)]
pub(super) enum Encoding {
    Plain(DType),
    Fp8(Fp8),
    /// Blocks of numbers that share scales, as in GGUF files.
    Quantized(GgmlDType),
    /// A known number format that no model here computes with. The tensor may be in the file, but not be asked for.
    Unreadable(String),
}

impl Encoding {
    /// Bytes that `elements` numbers take; `None` if the size is unknown, does not come out even, or overflows.
    pub(super) fn size_in_bytes(&self, elements: usize) -> Option<usize> {
        match self {
            Self::Plain(dtype) => elements.checked_mul(dtype.size_in_bytes()),
            Self::Fp8(_) => Some(elements),
            Self::Quantized(dtype) if elements.is_multiple_of(dtype.block_size()) => {
                (elements / dtype.block_size()).checked_mul(dtype.type_size())
            }
            Self::Quantized(_) | Self::Unreadable(_) => None,
        }
    }
}

/// An 8-bit float format, by the bits of its exponent and mantissa.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fp8 {
    /// The finite kind: no infinities, and NaN only where all bits but the sign are set.
    E4M3,
    E5M2,
}

impl Fp8 {
    fn to_f32(self, code: u8) -> f32 {
        match self {
            Self::E5M2 => f16::from_bits(u16::from(code) << 8).to_f32(),
            Self::E4M3 if code & 0x7f == 0x7f => f32::NAN,
            // In the place of f16's bits the exponent is too small by 15 - 7.
            Self::E4M3 => {
                let sign = u16::from(code & 0x80) << 8;
                f16::from_bits(sign | u16::from(code & 0x7f) << 7).to_f32() * 256.0
            }
        }
    }

    /// The numbers times `scale`, rounded once to `dtype`, without a copy of the tensor in f32 if `dtype` is smaller.
    ///
    /// Unpacked on the CPU: not every device computes with 8-bit floats.
    pub(super) fn unpack(self, codes: &[u8], scale: f32, dims: &[usize], dtype: DType) -> Result<Tensor> {
        let value = |code: u8| self.to_f32(code) * scale;
        match dtype {
            DType::BF16 => {
                let table: Vec<bf16> = (0..=u8::MAX).map(|code| bf16::from_f32(value(code))).collect();
                Tensor::from_iter(codes.iter().map(|&code| table[usize::from(code)]), &Device::Cpu)?.reshape(dims)
            }
            DType::F16 => {
                let table: Vec<f16> = (0..=u8::MAX).map(|code| f16::from_f32(value(code))).collect();
                Tensor::from_iter(codes.iter().map(|&code| table[usize::from(code)]), &Device::Cpu)?.reshape(dims)
            }
            dtype => {
                let table: Vec<f32> = (0..=u8::MAX).map(value).collect();
                let numbers = codes.iter().map(|&code| table[usize::from(code)]);
                Tensor::from_iter(numbers, &Device::Cpu)?.reshape(dims)?.to_dtype(dtype)
            }
        }
    }
}
