//! Long and interrupted generations, on the recorded tiny weights.

use std::cell::RefCell;
use std::sync::Arc;

use bendrack::wan::clip::Clips;
use bendrack::wan::family::Family;
use bendrack::wan::generator::Generator;
use bendrack::wan::hooks::{Attention, HookContext, Hooks, Listener};
use bendrack::wan::kv_cache::{Frames, KvCache, PastVisibility};
use bendrack::wan::noise::{Draw, Noise, SeededNoise};
use bendrack::wan::rollout::Rollout;
use bendrack::wan::scheduler::{DpmPp, FewStep, FlowMatchEuler, Sampler, UniPc, UniPcSchedule};
use bendrack::wan::streaming::{PromptSwitch, Refresh, Streaming};
use bendrack::wan::transformer::Transformer;
use bendrack_nodes::program::{Pass, Site};
use candle_core::{DType, Device, Result, Tensor};

use crate::tiny::{PICTURE, assert_same, context, difference, model};

fn rollout(model: &Arc<Transformer>, streaming: Streaming, seed: u64) -> Rollout {
    let schedule = FewStep::long_live().expect("a schedule");
    let noise = Box::new(SeededNoise { seed });
    Rollout::new(model.clone(), streaming, schedule, context(model, 1.0), noise, PICTURE).expect("a rollout")
}

#[test]
fn generation_has_no_length_limit_and_bounded_memory() -> Result<()> {
    let model = model(DType::F32);
    let families = Family::ALL.into_iter().filter_map(Family::streaming).map(Streaming::endless);
    for streaming in families {
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
    let mut rollout = rollout(&model(DType::F32), Streaming::self_forcing(), 1);
    for _ in 0..7 {
        rollout.next_latents(Hooks::NONE)?;
    }
    rollout.advance(Hooks::NONE)?;
    let error = rollout.advance(Hooks::NONE).expect_err("21 frames are all").to_string();
    assert!(error.contains("full") && error.contains("reset"), "{error}");
    rollout.reset();
    assert_eq!(&*rollout.upcoming().frames.numbers, [24, 25, 26], "the chunk under way is given up");
    rollout.next_latents(Hooks::NONE)?;
    assert_eq!(rollout.cache().frames().collect::<Vec<_>>(), [24, 25, 26]);
    Ok(())
}

#[test]
fn a_seed_gives_a_video_and_a_reset_begins_a_new_shot() -> Result<()> {
    let model = model(DType::F32);
    let video = |rollout: &mut Rollout| {
        Tensor::cat(&(0..4).map(|_| rollout.next_latents(Hooks::NONE)).collect::<Result<Vec<_>>>()?, 2)
    };
    let mut first = rollout(&model, Streaming::long_live(), 9);
    let once = video(&mut first)?;
    first.reset();
    let again = video(&mut first)?;
    assert!(difference(&again, &once) > 0.1, "a reset begins a new shot");
    assert_same("another rollout", &video(&mut rollout(&model, Streaming::long_live(), 9))?, &once);
    let other = video(&mut rollout(&model, Streaming::long_live(), 10))?;
    assert!(difference(&other, &once) > 0.1, "another seed is another video");
    Ok(())
}

#[test]
fn a_new_prompt_waits_for_the_chunk_to_end() -> Result<()> {
    let model = model(DType::F32);
    let mut steady = rollout(&model, Streaming::long_live(), 2);
    let mut switched = rollout(&model, Streaming::long_live(), 2);
    for rollout in [&mut steady, &mut switched] {
        rollout.next_latents(Hooks::NONE)?;
        rollout.advance(Hooks::NONE)?;
        rollout.advance(Hooks::NONE)?;
    }
    switched.set_context(context(&model, -1.0));
    let (a, b) = (steady.next_latents(Hooks::NONE)?, switched.next_latents(Hooks::NONE)?);
    assert_same("the chunk under way", &a, &b);
    let (a, b) = (steady.next_latents(Hooks::NONE)?, switched.next_latents(Hooks::NONE)?);
    assert!(difference(&a, &b) > 1e-3, "the next chunk follows the new prompt");
    Ok(())
}

/// Scales what layers get from the prompt, as a bend would.
struct Louder(f64);

impl Listener for Louder {
    fn at(&self, site: Site, _: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        if site == Site::CrossOut { x.affine(self.0, 0.0) } else { Ok(x) }
    }
}

/// The window, clean, computed under another listener, against the same computed in an empty cache.
#[test]
fn a_window_that_is_computed_anew_is_that_of_the_present_bends() -> Result<()> {
    let model = model(DType::F32);
    let streaming = Streaming { prompt_switch: PromptSwitch::Keep, ..Streaming::self_forcing() };
    let mut again = rollout(&model, streaming.clone(), 8);
    let mut kept = rollout(&model, streaming.clone(), 8);
    let mut latents = Vec::new();
    for _ in 0..2 {
        latents.push(again.next_latents(Hooks::NONE)?);
        kept.next_latents(Hooks::NONE)?;
    }
    // The cache pass of the second chunk.
    assert_eq!(again.advance(Hooks::NONE)?.cached, [3, 4, 5]);
    kept.advance(Hooks::NONE)?;
    assert_eq!(again.recacheable().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    again.recache();
    let louder = Louder(3.0);
    let step = again.advance(Hooks::new(&louder))?;
    assert_eq!((step.call.pass, step.finished, step.cached), (Pass::Cache, false, (0..6).collect()));
    let (_, rows, columns) = model.grid(&latents[0])?;
    let mut fresh = KvCache::new(model.config(), streaming.cache, 1, (rows, columns), DType::F32, &Device::Cpu)?;
    let (window, timesteps) = (Tensor::cat(&latents, 2)?, Tensor::zeros((1, 6), DType::F32, &Device::Cpu)?);
    let context = context(&model, 1.0);
    model.forward_cached(&window, &timesteps, &context, &mut fresh, Frames::run(0, 6), Hooks::new(&louder))?;
    for layer in 0..model.config().layers {
        let ((k, v), (fresh_k, fresh_v)) = (again.cache().contents(layer)?, fresh.contents(layer)?);
        assert_same("keys", &k, &fresh_k);
        assert_same("values", &v, &fresh_v);
    }
    let (_, v) = again.cache().contents(model.config().layers - 1)?;
    assert!(difference(&v, &kept.cache().contents(model.config().layers - 1)?.1) > 1e-3);
    let (a, b) = (again.next_latents(Hooks::NONE)?, kept.next_latents(Hooks::NONE)?);
    assert!(difference(&a, &b) > 1e-4, "the next chunk sees the recomputed window");
    Ok(())
}

#[test]
fn a_family_follows_its_default_when_the_prompt_changes_without_a_policy() -> Result<()> {
    let model = model(DType::F32);
    for (streaming, recaches) in [(Streaming::long_live(), true), (Streaming::mini(), false)] {
        let next = |change: &dyn Fn(&mut Rollout)| -> Result<Vec<usize>> {
            let mut rollout = rollout(&model, streaming.clone(), 3);
            for _ in 0..5 {
                rollout.next_latents(Hooks::NONE)?;
            }
            rollout.advance(Hooks::NONE)?;
            change(&mut rollout);
            Ok(rollout.advance(Hooks::NONE)?.cached)
        };
        let window = if recaches { vec![6, 7, 8, 9, 10, 11, 12, 13, 14] } else { vec![9, 10, 11, 12, 13, 14] };
        let explicit = next(&|rollout| rollout.set_context(context(&model, -1.0)))?;
        assert_eq!(explicit, if recaches { window.clone() } else { Vec::new() });
        assert!(next(&|rollout| rollout.replace_context(context(&model, -1.0)))?.is_empty());
        assert_eq!(next(&Rollout::recache)?, window, "all but a sink that stays");
        let forgotten = next(&|rollout| {
            rollout.recache();
            rollout.reset();
        });
        assert!(forgotten?.is_empty(), "a reset leaves nothing to recompute");
    }
    Ok(())
}

/// Mean weight of past frames in the first layer's map, in the first step of the chunk.
struct Looking(RefCell<Vec<f64>>);

impl Listener for Looking {
    fn at(&self, _: Site, _: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        Ok(x)
    }

    fn attend(&self, site: Site, context: HookContext<'_>, attention: Attention) -> Result<Tensor> {
        if (site, context.layer, context.step, context.pass) == (Site::SelfMap, 0, 0, Pass::Denoise) {
            let past = attention.key_frames.iter().map(|number| f32::from(u8::from(!context.frames.contains(number))));
            let tokens = context.grid.1 * context.grid.2;
            let past: Vec<f32> = past.flat_map(|past| vec![past; tokens]).collect();
            let (batch, keys, heads, dim) = attention.k.dims4()?;
            let v = Tensor::from_vec(past, (1, keys, 1, 1), &Device::Cpu)?.broadcast_as((batch, keys, heads, dim))?;
            let seen = Attention { v: v.contiguous()?, ..attention.clone() }.run()?;
            self.0.borrow_mut().push(f64::from(seen.mean_all()?.to_scalar::<f32>()?));
        }
        attention.run()
    }
}

#[test]
fn what_is_stale_is_attended_to_less_the_staler_it_is() -> Result<()> {
    let model = model(DType::F32);
    let chunk_under = |visibility: PastVisibility| -> Result<(f64, Tensor, usize)> {
        let mut rollout = rollout(&model, Streaming::self_forcing(), 4);
        rollout.next_latents(Hooks::NONE)?;
        rollout.advance(Hooks::NONE)?;
        rollout.set_past_visibility(visibility);
        let looking = Looking(RefCell::default());
        let latents = rollout.next_latents(Hooks::new(&looking))?;
        Ok((looking.0.take()[0], latents, rollout.cache().len()))
    };
    let stale = |strength: f64, distance: f64| PastVisibility {
        strength: vec![strength; 3],
        staleness: (0..3).map(|number| (number, distance)).collect(),
        ..PastVisibility::default()
    };
    let (open, unbiased, _) = chunk_under(PastVisibility::default())?;
    assert_same("nothing is stale", &chunk_under(stale(5.0, 0.0))?.1, &unbiased);
    assert_same("no strength", &chunk_under(stale(0.0, 5.0))?.1, &unbiased);
    let mut before = open;
    for (strength, distance) in [(0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (4.0, 1.0), (4.0, 2.0), (20.0, 1.0)] {
        let (seen, ..) = chunk_under(stale(strength, distance))?;
        assert!(seen < before, "{strength} times {distance}: {seen} is not below {before}");
        before = seen;
    }
    let (closed, blind, held) = chunk_under(PastVisibility { off: vec![true; 3], ..PastVisibility::default() })?;
    assert_eq!((closed, held), (0.0, 6), "nothing is seen and nothing forgotten");
    assert!(difference(&chunk_under(stale(1e4, 1.0))?.1, &blind) < 1e-4);
    // One frame that sees nothing: a third of the queries gives no weight to the past.
    let (partly, ..) = chunk_under(PastVisibility { off: vec![false, true, false], ..PastVisibility::default() })?;
    assert!(partly < open && partly > 0.5 * open, "{partly} of {open}");
    Ok(())
}

/// With the cache off, a chunk is the same as after a reset. Positions differ, and rounding with them.
#[test]
fn a_cache_that_is_off_is_as_if_it_were_empty() -> Result<()> {
    let model = model(DType::F32);
    for streaming in [Streaming::mini(), Streaming::long_live(), Streaming::long_live_infinite(), Streaming::krea()] {
        let (mut off, mut empty) = (rollout(&model, streaming.clone(), 6), rollout(&model, streaming.clone(), 6));
        off.set_past_visibility(PastVisibility { off: vec![true; 3], ..PastVisibility::default() });
        for chunk in 0..4 {
            let (a, b) = (off.next_latents(Hooks::NONE)?, empty.next_latents(Hooks::NONE)?);
            let difference = difference(&a, &b);
            assert!(difference < 1e-4, "chunk {chunk} is off by {difference:.1e}");
            while !empty.is_between_chunks() {
                empty.advance(Hooks::NONE)?;
            }
            empty.reset();
        }
        assert!(off.cache().len() > 3, "frames are kept all the same");
    }
    Ok(())
}

#[test]
fn a_prefix_is_a_past_like_any_other() -> Result<()> {
    let model = model(DType::F32);
    for streaming in [Streaming::long_live(), Streaming::krea()] {
        let mut whole = rollout(&model, streaming.clone(), 3);
        let past = Tensor::cat(&[whole.next_latents(Hooks::NONE)?, whole.next_latents(Hooks::NONE)?], 2)?;
        let mut continued = rollout(&model, streaming, 3);
        continued.prefix(&past, Hooks::NONE)?;
        let (a, b) = (whole.next_latents(Hooks::NONE)?, continued.next_latents(Hooks::NONE)?);
        assert_same("the chunk after a prefix", &b, &a);
        assert!(continued.prefix(&past.narrow(2, 0, 2)?, Hooks::NONE).is_err());
        assert!(continued.prefix(&past.narrow(1, 0, 4)?, Hooks::NONE).is_err());
    }
    Ok(())
}

/// The latents of a clip of three frames.
fn clip(clips: &mut Clips) -> Result<Tensor> {
    let first = clips.chunk()[0];
    for step in 0..clips.steps() {
        assert_eq!((clips.upcoming().step, clips.is_between_clips()), (step, step == 0));
        let step = clips.advance(Hooks::NONE)?;
        if step.finished {
            assert_eq!(
                (&step.call.frames.numbers[..], clips.chunk()[0]),
                (&[first, first + 1, first + 2][..], first + 3)
            );
            return Ok(step.clean);
        }
    }
    panic!("a clip has as many calls as steps")
}

fn clips(model: &Arc<Transformer>, sampler: Box<dyn Sampler>, guidance: f64) -> Result<Clips> {
    let noise = Box::new(SeededNoise { seed: 4 });
    Clips::new(model.clone(), sampler, guidance, context(model, 1.0), noise, (3, PICTURE.0, PICTURE.1))
}

#[test]
fn a_clip_follows_its_guidance() -> Result<()> {
    let model = model(DType::F32);
    let unipc = || -> Result<Box<dyn Sampler>> { Ok(Box::new(UniPc::new(6, 5.0, UniPcSchedule::Original)?)) };
    let guided = |sampler: Box<dyn Sampler>, scale: f64| -> Result<Tensor> {
        let mut clips = clips(&model, sampler, scale)?;
        clips.set_negative(context(&model, -1.0));
        clip(&mut clips)
    };
    let alone = clip(&mut clips(&model, unipc()?, 5.0)?)?;
    assert_same("guidance of 1", &guided(unipc()?, 1.0)?, &alone);
    assert!(difference(&guided(unipc()?, 5.0)?, &alone) > 1e-3, "guidance moves the clip");
    for sampler in [Box::new(FlowMatchEuler::new(6, 5.0)?) as Box<dyn Sampler>, Box::new(DpmPp::new(6, 5.0)?)] {
        let clip = guided(sampler, 5.0)?;
        assert!(difference(&clip, &alone).is_finite());
    }
    Ok(())
}

/// Clips follow one another with noise of their own. Each is what it would be alone, and an earlier end leaves no trace.
#[test]
fn clips_follow_one_another() -> Result<()> {
    let model = model(DType::F32);
    let sampler = || UniPc::new(3, 5.0, UniPcSchedule::Original).map(Box::new);
    let mut whole = clips(&model, sampler()?, 1.0)?;
    let (first, second) = (clip(&mut whole)?, clip(&mut whole)?);
    assert!(difference(&first, &second) > 1e-3, "other noise");
    let mut broken = clips(&model, sampler()?, 1.0)?;
    broken.advance(Hooks::NONE)?;
    assert!(broken.set_sampler(sampler()?, 1.0).is_err(), "within a clip");
    broken.reset();
    assert_same("the clip after one that was given up", &clip(&mut broken)?, &second);
    // A first call that failed has begun its clip.
    let mut failed = clips(&model, sampler()?, 1.0)?;
    Generator::give_up(&mut failed);
    assert!(!failed.is_between_clips());
    failed.reset();
    assert_same("the clip after one that never began", &clip(&mut failed)?, &second);
    broken.restart(Box::new(SeededNoise { seed: 4 }));
    assert_same("the video once more", &clip(&mut broken)?, &first);
    Ok(())
}

/// A model in bf16 takes latents and noise in f32, as decoders and seeds give them.
#[test]
fn everything_from_outside_is_taken_in_the_models_dtype() -> Result<()> {
    let model = model(DType::BF16);
    for streaming in [Streaming::long_live(), Streaming::krea()] {
        let mut rollout = rollout(&model, streaming, 5);
        let past = Tensor::randn(0f32, 1.0, (1, 16, 6, PICTURE.0, PICTURE.1), &Device::Cpu)?;
        rollout.prefix(&past, Hooks::NONE)?;
        rollout.set_context(context(&model, -1.0));
        rollout.set_context_frame(&past.narrow(2, 5, 1)?)?;
        for _ in 0..2 {
            assert_eq!(rollout.next_latents(Hooks::NONE)?.dtype(), DType::BF16);
        }
        assert!(rollout.set_context_frame(&past).is_err());
    }
    Ok(())
}

/// Krea's chunk after its context, compared with the same attention written out.
///
/// Queries of the context see the context. Queries of the chunk also see the chunk, and a bias weakens all past frames
/// but the first.
#[test]
fn krea_denoises_on_its_recomputed_context() -> Result<()> {
    struct WrittenOut {
        tokens: usize,
        bias: f64,
    }
    impl Listener for WrittenOut {
        fn at(&self, _: Site, _: HookContext<'_>, x: Tensor) -> Result<Tensor> {
            Ok(x)
        }

        fn attend(&self, site: Site, _: HookContext<'_>, mut attention: Attention) -> Result<Tensor> {
            if site == Site::SelfMap {
                let (tokens, all) = (self.tokens, attention.q.dim(1)?);
                let bias = |q: usize, k: usize| match (q < 3 * tokens, k / tokens) {
                    (true, 0..3) | (false, 0 | 3..) => 0.0,
                    (true, _) => f32::NEG_INFINITY,
                    (false, _) => self.bias as f32,
                };
                let bias: Vec<f32> = (0..all).flat_map(|q| (0..all).map(move |k| bias(q, k))).collect();
                attention.bias = Some(Tensor::from_vec(bias, (1, all, all), &Device::Cpu)?);
            }
            attention.run()
        }
    }
    let model = model(DType::F32);
    let schedule = FewStep::krea(4, 1.0, 5.0)?;
    let mut rollout = Rollout::new(
        model.clone(),
        Streaming::krea(),
        schedule.clone(),
        context(&model, 1.0),
        Box::new(SeededNoise { seed: 6 }),
        PICTURE,
    )?;
    let bias = 0.3f64.ln();
    rollout.set_past_bias(bias);
    let first = rollout.next_latents(Hooks::NONE)?;
    let second = rollout.next_latents(Hooks::NONE)?;
    let latents = Tensor::cat(&[first, second], 2)?;

    assert_eq!(rollout.advance(Hooks::NONE)?.call.pass, Pass::Cache);
    let step = rollout.advance(Hooks::NONE)?;
    let held = Tensor::cat(&[latents.narrow(2, 0, 1)?, latents.narrow(2, 4, 2)?], 2)?;
    assert_eq!(rollout.cache().frames().collect::<Vec<_>>(), [0, 4, 5, 6, 7, 8]);
    let shape = (model.config().in_channels, 3, PICTURE.0, PICTURE.1);
    let noise = SeededNoise { seed: 6 }.draw(Draw { first_frame: 6, step: 0 }, shape)?;
    let timesteps = Tensor::new(&[[0f32, 0.0, 0.0, 1000.0, 1000.0, 1000.0]], &Device::Cpu)?;
    let listener = WrittenOut { tokens: PICTURE.0 * PICTURE.1 / 4, bias };
    let both = Tensor::cat(&[&held, &noise], 2)?;
    let flow = model.forward(&both, &timesteps, &context(&model, 1.0), Hooks::new(&listener))?;
    let expected = schedule.x0_from_flow(&flow.narrow(2, 3, 3)?, &noise, &[1000.0])?;
    let off = difference(&step.clean, &expected);
    assert!(off < 1e-4, "off by {off:.1e}");
    assert_eq!(Streaming::krea().refresh, Refresh::Recompute { frames: 3 });
    Ok(())
}

/// Every family whose past frames get a clean pass: chunks that are made several times, against chunks made once.
#[test]
fn a_chunk_that_is_made_again_is_the_same_and_shown_frames_stay() -> Result<()> {
    let model = model(DType::F32);
    let families = Family::ALL.into_iter().filter_map(Family::streaming).map(Streaming::endless);
    for streaming in families.filter(|streaming| streaming.refresh == Refresh::CleanPass) {
        let frames = streaming.chunk.get();
        let (mut once, mut again) = (rollout(&model, streaming.clone(), 3), rollout(&model, streaming, 3));
        let louder = Louder(2.0);
        for chunk in 0..6 {
            let latents = once.next_latents(Hooks::NONE)?;
            assert_same("the first make", &again.next_latents(Hooks::NONE)?, &latents);
            let mut bent = latents.clone();
            for shown in 0..frames {
                again.remake(shown)?;
                let hooks = if chunk == 3 { Hooks::new(&louder) } else { Hooks::NONE };
                let before = std::mem::replace(&mut bent, again.next_latents(hooks)?);
                if shown > 0 {
                    let kept = |x: &Tensor| x.narrow(2, 0, shown);
                    assert_same("shown frames", &kept(&bent)?, &kept(&before)?);
                }
                if chunk == 3 && shown == 0 {
                    assert!(difference(&bent, &latents) > 1e-3, "other bends act in frames that are not shown");
                }
            }
            if chunk < 3 {
                assert_same("all makes", &bent, &latents);
            }
            if chunk == 3 {
                // Back to the video of the other: its frames again.
                again.remake(0)?;
                assert_same("a make without bends", &again.next_latents(Hooks::NONE)?, &latents);
            }
            let cached = |rollout: &mut Rollout| rollout.advance(Hooks::NONE).map(|step| step.cached);
            assert_eq!(cached(&mut once)?, cached(&mut again)?);
            for layer in 0..model.config().layers {
                let (a, b) = (once.cache().contents(layer)?, again.cache().contents(layer)?);
                assert_same("keys", &a.0, &b.0);
                assert_same("values", &a.1, &b.1);
            }
        }
    }
    Ok(())
}

#[test]
fn a_new_prompt_acts_when_a_chunk_is_made_again() -> Result<()> {
    let model = model(DType::F32);
    let mut rollout = rollout(&model, Streaming::self_forcing(), 4);
    let error = rollout.remake(0).expect_err("nothing is made").to_string();
    assert!(error.contains("finish it"), "{error}");
    let latents = rollout.next_latents(Hooks::NONE)?;
    assert!(rollout.remake(3).is_err(), "all frames are shown");
    rollout.set_context(context(&model, -1.0));
    rollout.remake(1)?;
    let other = rollout.next_latents(Hooks::NONE)?;
    assert_same("the shown frame", &other.narrow(2, 0, 1)?, &latents.narrow(2, 0, 1)?);
    assert!(difference(&other.narrow(2, 1, 2)?, &latents.narrow(2, 1, 2)?) > 1e-3);
    Ok(())
}
