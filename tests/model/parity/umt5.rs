//! The text encoder against `umt5`.

use std::collections::{BTreeMap, BTreeSet};

use bendrack::wan::ops;
use bendrack::wan::text::{Umt5, relative_bucket};
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};

use crate::recordings::{self, Recording, assert_close, json, number};

const TOLERANCE: f64 = 1e-5;

fn weights(dtype: DType) -> Weights {
    recordings::weights_in("umt5/weights.safetensors", dtype)
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
    let model = Umt5::load(&weights(DType::F32))?;
    assert_eq!(model.dim(), number(&config, "d_model"));
    assert_eq!(model.vocab_size(), number(&config, "vocab_size"));
    let mut layers = BTreeSet::new();
    model.forward_traced(&[1], &mut |name, _| {
        layers.extend(name.split('.').nth(1).map(str::to_owned));
    })?;
    assert_eq!(layers.len(), number(&config, "num_layers"));
    Ok(())
}

#[test]
fn embeddings_are_the_originals() -> Result<()> {
    let recording = Recording::load("umt5/io.safetensors");
    let (ids, length) = prompt(&recording)?;
    let model = Umt5::load(&weights(DType::F32))?;
    let embedding = model.encode(&ids, length)?;
    recording.check("out.zero_padded", &embedding, TOLERANCE);
    let rows = embedding.narrow(1, 0, ids.len())?;
    recording.check("original.out_valid", &rows, TOLERANCE);
    assert_close("umt5 out", &rows, &valid_rows(&recording, "out", ids.len())?, TOLERANCE);
    Ok(())
}

/// The layers' insides, by the recordings' names.
fn insides(model: &Umt5, ids: &[u32]) -> Result<BTreeMap<String, Tensor>> {
    let (mut traced, mut insides) = (BTreeMap::new(), BTreeMap::new());
    model.forward_traced(ids, &mut |name, x| _ = traced.insert(name.to_owned(), x.clone()))?;
    for layer in (0..).take_while(|layer| traced.contains_key(&format!("blocks.{layer}"))) {
        let part = |name: &str| &traced[&format!("blocks.{layer}{name}")];
        for (name, recorded) in [(".attn.o", "attn_out"), (".ffn.hidden", "ffn_hidden"), ("", "out")] {
            insides.insert(format!("block.{layer}.{recorded}"), part(name).clone());
        }
        // With one value column for each key the output is the map.
        let (q, k) = (part(".attn.q"), part(".attn.k"));
        let (keys, heads) = (k.dim(1)?, k.dim(2)?);
        let each = Tensor::eye(keys, DType::F32, &Device::Cpu)?.reshape((1, keys, 1, keys))?;
        let each = each.broadcast_as((1, keys, heads, keys))?.contiguous()?;
        let map = ops::attention(q, k, &each, Some(part(".pos_embedding")), 1.0)?;
        insides.insert(format!("block.{layer}.probs_head0_rows"), map.narrow(2, 0, 1)?.squeeze(2)?);
    }
    Ok(insides)
}

#[test]
fn layers_are_the_originals() -> Result<()> {
    let recording = Recording::load("umt5/io.safetensors");
    let (ids, length) = prompt(&recording)?;
    let insides = insides(&Umt5::load(&weights(DType::F32))?, &ids)?;
    // Neurons are products and grow large; there 1e-5 is relative.
    let tolerance = |expected: &Tensor| -> Result<f64> {
        Ok(TOLERANCE * f64::from(expected.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?).max(1.0))
    };
    let mut compared = 0;
    for name in recording.names().filter(|name| name.starts_with("block.")) {
        let actual = insides.get(name).unwrap_or_else(|| panic!("nothing is seen of {name}"));
        let expected = recording.get(name);
        if name.rsplit('.').next() == Some("probs_head0_rows") {
            // Recorded for every 16th query, and for padding too.
            assert_eq!(expected.dim(1)?, length.div_ceil(16), "{name}: queries");
            for (row, query) in (0..ids.len()).step_by(16).enumerate() {
                let expected = expected.narrow(1, row, 1)?.narrow(2, 0, ids.len())?;
                assert_close(name, &actual.narrow(1, query, 1)?, &expected, TOLERANCE);
            }
        } else {
            let expected = valid_rows(&recording, name, ids.len())?;
            assert_close(name, actual, &expected, tolerance(&expected)?);
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
    for (dtype, tolerance) in [(DType::F16, 0.02), (DType::BF16, 0.1)] {
        let embedding = Umt5::load(&weights(dtype))?.encode(&ids, length)?;
        assert_eq!(embedding.dtype(), dtype);
        recording.check("out.zero_padded", &embedding.to_dtype(DType::F32)?, tolerance * f64::from(scale));
    }
    Ok(())
}
