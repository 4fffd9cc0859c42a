//! What is written in a format is read back.

use bendrack::wan::linear::Linear;
use bendrack::wan::weights::Weights;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Module, Tensor};
use half::{bf16, f16};
use safetensors::tensor::Dtype;

use super::make::{self, count, f32_bytes, values};
use crate::recordings::max_abs_difference;

#[test]
fn safetensors_in_every_float_type() {
    let numbers = count(-1.0, 6);
    let halves = numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect();
    let brains = numbers.iter().flat_map(|&number| bf16::from_f32(number).to_le_bytes()).collect();
    let doubles = numbers.iter().flat_map(|&number| f64::from(number).to_le_bytes()).collect();
    let file = make::safetensors(
        &[
            ("f32", Dtype::F32, &[2, 3], f32_bytes(&numbers)),
            ("f16", Dtype::F16, &[6], halves),
            ("bf16", Dtype::BF16, &[1, 6], brains),
            ("f64", Dtype::F64, &[3, 2], doubles),
            ("empty", Dtype::F32, &[0, 7], vec![]),
            ("scalar", Dtype::F32, &[], f32_bytes(&[2.5])),
        ],
        &[("format", "pt")],
    );
    let weights = make::open(&file).unwrap();
    for name in ["f32", "f16", "bf16", "f64"] {
        assert_eq!(values(&weights, name), numbers, "{name}");
    }
    assert_eq!(values(&weights, "empty"), [0.0; 0]);
    assert_eq!(values(&weights, "scalar"), [2.5]);
    assert_eq!(weights.dims("f32").unwrap(), [2, 3]);
    weights.finish().unwrap();
}

#[test]
fn tensors_are_handed_out_in_the_dtype_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    std::fs::write(&path, make::safetensors(&[("x", Dtype::F32, &[3], f32_bytes(&count(1.0, 3)))], &[])).unwrap();
    for dtype in [DType::BF16, DType::F16, DType::F32, DType::F64] {
        let weights = Weights::open(&path, dtype, &Device::Cpu).unwrap();
        let x = weights.get("x", 3).unwrap();
        assert_eq!((x.dtype(), weights.dtype()), (dtype, dtype));
        assert_eq!(x.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), count(1.0, 3));
    }
}

#[test]
fn shards_of_a_folder() {
    let shard = |name| make::safetensors(&[(name, Dtype::F32, &[2], f32_bytes(&count(1.0, 2)))], &[]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let names = || {
        let weights = Weights::open(folder.path(), DType::F32, &Device::Cpu)?;
        candle_core::Result::Ok(weights.names().map(str::to_owned).collect::<Vec<_>>())
    };
    let message = || names().unwrap_err().to_string();

    assert!(message().contains("no checkpoint in this folder"));
    write("m-00001-of-00002.safetensors", &shard("a"));
    assert!(message().contains("m-00002-of-00002.safetensors is missing: 1 of 2 shards"), "{}", message());
    write("m-00002-of-00002.safetensors", &shard("b"));
    assert_eq!(names().unwrap(), ["a", "b"]);
    write("m-00001-of-00003.safetensors", &shard("c"));
    assert!(message().contains("several checkpoints"), "{}", message());

    let index = "m.safetensors.index.json";
    write(index, br#"{"weight_map": {"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors"}}"#);
    assert_eq!(names().unwrap(), ["a", "b"]);
    let weights = Weights::open(&folder.path().join(index), DType::F32, &Device::Cpu).unwrap();
    assert_eq!(values(&weights, "b"), count(1.0, 2));

    write(index, br#"{"weight_map": {"a": "m-00001-of-00002.safetensors", "z": "m-00002-of-00002.safetensors"}}"#);
    assert!(message().contains("lack z"), "{}", message());
    write(index, br#"{"weight_map": {"a": "../m-00001-of-00002.safetensors"}}"#);
    assert!(message().contains("not a file beside it"), "{}", message());
    write("m-00002-of-00002.safetensors", &shard("a"));
    write(index, br#"{"weight_map": {"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors"}}"#);
    assert!(message().contains("a is in another shard too"), "{}", message());
}

#[test]
fn missing_shards_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["m-00001-of-00003.safetensors", "m-00003-of-00003.safetensors"] {
        let bytes = make::safetensors(&[(name, Dtype::F32, &[1], f32_bytes(&[0.0]))], &[]);
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let message = Weights::open(folder.path(), DType::F32, &Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("2 of 3 shards"), "{message}");
}

const BLOCK_TYPES: [GgmlDType; 10] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q2K,
    GgmlDType::Q3K,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

#[test]
fn gguf_blocks_stay_quantised() {
    let dense = make::noise(&[8, 512]);
    for dtype in BLOCK_TYPES {
        let weights = make::open(&make::gguf(&[("w", &dense, dtype)])).unwrap();
        let expected = QTensor::quantize(&dense, dtype).unwrap();
        let stored = weights.quantized("w", (8, 512)).unwrap().unwrap();
        assert_eq!((stored.dtype(), stored.data().unwrap()), (dtype, expected.data().unwrap()));
        let unpacked = expected.dequantize(&Device::Cpu).unwrap();
        assert!(max_abs_difference(&weights.get("w", (8, 512)).unwrap(), &unpacked) == 0.0, "{dtype:?}");
        weights.finish().unwrap();
    }
}

#[test]
fn gguf_plain_numbers_are_dense() {
    let patch = make::noise(&[5, 4, 1, 2, 2]);
    let row = make::noise(&[3]);
    let weights = make::open(&make::gguf(&[
        ("patch_embedding.weight", &patch, GgmlDType::F32),
        ("f16", &row, GgmlDType::F16),
        ("bf16", &row, GgmlDType::BF16),
    ]))
    .unwrap();
    assert!(weights.quantized("patch_embedding.weight", (5, 4, 1, 2, 2)).unwrap().is_none());
    let read = weights.get("patch_embedding.weight", (5, 4, 1, 2, 2)).unwrap();
    assert!(max_abs_difference(&read, &patch) == 0.0);
    for (name, tolerance) in [("f16", 5e-4), ("bf16", 4e-3)] {
        assert!(weights.quantized(name, 3).unwrap().is_none());
        assert!(max_abs_difference(&weights.get(name, 3).unwrap(), &row) < tolerance, "{name}");
    }
}

#[test]
fn a_linear_layer_multiplies_by_blocks() {
    let weight = make::noise(&[32, 256]);
    let bias = make::noise(&[32]);
    let x = make::noise(&[2, 3, 256]);
    let tensors = [("l.weight", &weight, GgmlDType::Q8_0), ("l.bias", &bias, GgmlDType::F32)];
    let weights = make::open(&make::gguf(&tensors)).unwrap();
    let linear = Linear::load(&weights, "l", 256, 32).unwrap();
    weights.finish().unwrap();
    let dense = |name: &str, tensor: &Tensor| (name.to_owned(), tensor.clone());
    let dense = [dense("l.weight", &weight), dense("l.bias", &bias)];
    let dense = Linear::load(&Weights::from_tensors(dense, DType::F32, &Device::Cpu), "l", 256, 32).unwrap();
    let (y, expected) = (linear.forward(&x).unwrap(), dense.forward(&x).unwrap());
    let largest = max_abs_difference(&expected, &expected.zeros_like().unwrap());
    assert!(max_abs_difference(&y, &expected) < 0.01 * largest, "{}", max_abs_difference(&y, &expected));
}

#[test]
fn torch_archives_small_and_large() {
    for is_64 in [false, true] {
        let tensors: [(&str, &[usize], Vec<f32>); 3] =
            [("a", &[2, 3], count(1.0, 6)), ("b", &[], count(9.0, 1)), ("c", &[4], count(5.0, 4))];
        let weights = make::open(&make::torch(&tensors, is_64)).unwrap();
        for (name, dims, numbers) in &tensors {
            assert_eq!(weights.dims(name).unwrap(), *dims);
            assert_eq!(values(&weights, name), *numbers);
        }
        weights.finish().unwrap();
    }
}
