//! Model calls that fail: their effects on the video, which a take repeats without the failure.

use candle_core::Result;

use super::Engine;

impl Engine {
    /// True if the latest call failed in the model. It has effects then: a chunk may have begun, or been dropped.
    pub const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Does what the next call does if it fails in the model, without the model. If the patch asked for a reset meanwhile, the chunk is
    /// dropped.
    ///
    /// # Errors
    ///
    /// Fails if the prompt of a chunk that begins cannot be encoded. Then nothing happens.
    pub fn fail(&mut self) -> Result<()> {
        let (_, program) = self.begin_call()?;
        self.ticker.recycle(program);
        self.denoiser.give_up();
        if self.policy.take_reset() {
            self.drop_chunk();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::patch::Patch;
    use candle_core::{Tensor, bail};
    use serde_json::json;

    use super::*;
    use crate::engine::{EngineHandle, Entry, Frame, Journal, Model, Phase, Session};
    use crate::wan::noise::{Draw, Noise};

    /// A chunk draws noise four times: twice in its first model call, once in the second and the third.
    const DRAWS: usize = 4;

    /// Noise that fails at some of its draws, counted from 1.
    struct Failing {
        noise: Box<dyn Noise + Send>,
        draws: usize,
        fails: Vec<usize>,
    }

    impl Noise for Failing {
        fn draw(&mut self, draw: Draw, shape: (usize, usize, usize, usize)) -> Result<Tensor> {
            self.draws += 1;
            if self.fails.contains(&self.draws) {
                bail!("the device failed")
            }
            self.noise.draw(draw, shape)
        }
    }

    /// A prompt, a button that resets the KV cache, and a bend of the noise that a chunk begins with.
    fn patch(prompt: &str, is_on: bool, tint: f64) -> Patch {
        let text = json!({
            "format": "bendrack-patch", "version": 1,
            "nodes": {
                "button": { "type": "control.button", "params": { "on": is_on } },
                "reset": { "type": "cache.reset", "v": 2 },
                "tint": { "type": "bend.tint", "v": 2, "params": { "site": "noise.init", "tint": tint } },
                "wan": { "type": "model.wan", "params": { "prompt": prompt } }
            },
            "cables": [{ "from": "button.gate", "to": "reset.trigger" }, { "from": "tint.bends", "to": "wan.bends" }]
        });
        Patch::from_json(&text.to_string()).expect("a patch")
    }

    fn plan(patch: &Patch) -> Arc<Plan> {
        let (plan, problems) = Plan::compile(patch, LIBRARY);
        Arc::new(plan.unwrap_or_else(|| panic!("{problems:?}")))
    }

    /// A session whose noise fails at these draws.
    fn session(patch: &Patch, fails: &[usize]) -> Session {
        let engine = Model::mini().and_then(|mini| Engine::new(mini, plan(patch), (32, 32)));
        let mut engine = engine.expect("an engine");
        let noise = engine.model().family.noise(0);
        engine.denoiser.set_noise(Box::new(Failing { noise, draws: 0, fails: fails.to_vec() }));
        Session::new(engine, Arc::new(patch.clone()))
    }

    /// Plays three chunks, with a patch after this many model calls. Returns the entries and the frames.
    fn played(first: &Patch, fails: usize, (calls, then): (usize, &Patch)) -> (Vec<Entry>, Vec<Frame>) {
        let mut session = session(first, &[fails]);
        let (mut entries, mut frames, mut made) = (Vec::new(), Vec::new(), 0);
        while frames.len() < 33 {
            let entry = match session.engine().phase() {
                Phase::Between => Entry::Make { frames: 3 },
                Phase::Denoise | Phase::Cache => Entry::Call,
                Phase::Show => Entry::Show { frames: 3 },
            };
            if let Ok(shown) = session.execute(&entry) {
                frames.extend(shown);
                entries.push(entry.clone());
            } else {
                assert!(session.engine().has_failed());
                entries.push(Entry::Fail);
            }
            made += usize::from(matches!(entry, Entry::Call));
            if made == calls && matches!(entry, Entry::Call) {
                let patch = Entry::Patch { patch: Arc::new(then.clone()), plan: plan(then) };
                session.execute(&patch).expect("a patch");
                entries.push(patch);
            }
        }
        assert_eq!(entries.iter().filter(|entry| matches!(entry, Entry::Fail)).count(), 1);
        (entries, frames)
    }

    /// The frames of entries on a device that does not fail, up to the first entry that is not possible.
    fn again(patch: &Patch, entries: &[Entry]) -> Vec<Frame> {
        let mut session = session(patch, &[]);
        entries.iter().map_while(|entry| session.execute(entry).ok()).flatten().collect()
    }

    fn pictures(frames: &[Frame]) -> Vec<(u64, Vec<u8>)> {
        frames.iter().map(|frame| (frame.latent, frame.picture.rgb.clone())).collect()
    }

    #[test]
    fn a_call_that_fails_is_repeated_without_the_failure() {
        // The patch changes after the first call of the second chunk, whether it fails or not.
        const CALLS: usize = 6;
        let cat = patch("a purple cat over a white background", false, 1.0);
        let reset = patch("a purple cat over a white background", true, 1.0);
        let heart = patch("a red heart over a black background", false, 1.0);
        let other = patch("a purple cat over a white background", false, -1.0);
        for (name, fails, then, has_effect) in [
            ("a reset, and the next call fails", DRAWS + 3, &reset, true),
            ("a first call fails before the model, and another prompt follows", DRAWS + 1, &heart, true),
            ("a first call fails after the model, and another prompt follows", DRAWS + 2, &heart, true),
            ("a first call fails before the model, and another noise follows", DRAWS + 1, &other, false),
            ("a first call fails after the model, and another noise follows", DRAWS + 2, &other, false),
        ] {
            let (entries, frames) = played(&cat, fails, (CALLS, then));
            assert!(pictures(&again(&cat, &entries)) == pictures(&frames), "{name}");
            let without: Vec<Entry> = entries.into_iter().filter(|entry| !matches!(entry, Entry::Fail)).collect();
            assert_eq!(pictures(&again(&cat, &without)) != pictures(&frames), has_effect, "{name}");
            let is_dropped = !frames.iter().any(|frame| frame.latent == 4);
            assert_eq!(is_dropped, std::ptr::eq(then, &raw const reset), "{name}");
        }
    }

    /// A journal that sends on what it receives.
    struct Sent(Sender<Entry>);

    impl Journal for Sent {
        fn begin(&mut self, _: &Session) {}

        fn record(&mut self, entry: &Entry) {
            // The end of the test closes the channel.
            let _ = self.0.send(entry.clone());
        }

        fn problem(&self) -> Option<String> {
            None
        }
    }

    #[test]
    fn a_failure_of_a_running_engine_is_recorded() {
        let cat = patch("a purple cat over a white background", false, 1.0);
        let heart = patch("a red heart over a black background", false, 1.0);
        let (loaded, (sender, entries), (shown, frames)) = (cat.clone(), channel(), channel());
        let load = move || Ok(session(&loaded, &[DRAWS + 1]));
        let watch = move |frame: &Frame| _ = shown.send(frame.clone());
        let rack = EngineHandle::start_with_journal(load, watch, Sent(sender));
        let next = |entries: &Receiver<Entry>| entries.recv_timeout(Duration::from_mins(1)).expect("an entry");
        let mut recorded = Vec::new();
        while !matches!(recorded.last(), Some(Entry::Fail)) {
            recorded.push(next(&entries));
        }
        // The engine pauses before it tries again.
        rack.set_patch(heart.clone(), plan(&heart));
        let mut shown: Vec<Frame> = (0..33).map_while(|_| frames.recv_timeout(Duration::from_mins(1)).ok()).collect();
        rack.close(Duration::from_mins(1));
        shown.extend(frames.try_iter());
        recorded.extend(entries.try_iter());
        assert!(shown.len() >= 33, "{} frames", shown.len());
        assert!(pictures(&again(&cat, &recorded)).starts_with(&pictures(&shown)));
    }
}
