//! The same layer and the same decoder chunk here and in PyTorch, and products of a linear layer also in ggml, in turns, in one run. Start it with
//! `benches/peer/run`.
//!
//! Weights and inputs are random; both sides read the same ones, and their outputs are compared.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "the benches use all of it")]
mod common;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use bendrack::wan::decode::DecoderStream;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::linear::Linear;
use bendrack::wan::taehv;
use bendrack::wan::weights::{Products, Weights};
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device, Module, Tensor};
use common::decoders::{flops, random_weights, taehv_positions, taehv_shapes};
use common::{CausalLayer, GRID, WINDOW, random};

const ROUNDS: usize = 6;
/// The number formats of a weight here, and those of the others that are nearest.
const PRODUCTS: [(&str, Products, Option<&str>, &str); 5] = [
    ("f32", Products::F32, Some("product-f32"), "product-f32"),
    ("f16", Products::F32, None, "product-f16"),
    ("bf16", Products::F32, None, "product-bf16"),
    ("bf16", Products::Bf16, Some("product-bf16"), "product-bf16"),
    ("q8", Products::Bf16, None, "product-q8"),
];

fn main() -> Result<()> {
    let Some(python) = std::env::var_os("BENDRACK_PEER_PYTHON").map(PathBuf::from) else {
        println!("peer: skipped; benches/peer/run sets up the others and starts it");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let mut ours = Ours::new(folder.path())?;
    let mut torch = Peer::start(&python, "peer.py", folder.path())?;
    println!("PyTorch {}", torch.ask("version")?);
    let mut ggml = Peer::start(&python, "peer_ggml.py", folder.path())?;
    println!("ggml {}", ggml.ask("version")?);

    let matmul = ours.matmul()?;
    println!("matmul 2160×1536×8960 here: {:.0} GFLOP/s", ours.matmul_flops() / matmul / 1e9);
    for task in ["layer", "taehv"] {
        let difference = compare(&ours.output(task)?, &torch.output(task, folder.path())?)?;
        let (mut here, mut there) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            here = here.min(ours.seconds(task)?);
            there = there.min(torch.seconds(task)?);
        }
        let rate = |seconds: f64| Ours::flops(task) / seconds / 1e9;
        println!(
            "{task}: here {here:.3} s ({:.0} GFLOP/s, {:.0} % of matmul), PyTorch {there:.3} s ({:.0} GFLOP/s): \
             {:.2} × PyTorch; outputs differ by {difference:.1e}",
            rate(here),
            100.0 * rate(here) / (ours.matmul_flops() / matmul / 1e9),
            rate(there),
            there / here,
        );
    }
    let layers = layers(&ours.matmul.1, folder.path())?;
    for ((format, products, of_torch, of_ggml), layer) in PRODUCTS.iter().zip(&layers) {
        let run = || layer.forward(&ours.matmul.0);
        let difference = compare(&run()?, &ggml.output(of_ggml, folder.path())?)?;
        let mut best = [f64::MAX; 3];
        for _ in 0..ROUNDS {
            let start = Instant::now();
            run()?;
            best[0] = best[0].min(start.elapsed().as_secs_f64());
            if let Some(task) = of_torch {
                best[1] = best[1].min(torch.seconds(task)?);
            }
            best[2] = best[2].min(ggml.seconds(of_ggml)?);
        }
        let rates = best.map(|seconds| ours.matmul_flops() / seconds / 1e9);
        let of_torch = of_torch.map(|_| format!("PyTorch {:.0} ({:.2} ×), ", rates[1], rates[0] / rates[1]));
        println!(
            "product, weight in {format}, multiplied in {products}: here {:.0} GFLOP/s, {}ggml {:.0} ({:.2} ×); differs from ggml's by \
             {difference:.1e}",
            rates[0],
            of_torch.unwrap_or_default(),
            rates[2],
            rates[0] / rates[2],
        );
    }
    Ok(())
}

/// A linear layer for each of [`PRODUCTS`], from a file of its format.
fn layers(weight: &Tensor, folder: &Path) -> Result<Vec<Linear>> {
    let (out_dim, in_dim) = weight.dims2()?;
    let layer = |(format, products, ..): &(&str, Products, Option<&str>, &str)| {
        let path = folder.join(format);
        let dtype = match *format {
            "f16" => DType::F16,
            "bf16" => DType::BF16,
            _ => DType::F32,
        };
        if *format == "q8" {
            let weight = QTensor::quantize(weight, GgmlDType::Q8_0)?;
            gguf_file::write(&mut File::create(&path)?, &[], &[("m.weight", &weight)])?;
        } else {
            let weights = HashMap::from([("m.weight".to_owned(), weight.to_dtype(dtype)?)]);
            candle_core::safetensors::save(&weights, &path)?;
        }
        let weights = Weights::open(&path, DType::F32, &Device::Cpu)?.with_products(*products);
        Ok(Linear::load_no_bias(&weights, "m", in_dim, out_dim)?)
    };
    PRODUCTS.iter().map(layer).collect()
}

/// The largest absolute difference.
fn compare(a: &Tensor, b: &Tensor) -> Result<f32> {
    ensure!(a.dims() == b.dims(), "shapes {:?} and {:?}", a.dims(), b.dims());
    Ok((a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?)
}

/// The Rust implementation.
struct Ours {
    layer: CausalLayer,
    /// TAEHV after a first chunk, and the latents of every chunk `[3, 16, 40, 72]`.
    decoder: (DecoderStream, Tensor),
    matmul: (Tensor, Tensor),
}

impl Ours {
    /// Builds the pieces, and leaves their weights and inputs in `folder`.
    fn new(folder: &Path) -> Result<Self> {
        let layer = CausalLayer::new()?;
        let mut tensors: HashMap<String, Tensor> = layer.weights.iter().cloned().collect();
        let (k, v) = layer.cache.contents(0)?;
        let past = (WINDOW - GRID.0) * GRID.1 * GRID.2;
        for (name, x) in [("x", &layer.x), ("time", &layer.time), ("text", &layer.text)] {
            tensors.insert(format!("in.{name}"), x.clone());
        }
        tensors.insert("in.k".to_owned(), k.narrow(1, 0, past)?.contiguous()?);
        tensors.insert("in.v".to_owned(), v.narrow(1, 0, past)?.contiguous()?);
        tensors.insert("in.first_frame".to_owned(), Tensor::new(&[layer.first_frame as i64], &Device::Cpu)?);
        candle_core::safetensors::save(&tensors, folder.join("layer.safetensors"))?;

        let weights = random_weights(&taehv_shapes())?;
        let latents = random(&[GRID.0, 16, 2 * GRID.1, 2 * GRID.2], 1.0);
        let mut tensors = HashMap::from([("in.latents".to_owned(), latents.clone())]);
        for (name, shape) in taehv_shapes() {
            tensors.insert(name.clone(), weights.get(&name, shape)?);
        }
        candle_core::safetensors::save(&tensors, folder.join("taehv.safetensors"))?;
        let mut stream = DecoderStream::new(Arc::new(taehv::Decoder::load(&weights, &taehv::TIME_UPSCALE)?));
        stream.push(&latents)?;
        let decoder = (stream, latents);
        let matmul = (random(&[2160, 1536], 1.0), random(&[8960, 1536], 0.02));
        let tensors = HashMap::from([("x", &matmul.0), ("weight", &matmul.1)]);
        let tensors = tensors.into_iter().map(|(name, x)| (name.to_owned(), x.clone())).collect();
        candle_core::safetensors::save(&tensors, folder.join("product.safetensors"))?;
        Ok(Self { layer, decoder, matmul })
    }

    fn output(&mut self, task: &str) -> Result<Tensor> {
        match task {
            "layer" => Ok(self.layer.forward(Hooks::NONE)?),
            "taehv" => Ok(self.decoder.0.clone().push(&self.decoder.1)?),
            _ => bail!("no task {task}"),
        }
    }

    fn seconds(&mut self, task: &str) -> Result<f64> {
        let start = Instant::now();
        self.output(task)?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn flops(task: &str) -> f64 {
        match task {
            "layer" => CausalLayer::flops() as f64,
            "taehv" => {
                (GRID.0 as u64 * flops(&taehv_shapes(), |name| taehv_positions(name, 4 * GRID.1 * GRID.2))) as f64
            }
            _ => f64::NAN,
        }
    }

    /// The best of several matrix products, in seconds.
    fn matmul(&self) -> Result<f64> {
        let (a, b) = &self.matmul;
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            a.matmul(&b.t()?)?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        Ok(best)
    }

    fn matmul_flops(&self) -> f64 {
        2.0 * (self.matmul.0.elem_count() * self.matmul.1.dims()[0]) as f64
    }
}

/// PyTorch or ggml, in a process that answers one line per line.
struct Peer {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &Path, script: &str, folder: &Path) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer").join(script);
        let mut process = Command::new(python)
            .arg(script)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", python.display()))?;
        let requests = process.stdin.take().context("the peer has no input")?;
        let answers = BufReader::new(process.stdout.take().context("the peer has no output")?);
        Ok(Self { process, requests, answers })
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        writeln!(self.requests, "{request}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the other side stopped; its message is above");
        Ok(answer.trim().to_owned())
    }

    fn output(&mut self, task: &str, folder: &Path) -> Result<Tensor> {
        self.ask(&format!("output {task}"))?;
        let mut tensors = candle_core::safetensors::load(folder.join("output.safetensors"), &Device::Cpu)?;
        tensors.remove("output").context("the peer left no output")
    }

    fn seconds(&mut self, task: &str) -> Result<f64> {
        self.ask(&format!("run {task}"))?.parse().context("seconds")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do about it then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
