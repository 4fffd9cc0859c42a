//! The text encoder against `umt5`.

use std::collections::BTreeMap;

use bendrack::wan::ops;
use bendrack::wan::text::{Seen, Umt5, relative_bucket};
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};

use crate::fixture::{Recording, assert_close, folder, json, number};

const TOLERANCE: f64 = 1e-5;

/// The recorded weights. DROP-WHEN-RENAMED: once the loader takes HF names this is `fixture::weights`.
fn weights(dtype: DType) -> Result<Weights> {
    let names = json("umt5_keymap_hf_to_original.json");
    let original = |name: &str| names[name].as_str().map_or_else(|| renamed(name), str::to_owned);
    let tensors = candle_core::safetensors::load(folder().join("umt5/weights.safetensors"), &Device::Cpu)?;
    Ok(Weights::from_tensors(tensors.into_iter().map(|(name, x)| (original(&name), x)), dtype, &Device::Cpu))
}

/// DROP-WHEN-RENAMED: a layer beyond those that the map lists, by the name of layer 0.
fn renamed(name: &str) -> String {
    let names = json("umt5_keymap_hf_to_original.json");
    let layer = name.split('.').nth(2).expect("a layer");
    let first = name.replacen(&format!(".{layer}."), ".0.", 1);
    names[first.as_str()].as_str().expect("a listed name").replacen(".0.", &format!(".{layer}."), 1)
}

/// The recorded prompt without its padding, and its padded length.
fn prompt(recording: &Recording) -> Result<(Vec<u32>, usize)> {
    let flat = |name: &str| recording.get(name).to_dtype(DType::U32)?.flatten_all()?.to_vec1::<u32>();
    let (ids, mask) = (flat("in.ids")?, flat("in.mask")?);
    let valid = mask.iter().filter(|m| **m == 1).count();
    assert!(mask[..valid].iter().all(|m| *m == 1), "padding stands behind the prompt");
    Ok((ids[..valid].to_vec(), ids.len()))
}

/// The recorded `name` without the rows of the padding.
fn valid_rows(recording: &Recording, name: &str, valid: usize) -> Result<Tensor> {
    recording.get(name).narrow(1, 0, valid)
}

#[test]
fn sizes_are_read_from_the_file() -> Result<()> {
    let config = json("umt5/config.json");
    let model = Umt5::load(&weights(DType::F32)?)?;
    assert_eq!(model.dim(), number(&config, "d_model"));
    assert_eq!(model.vocab_size(), number(&config, "vocab_size"));
    let mut layers = 0;
    model.forward_seen(&[1], |layer, _| layers = layer + 1)?;
    assert_eq!(layers, number(&config, "num_layers"));
    Ok(())
}

#[test]
fn embeddings_are_the_originals() -> Result<()> {
    let recording = Recording::load("umt5/io.safetensors");
    let (ids, length) = prompt(&recording)?;
    let model = Umt5::load(&weights(DType::F32)?)?;
    let embedding = model.encode(&ids, length)?;
    recording.check("out.zero_padded", &embedding, TOLERANCE);
    let rows = embedding.narrow(1, 0, ids.len())?;
    recording.check("original.out_valid", &rows, TOLERANCE);
    assert_close("umt5 out", &rows, &valid_rows(&recording, "out", ids.len())?, TOLERANCE);
    Ok(())
}

/// The layers' insides, by the recordings' names.
fn insides(model: &Umt5, ids: &[u32]) -> Result<BTreeMap<String, Tensor>> {
    let mut insides = BTreeMap::new();
    let mut maps = Vec::new();
    model.forward_seen(ids, |layer, seen| {
        let (what, x) = match seen {
            Seen::Attention(attention) => return maps.push((layer, attention.clone())),
            Seen::AttnOut(x) => ("attn_out", x),
            Seen::FfnHidden(x) => ("ffn_hidden", x),
            Seen::BlockOut(x) => ("out", x),
        };
        insides.insert(format!("block.{layer}.{what}"), x.clone());
    })?;
    for (layer, attention) in maps {
        // With one value column for each key the output is the map.
        let keys = attention.k.dim(1)?;
        let heads = attention.k.dim(2)?;
        let each = Tensor::eye(keys, DType::F32, &Device::Cpu)?.reshape((1, keys, 1, keys))?;
        let each = each.broadcast_as((1, keys, heads, keys))?.contiguous()?;
        let map = ops::attention(&attention.q, &attention.k, &each, attention.bias.as_ref(), attention.scale)?;
        insides.insert(format!("block.{layer}.probs_head0_rows"), map.narrow(2, 0, 1)?.squeeze(2)?);
    }
    Ok(insides)
}

#[test]
fn layers_are_the_originals() -> Result<()> {
    let recording = Recording::load("umt5/io.safetensors");
    let (ids, length) = prompt(&recording)?;
    let insides = insides(&Umt5::load(&weights(DType::F32)?)?, &ids)?;
    let mut compared = 0;
    for name in recording.names().filter(|name| name.starts_with("block.")) {
        let actual = insides.get(name).unwrap_or_else(|| panic!("nothing is seen of {name}"));
        let expected = recording.get(name);
        if name.rsplit('.').next() == Some("probs_head0_rows") {
            // Recorded for evenly spaced queries, and for padding too.
            let every = length.div_ceil(expected.dim(1)?);
            for (row, query) in (0..ids.len()).step_by(every).enumerate() {
                let expected = expected.narrow(1, row, 1)?.narrow(2, 0, ids.len())?;
                assert_close(name, &actual.narrow(1, query, 1)?, &expected, TOLERANCE);
            }
        } else {
            assert_close(name, actual, &valid_rows(&recording, name, ids.len())?, TOLERANCE);
        }
        compared += 1;
    }
    assert!(compared > 0, "no layers are recorded");
    Ok(())
}

#[test]
fn buckets_are_the_originals() -> Result<()> {
    let config = json("umt5/config.json");
    let buckets = number(&config, "relative_attention_num_buckets");
    let distance = number(&config, "relative_attention_max_distance");
    let recording = Recording::load("umt5/io.safetensors");
    let offsets = recording.get("bucket.rel").to_vec1::<i64>()?;
    let actual: Vec<i64> = offsets.iter().map(|&offset| relative_bucket(offset, buckets, distance).into()).collect();
    assert_eq!(actual, recording.get("bucket.idx").to_vec1::<i64>()?);
    Ok(())
}

/// Every recording belongs to a test above.
#[test]
fn every_recording_is_covered() {
    let known = ["in.ids", "in.mask", "out", "out.zero_padded", "original.out_valid", "bucket.rel", "bucket.idx"];
    for name in Recording::load("umt5/io.safetensors").names() {
        assert!(name.starts_with("block.") || known.contains(&name), "no test covers {name}");
    }
}

/// Half precision stays near f32: its rounding, but no infinities and no other function.
#[test]
fn half_precision_stays_near() -> Result<()> {
    let recording = Recording::load("umt5/io.safetensors");
    let (ids, length) = prompt(&recording)?;
    let scale = recording.get("out").abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
    for (dtype, tolerance) in [(DType::F16, 0.005), (DType::BF16, 0.04)] {
        let embedding = Umt5::load(&weights(dtype)?)?.encode(&ids, length)?;
        assert_eq!(embedding.dtype(), dtype);
        recording.check("out.zero_padded", &embedding.to_dtype(DType::F32)?, tolerance * f64::from(scale));
    }
    Ok(())
}
