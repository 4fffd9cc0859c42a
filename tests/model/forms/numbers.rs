//! Number formats of weights.

use std::fs;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use half::f16;
use safetensors::tensor::Dtype;

use super::{Form, Home, Tensors};
use crate::weights::make::{self, Raw, f32_bytes};

pub const FORMS: &[Form] = &[
    ("f16, bf16, f64", plain),
    ("fp8", fp8),
    ("fp8 with one scale", fp8_with_one_scale),
    ("fp8 with a scale for each row", fp8_with_rows),
    ("fp8 with a scale for each block", fp8_with_blocks),
    ("int8 with a scale for each row", int8_with_rows),
    ("GGUF's Q and K formats", gguf_blocks),
    ("GGUF's IQ4 formats", gguf_iq4),
    ("convolutions that GGUF folds", folded_convolutions),
];

fn plain() -> Result<()> {
    let home = Home::new()?;
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        let cast: Tensors = home
            .base
            .iter()
            .map(|(name, tensor)| Ok((name.clone(), tensor.to_dtype(dtype)?)))
            .collect::<Result<_>>()?;
        home.save("model.safetensors", &cast)?;
        home.is_base(if dtype == DType::F64 { 0.0 } else { 0.05 })?;
    }
    Ok(())
}

/// The value of a code of e4m3fn; none for NaN.
fn e4m3(code: u8) -> Option<f32> {
    let (exponent, mantissa) = (i32::from(code >> 3 & 15), f32::from(code & 7));
    let magnitude = match (exponent, code & 7) {
        (15, 7) => return None,
        (0, _) => mantissa / 8.0 * 2f32.powi(-6),
        _ => (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7),
    };
    Some(if code & 0x80 == 0 { magnitude } else { -magnitude })
}

/// The value of a code of e5m2; none for NaN and infinity.
fn e5m2(code: u8) -> Option<f32> {
    let value = f16::from_bits(u16::from(code) << 8).to_f32();
    value.is_finite().then_some(value)
}

/// Codes by the value of each.
struct Codes(Vec<(f32, u8)>);

impl Codes {
    fn of(value: fn(u8) -> Option<f32>) -> Self {
        let mut codes: Vec<_> = (0..=u8::MAX).filter_map(|code| Some((value(code)?, code))).collect();
        codes.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(codes)
    }

    fn largest(&self) -> f32 {
        self.0.last().expect("codes").0
    }

    /// The code of the nearest value.
    fn nearest(&self, number: f32) -> u8 {
        let at = self.0.partition_point(|(value, _)| *value < number);
        let candidates = &self.0[at.saturating_sub(1)..(at + 1).min(self.0.len())];
        candidates.iter().min_by(|a, b| (a.0 - number).abs().total_cmp(&(b.0 - number).abs())).expect("codes").1
    }
}

/// Writes the matrices of the blocks as bytes, with scales for blocks of some rows and columns, and the rest in f32.
fn save_bytes(
    home: &Home,
    codes: &Codes,
    (dtype, suffix): (Dtype, &str),
    (rows, columns): (usize, usize),
) -> Result<()> {
    let mut files: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, tensor) in &home.base {
        let numbers = tensor.flatten_all()?.to_vec1::<f32>()?;
        let is_packed = name.starts_with("blocks.") && name.ends_with(".weight") && tensor.rank() == 2;
        if !is_packed {
            files.push((name.clone(), Dtype::F32, tensor.dims().to_vec(), f32_bytes(&numbers)));
            continue;
        }
        let (out, inner) = tensor.dims2()?;
        let (rows, columns) = (rows.min(out), columns.min(inner));
        let shape = [out.div_ceil(rows), inner.div_ceil(columns)];
        let mut largest = vec![0f32; shape[0] * shape[1]];
        let block = |at: usize| at / inner / rows * shape[1] + at % inner / columns;
        for (at, number) in numbers.iter().enumerate() {
            largest[block(at)] = largest[block(at)].max(number.abs());
        }
        let scales: Vec<f32> = largest.iter().map(|largest| largest / codes.largest()).collect();
        let bytes = numbers.iter().enumerate().map(|(at, number)| codes.nearest(number / scales[block(at)])).collect();
        files.push((name.clone(), dtype, vec![out, inner], bytes));
        let shape = if shape == [1, 1] { vec![] } else { shape.to_vec() };
        files.push((name.replace(".weight", suffix), Dtype::F32, shape, f32_bytes(&scales)));
    }
    let raw: Vec<Raw<'_>> =
        files.iter().map(|(name, dtype, dims, bytes)| (name.as_str(), *dtype, &dims[..], bytes.clone())).collect();
    Ok(fs::write(home.path("model.safetensors"), make::safetensors(&raw, &[]))?)
}

/// All of a matrix.
const ALL: usize = usize::MAX;

fn fp8() -> Result<()> {
    let home = Home::new()?;
    for (dtype, value) in [(Dtype::F8_E4M3, e4m3 as fn(u8) -> Option<f32>), (Dtype::F8_E5M2, e5m2)] {
        let codes = Codes::of(value);
        let bytes = |tensor: &Tensor| -> Result<Vec<u8>> {
            Ok(tensor.flatten_all()?.to_vec1::<f32>()?.into_iter().map(|number| codes.nearest(number)).collect())
        };
        let packed: Vec<_> = home
            .base
            .iter()
            .map(|(name, tensor)| Ok((name.as_str(), dtype, tensor.dims(), bytes(tensor)?)))
            .collect::<Result<_>>()?;
        fs::write(home.path("model.safetensors"), make::safetensors(&packed, &[]))?;
        home.is_base(0.5)?;
    }
    Ok(())
}

fn fp8_with_one_scale() -> Result<()> {
    for suffix in [".scale_weight", ".weight_scale"] {
        let home = Home::new()?;
        save_bytes(&home, &Codes::of(e4m3), (Dtype::F8_E4M3, suffix), (ALL, ALL))?;
        home.is_base(0.15)?;
    }
    Ok(())
}

fn fp8_with_rows() -> Result<()> {
    let home = Home::new()?;
    save_bytes(&home, &Codes::of(e4m3), (Dtype::F8_E4M3, ".weight_scale"), (1, ALL))?;
    home.is_base(0.15)
}

fn fp8_with_blocks() -> Result<()> {
    for (rows, columns) in [(128, 128), (64, 64), (1, 128)] {
        let home = Home::new()?;
        save_bytes(&home, &Codes::of(e4m3), (Dtype::F8_E4M3, ".weight_scale_inv"), (rows, columns))?;
        home.is_base(0.15)?;
    }
    Ok(())
}

fn int8_with_rows() -> Result<()> {
    let home = Home::new()?;
    let codes = Codes::of(|code| Some(f32::from(code.cast_signed())));
    save_bytes(&home, &codes, (Dtype::I8, ".weight_scale"), (1, ALL))?;
    home.is_base(0.05)
}

fn gguf_blocks() -> Result<()> {
    use GgmlDType::{Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    let home = Home::new()?;
    for dtype in [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K] {
        let packed = |name: &str, tensor: &Tensor| {
            if name.starts_with("blocks.") && tensor.rank() == 2 { dtype } else { GgmlDType::F32 }
        };
        let tensors: Vec<_> =
            home.base.iter().map(|(name, tensor)| (name.as_str(), tensor, packed(name, tensor))).collect();
        fs::write(home.path("model.gguf"), make::gguf(&tensors))?;
        // The numbers of the file, in f32.
        let unpacked = |(name, tensor, dtype): &(&str, &Tensor, GgmlDType)| {
            Ok(((*name).to_owned(), QTensor::quantize(tensor, *dtype)?.dequantize(&Device::Cpu)?))
        };
        let unpacked: Tensors = tensors.iter().map(unpacked).collect::<Result<_>>()?;
        super::is_model(&home.root(), &bendrack::wan::parts::Choice::default(), &unpacked, 0.05)?;
    }
    Ok(())
}

/// Blocks from ggml's own program, and the numbers that it makes of them.
fn gguf_iq4() -> Result<()> {
    let expected = candle_core::safetensors::load(make::made("published.safetensors"), &Device::Cpu)?;
    let weights = make::open(&fs::read(make::made("published.gguf"))?)?;
    for name in ["IQ4_NL", "IQ4_XS"] {
        let found = weights.get(name, expected[name].dims())?;
        crate::recordings::assert_close(name, &found, &expected[name], 1e-5);
    }
    Ok(())
}

/// stable-diffusion.cpp folds the first two dimensions; ComfyUI's converter writes the shape into the metadata.
fn folded_convolutions() -> Result<()> {
    let mut home = Home::new()?;
    let name = "patch_embedding.weight";
    let whole = home.base[name].clone();
    let (out, inner, frames, height, width) = whole.dims5()?;
    home.base.insert(name.to_owned(), whole.reshape((out * inner, frames, height, width))?);
    let tensors: Vec<_> = home.base.iter().map(|(name, tensor)| (name.as_str(), tensor, GgmlDType::F32)).collect();
    fs::write(home.path("model.gguf"), make::gguf(&tensors))?;
    home.base.insert(name.to_owned(), whole);
    home.is_base(1e-5)?;
    let weights = make::open(&fs::read(make::made("published.gguf"))?)?;
    let expected = candle_core::safetensors::load(make::made("published.safetensors"), &Device::Cpu)?;
    let wide = weights.get("wide.weight", (6, 4, 1, 2, 2))?;
    crate::recordings::assert_close("wide", &wide, &expected["wide.weight"], 0.0);
    Ok(())
}
