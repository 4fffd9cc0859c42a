//! Models in folders, and quantised models, through the transformer.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bendrack::engine::{Engine, Model, Warning};
use bendrack::wan::checkpoint::Checkpoint;
use bendrack::wan::decode::DecoderStream;
use bendrack::wan::family::Family;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::linear::Linear;
use bendrack::wan::parts::Choice;
use bendrack::wan::rollout::Rollout;
use bendrack::wan::transformer::Transformer;
use bendrack::wan::weights::Weights;
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device, Module, Result, Tensor};
use serde_json::json;

use crate::forms::transformer;
use crate::recordings;

/// Copies recorded files into a folder laid out as people lay them out.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (from, to) in files {
        let (from, to) = (recordings::folder().join(from), folder.path().join(to));
        fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        fs::copy(from, to).expect("a copy");
    }
    folder
}

/// Gives the recorded text encoder a row for each token of the tokenizer, if the recording's vocabulary is smaller.
fn widen_vocabulary(file: &Path, tokens: usize) -> Result<()> {
    let mut tensors = candle_core::safetensors::load(file, &Device::Cpu)?;
    let embedding = tensors.get_mut("shared.weight").expect("an embedding");
    let missing = tokens.saturating_sub(embedding.dim(0)?);
    *embedding = embedding.pad_with_zeros(0, 0, missing)?;
    candle_core::safetensors::save(&tensors, file)
}

const TRANSFORMER: (&str, &str) = ("causal/weights.safetensors", "self_forcing/model.safetensors");
const CONFIG: (&str, &str) = ("causal/config.json", "self_forcing/config.json");
const TEXT: (&str, &str) = ("umt5/weights.safetensors", "text_encoder/model.safetensors");
const VAE: (&str, &str) = ("vae/weights.safetensors", "vae/diffusion_pytorch_model.safetensors");
const TAEHV: (&str, &str) = ("taehv/weights.safetensors", "taew2_1.safetensors");

#[test]
fn every_part_is_found_by_its_contents() -> Result<()> {
    let folder = folder(&[TRANSFORMER, CONFIG, TEXT, VAE, TAEHV]);
    let tokenizer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures_made/tokenizer.json");
    fs::copy(tokenizer, folder.path().join("text_encoder/tokenizer.json"))?;
    widen_vocabulary(&folder.path().join(TEXT.1), 64)?;
    fs::write(folder.path().join("optimizer.pt"), b"something else")?;

    let found = Checkpoint::find(folder.path())?;
    assert_eq!(found.transformer, folder.path().join(TRANSFORMER.1));
    assert_eq!(found.family, Family::SelfForcing);
    let model = found.transformer(DType::F32, &Device::Cpu)?;
    let mut text = found.text_encoder(DType::F32, &Device::Cpu)?;
    let prompt = text.encode("a red rose")?;
    assert_eq!(prompt.tokens.positions("rose"), [2]);
    let width = recordings::number(&recordings::json("umt5/config.json"), "d_model");
    assert_eq!(prompt.embedding.dims(), [1, model.config().text_len, width]);
    // The two were recorded apart and need not fit each other.
    assert_eq!(model.context(&prompt.embedding).is_ok(), width == model.config().text_dim);
    let with_vae = Checkpoint { taehv: None, ..found.clone() };
    for found in [found, with_vae] {
        let mut stream = DecoderStream::new(found.decoder(DType::F32, &Device::Cpu)?);
        let frames = stream.push(&Tensor::zeros((2, 16, 2, 4), DType::F32, &Device::Cpu)?)?;
        assert_eq!(frames.dims(), [5, 3, 16, 32]);
    }
    Ok(())
}

#[test]
fn what_is_missing_is_named() -> Result<()> {
    let alone = folder(&[TRANSFORMER, CONFIG]);
    let found = Checkpoint::find(alone.path())?;
    let error = found.decoder(DType::F32, &Device::Cpu).err().expect("no decoder").to_string();
    assert!(error.contains("Wan2.1_VAE.pth"), "{error}");
    let error = found.text_encoder(DType::F32, &Device::Cpu).err().expect("no text encoder").to_string();
    assert!(error.contains("tokenizer.json"), "{error}");

    let nothing = folder(&[VAE]);
    fs::write(nothing.path().join("model.pt"), b"PK\x03\x04 cut off")?;
    let error = Checkpoint::find(nothing.path()).expect_err("no transformer").to_string();
    let fault = error.split_once(". ").map_or("", |(fault, _)| fault);
    assert!(fault.contains("model.pt: the archive") && error.contains("no other Wan diffusion transformer"), "{error}");
    fs::remove_file(nothing.path().join("model.pt"))?;
    let error = Checkpoint::find(nothing.path()).expect_err("no transformer").to_string();
    assert!(error.contains("there is no Wan diffusion transformer in this folder"), "{error}");

    let twice = folder(&[TRANSFORMER, ("causal/weights.safetensors", "other/model.safetensors")]);
    let error = Checkpoint::find(twice.path()).expect_err("two transformers").to_string();
    assert!(error.contains("more than one") && error.contains("other"), "{error}");
    assert!(Checkpoint::find(Path::new("no/such/folder")).is_err());
    Ok(())
}

#[test]
fn a_folder_whose_name_has_no_family_is_refused_unless_the_family_is_given() -> Result<()> {
    let unnamed = folder(&[(TRANSFORMER.0, "base/model.safetensors")]);
    let error = Checkpoint::find(unnamed.path()).expect_err("no family").to_string();
    assert!(
        error.contains("base/model.safetensors") && error.contains("longlive") && error.contains("name"),
        "{error}"
    );
    assert_eq!(
        Checkpoint::find_with(unnamed.path(), &Choice { family: Some(Family::Krea), ..Choice::default() })?.family,
        Family::Krea
    );
    let wan = folder(&[(TRANSFORMER.0, "Wan2.1-T2V-1.3B/model.safetensors")]);
    assert_eq!(Checkpoint::find(wan.path())?.family, Family::Wan);
    // A configuration names the family; what is no name leaves it to the path.
    for (json, family) in
        [(r#"{"family": "mini"}"#, Family::Mini), (r#"{"family": 7}"#, Family::Wan), ("{", Family::Wan)]
    {
        std::fs::write(wan.path().join("Wan2.1-T2V-1.3B/config.json"), json)?;
        assert_eq!(Checkpoint::find(wan.path())?.family, family, "{json}");
    }
    Ok(())
}

/// Writes the recorded parts into a folder, as a model that plays.
fn complete(root: &Path) -> Result<()> {
    for (from, to) in [
        (TRANSFORMER.0, "diffusion_pytorch_model.safetensors"),
        (CONFIG.0, "config.json"),
        (TEXT.0, "text_encoder/model.safetensors"),
        (TAEHV.0, "taew2_1.safetensors"),
    ] {
        fs::create_dir_all(root.join(to).parent().expect("a parent"))?;
        fs::copy(recordings::checked_in().join(from), root.join(to))?;
    }
    let tokenizer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures_made/tokenizer.json");
    fs::copy(tokenizer, root.join("text_encoder/tokenizer.json"))?;
    widen_vocabulary(&root.join("text_encoder/model.safetensors"), 64)
}

/// A folder of Wan itself plays a patch as any model does: a clip of 81 pictures in 50 steps with guidance.
#[test]
fn a_folder_of_wan_itself_plays_a_patch() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("Wan2.1-T2V-1.3B");
    complete(&root)?;
    let model = Model::open(&root, &Choice::default())?;
    assert_eq!((model.family, model.clip()), (Family::Wan, Some(21)));
    let patch = Patch::from_json(include_str!("../../patches/first_bend.json")).expect("a patch");
    let plan = Arc::new(Plan::compile(&patch, LIBRARY).0.expect("a plan"));
    let mut engine = Engine::new(model, plan, (32, 32))?;
    for step in 0..50 {
        assert_eq!(engine.model().shape().map(|shape| shape.steps), Some(50));
        let frames = engine.step(&[])?;
        assert_eq!(frames.len(), if step == 49 { 81 } else { 0 }, "step {step}");
    }
    // The recorded model has two layers.
    let is_of_layers = |warning: &Warning| warning.to_string().contains("does not exist: the model has 0 to 1");
    assert!(!engine.program().bends.is_empty());
    assert!(engine.warnings().iter().all(is_of_layers), "{:?}", engine.warnings());
    assert_eq!(engine.chunk(), (21..42).collect::<Vec<_>>());
    Ok(())
}

/// The latents of the first chunks of a model, as the engine makes them without a patch.
fn latents_of(model: Model, chunks: usize) -> Result<Vec<Tensor>> {
    let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": {
        "prompt": { "type": "prompt.text", "params": { "text": "a red rose" } }, "wan": { "type": "model.wan" } },
        "cables": [{ "from": "prompt.text", "to": "wan.prompt" }] }"#;
    let patch = Patch::from_json(text).expect("a patch");
    let plan = Arc::new(Plan::compile(&patch, LIBRARY).0.expect("a plan"));
    let mut engine = Engine::new(model, plan, (32, 32))?;
    let mut latents = Vec::new();
    while latents.len() < chunks {
        if engine.is_between_chunks() {
            engine.begin(&[]);
        }
        if engine.call()? {
            latents.push(engine.made_latents().expect("latents").clone());
            engine.show(usize::MAX)?;
        }
    }
    Ok(latents)
}

/// Krea sees an old picture again before each chunk, from the third on: the last picture of the frame before its latest two, encoded by
/// itself. Without an encoder it keeps the first frame of the video, and a warning names the file to add.
#[test]
fn krea_sees_an_old_picture_again() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("krea-realtime");
    complete(&root)?;
    fs::copy(recordings::checked_in().join(VAE.0), root.join("Wan2.1_VAE.safetensors"))?;
    let open = || Model::open(&root, &Choice::default());
    let model = open()?;
    assert!(model.encoder.is_some() && model.warnings.is_empty(), "{:?}", model.warnings);

    let (streaming, schedule) =
        (Family::Krea.streaming().expect("it streams"), Family::Krea.schedule()?.expect("steps"));
    let mut text = model.text.clone();
    let context = Arc::new(model.transformer.context(&text.encode("a red rose")?.embedding)?);
    let noise = Family::Krea.noise(Patch::default().engine.seed);
    let transformer = model.transformer.clone();
    let mut rollout = Rollout::new(transformer, streaming, schedule, context, noise, (4, 4))?;
    let mut decoder = DecoderStream::new(model.decoder.clone());
    let encoder = model.encoder.clone().expect("an encoder");
    let mut expected = Vec::new();
    for chunk in 0..4 {
        let latents = rollout.next_latents(Hooks::NONE)?;
        let pictures = decoder.push(&latents.squeeze(0)?.transpose(0, 1)?.contiguous()?)?;
        if chunk > 0 {
            // Twelve pictures of a later chunk: the fourth one is the oldest of the last nine.
            let seen = encoder.encode(&pictures.narrow(0, 3, 1)?.affine(2.0, -1.0)?)?;
            rollout.set_context_frame(&seen.unsqueeze(2)?)?;
        }
        expected.push(latents);
    }
    let difference = |a: &Tensor, b: &Tensor| (a - b)?.abs()?.max_all()?.to_scalar::<f32>();
    for (chunk, (made, expected)) in latents_of(model, 4)?.iter().zip(&expected).enumerate() {
        assert!(difference(made, expected)? <= 0.0, "chunk {chunk}");
    }

    fs::remove_file(root.join("Wan2.1_VAE.safetensors"))?;
    let without = open()?;
    assert!(without.encoder.is_none());
    assert!(without.warnings.iter().any(|warning| warning.contains("Wan2.1_VAE.pth")), "{:?}", without.warnings);
    let made = latents_of(without, 3)?;
    assert!(difference(&made[1], &expected[1])? <= 0.0, "the second chunk has the first frame in either case");
    assert!(difference(&made[2], &expected[2])? > 0.0, "the third chunk has another context");
    Ok(())
}

#[test]
fn a_quantised_transformer_stays_close_to_its_own_weights_unpacked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = json!({ "num_heads": 4, "text_len": 8 });
    let tensors = transformer(256, 512, 2)?;
    let latents = Tensor::randn(0f32, 1.0, (1, 16, 2, 4, 6), &Device::Cpu)?;
    let text = Tensor::randn(0f32, 1.0, (1, 5, 256), &Device::Cpu)?;
    let timesteps = Tensor::full(700f32, (1, 1), &Device::Cpu)?;
    let flow = |model: &Transformer| model.forward(&latents, &timesteps, &model.context(&text)?, Hooks::NONE);

    for format in [GgmlDType::Q8_0, GgmlDType::Q6K, GgmlDType::Q4K] {
        // What converters do: matrices of the blocks in the block format, the rest as it is.
        let pack = |(name, tensor): &(String, Tensor)| -> Result<(String, QTensor)> {
            let packed = name.starts_with("blocks.") && tensor.rank() == 2;
            Ok((name.clone(), QTensor::quantize(tensor, if packed { format } else { GgmlDType::F32 })?))
        };
        let packed = tensors.iter().map(pack).collect::<Result<Vec<_>>>()?;
        let path = folder.path().join("model.gguf");
        let listed: Vec<_> = packed.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        gguf_file::write(&mut fs::File::create(&path)?, &[], &listed)?;

        let weights = Weights::open(&path, DType::F32, &Device::Cpu)?;
        let kept = Linear::load(&weights.pp("blocks.0.self_attn"), "q", 256, 256)?;
        assert!(matches!(kept, Linear::Stored { .. }), "{format:?} is unpacked in memory");
        let quantised = flow(&Transformer::load(&weights, Some(&config))?)?;

        let unpacked = packed.iter().map(|(name, tensor)| Ok((name.clone(), tensor.dequantize(&Device::Cpu)?)));
        let unpacked = Weights::from_tensors(unpacked.collect::<Result<Vec<_>>>()?, DType::F32, &Device::Cpu);
        let dense = flow(&Transformer::load(&unpacked, Some(&config))?)?;
        let largest = dense.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        // candle rounds the other factor to 8 bits.
        let difference = recordings::max_abs_difference(&quantised, &dense);
        assert!(difference < 0.05 * f64::from(largest), "{format:?}: {difference} of {largest}");
    }
    Ok(())
}

#[test]
fn a_wrong_file_is_named_by_its_kind() {
    let error = |path: &str| {
        let weights = recordings::weights(path);
        Transformer::load(&weights, None).expect_err("not a transformer").to_string()
    };
    for (path, kind) in [
        ("vae/weights.safetensors", "a Wan VAE"),
        ("taehv/weights.safetensors", "a TAEHV"),
        ("umt5/weights.safetensors", "a UMT5 text encoder"),
        ("lora/lora.safetensors", "a LoRA"),
    ] {
        let error = error(path);
        assert!(error.contains(kind) && error.contains("a Wan diffusion transformer is needed"), "{path}: {error}");
    }
}

#[test]
fn a_linear_layer_takes_any_rank() -> Result<()> {
    let tensors = transformer(256, 512, 1)?;
    let weights = Weights::from_tensors(tensors, DType::F32, &Device::Cpu);
    let linear = Arc::new(Linear::load(&weights, "blocks.0.ffn.0", 256, 512)?);
    for shape in [&[3, 256][..], &[2, 3, 256], &[1, 2, 3, 256]] {
        let x = Tensor::randn(0f32, 1.0, shape, &Device::Cpu)?;
        let mut expected = shape.to_vec();
        expected[shape.len() - 1] = 512;
        assert_eq!(linear.forward(&x)?.dims(), expected);
    }
    Ok(())
}

/// Candle puts backtraces into errors under `RUST_BACKTRACE`; messages leave them out.
#[test]
fn errors_are_sentences_under_rust_backtrace() -> Result<()> {
    let models = tempfile::tempdir().expect("a folder");
    let broken = models.path().join("self-forcing");
    fs::create_dir(&broken)?;
    fs::write(broken.join("model.safetensors"), b"not a checkpoint")?;
    fs::write(broken.join("more.gguf"), b"GGUF\x03\0\0\0 cut short")?;
    for args in
        [["models"].as_slice(), &["render", "patches/first_bend.json", "--model", "self-forcing", "-o", "x.png"]]
    {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bendrack"));
        command.args(args).env("RUST_BACKTRACE", "1").env("BENDRACK_MODELS", models.path());
        let output = command.output().expect("the program");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(text.contains("self-forcing"), "{args:?}: {text}");
        assert!(
            !text.contains(".rs:") && !text.contains("candle_core::") && text.lines().count() < 8,
            "{args:?}: {text}"
        );
    }
    Ok(())
}

/// The flags for parts and LoRAs, in a program of its own: what is rendered, and what is printed.
#[test]
fn flags_choose_parts_and_loras() -> Result<()> {
    let models = tempfile::tempdir().expect("a folder");
    let root = models.path().join("self-forcing-toy");
    complete(&root)?;
    let lora = models.path().join("lora.safetensors");
    let mut tensors =
        candle_core::safetensors::load(recordings::checked_in().join("lora/lora.safetensors"), &Device::Cpu)?;
    for (end, shape) in [("A", (4, 8)), ("B", (8, 4))] {
        let name = format!("base_model.model.blocks.0.cross_attn.k_img.lora_{end}.weight");
        tensors.insert(name, Tensor::ones(shape, DType::F32, &Device::Cpu)?);
    }
    candle_core::safetensors::save(&tensors, &lora)?;
    fs::copy(root.join("taew2_1.safetensors"), models.path().join("other_taehv.safetensors"))?;
    let run = |name: &str, args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bendrack"));
        command.current_dir(models.path()).env("BENDRACK_MODELS", models.path()).env("HF_HUB_CACHE", models.path());
        let patch = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches/first_bend.json");
        command
            .arg("render")
            .arg(patch)
            .args(["-o", name, "--frames", "1", "--size", "32x32", "--no-metadata"])
            .args(args);
        let output = command.output().expect("the program");
        let picture = fs::read(models.path().join(name)).ok();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), picture)
    };
    let toy = ["--model", "self-forcing-toy"];
    let (code, text, plain) = run("plain.apng", &toy);
    assert_eq!((code, plain.is_some()), (Some(0), true), "{text}");
    let with = |more: &[&'static str]| [&toy[..], more].concat();
    let (code, text, changed) = run("lora.apng", &with(&["--lora", "lora.safetensors:2"]));
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("lora.safetensors") && text.contains("k_img") && text.contains("the rest is applied"),
        "{text}"
    );
    assert_ne!(changed, plain, "the LoRA changes the picture");
    let (code, text, none) =
        run("none.apng", &with(&["--lora", "lora.safetensors:0", "--part", "taehv=other_taehv.safetensors"]));
    assert_eq!((code, none), (Some(0), plain), "{text}");

    for (args, fault) in [
        (with(&["--lora", "gone.safetensors:0.5"]), "LoRA: there is no file gone.safetensors"),
        (with(&["--lora", "lora.safetensors:nan"]), "finite"),
        (with(&["--part", "unet=lora.safetensors"]), "there is no part \"unet\"; choose from transformer"),
        (with(&["--part", "vae=lora.safetensors"]), "is a LoRA"),
        (with(&["--part", "vae"]), "PART=FILE"),
        (vec!["--lora", "lora.safetensors"], "the small model inside the program has no parts to choose"),
        (vec!["--model", "someone/self-forcing"], "someone/self-forcing"),
    ] {
        let (code, text, _) = run("refused.apng", &args);
        assert!(code != Some(0) && text.contains(fault), "{args:?}: {text}");
    }
    let hub = models.path().join("models--someone--self-forcing/snapshots");
    fs::create_dir_all(&hub)?;
    fs::rename(&root, hub.join("4ae1"))?;
    let (code, text, _) = run("hub.apng", &["--model", "someone/self-forcing"]);
    assert_eq!(code, Some(0), "{text}");
    Ok(())
}

/// The memory of a model before it is loaded: small matrices are held in f32, others stay in their files.
#[test]
fn the_memory_of_a_model_is_known_before_it_is_loaded() -> Result<()> {
    let models = tempfile::tempdir().expect("a folder");
    let root = models.path().join("self-forcing-toy");
    complete(&root)?;
    let fit = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bendrack"));
        let output = command.args(["models", "fit"]).args(args).env("BENDRACK_MODELS", models.path()).output();
        let output = output.expect("the program");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let needs = |args: &[&str]| -> serde_json::Value {
        let text = fit(&[&["--model", "self-forcing-toy", "--json"], args].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let of = |needs: &serde_json::Value, part: &str, key: &str| {
        let parts = needs["parts"].as_array().expect("parts");
        let need = parts.iter().find(|need| need["part"] == part).unwrap_or_else(|| panic!("no {part} in {needs}"));
        need[key].as_u64().expect("bytes")
    };
    let (small, large) = (needs(&["--size", "32x32"]), needs(&["--size", "64x64"]));
    let numbers: usize =
        candle_core::safetensors::load(root.join("diffusion_pytorch_model.safetensors"), &Device::Cpu)?
            .values()
            .map(Tensor::elem_count)
            .sum();
    assert_eq!(of(&small, "transformer", "held"), 4 * numbers as u64);
    assert_eq!(of(&small, "transformer", "mapped"), 0);
    for part in ["KV cache", "model call", "decoding"] {
        assert_eq!(4 * of(&small, part, "held"), of(&large, part, "held"), "{part} grows with the picture");
    }
    assert!(fit(&["--model", "self-forcing-toy"]).contains("It fits"));
    assert!(fit(&[]).contains("give a model with --model"));
    Ok(())
}
