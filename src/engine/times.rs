//! Time spent in the stages of the engine.

use std::time::{Duration, Instant};

/// Time spent in one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The sum.
    pub total: Duration,
    /// The number of times the stage ran.
    pub count: u64,
}

impl Clock {
    /// Runs `work` and adds the time it takes.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.total += start.elapsed();
        self.count += 1;
        result
    }
}

/// Time spent in the stages of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Encoding prompts.
    pub prompt: Clock,
    /// Ticking the plan.
    pub tick: Clock,
    /// Running the bent transformer.
    pub model: Clock,
    /// Decoding latents to pictures.
    pub decode: Clock,
    /// Composing heatmaps and pictures.
    pub compose: Clock,
}

impl Times {
    /// The stages by name.
    pub const fn stages(&self) -> [(&'static str, Clock); 5] {
        [
            ("prompt", self.prompt),
            ("tick", self.tick),
            ("model", self.model),
            ("decode", self.decode),
            ("compose", self.compose),
        ]
    }
}
