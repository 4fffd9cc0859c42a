//! Whole clips: their timeline, their guidance, and modulation over denoising steps.

use std::sync::Arc;

use bendrack::engine::{Engine, Entry, Frame, Model, Phase, Session};
use bendrack::wan::stored::Tensors;
use bendrack_nodes::input::Controls;
use bendrack_nodes::patch::Patch;
use candle_core::Result;
use serde_json::{Value as Json, json};

use crate::rig::{self, PROMPT, chunks, patch, plan};

/// Latent frames and pictures of a clip.
const CLIP: usize = 3;
const PICTURES: usize = 9;

/// Clips of nine pictures in four steps, under a chain of one bend.
fn clips(bend: Option<(&str, Json)>, more: &[(&str, &str, Json)], cables: &[(&str, &str)]) -> Patch {
    let model = json!({ "prompt": PROMPT, "negative": "a green square over a white background" });
    let mut nodes = vec![("wan", "model.wan", model)];
    let mut wires = Vec::from(cables);
    if let Some((kind, params)) = bend {
        nodes.push(("bend", kind, params));
        wires.push(("bend.bends", "wan.bends"));
    }
    nodes.extend(more.iter().cloned());
    let mut patch = patch(&nodes, &wires);
    (patch.engine.length, patch.engine.steps) = (Some(PICTURES as u64), Some(4));
    patch
}

fn engine(patch: &Patch) -> Engine {
    let mut engine =
        Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(patch)), (64, 64))).expect("an engine");
    engine.set_zoom(1);
    engine
}

/// The pictures of clips.
fn pictures(clips: &[Vec<Frame>]) -> Vec<Vec<u8>> {
    rig::pictures(clips).into_iter().map(<[u8]>::to_vec).collect()
}

fn made(patch: &Patch, count: usize) -> Vec<Vec<Frame>> {
    chunks(&mut engine(patch), count)
}

#[test]
fn every_clip_begins_with_one_picture_and_is_what_it_would_be_alone() {
    let plain = made(&clips(None, &[], &[]), 3);
    assert!(plain.iter().all(|clip| clip.len() == PICTURES));
    let numbers: Vec<u64> = plain.iter().flatten().map(|frame| frame.number).collect();
    assert_eq!(numbers, (0..27).collect::<Vec<_>>());
    let latents: Vec<u64> = plain[1].iter().map(|frame| frame.latent).collect();
    assert_eq!(latents, [3, 4, 4, 4, 4, 5, 5, 5, 5]);
    // A bend in the latent frames of the first clip alone: no memory carries it on.
    let formula = json!({ "formula": format!("frame < {CLIP} ? 1 : 0") });
    let bent = clips(
        Some(("bend.gain", json!({ "site": "self.out", "gain": 0.0, "amount": 0.0 }))),
        &[("first", "math.expression", formula)],
        &[("first.out", "bend.amount")],
    );
    let mut bent = bent;
    bent.nodes.get_mut("bend").expect("the bend").depths.insert("amount".to_owned(), 1.0);
    let bent = made(&bent, 2);
    assert_ne!(pictures(&bent[..1]), pictures(&plain[..1]), "the bend is seen");
    assert_eq!(pictures(&bent[1..]), pictures(&plain[1..2]), "and leaves no trace");
}

#[test]
fn guidance_leads_away_from_the_negative_prompt_where_a_target_says() {
    let scaled = |scale: f64| {
        let mut patch = clips(None, &[], &[]);
        patch.engine.guidance = Some(scale);
        pictures(&made(&patch, 1))
    };
    let alone = scaled(1.0);
    let guided = scaled(4.0);
    assert_ne!(alone, guided);
    let bend = |offset: f64, cables: &[(&str, &str)], more: &[(&str, &str, Json)]| {
        pictures(&made(&clips(Some(("bend.guidance", json!({ "offset": offset }))), more, cables), 1))
    };
    assert_eq!(bend(3.0, &[], &[]), guided, "a bend of everything is the setting of the patch");
    let half = ("half", "target.region", json!({ "shape": "rectangle", "x": 0.25, "width": 0.5, "height": 1.0 }));
    let region = bend(3.0, &[("half.target", "bend.target")], std::slice::from_ref(&half));
    assert!(region != guided && region != alone, "half of the picture is guided");
    // The negative prompt acts through guidance alone.
    let mut other = clips(None, &[], &[]);
    other.nodes.get_mut("wan").expect("the model").params.insert("negative".to_owned(), json!("a cat"));
    assert_eq!(pictures(&made(&other, 1)), alone);
    other.engine.guidance = Some(4.0);
    assert_ne!(pictures(&made(&other, 1)), guided);
}

#[test]
fn one_side_of_guidance_is_a_target() {
    let run = |pass: Option<&str>| {
        let pass = pass.map(|pass| ("pass", "target.pass", json!({ "pass": pass })));
        let cables: &[(&str, &str)] = if pass.is_some() { &[("pass.target", "bend.target")] } else { &[] };
        let bend = ("bend.gain", json!({ "site": "ffn.out", "gain": 0.6 }));
        let mut patch = clips(Some(bend), &pass.into_iter().collect::<Vec<_>>(), cables);
        patch.engine.guidance = Some(3.0);
        pictures(&made(&patch, 1))
    };
    let (all, prompt, negative, cache) = (run(None), run(Some("prompt")), run(Some("negative")), run(Some("cache")));
    assert!(prompt != negative && prompt != all && negative != all && cache != all);
    assert_eq!(run(Some("denoise")), all, "a clip has no cache pass");
}

#[test]
fn a_patch_runs_over_the_denoising_steps() -> Result<()> {
    let bend = ("bend.gain", json!({ "site": "ffn.hidden", "gain": 1.0 }));
    let mut patch = clips(Some(bend), &[("step", "time.step", json!({}))], &[("step.progress", "bend.gain")]);
    patch.nodes.get_mut("bend").expect("the bend").depths.insert("gain".to_owned(), 0.5);
    let mut engine = engine(&patch);
    let mut gains = Vec::new();
    for _ in 0..8 {
        engine.step(&[])?;
        let bend = engine.program().bends.first();
        gains.push(bend.and_then(|bend| bend.params.iter().next().map(|(_, lanes)| lanes[0])).unwrap_or(1.0));
    }
    let rises = gains[..4].windows(2).all(|pair| pair[1] > pair[0]);
    assert!(rises && gains[4..] == gains[..4], "{gains:?}");
    Ok(())
}

#[test]
fn clips_are_stored_between_two_of_them() -> Result<()> {
    let patch = clips(None, &[], &[]);
    let mut whole = Session::from(engine(&patch));
    chunks_of(&mut whole, 1)?;
    let mut tensors = Tensors::default();
    let stored = whole.store(&mut tensors)?;
    let wanted = chunks_of(&mut whole, 2)?;
    let mut other = Session::from(engine(&patch));
    other.restore(stored, &mut tensors)?;
    assert_eq!(seen(&chunks_of(&mut other, 2)?), seen(&wanted));
    // A patch that came meanwhile with another length, which waits for the next video.
    let mut changed = patch.clone();
    (changed.engine.length, changed.engine.guidance) = (Some(5), Some(3.0));
    let entry = Entry::Patch { plan: Arc::new(plan(&changed)), patch: Arc::new(changed) };
    whole.execute(&entry)?;
    chunks_of(&mut whole, 1)?;
    let stored = whole.store(&mut tensors)?;
    let wanted = chunks_of(&mut whole, 1)?;
    let mut other = Session::from(engine(&patch));
    other.execute(&entry)?;
    other.restore(stored, &mut tensors)?;
    assert_eq!(seen(&chunks_of(&mut other, 1)?), seen(&wanted));
    Ok(())
}

fn seen(frames: &[Frame]) -> Vec<(u64, Vec<u8>)> {
    frames.iter().map(|frame| (frame.number, frame.picture.rgb.clone())).collect()
}

/// The frames of the next clips of a session.
fn chunks_of(session: &mut Session, count: usize) -> Result<Vec<Frame>> {
    let mut performance = bendrack::take::Performance::default();
    let mut frames = Vec::new();
    while frames.len() < count * PICTURES || session.engine().phase() != Phase::Between {
        frames.extend(performance.step(session)?);
    }
    Ok(frames)
}

/// Another length waits for the next video. Scheduler, steps and guidance change with the next clip.
#[test]
fn settings_change_between_clips_and_a_length_with_the_next_video() -> Result<()> {
    let mut patch = clips(None, &[], &[]);
    let mut engine = engine(&patch);
    let first = chunks(&mut engine, 1);
    (patch.engine.length, patch.engine.steps, patch.engine.guidance) = (Some(5), Some(2), Some(3.0));
    engine.set_plan(Arc::new(plan(&patch)));
    let calls = |engine: &mut Engine| -> Result<(usize, usize)> {
        for calls in 1.. {
            let pictures = engine.step(&[Arc::new(Controls::default())])?.len();
            if pictures > 0 {
                return Ok((calls, pictures));
            }
        }
        unreachable!("every clip ends")
    };
    assert_eq!(calls(&mut engine)?, (2, PICTURES));
    engine.restart();
    assert_eq!((engine.timeline().clip(), calls(&mut engine)?), (Some(2), (2, 5)));
    patch.engine = clips(None, &[], &[]).engine;
    patch.engine.length = None;
    engine.set_plan(Arc::new(plan(&patch)));
    engine.restart();
    assert_eq!((engine.timeline().clip(), calls(&mut engine)?), (None, (4, 9)), "chunks again");
    patch.engine.length = Some(PICTURES as u64);
    engine.set_plan(Arc::new(plan(&patch)));
    engine.restart();
    assert_eq!(pictures(&chunks(&mut engine, 1)), pictures(&first), "and the first clip once more");
    Ok(())
}
