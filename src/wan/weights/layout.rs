//! Names of tensors in other checkpoints, in terms of the original ones.
//!
//! A rule replaces the beginning of a name, up to a dot. `#` stands for a number, which `{i}` and `{j}` repeat in
//! order. `{level+…}` counts from where level i begins in the VAE decoder's flat list. Names for which there is no rule
//! stay as they are. Sources: the conversion scripts of diffusers (`convert_wan_to_diffusers.py`) and ComfyUI-GGUF
//! (`loader.py`), transformers' `UMT5EncoderModel`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use candle_core::{Result, bail};

type Rules = &'static [(&'static str, &'static str)];

/// Names of one library, recognised by one of the `marks`.
struct Layout {
    marks: &'static [&'static str],
    rules: Rules,
    /// Applied to what follows a rule's match.
    inner: Rules,
}

const LAYOUTS: [Layout; 4] = [
    Layout { marks: &["condition_embedder."], rules: DIFFUSERS_TRANSFORMER, inner: &[] },
    Layout { marks: &["encoder.conv_in.", "decoder.conv_in."], rules: DIFFUSERS_VAE, inner: DIFFUSERS_RESNET },
    Layout { marks: &["encoder.block."], rules: HUGGING_FACE_T5, inner: &[] },
    Layout { marks: &["enc.blk."], rules: LLAMA_CPP_T5, inner: &[] },
];

const DIFFUSERS_TRANSFORMER: Rules = &[
    ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
    ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
    ("condition_embedder.time_proj", "time_projection.1"),
    ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
    ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
    ("condition_embedder.image_embedder.norm1", "img_emb.proj.0"),
    ("condition_embedder.image_embedder.ff.net.0.proj", "img_emb.proj.1"),
    ("condition_embedder.image_embedder.ff.net.2", "img_emb.proj.3"),
    ("condition_embedder.image_embedder.norm2", "img_emb.proj.4"),
    ("blocks.#.scale_shift_table", "blocks.{i}.modulation"),
    ("blocks.#.attn1.to_q", "blocks.{i}.self_attn.q"),
    ("blocks.#.attn1.to_k", "blocks.{i}.self_attn.k"),
    ("blocks.#.attn1.to_v", "blocks.{i}.self_attn.v"),
    ("blocks.#.attn1.to_out.0", "blocks.{i}.self_attn.o"),
    ("blocks.#.attn1.norm_q", "blocks.{i}.self_attn.norm_q"),
    ("blocks.#.attn1.norm_k", "blocks.{i}.self_attn.norm_k"),
    ("blocks.#.attn2.to_q", "blocks.{i}.cross_attn.q"),
    ("blocks.#.attn2.to_k", "blocks.{i}.cross_attn.k"),
    ("blocks.#.attn2.to_v", "blocks.{i}.cross_attn.v"),
    ("blocks.#.attn2.to_out.0", "blocks.{i}.cross_attn.o"),
    ("blocks.#.attn2.norm_q", "blocks.{i}.cross_attn.norm_q"),
    ("blocks.#.attn2.norm_k", "blocks.{i}.cross_attn.norm_k"),
    ("blocks.#.norm2", "blocks.{i}.norm3"),
    ("blocks.#.ffn.net.0.proj", "blocks.{i}.ffn.0"),
    ("blocks.#.ffn.net.2", "blocks.{i}.ffn.2"),
    ("proj_out", "head.head"),
    ("scale_shift_table", "head.modulation"),
];

const DIFFUSERS_VAE: Rules = &[
    ("quant_conv", "conv1"),
    ("post_quant_conv", "conv2"),
    ("encoder.conv_in", "encoder.conv1"),
    ("encoder.down_blocks.#", "encoder.downsamples.{i}"),
    ("encoder.mid_block.resnets.0", "encoder.middle.0"),
    ("encoder.mid_block.attentions.0", "encoder.middle.1"),
    ("encoder.mid_block.resnets.1", "encoder.middle.2"),
    ("encoder.norm_out", "encoder.head.0"),
    ("encoder.conv_out", "encoder.head.2"),
    ("decoder.conv_in", "decoder.conv1"),
    ("decoder.mid_block.resnets.0", "decoder.middle.0"),
    ("decoder.mid_block.attentions.0", "decoder.middle.1"),
    ("decoder.mid_block.resnets.1", "decoder.middle.2"),
    (VAE_DECODER_BLOCK, "decoder.upsamples.{level+j}"),
    ("decoder.up_blocks.#.upsamplers.0", "decoder.upsamples.{level+last}"),
    ("decoder.norm_out", "decoder.head.0"),
    ("decoder.conv_out", "decoder.head.2"),
];

const VAE_DECODER_BLOCK: &str = "decoder.up_blocks.#.resnets.#";

const DIFFUSERS_RESNET: Rules = &[
    ("norm1", "residual.0"),
    ("conv1", "residual.2"),
    ("norm2", "residual.3"),
    ("conv2", "residual.6"),
    ("conv_shortcut", "shortcut"),
];

const HUGGING_FACE_T5: Rules = &[
    ("shared", "token_embedding"),
    (T5_TIED_EMBEDDING, "token_embedding"),
    ("encoder.block.#.layer.0.layer_norm", "blocks.{i}.norm1"),
    ("encoder.block.#.layer.0.SelfAttention.q", "blocks.{i}.attn.q"),
    ("encoder.block.#.layer.0.SelfAttention.k", "blocks.{i}.attn.k"),
    ("encoder.block.#.layer.0.SelfAttention.v", "blocks.{i}.attn.v"),
    ("encoder.block.#.layer.0.SelfAttention.o", "blocks.{i}.attn.o"),
    ("encoder.block.#.layer.0.SelfAttention.relative_attention_bias", "blocks.{i}.pos_embedding.embedding"),
    ("encoder.block.#.layer.1.layer_norm", "blocks.{i}.norm2"),
    ("encoder.block.#.layer.1.DenseReluDense.wi_0", "blocks.{i}.ffn.gate.0"),
    ("encoder.block.#.layer.1.DenseReluDense.wi_1", "blocks.{i}.ffn.fc1"),
    ("encoder.block.#.layer.1.DenseReluDense.wo", "blocks.{i}.ffn.fc2"),
    ("encoder.final_layer_norm", "norm"),
];

/// The same tensor as `shared`, which some files hold twice.
const T5_TIED_EMBEDDING: &str = "encoder.embed_tokens";

const LLAMA_CPP_T5: Rules = &[
    ("token_embd", "token_embedding"),
    ("enc.blk.#.attn_norm", "blocks.{i}.norm1"),
    ("enc.blk.#.attn_q", "blocks.{i}.attn.q"),
    ("enc.blk.#.attn_k", "blocks.{i}.attn.k"),
    ("enc.blk.#.attn_v", "blocks.{i}.attn.v"),
    ("enc.blk.#.attn_o", "blocks.{i}.attn.o"),
    ("enc.blk.#.attn_rel_b", "blocks.{i}.pos_embedding.embedding"),
    ("enc.blk.#.ffn_norm", "blocks.{i}.norm2"),
    ("enc.blk.#.ffn_gate", "blocks.{i}.ffn.gate.0"),
    ("enc.blk.#.ffn_up", "blocks.{i}.ffn.fc1"),
    ("enc.blk.#.ffn_down", "blocks.{i}.ffn.fc2"),
    ("enc.output_norm", "norm"),
];

/// Prefixes that training wrappers and repackagers add to names.
const PREFIXES: [&str; 4] = ["model.diffusion_model.", "diffusion_model.", "model.", "net."];
/// Infixes that training wrappers add to names.
const WRAPPERS: [&str; 3] = ["_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod."];

/// Gives every tensor its original name; refused if two would get the same one.
pub(super) fn original_names<T>(tensors: BTreeMap<String, T>) -> Result<BTreeMap<String, T>> {
    let mut bare = BTreeMap::new();
    for (name, tensor) in tensors {
        let stripped = strip(&name).into_owned();
        if bare.contains_key(&stripped) {
            bail!("{name} and another tensor are both {stripped}")
        }
        bare.insert(stripped, tensor);
    }
    let is_marked = |layout: &Layout| bare.keys().any(|name| layout.marks.iter().any(|mark| name.starts_with(mark)));
    let Some(layout) = LAYOUTS.iter().find(|layout| is_marked(layout)) else { return Ok(bare) };
    if bare.contains_key("shared.weight") {
        bare.remove(&format!("{T5_TIED_EMBEDDING}.weight"));
    }
    let entries = level_entries(bare.keys());
    let mut renamed = BTreeMap::new();
    for (name, tensor) in bare {
        let original = layout.rename(&name, entries);
        if renamed.contains_key(&original) {
            bail!("{name} and another tensor are both {original}")
        }
        renamed.insert(original, tensor);
    }
    Ok(renamed)
}

/// A name without prefixes and wrappers.
pub(super) fn strip(name: &str) -> Cow<'_, str> {
    let mut name = Cow::Borrowed(name);
    for wrapper in WRAPPERS {
        if name.contains(wrapper) {
            name = Cow::Owned(name.replace(wrapper, ""));
        }
    }
    let mut rest = name.as_ref();
    while let Some(stripped) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = stripped;
    }
    if rest.len() == name.len() { name } else { Cow::Owned(rest.to_owned()) }
}

/// The original name of a transformer module that may be named as in diffusers.
pub(super) fn transformer_module(name: &str) -> String {
    apply(DIFFUSERS_TRANSFORMER, name, 0).map_or_else(|| name.to_owned(), |(to, _)| to)
}

/// The name that diffusers gives to a transformer module of this original name.
pub(super) fn diffusers_module(name: &str) -> Option<String> {
    DIFFUSERS_TRANSFORMER.iter().find_map(|(from, to)| {
        let ([i, _], rest) = matches(&to.replace("{i}", "#"), name)?;
        rest.is_empty().then(|| from.replace('#', &i.to_string()))
    })
}

impl Layout {
    fn rename(&self, name: &str, entries: usize) -> String {
        let Some((mut to, rest)) = apply(self.rules, name, entries) else { return name.to_owned() };
        let (inner, rest) = apply(self.inner, rest, entries).unwrap_or((String::new(), rest));
        for part in [inner.as_str(), rest] {
            if !part.is_empty() {
                to = to + "." + part;
            }
        }
        to
    }
}

/// Entries of a level in the VAE decoder's flat list. These are the residual blocks that diffusers counts per level (3
/// in Wan), and the enlargement.
fn level_entries<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    let block = |name: &String| matches(VAE_DECODER_BLOCK, name).map(|([_, j], _)| j);
    names.filter_map(block).max().map_or(0, |last| last + 2)
}

/// Applies the first rule that matches, and gives the replacement and the rest of the name behind the dot.
fn apply(rules: Rules, name: &str, level_entries: usize) -> Option<(String, &str)> {
    rules.iter().find_map(|(from, to)| {
        let ([i, j], rest) = matches(from, name)?;
        let level = i * level_entries;
        let to = to
            .replace("{i}", &i.to_string())
            .replace("{level+j}", &(level + j).to_string())
            .replace("{level+last}", &(level + level_entries.saturating_sub(1)).to_string());
        Some((to, rest))
    })
}

/// The numbers that `#` stands for, and the rest of the name, if it begins with `pattern`.
fn matches<'a>(pattern: &str, name: &'a str) -> Option<([usize; 2], &'a str)> {
    let mut numbers = [0; 2];
    let mut places = numbers.iter_mut();
    let mut rest = Some(name);
    for part in pattern.split('.') {
        let (found, after) = match rest?.split_once('.') {
            Some((found, after)) => (found, Some(after)),
            None => (rest?, None),
        };
        match part {
            "#" => *places.next()? = found.parse::<u16>().ok()?.into(),
            part if part == found => {}
            _ => return None,
        }
        rest = after;
    }
    Some((numbers, rest.unwrap_or_default()))
}
