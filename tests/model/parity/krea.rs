//! The server of Krea Realtime, call by call: as released, and with a prompt that changes.

use std::path::Path;
use std::sync::Arc;

use bendrack::wan::family::Family;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::rollout::Rollout;
use bendrack::wan::scheduler::FewStep;
use bendrack::wan::streaming::Refresh;
use bendrack::wan::text::blend;
use bendrack_nodes::program::{BlendMethod, Pass};
use candle_core::{Device, Result, Tensor};
use serde_json::Value;

use super::causal::swap;
use super::causvid::{check_steps, check_table, model, noise};
use crate::recordings::{self, Recording, assert_close, number};

/// Tolerance of latents, keys and values, which reach 7.
const TOLERANCE: f64 = 1e-4;

fn check_variant(folder: &Path, name: &str, config: &Value) -> Result<()> {
    let variant = &config["variants"][name];
    let io = Recording::load_at(&folder.join(format!("krea/io_{name}.safetensors")));
    let model = model(folder)?;
    let shift = config["timestep_shift"].as_f64().expect("a shift");
    let schedule = FewStep::krea(number(variant, "steps"), 1.0, shift)?;
    assert_close("steps", &Tensor::new(schedule.timesteps(), &Device::Cpu)?, &io.get("denoising_step_list"), 1e-3);
    let streaming = Family::Krea.streaming().expect("Krea streams");
    let context_frames = number(variant, "kv_cache_num_frames");
    assert_eq!(streaming.refresh, Refresh::Recompute { frames: context_frames });
    let chunk = streaming.chunk.get();
    let prompt = |chunk: usize| {
        let changes = !variant["change"].is_null();
        let embedding = io.get(&if changes { format!("in.context.chunk{chunk}") } else { "in.context".into() });
        model.context(&embedding).map(Arc::new)
    };
    let noise = noise(&io);
    let (_, _, _, height, width) = noise.noise.dims5()?;
    let mut rollout = Rollout::new(model.clone(), streaming, schedule, prompt(0)?, Box::new(noise), (height, width))?;

    let timesteps = io.get("calls.timestep").to_vec1::<f32>()?;
    let starts = io.get("calls.current_start").to_vec1::<i64>()?;
    let frames = io.get("calls.num_frames").to_vec1::<i64>()?;
    for (i, &timestep) in timesteps.iter().enumerate() {
        if rollout.is_between_chunks() {
            let chunk = rollout.chunk()[0] / chunk;
            if chunk >= 2 && variant["keep_first_frame"] == false {
                rollout.set_context_frame(&io.get(&format!("in.reencoded.{}", chunk - 2)))?;
            }
            if chunk > 0 {
                // The recomputing of the cache still has the prompt of the chunk before.
                rollout.set_context(prompt(chunk)?);
            }
        }
        let step = rollout.advance(Hooks::NONE)?;
        assert!((step.call.timestep - timestep).abs() < 1e-3, "{name} call {i}: timestep {}", step.call.timestep);
        assert_eq!(step.call.frames.numbers.len() as i64, frames[i], "{name} call {i}: frames");
        if step.call.pass == Pass::Denoise {
            let position = step.call.frames.position.min(context_frames);
            assert_eq!((position * number(config, "frame_seqlen")) as i64, starts[i], "{name} call {i}: start");
        }
        io.check(&format!("call{i:02}.x0"), &swap(&step.clean), TOLERANCE);
    }
    assert_eq!(rollout.chunk()[0], number(variant, "blocks") * chunk, "{name}: chunks");
    if io.names().any(|name| name == "kv.final.k") {
        let (k, v) = rollout.cache().contents(model.config().layers - 1)?;
        io.check("kv.final.k", &k, TOLERANCE);
        io.check("kv.final.v", &v, TOLERANCE);
    }
    Ok(())
}

#[test]
fn the_release_matches_call_by_call() -> Result<()> {
    let folder = recordings::folder_with("krea");
    check_variant(&folder, "released", &recordings::json_at(&folder.join("krea/config.json")))
}

/// The cache is recomputed under the prompt of the chunk before. Only then does the new prompt count.
#[test]
fn a_prompt_that_changes_matches_call_by_call() -> Result<()> {
    let folder = recordings::folder_with("krea");
    check_variant(&folder, "prompt", &recordings::json_at(&folder.join("krea/config.json")))
}

/// The server mixes a new prompt in over several chunks: the first of them has none of it, the last one nothing else.
#[test]
fn prompts_are_mixed_linearly() -> Result<()> {
    let folder = recordings::folder_with("krea");
    let change = &recordings::json_at(&folder.join("krea/config.json"))["variants"]["prompt"]["change"];
    let io = Recording::load_at(&folder.join("krea/io_prompt.safetensors"));
    let (first, steps) = (number(change, "chunk"), number(change, "steps"));
    let (before, after) = (io.get(&format!("in.context.chunk{}", first - 1)), io.get("in.context_b"));
    for step in 0..steps {
        let amount = step as f64 / (steps - 1) as f64;
        let mixed = blend(&before, &after, amount, BlendMethod::Lerp)?;
        io.check(&format!("in.context.chunk{}", first + step), &mixed, 2e-6);
    }
    Ok(())
}

#[test]
fn the_schedule_is_kreas() -> Result<()> {
    let folder = recordings::folder_with("krea");
    let io = Recording::load_at(&folder.join("krea/io_released.safetensors"));
    let schedule = Family::Krea.schedule()?.expect("Krea streams");
    check_table(&io, &schedule)?;
    // The second chunk begins with a cache pass.
    let steps = schedule.timesteps().len();
    (0..2).try_for_each(|chunk| check_steps(&io, &schedule, chunk, chunk * (steps + 1)))
}

#[test]
fn other_numbers_of_steps_and_strengths_have_the_servers_timesteps() -> Result<()> {
    let folder = recordings::folder_with("krea");
    let config = recordings::json_at(&folder.join("krea/config.json"));
    let lists = config["step_lists"].as_object().expect("lists by number of steps and strength");
    assert!(!lists.is_empty());
    for (name, list) in lists {
        let (steps, strength) = name.split_once(' ').expect("a number of steps and a strength");
        let (steps, strength) = (steps.parse().expect("a number"), strength.parse().expect("a number"));
        let schedule = FewStep::krea(steps, strength, config["timestep_shift"].as_f64().expect("a shift"))?;
        let expected: Vec<f64> = list.as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
        let expected = Tensor::new(expected.as_slice(), &Device::Cpu)?;
        assert_close(name, &Tensor::new(schedule.timesteps(), &Device::Cpu)?, &expected, 1e-3);
    }
    Ok(())
}
