//! Scales of 8-bit checkpoints.
//!
//! Four forms exist. Plain casts need nothing here. The second has a marker `scaled_fp8` with `<layer>.scale_weight`.
//! The third has `<layer>.comfy_quant` or a `_quantization_metadata` header with `<layer>.weight_scale`. The fourth has
//! `<layer>.weight_scale` alone, for each row, or `<layer>.weight_scale_inv` for each block. In all of them a weight is
//! the stored number times its scale. Sources: ComfyUI, `comfy/ops.py` and `convert_old_quants` of `comfy/utils.py`;
//! LightX2V, `docs/EN/source/method_tutorials/quantization.md`; transformers' `finegrained_fp8`.

use std::sync::Arc;

use candle_core::{Result, bail};
use serde_json::Value;

use super::entry::Entry;
use super::open::Listing;
use super::scales::Scales;
use crate::wan::error::About;

const SCALES: [&str; 3] = [".scale_weight", ".weight_scale", ".weight_scale_inv"];
/// Scales of activations, which matter only to 8-bit arithmetic.
const INPUT_SCALES: [&str; 2] = [".scale_input", ".input_scale"];
const FORMAT: &str = ".comfy_quant";
const MARKER: &str = "scaled_fp8";
const HEADER: &str = "_quantization_metadata";
const MAX_JSON_BYTES: usize = 1 << 16;
/// Parts of names in formats that no model here computes with, and the name of each format.
const FOREIGN: [(&str, &str); 5] = [
    (".quant_state.bitsandbytes", "4 bits of bitsandbytes"),
    (".qweight", "packed integers of SVDQuant, GPTQ or AWQ"),
    (".wscales", "packed integers of SVDQuant"),
    ("._data", "packed numbers of quanto"),
    (".weight_packed", "packed integers of compressed-tensors"),
];

/// Attaches scales to the weights they belong to, and removes them and the markers from the list.
pub(super) fn consume(listing: &mut Listing) -> Result<()> {
    if let Some(header) = listing.metadata.get(HEADER) {
        check_header(header)?;
    }
    let names: Vec<String> = listing.entries.keys().cloned().collect();
    for name in names {
        if let Some((_, format)) = FOREIGN.iter().find(|(part, _)| name.contains(part)) {
            bail!("{name}: the weights are stored as {format}, which cannot be read; use a file in bf16, fp8 or GGUF")
        }
        if name == MARKER || name.strip_suffix(MARKER).is_some_and(|prefix| prefix.ends_with('.')) {
            listing.entries.remove(&name);
        } else if let Some(layer) = name.strip_suffix(FORMAT) {
            let json = listing.entries.remove(&name);
            check_json(json.as_ref().and_then(Entry::bytes).unwrap_or_default()).about(layer)?;
        } else if let Some(layer) = strip_any(&name, SCALES)
            && listing.entries.contains_key(&format!("{layer}.weight"))
            && let Some(scale) = listing.entries.remove(&name)
            && let Some(weight) = listing.entries.get_mut(&format!("{layer}.weight"))
        {
            weight.scales = Some(Arc::new(Scales::read(&scale, &weight.dims).about(&name)?));
        } else if let Some(layer) = strip_any(&name, INPUT_SCALES)
            && listing.entries.contains_key(&format!("{layer}.weight"))
        {
            listing.entries.remove(&name);
        }
    }
    Ok(())
}

fn strip_any<'a, const N: usize>(name: &'a str, suffixes: [&str; N]) -> Option<&'a str> {
    suffixes.into_iter().find_map(|suffix| name.strip_suffix(suffix))
}

fn check_header(header: &str) -> Result<()> {
    let header: Value = serde_json::from_str(header).or_else(|error| bail!("{HEADER}: {error}"))?;
    let layers = header["layers"].as_object();
    for (layer, format) in layers.into_iter().flatten() {
        check_format(format).about(layer)?;
    }
    Ok(())
}

fn check_json(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MAX_JSON_BYTES {
        bail!("the description of its number format is too long")
    }
    let format = serde_json::from_slice(bytes).or_else(|error| bail!("its number format: {error}"))?;
    check_format(&format)
}

fn check_format(format: &Value) -> Result<()> {
    match format["format"].as_str() {
        Some("float8_e4m3fn" | "float8_e5m2") => Ok(()),
        _ => bail!("its number format {format} cannot be read; use a file in bf16, fp8 or GGUF"),
    }
}
