//! Keys and values of past frames, for causal generation of any length in bounded memory.
//!
//! The cache is a preallocated store of whole latent frames per layer: first the **sink** frames, which are never
//! evicted, then a ring of the most recent ones. Attention does not care in which order keys lie, so where the peers shift
//! the whole window left to make room, the ring only overwrites the oldest frames: a roll copies nothing. Which frame
//! lies where is worked out once per model call ([`KvCache::begin`]); layers then exchange their new keys and values
//! for the window's, and the roll becomes definite when the call has succeeded ([`KvCache::commit`]).
//!
//! Sources: `CausalWanSelfAttention` of Self-Forcing and LongLive `wan/modules/causal_model.py`, and of LongLive
//! `causal_model_infinity.py` for relative positions. All sizes and positions here are in latent frames.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::config::Config;
use super::rope::Rope;

/// What a cache keeps, and how its frames are positioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// Frames kept, those of the current chunk and the sink included.
    pub window: usize,
    /// Frames at the beginning of the video that are never evicted.
    pub sink: usize,
    /// Evict old frames when the window is full; otherwise the video must fit.
    pub rolls: bool,
    /// Once written, the sink is not rewritten by later passes over frames it shares a slot with (LongLive).
    pub sink_is_final: bool,
    /// How keys are rotated.
    pub positions: Positions,
}

/// What temporal position a cached key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Its frame's number in the video; keys are stored rotated.
    Absolute,
    /// Its place in the window; keys are stored unrotated and positions never exceed the window (LongLive "infinity").
    Relative,
}

/// The KV cache of a transformer.
#[derive(Debug)]
pub struct KvCache {
    /// Keys and values of each layer, `[batch, window · frame_tokens, heads, head_dim]`.
    layers: Vec<(Tensor, Tensor)>,
    policy: CachePolicy,
    head_dim: usize,
    /// Rows and columns of a frame's token grid.
    grid: (usize, usize),
    state: State,
    call: Option<Call>,
    past_bias: f64,
    causal_chunk: Option<usize>,
}

/// Which frames the cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Frames held.
    filled: usize,
    /// Number of the frame after the newest one held.
    end: usize,
    /// Place in the ring of its oldest frame.
    oldest: usize,
}

/// The layout of one model call, the same for every layer.
#[derive(Debug)]
struct Call {
    after: State,
    /// Frames attended over.
    held: usize,
    writes: Vec<Write>,
    queries: Rope,
    /// Positions of the whole window, if keys are rotated when read.
    window: Option<Rope>,
    bias: Option<Tensor>,
}

/// A run of the call's frames that lands in consecutive slots.
#[derive(Debug, PartialEq, Eq)]
struct Write {
    frame: usize,
    slot: usize,
    frames: usize,
}

impl KvCache {
    /// Allocates a cache for videos whose frames have `rows × columns` tokens.
    pub fn new(
        config: &Config,
        policy: CachePolicy,
        batch: usize,
        grid: (usize, usize),
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        if policy.window <= policy.sink {
            bail!("a KV cache of {} frames has no room beside its sink of {}", policy.window, policy.sink)
        }
        let shape = (batch, policy.window * grid.0 * grid.1, config.heads, config.head_dim());
        let zeros = || Tensor::zeros(shape, dtype, device);
        let layers = (0..config.layers).map(|_| Ok((zeros()?, zeros()?))).collect::<Result<_>>()?;
        let (state, head_dim) = (State::default(), config.head_dim());
        Ok(Self { layers, policy, head_dim, grid, state, call: None, past_bias: 0.0, causal_chunk: None })
    }

    /// Forgets every frame; memory stays allocated.
    pub fn reset(&mut self) {
        self.state = State::default();
        self.call = None;
    }

    /// Frames held.
    pub const fn len(&self) -> usize {
        self.state.filled
    }

    /// Whether no frame is held.
    pub const fn is_empty(&self) -> bool {
        self.state.filled == 0
    }

    /// Number of the frame after the newest one held.
    pub const fn end(&self) -> usize {
        self.state.end
    }

    /// What the cache keeps.
    pub const fn policy(&self) -> &CachePolicy {
        &self.policy
    }

    /// Lets later passes rewrite the sink, or not (see [`CachePolicy::sink_is_final`]).
    pub fn set_sink_final(&mut self, sink_is_final: bool) {
        self.policy.sink_is_final = sink_is_final;
    }

    /// Adds `bias` to the logits of past frames, except the first frame held and those of the current call
    /// (Krea's `kv_cache_attention_bias` b is `ln b` here). 0 is none, and costs nothing.
    pub fn set_past_bias(&mut self, bias: f64) {
        self.past_bias = bias;
    }

    /// In the next calls, lets a frame see only frames up to the end of its own chunk of this many, or the whole call.
    pub fn set_causal_chunk(&mut self, chunk: Option<usize>) {
        self.causal_chunk = chunk;
    }

    /// Lays out a call over frames `first..first + frames` of a token grid `(frames, rows, columns)`.
    ///
    /// Nothing held changes before [`Self::commit`], so a failed call can be made again. Fails if the grid is not the
    /// cache's, or the frames do not fit.
    pub fn begin(&mut self, first: usize, (frames, rows, columns): (usize, usize, usize)) -> Result<()> {
        if (rows, columns) != self.grid {
            bail!("the KV cache holds frames of {:?} tokens, the call has {:?}", self.grid, (rows, columns))
        }
        let (after, again) = self.state_after(first, frames)?;
        let start = after.filled - frames;
        let kept = if again { self.policy.sink.max(start) } else { start };
        let writes = self.writes(after, start, kept..after.filled);
        let rope = |positions: &[f64]| Rope::new(self.head_dim, positions, self.grid, self.layers[0].0.device());
        let upto = |from: usize, frames: usize| (from..from + frames).map(|f| f as f64).collect::<Vec<_>>();
        let (queries, window) = match self.policy.positions {
            Positions::Absolute => (rope(&upto(first, frames))?, None),
            Positions::Relative => {
                let places: Vec<f64> = (0..after.filled).map(|slot| self.place(after, slot) as f64).collect();
                (rope(&upto(start, frames))?, Some(rope(&places)?))
            }
        };
        let bias = self.logit_bias(after, frames)?;
        let held = after.filled;
        let after = if again { self.state } else { after };
        self.call = Some(Call { after, held, writes, queries, window, bias });
        Ok(())
    }

    /// The state after a call, and whether the call goes again over frames already held without moving anything.
    fn state_after(&self, first: usize, frames: usize) -> Result<(State, bool)> {
        let Self { state, policy, .. } = *self;
        let (end, full) = (first + frames, state.filled + frames > policy.window);
        let room = policy.window - policy.sink;
        if end > state.end && policy.rolls && full {
            let evicted = state.filled + frames - policy.window;
            if evicted + policy.sink > state.filled {
                bail!("{frames} new frames do not fit in a KV cache of {room} frames beside its sink")
            }
            let oldest = (state.oldest + evicted) % room;
            return Ok((State { filled: policy.window, end, oldest }, false));
        }
        let filled = (state.filled + end).checked_sub(state.end).filter(|&filled| filled >= frames);
        let Some(filled) = filled.filter(|&filled| filled >= state.filled || state.oldest == 0) else {
            bail!("the KV cache cannot go back to frames {first}..{end} from {}; reset it", state.end)
        };
        if filled > policy.window {
            bail!(
                "the KV cache is full: it holds {} frames and does not roll; reset it or give it a local window",
                policy.window
            )
        }
        let again = policy.sink_is_final && end <= state.end && first > 0;
        Ok((State { filled, end, oldest: state.oldest }, again))
    }

    /// The slot of the frame at `place`, counted from the oldest frame held.
    fn slot(&self, state: State, place: usize) -> usize {
        let CachePolicy { window, sink, .. } = self.policy;
        if place < sink { place } else { sink + (state.oldest + place - sink) % (window - sink) }
    }

    /// The place in order of the frame in `slot`: the inverse of [`Self::slot`].
    fn place(&self, state: State, slot: usize) -> usize {
        let CachePolicy { window, sink, .. } = self.policy;
        let room = window - sink;
        if slot < sink { slot } else { sink + (slot - sink + room - state.oldest) % room }
    }

    /// Where the call's frames at these places go, in as few runs as possible; `start` is the place of the first one.
    fn writes(&self, state: State, start: usize, places: std::ops::Range<usize>) -> Vec<Write> {
        let mut writes: Vec<Write> = Vec::new();
        for place in places {
            let slot = self.slot(state, place);
            match writes.last_mut() {
                Some(run) if run.slot + run.frames == slot => run.frames += 1,
                _ => writes.push(Write { frame: place - start, slot, frames: 1 }),
            }
        }
        writes
    }

    /// What is added to the logits of a call over `frames` frames: `[1, 1 | queries, keys]`, or nothing.
    fn logit_bias(&self, state: State, frames: usize) -> Result<Option<Tensor>> {
        let start = state.filled - frames;
        let masked = self.causal_chunk.is_some_and(|chunk| chunk < frames);
        if self.past_bias == 0.0 && !masked {
            return Ok(None);
        }
        let key = |query: usize, slot: usize| -> f32 {
            let place = self.place(state, slot);
            let visible = self.causal_chunk.is_none_or(|chunk| place < start + (query / chunk + 1) * chunk);
            match (visible, (1..start).contains(&place)) {
                (false, _) => f32::NEG_INFINITY,
                (true, true) => self.past_bias as f32,
                (true, false) => 0.0,
            }
        };
        let queries = if masked { frames } else { 1 };
        let by_frame: Vec<f32> = (0..queries).flat_map(|q| (0..state.filled).map(move |slot| key(q, slot))).collect();
        let tokens = self.frame_tokens();
        let device = self.layers[0].0.device();
        let by_frame = Tensor::from_vec(by_frame, (1, queries, 1, state.filled, 1), device)?;
        let query_tokens = if masked { tokens } else { 1 };
        let bias = by_frame.broadcast_as((1, queries, query_tokens, state.filled, tokens))?;
        let bias = bias.reshape((1, queries * query_tokens, state.filled * tokens))?;
        bias.to_dtype(self.layers[0].0.dtype()).map(Some)
    }

    /// Tokens of a frame.
    const fn frame_tokens(&self) -> usize {
        self.grid.0 * self.grid.1
    }

    fn call(&self) -> Result<&Call> {
        match &self.call {
            Some(call) => Ok(call),
            None => bail!("a layer used the KV cache outside a model call"),
        }
    }

    /// Stores a layer's new keys and values `[batch, tokens, heads, head_dim]` (normed, not rotated), and returns the
    /// window's, rotated, with the new ones among them.
    ///
    /// The returned values are a view of the cache: they change with the next call.
    pub fn exchange(&self, layer: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let call = self.call()?;
        let tokens = self.frame_tokens();
        let k = match self.policy.positions {
            Positions::Absolute => call.queries.apply(k)?,
            Positions::Relative => k.clone(),
        };
        let (keys, values) = &self.layers[layer];
        for write in &call.writes {
            let run = |x: &Tensor| x.narrow(1, write.frame * tokens, write.frames * tokens)?.contiguous();
            keys.slice_set(&run(&k)?, 1, write.slot * tokens)?;
            values.slice_set(&run(v)?, 1, write.slot * tokens)?;
        }
        let held = call.held * tokens;
        let (keys, values) = (keys.narrow(1, 0, held)?, values.narrow(1, 0, held)?);
        match &call.window {
            Some(rope) => Ok((rope.apply(&keys)?, values)),
            None => Ok((keys, values)),
        }
    }

    /// Rotates a layer's queries `[batch, tokens, heads, head_dim]` to the call's positions.
    pub fn queries(&self, q: &Tensor) -> Result<Tensor> {
        self.call()?.queries.apply(q)
    }

    /// What is added to the logits of this call.
    pub fn bias(&self) -> Option<Tensor> {
        self.call.as_ref().and_then(|call| call.bias.clone())
    }

    /// Makes the call's layout definite.
    pub fn commit(&mut self) {
        if let Some(call) = self.call.take() {
            self.state = call.after;
        }
    }

    /// Keys and values of a layer as they are stored, oldest frame first: `[batch, held · frame_tokens, heads, head_dim]`.
    pub fn contents(&self, layer: usize) -> Result<(Tensor, Tensor)> {
        let tokens = self.frame_tokens();
        let in_order = |x: &Tensor| -> Result<Tensor> {
            let runs = self.writes(self.state, 0, 0..self.state.filled);
            let run = |w: &Write| x.narrow(1, w.slot * tokens, w.frames * tokens);
            Tensor::cat(&runs.iter().map(run).collect::<Result<Vec<_>>>()?, 1)
        };
        let (keys, values) = &self.layers[layer];
        Ok((in_order(keys)?, in_order(values)?))
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let size = |x: &Tensor| x.elem_count() * x.dtype().size_in_bytes();
        self.layers.iter().map(|(k, v)| size(k) + size(v)).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD_DIM: usize = 6;
    const GRID: (usize, usize) = (1, 2);

    fn config() -> Config {
        Config {
            dim: HEAD_DIM,
            ffn_dim: 4,
            heads: 1,
            layers: 1,
            in_channels: 4,
            out_channels: 4,
            text_dim: 4,
            text_len: 4,
            freq_dim: 4,
        }
    }

    fn cache(policy: CachePolicy) -> Result<KvCache> {
        KvCache::new(&config(), policy, 1, GRID, DType::F32, &Device::Cpu)
    }

    /// Keys or values of consecutive frames, each filled with its label.
    fn frames(labels: &[f32]) -> Tensor {
        let tokens = GRID.0 * GRID.1;
        let data: Vec<f32> = labels.iter().flat_map(|&label| vec![label; tokens * HEAD_DIM]).collect();
        Tensor::from_vec(data, (1, labels.len() * tokens, 1, HEAD_DIM), &Device::Cpu).expect("frames")
    }

    /// The label of each frame.
    fn labels(x: &Tensor) -> Vec<f32> {
        let all = x.flatten_all().and_then(|x| x.to_vec1::<f32>()).expect("values");
        all.chunks(GRID.0 * GRID.1 * HEAD_DIM).map(|frame| frame[0]).collect()
    }

    /// The peers' algorithm on a plain list: shift the window left, append.
    #[derive(Default)]
    struct Shifted {
        held: Vec<f32>,
        end: usize,
    }

    impl Shifted {
        fn write(&mut self, policy: &CachePolicy, first: usize, new: &[f32]) {
            let end = first + new.len();
            if end > self.end {
                let grow = end - self.end;
                self.held.resize(self.held.len() + grow, f32::NAN);
                while self.held.len() > policy.window {
                    self.held.remove(policy.sink);
                }
            }
            let start = self.held.len() - new.len();
            let protected = if policy.sink_is_final && end <= self.end && first > 0 { policy.sink } else { 0 };
            for (i, &label) in new.iter().enumerate().filter(|(i, _)| start + i >= protected) {
                self.held[start + i] = label;
            }
            self.end = end;
        }
    }

    proptest! {
        /// Over any run of chunks, each passed several times, the ring holds what the peers' shifting cache holds, and a
        /// layer sees every held frame once.
        #[test]
        fn ring_holds_what_shifting_holds(
            chunk in 1usize..4, room in 0usize..6, sink in 0usize..4, chunks in 1usize..9, passes in 1usize..4,
            sink_is_final: bool,
        ) {
            let window = sink + chunk + room;
            let policy = CachePolicy { window, sink, rolls: true, sink_is_final, positions: Positions::Absolute };
            let (mut cache, mut shifted) = (cache(policy).expect("a cache"), Shifted::default());
            let bytes = cache.bytes();
            for (i, pass) in (0..chunks).flat_map(|i| (0..passes).map(move |pass| (i, pass))) {
                let new: Vec<f32> = (0..chunk).map(|f| ((i * chunk + f) * 10 + pass) as f32).collect();
                cache.begin(i * chunk, (chunk, GRID.0, GRID.1)).expect("room");
                let (_, seen) = cache.exchange(0, &frames(&new), &frames(&new)).expect("an exchange");
                cache.commit();
                shifted.write(&policy, i * chunk, &new);
                let (_, held) = cache.contents(0).expect("contents");
                prop_assert_eq!(labels(&held), shifted.held.clone());
                let sorted = |mut labels: Vec<f32>| { labels.sort_by(f32::total_cmp); labels };
                prop_assert_eq!(sorted(labels(&seen)), sorted(shifted.held.clone()));
                prop_assert_eq!(cache.end(), shifted.end);
            }
            prop_assert_eq!(cache.bytes(), bytes);
        }

        /// `place` undoes `slot`, and every held frame has a slot of its own within the held part of the store.
        #[test]
        fn slots_and_places_are_inverse(room in 1usize..9, sink in 0usize..5, oldest in 0usize..9) {
            let window = sink + room;
            let policy =
                CachePolicy { window, sink, rolls: true, sink_is_final: false, positions: Positions::Relative };
            let cache = cache(policy).expect("a cache");
            let state = State { filled: window, end: 100, oldest: oldest % room };
            for place in 0..window {
                prop_assert!(cache.slot(state, place) < window);
                prop_assert_eq!(cache.place(state, cache.slot(state, place)), place);
            }
        }
    }

    fn policy(window: usize, sink: usize, rolls: bool) -> CachePolicy {
        CachePolicy { window, sink, rolls, sink_is_final: false, positions: Positions::Absolute }
    }

    fn pass(cache: &mut KvCache, first: usize, count: usize) -> Result<()> {
        cache.begin(first, (count, GRID.0, GRID.1))?;
        let new = frames(&vec![first as f32; count]);
        cache.exchange(0, &new, &new)?;
        cache.commit();
        Ok(())
    }

    #[test]
    fn impossible_calls_are_refused() -> Result<()> {
        assert!(cache(policy(3, 3, true)).is_err());
        let mut full = cache(policy(6, 0, false))?;
        pass(&mut full, 0, 3)?;
        pass(&mut full, 3, 3)?;
        let error = pass(&mut full, 6, 3).expect_err("the video does not fit").to_string();
        assert!(error.contains("full"), "{error}");
        let mut rolling = cache(policy(6, 2, true))?;
        assert!(pass(&mut rolling, 0, 7).is_err());
        for chunk in 0..4 {
            pass(&mut rolling, 3 * chunk, 3)?;
        }
        assert!(pass(&mut rolling, 3, 3).is_err(), "evicted frames are gone");
        assert!(rolling.begin(12, (3, 2, 2)).is_err(), "another grid");
        assert!(rolling.exchange(0, &frames(&[0.0]), &frames(&[0.0])).is_err(), "outside a call");
        Ok(())
    }

    #[test]
    fn past_bias_spares_the_first_frame_and_the_call_itself() -> Result<()> {
        let mut cache = cache(policy(6, 0, true))?;
        cache.set_past_bias(-1.5);
        pass(&mut cache, 0, 3)?;
        cache.begin(3, (2, GRID.0, GRID.1))?;
        let bias = cache.bias().expect("a bias").flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(bias, [0.0, 0.0, -1.5, -1.5, -1.5, -1.5, 0.0, 0.0, 0.0, 0.0]);
        cache.set_past_bias(0.0);
        cache.begin(3, (2, GRID.0, GRID.1))?;
        assert!(cache.bias().is_none());
        Ok(())
    }

    #[test]
    fn causal_chunks_hide_what_comes_after() -> Result<()> {
        let mut cache = cache(policy(8, 0, true))?;
        pass(&mut cache, 0, 1)?;
        cache.set_causal_chunk(Some(2));
        cache.begin(1, (4, GRID.0, GRID.1))?;
        let bias = cache.bias().expect("a mask");
        assert_eq!(bias.dims(), [1, 4 * 2, 5 * 2]);
        let visible = |query: usize| -> Result<usize> {
            Ok(bias.get(0)?.get(query)?.to_vec1::<f32>()?.iter().filter(|&&b| b == 0.0).count())
        };
        assert_eq!((visible(0)?, visible(3)?, visible(4)?, visible(7)?), (6, 6, 10, 10));
        Ok(())
    }
}
