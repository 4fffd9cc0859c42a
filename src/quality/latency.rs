//! Latency of live play: the time from a touch (MIDI, edit, prompt) to the first picture that it changes.
//!
//! Without a touch, the video does not depend on the number of makes. One reference run therefore serves for all
//! comparisons, picture by picture.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Event;
use bendrack_nodes::patch::{Edit, LevelEdit, Patch};
use candle_core::{Result, bail};
use serde_json::json;

use crate::engine::{Engine, EngineHandle, Frame, Model, Stage};
use crate::media::Picture;

/// Patch of the measurement: MIDI CC 7 sets the gain of the neurons in all layers.
const PATCH: &str = r#"{ "format": "bendrack-patch", "version": 1,
    "nodes": {
        "cc": { "type": "midi.cc", "params": { "number": 7 } },
        "gain": { "type": "bend.gain", "params": { "site": "ffn.hidden", "gain": 1.0 }, "depths": { "gain": 0.5 } },
        "wan": { "type": "model.wan", "params": { "prompt": "a red soccer ball over a meadow" } }
    },
    "cables": [{ "from": "cc.out", "to": "gain.gain" }, { "from": "gain.bends", "to": "wan.bends" }] }"#;
/// Seconds of play before a touch, in which the engine finds its pace.
const WARM_SECS: f64 = 3.0;
/// Span of the touches after [`WARM_SECS`], in seconds: one chunk of three latent frames.
const SPREAD_SECS: f64 = 0.75;
/// Longest wait for a change after a touch.
const LONGEST: Duration = Duration::from_mins(2);

/// Kind of touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Touch {
    /// A MIDI controller on a knob.
    Midi,
    /// A knob in the window.
    Edit,
    /// Another prompt.
    Prompt,
}

/// Latencies under one limit of makes.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// Limit of makes per chunk; none for as many as time allows.
    pub most_makes: Option<usize>,
    /// Seconds from each touch to its first picture, shortest first.
    pub secs: Vec<f64>,
    /// Makes per chunk at the end of the last run.
    pub makes: usize,
    /// Number of late pictures.
    pub late: u64,
}

impl Latencies {
    /// Latency at a quantile, 0 to 1, in seconds.
    pub fn at(&self, quantile: f64) -> f64 {
        let index = (quantile * (self.secs.len().max(1) - 1) as f64).ceil() as usize;
        self.secs.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// Measures a number of touches with each limit of makes. `open` opens the model, `tick` counts the touches.
///
/// # Errors
///
/// Fails if the model cannot be opened or does not stream, or if no picture changes after a touch.
pub fn measure(
    open: impl Fn() -> Result<Model> + Send + Sync + Clone + 'static,
    size: (usize, usize),
    touch: Touch,
    touches: usize,
    limits: &[Option<usize>],
    mut tick: impl FnMut(),
) -> Result<Vec<Latencies>> {
    let patch = patch()?;
    let reference = reference(open()?, &patch, size)?;
    let mut all = Vec::new();
    for &most_makes in limits {
        let mut measured = Latencies { most_makes, secs: Vec::new(), makes: 0, late: 0 };
        for index in 0..touches {
            // Steps of the golden ratio fill the span evenly for any number of touches.
            let after = WARM_SECS + SPREAD_SECS * (index as f64 * 0.618_034).fract();
            run(open.clone(), &patch, size, (touch, after), &reference, &mut measured)?;
            tick();
        }
        measured.secs.sort_by(f64::total_cmp);
        all.push(measured);
    }
    Ok(all)
}

fn patch() -> Result<Arc<Patch>> {
    match Patch::from_json(PATCH) {
        Ok(patch) => Ok(Arc::new(patch)),
        Err(problem) => bail!("the patch of the measurement: {problem}"),
    }
}

fn plan(patch: &Patch) -> Result<Arc<Plan>> {
    match Plan::compile(patch, LIBRARY) {
        (Some(plan), _) => Ok(Arc::new(plan)),
        (None, problems) => bail!("the patch of the measurement: {problems:?}"),
    }
}

/// The first 128 pictures or more, without a touch.
fn reference(model: Model, patch: &Patch, size: (usize, usize)) -> Result<Vec<Arc<Picture>>> {
    let mut engine = Engine::new(model, plan(patch)?, size)?;
    engine.set_zoom(1);
    let mut pictures = Vec::new();
    while pictures.len() < 128 {
        pictures.extend(engine.step(&[])?.into_iter().map(|frame| frame.picture));
    }
    Ok(pictures)
}

/// The patch after an edit.
fn touched(patch: &Patch, touch: Touch) -> Result<Patch> {
    let (id, name, value) = match touch {
        Touch::Prompt => ("wan", "prompt", json!("a blue cat over a sunset")),
        Touch::Midi | Touch::Edit => ("gain", "gain", json!(2.0)),
    };
    let mut patch = patch.clone();
    let edit: Edit = LevelEdit::SetParam { id: id.to_owned(), name: name.to_owned(), value: Some(value) }.into();
    match patch.apply(edit) {
        Ok(_) => Ok(patch),
        Err(error) => bail!("the patch of the measurement: {error}"),
    }
}

fn run(
    open: impl Fn() -> Result<Model> + Send + 'static,
    patch: &Arc<Patch>,
    size: (usize, usize),
    (touch, after): (Touch, f64),
    reference: &[Arc<Picture>],
    measured: &mut Latencies,
) -> Result<()> {
    let (sender, shown) = channel::<(Instant, u64, Arc<Picture>)>();
    let first = plan(patch)?;
    let load = move || {
        let mut engine = Engine::new(open()?, first, size)?;
        engine.set_zoom(1);
        Ok(engine)
    };
    let engine = EngineHandle::start(load, move |frame: &Frame| {
        // The receiver is gone once the touch has changed a picture.
        let _ = sender.send((Instant::now(), frame.number, frame.picture.clone()));
    });
    engine.set_most_makes(measured.most_makes);
    let next = |wait: Duration| match shown.recv_timeout(wait) {
        Ok(shown) => Ok(Some(shown)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => bail!("the engine ended"),
    };
    let begin = loop {
        if let Stage::Failed(why) = engine.status().stage {
            bail!("{why}")
        }
        if let Some((at, ..)) = next(Duration::from_millis(100))? {
            break at;
        }
    };
    let edited = touched(patch, touch)?;
    let new = plan(&edited)?;
    std::thread::sleep((begin + Duration::from_secs_f64(after)).saturating_duration_since(Instant::now()));
    let at = Instant::now();
    match touch {
        Touch::Midi => _ = engine.inbox().push(at, [Event::cc(1, 7, 1.0)]),
        Touch::Edit | Touch::Prompt => engine.set_patch(edited, new),
    }
    while at.elapsed() < LONGEST {
        let Some((seen, number, picture)) = next(Duration::from_secs(1))? else { continue };
        let unchanged = reference.get(number as usize);
        if unchanged.is_some_and(|unchanged| *unchanged != picture) {
            let status = engine.status();
            measured.secs.push(seen.saturating_duration_since(at).as_secs_f64());
            measured.makes = status.makes;
            measured.late += status.late;
            return Ok(());
        }
    }
    bail!("no picture changed within {} s of a touch", LONGEST.as_secs())
}
