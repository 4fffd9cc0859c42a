//! The bidirectional transformer: diffusers' `WanTransformer3DModel` and the original `WanModel`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bendrack::wan::attention::KeySource;
use bendrack::wan::hooks::{Attention, HookContext, Hooks, Listener};
use bendrack::wan::rope::Rope;
use bendrack::wan::transformer::{Transformer, unpatchify};
use bendrack_nodes::program::Site;
use candle_core::{D, DType, Device, Result, Tensor};

use crate::recordings::{self, Recording, assert_close, max_abs_difference};

const OUT: f64 = 2e-5;
const ORIGINAL_OUT: f64 = 5e-6;
const INTERMEDIATE: f64 = 1e-5;

fn model() -> Transformer {
    let mut config = recordings::json("dit/config.json");
    config["text_len"] = config["_original"]["text_len"].clone();
    Transformer::load(&recordings::weights("dit/weights.safetensors"), Some(&config))
        .expect("the recorded weights load")
}

/// Runs the recorded latents and context at the recorded timestep of `name`.
fn flow(model: &Transformer, io: &Recording, latent: &str, timestep: &str, context: &str, hooks: Hooks<'_>) -> Tensor {
    let run = || {
        let context = model.context(&io.get(context))?;
        let timesteps = io.get(timestep).to_dtype(DType::F32)?.unsqueeze(1)?;
        model.forward(&io.get(latent), &timesteps, &context, hooks)
    };
    run().expect("the model runs")
}

/// diffusers' sinusoid, in f32 throughout.
fn sinusoid_in_f32(timesteps: &Tensor, width: usize) -> Result<Tensor> {
    let half = width / 2;
    let frequency = |i: usize| (-(10000f64.ln() as f32) * i as f32 / half as f32).exp();
    let mut rows = Vec::new();
    for t in timesteps.to_dtype(DType::F32)?.to_vec1::<f32>()? {
        let angles: Vec<f32> = (0..half).map(|i| t * frequency(i)).collect();
        rows.extend(angles.iter().map(|a| a.cos()).chain(angles.iter().map(|a| a.sin())));
    }
    Tensor::from_vec(rows, (timesteps.elem_count(), width), &Device::Cpu)
}

/// Asserts that the flow is diffusers' `expected`, from an exact sinusoid or from diffusers' sinusoid in f32.
///
/// At large timesteps, the rounding of the sinusoid alone can move the output by more than the tolerance.
fn check_flow(
    model: &Transformer,
    io: &Recording,
    [latent, timestep, context]: [&str; 3],
    expected: &str,
) -> Result<()> {
    let exact = flow(model, io, latent, timestep, context, Hooks::NONE);
    if max_abs_difference(&exact, &io.get(expected)) <= OUT {
        return Ok(());
    }
    let sinusoid = sinusoid_in_f32(&io.get(timestep), model.config().freq_dim)?;
    let rounded = stages(model, &io.get(latent), &io.get(context), &sinusoid, Hooks::NONE, &mut |_, _| ())?;
    io.check(expected, &rounded, OUT);
    assert_close(expected, &exact, &rounded, 2.0 * OUT);
    Ok(())
}

#[test]
fn flow_matches_both_peers() -> Result<()> {
    let (model, io) = (model(), Recording::load("dit/io.safetensors"));
    let inputs = ["in.latent", "in.timestep", "in.context"];
    check_flow(&model, &io, inputs, "out")?;
    io.check("original.out", &flow(&model, &io, inputs[0], inputs[1], inputs[2], Hooks::NONE), ORIGINAL_OUT);
    Ok(())
}

#[test]
fn flow_matches_for_a_batch_and_between_timesteps() -> Result<()> {
    let (model, io) = (model(), Recording::load("dit/io.safetensors"));
    check_flow(&model, &io, ["batch2.latent", "batch2.timestep", "batch2.context"], "batch2.out")?;
    check_flow(&model, &io, ["in.latent", "frac.timestep", "in.context"], "frac.out")
}

#[test]
fn bfloat16_weights_stay_as_close_as_the_peers_own() -> Result<()> {
    let (model, io) = (model(), Recording::load("dit/io.safetensors"));
    let exact = flow(&model, &io, "in.latent", "in.timestep", "in.context", Hooks::NONE);
    let mut config = recordings::json("dit/config.json");
    config["text_len"] = config["_original"]["text_len"].clone();
    let rounded = recordings::weights_in("dit/weights.safetensors", DType::BF16);
    let rounded = Transformer::load(&rounded, Some(&config)).expect("the recorded weights load in bf16");
    let out = flow(&rounded, &io, "in.latent", "in.timestep", "in.context", Hooks::NONE);
    let peer = max_abs_difference(&io.get("bf16.out"), &exact);
    let ours = max_abs_difference(&out, &exact);
    // Three times the rounding of the result: with few layers, the peer computes a large share in f32.
    let largest = exact.abs()?.max_all()?.to_scalar::<f32>()?;
    let rounding = 3.0 * f64::from(largest) / 256.0;
    assert!(ours < rounding.max(2.0 * peer), "bf16 is off by {ours:.3}, the peer's by {peer:.3}");
    Ok(())
}

/// Keeps everything that passes a hook.
#[derive(Default)]
struct Recorder(RefCell<BTreeMap<(usize, &'static str), Tensor>>);

impl Recorder {
    fn keep(&self, context: HookContext<'_>, name: &'static str, x: &Tensor) {
        self.0.borrow_mut().insert((context.layer, name), x.clone());
    }
}

impl Listener for Recorder {
    fn at(&self, site: Site, context: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        self.keep(context, site.name(), &x);
        Ok(x)
    }

    fn attend(&self, site: Site, context: HookContext<'_>, attention: Attention) -> Result<Tensor> {
        let [q, k, v, probs] = match site {
            Site::SelfMap => ["attn1.q", "attn1.k", "attn1.v", "attn1.probs"],
            _ => ["attn2.q", "attn2.k", "attn2.v", "attn2.probs"],
        };
        self.keep(context, q, &attention.q);
        self.keep(context, k, &attention.k);
        self.keep(context, v, &attention.v);
        let logits = (attention.q.transpose(1, 2)?.contiguous()? * attention.scale)?
            .matmul(&attention.k.transpose(1, 2)?.transpose(2, 3)?.contiguous()?)?;
        self.keep(context, probs, &candle_nn::ops::softmax(&logits, D::Minus1)?);
        attention.run()
    }
}

/// Runs the model stage by stage from a sinusoid, and returns the flow. `see` gets every stage by its recorded name.
fn stages(
    model: &Transformer,
    latents: &Tensor,
    embeddings: &Tensor,
    sinusoid: &Tensor,
    hooks: Hooks<'_>,
    see: &mut dyn FnMut(&str, &Tensor),
) -> Result<Tensor> {
    let grid @ (frames, rows, columns) = model.grid(latents)?;
    let mut x = model.patchify(latents)?;
    let (batch, dim) = (latents.dim(0)?, model.config().dim);
    see("patch_embedding.out", &x.transpose(1, 2)?.reshape((batch, dim, frames, rows, columns))?);

    let time = model.project_time(sinusoid, (batch, 1))?;
    see("time.temb", &time.embedding.flatten_to(2)?);
    see("time.proj6", &time.projection.flatten_from(1)?);
    see("text.embed", &model.embed_text(embeddings)?);

    let positions: Vec<f64> = (0..frames).map(|f| f as f64).collect();
    let rope = Rope::new(model.config().head_dim(), &positions, (rows, columns), &Device::Cpu)?;
    let context = model.context(embeddings)?;
    for (i, layer) in model.blocks().iter().enumerate() {
        see(&format!("blocks.{i}.attn1.in"), &layer.self_attention_input(&x, &time.projection)?);
        let mut source = KeySource::Current(&rope, (0..frames).collect());
        x = layer.forward(&x, &time.projection, &context.layers[i], &mut source, &hooks.layer(i))?;
        see(&format!("blocks.{i}.out"), &x);
    }
    let head = model.head(&x, &time)?;
    see("head.out", &head);
    let out = unpatchify(&head, grid)?;
    see("out", &out);
    Ok(out)
}

/// [`stages`] of the recorded call, from the peer's own sinusoid. Its rounding to f32 alone moves the output by 1.6e-5.
fn recorded_stages(
    model: &Transformer,
    io: &Recording,
    hooks: Hooks<'_>,
    see: &mut dyn FnMut(&str, &Tensor),
) -> Result<Tensor> {
    stages(model, &io.get("in.latent"), &io.get("in.context"), &io.get("time.sinusoid"), hooks, see)
}

#[test]
fn every_stage_matches() -> Result<()> {
    let (model, io) = (model(), Recording::load("dit/io.safetensors"));
    recorded_stages(&model, &io, Hooks::NONE, &mut |name, x| io.check(name, x, INTERMEDIATE))?;
    Ok(())
}

#[test]
fn every_hook_sees_what_the_peer_computes_there() -> Result<()> {
    let (model, io) = (model(), Recording::load("dit/io.safetensors"));
    let recorder = Recorder::default();
    recorded_stages(&model, &io, Hooks::new(&recorder), &mut |_, _| ())?;

    let names = BTreeMap::from([
        (Site::SelfOut.name(), "attn1.out"),
        (Site::CrossOut.name(), "attn2.out"),
        (Site::FfnIn.name(), "ffn.in"),
        (Site::FfnHidden.name(), "ffn.hidden"),
        (Site::FfnOut.name(), "ffn.out"),
        (Site::SelfValue.name(), "attn1.v"),
        (Site::CrossValue.name(), "attn2.v"),
    ]);
    let seen = recorder.0.into_inner();
    assert_eq!(seen.len(), model.config().layers * (Site::LAYER.len() - 2 + 8), "every site of every layer");
    for ((layer, name), x) in &seen {
        let name = names.get(name).unwrap_or(name);
        io.check(&format!("blocks.{layer}.{name}"), x, INTERMEDIATE);
    }
    Ok(())
}

#[test]
fn a_listener_that_changes_nothing_changes_no_bit() {
    let (model, io) = (model(), Recording::load("dit/io.safetensors"));
    let recorder = Recorder::default();
    let hooked = flow(&model, &io, "in.latent", "in.timestep", "in.context", Hooks::new(&recorder));
    let alone = flow(&model, &io, "in.latent", "in.timestep", "in.context", Hooks::NONE);
    assert_close("flow", &hooked, &alone, 0.0);
}
