//! LongLive's LoRA, merged when the weights are read, against PEFT's adapter forward.

use bendrack::wan::hooks::Hooks;
use bendrack::wan::transformer::Transformer;
use bendrack::wan::weights::Scaling;
use candle_core::{DType, Result, Tensor};

use crate::recordings::{self, Recording};

#[test]
fn merged_weights_match_the_adapter() -> Result<()> {
    let (config, io) = (recordings::json("lora/config.json"), Recording::load("lora/io.safetensors"));
    let number = |key: &str| config[key].as_f64().expect("a number");
    let base = config["base"].as_str().expect("a path");
    let base = recordings::weights(&format!("lora/{base}"));
    let merged = base.with_lora(
        &recordings::weights("lora/lora.safetensors"),
        Scaling { alpha: Some(number("alpha")), ..Scaling::default() },
    )?;
    let model = Transformer::load(&merged, Some(&recordings::json("causal/config.json")))?;

    let latents = io.get("in.latent_bcfhw");
    let timesteps =
        Tensor::full(number("timestep") as f32, (1, latents.dim(2)?), model.device())?.to_dtype(DType::F32)?;
    let flow = model.forward(&latents, &timesteps, &model.context(&io.get("in.context"))?, Hooks::NONE)?;
    io.check("out.flow_bcfhw", &flow, 2e-5);
    Ok(())
}
