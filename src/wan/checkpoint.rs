//! A model's files in a folder, found by their contents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Result, bail};
use serde_json::Value;

use super::config::Config;
use super::decode::FrameDecoder;
use super::error::{About, message};
use super::family::Family;
use super::fingerprint::Fingerprint;
use super::taehv::{self, TIME_UPSCALE};
use super::text::{TextEncoder, Tokenizer, Umt5};
use super::transformer::Transformer;
use super::vae;
use super::weights::{Kind, Weights};
use crate::files;

/// The depth of folders that are searched for a checkpoint.
const DEPTH: usize = 3;
const TOKENIZER: &str = "tokenizer.json";
const TEXT_FILES: &str = "prompts need a UMT5 text encoder and its tokenizer.json in the model's folder (in the Wan repository: \
    models_t5_umt5-xxl-enc-bf16.pth and google/umt5-xxl/tokenizer.json)";
const CONFIG: &str = "config.json";
const MAX_CONFIG_BYTES: u64 = 1 << 20;
const WEIGHTS: [&str; 6] = ["safetensors", "gguf", "pt", "pth", "bin", "ckpt"];

/// The files of a model's parts.
///
/// Every layout of folders works: that of the original repository, of diffusers, of ComfyUI, or any other. The tensors identify
/// each part, not the names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The diffusion transformer.
    pub transformer: PathBuf,
    /// The transformer's `config.json`, if one lies beside it.
    pub config: Option<PathBuf>,
    /// A LoRA to be merged into the transformer.
    pub lora: Option<PathBuf>,
    /// The UMT5 text encoder.
    pub text_encoder: Option<PathBuf>,
    /// Its `tokenizer.json`.
    pub tokenizer: Option<PathBuf>,
    /// The Wan VAE.
    pub vae: Option<PathBuf>,
    /// TAEHV, the small decoder.
    pub taehv: Option<PathBuf>,
    /// The family, which decides how the transformer runs.
    pub family: Family,
}

impl Checkpoint {
    /// Searches a folder and the folders in it. Files that are not part of a model are ignored. The `family` of the transformer's
    /// `config.json` is the model's family, or else the one that its path names.
    ///
    /// # Errors
    ///
    /// Fails if there is no transformer, or if neither names a family. Fails if there are two files for one part. The
    /// message names them.
    pub fn find(folder: &Path) -> Result<Self> {
        Self::find_around(folder, None, None)
    }

    /// [`Self::find`] with a transformer elsewhere, and with a family that its path need not name.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::find`] does.
    pub fn find_around(folder: &Path, transformer: Option<&Path>, family: Option<Family>) -> Result<Self> {
        let mut files = Found::default();
        files.look(folder, DEPTH)?;
        let (mut transformers, mut loras, mut encoders, mut vaes, mut taehvs) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut unreadable = String::new();
        for path in files.weights {
            let kind = match Weights::open(&path, DType::F32, &Device::Cpu) {
                Ok(weights) => weights.kind(),
                Err(error) => {
                    unreadable = format!("{unreadable}; {}", message(&error));
                    continue;
                }
            };
            match kind {
                Kind::Transformer { .. } => transformers.push(path),
                Kind::Lora { .. } => loras.push(path),
                Kind::TextEncoder { .. } => encoders.push(path),
                Kind::Vae { .. } => vaes.push(path),
                Kind::Taehv { .. } => taehvs.push(path),
                Kind::Unknown => {}
            }
        }
        let transformers = transformer.map_or(transformers, |chosen| vec![chosen.to_path_buf()]);
        let Some(transformer) = only("diffusion transformer", transformers)? else {
            bail!("{}: there is no Wan diffusion transformer in this folder{unreadable}", folder.display())
        };
        // Shards are opened through their folder.
        let home = if transformer.is_dir() { &transformer } else { transformer.parent().unwrap_or(folder) };
        let config = Some(home.join(CONFIG)).filter(|path| path.is_file());
        let named = || config.as_deref().and_then(family_in).or_else(|| Family::from_path(&transformer));
        let Some(family) = family.or_else(named) else {
            bail!(
                "{}: neither the path nor {CONFIG} names one of {}; put the name of the model's family into the name of its folder",
                transformer.display(),
                Family::names(|_| true)
            )
        };
        Ok(Self {
            config,
            lora: only("LoRA", loras)?,
            text_encoder: only("text encoder", encoders)?,
            tokenizer: only(TOKENIZER, files.tokenizers)?,
            vae: only("VAE", vaes)?,
            taehv: only("TAEHV", taehvs)?,
            family,
            transformer,
        })
    }

    /// Loads the transformer, with its LoRA merged.
    ///
    /// # Errors
    ///
    /// Fails if a file is damaged or not a Wan transformer, or if the LoRA does not fit.
    pub fn transformer(&self, dtype: DType, device: &Device) -> Result<Transformer> {
        let weights = self.open_transformer(dtype, device)?;
        let weights = match &self.lora {
            Some(lora) => weights.with_lora(&Weights::open(lora, DType::F32, device)?, None)?,
            None => weights,
        };
        Transformer::load(&weights, self.read_config()?.as_ref())
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
        let others = [&self.lora, &self.text_encoder, &self.taehv, &self.vae].into_iter().flatten();
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
        let Some(encoder) = &self.text_encoder else { bail!("{}: {TEXT_FILES}", self.transformer.display()) };
        let weights = Weights::open(encoder, dtype, device)?;
        let tokenizer = match &self.tokenizer {
            Some(tokenizer) => Tokenizer::open(tokenizer)?,
            // ComfyUI's files contain the tokenizer.
            None => match Tokenizer::from_weights(&weights)? {
                Some(tokenizer) => tokenizer,
                None => bail!("{}: {TEXT_FILES}", encoder.display()),
            },
        };
        let model = Umt5::load(&weights)?;
        weights.finish()?;
        TextEncoder::new(tokenizer, model, self.sizes()?.text_len)
    }

    /// The fingerprint of the weights, with those of the decoder that [`Self::decoder`] loads.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read.
    pub fn fingerprint(&self) -> Result<Fingerprint> {
        let decoder = self.decoder_file().map(DecoderFile::path);
        let mut fingerprint = Fingerprint::default();
        for (part, path) in [
            ("transformer", Some(self.transformer.as_path())),
            ("config", self.config.as_deref()),
            ("LoRA", self.lora.as_deref()),
            ("text encoder", self.text_encoder.as_deref()),
            ("tokenizer", self.tokenizer.as_deref()),
            ("decoder", decoder),
        ] {
            if let Some(path) = path {
                fingerprint.add(part, path)?;
            }
        }
        Ok(fingerprint)
    }

    /// The file of the decoder: TAEHV, which is fast, else the VAE.
    fn decoder_file(&self) -> Option<DecoderFile<'_>> {
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
}

/// The file of a decoder.
#[derive(Clone, Copy)]
enum DecoderFile<'a> {
    /// TAEHV, the small decoder.
    Taehv(&'a Path),
    /// The decoder of the Wan VAE.
    Vae(&'a Path),
}

impl<'a> DecoderFile<'a> {
    const fn path(self) -> &'a Path {
        match self {
            Self::Taehv(path) | Self::Vae(path) => path,
        }
    }
}

/// Files that may belong to a model.
#[derive(Default)]
struct Found {
    weights: BTreeSet<PathBuf>,
    tokenizers: Vec<PathBuf>,
}

impl Found {
    fn look(&mut self, folder: &Path, depth: usize) -> Result<()> {
        let mut entries = std::fs::read_dir(folder)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .or_else(|error| bail!("{}: {error}", folder.display()))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                if depth > 1 && !name.starts_with('.') {
                    self.look(&path, depth - 1)?;
                }
            } else if name == TOKENIZER {
                self.tokenizers.push(path);
            } else if extension.is_some_and(|extension| WEIGHTS.contains(&extension)) {
                // Shards are one checkpoint, opened through their folder.
                let shard = name.contains("-of-") && extension == Some("safetensors");
                self.weights.insert(if shard { folder.to_path_buf() } else { path });
            }
        }
        Ok(())
    }
}

/// The only file for a part of a model, if any.
fn only(part: &str, mut paths: Vec<PathBuf>) -> Result<Option<PathBuf>> {
    if paths.len() > 1 {
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is more than one {part}: {}; keep one of them in the folder", names.join(", "))
    }
    Ok(paths.pop())
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
