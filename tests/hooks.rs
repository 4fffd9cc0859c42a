//! The hooks: free when nobody listens, complete and in order when somebody does.

#[path = "parity/fixture.rs"]
#[allow(dead_code, reason = "the parity tests use all of it")]
mod fixture;

use std::cell::RefCell;
use std::sync::Arc;

use bendrack::wan::attention::Over;
use bendrack::wan::clip::{Clip, Guidance};
use bendrack::wan::config::NORM_EPS;
use bendrack::wan::hooks::{Attention, Hooks, Listener, Place};
use bendrack::wan::noise::{Draw, Noise, SeededNoise};
use bendrack::wan::ops;
use bendrack::wan::rollout::{Rollout, Streaming};
use bendrack::wan::rope::Rope;
use bendrack::wan::scheduler::{FewStep, UniPc, UniPcSchedule};
use bendrack::wan::transformer::{Context, Transformer};
use bendrack::wan::weights::Weights;
use bendrack_nodes::program::{Pass, Site};
use candle_core::{Device, Result, Tensor};

use fixture::{Recording, assert_close};

const PICTURE: (usize, usize) = (4, 6);

fn weights() -> Weights {
    fixture::weights("causal/weights.safetensors")
}

fn model() -> Arc<Transformer> {
    Arc::new(Transformer::load(&weights(), Some(&fixture::json("causal/config.json"))).expect("the weights load"))
}

fn context(model: &Transformer) -> Arc<Context> {
    let embeddings = Recording::load("causal/io_sf_global.safetensors").get("in.context");
    Arc::new(model.context(&embeddings).expect("a context"))
}

/// A layer as the paper has it, without a trace of hooks. x `[1, tokens, dim]`, time `[1, frames, 6, dim]`.
fn unhooked(w: &Weights, model: &Transformer, x: &Tensor, time: &Tensor, text: &Tensor, rope: &Rope) -> Result<Tensor> {
    let config = model.config();
    let (dim, heads, frames) = (config.dim, config.heads, time.dim(1)?);
    let linear = |name: &str, x: &Tensor, inner: usize, out: usize| {
        let weight = w.get(&format!("{name}.weight"), (out, inner))?;
        ops::linear(x, &weight, Some(&w.get(&format!("{name}.bias"), out)?))
    };
    let normed = |name: &str, norm: &str, x: &Tensor| {
        let norm = w.get(&format!("{norm}.weight"), dim)?;
        ops::rms_norm(&linear(name, x, dim, dim)?, &norm, NORM_EPS)?.reshape((1, (), heads, dim / heads))
    };
    let split = |x: Tensor| x.reshape((1, (), heads, dim / heads));
    let by_frame = |x: &Tensor| x.reshape((1, frames, (), dim));
    let scale = 1.0 / ((dim / heads) as f64).sqrt();

    let rows = w.get("modulation", (1, 6, dim))?.unsqueeze(0)?.broadcast_add(time)?;
    let m = (0..6).map(|i| rows.narrow(2, i, 1)?.contiguous()).collect::<Result<Vec<_>>>()?;
    let a = ops::layer_norm_modulate(&by_frame(x)?, &m[0], &m[1], NORM_EPS)?.reshape(x.shape())?;
    let q = rope.apply(&normed("self_attn.q", "self_attn.norm_q", &a)?)?;
    let k = rope.apply(&normed("self_attn.k", "self_attn.norm_k", &a)?)?;
    let v = split(linear("self_attn.v", &a, dim, dim)?)?;
    let y = linear("self_attn.o", &ops::attention(&q, &k, &v, None, scale)?.flatten_from(2)?, dim, dim)?;
    let x = ops::gated_residual(&by_frame(x)?, &by_frame(&y)?, &m[2])?.reshape(x.shape())?;

    let c = ops::layer_norm_affine(&x, &w.get("norm3.weight", dim)?, &w.get("norm3.bias", dim)?, NORM_EPS)?;
    let q = normed("cross_attn.q", "cross_attn.norm_q", &c)?;
    let k = normed("cross_attn.k", "cross_attn.norm_k", text)?;
    let v = split(linear("cross_attn.v", text, dim, dim)?)?;
    let y = linear("cross_attn.o", &ops::attention(&q, &k, &v, None, scale)?.flatten_from(2)?, dim, dim)?;
    let x = ops::add(&x, &y)?;

    let b = ops::layer_norm_modulate(&by_frame(&x)?, &m[3], &m[4], NORM_EPS)?.reshape(x.shape())?;
    let hidden = ops::gelu_tanh(&linear("ffn.0", &b, dim, config.ffn_dim)?)?;
    let y = linear("ffn.2", &hidden, config.ffn_dim, dim)?;
    ops::gated_residual(&by_frame(&x)?, &by_frame(&y)?, &m[5])?.reshape(x.shape())
}

#[test]
fn without_a_listener_no_bit_differs_from_code_without_hooks() -> Result<()> {
    let (model, io) = (model(), Recording::load("causal/io_sf_global.safetensors"));
    let latents = io.get("call00.in").transpose(1, 2)?.contiguous()?;
    let (frames, rows, columns) = model.grid(&latents)?;
    let positions: Vec<f64> = (0..frames).map(|f| f as f64).collect();
    let rope = Rope::new(model.config().head_dim(), &positions, (rows, columns), &Device::Cpu)?;
    let time = model.embed_time(&Tensor::full(937.5f32, (1, frames), &Device::Cpu)?)?;
    let text = model.embed_text(&io.get("in.context"))?;
    let mut x = model.patchify(&latents)?;
    for (i, layer) in model.blocks().iter().enumerate() {
        let plain = unhooked(&weights().pp("blocks").pp(i), &model, &x, &time.projection, &text, &rope)?;
        let mut over = Over::Themselves(&rope);
        x = layer.forward(&x, &time.projection, &layer.prompt_keys(&text)?, &mut over, &Hooks::NONE)?;
        assert_close(&format!("layer {i}"), &x, &plain, 0.0);
    }
    Ok(())
}

/// Writes down what it hears, and doubles what passes one site.
struct Diary {
    heard: RefCell<Vec<(Site, Place)>>,
    doubled: Option<Site>,
}

impl Diary {
    fn new(doubled: Option<Site>) -> Self {
        Self { heard: RefCell::default(), doubled }
    }

    fn hear(&self, site: Site, place: Place, x: Tensor) -> Result<Tensor> {
        self.heard.borrow_mut().push((site, place));
        if self.doubled == Some(site) { x * 2.0 } else { Ok(x) }
    }
}

impl Listener for Diary {
    fn at(&self, site: Site, place: Place, x: Tensor) -> Result<Tensor> {
        self.hear(site, place, x)
    }

    fn attend(&self, site: Site, place: Place, attention: Attention) -> Result<Tensor> {
        self.hear(site, place, attention.run()?)
    }
}

#[test]
fn a_rollout_says_where_it_is() -> Result<()> {
    let model = model();
    let (streaming, schedule) = (Streaming::long_live(), FewStep::long_live()?);
    let noise = Box::new(SeededNoise { seed: 1 });
    let mut rollout = Rollout::new(model.clone(), streaming, schedule, context(&model), noise, PICTURE)?;
    for chunk in 0..3 {
        for step in 0..5 {
            let diary = Diary::new(None);
            let upcoming = rollout.upcoming();
            let done = rollout.advance(Hooks::new(&diary))?;
            assert_eq!(done.call, upcoming);
            assert_eq!(done.finished, step == 3);
            let heard = diary.heard.into_inner();
            let expected = (0..model.config().layers).flat_map(|layer| {
                let pass = if step < 4 { Pass::Denoise } else { Pass::Cache };
                let grid = (3, PICTURE.0 / 2, PICTURE.1 / 2);
                let place = Place { pass, step, layer, first_frame: 3 * chunk, negative: false, grid };
                Site::ALL.map(|site| (site, place))
            });
            assert_eq!(heard, expected.collect::<Vec<_>>(), "chunk {chunk} step {step}");
        }
    }
    Ok(())
}

#[test]
fn a_clip_says_which_call_is_the_negative_one() -> Result<()> {
    let model = model();
    let sampler = Box::new(UniPc::new(3, 5.0, UniPcSchedule::Original)?);
    let shape = (model.config().in_channels, 2, PICTURE.0, PICTURE.1);
    let noise = SeededNoise { seed: 1 }.draw(Draw { first_frame: 0, step: 0 }, shape)?;
    let guidance = Guidance { negative: context(&model), scale: 4.0 };
    let mut clip = Clip::new(model.clone(), sampler, context(&model), Some(guidance), &noise)?;
    for step in 0..3 {
        let diary = Diary::new(None);
        clip.advance(Hooks::new(&diary))?;
        let heard = diary.heard.into_inner();
        assert_eq!(heard.len(), 2 * Site::ALL.len() * model.config().layers);
        assert!(heard.iter().all(|(_, place)| place.step == step && place.grid.0 == 2));
        assert_eq!(heard.iter().filter(|(_, place)| place.negative).count(), heard.len() / 2);
    }
    Ok(())
}

#[test]
fn what_a_listener_changes_reaches_the_output() -> Result<()> {
    let (model, io) = (model(), Recording::load("causal/io_sf_global.safetensors"));
    let latents = io.get("call00.in").transpose(1, 2)?.contiguous()?;
    let timesteps = Tensor::full(625f32, (1, 1), &Device::Cpu)?;
    let flow = |hooks: Hooks<'_>| model.forward(&latents, &timesteps, &context(&model), hooks);
    let plain = flow(Hooks::NONE)?;
    for site in Site::ALL {
        let bent = flow(Hooks::new(&Diary::new(Some(site))))?;
        let change = fixture::max_abs_difference(&bent, &plain);
        assert!(change.is_finite() && change > 1e-4, "doubling {site} changes the flow by {change:.1e} only");
    }
    Ok(())
}
