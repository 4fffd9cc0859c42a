//! Keys and values of past frames, for causal generation of any length in bounded memory.
//!
//! The cache stores whole latent frames per layer. First come the **sink** frames, which are never evicted, then a ring
//! of the latest ones. Attention is invariant to the order of keys. The reference implementations shift the window;
//! this ring overwrites its oldest frames.
//!
//! [`KvCache::begin`] lays out a model call once for all layers. Each layer then writes its keys and values, and reads those of
//! the window ([`KvCache::update`]). [`KvCache::commit`] commits the layout after the call.
//!
//! Sources: `CausalWanSelfAttention` of Self-Forcing and LongLive `wan/modules/causal_model.py`; for relative positions LongLive
//! `causal_model_infinity.py`. Sizes and positions are in latent frames.

mod ring;
mod stored;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, bail};

use self::ring::{Ring, Run};
use super::config::Config;
use super::rope::Rope;
pub use stored::StoredCache;

/// Policy of a cache: the frames that it keeps, and their temporal positions.
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
    /// The rotation of keys.
    pub positions: Positions,
}

/// The temporal position of a cached key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Its frame's number in the video; keys are stored rotated.
    Absolute,
    /// Its index in the window; keys are stored unrotated and positions never exceed the window (LongLive "infinity").
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
    dtype: DType,
    device: Device,
    ring: Ring,
    /// Numbers of the frames held, by slot.
    numbers: Vec<usize>,
    call: Option<Call>,
    past_bias: f64,
    visibility: PastVisibility,
    causal_chunk: Option<usize>,
}

/// Attention of a call's frames to past frames. The default is that of the unmodified model, and costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastVisibility {
    /// True to mask past frames, per frame of the call.
    pub off: Vec<bool>,
    /// The logits lost per unit of staleness, per frame of the call.
    pub strength: Vec<f64>,
    /// The staleness of past frames, by number; 0 if absent.
    pub staleness: BTreeMap<usize, f64>,
}

impl PastVisibility {
    /// The logit bias of past frame `number` for the queries of frame `frame` of the call.
    fn bias(&self, frame: usize, number: usize) -> f64 {
        if self.off.get(frame).is_some_and(|off| *off) {
            return f64::NEG_INFINITY;
        }
        let strength = self.strength.get(frame).copied().unwrap_or(0.0);
        -strength * self.staleness.get(&number).copied().unwrap_or(0.0)
    }

    /// True if past frames are masked for every frame of the call.
    fn is_off(&self, frames: usize) -> bool {
        (0..frames).all(|frame| self.off.get(frame).is_some_and(|off| *off))
    }

    /// True if all frames of the call have the bias of the first one.
    fn is_even(&self, frames: usize) -> bool {
        (1..frames).all(|frame| {
            self.off.get(frame).is_some_and(|off| *off) == self.off.first().is_some_and(|off| *off)
                && self.strength.get(frame).map(|x| x.to_bits()) == self.strength.first().map(|x| x.to_bits())
        })
    }
}

/// The latent frames of a model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// The temporal position of the first one; the others follow it.
    pub position: usize,
    /// Their numbers in the video, which need not follow one another (Krea's context).
    pub numbers: Arc<[usize]>,
}

impl Frames {
    /// `count` frames from number `first` on, at their own positions.
    pub fn run(first: usize, count: usize) -> Self {
        Self { position: first, numbers: (first..first + count).collect() }
    }
}

/// The layout of one model call, the same for every layer.
#[derive(Debug)]
struct Call {
    frames: Frames,
    after: Ring,
    /// Numbers of the frames held after it, by slot.
    held: Arc<[usize]>,
    /// True if it attends to its own frames only.
    alone: bool,
    writes: Vec<Run>,
    queries: Rope,
    /// Positions of the whole window, if keys are rotated when read.
    window: Option<Rope>,
    bias: Option<Tensor>,
}

impl KvCache {
    /// Allocates a cache for videos whose frames have `rows × columns` tokens.
    ///
    /// # Errors
    ///
    /// Fails if the window is not larger than the sink, or if the device runs out of memory.
    pub fn new(
        config: &Config,
        policy: CachePolicy,
        batch: usize,
        grid: (usize, usize),
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        if policy.window <= policy.sink {
            bail!(
                "the KV cache has a window of {} frames and a sink of {}; make the window larger",
                policy.window,
                policy.sink
            )
        }
        let shape = (batch, policy.window * grid.0 * grid.1, config.heads, config.head_dim());
        let zeros = || Tensor::zeros(shape, dtype, device);
        let layers = (0..config.layers).map(|_| Ok((zeros()?, zeros()?))).collect::<Result<_>>()?;
        Ok(Self {
            layers,
            ring: Ring::new(&policy),
            numbers: vec![0; policy.window],
            policy,
            head_dim: config.head_dim(),
            grid,
            dtype,
            device: device.clone(),
            call: None,
            past_bias: 0.0,
            visibility: PastVisibility::default(),
            causal_chunk: None,
        })
    }

    /// Drops every frame; memory stays allocated.
    pub fn reset(&mut self) {
        self.ring = Ring::new(&self.policy);
        self.call = None;
    }

    /// Frames held.
    pub const fn len(&self) -> usize {
        self.ring.filled
    }

    /// True if it holds no frame.
    pub const fn is_empty(&self) -> bool {
        self.ring.filled == 0
    }

    /// Position of the frame after the newest one held.
    pub const fn end(&self) -> usize {
        self.ring.end
    }

    /// The number of layers.
    pub const fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Numbers of the frames held, oldest first.
    pub fn frames(&self) -> impl Iterator<Item = usize> {
        (0..self.ring.filled).map(|place| self.numbers[self.ring.slot(place)])
    }

    /// Lets later passes rewrite the sink, or not (see [`CachePolicy::sink_is_final`]).
    pub fn set_sink_final(&mut self, sink_is_final: bool) {
        self.policy.sink_is_final = sink_is_final;
    }

    /// Adds `bias` to the logits of past frames, except the first frame held and those of the current call. Krea's
    /// `kv_cache_attention_bias` b is `ln b` here. A bias of 0 costs nothing.
    pub fn set_past_bias(&mut self, bias: f64) {
        self.past_bias = bias;
    }

    /// Sets how much the next calls attend to past frames.
    pub fn set_past_visibility(&mut self, visibility: PastVisibility) {
        self.visibility = visibility;
    }

    /// In the next calls, a frame attends to no frame after its own chunk of `chunk` frames. `None` is the whole call.
    pub fn set_causal_chunk(&mut self, chunk: Option<NonZeroUsize>) {
        self.causal_chunk = chunk.map(NonZeroUsize::get);
    }

    /// Lays out a call over `frames` of `rows × columns` tokens each.
    ///
    /// Layers write into the cache during the call. After a failure, repeat the same call or reset the cache.
    ///
    /// # Errors
    ///
    /// Fails if an unfinished call had other frames, or if the grid is not the cache's. Fails if the frames do not fit.
    pub fn begin(&mut self, frames: Frames, (rows, columns): (usize, usize)) -> Result<()> {
        if (rows, columns) != self.grid {
            bail!(
                "the KV cache holds frames of {:?} tokens, the call has {:?}; begin a new video",
                self.grid,
                (rows, columns)
            )
        }
        if self.call.as_ref().is_some_and(|call| call.frames != frames) {
            bail!("the last model call failed and left the KV cache half written; make it again or reset the cache")
        }
        let (first, count) = (frames.position, frames.numbers.len());
        let ring = self.ring.after(first, count, self.policy.rolls)?;
        let start = ring.filled - count;
        // A pass over frames that the cache holds already.
        let again = self.policy.sink_is_final && ring.end <= self.ring.end && first > 0;
        let writes = ring.runs(start, if again { self.policy.sink.max(start) } else { start }..ring.filled);
        let rope = |positions: &[f64]| Rope::new(self.head_dim, positions, self.grid, &self.device);
        let upto = |from: usize| (from..from + count).map(|f| f as f64).collect::<Vec<_>>();
        let (queries, window) = match self.policy.positions {
            Positions::Absolute => (rope(&upto(first))?, None),
            Positions::Relative => {
                let places: Vec<f64> = (0..ring.filled).map(|slot| ring.place(slot) as f64).collect();
                (rope(&upto(start))?, Some(rope(&places)?))
            }
        };
        let mut numbers = self.numbers.clone();
        for write in &writes {
            let of_call = &frames.numbers[write.frame..write.frame + write.frames];
            numbers[write.slot..write.slot + write.frames].copy_from_slice(of_call);
        }
        numbers.truncate(ring.filled);
        let alone = self.visibility.is_off(count);
        let bias = if alone && self.causal_chunk.is_none() { None } else { self.logit_bias(ring, count, &numbers)? };
        let alone = alone && bias.is_none();
        let after = if again { self.ring } else { ring };
        self.call = Some(Call { frames, after, held: numbers.into(), alone, writes, queries, window, bias });
        Ok(())
    }

    /// The logit bias of a call over `frames` frames: `[1, 1 | queries, keys]`, or none. After the call the cache holds
    /// frames of these numbers.
    fn logit_bias(&self, ring: Ring, frames: usize, numbers: &[usize]) -> Result<Option<Tensor>> {
        let start = ring.filled - frames;
        let masked = self.causal_chunk.is_some_and(|chunk| chunk < frames);
        let key = |query: usize, slot: usize| -> f32 {
            let place = ring.place(slot);
            let visible = self.causal_chunk.is_none_or(|chunk| place < start + (query / chunk + 1) * chunk);
            match (visible, place < start, place) {
                (false, ..) => f32::NEG_INFINITY,
                (true, true, 0) => self.visibility.bias(query, numbers[slot]) as f32,
                (true, true, _) => (self.past_bias + self.visibility.bias(query, numbers[slot])) as f32,
                (true, false, _) => 0.0,
            }
        };
        let each = masked || !self.visibility.is_even(frames);
        let queries = if each { frames } else { 1 };
        let by_frame: Vec<f32> = (0..queries).flat_map(|q| (0..ring.filled).map(move |slot| key(q, slot))).collect();
        if by_frame.iter().all(|&bias| bias == 0.0) {
            return Ok(None);
        }
        let tokens = self.frame_tokens();
        let by_frame = Tensor::from_vec(by_frame, (1, queries, 1, ring.filled, 1), &self.device)?;
        let query_tokens = if each { tokens } else { 1 };
        let bias = by_frame.broadcast_as((1, queries, query_tokens, ring.filled, tokens))?;
        let bias = bias.reshape((1, queries * query_tokens, ring.filled * tokens))?;
        bias.to_dtype(self.dtype).map(Some)
    }

    /// Tokens of a frame.
    const fn frame_tokens(&self) -> usize {
        self.grid.0 * self.grid.1
    }

    fn call(&self) -> Result<&Call> {
        match &self.call {
            Some(call) => Ok(call),
            None => bail!("the KV cache is used outside a model call; call `begin` first"),
        }
    }

    /// Stores a layer's new keys and values `[batch, tokens, heads, head_dim]`, normed and not rotated. Returns the
    /// window's, rotated, the new ones included. If past frames are masked, returns only the new ones.
    ///
    /// The returned values may be a view of the cache, which the next call overwrites.
    ///
    /// # Errors
    ///
    /// Fails outside a call, or for a layer that does not exist. Fails if a shape does not fit, or if the device fails.
    pub fn update(&self, layer: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let call = self.call()?;
        let tokens = self.frame_tokens();
        let k = match self.policy.positions {
            Positions::Absolute => call.queries.apply(k)?,
            Positions::Relative => k.clone(),
        };
        let (keys, values) = self.layer(layer)?;
        for write in &call.writes {
            let run = |x: &Tensor| x.narrow(1, write.frame * tokens, write.frames * tokens)?.contiguous();
            keys.slice_set(&run(&k)?, 1, write.slot * tokens)?;
            values.slice_set(&run(v)?, 1, write.slot * tokens)?;
        }
        if call.alone {
            let rotated = if call.window.is_some() { call.queries.apply(&k)? } else { k };
            return Ok((rotated, v.clone()));
        }
        let held = call.held.len() * tokens;
        let (keys, values) = (keys.narrow(1, 0, held)?, values.narrow(1, 0, held)?);
        match &call.window {
            Some(rope) => Ok((rope.apply(&keys)?, values)),
            None => Ok((keys, values)),
        }
    }

    fn layer(&self, layer: usize) -> Result<&(Tensor, Tensor)> {
        match self.layers.get(layer) {
            Some(layer) => Ok(layer),
            None => bail!("layer {layer} does not exist: the KV cache has {} layers", self.layers.len()),
        }
    }

    /// Rotates a layer's queries `[batch, tokens, heads, head_dim]` to the call's positions.
    ///
    /// # Errors
    ///
    /// Fails outside a call, if a shape does not fit, or if the device fails.
    pub fn queries(&self, q: &Tensor) -> Result<Tensor> {
        self.call()?.queries.apply(q)
    }

    /// Numbers of the frames attended over in this call, in the order of the keys.
    ///
    /// # Errors
    ///
    /// Fails outside a call.
    pub fn key_frames(&self) -> Result<Arc<[usize]>> {
        let call = self.call()?;
        Ok(if call.alone { call.frames.numbers.clone() } else { call.held.clone() })
    }

    /// The logit bias of this call.
    pub fn bias(&self) -> Option<Tensor> {
        self.call.as_ref().and_then(|call| call.bias.clone())
    }

    /// Commits the layout of the call.
    pub fn commit(&mut self) {
        if let Some(call) = self.call.take() {
            self.numbers[..call.held.len()].copy_from_slice(&call.held);
            self.ring = call.after;
        }
    }

    /// Keys and values of a layer as they are stored, oldest frame first: `[batch, held · frame_tokens, heads, head_dim]`.
    ///
    /// # Errors
    ///
    /// Fails for a layer that does not exist, or if the cache is empty.
    pub fn contents(&self, layer: usize) -> Result<(Tensor, Tensor)> {
        let tokens = self.frame_tokens();
        let in_order = |x: &Tensor| -> Result<Tensor> {
            let runs = self.ring.runs(0, 0..self.ring.filled);
            let run = |w: &Run| x.narrow(1, w.slot * tokens, w.frames * tokens);
            Tensor::cat(&runs.iter().map(run).collect::<Result<Vec<_>>>()?, 1)
        };
        let (keys, values) = self.layer(layer)?;
        Ok((in_order(keys)?, in_order(values)?))
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let size = |x: &Tensor| x.elem_count() * x.dtype().size_in_bytes();
        self.layers.iter().map(|(k, v)| size(k) + size(v)).sum()
    }
}

#[cfg(test)]
mod tests;
