//! The number formats of files.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Storage, Tensor, WithDType, bail};
use half::slice::{HalfBitsSliceExt as _, HalfFloatSliceExt as _};
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

impl Encoding {
    /// True if its numbers are real ones, as those of weights.
    pub(super) const fn is_real(&self) -> bool {
        match self {
            Self::Plain(dtype) => matches!(dtype, DType::F32 | DType::F16 | DType::BF16 | DType::F64),
            Self::Byte(_) | Self::Quantized(_) | Self::Iq4(_) => true,
            Self::Unreadable(_) => false,
        }
    }

    /// True for less than 16 bits for each number.
    pub(super) const fn is_packed(&self) -> bool {
        matches!(self, Self::Byte(_) | Self::Quantized(_) | Self::Iq4(_))
    }

    /// Writes the numbers of these bytes into `out`, in f32; there are as many as `out` takes.
    pub(super) fn widen(&self, bytes: &[u8], out: &mut [f32]) -> Result<()> {
        let halves = || bytes.as_chunks::<2>().0.iter().map(|half| u16::from_le_bytes(*half));
        match self {
            Self::Plain(DType::F32) => fill(out, bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number))),
            Self::Plain(DType::F64) => {
                fill(out, bytes.as_chunks().0.iter().map(|number| f64::from_le_bytes(*number) as f32));
            }
            // The upper half of an f32.
            Self::Plain(DType::BF16) => fill(out, halves().map(|half| f32::from_bits(u32::from(half) << 16))),
            Self::Plain(DType::F16) => match bytemuck::try_cast_slice::<u8, u16>(bytes) {
                Ok(halves) if cfg!(target_endian = "little") => {
                    halves.reinterpret_cast::<f16>().convert_to_f32_slice(out);
                }
                _ => fill(out, halves().map(|half| f16::from_bits(half).to_f32())),
            },
            Self::Byte(byte) => {
                let table: Vec<f32> = (0..=u8::MAX).map(|code| byte.to_f32(code)).collect();
                fill(out, bytes.iter().map(|&code| table[usize::from(code)]));
            }
            Self::Iq4(iq4) => iq4.widen(bytes, out),
            Self::Quantized(GgmlDType::Q8_0) => widen_q8_0(bytes, out),
            Self::Quantized(blocks) => {
                let blocks = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, *blocks)?;
                let numbers = QTensor::new(blocks, out.len())?.dequantize(&Device::Cpu)?;
                let (storage, _) = numbers.storage_and_layout();
                let Storage::Cpu(storage) = &*storage else { bail!("blocks of another device") };
                out.copy_from_slice(storage.as_slice::<f32>()?);
            }
            Self::Plain(_) | Self::Unreadable(_) => bail!("it does not hold real numbers"),
        }
        Ok(())
    }
}

/// Blocks of 32 numbers: a scale in f16, and 32 integers of 8 bits.
fn widen_q8_0(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.as_chunks::<34>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let [low, high, codes @ ..] = block;
        let scale = f16::from_le_bytes([*low, *high]).to_f32();
        fill(out, codes.iter().map(|code| f32::from(code.cast_signed()) * scale));
    }
}

fn fill(out: &mut [f32], numbers: impl Iterator<Item = f32>) {
    out.iter_mut().zip(numbers).for_each(|(out, number)| *out = number);
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
