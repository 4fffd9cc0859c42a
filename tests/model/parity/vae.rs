//! The Wan VAE against recordings of diffusers' `AutoencoderKLWan`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack::wan::conv::FeatureCache;
use bendrack::wan::decode::{DecoderStream, FrameDecoder};
use bendrack::wan::vae::{Decoder, Encoder, LATENTS_MEAN, LATENTS_STD, denormalize};
use bendrack::wan::weights::Weights;
use candle_core::{DType, Result, Tensor};

use super::stream::{check_clone, check_cuts, check_errors, zeros};
use crate::recordings::{self, Recording, assert_close};

const TOLERANCE: f64 = 2e-5;

fn recording() -> Recording {
    Recording::load("vae/io.safetensors")
}

/// The recorded `[1, channels, frames, h, w]`, frames first.
fn frames_first(io: &Recording, name: &str) -> Result<Tensor> {
    io.get(name).squeeze(0)?.transpose(0, 1)?.contiguous()
}

fn check(io: &Recording, name: &str, actual: &Tensor) -> Result<()> {
    assert_close(name, actual, &frames_first(io, name)?, TOLERANCE);
    Ok(())
}

/// The tolerance grows with the largest feature, because f32 rounds in proportion to it.
fn check_feature(io: &Recording, name: &str, actual: &Tensor) -> Result<()> {
    let expected = frames_first(io, name)?;
    let largest = expected.abs()?.max_all()?.to_scalar::<f32>()?;
    assert_close(name, actual, &expected, TOLERANCE * f64::from(largest / 4.0).max(1.0));
    Ok(())
}

/// Diffusers' names and the original ones.
fn keymap() -> BTreeMap<String, String> {
    let keymap = recordings::json("vae_keymap_diffusers_to_original.json");
    serde_json::from_value(keymap).expect("names to names")
}

fn weights(dtype: DType) -> Weights {
    recordings::weights_in("vae/weights.safetensors", dtype)
}

/// The original name of the last block of diffusers' `stage`: `decoder.up_blocks.0` is `decoder.upsamples.3`.
fn original_stage(keymap: &BTreeMap<String, String>, stage: &str) -> String {
    let stage = match stage.split_once('.') {
        Some((side, "mid_attn")) => format!("{side}.mid_block.attentions.0"),
        _ => stage.to_owned(),
    };
    let block = |name: &String| {
        let parts: Vec<&str> = name.split('.').collect();
        match parts[2].parse::<usize>() {
            Ok(index) => (index, parts[..3].join(".")),
            Err(_) => (0, parts[..2].join(".")),
        }
    };
    let inside = |name: &String| name.starts_with(&format!("{stage}."));
    let last = keymap.iter().filter(|(name, _)| inside(name)).map(|(_, original)| block(original)).max();
    last.unwrap_or_else(|| panic!("nothing is named {stage}")).1
}

/// Checks each `<prefix>.<stage>` of the recording against what was traced; `side` is `encoder` or `decoder`.
fn check_stages(io: &Recording, prefix: &str, side: &str, traced: &BTreeMap<String, Tensor>) -> Result<()> {
    let keymap = keymap();
    let names: Vec<&str> = io.names().filter(|name| name.starts_with(&format!("{prefix}."))).collect();
    assert!(!names.is_empty(), "nothing is recorded of {prefix}");
    for name in names {
        let original = original_stage(&keymap, &format!("{side}.{}", &name[prefix.len() + 1..]));
        check_feature(io, name, traced.get(&original).unwrap_or_else(|| panic!("{original} was not traced")))?;
    }
    Ok(())
}

#[test]
fn constants_are_the_config_s() {
    let config = recordings::json("vae/config.json");
    let numbers = |key: &str| -> Vec<f32> { serde_json::from_value(config[key].clone()).expect("numbers") };
    assert_eq!(numbers("latents_mean"), LATENTS_MEAN);
    assert_eq!(numbers("latents_std"), LATENTS_STD);
}

#[test]
fn every_weight_is_used() -> Result<()> {
    let weights = weights(DType::F32);
    Decoder::load(&weights)?;
    Encoder::load(&weights)?;
    weights.finish()
}

#[test]
fn decode() -> Result<()> {
    let io = recording();
    let decoder = Decoder::load(&weights(DType::F32))?;
    let latents = denormalize(&frames_first(&io, "dec.latent_normalised")?)?;
    check(&io, "dec.latent", &latents)?;

    let mut cache = FeatureCache::default();
    let (mut frames, mut post_quant, mut unclamped) = (vec![], vec![], vec![]);
    for i in 0..latents.dim(0)? {
        let mut traced = BTreeMap::new();
        let mut trace = |name: &str, x: &Tensor| drop(traced.insert(name.to_owned(), x.clone()));
        frames.push(decoder.decode_traced(&latents.narrow(0, i, 1)?, &mut cache, &mut trace)?);
        check_stages(&io, &format!("dec.frame{i}"), "decoder", &traced)?;
        post_quant.push(traced["conv2"].clone());
        unclamped.push(traced["decoder.head.2"].clone());
    }
    check(&io, "dec.post_quant", &Tensor::cat(&post_quant, 0)?)?;
    check(&io, "dec.out_unclamped", &Tensor::cat(&unclamped, 0)?)?;
    check(&io, "dec.out", &Tensor::cat(&frames, 0)?)
}

#[test]
fn stream() -> Result<()> {
    let io = recording();
    let decoder: Arc<dyn FrameDecoder> = Arc::new(Decoder::load(&weights(DType::F32))?);
    let latents = frames_first(&io, "dec.latent_normalised")?;
    let expected = frames_first(&io, "dec.out")?.affine(0.5, 0.5)?;
    check_cuts(&decoder, &latents, &expected, TOLERANCE)?;
    check_clone(&decoder, &latents)?;
    check_errors(&decoder)
}

#[test]
fn encode() -> Result<()> {
    let io = recording();
    let encoder = Encoder::load(&weights(DType::F32))?;
    let video = frames_first(&io, "enc.video")?;

    let mut cache = FeatureCache::default();
    let mut moments = vec![];
    for (i, start) in std::iter::once(0).chain((1..video.dim(0)?).step_by(4)).enumerate() {
        let mut traced = BTreeMap::new();
        let mut trace = |name: &str, x: &Tensor| drop(traced.insert(name.to_owned(), x.clone()));
        let chunk = video.narrow(0, start, if i == 0 { 1 } else { 4 })?;
        moments.push(encoder.moments_traced(&chunk, &mut cache, &mut trace)?);
        check_stages(&io, &format!("enc.chunk{i}"), "encoder", &traced)?;
    }
    let moments = Tensor::cat(&moments, 0)?;
    check(&io, "enc.moments", &moments)?;
    check(&io, "enc.mean_normalised", &encoder.encode(&video)?)?;

    let at_once = encoder.moments(&video, &mut FeatureCache::default())?;
    assert_close("the whole video in one call", &at_once, &moments, 1e-6);
    Ok(())
}

#[test]
fn a_video_that_does_not_fit_is_an_error() -> Result<()> {
    let encoder = Encoder::load(&weights(DType::F32))?;
    for shape in [&[2, 3, 8, 8][..], &[1, 4, 8, 8], &[1, 3, 8, 13], &[0, 3, 8, 8], &[3, 8, 8]] {
        assert!(encoder.encode(&zeros(shape)?).is_err(), "video {shape:?}");
    }
    Ok(())
}

// In f16, as candle multiplies no bf16 matrices on the CPU.
#[test]
fn half_precision_stays_near() -> Result<()> {
    let io = recording();
    let weights = weights(DType::F16);
    let mut stream = DecoderStream::new(Arc::new(Decoder::load(&weights)?));
    let frames = stream.push(&frames_first(&io, "dec.latent_normalised")?)?;
    assert_eq!(frames.dtype(), DType::F16);
    assert_close("frames", &frames, &frames_first(&io, "dec.out")?.affine(0.5, 0.5)?, 0.05);
    let latents = Encoder::load(&weights)?.encode(&frames_first(&io, "enc.video")?)?;
    assert_close("latents", &latents, &frames_first(&io, "enc.mean_normalised")?, 0.05);
    Ok(())
}
