//! Text encoders and their tokenizers, wherever their publishers put them.

use std::fs;
use std::path::Path;

use bendrack::wan::checkpoint::Checkpoint;
use bendrack::wan::parts::{Choice, Part};
use bendrack::wan::text::Tokenizer;
use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Result, Tensor, bail};

use super::{Form, Home, Tensors};
use crate::recordings;
use crate::weights::make;

pub const FORMS: &[Form] = &[
    ("names of transformers", of_transformers),
    ("names of Wan's text encoder", of_wan),
    ("names of llama.cpp", of_llama),
    ("`tokenizer.json`", json),
    ("SentencePiece model", sentence_piece),
    ("tokenizer inside safetensors", inside_safetensors),
    ("tokenizer inside GGUF", inside_gguf),
    ("several tokenizers", several_tokenizers),
];

/// The recorded text encoder, in the names of transformers, with a row for each token of the vocabularies here.
fn encoder() -> Result<Tensors> {
    let mut tensors: Tensors =
        candle_core::safetensors::load(recordings::checked_in().join("umt5/weights.safetensors"), &Device::Cpu)?
            .into_iter()
            .collect();
    if let Some(embedding) = tensors.get_mut("shared.weight") {
        *embedding = embedding.pad_with_zeros(0, 0, 330usize.saturating_sub(embedding.dim(0)?))?;
    }
    Ok(tensors)
}

/// A name of transformers, in the words of another program.
fn renamed(tensors: &Tensors, words: &[(&str, &str)]) -> Tensors {
    let rename = |name: &str| words.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
    tensors.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect()
}

const WAN: [(&str, &str); 13] = [
    ("shared.", "token_embedding."),
    ("encoder.block.", "blocks."),
    ("layer.0.layer_norm", "norm1"),
    ("layer.1.layer_norm", "norm2"),
    ("layer.0.SelfAttention.relative_attention_bias", "pos_embedding.embedding"),
    ("layer.0.SelfAttention.", "attn."),
    ("layer.1.DenseReluDense.wi_0", "ffn.gate.0"),
    ("layer.1.DenseReluDense.wi_1", "ffn.fc1"),
    ("layer.1.DenseReluDense.wo", "ffn.fc2"),
    ("encoder.final_layer_norm", "norm"),
    ("encoder.embed_tokens.", "token_embedding."),
    ("base.", ""),
    ("model.", ""),
];

const LLAMA: [(&str, &str); 13] = [
    ("shared.", "token_embd."),
    ("encoder.block.", "enc.blk."),
    ("layer.0.layer_norm", "attn_norm"),
    ("layer.1.layer_norm", "ffn_norm"),
    ("layer.0.SelfAttention.relative_attention_bias", "attn_rel_b"),
    ("layer.0.SelfAttention.q", "attn_q"),
    ("layer.0.SelfAttention.k", "attn_k"),
    ("layer.0.SelfAttention.v", "attn_v"),
    ("layer.0.SelfAttention.o", "attn_o"),
    ("layer.1.DenseReluDense.wi_0", "ffn_gate"),
    ("layer.1.DenseReluDense.wi_1", "ffn_up"),
    ("layer.1.DenseReluDense.wo", "ffn_down"),
    ("encoder.final_layer_norm", "enc.output_norm"),
];

fn tokenizer_json() -> Vec<u8> {
    fs::read(make::made("tokenizer.json")).expect("a tokenizer")
}

/// The embedding that the text encoder in a folder makes of a prompt.
fn embedding(home: &Home, choice: &Choice) -> Result<Tensor> {
    let found = Checkpoint::find_with(&home.root(), choice)?;
    Ok(found.text_encoder(DType::F32, &Device::Cpu)?.encode("a red rose in the rain")?.embedding.clone())
}

fn home(tensors: &Tensors) -> Result<Home> {
    let home = Home::new()?;
    home.save_base()?;
    home.save("umt5.safetensors", tensors)?;
    Ok(home)
}

/// Checks that an encoder is read like the recorded one.
fn is_encoder(tensors: &Tensors) -> Result<()> {
    let [recorded, other] = [home(&encoder()?)?, home(tensors)?];
    for home in [&recorded, &other] {
        fs::write(home.path("tokenizer.json"), tokenizer_json())?;
    }
    let [expected, found] = [embedding(&recorded, &Choice::default())?, embedding(&other, &Choice::default())?];
    recordings::assert_close("embedding", &found, &expected, 0.0);
    Ok(())
}

fn of_transformers() -> Result<()> {
    is_encoder(&encoder()?)
}

fn of_wan() -> Result<()> {
    is_encoder(&renamed(&encoder()?, &WAN))
}

fn of_llama() -> Result<()> {
    let tensors = renamed(&encoder()?, &LLAMA);
    let home = home(&tensors)?;
    fs::remove_file(home.path("umt5.safetensors"))?;
    let listed: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, GgmlDType::F32)).collect();
    fs::write(home.path("umt5.gguf"), make::gguf(&listed))?;
    fs::write(home.path("tokenizer.json"), tokenizer_json())?;
    embedding(&home, &Choice::default()).map(|_| ())?;
    is_encoder(&tensors)
}

fn json() -> Result<()> {
    let home = home(&encoder()?)?;
    fs::create_dir(home.path("tokenizer"))?;
    fs::write(home.path("tokenizer/tokenizer.json"), tokenizer_json())?;
    embedding(&home, &Choice::default()).map(|_| ())
}

/// Checks that a tokenizer splits prompts as SentencePiece itself does.
fn splits_as_recorded(tokenizer: &Tokenizer) -> Result<()> {
    let recorded = fs::read(make::made("spiece.json"))?;
    let recorded: std::collections::BTreeMap<String, Vec<u32>> =
        serde_json::from_slice(&recorded).expect("recorded tokens");
    for (prompt, ids) in recorded {
        let found: Vec<u32> = tokenizer.tokenize(&prompt, 512)?.tokens.iter().map(|token| token.id).collect();
        if found != ids {
            bail!("{prompt:?} is split into {found:?}, not {ids:?}")
        }
    }
    Ok(())
}

fn sentence_piece() -> Result<()> {
    let made = make::made("spiece.model");
    splits_as_recorded(&Tokenizer::open(&made)?)?;
    for name in ["spiece.model", "tokenizer.model"] {
        let home = home(&encoder()?)?;
        fs::copy(&made, home.path(name))?;
        embedding(&home, &Choice::default())?;
    }
    Ok(())
}

fn inside_safetensors() -> Result<()> {
    let mut tensors = encoder()?;
    let model = fs::read(make::made("spiece.model"))?;
    let len = model.len();
    splits_as_recorded(&Tokenizer::from_sentence_piece(&model)?)?;
    tensors.insert("spiece_model".to_owned(), Tensor::from_vec(model, len, &Device::Cpu)?);
    embedding(&home(&tensors)?, &Choice::default()).map(|_| ())
}

fn inside_gguf() -> Result<()> {
    let weights = make::open(&fs::read(make::made("published.gguf"))?)?;
    let Some(tokenizer) = Tokenizer::from_weights(&weights)? else { bail!("the file has a tokenizer") };
    splits_as_recorded(&tokenizer)
}

/// Image-to-video repositories hold another tokenizer beside that of UMT5.
fn several_tokenizers() -> Result<()> {
    let home = home(&encoder()?)?;
    let place = |folder: &str, bytes: &[u8]| -> Result<()> {
        fs::create_dir_all(home.path(folder))?;
        Ok(fs::write(home.path(folder).join("tokenizer.json"), bytes)?)
    };
    place("xlm-roberta-large", b"{}")?;
    place("google/umt5-xxl", &tokenizer_json())?;
    fs::copy(make::made("spiece.model"), home.path("google/umt5-xxl/spiece.model"))?;
    let found = |choice: &Choice| Checkpoint::find_with(&home.root(), choice);
    assert_eq!(found(&Choice::default())?.tokenizer, Some(home.path("google/umt5-xxl/tokenizer.json")));
    embedding(&home, &Choice::default())?;
    // Nothing tells these two apart, unless a user does.
    fs::remove_dir_all(home.path("google"))?;
    place("one", &tokenizer_json())?;
    let error = found(&Choice::default()).expect_err("two tokenizers").to_string();
    assert!(error.contains("more than one tokenizer") && error.contains("--part tokenizer=FILE"), "{error}");
    let parts = [(Part::Tokenizer, Path::new(&home.path("one/tokenizer.json")).to_owned())].into();
    embedding(&home, &Choice { parts, ..Choice::default() })?;
    // Copies of one file are one.
    fs::remove_dir_all(home.path("xlm-roberta-large"))?;
    place("two", &tokenizer_json())?;
    embedding(&home, &Choice::default()).map(|_| ())
}
