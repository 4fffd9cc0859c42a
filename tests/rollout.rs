//! Long and interrupted generations, on the recorded tiny weights.

#[path = "parity/fixture.rs"]
#[allow(dead_code, reason = "the parity tests use all of it")]
mod fixture;

use std::sync::Arc;

use bendrack::wan::clip::{Clip, Guidance};
use bendrack::wan::hooks::Hooks;
use bendrack::wan::noise::{Draw, Noise, SeededNoise};
use bendrack::wan::rollout::{Rollout, Streaming};
use bendrack::wan::scheduler::{FewStep, FlowMatchEuler, Sampler, UniPc, UniPcSchedule};
use bendrack::wan::transformer::{Context, Transformer};
use candle_core::{Result, Tensor};

use fixture::{Recording, assert_close};

const PICTURE: (usize, usize) = (4, 6);

fn model() -> Arc<Transformer> {
    let config = fixture::json("causal/config.json");
    let weights = fixture::weights("causal/weights.safetensors");
    Arc::new(Transformer::load(&weights, Some(&config)).expect("the recorded weights load"))
}

fn context(model: &Transformer, gain: f64) -> Arc<Context> {
    let embeddings = Recording::load("causal/io_sf_global.safetensors").get("in.context");
    Arc::new(embeddings.affine(gain, 0.0).and_then(|x| model.context(&x)).expect("a context"))
}

fn rollout(model: &Arc<Transformer>, streaming: Streaming, seed: u64) -> Rollout {
    let schedule = FewStep::long_live().expect("a schedule");
    let noise = Box::new(SeededNoise { seed });
    Rollout::new(model.clone(), streaming, schedule, context(model, 1.0), noise, PICTURE).expect("a rollout")
}

#[test]
fn generation_has_no_length_limit_and_bounded_memory() -> Result<()> {
    let model = model();
    for streaming in [Streaming::long_live(), Streaming::long_live_infinite(), Streaming::krea()] {
        let window = streaming.cache.window;
        let mut rollout = rollout(&model, streaming, 1);
        let bytes = rollout.cache().bytes();
        // 1050 latent frames: past the 1024 positions of the peers' rotation table.
        for _ in 0..350 {
            let latents = rollout.next_latents(Hooks::NONE)?;
            let largest = latents.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
            assert!(largest.is_finite() && largest < 50.0, "latents grew to {largest}");
            assert!(rollout.cache().len() <= window);
        }
        assert_eq!(rollout.cache().bytes(), bytes);
    }
    Ok(())
}

#[test]
fn a_video_that_does_not_fit_is_refused_before_anything_is_lost() -> Result<()> {
    let mut rollout = rollout(&model(), Streaming::self_forcing(), 1);
    for _ in 0..7 {
        rollout.next_latents(Hooks::NONE)?;
    }
    rollout.advance(Hooks::NONE)?;
    let error = rollout.advance(Hooks::NONE).expect_err("21 frames are all").to_string();
    assert!(error.contains("full") && error.contains("reset"), "{error}");
    rollout.reset();
    rollout.next_latents(Hooks::NONE)?;
    Ok(())
}

#[test]
fn a_seed_gives_a_video_and_reset_begins_it_again() -> Result<()> {
    let model = model();
    let video = |rollout: &mut Rollout| {
        Tensor::cat(&(0..4).map(|_| rollout.next_latents(Hooks::NONE)).collect::<Result<Vec<_>>>()?, 2)
    };
    let mut first = rollout(&model, Streaming::long_live(), 9);
    let once = video(&mut first)?;
    first.reset();
    assert_close("after a reset", &video(&mut first)?, &once, 0.0);
    assert_close("another rollout", &video(&mut rollout(&model, Streaming::long_live(), 9))?, &once, 0.0);
    let other = video(&mut rollout(&model, Streaming::long_live(), 10))?;
    assert!(fixture::max_abs_difference(&other, &once) > 0.1, "another seed is another video");
    Ok(())
}

#[test]
fn a_new_prompt_waits_for_the_chunk_to_end() -> Result<()> {
    let model = model();
    let mut steady = rollout(&model, Streaming::long_live(), 2);
    let mut switched = rollout(&model, Streaming::long_live(), 2);
    for rollout in [&mut steady, &mut switched] {
        rollout.next_latents(Hooks::NONE)?;
        rollout.advance(Hooks::NONE)?;
        rollout.advance(Hooks::NONE)?;
    }
    switched.set_context(context(&model, -1.0));
    let (a, b) = (steady.next_latents(Hooks::NONE)?, switched.next_latents(Hooks::NONE)?);
    assert_close("the chunk under way", &a, &b, 0.0);
    let (a, b) = (steady.next_latents(Hooks::NONE)?, switched.next_latents(Hooks::NONE)?);
    assert!(fixture::max_abs_difference(&a, &b) > 1e-3, "the next chunk follows the new prompt");
    Ok(())
}

#[test]
fn a_prefix_is_a_past_like_any_other() -> Result<()> {
    let model = model();
    for streaming in [Streaming::long_live(), Streaming::krea()] {
        let mut whole = rollout(&model, streaming.clone(), 3);
        let past = Tensor::cat(&[whole.next_latents(Hooks::NONE)?, whole.next_latents(Hooks::NONE)?], 2)?;
        let mut continued = rollout(&model, streaming, 3);
        continued.prefix(&past, Hooks::NONE)?;
        let (a, b) = (whole.next_latents(Hooks::NONE)?, continued.next_latents(Hooks::NONE)?);
        assert_close("the chunk after a prefix", &b, &a, 0.0);
        assert!(continued.prefix(&past.narrow(2, 0, 2)?, Hooks::NONE).is_err());
    }
    Ok(())
}

#[test]
fn a_clip_follows_its_guidance() -> Result<()> {
    let model = model();
    let shape = (model.config().in_channels, 3, PICTURE.0, PICTURE.1);
    let noise = SeededNoise { seed: 4 }.draw(Draw { first_frame: 0, step: 0 }, shape)?;
    let generate = |sampler: Box<dyn Sampler>, guidance: Option<Guidance>| -> Result<Tensor> {
        let mut clip = Clip::new(model.clone(), sampler, context(&model, 1.0), guidance, &noise)?;
        loop {
            let step = clip.advance(Hooks::NONE)?;
            if step.finished {
                assert!(clip.upcoming().is_none() && clip.advance(Hooks::NONE).is_err());
                return Ok(step.clean);
            }
        }
    };
    let guidance = |scale| Some(Guidance { negative: context(&model, -1.0), scale });
    let unipc = || -> Result<Box<dyn Sampler>> { Ok(Box::new(UniPc::new(6, 5.0, UniPcSchedule::Original)?)) };
    let alone = generate(unipc()?, None)?;
    assert_close("guidance of 1", &generate(unipc()?, guidance(1.0))?, &alone, 0.0);
    let guided = generate(unipc()?, guidance(5.0))?;
    assert!(fixture::max_abs_difference(&guided, &alone) > 1e-3, "guidance moves the clip");
    generate(Box::new(FlowMatchEuler::new(6, 5.0)?), guidance(5.0))?;
    Ok(())
}
