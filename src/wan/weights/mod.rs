//! Named tensors of a checkpoint, from any kind of file.
//!
//! Models ask for tensors by their original names: those of the Wan, UMT5 and TAEHV repositories. Checkpoints of
//! diffusers, transformers, llama.cpp and ComfyUI are renamed when they are opened. Nothing in a file is trusted: a
//! damaged or malicious one gives an error.

mod archive;
mod arena;
mod bytes;
mod eight_bit;
mod encoding;
mod entry;
mod gguf;
mod iq4;
mod kind;
mod layout;
mod lora;
mod matrix;
mod open;
mod pickle;
mod safetensors;
mod scales;
mod section;
mod torch;
mod view;
mod vocabulary;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Error, Result, Shape, Tensor, bail};

use self::bytes::Bytes;
use self::entry::Entry;
pub use self::kind::{Kind, Variant};
use self::lora::Delta;
pub use self::lora::Scaling;
pub use self::matrix::{Products, StoredMatrix};
pub use self::section::Section;
pub(super) use self::vocabulary::{Piece, Vocabulary};
use crate::wan::error::About;
use crate::wan::ops::is_finite;

/// The tensors of a checkpoint under a prefix, in original Wan names, read when asked for.
#[derive(Clone)]
pub struct Weights {
    store: Arc<Store>,
    prefix: String,
}

#[derive(Clone)]
struct Store {
    /// The name of the checkpoint in errors.
    origin: String,
    section: Option<Section>,
    kind: Kind,
    entries: BTreeMap<String, Entry>,
    /// Changes of weights by LoRAs.
    deltas: BTreeMap<String, Vec<Delta>>,
    /// Problems of the LoRAs that do not stop the model.
    warnings: Vec<String>,
    /// The settings of a LoRA in the header of its file.
    adapter: Option<String>,
    /// The tokenizer in the metadata.
    vocabulary: Option<vocabulary::Stored>,
    dtype: DType,
    device: Device,
    /// The numbers that stored matrices are multiplied in.
    products: Products,
    used: Used,
}

/// The names of the tensors that were asked for.
#[derive(Default)]
struct Used(Mutex<BTreeSet<String>>);

impl Used {
    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Used {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.names().clone()))
    }
}

/// The tokenizer's model file, which ComfyUI stores beside the tensors of text encoders as one more.
pub(super) const TOKENIZER: &str = "spiece_model";

/// Numbers of a matrix from which on it stays as it is stored.
const LARGE: usize = 1 << 20;

impl Weights {
    /// Weights from tensors in memory, under the names given, cast to `dtype` on `device` when asked for.
    pub fn from_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>, dtype: DType, device: &Device) -> Self {
        let entries = tensors.into_iter().map(|(name, tensor)| (name, Entry::held(tensor))).collect();
        let store = Store::new("the given set of tensors".to_owned(), entries, dtype, device);
        Self { store: Arc::new(store), prefix: String::new() }
    }

    /// Opens a checkpoint: a file, or a folder with one file or all shards of one.
    ///
    /// The format is known by its first bytes: safetensors, PyTorch (`.pt`, `.pth`) or GGUF. Of a training
    /// checkpoint, `generator_ema` is preferred to `ema`, `generator`, `generator_lora`, `model` and `state_dict`;
    /// [`Self::open_section`] chooses.
    /// Files stay open and are read in place: they must not be overwritten or truncated while in use.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read, is damaged, or has an unknown format; the message names it.
    pub fn open(path: &Path, dtype: DType, device: &Device) -> Result<Self> {
        Self::open_section(path, None, dtype, device)
    }

    /// [`Self::open`], but of a training checkpoint this section, such as `generator`.
    ///
    /// A file without sections holds one set of weights, which is used; [`Self::section`] is `None` then.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::open`] does, and if the checkpoint has other sections only.
    pub fn open_section(path: &Path, section: Option<&str>, dtype: DType, device: &Device) -> Result<Self> {
        Self::from_listing(open::list(path, section)?, path.display().to_string(), dtype, device)
    }

    /// The weights of a file in memory; `origin` is its name in errors.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are damaged or have an unknown format.
    pub fn from_bytes(file: &'static [u8], origin: &str, dtype: DType, device: &Device) -> Result<Self> {
        let listing = open::read(&Bytes::from_bytes(file), None).about(origin)?;
        Self::from_listing(listing, origin.to_owned(), dtype, device)
    }

    fn from_listing(mut listing: open::Listing, mut origin: String, dtype: DType, device: &Device) -> Result<Self> {
        eight_bit::consume(&mut listing).about(&origin)?;
        let mut entries = layout::original_names(listing.entries).about(&origin)?;
        unfold(&mut entries);
        if let Some(section) = &listing.section {
            origin = format!("{origin} ({})", section.name);
        }
        let mut store = Store::new(origin, entries, dtype, device);
        store.section = listing.section;
        store.adapter = listing.metadata.remove(lora::METADATA);
        store.vocabulary = listing.vocabulary;
        Ok(Self { store: Arc::new(store), prefix: String::new() })
    }

    /// The files of the checkpoint that a path names: itself, all its shards, or those of the only checkpoint of a folder.
    ///
    /// # Errors
    ///
    /// Fails if shards are missing, or if a folder has none or several checkpoints.
    pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
        open::files(path)
    }

    /// The path that stands for the whole checkpoint of a file: the file itself, or the index or the first of its shards.
    /// `None` if the name is not that of a checkpoint, or is hidden.
    pub fn head(path: &Path) -> Option<PathBuf> {
        open::head(path)
    }

    /// These weights with the changes of a LoRA: W' = W + strength · (alpha / rank) · B A. It may also have rows of given lengths (DoRA),
    /// Hadamard and Kronecker products (LoHa, LoKr), and whole differences of weights, biases and modulations (`diff`, `diff_b`, `diff_m`).
    /// The sum is computed in f32 when W is asked for.
    ///
    /// Several LoRAs add up. A changed weight is no longer quantised. Tensors of the LoRA that change nothing here are left out;
    /// [`Self::warnings`] has a sentence about them.
    ///
    /// # Errors
    ///
    /// Fails if `lora` is not a LoRA, is damaged, or fits no module of these weights.
    pub fn with_lora(self, lora: &Self, scaling: Scaling) -> Result<Self> {
        let (base, origin) = (&self.store, &lora.store.origin);
        if !matches!(lora.store.kind, Kind::Lora { .. }) {
            bail!("{origin} is not a LoRA but {}", lora.store.kind)
        }
        let scaling = match &lora.store.adapter {
            Some(json) => scaling.or_of_header(json).about(origin)?,
            None => scaling,
        };
        let (new, left_out) = lora::deltas(&lora.store.entries, &base.entries, scaling)
            .about(format_args!("the LoRA {origin} does not fit {}", base.origin))?;
        let mut store = Store::clone(base);
        for (name, deltas) in new {
            store.deltas.entry(name).or_default().extend(deltas);
        }
        store.warnings.extend(left_out.map(|left_out| format!("the LoRA {origin}: {left_out}")));
        Ok(Self { store: Arc::new(store), prefix: self.prefix })
    }

    /// These weights, whose stored matrices are multiplied in these numbers.
    #[must_use]
    pub fn with_products(self, products: Products) -> Self {
        let store = Store { products, ..Store::clone(&self.store) };
        Self { store: Arc::new(store), prefix: self.prefix }
    }

    /// The problems of LoRAs that do not stop the model.
    pub fn warnings(&self) -> &[String] {
        &self.store.warnings
    }

    /// The tokenizer in the metadata of the file, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if its parts do not fit each other.
    pub(super) fn vocabulary(&self) -> Result<Option<Vocabulary>> {
        let read = |stored: &vocabulary::Stored| stored.read().about(&self.store.origin);
        self.store.vocabulary.as_ref().map(read).transpose()
    }

    /// The same weights under `prefix.<name>`.
    #[must_use]
    pub fn pp(&self, name: impl fmt::Display) -> Self {
        Self { store: self.store.clone(), prefix: format!("{}{name}.", self.prefix) }
    }

    /// The tensor `name`, which must have this shape, in the dtype and on the device of these weights.
    ///
    /// # Errors
    ///
    /// Fails if the tensor is missing, has another shape, or cannot be read; the message names it and the file.
    pub fn get(&self, name: &str, shape: impl Into<Shape>) -> Result<Tensor> {
        let (key, entry) = self.entry(name, &shape.into())?;
        self.store.read(&key, entry).about(format_args!("{}: {key}", self.store.origin))
    }

    /// The problem of tensors with numbers that are not finite; none if there are none. It reads all tensors.
    ///
    /// # Errors
    ///
    /// Fails if a tensor cannot be read; the message names it and the file.
    pub fn broken(&self) -> Result<Option<String>> {
        let mut broken = Vec::new();
        for name in self.names() {
            if let Some(dims) = self.dims(name)
                && !is_finite(&self.get(name, dims)?)?
            {
                broken.push(name);
            }
        }
        let Some(first) = broken.first() else { return Ok(None) };
        let more = if broken.len() > 1 { format!(" and {} more tensors", broken.len() - 1) } else { String::new() };
        Ok(Some(format!(
            "{}: the weights are broken: {first}{more} with NaN or infinity; download or export the file again",
            self.store.origin
        )))
    }

    /// The matrix `name` as it is stored, for the CPU kernels in f32. `None` for a GPU or another dtype, for a matrix that a LoRA changes,
    /// and for a small one that takes little memory.
    ///
    /// # Errors
    ///
    /// Fails if the tensor is missing or has another shape; the message names it and the file.
    pub fn stored(&self, name: &str, shape: impl Into<Shape>) -> Result<Option<StoredMatrix>> {
        let (key, entry) = self.entry(name, &shape.into())?;
        if !self.is_stored(&key, entry) {
            return Ok(None);
        }
        Ok(StoredMatrix::new(entry, format!("{}: {key}", self.store.origin), self.store.products))
    }

    /// The bytes that a model on the CPU allocates for these weights, and those that stay in their files.
    pub fn memory(&self) -> (u64, u64) {
        let store = &self.store;
        let of = |(name, entry): (&String, &Entry)| match entry.file_bytes() {
            Some(bytes) if self.is_stored(name, entry) => (0, bytes),
            _ => (entry.dims.iter().product::<usize>() as u64 * 4, 0),
        };
        store.entries.iter().map(of).fold((0, 0), |sum, bytes| (sum.0 + bytes.0, sum.1 + bytes.1))
    }

    /// True if a matrix stays as it is stored.
    fn is_stored(&self, key: &str, entry: &Entry) -> bool {
        let store = &self.store;
        let is_for_kernels = store.dtype == DType::F32 && store.device.is_cpu();
        let is_large = entry.is_packed() || entry.dims.iter().product::<usize>() >= LARGE;
        is_for_kernels && is_large && entry.has_rows() && !store.deltas.contains_key(key)
    }

    /// The tensor `name` in its quantised block format; `None` if it is stored dense.
    ///
    /// # Errors
    ///
    /// Fails if the tensor is missing, has another shape, or cannot be read; the message names it and the file.
    pub fn quantized(&self, name: &str, shape: impl Into<Shape>) -> Result<Option<Arc<QTensor>>> {
        let (key, entry) = self.entry(name, &shape.into())?;
        if self.store.deltas.contains_key(&key) {
            return Ok(None);
        }
        entry.quantized(&self.store.device).about(format_args!("{}: {key}", self.store.origin))
    }

    /// The stored tensor `name`, if it has this shape; it then counts as used.
    fn entry(&self, name: &str, shape: &Shape) -> Result<(String, &Entry)> {
        let key = format!("{}{name}", self.prefix);
        let Some(entry) = self.store.entries.get(&key) else {
            return Err(self.missing(name, format_args!("{shape:?}")));
        };
        if entry.dims != shape.dims() {
            return Err(self.misshapen(name, format_args!("{shape:?}")));
        }
        self.store.used.names().insert(key.clone());
        Ok((key, entry))
    }

    /// The error that the tensor `name` is missing. It describes the file, and the needed tensor.
    ///
    /// `shape` describes the expected shape, such as `[out, 16, 3, 3]`.
    pub fn missing(&self, name: &str, shape: impl fmt::Display) -> Error {
        let (key, origin, kind) = (format!("{}{name}", self.prefix), &self.store.origin, self.store.kind);
        Error::Msg(match Kind::of_tensor(&key) {
            Some(wanted) if wanted != kind.name() => {
                format!(
                    "{origin} is {kind}, but {wanted} is needed here (the tensor {key} of shape {shape} is missing)"
                )
            }
            _ => format!("{origin}: the tensor {key} of shape {shape} is missing; the file looks like {kind}"),
        })
        .bt()
    }

    /// The error that the tensor `name` has another shape than the expected `shape`, or is missing.
    pub fn misshapen(&self, name: &str, shape: impl fmt::Display) -> Error {
        match self.dims(name) {
            Some(dims) => self.refusal(name, format_args!("has shape {dims:?}, but {shape} is expected")),
            None => self.missing(name, shape),
        }
    }

    /// The error that the tensor or module `name` has some `flaw`, such as "has no outputs".
    pub fn refusal(&self, name: &str, flaw: impl fmt::Display) -> Error {
        let (origin, kind) = (&self.store.origin, self.store.kind);
        Error::Msg(format!("{origin}: {}{name} {flaw}; the file looks like {kind}", self.prefix)).bt()
    }

    /// The dimensions of the tensor `name`, if there is one.
    pub fn dims(&self, name: &str) -> Option<Vec<usize>> {
        self.store.entries.get(&format!("{}{name}", self.prefix)).map(|entry| entry.dims.clone())
    }

    /// The names of all tensors under the prefix, without it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.store.entries.keys().filter_map(|name| name.strip_prefix(&self.prefix))
    }

    /// The section of a training checkpoint these weights are, and what else there is; `None` for a file without sections.
    pub fn section(&self) -> Option<&Section> {
        self.store.section.as_ref()
    }

    /// The kind of the checkpoint, by its tensors.
    pub fn kind(&self) -> Kind {
        self.store.kind
    }

    /// Lets [`finish`](Self::finish) pass over the tensors whose names begin with `start`, such as `encoder.`.
    pub fn ignore(&self, start: &str) {
        let start = format!("{}{start}", self.prefix);
        let names = self.store.entries.keys().filter(|name| name.starts_with(&start)).cloned();
        self.store.used.names().extend(names);
    }

    /// Refuses tensors under the prefix that no model has read; call it when a model is complete.
    ///
    /// An embedded tokenizer may be left over: another one may be in use.
    ///
    /// # Errors
    ///
    /// Fails if there are such tensors; the message names them.
    pub fn finish(&self) -> Result<()> {
        let used = self.store.used.names();
        let unexpected: BTreeSet<String> = (self.store.entries.iter())
            .filter(|(name, _)| name.starts_with(&self.prefix) && *name != TOKENIZER && !used.contains(*name))
            .map(|(name, entry)| format!("{name} {:?}", entry.dims))
            .collect();
        if unexpected.is_empty() {
            return Ok(());
        }
        let (origin, kind) = (&self.store.origin, self.store.kind);
        bail!("{origin}: unexpected tensors: {}; the file looks like {kind}", abbreviated(&unexpected))
    }

    /// The dtype in which tensors are handed out.
    pub fn dtype(&self) -> DType {
        self.store.dtype
    }

    /// The device on which tensors are handed out.
    pub fn device(&self) -> &Device {
        &self.store.device
    }
}

impl Store {
    fn new(origin: String, entries: BTreeMap<String, Entry>, dtype: DType, device: &Device) -> Self {
        Self {
            origin,
            section: None,
            kind: Kind::of(&entries),
            entries,
            deltas: BTreeMap::new(),
            warnings: Vec::new(),
            adapter: None,
            vocabulary: None,
            dtype,
            device: device.clone(),
            products: Products::default(),
            used: Used::default(),
        }
    }

    /// A copy of a tensor, whose pages are then released.
    fn read(&self, key: &str, entry: &Entry) -> Result<Tensor> {
        let tensor = match self.deltas.get(key) {
            None => entry.tensor(self.dtype, &self.device)?,
            Some(deltas) => {
                let weight = entry.tensor(DType::F32, &self.device)?;
                deltas.iter().try_fold(weight, |weight, delta| delta.add_to(&weight))?.to_dtype(self.dtype)?
            }
        };
        entry.release();
        self.deltas.get(key).into_iter().flatten().for_each(Delta::release);
        Ok(tensor)
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({}: {}, from {:?} on)", self.store.origin, self.store.kind, self.prefix)
    }
}

/// Gives convolutions their five dimensions, if a converter has folded the first two: `[out · in, frames, height, width]`.
/// Their bias has `out` numbers.
fn unfold(entries: &mut BTreeMap<String, Entry>) {
    let out_of = |name: &str| {
        let bias = entries.get(&format!("{}.bias", name.strip_suffix(".weight")?))?;
        bias.dims.first().copied().filter(|_| bias.dims.len() == 1)
    };
    let folded: Vec<(String, usize)> = entries.keys().filter_map(|name| Some((name.clone(), out_of(name)?))).collect();
    for (name, out) in folded {
        if let Some(entry) = entries.get_mut(&name)
            && let [rows, frames, height, width] = entry.dims[..]
            && rows != out
            && out > 0
            && rows.is_multiple_of(out)
        {
            entry.reshape(vec![out, rows / out, frames, height, width]);
        }
    }
}

/// The first few of many names, and how many there are.
fn abbreviated(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 6;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
