//! A model's files in a folder, found by their contents.

mod search;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Result, bail};
use serde_json::Value;

use self::search::{DEPTH, Found, only, snapshot, tokenizer_of};
use crate::files;
use crate::wan::config::Config;
use crate::wan::decode::FrameDecoder;
use crate::wan::error::About;
use crate::wan::family::Family;
use crate::wan::fingerprint::Fingerprint;
use crate::wan::parts::{Choice, Lora, MODEL_FILE, Part};
use crate::wan::streaming::Refresh;
use crate::wan::taehv::{self, TIME_UPSCALE};
use crate::wan::text::{PromptStore, TextEncoder, Tokenizer, Umt5};
use crate::wan::transformer::Transformer;
use crate::wan::vae;
use crate::wan::weights::{Products, Scaling, Weights};

const TEXT_FILES: &str = "prompts need a UMT5 text encoder and its tokenizer.json in the model's folder (in the Wan repository: \
    models_t5_umt5-xxl-enc-bf16.pth and google/umt5-xxl/tokenizer.json)";
const CONFIG: &str = "config.json";
/// Width from which on the embeddings of an encoder are kept on disk: a prompt takes it seconds.
const LARGE_ENCODER: usize = 1024;
/// PEFT's settings beside a LoRA, whose name then begins with [`ADAPTER`].
const ADAPTER_CONFIG: &str = "adapter_config.json";
const ADAPTER: &str = "adapter_model";
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The files of a model's parts.
///
/// Every layout of folders works: that of the original repository, of diffusers, of ComfyUI, of the hub's cache, or any other. The
/// tensors identify each part, not the names.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The diffusion transformer.
    pub transformer: PathBuf,
    /// The transformer's `config.json`, if one lies beside it.
    pub config: Option<PathBuf>,
    /// The LoRAs to be merged into the transformer, in this order.
    pub loras: Vec<Lora>,
    /// The UMT5 text encoder.
    pub text_encoder: Option<PathBuf>,
    /// Its tokenizer.
    pub tokenizer: Option<PathBuf>,
    /// The Wan VAE.
    pub vae: Option<PathBuf>,
    /// TAEHV, the small decoder.
    pub taehv: Option<PathBuf>,
    /// The family, which decides how the transformer runs.
    pub family: Family,
    /// The numbers that the transformer's large matrices are multiplied in.
    pub products: Products,
}

impl Checkpoint {
    /// Searches a folder and the folders in it. Files that are not part of a model are ignored. The family is that of the folder's
    /// `model.json`, or of the transformer's `config.json`, or else the one that its path names.
    ///
    /// # Errors
    ///
    /// Fails if there is no transformer, or if nothing names a family. Fails if there are two files for one part. The
    /// message names them.
    pub fn find(folder: &Path) -> Result<Self> {
        Self::find_with(folder, &Choice::default())
    }

    /// [`Self::find`] with some parts chosen. A choice goes before the folder's `model.json`, and that before what is found. In place of a
    /// folder, `path` may be the file of a transformer, with its other parts beside it.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::find`] does, and if a chosen file is of another kind than its part.
    pub fn find_with(path: &Path, choice: &Choice) -> Result<Self> {
        let (folder, depth) = if path.is_file() {
            (path.parent().unwrap_or(Path::new("")).to_owned(), 1)
        } else {
            (snapshot(path), DEPTH)
        };
        let mut choice = choice.clone().or(Choice::of_folder(&folder)?);
        if path.is_file() {
            choice.parts.entry(Part::Transformer).or_insert_with(|| path.to_owned());
        }
        check_kinds(&choice)?;
        let mut files = Found::default();
        files.look(&folder, depth)?;
        let mut found = files.sorted();
        for (part, path) in &choice.parts {
            found.parts.insert(*part, vec![path.clone()]);
        }
        // A chosen VAE goes before a TAEHV that is only found.
        if choice.parts.contains_key(&Part::Vae) && !choice.parts.contains_key(&Part::Taehv) {
            found.parts.remove(&Part::Taehv);
        }
        let Some(transformer) = found.only(Part::Transformer)? else {
            let nothing = format!("{}: there is no Wan diffusion transformer in this folder", folder.display());
            match &found.unreadable[..] {
                [] => bail!("{nothing}"),
                faults => {
                    bail!("{}. There is no other Wan diffusion transformer in {}", faults.join("; "), folder.display())
                }
            }
        };
        let home = if transformer.is_dir() { &transformer } else { transformer.parent().unwrap_or(&folder) };
        let config = match found.only(Part::Config)? {
            Some(config) => Some(config),
            None => Some(home.join(CONFIG)).filter(|path| path.is_file()),
        };
        let named = || config.as_deref().and_then(family_in).or_else(|| Family::from_path(&transformer));
        let Some(family) = choice.family.or_else(named) else {
            bail!(
                "{}: neither the path nor {CONFIG} names one of {}; put the name of the model's family into the name of its folder, \
                 or as \"family\" into a {MODEL_FILE} in it",
                transformer.display(),
                Family::names(|_| true)
            )
        };
        let text_encoder = found.only(Part::TextEncoder)?;
        Ok(Self {
            config,
            loras: match choice.loras {
                Some(loras) => loras,
                None => found.lora()?.into_iter().map(Lora::new).collect(),
            },
            tokenizer: match choice.parts.get(&Part::Tokenizer) {
                Some(tokenizer) => Some(tokenizer.clone()),
                None => tokenizer_of(found.tokenizers, text_encoder.as_deref())?,
            },
            text_encoder,
            vae: only(&found.parts, Part::Vae)?,
            taehv: only(&found.parts, Part::Taehv)?,
            family,
            products: choice.products.unwrap_or_default(),
            transformer,
        })
    }

    /// Loads the transformer, with its LoRAs merged.
    ///
    /// # Errors
    ///
    /// Fails if a file is damaged or not a Wan transformer, or if a LoRA does not fit.
    pub fn transformer(&self, dtype: DType, device: &Device) -> Result<Transformer> {
        let weights = self.open_merged(dtype, device)?.with_products(self.products);
        Transformer::load(&weights, self.read_config()?.as_ref())
    }

    /// The problems of its files that do not stop the model: tensors of LoRAs that are left out, and a missing encoder of pictures.
    ///
    /// # Errors
    ///
    /// Fails if a file is damaged, or if a LoRA does not fit.
    pub fn warnings(&self) -> Result<Vec<String>> {
        let mut warnings = self.open_merged(DType::F32, &Device::Cpu)?.warnings().to_vec();
        if self.needs_encoder() && self.open_encoder(DType::F32, &Device::Cpu)?.is_none() {
            warnings.push(format!(
                "no encoder of the Wan VAE: {} sees an old picture again before each chunk, and keeps its first latent frame \
                 instead; add Wan2.1_VAE.pth to the folder",
                self.family
            ));
        }
        Ok(warnings)
    }

    /// Opens the transformer, with its LoRAs.
    pub(super) fn open_merged(&self, dtype: DType, device: &Device) -> Result<Weights> {
        let mut weights = self.open_transformer(dtype, device)?;
        for lora in self.loras.iter().filter(|lora| lora.strength != 0.0) {
            let changes = Weights::open(&lora.file, DType::F32, device)?;
            weights = weights.with_lora(&changes, scaling(lora)?)?;
        }
        Ok(weights)
    }

    /// Opens the transformer's file; in a training checkpoint, the section of its family.
    fn open_transformer(&self, dtype: DType, device: &Device) -> Result<Weights> {
        let weights = Weights::open(&self.transformer, dtype, device)?;
        match (weights.section(), self.family.section()) {
            (Some(section), Some(wanted)) if section.others.iter().any(|other| other == wanted) => {
                Weights::open_section(&self.transformer, Some(wanted), dtype, device)
            }
            _ => Ok(weights),
        }
    }

    /// The problem of the first file with numbers that are not finite; none if there is none. It reads all weights.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read.
    pub fn broken(&self) -> Result<Option<String>> {
        let others = [&self.text_encoder, &self.taehv, &self.vae].into_iter().flatten();
        let others = self.loras.iter().map(|lora| &lora.file).chain(others);
        let open = |path: &PathBuf| Weights::open(path, DType::F32, &Device::Cpu);
        for weights in [self.open_transformer(DType::F32, &Device::Cpu)].into_iter().chain(others.map(open)) {
            if let Some(problem) = weights?.broken()? {
                return Ok(Some(problem));
            }
        }
        Ok(None)
    }

    fn read_config(&self) -> Result<Option<Value>> {
        self.config.as_deref().map(read_config).transpose()
    }

    /// The transformer's sizes, without loading it.
    ///
    /// # Errors
    ///
    /// Fails if the transformer's file or its `config.json` cannot be read.
    pub fn sizes(&self) -> Result<Config> {
        Config::read(&self.open_transformer(DType::F32, &Device::Cpu)?, self.read_config()?.as_ref())
    }

    /// Loads the text encoder and its tokenizer (which may be in the same file).
    ///
    /// # Errors
    ///
    /// Fails if the text encoder or its tokenizer is missing or damaged, or if they do not fit each other.
    pub fn text_encoder(&self, dtype: DType, device: &Device) -> Result<TextEncoder> {
        let Some(path) = &self.text_encoder else { bail!("{}: {TEXT_FILES}", self.transformer.display()) };
        let weights = Weights::open(path, dtype, device)?;
        let tokenizer = match &self.tokenizer {
            Some(tokenizer) => Tokenizer::open(tokenizer)?,
            // ComfyUI's files contain the tokenizer.
            None => match Tokenizer::from_weights(&weights)? {
                Some(tokenizer) => tokenizer,
                None => bail!("{}: {TEXT_FILES}", path.display()),
            },
        };
        let model = Umt5::load(&weights)?;
        weights.finish()?;
        let is_large = model.dim() >= LARGE_ENCODER;
        let encoder = TextEncoder::new(tokenizer, model, self.sizes()?.text_len)?;
        let folder = files::cache_folder().filter(|_| is_large);
        let Some(folder) = folder else { return Ok(encoder) };
        let mut fingerprint = Fingerprint::default();
        fingerprint.add("text encoder", path)?;
        Ok(encoder.with_store(PromptStore::new(folder.join("bendrack").join("prompts"), fingerprint.finish())))
    }

    /// The fingerprint of the weights, with those of the decoder that [`Self::decoder`] loads.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read.
    pub fn fingerprint(&self) -> Result<Fingerprint> {
        let decoder = self.decoder_file().map(DecoderFile::path);
        let mut fingerprint = Fingerprint::default();
        fingerprint.add("transformer", &self.transformer)?;
        if let Some(config) = &self.config {
            fingerprint.add("config", config)?;
        }
        for lora in &self.loras {
            fingerprint.add("LoRA", &lora.file)?;
            if *lora != Lora::new(lora.file.clone()) {
                fingerprint.add_bytes("strength", &lora.strength.to_le_bytes())?;
            }
        }
        if self.products != Products::F32 {
            fingerprint.add_bytes("products", self.products.name().as_bytes())?;
        }
        let encoder = self.vae.as_deref().filter(|path| self.needs_encoder() && decoder != Some(*path));
        for (part, path) in [
            ("text encoder", self.text_encoder.as_deref()),
            ("tokenizer", self.tokenizer.as_deref()),
            ("decoder", decoder),
            ("encoder", encoder),
        ] {
            if let Some(path) = path {
                fingerprint.add(part, path)?;
            }
        }
        Ok(fingerprint)
    }

    /// The file of the decoder: TAEHV, which is fast, else the VAE.
    pub(super) fn decoder_file(&self) -> Option<DecoderFile<'_>> {
        let taehv = self.taehv.as_deref().map(DecoderFile::Taehv);
        taehv.or_else(|| self.vae.as_deref().map(DecoderFile::Vae))
    }

    /// Loads the decoder: TAEHV, which is fast, else the VAE. Without [`Self::taehv`] it is the VAE.
    ///
    /// # Errors
    ///
    /// Fails if there is neither, or if the file is damaged.
    pub fn decoder(&self, dtype: DType, device: &Device) -> Result<Arc<dyn FrameDecoder>> {
        let Some(file) = self.decoder_file() else {
            bail!(
                "{}: pictures need a decoder in the same folder, the Wan VAE (Wan2.1_VAE.pth) or TAEHV (taew2_1.pth)",
                self.transformer.display()
            )
        };
        let weights = Weights::open(file.path(), dtype, device)?;
        weights.ignore("encoder.");
        let decoder: Arc<dyn FrameDecoder> = match file {
            DecoderFile::Taehv(_) => Arc::new(taehv::Decoder::load(&weights, &TIME_UPSCALE)?),
            DecoderFile::Vae(_) => {
                weights.ignore("conv1.");
                Arc::new(vae::Decoder::load(&weights)?)
            }
        };
        weights.finish()?;
        Ok(decoder)
    }

    /// Loads the encoder of the Wan VAE for a model that sees its own pictures again; none for others, and none if it is missing.
    ///
    /// # Errors
    ///
    /// Fails if the file is damaged.
    pub fn encoder(&self, dtype: DType, device: &Device) -> Result<Option<vae::Encoder>> {
        let weights = if self.needs_encoder() { self.open_encoder(dtype, device)? } else { None };
        weights.map(|weights| vae::Encoder::load(&weights)).transpose()
    }

    /// True if the model sees its own pictures again.
    pub(super) fn needs_encoder(&self) -> bool {
        self.family.streaming().is_some_and(|streaming| matches!(streaming.refresh, Refresh::Recompute { .. }))
    }

    /// The VAE's file, if it has an encoder.
    pub(super) fn open_encoder(&self, dtype: DType, device: &Device) -> Result<Option<Weights>> {
        let Some(path) = &self.vae else { return Ok(None) };
        let weights = Weights::open(path, dtype, device)?;
        let has_encoder = weights.dims("encoder.conv1.weight").is_some();
        Ok(has_encoder.then_some(weights))
    }
}

/// The file of a decoder.
#[derive(Clone, Copy)]
pub(super) enum DecoderFile<'a> {
    /// TAEHV, the small decoder.
    Taehv(&'a Path),
    /// The decoder of the Wan VAE.
    Vae(&'a Path),
}

impl<'a> DecoderFile<'a> {
    pub(super) const fn path(self) -> &'a Path {
        match self {
            Self::Taehv(path) | Self::Vae(path) => path,
        }
    }
}

/// Refuses chosen files that are of another kind than their part.
fn check_kinds(choice: &Choice) -> Result<()> {
    for (part, path) in choice.parts.iter().filter(|(part, _)| part.is_checkpoint()) {
        let kind = Weights::open(path, DType::F32, &Device::Cpu).about(format_args!("part {part}"))?.kind();
        if !part.is_of(kind) {
            bail!("part {part}: {} is {kind}; give the file of another part, or another file", path.display())
        }
    }
    Ok(())
}

/// The factor of a LoRA, with the settings that PEFT stores beside it.
fn scaling(lora: &Lora) -> Result<Scaling> {
    let scaling = Scaling { strength: lora.strength, ..Scaling::default() };
    let config = lora.file.with_file_name(ADAPTER_CONFIG);
    let is_adapter = lora.file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(ADAPTER));
    if !is_adapter || !config.is_file() {
        return Ok(scaling);
    }
    files::read(&config)
        .map_err(candle_core::Error::from)
        .and_then(|json| scaling.or_of_config(&json))
        .about(config.display())
}

/// The family that a configuration names. A damaged one names none; [`Checkpoint::transformer`] reports its fault.
fn family_in(config: &Path) -> Option<Family> {
    read_config(config).ok()?.get("family")?.as_str()?.parse().ok()
}

fn read_config(path: &Path) -> Result<Value> {
    let read = || -> Result<Value> {
        if std::fs::metadata(path)?.len() > MAX_CONFIG_BYTES {
            bail!("the file is too long for a model configuration")
        }
        serde_json::from_slice(&files::read(path)?).or_else(|error| bail!("{error}"))
    };
    read().about(path.display())
}
