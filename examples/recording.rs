//! Pictures per second of the engine with and without a recording, in turns: `cargo run --example recording`.
//!
//! The engine runs without a pause. The recording gets 16 pictures a second, as in the window, at mini's 512×512.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bendrack::engine::{Engine, Frame, Model};
use bendrack::output::Recorder;
use bendrack::output::recorder::{Recording, Seen, Shot, SoundOf};
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;

/// Rounds, and the length of each part of a round.
const ROUNDS: usize = 6;
const PART: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    let patch = Patch::from_json(include_str!("../patches/help/model.wan.json"))?;
    let plan = Arc::new(Plan::compile(&patch, LIBRARY).0.context("the patch has errors")?);
    let mut engine = Engine::new(Model::mini()?, plan, (128, 128))?;
    let folder = tempfile::tempdir()?;
    let mut rates = [Vec::new(), Vec::new()];
    run(&mut engine, Duration::from_secs(3), None)?;
    for round in 0..ROUNDS {
        let without = run(&mut engine, PART, None)?;
        let recorder = Recorder::start(Recording {
            files: vec![(Seen::Screen, folder.path().join(format!("{round}.mp4")))],
            frame_rate: 16.0,
            provenance: None,
            sound: SoundOf::Nothing,
        });
        let with = run(&mut engine, PART, Some(&recorder))?;
        let progress = recorder.finish();
        let share = 100.0 * with / without;
        println!(
            "{without:.1} pictures per second, with a recording {with:.1}: {share:.0} %; {} recorded, {} lost",
            progress.pictures, progress.lost
        );
        rates[0].push(without);
        rates[1].push(with);
    }
    let [without, with] = rates.map(|rates| rates.into_iter().fold(0.0, f64::max));
    println!("fastest: {without:.1} and {with:.1} pictures per second, {:.0} %", 100.0 * with / without);
    Ok(())
}

/// Runs the engine for a time. Returns its pictures per second.
fn run(engine: &mut Engine, time: Duration, recorder: Option<&Recorder>) -> Result<f64> {
    let (start, mut made, mut shown) = (Instant::now(), 0, 0);
    while start.elapsed() < time {
        let frames = engine.step(&[])?;
        made += frames.len();
        for frame in &frames {
            let due = (start.elapsed().as_secs_f64() * 16.0) as u64;
            if let Some(recorder) = recorder.filter(|_| shown < due) {
                recorder.push(shot(frame, shown));
                shown += 1;
            }
        }
    }
    Ok(made as f64 / start.elapsed().as_secs_f64())
}

fn shot(frame: &Frame, number: u64) -> Shot {
    Shot {
        number,
        at: Instant::now(),
        screen: frame.screen.clone(),
        model: frame.picture.clone(),
        taps: frame.taps.clone(),
        is_recorded: true,
    }
}
