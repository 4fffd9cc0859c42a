//! Whole clips, as diffusers' `WanPipeline` makes them with each scheduler.

use std::sync::Arc;

use bendrack::wan::clip::Clips;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::noise::{Draw, Noise};
use bendrack::wan::scheduler::{DpmPp, FlowMatchEuler, Sampler, UniPc, UniPcSchedule};
use bendrack::wan::transformer::Transformer;
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};
use serde_json::Value as Json;

use crate::recordings::{self, Recording};

/// Tolerance of the latents, which reach 9.
const LATENTS: f64 = 1e-4;
/// Tolerance of a sampler alone.
const WALK: f64 = 2e-6;

/// The noise of a recording.
struct Recorded(Tensor);

impl Noise for Recorded {
    fn draw(&mut self, _: Draw, _: (usize, usize, usize, usize)) -> Result<Tensor> {
        Ok(self.0.clone())
    }
}

fn sampler(case: &Json) -> Result<Box<dyn Sampler>> {
    let (steps, shift) = (case["steps"].as_u64().expect("steps") as usize, case["shift"].as_f64().expect("a shift"));
    Ok(match case["scheduler"].as_str().expect("a scheduler") {
        "unipc" => Box::new(UniPc::new(steps, shift, UniPcSchedule::Diffusers)?),
        "euler" => Box::new(FlowMatchEuler::new(steps, shift)?),
        "dpmpp" => Box::new(DpmPp::new(steps, shift)?),
        other => panic!("scheduler {other}"),
    })
}

fn numbers(io: &Recording, name: &str) -> Vec<f32> {
    io.get(name).to_dtype(DType::F32).and_then(|numbers| numbers.to_vec1()).expect("numbers")
}

#[test]
fn clips_match_diffusers_with_every_scheduler() -> Result<()> {
    let folder = recordings::folder_with("clips");
    let mut config = recordings::json_at(&folder.join("dit/config.json"));
    config["text_len"] = config["_original"]["text_len"].clone();
    let weights = Weights::open(&folder.join("dit/weights.safetensors"), DType::F32, &Device::Cpu)?;
    let model = Arc::new(Transformer::load(&weights, Some(&config))?);
    let cases = recordings::json_at(&folder.join("clips/clips.json"));
    let io = Recording::load_at(&folder.join("clips/clips.safetensors"));
    let mut seen = 0;
    for case in cases["cases"].as_array().expect("cases") {
        let (name, inputs) = (case["name"].as_str().expect("a name"), case["inputs"].as_str().expect("inputs"));
        let sampler = sampler(case)?;
        assert_eq!(sampler.timesteps(), numbers(&io, &format!("{name}.timesteps")), "{name}");
        assert_eq!(sampler.sigmas(), numbers(&io, &format!("{name}.sigmas")), "{name}");
        let noise = io.get(&format!("{inputs}.latents"));
        let (_, _, frames, height, width) = noise.dims5()?;
        let context = |of: &str| model.context(&io.get(&format!("{inputs}.{of}"))).map(Arc::new);
        let guidance = case["guidance"].as_f64().expect("a scale");
        let size = (frames, height, width);
        let mut clips =
            Clips::new(model.clone(), sampler, guidance, context("prompt")?, Box::new(Recorded(noise)), size)?;
        clips.set_negative(context("negative")?);
        let steps = clips.steps();
        for number in 0..steps {
            let step = clips.advance(Hooks::NONE)?;
            assert_eq!(step.finished, number + 1 == steps, "{name}");
            if step.finished {
                io.check(&format!("{name}.out"), &step.clean, LATENTS);
            }
        }
        seen += 1;
    }
    assert!(seen >= 16, "{seen} clips");
    Ok(())
}

#[test]
fn dpm_pp_walks_as_diffusers_does() -> Result<()> {
    let io = Recording::load_at(&recordings::folder_with("clips").join("clips/clips.safetensors"));
    let at = |part: &str| io.get(&format!("walk-dpmpp-shift5-steps6.{part}"));
    let mut sampler = DpmPp::new(6, 5.0)?;
    for round in 0..2 {
        let mut sample = at("latents");
        for step in 0..6 {
            sample = sampler.step(&at(&format!("flow{step}")), &sample)?;
            io.check(&format!("walk-dpmpp-shift5-steps6.step{step}"), &sample, WALK);
        }
        assert!(sampler.step(&sample, &sample).is_err(), "round {round}: the walk is over");
        sampler.reset();
    }
    Ok(())
}
