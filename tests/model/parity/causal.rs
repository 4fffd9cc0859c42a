//! Causal generation with a KV cache: every variant of Self-Forcing and LongLive that was recorded, call by call.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bendrack::wan::hooks::{Attention, HookContext, Hooks, Listener};
use bendrack::wan::kv_cache::{CachePolicy, Frames, KvCache, Positions};
use bendrack::wan::noise::{Draw, Noise};
use bendrack::wan::rollout::Rollout;
use bendrack::wan::scheduler::FewStep;
use bendrack::wan::streaming::{PromptSwitch, Refresh, Streaming};
use bendrack::wan::transformer::{Context, Transformer};
use bendrack_nodes::program::{Pass, Site};
use candle_core::{DType, Result, Tensor};
use serde_json::Value;

use crate::recordings::{self, Recording, assert_close, number};

const TOLERANCE: f64 = 5e-5;

fn model(config: &Value) -> Transformer {
    Transformer::load(&recordings::weights("causal/weights.safetensors"), Some(config))
        .expect("the recorded weights load")
}

fn schedule(config: &Value) -> FewStep {
    let steps: Vec<usize> = config["denoising_step_list"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|s| s.as_u64().expect("a step") as usize)
        .collect();
    let shift = config["timestep_shift"].as_f64().expect("a number");
    if config["warp_denoising_step"] == false {
        let timesteps: Vec<f32> = steps.iter().map(|&step| step as f32).collect();
        return FewStep::raw(&timesteps, shift).expect("a schedule");
    }
    FewStep::warped(&steps, shift).expect("a schedule")
}

/// `[batch, frames, channels, ..]`, as the peers' pipelines have it, from and to the model's `[batch, channels, frames, ..]`.
pub(super) fn swap(x: &Tensor) -> Tensor {
    x.transpose(1, 2).and_then(|x| x.contiguous()).expect("a video")
}

/// The recorded draws, in their order.
pub(super) struct Recorded {
    pub(super) noise: Tensor,
    pub(super) renoise: Tensor,
    pub(super) drawn: usize,
}

impl Noise for Recorded {
    fn draw(&mut self, draw: Draw, (_, frames, ..): (usize, usize, usize, usize)) -> Result<Tensor> {
        if draw.step == 0 {
            return Ok(swap(&self.noise.narrow(1, draw.first_frame, frames)?));
        }
        self.drawn += 1;
        Ok(swap(&self.renoise.narrow(0, self.drawn - 1, 1)?))
    }
}

/// Counts the keys that the first layer attends over.
#[derive(Default)]
struct KeyCounter(RefCell<Vec<i64>>);

impl Listener for KeyCounter {
    fn at(&self, _: Site, _: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        Ok(x)
    }

    fn attend(&self, site: Site, context: HookContext<'_>, attention: Attention) -> Result<Tensor> {
        if site == Site::SelfMap && context.layer == 0 {
            self.0.borrow_mut().push(attention.k.dim(1)? as i64);
        }
        attention.run()
    }
}

fn streaming(config: &Value, variant: &Value) -> Streaming {
    let chunk = NonZeroUsize::new(number(config, "num_frame_per_block")).expect("a chunk");
    let local = variant["local_attn_size"].as_i64().expect("a number");
    let long_live = variant["peer"] == "longlive";
    let keep_sink = variant["switch"]["global_sink"].as_bool().unwrap_or(true);
    Streaming {
        chunk,
        cache: CachePolicy {
            window: usize::try_from(local).unwrap_or(number(variant, "blocks") * chunk.get()),
            sink: number(variant, "sink_size"),
            rolls: local != -1,
            sink_is_final: long_live,
            positions: if variant["infinity"] == true { Positions::Relative } else { Positions::Absolute },
        },
        refresh: Refresh::CleanPass,
        prompt_switch: if long_live { PromptSwitch::Recache { keep_sink } } else { PromptSwitch::Keep },
        context_timestep: number(config, "context_noise") as f32,
    }
}

fn check_variant(name: &str, config: &Value, variant: &Value) -> Result<()> {
    let io = Recording::load(&format!("causal/io_{name}.safetensors"));
    let model = Arc::new(model(config));
    let context = |input: &str| -> Result<Arc<Context>> { Ok(Arc::new(model.context(&io.get(input))?)) };
    let noise = Recorded { noise: io.get("in.noise"), renoise: io.get("in.renoise"), drawn: 0 };
    let (_, _, _, height, width) = noise.noise.dims5()?;
    let streaming = streaming(config, variant);
    let (chunk, keys) = (streaming.chunk.get(), KeyCounter::default());
    let mut rollout = Rollout::new(
        model.clone(),
        streaming,
        schedule(config),
        context("in.context")?,
        Box::new(noise),
        (height, width),
    )?;
    let mut switches: Vec<usize> = variant["switch"]["at"]
        .as_array()
        .map(|at| at.iter().map(|frame| frame.as_u64().expect("a frame") as usize).collect())
        .unwrap_or_default();

    let calls = io.get("calls.timestep").to_vec1::<f32>()?;
    let (frames, starts) =
        (io.get("calls.num_frames").to_vec1::<i64>()?, io.get("calls.current_start").to_vec1::<i64>()?);
    let mut video = Vec::new();
    for (i, &timestep) in calls.iter().enumerate() {
        let due = video.len() * chunk;
        if switches.first().is_some_and(|&frame| frame <= due) {
            switches.remove(0);
            rollout.set_context(context("in.context_b")?);
        }
        let step = rollout.advance(Hooks::new(&keys))?;
        assert!((step.call.timestep - timestep).abs() < 1e-3, "{name} call {i}: timestep {}", step.call.timestep);
        assert_eq!(step.call.frames.numbers.len() as i64, frames[i], "{name} call {i}: frames");
        let start = step.call.frames.position * number(config, "frame_seqlen");
        assert_eq!(start as i64, starts[i], "{name} call {i}: start");
        io.check(&format!("call{i:02}.x0"), &swap(&step.clean), TOLERANCE);
        if step.finished {
            video.push(swap(&step.clean));
        }
    }
    io.check("out.latents", &Tensor::cat(&video, 1)?, TOLERANCE);
    assert_eq!(keys.0.into_inner(), io.get("calls.layer0_klen").to_vec1::<i64>()?, "{name}: keys attended over");

    let held = (0..model.config().layers).map(|i| rollout.cache().contents(i)).collect::<Result<Vec<_>>>()?;
    let (k, v): (Vec<_>, Vec<_>) = held.into_iter().unzip();
    io.check("kv.final.k", &Tensor::stack(&k, 0)?, TOLERANCE);
    io.check("kv.final.v", &Tensor::stack(&v, 0)?, TOLERANCE);
    let tokens = number(config, "frame_seqlen");
    for (held, name) in [(rollout.cache().len(), "kv.final.local_end"), (rollout.cache().end(), "kv.final.global_end")]
    {
        assert!(
            io.get(name).flatten_all()?.to_vec1::<i64>()?.iter().all(|&end| end == (held * tokens) as i64),
            "{name}"
        );
    }
    let prompt = context(if variant["switch"].is_null() { "in.context" } else { "in.context_b" })?;
    let prompt: Vec<_> = prompt.layers.iter().map(|layer| layer.k.clone()).collect();
    io.check("crossattn.final.k", &Tensor::stack(&prompt, 0)?, TOLERANCE);
    Ok(())
}

#[test]
fn every_variant_matches_call_by_call() -> Result<()> {
    let config = recordings::json("causal/config.json");
    let variants = config["variants"].as_object().expect("variants by name");
    assert!(!variants.is_empty());
    variants.iter().try_for_each(|(name, variant)| check_variant(name, &config, variant))
}

/// Keeps what the layers of one call put out.
#[derive(Default)]
struct Outputs(RefCell<Vec<(String, Tensor)>>);

impl Listener for Outputs {
    fn at(&self, site: Site, context: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        let name = match site {
            Site::SelfOut => "self_attn.out",
            Site::CrossOut => "cross_attn.out",
            _ => return Ok(x),
        };
        self.0.borrow_mut().push((format!("first.blocks.{}.{name}", context.layer), x.clone()));
        Ok(x)
    }
}

fn cache(model: &Transformer, streaming: &Streaming, latents: &Tensor) -> Result<KvCache> {
    let (_, rows, columns) = model.grid(latents)?;
    KvCache::new(model.config(), streaming.cache, 1, (rows, columns), model.dtype(), model.device())
}

#[test]
fn first_call_matches_inside() -> Result<()> {
    let config = recordings::json("causal/config.json");
    let (model, io) = (model(&config), Recording::load("causal/io_sf_global.safetensors"));
    let latents = swap(&io.get("call00.in"));
    let mut cache = cache(&model, &streaming(&config, &config["variants"]["sf_global"]), &latents)?;
    let timesteps = Tensor::full(schedule(&config).timesteps()[0], (1, latents.dim(2)?), model.device())?;
    let context = model.context(&io.get("in.context"))?;
    let outputs = Outputs::default();
    let flow = model.forward_cached(
        &latents,
        &timesteps,
        &context,
        &mut cache,
        Frames::run(0, latents.dim(2)?),
        Hooks::new(&outputs),
    )?;
    io.check("call00.flow", &swap(&flow), TOLERANCE);
    let outputs = outputs.0.into_inner();
    assert_eq!(outputs.len(), 2 * model.config().layers);
    for (name, x) in outputs {
        io.check(&name, &x, TOLERANCE);
    }

    let whole = model.forward(&latents, &timesteps, &context, Hooks::NONE)?;
    assert_close("one chunk from an empty cache against the bidirectional model", &flow, &whole, 1e-5);
    Ok(())
}

#[test]
fn frames_of_one_call_may_differ_in_timestep() -> Result<()> {
    let config = recordings::json("causal/config.json");
    let (model, io) = (model(&config), Recording::load("causal/io_sf_global.safetensors"));
    let timesteps = io.get("mixed.timestep");
    let frames = timesteps.dim(1)?;
    let latents = swap(&io.get("in.noise").narrow(1, 0, frames)?);
    let mut cache = cache(&model, &streaming(&config, &config["variants"]["sf_global"]), &latents)?;
    // The recording begins at frame 2, after two frames whose keys and values are 0.
    let zeros =
        Tensor::zeros((1, 2 * number(&config, "frame_seqlen"), model.config().dim), DType::F32, model.device())?;
    let (_, rows, columns) = model.grid(&latents)?;
    let heads = (1, zeros.dim(1)?, model.config().heads, model.config().head_dim());
    cache.begin(Frames::run(0, 2), (rows, columns))?;
    for layer in 0..model.config().layers {
        cache.update(layer, &zeros.reshape(heads)?, &zeros.reshape(heads)?)?;
    }
    cache.commit();
    let context = model.context(&io.get("in.context"))?;
    let flow = model.forward_cached(&latents, &timesteps, &context, &mut cache, Frames::run(2, frames), Hooks::NONE)?;
    io.check("mixed.flow", &swap(&flow), TOLERANCE);
    let by_frame = |x: &Tensor| swap(x).squeeze(0);
    let timesteps = timesteps.squeeze(0)?.to_vec1::<f32>()?;
    let clean = schedule(&config).x0_from_flow(&by_frame(&flow)?, &by_frame(&latents)?, &timesteps)?;
    io.check("mixed.x0", &clean.unsqueeze(0)?, TOLERANCE);
    Ok(())
}

#[test]
fn a_failed_call_can_be_made_again() -> Result<()> {
    struct Broken(RefCell<usize>);
    impl Listener for Broken {
        fn at(&self, site: Site, context: HookContext<'_>, x: Tensor) -> Result<Tensor> {
            if site == Site::FfnOut && context.layer == 0 && self.0.replace_with(|n| *n + 1).is_multiple_of(2) {
                candle_core::bail!("a bend failed")
            }
            Ok(x)
        }
    }
    let config = recordings::json("causal/config.json");
    let model = Arc::new(model(&config));
    let io = Recording::load("causal/io_sf_global.safetensors");
    let (_, _, _, height, width) = io.get("in.noise").dims5()?;
    let rollout = || -> Result<Rollout> {
        let noise = Box::new(bendrack::wan::noise::SeededNoise { seed: 5 });
        let context = Arc::new(model.context(&io.get("in.context"))?);
        Rollout::new(model.clone(), Streaming::long_live(), schedule(&config), context, noise, (height, width))
    };
    let (mut smooth, mut bumpy) = (rollout()?, rollout()?);
    let broken = Broken(RefCell::default());
    for _ in 0..40 {
        let expected = smooth.advance(Hooks::NONE)?;
        assert!(bumpy.advance(Hooks::new(&broken)).is_err());
        let step = bumpy.advance(Hooks::new(&broken))?;
        assert_eq!(step.call, expected.call);
        assert_close("after a failed call", &step.clean, &expected.clean, 0.0);
    }
    Ok(())
}

/// Each chunk but the first has a cache pass over at most 3 frames before it, at fixed positions.
#[test]
fn krea_recomputes_its_context_before_each_chunk() -> Result<()> {
    let config = recordings::json("causal/config.json");
    let model = Arc::new(model(&config));
    let io = Recording::load("causal/io_sf_global.safetensors");
    let (_, _, _, height, width) = io.get("in.noise").dims5()?;
    let noise = Box::new(bendrack::wan::noise::SeededNoise { seed: 5 });
    let context = Arc::new(model.context(&io.get("in.context"))?);
    let schedule = FewStep::krea(4, 1.0, 5.0)?;
    let mut rollout =
        Rollout::new(model.clone(), Streaming::krea(), schedule, context.clone(), noise, (height, width))?;
    rollout.set_past_bias(0.3f64.ln());
    let mut passes = Vec::new();
    let mut clean: Vec<Tensor> = Vec::new();
    for _ in 0..3 * 5 - 1 {
        let step = rollout.advance(Hooks::NONE)?;
        passes.push((step.call.pass, rollout.cache().len()));
        if step.call.pass == Pass::Cache {
            // The context is the first frame and the latest two, seen by one another as a chunk.
            let latents = Tensor::cat(&clean, 2)?;
            let frames = latents.dim(2)?;
            let context_latents = Tensor::cat(&[latents.narrow(2, 0, 1)?, latents.narrow(2, frames - 2, 2)?], 2)?;
            let timesteps = Tensor::zeros((1, 1), DType::F32, model.device())?;
            let flow = model.forward(&context_latents, &timesteps, &context, Hooks::NONE)?;
            let expected = FewStep::krea(4, 1.0, 5.0)?.x0_from_flow(&flow, &context_latents, &[0.0])?;
            assert_close("recomputed context", &step.clean, &expected, 1e-5);
        }
        if step.finished {
            clean.push(step.clean);
        }
    }
    let chunk = [(Pass::Denoise, 6); 4];
    let mut expected = vec![(Pass::Denoise, 3); 4];
    for _ in 0..2 {
        expected.push((Pass::Cache, 3));
        expected.extend(chunk);
    }
    assert_eq!(passes, expected);
    Ok(())
}
