//! The largest product of a layer of Wan 1.3B, with its weight in each number format of a file: 2,160 tokens as in a chunk at 320×576, and 20 as
//! in a prompt. `dense` has the weight in f32 in memory. The formats with `x bf16` are multiplied in bf16. `items` are floating-point operations.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use bendrack::wan::linear::Linear;
use bendrack::wan::weights::{Products, Weights};
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device, Module, Result, Tensor, bail};
use divan::Bencher;
use divan::counter::ItemsCount;

/// Inputs and outputs of the layer.
const SIZE: (usize, usize) = (1536, 8960);

fn main() {
    divan::main();
}

#[divan::bench(
    args = ["dense", "f32", "bf16", "f16", "fp8", "q8", "q4k", "bf16 x bf16", "q8 x bf16"],
    sample_count = 6,
    sample_size = 1
)]
fn tokens_2160(bencher: Bencher<'_, '_>, format: &str) {
    run(bencher, format, 2160);
}

#[divan::bench(args = ["dense", "f32", "bf16", "f16", "fp8", "q8", "q4k"], sample_count = 10, sample_size = 1)]
fn tokens_20(bencher: Bencher<'_, '_>, format: &str) {
    run(bencher, format, 20);
}

fn run(bencher: Bencher<'_, '_>, format: &str, tokens: usize) {
    let (in_dim, out_dim) = SIZE;
    let folder = tempfile::tempdir().expect("a folder");
    let linear = layer(folder.path(), format).expect("a layer");
    let x = Tensor::randn(0f32, 1.0, (1, tokens, in_dim), &Device::Cpu).expect("tokens");
    bencher.counter(ItemsCount::new(2 * tokens * in_dim * out_dim)).bench_local(|| linear.forward(&x));
}

/// The layer from a file of this format.
fn layer(folder: &Path, format: &str) -> Result<Linear> {
    let (in_dim, out_dim) = SIZE;
    let weight = Tensor::randn(0f32, 0.02, (out_dim, in_dim), &Device::Cpu)?;
    let path = folder.join("weights");
    let (format, products) = match format.split_once(" x ") {
        Some((format, products)) => (format, products.parse().or_else(|error: String| bail!("{error}"))?),
        None => (format, Products::F32),
    };
    let dtype = match format {
        "dense" => return Ok(Linear::Dense { weight, bias: None }),
        "bf16" => DType::BF16,
        "f16" => DType::F16,
        "fp8" => DType::F8E4M3,
        _ => DType::F32,
    };
    let blocks = match format {
        "q8" => Some(GgmlDType::Q8_0),
        "q4k" => Some(GgmlDType::Q4K),
        _ => None,
    };
    if let Some(blocks) = blocks {
        let weight = QTensor::quantize(&weight, blocks)?;
        gguf_file::write(&mut fs::File::create(&path)?, &[], &[("m.weight", &weight)])?;
    } else {
        let weights = HashMap::from([("m.weight".to_owned(), weight.to_dtype(dtype)?)]);
        candle_core::safetensors::save(&weights, &path)?;
    }
    let weights = Weights::open(&path, DType::F32, &Device::Cpu)?.with_products(products);
    let linear = Linear::load_no_bias(&weights, "m", in_dim, out_dim)?;
    assert!(matches!(linear, Linear::Stored { .. }), "{format} is unpacked in memory");
    Ok(linear)
}
