//! The cost of a patch, measured on the small model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use candle_core::Result;
use serde::Serialize;

use super::check::counted;
use crate::engine::{Engine, Model};

/// Chunks that are measured, after the first one.
const CHUNKS: usize = 2;
/// Time after which a measurement ends, also within a chunk.
const LONGEST: Duration = Duration::from_secs(5);

/// The cost of a patch.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Cost {
    /// Model calls of a chunk.
    calls: usize,
    /// Bends of a call.
    bends: usize,
    /// Taps of a call.
    taps: usize,
    /// Time of a call, as a multiple of that without the patch.
    times: f64,
    /// Milliseconds of a call, on this machine.
    milliseconds: f64,
}

impl Cost {
    /// The cost of a valid patch: some calls of the small model, with its pictures.
    pub(super) fn of(patch: &Patch) -> Result<Option<Self>> {
        let (Some(plan), _) = Plan::compile(patch, LIBRARY) else { return Ok(None) };
        let bare = Patch { engine: patch.engine.clone(), ..Patch::default() };
        let (Some(bare), _) = Plan::compile(&bare, LIBRARY) else { return Ok(None) };
        let bare = Run::of(bare)?;
        let run = Run::of(plan)?;
        Ok(Some(Self {
            calls: run.calls,
            bends: run.bends,
            taps: run.taps,
            times: run.call.as_secs_f64() / bare.call.as_secs_f64(),
            milliseconds: run.call.as_secs_f64() * 1000.0,
        }))
    }

    /// The cost in a sentence.
    pub(super) fn sentence(&self) -> String {
        let Self { calls, bends, taps, times, milliseconds } = self;
        let (bends, taps) = (counted(*bends, "bend"), counted(*taps, "tap"));
        format!(
            "{calls} model calls per chunk, {bends}, {taps}; a call takes {times:.1} times that without the patch, \
             {milliseconds:.0} ms here with mini"
        )
    }
}

/// A run of some model calls.
struct Run {
    calls: usize,
    bends: usize,
    taps: usize,
    /// The mean time of a call.
    call: Duration,
}

impl Run {
    fn of(plan: Plan) -> Result<Self> {
        let mut model = Model::mini()?;
        model.denoising = plan.denoising();
        // A clip has no cache pass.
        let calls = model.shape().map_or(1, |shape| shape.steps + usize::from(model.clip().is_none()));
        let size = model.size;
        let mut engine = Engine::new(model, Arc::new(plan), size)?;
        let (mut begun, mut made) = (Instant::now(), 0);
        for call in 0..(1 + CHUNKS) * calls {
            // The first chunk allocates, and has no past.
            if call == calls {
                (begun, made) = (Instant::now(), 0);
            }
            engine.step(&[])?;
            made += 1;
            if begun.elapsed() > LONGEST {
                break;
            }
        }
        let program = engine.program();
        let (bends, taps) = (program.bends.len(), program.taps.len());
        Ok(Self { calls, bends, taps, call: begun.elapsed() / made })
    }
}
