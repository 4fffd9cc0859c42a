//! The flags of a command for its model.

use std::path::{Path, PathBuf};

use candle_core::{Result, bail};

use super::models;
use crate::engine::Model;
use crate::engine::model::WAN_SIZE;
use crate::wan::checkpoint::Checkpoint;
use crate::wan::family::Family;
use crate::wan::parts::{Choice, Lora, Part};
use crate::wan::weights::Products;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ModelFlags {
    /// Model: mini, a name from `bendrack models`, the path of a folder or of a transformer's file, or OWNER/NAME from the hub's cache
    /// [default: mini].
    #[arg(long)]
    model: Option<String>,
    /// File for a part of the model, instead of the one in its folder: transformer, config, text_encoder, tokenizer, vae or taehv. Repeat
    /// the flag for more.
    #[arg(long = "part", value_name = "PART=FILE", value_parser = part)]
    parts: Vec<(Part, PathBuf)>,
    /// LoRA for the transformer and its strength [default: 1], instead of those in the model's folder. Repeat the flag for more.
    #[arg(long = "lora", value_name = "FILE[:STRENGTH]")]
    loras: Vec<Lora>,
    /// Numbers that the transformer's matrices are multiplied in on the CPU: f32, or bf16, which is faster on processors with AVX-512 BF16
    /// [default: f32].
    #[arg(long, value_name = "NUMBERS")]
    products: Option<Products>,
}

impl ModelFlags {
    /// True if a flag names the model, or a part of it.
    pub(super) fn is_given(&self) -> bool {
        self.model.is_some() || !self.parts.is_empty() || !self.loras.is_empty() || self.products.is_some()
    }

    /// The name of the model that is given, else that of mini.
    pub(super) fn name(&self) -> &str {
        self.model.as_deref().unwrap_or(Family::Mini.name())
    }

    /// Loads the model: the one given, else mini.
    pub(super) fn open(&self) -> Result<Model> {
        self.open_or(Family::Mini.name())
    }

    /// Loads the model: the one given, else that of this name.
    pub(super) fn open_or(&self, default: &str) -> Result<Model> {
        models::open(self.model.as_deref().unwrap_or(default), self.choice())
    }

    /// A warning if the model that is given needs more memory for pictures of this size than is free; none for mini. A problem of its
    /// files is not reported here: loading it reports it.
    pub(super) fn strain(&self, size: Option<(usize, usize)>) -> Option<String> {
        self.model.as_ref().filter(|model| *model != Family::Mini.name())?;
        models::strain(&self.checkpoint().ok()?, size.unwrap_or(WAN_SIZE))
    }

    /// The files of the model that is given.
    pub(super) fn checkpoint(&self) -> Result<Checkpoint> {
        match &self.model {
            Some(model) => models::checkpoint(model, self.choice()),
            None => bail!("give a model with --model; mini is inside the program, and fits everywhere"),
        }
    }

    fn choice(&self) -> Choice {
        Choice {
            parts: self.parts.iter().cloned().collect(),
            loras: (!self.loras.is_empty()).then(|| self.loras.clone()),
            family: None,
            products: self.products,
        }
    }

    /// The flags as a command line.
    pub(super) fn arguments(&self) -> Vec<String> {
        let model = self.model.iter().flat_map(|model| ["--model".to_owned(), model.clone()]);
        let part = |(part, file): &(Part, PathBuf)| ["--part".to_owned(), format!("{part}={}", file.display())];
        let lora = |lora: &Lora| ["--lora".to_owned(), format!("{}:{}", lora.file.display(), lora.strength)];
        let products = self.products.iter().flat_map(|products| ["--products".to_owned(), products.to_string()]);
        let files = self.parts.iter().flat_map(part).chain(self.loras.iter().flat_map(lora));
        model.chain(files).chain(products).collect()
    }
}

/// A part and its file.
fn part(text: &str) -> std::result::Result<(Part, PathBuf), String> {
    let Some((part, file)) = text.split_once('=') else {
        return Err(format!("write PART=FILE, with one of these parts: {}", Part::names()));
    };
    if Path::new(file).as_os_str().is_empty() {
        return Err("there is no file after the =; write PART=FILE".to_owned());
    }
    Ok((part.parse()?, file.into()))
}
