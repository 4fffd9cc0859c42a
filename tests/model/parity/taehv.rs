//! TAEHV against recordings of `taehv.py`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bendrack::wan::conv::FeatureCache;
use bendrack::wan::decode::{DecoderStream, FrameDecoder};
use bendrack::wan::taehv::{Decoder, Encoder, TIME_UPSCALE};
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};

use super::stream::{check_clone, check_cuts, check_errors, zeros};
use crate::recordings::{self, Recording, assert_close};

const TOLERANCE: f64 = 5e-5;

fn recording() -> Recording {
    Recording::load("taehv/io.safetensors")
}

/// The recorded `[1, frames, channels, h, w]` without the batch.
fn frames(io: &Recording, name: &str) -> Result<Tensor> {
    io.get(name).squeeze(0)
}

/// A list of the configuration.
fn numbers(key: &str) -> Vec<usize> {
    serde_json::from_value(recordings::json("taehv/config.json")[key].clone()).expect("a list of numbers")
}

/// Size of a recording relative to those of the tolerances: f32 is exact to a share of the size.
fn scale(expected: &Tensor) -> Result<f64> {
    Ok(f64::from(expected.abs()?.max_all()?.to_scalar::<f32>()? / 6.0).max(1.0))
}

/// [`scale`] of the frames before they are clamped.
fn frame_scale(io: &Recording) -> Result<f64> {
    scale(&io.get("dec.raw"))
}

fn weights() -> Weights {
    recordings::weights("taehv/weights.safetensors")
}

fn tensors() -> Result<HashMap<String, Tensor>> {
    candle_core::safetensors::load(recordings::folder().join("taehv/weights.safetensors"), &Device::Cpu)
}

fn decoder() -> Result<Arc<dyn FrameDecoder>> {
    Ok(Arc::new(Decoder::load(&weights(), &numbers("time_upscale"))?))
}

#[test]
fn every_weight_is_used() -> Result<()> {
    let weights = weights();
    Decoder::load(&weights, &numbers("time_upscale"))?;
    Encoder::load(&weights)?;
    weights.finish()
}

#[test]
fn decode() -> Result<()> {
    let io = recording();
    let mut traced = BTreeMap::new();
    // By the number of the layer.
    let number =
        |name: &str| name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().expect("a number");
    let mut trace = |name: &str, x: &Tensor| drop(traced.insert(number(name), x.clone()));
    let decoder = Decoder::load(&weights(), &numbers("time_upscale"))?;
    let out = decoder.decode_traced(&frames(&io, "dec.latent")?, &mut FeatureCache::default(), &mut trace)?;
    let layers: Vec<&str> = io.names().filter(|name| name.starts_with("dec.layer")).collect();
    assert!(!layers.is_empty());
    for name in layers {
        io.check(name, &traced[&number(name)], TOLERANCE * scale(&io.get(name))?);
    }
    let (_, raw) = traced.last_key_value().expect("layers");
    let tolerance = TOLERANCE * frame_scale(&io)?;
    assert_close("dec.raw", raw, &frames(&io, "dec.raw")?, tolerance);
    assert_close("dec.out", &out, &frames(&io, "dec.out")?, tolerance);
    Ok(())
}

#[test]
fn stream() -> Result<()> {
    let io = recording();
    let (decoder, latents) = (decoder()?, frames(&io, "dec.latent")?);
    check_cuts(&decoder, &latents, &frames(&io, "dec.out")?, TOLERANCE * frame_scale(&io)?)?;
    check_clone(&decoder, &latents)?;
    check_errors(&decoder)?;

    let mut stream = DecoderStream::new(decoder);
    for (i, count) in numbers("stream_frames_per_latent").into_iter().enumerate() {
        assert_eq!(stream.push(&latents.narrow(0, i, 1)?)?.dim(0)?, count);
    }
    Ok(())
}

#[test]
fn a_larger_tgrow_keeps_its_last_channels() -> Result<()> {
    let latents = frames(&recording(), "dec.latent")?;
    let expected = DecoderStream::new(decoder()?).push(&latents)?;
    let mut tensors = tensors()?;
    for (name, weight) in &mut tensors {
        if name.starts_with("decoder.") && name.ends_with(".conv.weight") {
            let dim = weight.dim(1)?;
            *weight = Tensor::cat(&[&Tensor::full(7f32, (dim, dim, 1, 1), &Device::Cpu)?, weight], 0)?;
        }
    }
    let weights = Weights::from_tensors(tensors, DType::F32, &Device::Cpu);
    let decoder = Decoder::load(&weights, &numbers("time_upscale"))?;
    assert_close("larger TGrows", &DecoderStream::new(Arc::new(decoder)).push(&latents)?, &expected, 0.0);
    Ok(())
}

#[test]
fn encode() -> Result<()> {
    let io = recording();
    let encoder = Encoder::load(&weights())?;
    let video = frames(&io, "enc.video")?;
    let latents = encoder.encode(&video)?;
    let expected = frames(&io, "enc.latent")?;
    assert_close("enc.latent", &latents, &expected, TOLERANCE * scale(&expected)?);

    let mut cache = FeatureCache::default();
    for i in 0..video.dim(0)? / 4 {
        let latent = encoder.next_latents(&video.narrow(0, 4 * i, 4)?, &mut cache)?;
        assert_close("four frames at a time", &latent, &latents.narrow(0, i, 1)?, 1e-6);
    }
    Ok(())
}

// In f16, as candle multiplies no bf16 matrices on the CPU.
#[test]
fn half_precision_stays_near() -> Result<()> {
    let io = recording();
    let weights = recordings::weights_in("taehv/weights.safetensors", DType::F16);
    let decoder = Decoder::load(&weights, &numbers("time_upscale"))?;
    let out = DecoderStream::new(Arc::new(decoder)).push(&frames(&io, "dec.latent")?)?;
    assert_eq!(out.dtype(), DType::F16);
    assert_close("frames", &out, &frames(&io, "dec.out")?, 0.05 * frame_scale(&io)?);
    Ok(())
}

#[test]
fn what_does_not_fit_is_an_error() -> Result<()> {
    let encoder = Encoder::load(&weights())?;
    for shape in [&[4, 4, 8, 8][..], &[4, 3, 9, 8], &[0, 3, 8, 8]] {
        assert!(encoder.encode(&zeros(shape)?).is_err(), "video {shape:?}");
    }
    assert!(encoder.next_latents(&zeros(&[3, 3, 8, 8])?, &mut FeatureCache::default()).is_err());
    assert!(Decoder::load(&weights(), &[1]).is_err(), "too few strides");
    assert!(Decoder::load(&weights(), &[1, 2, 64]).is_err(), "too small a TGrow");
    assert!(Decoder::load(&Weights::from_tensors([], DType::F32, &Device::Cpu), &TIME_UPSCALE).is_err(), "no file");
    Ok(())
}
