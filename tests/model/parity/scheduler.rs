//! The schedulers against `scheduler`: tables, lists, and trajectories of the recorder's stand-in for a model.

use bendrack::wan::scheduler::{FewStep, FlowMatchEuler, Sampler, UniPc, UniPcSchedule};
use candle_core::{DType, Device, Tensor};

use crate::recordings::{Recording, json};

/// Samples.
const TOLERANCE: f64 = 1e-5;
/// Noise levels, and timesteps up to 1000: one unit of the last place of f32.
const SIGMA_TOLERANCE: f64 = 1.2e-7;
const TIMESTEP_TOLERANCE: f64 = 1e-4;

/// The number that follows `key` in a recording's name: `number_in("sf.shift2.5.warp", "shift")` is 2.5.
fn number_in(name: &str, key: &str) -> f64 {
    let (_, rest) = name.split_once(key).unwrap_or_else(|| panic!("{name}: no {key}"));
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse().unwrap_or_else(|e| panic!("{name}: {key}: {e}"))
}

fn vector(values: &[f32]) -> Tensor {
    Tensor::new(values, &Device::Cpu).expect("a vector")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).and_then(|x| x.flatten_all()?.to_vec1()).expect("a tensor reads back")
}

/// The samples after each step with the recorder's model, `0.3 x + r[i]`.
fn trajectory(sampler: &mut dyn Sampler, x0: &Tensor, r: &Tensor) -> candle_core::Result<Tensor> {
    let mut x = x0.clone();
    let mut all = Vec::new();
    for i in 0..sampler.timesteps().len() {
        x = sampler.step(&((&x * 0.3)? + r.get(i)?)?, &x)?;
        all.push(x.clone());
    }
    Tensor::stack(&all, 0)
}

/// A sampler by the first part of its recordings' names.
fn sampler(kind: &str, steps: usize, shift: f64) -> Box<dyn Sampler> {
    match kind {
        "euler" => Box::new(FlowMatchEuler::new(steps, shift).expect("a schedule")),
        "unipc" => Box::new(UniPc::new(steps, shift, UniPcSchedule::Diffusers).expect("a schedule")),
        "unipc_orig" => Box::new(UniPc::new(steps, shift, UniPcSchedule::Original).expect("a schedule")),
        _ => panic!("no sampler is called {kind}"),
    }
}

/// Every recording belongs to a test below.
#[test]
fn every_recording_is_covered() {
    let recording = Recording::load("scheduler/io.safetensors");
    for name in recording.names() {
        let (kind, what) = (name.split('.').next().unwrap_or(name), name.rsplit('.').next().unwrap_or(name));
        let covered = match kind {
            "common" => ["x0", "r"].contains(&what),
            "euler" | "unipc" | "unipc_orig" => ["timesteps", "sigmas", "traj"].contains(&what),
            "sf" => {
                ["timesteps", "sigmas", "t", "x", "noise", "out"].contains(&what)
                    || name.contains(".warp.") && what.split('_').all(|step| step.parse::<usize>().is_ok())
            }
            "krea" => what.starts_with("steps"),
            _ => false,
        };
        assert!(covered, "no test covers {name}");
    }
}

#[test]
fn samplers_walk_like_their_originals() -> candle_core::Result<()> {
    assert_eq!(json("scheduler/config.json")["model_standin"], "v_i = 0.3*x + r[i]");
    let recording = Recording::load("scheduler/io.safetensors");
    let mut walks = 0;
    for walk in recording.names().filter_map(|name| name.strip_suffix(".traj")) {
        let (kind, combo) = walk.split_once('.').expect("the name of a trajectory");
        let mut sampler = sampler(kind, number_in(combo, "n") as usize, number_in(combo, "shift"));
        recording.check(&format!("{walk}.sigmas"), &vector(sampler.sigmas()), SIGMA_TOLERANCE);
        recording.check(&format!("{walk}.timesteps"), &vector(sampler.timesteps()), TIMESTEP_TOLERANCE);
        let (x0, r) = (recording.get(&format!("common.{combo}.x0")), recording.get(&format!("common.{combo}.r")));
        // Rounding adds up over more than the fifty steps of the tolerance.
        let tolerance = TOLERANCE * (sampler.timesteps().len() as f64 / 50.0).max(1.0);
        recording.check(&format!("{walk}.traj"), &trajectory(sampler.as_mut(), &x0, &r)?, tolerance);
        walks += 1;
    }
    assert!(walks > 0, "no trajectories are recorded");
    Ok(())
}

#[test]
fn few_step_table_warps_like_self_forcing() -> candle_core::Result<()> {
    let recording = Recording::load("scheduler/io.safetensors");
    for name in recording.names().filter(|name| name.starts_with("sf.")) {
        let shift = number_in(name, "shift");
        let (group, what) = name.rsplit_once('.').expect("a dotted name");
        if what == "sigmas" {
            let list = FewStep::raw(&[1000.0], shift)?;
            let timesteps = values(&recording.get(&format!("{group}.timesteps")));
            let sigmas: Vec<f32> = timesteps.iter().map(|&t| list.sigma(t)).collect();
            recording.check(name, &vector(&sigmas), SIGMA_TOLERANCE);
        } else if what == "timesteps" {
            let even: Vec<usize> = (1..=1000).rev().collect();
            recording.check(name, &vector(FewStep::warped(&even, shift)?.timesteps()), TIMESTEP_TOLERANCE);
        } else if group.strip_suffix(".warp").is_some() {
            let even: Vec<usize> = what.split('_').map(|step| step.parse().expect("a step")).collect();
            recording.check(name, &vector(FewStep::warped(&even, shift)?.timesteps()), TIMESTEP_TOLERANCE);
        }
    }
    Ok(())
}

#[test]
fn few_step_noises_and_cleans_like_self_forcing() -> candle_core::Result<()> {
    let recording = Recording::load("scheduler/io.safetensors");
    for name in recording.names().filter(|name| name.ends_with(".add_noise.out")) {
        let list = FewStep::raw(&[1000.0], number_in(name, "shift"))?;
        let input = |what: &str| recording.get(&name.replace(".out", what));
        let (t, x, noise) = (values(&input(".t")), input(".x"), input(".noise"));
        recording.check(name, &list.add_noise(&x, &noise, &t)?, TOLERANCE);
        // The recorder gives the noise as the flow, at x.
        let x0 = list.x0_from_flow(&noise, &x, &t)?;
        recording.check(&name.replace("add_noise", "x0_from_flow"), &x0, TOLERANCE);
    }
    Ok(())
}

#[test]
fn krea_lists_are_kreas() -> candle_core::Result<()> {
    let recording = Recording::load("scheduler/io.safetensors");
    for name in recording.names().filter(|name| name.starts_with("krea.")) {
        let list = FewStep::krea(number_in(name, "steps") as usize, 1.0, number_in(name, "shift"))?;
        recording.check(name, &vector(list.timesteps()), TIMESTEP_TOLERANCE);
    }
    Ok(())
}
