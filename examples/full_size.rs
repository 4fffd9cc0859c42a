//! Writes a model of the size of LongLive 1.3B with random weights into a folder, to measure memory and speed without a download:
//! `cargo run --release --example full_size -- FOLDER [--transformer bf16|f32|fp8|q8] [--encoder bf16|fp8|q8] [--layers N]`.
//!
//! Its pictures are noise. Numbers repeat, as the generator of a whole model's numbers would take longer than writing them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use candle_core::{DType, Device, Tensor};
use serde_json::{Map, json};

/// Width, neurons and text width of Wan 1.3B.
const DIM: usize = 1536;
const NEURONS: usize = 8960;
const TEXT_DIM: usize = 4096;
/// Vocabulary, neurons, heads and layers of UMT5-XXL.
const VOCABULARY: usize = 256_384;
const TEXT_NEURONS: usize = 10_240;
const TEXT_HEADS: usize = 64;
const TEXT_LAYERS: usize = 24;

/// A number format of a file.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    F32,
    Bf16,
    Fp8,
    Q8,
}

impl Format {
    fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "f32" => Self::F32,
            "bf16" => Self::Bf16,
            "fp8" => Self::Fp8,
            "q8" => Self::Q8,
            _ => bail!("unknown format {name}; use f32, bf16, fp8 or q8"),
        })
    }

    fn bytes(self, numbers: usize) -> usize {
        match self {
            Self::F32 => 4 * numbers,
            Self::Bf16 => 2 * numbers,
            Self::Fp8 => numbers,
            Self::Q8 => numbers / 32 * 34,
        }
    }

    /// The bytes of some random numbers, with this deviation.
    fn random(self, deviation: f64) -> Result<Vec<u8>> {
        let numbers = Tensor::randn(0f32, deviation as f32, 1 << 20, &Device::Cpu)?;
        let numbers = numbers.to_vec1::<f32>()?;
        Ok(match self {
            Self::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Self::Bf16 => numbers.iter().flat_map(|number| half::bf16::from_f32(*number).to_le_bytes()).collect(),
            // Codes of magnitudes up to a half, of both signs.
            Self::Fp8 => numbers
                .iter()
                .map(|number| (number.to_bits() >> 24 & 0x80) as u8 | (number.to_bits() as u8 % 0x20))
                .collect(),
            Self::Q8 => {
                let scale = half::f16::from_f64(deviation / 64.0).to_le_bytes();
                let block = |numbers: &[f32]| {
                    let codes = numbers.iter().map(|number| (f64::from(*number) / deviation * 64.0) as i8 as u8);
                    scale.into_iter().chain(codes).collect::<Vec<u8>>()
                };
                numbers.chunks(32).flat_map(block).collect()
            }
        })
    }
}

/// A tensor to be written: name, shape, deviation.
type Shape = (String, Vec<usize>, f64);

fn transformer(layers: usize) -> Vec<Shape> {
    let mut tensors: Vec<Shape> = vec![
        ("patch_embedding.weight".to_owned(), vec![DIM, 16, 1, 2, 2], 0.1),
        ("patch_embedding.bias".to_owned(), vec![DIM], 0.1),
        ("head.modulation".to_owned(), vec![1, 2, DIM], 0.02),
    ];
    let mut linears = vec![
        ("time_embedding.0".to_owned(), 256, DIM),
        ("time_embedding.2".to_owned(), DIM, DIM),
        ("time_projection.1".to_owned(), DIM, 6 * DIM),
        ("text_embedding.0".to_owned(), TEXT_DIM, DIM),
        ("text_embedding.2".to_owned(), DIM, DIM),
        ("head.head".to_owned(), DIM, 64),
    ];
    for layer in 0..layers {
        let name = |part: &str| format!("blocks.{layer}.{part}");
        tensors.push((name("modulation"), vec![1, 6, DIM], 0.02));
        tensors.extend(["norm3.weight", "norm3.bias"].map(|part| (name(part), vec![DIM], 0.02)));
        linears.extend([(name("ffn.0"), DIM, NEURONS), (name("ffn.2"), NEURONS, DIM)]);
        for attention in ["self_attn", "cross_attn"] {
            tensors
                .extend(["norm_q", "norm_k"].map(|norm| (name(&format!("{attention}.{norm}.weight")), vec![DIM], 1.0)));
            linears.extend(["q", "k", "v", "o"].map(|part| (name(&format!("{attention}.{part}")), DIM, DIM)));
        }
    }
    for (name, inner, out) in linears {
        tensors.push((format!("{name}.weight"), vec![out, inner], 0.5 / (inner as f64).sqrt()));
        tensors.push((format!("{name}.bias"), vec![out], 0.02));
    }
    tensors
}

fn encoder() -> Vec<Shape> {
    let mut tensors: Vec<Shape> = vec![
        ("token_embedding.weight".to_owned(), vec![VOCABULARY, TEXT_DIM], 1.0),
        ("norm.weight".to_owned(), vec![TEXT_DIM], 0.1),
    ];
    for layer in 0..TEXT_LAYERS {
        let name = |part: &str| format!("blocks.{layer}.{part}.weight");
        tensors.extend(["norm1", "norm2"].map(|part| (name(part), vec![TEXT_DIM], 0.1)));
        tensors
            .extend(["q", "k", "v", "o"].map(|part| (name(&format!("attn.{part}")), vec![TEXT_DIM, TEXT_DIM], 0.01)));
        tensors.push((name("pos_embedding.embedding"), vec![32, TEXT_HEADS], 0.1));
        tensors
            .extend(["gate.0", "fc1"].map(|part| (name(&format!("ffn.{part}")), vec![TEXT_NEURONS, TEXT_DIM], 0.01)));
        tensors.push((name("ffn.fc2"), vec![TEXT_DIM, TEXT_NEURONS], 0.01));
    }
    tensors
}

/// Large matrices are in the format, everything else in f32.
fn format_of(shape: &[usize], format: Format) -> Format {
    if shape.len() == 2 && shape[1].is_multiple_of(32) && shape[0] * shape[1] > 1 << 16 { format } else { Format::F32 }
}

/// Writes tensors to a safetensors file, or to a GGUF file for its formats.
fn write(stem: &Path, tensors: &[Shape], format: Format) -> Result<PathBuf> {
    let path = stem.with_extension(if format == Format::Q8 { "gguf" } else { "safetensors" });
    let mut file = BufWriter::with_capacity(1 << 24, File::create(&path)?);
    if format == Format::Q8 {
        gguf_header(&mut file, tensors)?;
    } else {
        safetensors_header(&mut file, tensors, format)?;
    }
    for (_, shape, deviation) in tensors {
        let own = format_of(shape, format);
        let random = own.random(*deviation)?;
        let size = own.bytes(shape.iter().product());
        let mut left = size;
        while left > 0 {
            let part = left.min(random.len());
            file.write_all(&random[..part])?;
            left -= part;
        }
        if format == Format::Q8 {
            file.write_all(&vec![0; size.next_multiple_of(32) - size])?;
        }
    }
    file.flush()?;
    Ok(path)
}

fn safetensors_header(file: &mut impl Write, tensors: &[Shape], format: Format) -> Result<()> {
    let (mut header, mut offset) = (Map::new(), 0);
    for (name, shape, _) in tensors {
        let own = format_of(shape, format);
        let end = offset + own.bytes(shape.iter().product());
        let dtype = match own {
            Format::Bf16 => "BF16",
            Format::Fp8 => "F8_E4M3",
            Format::F32 | Format::Q8 => "F32",
        };
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [offset, end] }));
        offset = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(64), b' ');
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    Ok(file.write_all(&header)?)
}

fn gguf_header(file: &mut impl Write, tensors: &[Shape]) -> Result<()> {
    let mut header = b"GGUF\x03\0\0\0".to_vec();
    header.extend((tensors.len() as u64).to_le_bytes());
    header.extend(0u64.to_le_bytes());
    let mut offset = 0u64;
    for (name, shape, _) in tensors {
        let own = format_of(shape, Format::Q8);
        header.extend((name.len() as u64).to_le_bytes());
        header.extend(name.as_bytes());
        header.extend((shape.len() as u32).to_le_bytes());
        header.extend(shape.iter().rev().flat_map(|dim| (*dim as u64).to_le_bytes()));
        header.extend((if own == Format::Q8 { 8u32 } else { 0 }).to_le_bytes());
        header.extend(offset.to_le_bytes());
        offset += (own.bytes(shape.iter().product()) as u64).next_multiple_of(32);
    }
    header.resize(header.len().next_multiple_of(32), 0);
    Ok(file.write_all(&header)?)
}

/// TAEHV with random weights, in the shapes of its layers.
fn decoder(folder: &Path) -> Result<()> {
    let shapes: serde_json::Value = serde_json::from_slice(include_bytes!("../tests/fixtures/taehv_real_shapes.json"))
        .context("the shapes of TAEHV")?;
    let mut tensors = std::collections::HashMap::new();
    for (name, shape) in shapes.as_object().context("names and shapes")? {
        let shape: Vec<usize> = serde_json::from_value(shape.clone())?;
        let inputs: usize = shape[1..].iter().product();
        let deviation = 1.0 / (inputs.max(1) as f64).sqrt();
        tensors.insert(name.clone(), Tensor::randn(0f32, deviation as f32, shape, &Device::Cpu)?.to_dtype(DType::F16)?);
    }
    Ok(candle_core::safetensors::save(&tensors, folder.join("taew2_1.safetensors"))?)
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().context("give a folder")?);
    let (mut of_transformer, mut of_encoder, mut layers) = (Format::Bf16, Format::Bf16, 30);
    while let Some(flag) = args.next() {
        let value = args.next().with_context(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--transformer" => of_transformer = Format::named(&value)?,
            "--encoder" => of_encoder = Format::named(&value)?,
            "--layers" => layers = value.parse()?,
            _ => bail!("unknown flag {flag}"),
        }
    }
    std::fs::create_dir(&folder).with_context(|| format!("{}: give a new folder", folder.display()))?;
    std::fs::write(folder.join("model.json"), r#"{"family": "longlive"}"#)?;
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures_made/tokenizer.json"),
        folder.join("tokenizer.json"),
    )?;
    decoder(&folder)?;
    for (stem, tensors, format) in
        [("transformer", transformer(layers), of_transformer), ("text_encoder", encoder(), of_encoder)]
    {
        let path = write(&folder.join(stem), &tensors, format)?;
        println!("{}: {:.1} GB", path.display(), path.metadata()?.len() as f64 / 1e9);
    }
    Ok(())
}
