//! The kind of a checkpoint, by its tensors.

use std::collections::BTreeMap;
use std::fmt;

use super::entry::Entry;
use super::lora;

/// The kind of a checkpoint, by the names and shapes of its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Wan diffusion transformer.
    Transformer {
        /// Width of the tokens.
        dim: usize,
        /// Width inside the feed-forward networks.
        ffn: usize,
        /// Number of blocks.
        layers: usize,
        /// Its conditioning.
        variant: Variant,
    },
    /// A UMT5 text encoder.
    TextEncoder {
        /// Number of tokens in the vocabulary.
        vocab: usize,
        /// Width of the tokens.
        dim: usize,
        /// Number of blocks.
        layers: usize,
    },
    /// The video autoencoder of Wan.
    Vae {
        /// Channels of the latent.
        latent_channels: usize,
    },
    /// The tiny video autoencoder TAEHV.
    Taehv {
        /// Channels of the latent.
        latent_channels: usize,
    },
    /// Changes to another checkpoint: a LoRA.
    Lora {
        /// Rank of the first module; 0 without a low-rank change.
        rank: usize,
        /// Number of changed modules.
        modules: usize,
    },
    /// Nothing known.
    Unknown,
}

/// The conditioning of a diffusion transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Text.
    TextToVideo,
    /// Text and a first image.
    ImageToVideo,
    /// Text and a control video.
    Vace,
}

impl Kind {
    pub(super) fn of(entries: &BTreeMap<String, Entry>) -> Self {
        let dim = |name: &str, axis: usize| entries.get(name).and_then(|entry| entry.dims.get(axis)).copied();
        let layers = |module: &str| {
            let is_there = |n: &usize| entries.contains_key(&format!("blocks.{n}.{module}.weight"));
            (0..entries.len()).take_while(is_there).count()
        };
        if let Some((modules, rank)) = lora::modules(entries) {
            Self::Lora { rank, modules }
        } else if let (Some(width), Some(inputs)) = (dim("head.modulation", 2), dim("patch_embedding.weight", 1)) {
            let variant = match inputs {
                _ if entries.contains_key("vace_patch_embedding.weight") => Variant::Vace,
                36 => Variant::ImageToVideo,
                _ if entries.contains_key("img_emb.proj.0.bias") => Variant::ImageToVideo,
                _ => Variant::TextToVideo,
            };
            let ffn = dim("blocks.0.ffn.0.weight", 0).unwrap_or(0);
            Self::Transformer { dim: width, ffn, layers: layers("self_attn.q"), variant }
        } else if let (Some(vocab), Some(dim)) = (dim("token_embedding.weight", 0), dim("token_embedding.weight", 1)) {
            Self::TextEncoder { vocab, dim, layers: layers("attn.q") }
        } else if let (Some(latent_channels), true) =
            (dim("conv2.weight", 0), entries.contains_key("decoder.conv1.weight"))
        {
            Self::Vae { latent_channels }
        } else if let (Some(latent_channels), true) =
            (dim("decoder.1.weight", 1), entries.contains_key("decoder.3.conv.0.weight"))
        {
            Self::Taehv { latent_channels }
        } else {
            Self::Unknown
        }
    }

    /// The kind of model that has a tensor of this name.
    pub(super) fn of_tensor(name: &str) -> Option<&'static str> {
        const TRANSFORMER_MARKS: &[&str] = &[
            "patch_embedding.",
            "time_embedding.",
            "time_projection.",
            "text_embedding.",
            "head.",
            ".modulation",
            ".self_attn.",
            ".cross_attn.",
            ".norm3.",
            ".ffn.0.",
            ".ffn.2.",
        ];
        const TEXT_ENCODER_MARKS: &[&str] = &["token_embedding.", ".attn.", ".pos_embedding.", ".ffn.gate.", ".ffn.fc"];
        const VAE_MARKS: &[&str] =
            &["conv1.", "conv2.", ".conv1.", ".downsamples.", ".upsamples.", ".middle.", ".head."];
        const TAEHV_MARKS: &[&str] = &["decoder.", "encoder."];
        // In this order: the rest of `decoder.` and `encoder.` is TAEHV's.
        let kinds = [
            (TRANSFORMER_MARKS, TRANSFORMER),
            (TEXT_ENCODER_MARKS, TEXT_ENCODER),
            (VAE_MARKS, VAE),
            (TAEHV_MARKS, TAEHV),
        ];
        let is_marked = |mark: &&str| if mark.starts_with('.') { name.contains(mark) } else { name.starts_with(mark) };
        kinds.into_iter().find(|(marks, _)| marks.iter().any(is_marked)).map(|(_, kind)| kind)
    }

    /// The name of this kind without its sizes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Transformer { .. } => TRANSFORMER,
            Self::TextEncoder { .. } => TEXT_ENCODER,
            Self::Vae { .. } => VAE,
            Self::Taehv { .. } => TAEHV,
            Self::Lora { .. } => "a LoRA",
            Self::Unknown => "no kind of checkpoint known here",
        }
    }
}

const TRANSFORMER: &str = "a Wan diffusion transformer";
const TEXT_ENCODER: &str = "a UMT5 text encoder";
const VAE: &str = "a Wan VAE";
const TAEHV: &str = "a TAEHV tiny autoencoder";

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Transformer { dim, layers, variant, .. } => {
                let variant = match variant {
                    Variant::TextToVideo => "text to video",
                    Variant::ImageToVideo => "image to video",
                    Variant::Vace => "VACE",
                };
                write!(f, " ({variant}, {layers} blocks of width {dim})")
            }
            Self::TextEncoder { vocab, dim, layers } => {
                write!(f, " ({layers} blocks of width {dim}, {vocab} tokens)")
            }
            Self::Vae { latent_channels } | Self::Taehv { latent_channels } => {
                write!(f, " ({latent_channels} latent channels)")
            }
            Self::Lora { rank, modules } => write!(f, " (rank {rank}, {modules} modules)"),
            Self::Unknown => Ok(()),
        }
    }
}
