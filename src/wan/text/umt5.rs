//! The UMT5 encoder: token embeddings through pre-norm layers, each with its own relative position bias.
//!
//! Source: Wan2.1 `wan/modules/t5.py` and transformers `modeling_umt5.py`. Unlike most transformers it scales neither the
//! embeddings nor the attention, and has no biases in its linear layers.

use candle_core::{DType, Device, Module, Result, Tensor, bail};

use crate::wan::linear::Linear;
use crate::wan::ops;
use crate::wan::trace::{Trace, untraced};
use crate::wan::weights::{StoredMatrix, Weights};

/// Epsilon of all norms.
const EPS: f64 = 1e-6;

/// From this distance on all tokens share one bias.
const MAX_DISTANCE: usize = 128;

/// The encoder half of UMT5, at the sizes of the file it is read from.
#[derive(Clone, Debug)]
pub struct Umt5 {
    token_embedding: Table,
    blocks: Vec<Block>,
    norm: Tensor,
}

impl Umt5 {
    /// Reads an encoder from weights in Wan's names; the file gives all sizes.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing, has another shape, or does not suit the others.
    pub fn load(weights: &Weights) -> Result<Self> {
        let [vocab, dim] = sizes(weights, "token_embedding.weight")?;
        let layer = |i: usize| Some(weights.pp(format!("blocks.{i}"))).filter(|w| w.dims("norm1.weight").is_some());
        let blocks: Vec<Block> =
            (0..).map_while(layer).map(|weights| Block::load(&weights, dim)).collect::<Result<_>>()?;
        if blocks.is_empty() {
            return Err(weights.missing("blocks.0.norm1.weight", format_args!("[{dim}]")));
        }
        Ok(Self {
            token_embedding: Table::load(weights, "token_embedding.weight", (vocab, dim))?,
            blocks,
            norm: weights.get("norm.weight", dim)?,
        })
    }

    /// The width of the embeddings.
    pub fn dim(&self) -> usize {
        self.norm.elem_count()
    }

    /// The dtype of the embeddings.
    pub fn dtype(&self) -> DType {
        self.norm.dtype()
    }

    /// The device of the embeddings.
    pub fn device(&self) -> &Device {
        self.norm.device()
    }

    /// The number of tokens it has an embedding for.
    pub fn vocab_size(&self) -> usize {
        self.token_embedding.rows()
    }

    /// The embeddings `[1, tokens, dim]` of these tokens, at least one; no padding among them.
    ///
    /// # Errors
    ///
    /// Fails for a token that the vocabulary does not have, or if the device fails.
    pub fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        self.forward_traced(ids, &mut untraced)
    }

    /// [`forward`](Self::forward), with the inner tensors of each layer for `trace`. Those of layer 0:
    ///
    /// - `blocks.0.attn.q`, `blocks.0.attn.k`, `blocks.0.pos_embedding`: the inputs of the attention map, in f32,
    /// - `blocks.0.attn.o`: the attention's output, `[1, tokens, dim]`,
    /// - `blocks.0.ffn.hidden`: the neurons after the gate, `[1, tokens, dim_ffn]`,
    /// - `blocks.0`: the layer's output, `[1, tokens, dim]`.
    ///
    /// Public for the tests.
    ///
    /// # Errors
    ///
    /// Fails for a token that the vocabulary does not have, or if the device fails.
    #[doc(hidden)]
    pub fn forward_traced(&self, ids: &[u32], trace: Trace<'_>) -> Result<Tensor> {
        let vocab = self.vocab_size();
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocab) {
            bail!("the vocabulary of {vocab} has no token {id}: use the tokenizer.json of this text encoder")
        }
        let mut x = self.token_embedding.select(ids)?.unsqueeze(0)?;
        let mut distances = Distances { tokens: ids.len(), buckets: 0, index: None };
        for (layer, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, &mut distances, &mut |part, x| trace(&format!("blocks.{layer}{part}"), x))?;
            block.release();
        }
        ops::rms_norm(&x, &self.norm, EPS)
    }

    /// [`forward`](Self::forward) followed by rows of zeros up to `length`, as the diffusion transformer takes it:
    /// `[1, length, dim]`.
    ///
    /// Padding that is masked does not change the rows in front of it, so it is not computed.
    ///
    /// # Errors
    ///
    /// Fails for more tokens than `length`, for one that the vocabulary does not have, or if the device fails.
    pub fn encode(&self, ids: &[u32], length: usize) -> Result<Tensor> {
        if ids.len() > length {
            bail!("{} tokens do not fit a prompt of {length}; shorten the prompt", ids.len())
        }
        if ids.is_empty() {
            return Tensor::zeros((1, length, self.dim()), self.norm.dtype(), self.norm.device());
        }
        self.forward(ids)?.pad_with_zeros(1, 0, length - ids.len())
    }
}

/// The rows of the tokens, `[vocab, dim]`.
#[derive(Clone, Debug)]
enum Table {
    Dense(Tensor),
    /// As it is stored; few rows are read.
    Stored(StoredMatrix),
}

impl Table {
    fn load(weights: &Weights, name: &str, shape: (usize, usize)) -> Result<Self> {
        match weights.stored(name, shape)? {
            Some(table) => Ok(Self::Stored(table)),
            None => weights.get(name, shape).map(Self::Dense),
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Dense(table) => table.dims()[0],
            Self::Stored(table) => table.rows(),
        }
    }

    /// `[ids, dim]`
    fn select(&self, ids: &[u32]) -> Result<Tensor> {
        match self {
            Self::Dense(table) => table.index_select(&Tensor::new(ids, table.device())?, 0),
            Self::Stored(table) => table.select(ids),
        }
    }
}

/// One layer.
#[derive(Clone, Debug)]
struct Block {
    norm1: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    /// The position bias, `[heads, buckets]` in f32.
    pos_embedding: Tensor,
    norm2: Tensor,
    gate: Linear,
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    fn load(weights: &Weights, dim: usize) -> Result<Self> {
        let [dim_attn, _] = sizes(weights, "attn.q.weight")?;
        let [dim_ffn, _] = sizes(weights, "ffn.gate.0.weight")?;
        let [buckets, heads] = sizes(weights, "pos_embedding.embedding.weight")?;
        if heads == 0 || !dim_attn.is_multiple_of(heads) || buckets < 4 || !buckets.is_multiple_of(4) {
            let flaw =
                format!("has {buckets} buckets for {heads} heads, which do not suit an attention {dim_attn} wide");
            return Err(weights.refusal("pos_embedding.embedding.weight", flaw));
        }
        let linear = |name: &str, from, to| Linear::load_no_bias(weights, name, from, to);
        let pos_embedding = weights.get("pos_embedding.embedding.weight", (buckets, heads))?;
        Ok(Self {
            norm1: weights.get("norm1.weight", dim)?,
            q: linear("attn.q", dim, dim_attn)?,
            k: linear("attn.k", dim, dim_attn)?,
            v: linear("attn.v", dim, dim_attn)?,
            o: linear("attn.o", dim_attn, dim)?,
            pos_embedding: pos_embedding.to_dtype(DType::F32)?.t()?.contiguous()?,
            norm2: weights.get("norm2.weight", dim)?,
            gate: linear("ffn.gate.0", dim, dim_ffn)?,
            fc1: linear("ffn.fc1", dim, dim_ffn)?,
            fc2: linear("ffn.fc2", dim_ffn, dim)?,
        })
    }

    /// Releases stored weights: a prompt needs each of them once, and the encoder is larger than the diffusion transformer.
    fn release(&self) {
        [&self.q, &self.k, &self.v, &self.o, &self.gate, &self.fc1, &self.fc2].into_iter().for_each(Linear::release);
    }

    fn forward(&self, x: &Tensor, distances: &mut Distances, trace: Trace<'_>) -> Result<Tensor> {
        let attended = self.attend(&ops::rms_norm(x, &self.norm1, EPS)?, distances, trace)?;
        trace(".attn.o", &attended);
        let x = finite((x + attended)?)?;
        let h = ops::rms_norm(&x, &self.norm2, EPS)?;
        let hidden = finite((ops::gelu_tanh(&self.gate.forward(&h)?)? * self.fc1.forward(&h)?)?)?;
        trace(".ffn.hidden", &hidden);
        let x = finite((x + self.fc2.forward(&hidden)?)?)?;
        trace("", &x);
        Ok(x)
    }

    /// Attention over all tokens, with logits and softmax in f32 for every dtype of the weights.
    fn attend(&self, x: &Tensor, distances: &mut Distances, trace: Trace<'_>) -> Result<Tensor> {
        let (batch, tokens, _) = x.dims3()?;
        let heads = self.pos_embedding.dim(0)?;
        let split = |y: Tensor| y.reshape((batch, tokens, heads, ()))?.to_dtype(DType::F32);
        let [q, k, v] = [&self.q, &self.k, &self.v].map(|linear| split(linear.forward(x)?));
        let (q, k, v, bias) = (q?, k?, v?, distances.bias(&self.pos_embedding)?);
        trace(".attn.q", &q);
        trace(".attn.k", &k);
        trace(".pos_embedding", &bias);
        let attended = ops::attention(&q, &k, &v, Some(&bias), 1.0)?;
        self.o.forward(&attended.reshape((batch, tokens, ()))?.to_dtype(x.dtype())?)
    }
}

/// The distance buckets of all pairs of tokens: looked up once for all layers, which differ in the biases alone.
struct Distances {
    tokens: usize,
    buckets: usize,
    /// u32 `[queries · keys]`
    index: Option<Tensor>,
}

impl Distances {
    /// A layer's position bias `[heads, queries, keys]`, from its table `[heads, buckets]`.
    fn bias(&mut self, table: &Tensor) -> Result<Tensor> {
        let (heads, buckets) = table.dims2()?;
        let index = match self.index.take_if(|_| self.buckets == buckets) {
            Some(index) => index,
            None => self.look_up(buckets, table.device())?,
        };
        let bias = table.index_select(&index, 1)?.reshape((heads, self.tokens, self.tokens))?;
        (self.buckets, self.index) = (buckets, Some(index));
        Ok(bias)
    }

    fn look_up(&self, buckets: usize, device: &Device) -> Result<Tensor> {
        let n = self.tokens as i64;
        let index: Vec<u32> = (0..n)
            .flat_map(|query| (0..n).map(move |key| relative_bucket(key - query, buckets, MAX_DISTANCE)))
            .collect();
        Tensor::from_vec(index, self.tokens * self.tokens, device)
    }
}

/// The bucket of a key that stands `offset` tokens behind the query. Each direction has half of the `buckets`. Half of
/// those are for the nearest tokens one by one, the rest for logarithmic steps up to `max_distance`.
///
/// Public for the tests. Fewer than two buckets are one.
#[doc(hidden)]
pub fn relative_bucket(offset: i64, buckets: usize, max_distance: usize) -> u32 {
    let half = (buckets / 2) as u32;
    let exact = half / 2;
    let direction = if offset > 0 { half } else { 0 };
    let distance = offset.unsigned_abs() as f32;
    if distance < exact as f32 {
        return direction + distance as u32;
    }
    let whole = (max_distance as f64 / f64::from(exact)).ln() as f32;
    let further = (distance / exact as f32).ln() / whole * (half - exact) as f32;
    direction + exact.saturating_add(further as u32).min(half.saturating_sub(1))
}

/// In f16, infinities brought back to what the format holds.
fn finite(x: Tensor) -> Result<Tensor> {
    const LARGEST: f64 = 65_504.0;
    match x.dtype() {
        DType::F16 => x.clamp(-(LARGEST - 1000.0), LARGEST - 1000.0),
        _ => Ok(x),
    }
}

/// The two dimensions of the matrix `name`.
fn sizes(weights: &Weights, name: &str) -> Result<[usize; 2]> {
    match weights.dims(name).as_deref() {
        Some(&[rows, columns]) if rows > 0 && columns > 0 => Ok([rows, columns]),
        _ => Err(weights.misshapen(name, "[rows, columns]")),
    }
}
