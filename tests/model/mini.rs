//! The small model that comes with bendrack, through the whole pipeline: prompt to pictures.

use std::path::Path;
use std::sync::Arc;

use bendrack::wan::checkpoint::Checkpoint;
use bendrack::wan::decode::DecoderStream;
use bendrack::wan::family::Family;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::rollout::Rollout;
use bendrack::wan::taehv::Encoder;
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};

/// Pictures `[frames, 3, 128, 128]` of a prompt: two chunks, 21 frames.
fn video(prompt: &str, seed: u64) -> Result<Tensor> {
    let found = Checkpoint::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/mini"))?;
    assert_eq!(found.family, Family::Mini);
    let model = Arc::new(found.transformer(DType::F32, &Device::Cpu)?);
    let prompt = found.text_encoder(DType::F32, &Device::Cpu)?.encode(prompt)?;
    let context = Arc::new(model.context(&prompt.embedding)?);
    let (streaming, schedule) = (found.family.streaming(), found.family.schedule()?);
    let (streaming, schedule) = streaming.zip(schedule).expect("it streams");
    let mut rollout = Rollout::new(model, streaming, schedule, context, found.family.noise(seed), (16, 16))?;
    let mut stream = DecoderStream::new(found.decoder(DType::F32, &Device::Cpu)?);
    let mut frames = Vec::new();
    for _ in 0..2 {
        let latents = rollout.next_latents(Hooks::NONE)?.squeeze(0)?.transpose(0, 1)?.contiguous()?;
        frames.push(stream.push(&latents)?);
    }
    Tensor::cat(&frames, 0)
}

/// The pixels of all frames in which this channel leads the others by a third of its range.
fn leading(video: &Tensor, channel: usize) -> Result<f64> {
    let others = (0..3).filter(|&c| c != channel).map(|c| video.narrow(1, c, 1));
    let others = Tensor::cat(&others.collect::<Result<Vec<_>>>()?, 1)?.max_keepdim(1)?;
    let leads = (video.narrow(1, channel, 1)? - others)?.gt(1.0 / 3.0)?;
    leads.to_dtype(DType::F64)?.mean_all()?.to_scalar()
}

#[test]
fn a_prompt_has_its_colours() -> Result<()> {
    for (prompt, channel) in [
        ("a red heart still over a black background", 0),
        ("a green heart still over a black background", 1),
        ("a blue heart still over a black background", 2),
    ] {
        let video = video(prompt, 1)?;
        assert_eq!(video.dims(), [21, 3, 128, 128]);
        for c in 0..3 {
            let area = leading(&video, c)?;
            // A heart covers about a twelfth of the picture.
            let expected = if c == channel { 0.03..0.4 } else { 0.0..0.01 };
            assert!(expected.contains(&area), "{prompt}: channel {c} leads on {area:.3} of the picture");
        }
    }
    Ok(())
}

#[test]
fn a_seed_is_a_video() -> Result<()> {
    let prompt = "a yellow star still over a green background";
    let difference = |a: &Tensor, b: &Tensor| -> Result<f32> { (a - b)?.abs()?.mean_all()?.to_scalar() };
    let first = video(prompt, 1)?;
    assert!(difference(&first, &video(prompt, 1)?)?.to_bits() == 0, "the same seed");
    assert!(difference(&first, &video(prompt, 2)?)? > 0.01, "another seed");
    Ok(())
}

/// Pictures can come in: the encoder's latents of a video show the same video.
#[test]
fn the_encoder_reads_what_the_decoder_shows() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/mini");
    let weights = Weights::open(&folder.join("encoder.safetensors"), DType::F32, &Device::Cpu)?;
    let encoder = Encoder::load(&weights)?;
    weights.finish()?;
    let decoder = Checkpoint::find(&folder)?.decoder(DType::F32, &Device::Cpu)?;
    for prompt in ["a cat moving left over a meadow", "a red heart still over a black background"] {
        let video = video(prompt, 3)?;
        // The decoder leaves out the first three of its 24 pictures.
        let first = video.narrow(0, 0, 1)?;
        let latents = encoder.encode(&Tensor::cat(&[&first, &first, &first, &video], 0)?)?;
        let again = DecoderStream::new(decoder.clone()).push(&latents)?;
        let error: f64 = (again - &video)?.sqr()?.mean_all()?.to_dtype(DType::F64)?.to_scalar()?;
        let decibels = -10.0 * error.log10();
        assert!(decibels > 24.0, "{prompt}: {decibels:.1} dB");
    }
    Ok(())
}
