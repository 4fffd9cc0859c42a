//! Properties of the text encoder, on random weights of odd sizes.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};

use super::tokenizer_tests::{sentence_pieces, whole_words};
use super::{PromptStore, TextEncoder, Umt5};
use crate::wan::weights::Weights;

const DIM: usize = 12;
const LAYERS: usize = 2;

/// Random tensors of an encoder whose attention is wider than its embeddings.
fn tensors(vocab: usize) -> Result<Vec<(String, Tensor)>> {
    let (dim_attn, dim_ffn, buckets, heads) = (18, 10, 32, 3);
    let matrix = |rows: usize, columns: usize| Tensor::randn(0f32, 0.3, (rows, columns), &Device::Cpu);
    let mut tensors = vec![
        ("token_embedding.weight".to_owned(), matrix(vocab, DIM)?),
        ("norm.weight".to_owned(), Tensor::ones(DIM, DType::F32, &Device::Cpu)?),
    ];
    for layer in 0..LAYERS {
        for (name, rows, columns) in [
            ("attn.q", dim_attn, DIM),
            ("attn.k", dim_attn, DIM),
            ("attn.v", dim_attn, DIM),
            ("attn.o", DIM, dim_attn),
            ("pos_embedding.embedding", buckets, heads),
            ("ffn.gate.0", dim_ffn, DIM),
            ("ffn.fc1", dim_ffn, DIM),
            ("ffn.fc2", DIM, dim_ffn),
        ] {
            tensors.push((format!("blocks.{layer}.{name}.weight"), matrix(rows, columns)?));
        }
        for norm in ["norm1", "norm2"] {
            tensors.push((format!("blocks.{layer}.{norm}.weight"), Tensor::ones(DIM, DType::F32, &Device::Cpu)?));
        }
    }
    Ok(tensors)
}

fn model(vocab: usize) -> Result<Umt5> {
    Umt5::load(&Weights::from_tensors(tensors(vocab)?, DType::F32, &Device::Cpu))
}

fn rows(x: &Tensor) -> Vec<Vec<f32>> {
    x.squeeze(0).and_then(|x| x.to_dtype(DType::F32)?.to_vec2()).expect("an embedding")
}

#[test]
fn a_prompt_is_its_tokens_rows_and_zeros() -> Result<()> {
    let model = model(60)?;
    let tokenizer = whole_words();
    let mut encoder = TextEncoder::new(tokenizer, model.clone(), 9)?;
    let prompt = encoder.encode("A red circle")?;
    assert_eq!(prompt.embedding.dims(), [1, 9, DIM]);
    assert_eq!(prompt.tokens.padding_start(), 4);
    let rows = rows(&prompt.embedding);
    assert!(rows[..4].iter().all(|row| row.iter().any(|x| x.abs() > 1e-3)));
    assert!(rows[4..].iter().flatten().all(|x| x.abs() < f32::MIN_POSITIVE));
    assert_eq!(rows[..4], self::rows(&model.forward(&prompt.tokens.ids())?));
    Ok(())
}

#[test]
fn prompts_are_remembered_by_what_they_clean_to() -> Result<()> {
    let mut encoder = TextEncoder::new(whole_words(), model(60)?, 16)?;
    let first = encoder.encode("a red  circle")?;
    assert!(Arc::ptr_eq(&first, &encoder.encode(" a red circle\n")?));
    for i in 0..100 {
        encoder.encode(&format!("blue {i}"))?;
        encoder.encode("a red circle")?;
    }
    assert!(Arc::ptr_eq(&first, &encoder.encode("a red circle")?), "what is in use stays");
    let forgotten = encoder.encode("blue 3")?;
    assert_eq!(Arc::strong_count(&forgotten), 2, "this test and the encoder");
    for i in 0..100 {
        encoder.encode(&format!("red {i}"))?;
    }
    assert_eq!(Arc::strong_count(&forgotten), 1, "the encoder lets go of old prompts");
    Ok(())
}

#[test]
fn hostile_prompts_have_embeddings() -> Result<()> {
    let mut encoder = TextEncoder::new(sentence_pieces(true, false), model(400)?, 24)?;
    for prompt in ["", "\0\0", "\u{202e}שלום", "👩‍👩‍👧", "</s></s>", &"猫".repeat(100_000), &"a ".repeat(50_000)]
    {
        let encoded = encoder.encode(prompt)?;
        assert_eq!(encoded.embedding.dims(), [1, 24, DIM]);
        assert!(rows(&encoded.embedding).iter().flatten().all(|x| x.is_finite()));
    }
    assert_eq!(model(60)?.encode(&[], 5)?.dims(), [1, 5, DIM]);
    Ok(())
}

#[test]
fn position_counts_only_as_distance() -> Result<()> {
    // All tokens alike: without positions every row would be the same; with absolute ones a shift would show.
    let model = model(60)?;
    let rows = rows(&model.forward(&[7; 40])?);
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference(&rows[0], &rows[20]) < 1e-5, "a mean over equal values does not see positions");
    let mut ids = [7; 300];
    ids[150] = 9;
    let rows = self::rows(&model.forward(&ids)?);
    assert!(difference(&rows[149], &rows[151]) > 1e-6, "before and behind differ");
    Ok(())
}

#[test]
fn what_f16_cannot_hold_stays_finite() -> Result<()> {
    let enlarged = |(name, x): (String, Tensor)| {
        let gain = if name.ends_with("fc2.weight") { 20_000.0 } else { 1.0 };
        Ok((name, (x * gain)?))
    };
    let tensors = tensors(60)?.into_iter().map(enlarged).collect::<Result<Vec<_>>>()?;
    let embedding = |dtype| -> Result<Vec<Vec<f32>>> {
        let model = Umt5::load(&Weights::from_tensors(tensors.clone(), dtype, &Device::Cpu))?;
        Ok(rows(&model.encode(&[3, 9, 4, 1], 6)?))
    };
    let (f16, f32) = (embedding(DType::F16)?, embedding(DType::F32)?);
    assert!(f16.iter().flatten().all(|x| x.is_finite()), "{f16:?}");
    let agree = f16.iter().flatten().zip(f32.iter().flatten()).filter(|(a, b)| a.signum() == b.signum()).count();
    assert!(agree > 6 * DIM * 3 / 4, "{agree} of {} signs agree", 6 * DIM);
    Ok(())
}

#[test]
fn files_that_do_not_belong_are_refused() -> Result<()> {
    let mismatch = TextEncoder::new(whole_words(), model(8)?, 16).err().expect("too few rows");
    assert!(mismatch.to_string().contains("tokenizer.json"), "{mismatch}");
    assert!(model(8)?.forward(&[8]).is_err());
    assert!(model(8)?.encode(&[1, 2, 3], 2).is_err());
    for (missing, _) in tensors(8)? {
        let some = tensors(8)?.into_iter().filter(|(name, _)| *name != missing);
        let loaded = Umt5::load(&Weights::from_tensors(some, DType::F32, &Device::Cpu));
        if missing == format!("blocks.{}.norm1.weight", LAYERS - 1) {
            continue; // A file with one layer fewer: the loader refuses its unused tensors.
        }
        let error = loaded.expect_err("an incomplete file");
        assert!(error.to_string().contains(&missing), "{missing}: {error}");
    }
    Ok(())
}

/// A second encoder of the same name takes the embeddings of the first from the disk, unless a file is damaged.
#[test]
fn embeddings_are_kept_on_disk() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = |name: &str| PromptStore::new(folder.path().join("prompts"), name.to_owned());
    let encoder =
        |name: &str| TextEncoder::new(whole_words(), model(60)?, 9).map(|encoder| encoder.with_store(store(name)));
    let files = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder.path().join("prompts")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let first = encoder("one")?.encode("a red circle")?;
    assert_eq!((files().len(), first.embedding.dims()), (1, &[1, 9, DIM][..]));
    // The weights of each encoder here are random, so only the disk can give equal rows.
    assert_eq!(rows(&encoder("one")?.encode("A red  circle")?.embedding), rows(&first.embedding));
    assert_ne!(rows(&encoder("two")?.encode("a red circle")?.embedding), rows(&first.embedding));
    assert_eq!(files().len(), 2);
    for damage in [&b""[..], b"{}", b"\x08\0\0\0\0\0\0\0{}      "] {
        for file in files() {
            std::fs::write(file, damage).expect("a file");
        }
        let again = encoder("one")?;
        assert_ne!(rows(&again.clone().encode("a red circle")?.embedding), rows(&first.embedding));
        assert_eq!(
            rows(&encoder("one")?.encode("a red circle")?.embedding),
            rows(&again.clone().encode("a red circle")?.embedding)
        );
    }
    // The oldest are forgotten, the newest stays.
    let small = TextEncoder::new(whole_words(), model(60)?, 9)?.with_store(store("one").with_limit(900));
    for prompt in ["a", "red", "blue", "circle"] {
        small.clone().encode(prompt)?;
    }
    let bytes: u64 = files().iter().map(|file| file.metadata().expect("a file").len()).sum();
    assert!(bytes <= 900 && !files().is_empty(), "{bytes} bytes");
    // A folder that cannot be made costs time, and nothing else.
    let nowhere = PromptStore::new("/dev/null/prompts".into(), "one".to_owned());
    TextEncoder::new(whole_words(), model(60)?, 9)?.with_store(nowhere).encode("a")?;
    Ok(())
}
