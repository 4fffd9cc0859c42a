//! What does not fit is refused in words that help.

use bendrack::wan::taehv::{self, TIME_UPSCALE};
use bendrack::wan::text::Umt5;
use bendrack::wan::vae;
use bendrack::wan::weights::Weights;
use candle_core::{Result, Tensor};
use safetensors::tensor::Dtype;

use super::make::{self, f32_bytes, zeros};

fn message(result: Result<impl Sized>) -> String {
    // What follows the first line is a backtrace, if they are enabled.
    result.err().expect("an error").to_string().lines().next().unwrap().to_owned()
}

#[track_caller]
fn assert_contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

const VAE: [(&str, &[usize]); 3] =
    [("conv2.weight", &[16, 16, 1, 1, 1]), ("decoder.conv1.weight", &[8, 16, 3, 3, 3]), ("decoder.conv1.bias", &[8])];

#[test]
fn another_kind_of_checkpoint() {
    let text = message(zeros(&VAE).get("patch_embedding.weight", (8, 16, 1, 2, 2)));
    assert_contains(
        &text,
        &[
            "is a Wan VAE (16 latent channels), but a Wan diffusion transformer is needed here",
            "patch_embedding.weight",
            "[8, 16, 1, 2, 2]",
        ],
    );
    let text = message(zeros(&VAE).pp("blocks").pp(0).get("attn.q.weight", (8, 8)));
    assert_contains(&text, &["but a UMT5 text encoder is needed here", "blocks.0.attn.q.weight"]);
}

/// What reads a whole file, by the kind it needs.
type Load = fn(&Weights) -> Result<()>;

const LOADS: [(&str, Load); 5] = [
    ("a Wan VAE", |weights| vae::Decoder::load(weights).map(drop)),
    ("a Wan VAE", |weights| vae::Encoder::load(weights).map(drop)),
    ("a TAEHV tiny autoencoder", |weights| taehv::Decoder::load(weights, &TIME_UPSCALE).map(drop)),
    ("a TAEHV tiny autoencoder", |weights| taehv::Encoder::load(weights).map(drop)),
    ("a UMT5 text encoder", |weights| Umt5::load(weights).map(drop)),
];

#[test]
fn a_wrong_file_is_named_by_its_kind() {
    for (path, kind) in [
        ("causal/weights.safetensors", "a Wan diffusion transformer"),
        ("vae/weights.safetensors", "a Wan VAE"),
        ("taehv/weights.safetensors", "a TAEHV tiny autoencoder"),
        ("umt5/weights.safetensors", "a UMT5 text encoder"),
        ("lora/lora.safetensors", "a LoRA"),
    ] {
        let weights = crate::recordings::weights(path);
        for (needed, load) in LOADS.iter().filter(|(needed, _)| *needed != kind) {
            let text = message(load(&weights));
            assert_contains(
                &text,
                &[path, &format!("is {kind}"), &format!("but {needed} is needed here"), "of shape ["],
            );
        }
    }
}

/// Any tensor, missing or without elements: the error names it, the file, and the kind of file.
#[test]
fn an_incomplete_file_is_refused_with_a_reason() {
    for (path, kind) in [("vae", "a Wan VAE"), ("taehv", "a TAEHV"), ("umt5", "a UMT5")] {
        let file = crate::recordings::weights(&format!("{path}/weights.safetensors"));
        let tensors: Vec<(&str, Vec<usize>)> = file.names().map(|name| (name, file.dims(name).unwrap())).collect();
        for (name, dims) in &tensors {
            let mut empty = dims.clone();
            *empty.last_mut().unwrap() = 0;
            let changed: Vec<(&str, &[usize])> =
                tensors.iter().map(|(n, dims)| (*n, if n == name { &empty[..] } else { &dims[..] })).collect();
            let weights = zeros(&changed);
            let mut refusals = LOADS
                .iter()
                .filter(|(needed, _)| needed.starts_with(kind))
                .filter_map(|(_, load)| load(&weights).err());
            let refusal = refusals.next().unwrap_or_else(|| panic!("{name} {empty:?} is accepted"));
            assert_contains(
                &message(Err::<(), _>(refusal)),
                &["the given set", name, &format!("{empty:?}"), "looks like"],
            );
        }
    }
}

#[test]
fn a_decoder_of_other_sizes_is_refused() {
    let file = crate::recordings::weights("taehv/weights.safetensors");
    let text = message(taehv::Decoder::load(&file, &[1, 2]));
    assert_contains(&text, &["taehv/weights.safetensors", "TGrow", "looks like a TAEHV"]);
    let text = message(taehv::Decoder::load(&file, &[1, 2, 2, 2]));
    assert_contains(&text, &["taehv/weights.safetensors", "expected 4", "looks like a TAEHV"]);
    assert!(taehv::Decoder::load(&file, &[1, 0, 2]).is_err());
}

#[test]
fn the_kind_that_is_needed_is_known_by_any_name() {
    for (file, kind) in [
        ("causal", "a Wan diffusion transformer"),
        ("vae", "a Wan VAE"),
        ("umt5", "a UMT5 text encoder"),
        ("taehv", "a TAEHV tiny autoencoder"),
    ] {
        for name in crate::recordings::weights(&format!("{file}/weights.safetensors")).names() {
            let text = message(zeros(&[]).get(name, 1));
            // Some norms are named alike in several models.
            let is_ambiguous =
                name == "norm.weight" || name.ends_with("norm1.weight") || name.ends_with("norm2.weight");
            assert!(is_ambiguous || text.contains(&format!("but {kind} is needed here")), "{text}");
        }
    }
}

#[test]
fn a_missing_tensor() {
    let text = message(zeros(&VAE).get("decoder.conv1.gamma", (1, 2)));
    assert_contains(&text, &["decoder.conv1.gamma", "[1, 2]", "missing", "looks like a Wan VAE"]);
    assert_contains(&message(zeros(&VAE).quantized("decoder.conv1.gamma", (1, 2))), &["missing"]);
}

#[test]
fn a_wrong_shape() {
    let text = message(zeros(&VAE).get("conv2.weight", (16, 32)));
    assert_contains(&text, &["conv2.weight", "[16, 16, 1, 1, 1]", "[16, 32]", "looks like a Wan VAE"]);
    assert_contains(&message(zeros(&VAE).quantized("conv2.weight", (16, 32))), &["[16, 32]"]);
}

#[test]
fn unexpected_tensors() {
    let weights = zeros(&VAE);
    weights.get("conv2.weight", (16, 16, 1, 1, 1)).unwrap();
    let text = message(weights.finish());
    assert_contains(&text, &["decoder.conv1.bias [8], decoder.conv1.weight [8, 16, 3, 3, 3]", "looks like a Wan VAE"]);
    assert!(!text.contains("conv2"), "{text}");
    weights.pp("conv2").finish().unwrap();
    weights.ignore("decoder.");
    weights.finish().unwrap();

    let many: Vec<(String, Tensor)> = (0..100).map(|n| (format!("x.{n}"), make::noise(&[1]))).collect();
    let many = Weights::from_tensors(many, candle_core::DType::F32, &candle_core::Device::Cpu);
    let text = message(many.finish());
    assert_contains(&text, &["and 94 more"]);
    assert!(text.len() < 400, "{text}");
}

#[test]
fn dims_do_not_count_as_use() {
    let weights = zeros(&VAE);
    assert_eq!(weights.pp("conv2").dims("weight").unwrap(), [16, 16, 1, 1, 1]);
    assert_eq!(weights.dims("conv3.weight"), None);
    assert!(weights.pp("conv2").finish().is_err());
}

#[test]
fn files_that_are_no_checkpoints() {
    let says = |bytes: &[u8], part: &str| assert_contains(&message(make::open(bytes)), &[part]);
    says(b"", "empty");
    says(b"hello", "no checkpoint in safetensors, PyTorch");
    says(b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer");
    says(b"<!doctype html><html>", "web page");
    let file = make::safetensors(&[("a", Dtype::F32, &[2], f32_bytes(&[1.0, 2.0]))], &[]);
    says(&file[..file.len() - 1], "incomplete or damaged");
    says(&make::torch(&[("a", &[1], vec![1.0])], false)[..80], "the archive has no directory; download the file again");
    says(&make::zip(&[("x", b"y")], false), "no data.pkl");
    let big_endian = make::zip(&[("a/data.pkl", b"\x80\x02}."), ("a/byteorder", b"big")], false);
    says(&big_endian, "little-endian");
}
