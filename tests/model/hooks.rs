//! The hooks: without a listener they change nothing; with one they are complete and in order.

use std::cell::RefCell;

use bendrack::wan::attention::KeySource;
use bendrack::wan::clip::Clips;
use bendrack::wan::config::NORM_EPS;
use bendrack::wan::hooks::{Attention, HookContext, Hooks, Listener};
use bendrack::wan::noise::SeededNoise;
use bendrack::wan::ops;
use bendrack::wan::rollout::Rollout;
use bendrack::wan::rope::Rope;
use bendrack::wan::scheduler::{FewStep, UniPc, UniPcSchedule};
use bendrack::wan::streaming::Streaming;
use bendrack::wan::transformer::Transformer;
use bendrack::wan::weights::Weights;
use bendrack_nodes::program::{Pass, Site};
use candle_core::{DType, Device, Result, Tensor};

use crate::tiny::{PICTURE, assert_same, context, difference, model, recorded, weights};

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
    let model = model(DType::F32);
    let latents = recorded("call00.in").transpose(1, 2)?.contiguous()?;
    let (frames, rows, columns) = model.grid(&latents)?;
    let positions: Vec<f64> = (0..frames).map(|f| f as f64).collect();
    let rope = Rope::new(model.config().head_dim(), &positions, (rows, columns), &Device::Cpu)?;
    let time = model.embed_time(&Tensor::full(937.5f32, (1, frames), &Device::Cpu)?)?;
    let text = model.embed_text(&recorded("in.context"))?;
    let mut x = model.patchify(&latents)?;
    for (i, layer) in model.blocks().iter().enumerate() {
        let plain = unhooked(&weights(DType::F32).pp("blocks").pp(i), &model, &x, &time.projection, &text, &rope)?;
        let mut source = KeySource::Current(&rope, (0..frames).collect());
        x = layer.forward(&x, &time.projection, &layer.prompt_keys(&text)?, &mut source, &Hooks::NONE)?;
        assert_same(&format!("layer {i}"), &x, &plain);
    }
    Ok(())
}

/// A call of a listener.
#[derive(Debug, PartialEq)]
struct Record {
    site: Site,
    pass: Pass,
    step: usize,
    layer: usize,
    frames: Vec<usize>,
    negative: bool,
    grid: (usize, usize, usize),
}

/// Records the calls of the hooks, and doubles the tensor at one site.
struct Diary {
    records: RefCell<Vec<Record>>,
    doubled: Option<Site>,
}

impl Diary {
    fn new(doubled: Option<Site>) -> Self {
        Self { records: RefCell::default(), doubled }
    }

    fn hear(&self, site: Site, context: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        let HookContext { pass, step, layer, frames, negative, grid } = context;
        self.records.borrow_mut().push(Record { site, pass, step, layer, frames: frames.to_vec(), negative, grid });
        if self.doubled == Some(site) { x * 2.0 } else { Ok(x) }
    }
}

impl Listener for Diary {
    fn at(&self, site: Site, context: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        self.hear(site, context, x)
    }

    fn attend(&self, site: Site, context: HookContext<'_>, attention: Attention) -> Result<Tensor> {
        self.hear(site, context, attention.run()?)
    }
}

#[test]
fn a_rollout_reports_its_position() -> Result<()> {
    let model = model(DType::F32);
    let (streaming, schedule) = (Streaming::long_live(), FewStep::long_live()?);
    let noise = Box::new(SeededNoise { seed: 1 });
    let mut rollout = Rollout::new(model.clone(), streaming, schedule, context(&model, 1.0), noise, PICTURE)?;
    for chunk in 0..3 {
        for step in 0..5 {
            let diary = Diary::new(None);
            let upcoming = rollout.upcoming();
            let done = rollout.advance(Hooks::new(&diary))?;
            assert_eq!(done.call, upcoming);
            assert_eq!(done.finished, step == 3);
            let records = diary.records.into_inner();
            let pass = if step < 4 { Pass::Denoise } else { Pass::Cache };
            let frames = vec![3 * chunk, 3 * chunk + 1, 3 * chunk + 2];
            let at = |site, step, layer, grid| Record {
                site,
                pass,
                step,
                layer,
                frames: frames.clone(),
                negative: false,
                grid,
            };
            let nowhere = (0, 0, 0);
            let mut expected = Vec::new();
            expected.extend((step == 0).then(|| at(Site::NoiseInit, 0, 0, nowhere)));
            expected.push(at(Site::Timestep, step, 0, nowhere));
            for layer in 0..model.config().layers {
                expected.extend(Site::LAYER.map(|site| at(site, step, layer, (3, PICTURE.0 / 2, PICTURE.1 / 2))));
            }
            // The noise of the next step.
            expected.extend((step < 3).then(|| at(Site::NoiseStep, step + 1, 0, nowhere)));
            assert_eq!(records, expected, "chunk {chunk} step {step}");
        }
    }
    Ok(())
}

#[test]
fn a_clip_marks_its_negative_call() -> Result<()> {
    let model = model(DType::F32);
    let sampler = Box::new(UniPc::new(3, 5.0, UniPcSchedule::Original)?);
    let (prompt, noise) = (context(&model, 1.0), Box::new(SeededNoise { seed: 1 }));
    let mut clips = Clips::new(model.clone(), sampler, 4.0, prompt, noise, (2, PICTURE.0, PICTURE.1))?;
    clips.set_negative(context(&model, -1.0));
    for clip in 0..2 {
        for step in 0..3 {
            let diary = Diary::new(None);
            clips.advance(Hooks::new(&diary))?;
            let records = diary.records.into_inner();
            let (in_layers, outside): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.grid.0 > 0);
            let begins = (step == 0).then_some(Site::NoiseInit);
            let sites: Vec<Site> = begins.into_iter().chain([Site::Timestep, Site::Guidance]).collect();
            assert_eq!(outside.iter().map(|record| record.site).collect::<Vec<_>>(), sites);
            assert_eq!(in_layers.len(), 2 * Site::LAYER.len() * model.config().layers);
            assert!(records.iter().all(|record| record.step == step && record.frames == [2 * clip, 2 * clip + 1]));
            assert_eq!(in_layers.iter().filter(|record| record.negative).count(), in_layers.len() / 2);
        }
    }
    Ok(())
}

#[test]
fn what_a_listener_changes_reaches_the_output() -> Result<()> {
    let model = model(DType::F32);
    let latents = recorded("call00.in").transpose(1, 2)?.contiguous()?;
    let timesteps = Tensor::full(625f32, (1, 1), &Device::Cpu)?;
    let flow = |hooks: Hooks<'_>| model.forward(&latents, &timesteps, &context(&model, 1.0), hooks);
    let plain = flow(Hooks::NONE)?;
    for site in Site::LAYER {
        let bent = flow(Hooks::new(&Diary::new(Some(site))))?;
        let change = difference(&bent, &plain);
        assert!(change.is_finite() && change > 1e-4, "doubling {site} changes the flow by {change:.1e} only");
    }
    Ok(())
}

/// The keys of a rolling window belong to the frames in the listener's context.
#[test]
fn every_key_has_a_frame() -> Result<()> {
    struct Keys(RefCell<Vec<Vec<usize>>>);
    impl Listener for Keys {
        fn at(&self, _: Site, _: HookContext<'_>, x: Tensor) -> Result<Tensor> {
            Ok(x)
        }

        fn attend(&self, site: Site, context: HookContext<'_>, attention: Attention) -> Result<Tensor> {
            if site == Site::SelfMap {
                assert_eq!(attention.k.dim(1)?, attention.key_frames.len() * context.grid.1 * context.grid.2);
                self.0.borrow_mut().push(attention.key_frames.to_vec());
            } else {
                assert!(attention.key_frames.is_empty());
            }
            attention.run()
        }
    }
    let model = model(DType::F32);
    let noise = Box::new(SeededNoise { seed: 1 });
    let schedule = FewStep::long_live()?;
    let mut rollout =
        Rollout::new(model.clone(), Streaming::long_live(), schedule, context(&model, 1.0), noise, PICTURE)?;
    for _ in 0..8 * 5 {
        let keys = Keys(RefCell::default());
        let step = rollout.advance(Hooks::new(&keys))?;
        let end = step.call.frames.numbers[2] + 1;
        let expected: Vec<usize> = (0..end).filter(|&frame| frame < 3 || frame + 9 >= end).collect();
        for mut record in keys.0.into_inner() {
            record.sort_unstable();
            assert_eq!(record, expected);
        }
    }
    Ok(())
}
