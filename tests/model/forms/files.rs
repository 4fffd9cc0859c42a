//! Files, folders and names.

use std::collections::BTreeMap;
use std::fs;

use bendrack::wan::parts::{Choice, Lora, Part};
use bendrack::wan::weights::Products;
use candle_core::quantized::GgmlDType;
use candle_core::{Result, Tensor};

use super::{Form, Home, Tensors, is_model};
use crate::weights::make;

pub const FORMS: &[Form] = &[
    ("a safetensors file", one_file),
    ("shards with an index", shards_with_an_index),
    ("shards without an index", shards_without_an_index),
    ("a PyTorch file", a_torch_file),
    ("PyTorch shards", torch_shards),
    ("GGUF", gguf),
    ("GGUF in several files", gguf_shards),
    ("the file of a transformer as the model", a_file_alone),
    ("the hub's cache", hub_cache),
    ("hidden files", hidden_files),
    ("several files for a part", several_files),
    ("`model.json` of a folder", model_file),
    ("names of diffusers", names_of_diffusers),
    ("names of ComfyUI", names_of_comfy),
    ("names of training programs", names_of_training),
];

fn one_file() -> Result<()> {
    let home = Home::new()?;
    home.save_base()?;
    home.is_base(0.0)
}

/// The tensors in three parts.
fn thirds(tensors: &Tensors) -> [Tensors; 3] {
    let mut parts = [Tensors::new(), Tensors::new(), Tensors::new()];
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        parts[index % 3].insert(name.clone(), tensor.clone());
    }
    parts
}

fn save_shards(home: &Home, stem: &str) -> Result<serde_json::Value> {
    let mut map = BTreeMap::new();
    for (index, part) in thirds(&home.base).iter().enumerate() {
        let file = format!("{stem}-{:05}-of-00003.safetensors", index + 1);
        map.extend(part.keys().map(|name| (name.clone(), file.clone())));
        home.save(&file, part)?;
    }
    Ok(serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": map }))
}

fn shards_with_an_index() -> Result<()> {
    let home = Home::new()?;
    let index = save_shards(&home, "diffusion_pytorch_model")?;
    let path = home.path("diffusion_pytorch_model.safetensors.index.json");
    fs::write(&path, index.to_string())?;
    home.is_base(0.0)?;
    is_model(&path, &Choice::default(), &home.base, 0.0)?;
    // Another checkpoint beside the shards is another candidate.
    home.save_base()?;
    let error = home.is_base(0.0).expect_err("two transformers").to_string();
    assert!(error.contains("more than one transformer") && error.contains("--part transformer=FILE"), "{error}");
    Ok(())
}

fn shards_without_an_index() -> Result<()> {
    let home = Home::new()?;
    save_shards(&home, "model")?;
    home.is_base(0.0)?;
    for number in [1, 2, 3] {
        let shard = home.path(&format!("model-{number:05}-of-00003.safetensors"));
        is_model(&shard, &Choice::default(), &home.base, 0.0)?;
        let away = home.path("away");
        fs::rename(&shard, &away)?;
        let error = home.is_base(0.0).expect_err("two of three shards").to_string();
        let fault = format!("model-{number:05}-of-00003.safetensors is missing: 2 of 3 shards are there");
        assert!(error.contains(&fault) && !error.starts_with("there is no"), "{error}");
        fs::rename(&away, &shard)?;
    }
    Ok(())
}

fn torch(tensors: &Tensors) -> Result<Vec<u8>> {
    let numbers = tensors
        .iter()
        .map(|(name, tensor)| Ok((name.as_str(), tensor.dims(), tensor.flatten_all()?.to_vec1::<f32>()?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(make::torch(&numbers, false))
}

fn a_torch_file() -> Result<()> {
    for ending in ["pt", "pth", "bin", "ckpt"] {
        let home = Home::new()?;
        fs::write(home.path(&format!("model.{ending}")), torch(&home.base)?)?;
        home.is_base(0.0)?;
    }
    Ok(())
}

fn torch_shards() -> Result<()> {
    let home = Home::new()?;
    let mut map = BTreeMap::new();
    for (index, part) in thirds(&home.base).iter().enumerate() {
        let file = format!("pytorch_model-{:05}-of-00003.bin", index + 1);
        map.extend(part.keys().map(|name| (name.clone(), file.clone())));
        fs::write(home.path(&file), torch(part)?)?;
    }
    home.is_base(0.0)?;
    let index = serde_json::json!({ "weight_map": map });
    fs::write(home.path("pytorch_model.bin.index.json"), index.to_string())?;
    home.is_base(0.0)
}

fn gguf_of(tensors: &Tensors) -> Vec<u8> {
    let tensors: Vec<(&str, &Tensor, GgmlDType)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, GgmlDType::F32)).collect();
    make::gguf(&tensors)
}

fn gguf() -> Result<()> {
    let home = Home::new()?;
    fs::write(home.path("model.gguf"), gguf_of(&home.base))?;
    home.is_base(1e-5)
}

fn gguf_shards() -> Result<()> {
    let home = Home::new()?;
    for (index, part) in thirds(&home.base).iter().enumerate() {
        fs::write(home.path(&format!("model-{:05}-of-00003.gguf", index + 1)), gguf_of(part))?;
    }
    home.is_base(1e-5)
}

fn a_file_alone() -> Result<()> {
    let home = Home::new()?;
    home.save_base()?;
    home.save("another.safetensors", &home.base)?;
    is_model(&home.path("another.safetensors"), &Choice::default(), &home.base, 0.0)
}

fn hub_cache() -> Result<()> {
    let home = Home::new()?;
    home.save_base()?;
    let cache = tempfile::tempdir()?;
    let model = cache.path().join("models--someone--Self-Forcing");
    let [old, new] = ["0ld", "4ae1"].map(|hash| model.join("snapshots").join(hash));
    for snapshot in [&old, &new] {
        fs::create_dir_all(snapshot.join("transformer"))?;
    }
    fs::create_dir_all(model.join("refs"))?;
    fs::create_dir_all(model.join("blobs"))?;
    fs::write(model.join("refs/main"), "4ae1")?;
    // The cache links to files without an ending.
    for (name, blob) in [("model.safetensors", "b0"), ("config.json", "b1")] {
        fs::copy(home.path(name), model.join("blobs").join(blob))?;
        for snapshot in [&old, &new] {
            let link = snapshot.join("transformer").join(name);
            #[cfg(unix)]
            std::os::unix::fs::symlink(format!("../../../blobs/{blob}"), link)?;
            #[cfg(not(unix))]
            fs::copy(model.join("blobs").join(blob), link).map(|_| ())?;
        }
    }
    is_model(&model, &Choice::default(), &home.base, 0.0)
}

fn hidden_files() -> Result<()> {
    let home = Home::new()?;
    save_shards(&home, "model")?;
    for name in ["._model-00001-of-00003.safetensors", "._config.json", ".model.safetensors.part", "._spiece.model"] {
        fs::write(home.path(name), b"\0\x05\x16\x07\0\x02\0\0Mac OS X")?;
    }
    home.is_base(0.0)?;
    is_model(&home.path("model-00002-of-00003.safetensors"), &Choice::default(), &home.base, 0.0)
}

fn several_files() -> Result<()> {
    let home = Home::new()?;
    home.save_base()?;
    let mut other = home.base.clone();
    for tensor in other.values_mut() {
        *tensor = (&*tensor * 0.5)?;
    }
    home.save("other.safetensors", &other)?;
    for (file, expected) in [("model.safetensors", &home.base), ("other.safetensors", &other)] {
        let parts = [(Part::Transformer, home.path(file))].into();
        is_model(&home.root(), &Choice { parts, ..Choice::default() }, expected, 0.0)?;
    }
    let vae = [(Part::Vae, home.path("other.safetensors"))].into();
    let error = is_model(&home.root(), &Choice { parts: vae, ..Choice::default() }, &home.base, 0.0);
    let error = error.expect_err("no VAE").to_string();
    assert!(error.contains("part vae") && error.contains("is a Wan diffusion transformer"), "{error}");
    Ok(())
}

fn model_file() -> Result<()> {
    let home = Home::new()?;
    fs::create_dir(home.path("unused"))?;
    home.save("unused/one.safetensors", &home.base)?;
    home.save("two.safetensors", &home.base)?;
    let write = |json: serde_json::Value| fs::write(home.path("model.json"), json.to_string());
    write(
        serde_json::json!({ "family": "longlive", "parts": { "transformer": "unused/one.safetensors" }, "loras": [], "products": "bf16" }),
    )?;
    let found = bendrack::wan::checkpoint::Checkpoint::find(&home.root())?;
    // A video in bf16 is another one, so the model has another fingerprint.
    assert_eq!(found.products, Products::Bf16);
    let exact = bendrack::wan::checkpoint::Checkpoint { products: Products::F32, ..found.clone() };
    assert_ne!(exact.fingerprint()?.finish(), found.fingerprint()?.finish());
    assert_eq!((found.family.name(), found.transformer), ("longlive", home.path("unused/one.safetensors")));
    // A choice of the command line goes before that of the file.
    let parts = [(Part::Transformer, home.path("two.safetensors"))].into();
    let choice = Choice { parts, loras: Some(vec![Lora::new(home.path("l.safetensors"))]), ..Choice::default() };
    let found = bendrack::wan::checkpoint::Checkpoint::find_with(&home.root(), &choice)?;
    assert_eq!((found.transformer, found.loras.len()), (home.path("two.safetensors"), 1));
    for (json, fault) in [
        (serde_json::json!({ "familly": "longlive" }), "familly"),
        (serde_json::json!({ "family": "longdead" }), "there is no family \"longdead\"; choose from wan"),
        (
            serde_json::json!({ "parts": { "unet": "two.safetensors" } }),
            "there is no part \"unet\"; choose from transformer",
        ),
        (serde_json::json!({ "parts": { "vae": "gone.pth" } }), "vae: there is no file gone.pth"),
        (serde_json::json!({ "loras": ["gone.safetensors:0.5"] }), "LoRA: there is no file gone.safetensors"),
        (serde_json::json!({ "loras": ["gone.safetensors:inf"] }), "finite"),
        (serde_json::json!({ "products": "f64" }), "there are no products in \"f64\"; choose from f32, bf16"),
        (serde_json::json!([]), "model.json"),
    ] {
        write(json)?;
        let error = home.is_base(0.0).expect_err("a wrong model.json").to_string();
        assert!(error.contains(fault) && error.contains("model.json"), "{error}");
    }
    Ok(())
}

/// Renames the weights of a block, and the rest, as a program does.
fn is_renamed(rename: impl Fn(&str) -> String) -> Result<()> {
    let home = Home::new()?;
    let renamed: Tensors = home.base.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect();
    assert!(renamed.keys().ne(home.base.keys()));
    home.save("model.safetensors", &renamed)?;
    home.is_base(0.0)
}

fn names_of_diffusers() -> Result<()> {
    let words = [
        ("head.modulation", "scale_shift_table"),
        (".modulation", ".scale_shift_table"),
        ("self_attn.o.", "attn1.to_out.0."),
        ("cross_attn.o.", "attn2.to_out.0."),
        ("self_attn.norm", "attn1.norm"),
        ("cross_attn.norm", "attn2.norm"),
        ("self_attn.", "attn1.to_"),
        ("cross_attn.", "attn2.to_"),
        ("norm3", "norm2"),
        ("ffn.0", "ffn.net.0.proj"),
        ("ffn.2", "ffn.net.2"),
        ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
        ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
        ("time_projection.1", "condition_embedder.time_proj"),
        ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
        ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
        ("head.head", "proj_out"),
    ];
    is_renamed(|name| {
        let (from, to) = words.iter().find(|(from, _)| name.contains(from)).copied().unwrap_or(("", ""));
        name.replacen(from, to, 1)
    })
}

fn names_of_comfy() -> Result<()> {
    is_renamed(|name| format!("model.diffusion_model.{name}"))?;
    is_renamed(|name| format!("diffusion_model.{name}"))
}

fn names_of_training() -> Result<()> {
    is_renamed(|name| format!("model._fsdp_wrapped_module.{}", name.replace("self_attn.", "self_attn._orig_mod.")))
}
