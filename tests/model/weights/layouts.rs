//! Other libraries' names become the original ones.

use std::collections::{BTreeMap, BTreeSet};

use bendrack::wan::weights::{Kind, Variant, Weights};
use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device};
use safetensors::tensor::Dtype;

use super::make::{self, f32_bytes, values};
use crate::recordings;

/// Opens a safetensors file of one-element tensors with these names; the n-th holds n.
fn named(names: &[&str]) -> candle_core::Result<Weights> {
    let tensors: Vec<make::Raw<'_>> = (names.iter().enumerate())
        .map(|(n, name)| (*name, Dtype::F32, &[1usize][..], f32_bytes(&[n as f32])))
        .collect();
    make::open(&make::safetensors(&tensors, &[]))
}

fn keymap(file: &str) -> BTreeMap<String, String> {
    serde_json::from_value(recordings::json(file)).unwrap()
}

const KEYMAPS: [&str; 3] = [
    "dit_keymap_diffusers_to_original.json",
    "vae_keymap_diffusers_to_original.json",
    "umt5_keymap_hf_to_original.json",
];

#[test]
fn every_name_of_the_recorded_maps() {
    for file in KEYMAPS {
        let map = keymap(file);
        let theirs: Vec<&str> = map.keys().map(String::as_str).collect();
        let weights = named(&theirs).unwrap();
        for (n, (from, to)) in map.iter().enumerate() {
            assert_eq!(weights.dims(to), Some(vec![1]), "{file}: {from} should become {to}");
            assert_eq!(values(&weights, to), [n as f32], "{file}: {from} should become {to}");
        }
        assert_eq!(weights.names().count(), map.len());
        weights.finish().unwrap();
    }
}

#[test]
fn original_names_stay() {
    for file in KEYMAPS {
        let map = keymap(file);
        let originals: BTreeSet<&str> = map.values().map(String::as_str).collect();
        let weights = named(&originals.iter().copied().collect::<Vec<_>>()).unwrap();
        assert_eq!(weights.names().collect::<BTreeSet<_>>(), originals, "{file}");
    }
}

#[test]
fn recorded_weights_get_exactly_the_original_names() {
    for (file, map) in [("dit", 0), ("causal", 0), ("vae", 1), ("umt5", 2)] {
        let weights = recordings::weights(&format!("{file}/weights.safetensors"));
        // The maps were made for the recorded sizes; with more blocks the rest of the names has to look alike.
        let known: BTreeSet<String> = keymap(KEYMAPS[map]).into_values().map(|name| without_numbers(&name)).collect();
        let names: BTreeSet<String> = weights.names().map(without_numbers).collect();
        assert_eq!(names, known, "{file}");
    }
    let taehv = recordings::weights("taehv/weights.safetensors");
    let real: BTreeMap<String, Vec<usize>> =
        serde_json::from_value(recordings::json("taehv_real_shapes.json")).unwrap();
    assert!(taehv.names().eq(real.keys().map(String::as_str)));
}

fn without_numbers(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let is_block = |at: usize| at > 0 && ["blocks", "downsamples", "upsamples"].contains(&parts[at - 1]);
    (0..parts.len()).map(|at| if is_block(at) { "N" } else { parts[at] }).collect::<Vec<_>>().join(".")
}

#[test]
fn recorded_kinds() {
    let open = |folder: &str| recordings::weights(&format!("{folder}/weights.safetensors"));
    let config = |folder: &str| recordings::json(&format!("{folder}/config.json"));
    let number = recordings::number;

    let causal = config("causal");
    let expected = Kind::Transformer {
        dim: number(&causal, "dim"),
        ffn: number(&causal, "ffn_dim"),
        layers: number(&causal, "num_layers"),
        variant: Variant::TextToVideo,
    };
    assert_eq!(open("causal").kind(), expected);
    let dit = config("dit");
    let Kind::Transformer { dim, layers, .. } = open("dit").kind() else { panic!("{:?}", open("dit")) };
    assert_eq!(dim, number(&dit, "num_attention_heads") * number(&dit, "attention_head_dim"));
    assert_eq!(layers, number(&dit, "num_layers"));
    let umt5 = config("umt5");
    let (vocab, dim, layers) = (number(&umt5, "vocab_size"), number(&umt5, "d_model"), number(&umt5, "num_layers"));
    assert_eq!(open("umt5").kind(), Kind::TextEncoder { vocab, dim, layers });
    assert_eq!(open("vae").kind(), Kind::Vae { latent_channels: number(&config("vae"), "z_dim") });
    assert_eq!(open("taehv").kind(), Kind::Taehv { latent_channels: number(&config("taehv"), "latent_channels") });
    let rank = number(&config("lora"), "rank");
    assert!(matches!(recordings::weights("lora/lora.safetensors").kind(), Kind::Lora { rank: r, .. } if r == rank));
}

#[test]
fn prefixes_and_wrappers_are_stripped() {
    for prefix in [
        "model.diffusion_model.",
        "diffusion_model.",
        "model.",
        "net.",
        "model.model.",
        "model._fsdp_wrapped_module.",
        "_fsdp_wrapped_module.model._orig_mod.",
    ] {
        let weights = named(&[&format!("{prefix}blocks.0._fsdp_wrapped_module.norm3.weight")]).unwrap();
        assert_eq!(weights.names().collect::<Vec<_>>(), ["blocks.0.norm3.weight"], "{prefix}");
    }
    let message = named(&["model.a", "a"]).unwrap_err().to_string();
    assert!(message.contains("are both a"), "{message}");
}

#[test]
fn a_prefixed_diffusers_checkpoint() {
    let names = ["model.condition_embedder.time_proj.bias", "model.blocks.12.attn2.to_out.0.bias"];
    let weights = named(&names).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["blocks.12.cross_attn.o.bias", "time_projection.1.bias"]);
}

#[test]
fn tied_embeddings_count_once() {
    let block = "encoder.block.0.layer.0.layer_norm.weight";
    let weights = named(&["shared.weight", "encoder.embed_tokens.weight", block, "spiece_model"]).unwrap();
    assert_eq!(
        weights.names().collect::<Vec<_>>(),
        ["blocks.0.norm1.weight", "spiece_model", "token_embedding.weight"]
    );
    assert_eq!(values(&weights, "token_embedding.weight"), [0.0]);
    let weights = named(&["encoder.embed_tokens.weight", block]).unwrap();
    assert_eq!(values(&weights, "token_embedding.weight"), [0.0]);
}

#[test]
fn llama_cpp_names_of_a_text_encoder() {
    const PAIRS: [(&str, &str); 13] = [
        ("token_embd.weight", "token_embedding.weight"),
        ("enc.blk.0.attn_norm.weight", "blocks.0.norm1.weight"),
        ("enc.blk.0.attn_q.weight", "blocks.0.attn.q.weight"),
        ("enc.blk.0.attn_k.weight", "blocks.0.attn.k.weight"),
        ("enc.blk.0.attn_v.weight", "blocks.0.attn.v.weight"),
        ("enc.blk.0.attn_o.weight", "blocks.0.attn.o.weight"),
        ("enc.blk.0.attn_rel_b.weight", "blocks.0.pos_embedding.embedding.weight"),
        ("enc.blk.0.ffn_norm.weight", "blocks.0.norm2.weight"),
        ("enc.blk.0.ffn_gate.weight", "blocks.0.ffn.gate.0.weight"),
        ("enc.blk.0.ffn_up.weight", "blocks.0.ffn.fc1.weight"),
        ("enc.blk.0.ffn_down.weight", "blocks.0.ffn.fc2.weight"),
        ("enc.blk.23.ffn_down.weight", "blocks.23.ffn.fc2.weight"),
        ("enc.output_norm.weight", "norm.weight"),
    ];
    let tensor = make::noise(&[4, 2]);
    let weights = make::open(&make::gguf(&PAIRS.map(|(from, _)| (from, &tensor, GgmlDType::F16)))).unwrap();
    assert_eq!(weights.names().collect::<BTreeSet<_>>(), PAIRS.iter().map(|(_, to)| *to).collect::<BTreeSet<_>>());
    assert_eq!(weights.kind(), Kind::TextEncoder { vocab: 4, dim: 2, layers: 1 });
}

#[test]
fn variants_of_the_transformer() {
    let kind = |channels: usize, extra: &str| {
        make::zeros(&[
            ("head.modulation", &[1, 2, 8]),
            ("patch_embedding.weight", &[8, channels, 1, 2, 2]),
            (extra, &[1]),
        ])
        .kind()
    };
    let transformer = |variant| Kind::Transformer { dim: 8, ffn: 0, layers: 0, variant };
    assert_eq!(kind(16, "x"), transformer(Variant::TextToVideo));
    assert_eq!(kind(36, "x"), transformer(Variant::ImageToVideo));
    assert_eq!(kind(16, "img_emb.proj.0.bias"), transformer(Variant::ImageToVideo));
    assert_eq!(kind(16, "vace_patch_embedding.weight"), transformer(Variant::Vace));
    assert_eq!(Weights::from_tensors([], DType::F32, &Device::Cpu).kind(), Kind::Unknown);
}
