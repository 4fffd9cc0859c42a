//! The number formats of files.

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Result, Tensor, WithDType};
use half::{bf16, f16};

use super::iq4::Iq4;
use super::scales::Scales;

/// The number format of a tensor in a file.
#[derive(Clone, PartialEq)]
pub(super) enum Encoding {
    Plain(DType),
    Byte(Byte),
    /// Blocks of numbers that share scales, as in GGUF files.
    Quantized(GgmlDType),
    /// Blocks of 4-bit places in a table of values, as in GGUF files.
    Iq4(Iq4),
    /// A known number format that no model here computes with. The tensor may be in the file, but not be asked for.
    Unreadable(String),
}

impl Encoding {
    /// Bytes that `elements` numbers take; `None` if the size is unknown, does not come out even, or overflows.
    pub(super) fn size_in_bytes(&self, elements: usize) -> Option<usize> {
        match self {
            Self::Plain(dtype) => elements.checked_mul(dtype.size_in_bytes()),
            Self::Byte(_) => Some(elements),
            Self::Quantized(dtype) if elements.is_multiple_of(dtype.block_size()) => {
                (elements / dtype.block_size()).checked_mul(dtype.type_size())
            }
            Self::Iq4(iq4) if elements.is_multiple_of(iq4.numbers()) => {
                (elements / iq4.numbers()).checked_mul(iq4.bytes())
            }
            Self::Quantized(_) | Self::Iq4(_) | Self::Unreadable(_) => None,
        }
    }
}

/// A number format of one byte.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Byte {
    /// A float with 4 bits of exponent and 3 of mantissa. The finite kind: no infinities, and NaN only where all bits but the sign are set.
    E4M3,
    /// A float with 5 bits of exponent and 2 of mantissa.
    E5M2,
    /// An integer with sign.
    I8,
}

impl Byte {
    fn to_f32(self, code: u8) -> f32 {
        match self {
            Self::E5M2 => f16::from_bits(u16::from(code) << 8).to_f32(),
            Self::E4M3 if code & 0x7f == 0x7f => f32::NAN,
            // In the place of f16's bits the exponent is too small by 15 - 7.
            Self::E4M3 => {
                let sign = u16::from(code & 0x80) << 8;
                f16::from_bits(sign | u16::from(code & 0x7f) << 7).to_f32() * 256.0
            }
            Self::I8 => f32::from(code.cast_signed()),
        }
    }

    /// The numbers times their scales, rounded once to `dtype`, without a copy of the tensor in f32 if `dtype` is smaller.
    ///
    /// Unpacked on the CPU: not every device computes with these formats.
    pub(super) fn unpack(self, codes: &[u8], scales: Option<&Scales>, dims: &[usize], dtype: DType) -> Result<Tensor> {
        match dtype {
            DType::BF16 => self.numbers(codes, scales, dims, bf16::from_f32),
            DType::F16 => self.numbers(codes, scales, dims, f16::from_f32),
            dtype => self.numbers(codes, scales, dims, |number| number)?.to_dtype(dtype),
        }
    }

    fn numbers<T: WithDType>(
        self,
        codes: &[u8],
        scales: Option<&Scales>,
        dims: &[usize],
        round: impl Fn(f32) -> T,
    ) -> Result<Tensor> {
        let value = |code: u8, scale: f32| round(self.to_f32(code) * scale);
        let mut numbers = Vec::with_capacity(codes.len());
        match scales {
            Some(scales) if !scales.is_single() => scales.each_run(codes, dims, |codes, scale| {
                numbers.extend(codes.iter().map(|&code| value(code, scale)));
            }),
            scales => {
                let scale = scales.map_or(1.0, Scales::first);
                let table: Vec<T> = (0..=u8::MAX).map(|code| value(code, scale)).collect();
                numbers.extend(codes.iter().map(|&code| table[usize::from(code)]));
            }
        }
        Tensor::from_vec(numbers, dims, &Device::Cpu)
    }
}
