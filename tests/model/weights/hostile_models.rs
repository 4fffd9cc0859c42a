//! Models from damaged files and from files with impossible shapes: a model or an error, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bendrack::wan::conv::FeatureCache;
use bendrack::wan::decode::FrameDecoder;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::taehv::{self, TIME_UPSCALE};
use bendrack::wan::text::Umt5;
use bendrack::wan::transformer::Transformer;
use bendrack::wan::vae;
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};
use proptest::prelude::*;
use safetensors::tensor::Dtype;
use serde_json::json;

use super::make;
use crate::recordings;

type Shapes = Vec<(String, Vec<usize>)>;

/// A recorded file, and what loads it and runs it once.
type Model = (&'static str, fn(&Weights) -> Result<Tensor>);

const MODELS: [Model; 6] = [
    ("causal", transformer),
    ("umt5", |weights| Umt5::load(weights)?.encode(&[1, 0, 1], 5)),
    ("vae", |weights| vae::Decoder::load(weights)?.next_frames(&latents()?, &mut FeatureCache::default())),
    ("vae", |weights| vae::Encoder::load(weights)?.encode(&video(5)?)),
    ("taehv", |weights| {
        taehv::Decoder::load(weights, &TIME_UPSCALE)?.next_frames(&latents()?, &mut FeatureCache::default())
    }),
    ("taehv", |weights| taehv::Encoder::load(weights)?.encode(&video(4)?)),
];

fn transformer(weights: &Weights) -> Result<Tensor> {
    let model = Transformer::load(weights, Some(&json!({ "num_heads": 2, "text_len": 12 })))?;
    let config = model.config();
    let text = Tensor::ones((1, 3, config.text_dim), DType::F32, &Device::Cpu)?;
    let latents = Tensor::ones((1, config.in_channels, 1, 2, 4), DType::F32, &Device::Cpu)?;
    let timesteps = Tensor::full(700f32, (1, 1), &Device::Cpu)?;
    model.forward(&latents, &timesteps, &model.context(&text)?, Hooks::NONE)
}

fn latents() -> Result<Tensor> {
    Tensor::ones((1, 16, 1, 2), DType::F32, &Device::Cpu)
}

fn video(frames: usize) -> Result<Tensor> {
    Tensor::ones((frames, 3, 8, 16), DType::F32, &Device::Cpu)
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(recordings::folder().join(name).join("weights.safetensors")).unwrap()
}

/// The tensors of a recorded file under their original names.
fn shapes(name: &str) -> Shapes {
    let weights = make::open(&file(name)).unwrap();
    weights.names().map(|name| (name.to_owned(), weights.dims(name).unwrap())).collect()
}

fn is_small(shapes: &Shapes) -> bool {
    shapes.iter().all(|(_, dims)| dims.iter().product::<usize>() <= 1 << 18)
}

/// Runs the models of the file `name`. The panic of one becomes a failure that names the change.
#[track_caller]
fn survive(name: &str, weights: impl Fn() -> Result<Weights>, change: &str) {
    for (_, run) in MODELS.iter().filter(|(file, _)| *file == name) {
        let outcome = catch_unwind(AssertUnwindSafe(|| weights().and_then(|weights| run(&weights).map(drop)).is_ok()));
        assert!(outcome.is_ok(), "{name}: a panic with {change}");
    }
}

fn in_memory(shapes: &Shapes) -> Result<Weights> {
    let tensors =
        shapes.iter().map(|(name, dims)| Ok((name.clone(), Tensor::ones(&dims[..], DType::F32, &Device::Cpu)?)));
    Ok(Weights::from_tensors(tensors.collect::<Result<Vec<_>>>()?, DType::F32, &Device::Cpu))
}

fn in_a_file(shapes: &Shapes) -> Result<Weights> {
    let zeros = |dims: &[usize]| vec![0; 4 * dims.iter().product::<usize>()];
    let tensors: Vec<make::Raw<'_>> =
        shapes.iter().map(|(name, dims)| (name.as_str(), Dtype::F32, dims.as_slice(), zeros(dims))).collect();
    make::open(&make::safetensors(&tensors, &[]))
}

#[test]
fn the_files_are_valid() {
    for (name, run) in MODELS {
        assert!(run(&in_memory(&shapes(name)).unwrap()).is_ok(), "{name}");
    }
}

/// Sizes that go together, changed together: so the file loads more often than not.
#[test]
fn sizes_that_make_no_sense() {
    for name in ["causal", "umt5", "vae", "taehv"] {
        let shapes = shapes(name);
        let mut sizes: Vec<usize> = shapes.iter().flat_map(|(_, dims)| dims).copied().collect();
        sizes.sort_unstable();
        sizes.dedup();
        for size in sizes {
            for other in [0, 1, 2, 5, 8, 131] {
                let mut changed = shapes.clone();
                for dim in changed.iter_mut().flat_map(|(_, dims)| dims).filter(|dim| **dim == size) {
                    *dim = other;
                }
                if is_small(&changed) {
                    survive(name, || in_a_file(&changed), &format!("{other} for {size}"));
                }
            }
        }
    }
}

#[test]
fn one_size_that_makes_no_sense() {
    for name in ["causal", "umt5", "vae", "taehv"] {
        let shapes = shapes(name);
        for i in 0..shapes.len() {
            for axis in 0..shapes[i].1.len() {
                for other in [0, 1, 4, 2 * shapes[i].1[axis] + 1] {
                    let mut changed = shapes.clone();
                    changed[i].1[axis] = other;
                    survive(name, || in_memory(&changed), &format!("{:?}", changed[i]));
                }
            }
        }
    }
}

#[test]
fn tensors_without_axes_and_missing_tensors() {
    for name in ["causal", "umt5", "vae", "taehv"] {
        let shapes = shapes(name);
        for i in 0..shapes.len() {
            let mut changed = shapes.clone();
            changed[i].1.push(1);
            survive(name, || in_memory(&changed), &format!("{:?}", changed[i]));
            changed[i].1.clear();
            survive(name, || in_memory(&changed), &format!("{:?}", changed[i]));
            let (removed, _) = changed.remove(i);
            survive(name, || in_memory(&changed), &format!("no {removed}"));
        }
    }
}

/// What the loader cannot know: where a model stops, or which layers it skips.
#[test]
fn layers_that_are_missing() {
    for name in ["causal", "umt5", "vae", "taehv"] {
        let shapes = shapes(name);
        let layers: std::collections::BTreeSet<String> = shapes
            .iter()
            .filter_map(|(name, _)| name.split_inclusive('.').take(3).collect::<String>().into())
            .collect();
        for layer in layers {
            let kept: Shapes = shapes.iter().filter(|(name, _)| !name.starts_with(&layer)).cloned().collect();
            survive(name, || in_memory(&kept), &format!("no {layer}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Bytes of the header, or of the numbers, changed.
    #[test]
    fn damaged_files(
        model in prop::sample::select(vec!["causal", "umt5", "vae", "taehv"]),
        in_header: bool,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = file(model);
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (at, value) in flips {
            let at = at.index(if in_header { header } else { bytes.len() });
            // Digits for digits, or most headers are no JSON any more.
            bytes[at] = if in_header && bytes[at].is_ascii_digit() { b'0' + value % 10 } else { value };
        }
        survive(model, || make::open(&bytes), "damaged bytes");
    }
}
