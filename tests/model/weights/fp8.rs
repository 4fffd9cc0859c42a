//! Checkpoints of 8-bit floats.

use bendrack::wan::weights::Weights;
use candle_core::{DType, Device};
use half::{bf16, f16};
use safetensors::tensor::Dtype;

use super::make::{self, Raw, f32_bytes, values};

/// 1, -2, 0.5, 448 (the largest) as e4m3fn.
const BYTES: [u8; 4] = [0x38, 0xc0, 0x30, 0x7e];
const NUMBERS: [f32; 4] = [1.0, -2.0, 0.5, 448.0];

fn weight(name: &str) -> Raw<'_> {
    (name, Dtype::F8_E4M3, &[2, 2], BYTES.to_vec())
}

fn scalar(name: &str, value: f32) -> Raw<'_> {
    (name, Dtype::F32, &[], f32_bytes(&[value]))
}

fn times(scale: f32) -> Vec<f32> {
    NUMBERS.iter().map(|number| number * scale).collect()
}

#[test]
fn every_code_of_e4m3fn() {
    let weights = make::open(&make::safetensors(&[("x", Dtype::F8_E4M3, &[256], (0..=255).collect())], &[])).unwrap();
    for (code, value) in values(&weights, "x").into_iter().enumerate() {
        let (sign, exponent, mantissa) = (code >> 7, (code >> 3 & 15) as i32, (code & 7) as f32);
        let magnitude = match (exponent, code & 7) {
            (15, 7) => f32::NAN,
            (0, _) => mantissa / 8.0 * 2f32.powi(-6),
            _ => (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7),
        };
        let expected = if sign == 1 { -magnitude } else { magnitude };
        assert!(value == expected || (value.is_nan() && expected.is_nan()), "{code:#x}: {value}, not {expected}");
    }
}

#[test]
fn numbers_are_rounded_once() {
    let tensors = [weight("a.weight"), scalar("a.scale_weight", 0.1)];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    std::fs::write(&path, make::safetensors(&tensors, &[])).unwrap();
    let read = |dtype| {
        let weights = Weights::open(&path, dtype, &Device::Cpu).unwrap();
        weights.get("a.weight", (2, 2)).unwrap().flatten_all().unwrap()
    };
    let brains = times(0.1).into_iter().map(bf16::from_f32).collect::<Vec<_>>();
    let halves = times(0.1).into_iter().map(f16::from_f32).collect::<Vec<_>>();
    assert_eq!(read(DType::BF16).to_vec1::<bf16>().unwrap(), brains);
    assert_eq!(read(DType::F16).to_vec1::<f16>().unwrap(), halves);
}

#[test]
fn a_plain_cast() {
    let weights = make::open(&make::safetensors(&[weight("a.weight")], &[])).unwrap();
    assert_eq!(values(&weights, "a.weight"), NUMBERS);
    weights.finish().unwrap();
}

#[test]
fn the_older_form_with_a_marker() {
    let tensors = [
        ("model.diffusion_model.scaled_fp8", Dtype::F8_E4M3, &[0usize][..], vec![]),
        weight("model.diffusion_model.a.weight"),
        scalar("model.diffusion_model.a.scale_weight", 0.25),
        scalar("model.diffusion_model.a.scale_input", 3.0),
        scalar("model.diffusion_model.a.bias", 7.0),
    ];
    let weights = make::open(&make::safetensors(&tensors, &[])).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["a.bias", "a.weight"]);
    assert_eq!(values(&weights, "a.weight"), times(0.25));
    assert_eq!(values(&weights, "a.bias"), [7.0]);
    weights.finish().unwrap();
}

#[test]
fn the_newer_form_with_a_description() {
    let json = br#"{"format": "float8_e4m3fn"}"#;
    let tensors = [
        weight("a.weight"),
        ("a.weight_scale", Dtype::F32, &[1], f32_bytes(&[2.0])),
        scalar("a.input_scale", 3.0),
        ("a.comfy_quant", Dtype::U8, &[json.len()], json.to_vec()),
    ];
    let weights = make::open(&make::safetensors(&tensors, &[])).unwrap();
    assert_eq!(values(&weights, "a.weight"), times(2.0));
    weights.finish().unwrap();
}

#[test]
fn the_newer_form_with_a_header() {
    let header = [("_quantization_metadata", r#"{"layers": {"a": {"format": "float8_e4m3fn"}}}"#)];
    let tensors = [weight("a.weight"), scalar("a.weight_scale", 2.0)];
    let weights = make::open(&make::safetensors(&tensors, &header)).unwrap();
    assert_eq!(values(&weights, "a.weight"), times(2.0));
    weights.finish().unwrap();
}

#[test]
fn scales_of_rows_and_blocks() {
    for (dims, scales, expected) in [
        (&[2usize, 1][..], vec![2.0, 3.0], [2.0, -4.0, 1.5, 1344.0]),
        (&[2], vec![2.0, 3.0], [2.0, -4.0, 1.5, 1344.0]),
        (&[1, 2], vec![2.0, 3.0], [2.0, -6.0, 1.0, 1344.0]),
        (&[2, 2], vec![1.0, 2.0, 3.0, 4.0], [1.0, -4.0, 1.5, 1792.0]),
        (&[1, 1], vec![5.0], [5.0, -10.0, 2.5, 2240.0]),
    ] {
        let scale = ("a.weight_scale", Dtype::F32, dims, f32_bytes(&scales));
        let weights = make::open(&make::safetensors(&[weight("a.weight"), scale], &[])).unwrap();
        assert_eq!(values(&weights, "a.weight"), expected, "{dims:?}");
        weights.finish().unwrap();
    }
}

#[test]
fn scales_survive_renaming() {
    let tensors = [
        weight("condition_embedder.time_proj.weight"),
        weight("blocks.0.attn1.to_q.weight"),
        scalar("blocks.0.attn1.to_q.scale_weight", 0.5),
    ];
    let weights = make::open(&make::safetensors(&tensors, &[])).unwrap();
    assert_eq!(values(&weights, "blocks.0.self_attn.q.weight"), times(0.5));
    assert_eq!(weights.names().count(), 2);
}

#[test]
fn unreadable_scales_and_formats_are_refused() {
    let message = |tensors: &[Raw<'_>], header: &[(&str, &str)]| {
        make::open(&make::safetensors(tensors, header)).unwrap_err().to_string()
    };
    for scale in [f32::NAN, f32::INFINITY] {
        assert!(message(&[weight("a.weight"), scalar("a.scale_weight", scale)], &[]).contains("finite"));
    }
    for dims in [&[3usize, 1][..], &[3], &[2, 2, 1], &[0], &[2, 0]] {
        let numbers = vec![1.0; dims.iter().product()];
        let scales = ("a.weight_scale", Dtype::F32, dims, f32_bytes(&numbers));
        let message = message(&[weight("a.weight"), scales], &[]);
        assert!(message.contains("a.weight_scale") && message.contains("[2, 2]"), "{message}");
    }
    for (name, format) in [
        ("a.weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        ("a.qweight", "SVDQuant"),
        ("a.weight._data", "quanto"),
    ] {
        let packed = (name, Dtype::U8, &[4usize][..], vec![0; 4]);
        let message = message(&[weight("a.weight"), packed], &[]);
        assert!(message.contains(format) && message.contains("bf16, fp8 or GGUF"), "{message}");
    }
    for json in [&b"{\"format\": \"nvfp4\"}"[..], b"{", b"[]", b"", &[b'['; 4000]] {
        let tensors = [weight("a.weight"), ("a.comfy_quant", Dtype::U8, &[json.len()], json.to_vec())];
        let message = message(&tensors, &[]);
        assert!(message.contains("a: its number format"), "{message}");
    }
    let header = [("_quantization_metadata", r#"{"layers": {"a": {"format": "mxfp8"}}}"#)];
    assert!(message(&[weight("a.weight")], &header).contains("mxfp8"));
    assert!(message(&[weight("a.weight")], &[("_quantization_metadata", "?")]).contains("_quantization_metadata"));
}
