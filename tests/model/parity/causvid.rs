//! CausVid's own pipeline, call by call: both published step lists, and a video continued from another one's end.

use std::path::Path;
use std::sync::Arc;

use bendrack::wan::family::Family;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::rollout::Rollout;
use bendrack::wan::scheduler::FewStep;
use bendrack::wan::transformer::Transformer;
use bendrack::wan::weights::Weights;
use bendrack_nodes::program::Pass;
use candle_core::{DType, Device, Result, Tensor};
use serde_json::Value;

use super::causal::{Recorded, swap};
use crate::recordings::{self, Recording, assert_close, number};

/// Tolerance of latents, keys and values, which reach 6.
const TOLERANCE: f64 = 1e-4;
/// Tolerance of one step of the schedule alone.
const STEP: f64 = 1e-5;
/// Noise levels: one unit of the last place of f32.
const SIGMA: f64 = 1.2e-7;

/// The toy transformer of CausVid's and Krea's recordings in a folder.
pub(super) fn model(folder: &Path) -> Result<Arc<Transformer>> {
    let config = recordings::json_at(&folder.join("causvid/config.json"));
    let weights = Weights::open(&folder.join("causvid/weights.safetensors"), DType::F32, &Device::Cpu)?;
    Transformer::load(&weights, Some(&config)).map(Arc::new)
}

/// The noise of a recorded video.
pub(super) fn noise(io: &Recording) -> Recorded {
    Recorded { noise: io.get("in.noise"), renoise: io.get("in.renoise"), drawn: 0 }
}

/// The noise level of every timestep in the recorded table.
pub(super) fn check_table(io: &Recording, schedule: &FewStep) -> Result<()> {
    let timesteps = io.get("scheduler.timesteps").to_vec1::<f32>()?;
    let sigmas: Vec<f32> = timesteps.iter().map(|&t| schedule.sigma(t)).collect();
    io.check("scheduler.sigmas", &Tensor::new(sigmas.as_slice(), &Device::Cpu)?, SIGMA);
    Ok(())
}

/// The schedule alone: the recorded flows of a chunk's steps lead from the recorded noise to the recorded estimates.
///
/// `first` is the chunk's first denoising call.
pub(super) fn check_steps(io: &Recording, schedule: &FewStep, chunk: usize, first: usize) -> Result<()> {
    let by_frame = |name: &str| io.get(name).squeeze(0);
    let draws = chunk * (schedule.timesteps().len() - 1);
    let noise = by_frame("in.noise")?;
    let frames = by_frame(&format!("call{first:02}.x0"))?.dim(0)?;
    let mut sample = noise.narrow(0, chunk * frames, frames)?;
    for (step, &timestep) in schedule.timesteps().iter().enumerate() {
        let call = first + step;
        if step > 0 {
            let clean = by_frame(&format!("call{:02}.x0", call - 1))?;
            let renoise = io.get("in.renoise").get(draws + step - 1)?;
            sample = schedule.add_noise(&clean, &renoise, &[timestep])?;
        }
        let clean = schedule.x0_from_flow(&by_frame(&format!("call{call:02}.flow"))?, &sample, &[timestep])?;
        assert_close(&format!("estimate of call {call}"), &clean, &by_frame(&format!("call{call:02}.x0"))?, STEP);
    }
    Ok(())
}

fn schedule(variant: &Value) -> Result<FewStep> {
    if variant["warp_denoising_step"] == true {
        return FewStep::caus_vid_four_step();
    }
    Ok(Family::CausVid.schedule()?.expect("CausVid streams"))
}

fn check_variant(folder: &Path, name: &str, config: &Value) -> Result<()> {
    let variant = &config["variants"][name];
    let io = Recording::load_at(&folder.join(format!("causvid/io_{name}.safetensors")));
    let model = model(folder)?;
    let (schedule, streaming) = (schedule(variant)?, Family::CausVid.streaming().expect("CausVid streams"));
    assert_close("steps", &Tensor::new(schedule.timesteps(), &Device::Cpu)?, &io.get("denoising_step_list"), 1e-3);
    let (steps, chunk) = (schedule.timesteps().len(), streaming.chunk.get());
    let context = Arc::new(model.context(&io.get("in.context"))?);
    let noise = noise(&io);
    let (_, _, _, height, width) = noise.noise.dims5()?;
    let mut rollout = Rollout::new(model.clone(), streaming, schedule, context, Box::new(noise), (height, width))?;

    // A prefix is one cache pass for each of its chunks, with no noise.
    let prefix = number(variant, "prefix_frames") / chunk;
    if prefix > 0 {
        rollout.prefix(&swap(&io.get("in.start_latents")), Hooks::NONE)?;
    }
    let timesteps = io.get("calls.timestep").to_vec1::<f32>()?;
    let starts = io.get("calls.current_start").to_vec1::<i64>()?;
    assert_eq!(timesteps.len(), prefix + (number(variant, "blocks") - prefix) * (steps + 1), "{name}: calls");
    for i in prefix..timesteps.len() {
        let step = rollout.advance(Hooks::NONE)?;
        let is_cache_pass = (i - prefix) % (steps + 1) == steps;
        assert_eq!(step.call.pass == Pass::Cache, is_cache_pass, "{name} call {i}: pass");
        assert!((step.call.timestep - timesteps[i]).abs() < 1e-3, "{name} call {i}: timestep {}", step.call.timestep);
        let start = step.call.frames.position * number(config, "frame_seqlen");
        assert_eq!(start as i64, starts[i], "{name} call {i}: start");
        io.check(&format!("call{i:02}.x0"), &swap(&step.clean), TOLERANCE);
    }
    if io.names().any(|name| name == "kv.final.k") {
        let (k, v) = rollout.cache().contents(model.config().layers - 1)?;
        io.check("kv.final.k", &k, TOLERANCE);
        io.check("kv.final.v", &v, TOLERANCE);
    }
    Ok(())
}

#[test]
fn every_variant_matches_call_by_call() -> Result<()> {
    let folder = recordings::folder_with("causvid");
    let config = recordings::json_at(&folder.join("causvid/config.json"));
    let variants = config["variants"].as_object().expect("variants by name");
    assert!(!variants.is_empty());
    variants.keys().try_for_each(|name| check_variant(&folder, name, &config))
}

#[test]
fn the_schedule_is_causvids() -> Result<()> {
    let folder = recordings::folder_with("causvid");
    let io = Recording::load_at(&folder.join("causvid/io_three_step.safetensors"));
    let schedule = FewStep::caus_vid()?;
    check_table(&io, &schedule)?;
    let calls = schedule.timesteps().len() + 1;
    (0..2).try_for_each(|chunk| check_steps(&io, &schedule, chunk, chunk * calls))
}
