//! Scales of 8-bit float checkpoints.
//!
//! Three forms exist. Plain casts need nothing here. The second has a marker `scaled_fp8` with `<layer>.scale_weight`.
//! The third has `<layer>.comfy_quant` or a `_quantization_metadata` header with `<layer>.weight_scale`. In all of them
//! a weight is the stored number times its scale. Source: ComfyUI, `comfy/ops.py` and `convert_old_quants` of
//! `comfy/utils.py`.

use candle_core::{DType, Device, Result, bail};
use serde_json::Value;

use super::entry::Entry;
use super::open::Listing;
use crate::wan::error::About;

const SCALES: [&str; 2] = [".scale_weight", ".weight_scale"];
/// Scales of activations, which matter only to 8-bit arithmetic.
const INPUT_SCALES: [&str; 2] = [".scale_input", ".input_scale"];
const FORMAT: &str = ".comfy_quant";
const MARKER: &str = "scaled_fp8";
const HEADER: &str = "_quantization_metadata";
const MAX_JSON_BYTES: usize = 1 << 16;

/// Attaches scales to the weights they belong to, and removes them and the markers from the list.
pub(super) fn consume(listing: &mut Listing) -> Result<()> {
    if let Some(header) = listing.metadata.get(HEADER) {
        check_header(header)?;
    }
    let names: Vec<String> = listing.entries.keys().cloned().collect();
    for name in names {
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
            weight.scale = Some(scalar(&scale).about(&name)?);
        } else if let Some(layer) = strip_any(&name, INPUT_SCALES)
            && listing.entries.contains_key(&format!("{layer}.weight"))
        {
            listing.entries.remove(&name);
        }
    }
    Ok(())
}

fn strip_any<'a>(name: &'a str, suffixes: [&str; 2]) -> Option<&'a str> {
    suffixes.into_iter().find_map(|suffix| name.strip_suffix(suffix))
}

/// The value of a tensor with one finite element.
pub(super) fn scalar(entry: &Entry) -> Result<f32> {
    if entry.dims.iter().any(|&dim| dim != 1) {
        bail!("a single number is expected, not a tensor of shape {:?}", entry.dims)
    }
    let value = entry.tensor(DType::F32, &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
    match value[..] {
        [value] if value.is_finite() => Ok(value),
        _ => bail!("a finite number is expected, not {value:?}"),
    }
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
        _ => bail!("its number format {format} cannot be read"),
    }
}
