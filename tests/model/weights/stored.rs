//! Matrices that stay as they are stored: the same numbers as unpacked ones, row by row and in products.

use bendrack::wan::linear::Linear;
use bendrack::wan::weights::{Products, Scaling, Weights};
use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Module, Tensor};
use safetensors::tensor::Dtype;

use super::make::{self, f32_bytes};
use crate::recordings::{assert_close, max_abs_difference};

/// Large enough to stay as stored in every format; rows do not fill the last piece.
const SIZE: (usize, usize) = (1100, 1024);

/// Each number format with a file of it; the matrix is `m.weight`, the bias `m.bias`.
fn files() -> Vec<(String, Vec<u8>)> {
    let (rows, columns) = SIZE;
    let matrix = make::noise(&[rows, columns]);
    let numbers = matrix.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let codes: Vec<u8> = (0..rows * columns).map(|at| (at * 7 % 120) as u8 | (at % 2 * 128) as u8).collect();
    let bias = f32_bytes(&make::count(-3.0, rows));
    let dims = [rows, columns];
    let file = |dtype, bytes: Vec<u8>, scale: Option<(&[usize], Vec<f32>)>| {
        let mut tensors = vec![("m.weight", dtype, &dims[..], bytes), ("m.bias", Dtype::F32, &dims[..1], bias.clone())];
        if let Some((dims, scales)) = scale {
            tensors.push(("m.weight_scale", Dtype::F32, dims, f32_bytes(&scales)));
        }
        make::safetensors(&tensors, &[])
    };
    let halves = |half: fn(f32) -> [u8; 2]| numbers.iter().flat_map(|number| half(*number)).collect::<Vec<u8>>();
    let mut files = vec![
        ("f32", file(Dtype::F32, f32_bytes(&numbers), None)),
        ("f16", file(Dtype::F16, halves(|number| half::f16::from_f32(number).to_le_bytes()), None)),
        ("bf16", file(Dtype::BF16, halves(|number| half::bf16::from_f32(number).to_le_bytes()), None)),
        ("fp8", file(Dtype::F8_E4M3, codes.clone(), None)),
        ("fp8, one scale", file(Dtype::F8_E4M3, codes.clone(), Some((&[], vec![0.01])))),
        ("fp8, rows", file(Dtype::F8_E5M2, codes.clone(), Some((&[rows, 1], make::count(0.5, rows))))),
        ("int8, rows", file(Dtype::I8, codes.clone(), Some((&[rows], make::count(0.5, rows))))),
        ("fp8, blocks", file(Dtype::F8_E4M3, codes, Some((&[9, 8], make::count(0.5, 72))))),
    ];
    for (name, dtype) in
        [("q8", GgmlDType::Q8_0), ("q4k", GgmlDType::Q4K), ("q6k", GgmlDType::Q6K), ("q5_1", GgmlDType::Q5_1)]
    {
        let bias = Tensor::from_vec(make::count(-3.0, rows), rows, &Device::Cpu).unwrap();
        files.push((name, make::gguf(&[("m.weight", &matrix, dtype), ("m.bias", &bias, GgmlDType::F32)])));
    }
    files.into_iter().map(|(name, file)| (name.to_owned(), file)).collect()
}

#[test]
fn stored_matrices_have_the_numbers_of_unpacked_ones() {
    let (rows, columns) = SIZE;
    let x = make::noise(&[2, 5, columns]);
    for (name, file) in files() {
        let weights = make::open(&file).unwrap();
        let whole = weights.get("m.weight", SIZE).unwrap();
        let stored = weights.stored("m.weight", SIZE).unwrap().unwrap_or_else(|| panic!("{name} is unpacked"));
        assert_eq!((stored.rows(), stored.columns()), SIZE, "{name}");
        assert_eq!(stored.as_f32().is_some(), name == "f32");
        let numbers = whole.to_vec2::<f32>().unwrap();
        for (first, count) in [(0, rows), (5, 1), (1097, 3), (130, 257)] {
            let mut out = vec![f32::NAN; count * columns];
            stored.widen(first, &mut out).unwrap();
            assert!(out == numbers[first..first + count].concat(), "{name}: rows from {first} on");
        }
        stored.release();
        let picked = stored.select(&[7, 1099, 7]).unwrap();
        assert_eq!(picked.to_vec2::<f32>().unwrap(), [&numbers[7], &numbers[1099], &numbers[7]].map(Clone::clone));

        let dense = Linear::Dense { weight: whole, bias: Some(weights.get("m.bias", rows).unwrap()) };
        let linear = Linear::load(&weights, "m", columns, rows).unwrap();
        assert!(matches!(linear, Linear::Stored { .. }), "{name}");
        // Few rows and many take different ways through the matrix.
        for x in [&x, &x.narrow(1, 0, 1).unwrap(), &make::noise(&[70, columns]), &make::noise(&[1, 1, columns])] {
            let expected = dense.forward(x).unwrap();
            let largest = expected.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert_close(&name, &linear.forward(x).unwrap(), &expected, 2e-6 * f64::from(largest));
            linear.release();
            assert_close(&name, &linear.forward(x).unwrap(), &expected, 2e-6 * f64::from(largest));
        }
        let error = linear.forward(&x.to_dtype(DType::F64).unwrap()).unwrap_err().to_string();
        assert!(error.contains("F64") || error.contains("f64"), "{error}");
    }
}

/// Both factors rounded, whatever the format and the processor; few rows stay exact.
#[test]
fn products_in_bf16_are_those_of_rounded_numbers() {
    let (rows, columns) = SIZE;
    let round = |x: &Tensor| x.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap();
    let x = make::noise(&[70, columns]);
    for (name, file) in files() {
        let weights = make::open(&file).unwrap();
        let whole = weights.get("m.weight", SIZE).unwrap();
        let bias = Some(weights.get("m.bias", rows).unwrap());
        let (rounded, exact) =
            (Linear::Dense { weight: round(&whole), bias: bias.clone() }, Linear::Dense { weight: whole, bias });
        let linear = Linear::load(&weights.with_products(Products::Bf16), "m", columns, rows).unwrap();
        for (expected, x) in [(rounded.forward(&round(&x)), x.clone()), (exact.forward(&x), x.narrow(0, 0, 9).unwrap())]
        {
            let y = linear.forward(&x).unwrap();
            let expected = expected.unwrap().narrow(0, 0, x.dim(0).unwrap()).unwrap();
            let largest = expected.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert_close(&name, &y, &expected, 5e-6 * f64::from(largest));
        }
        let (y, exact) = (linear.forward(&x).unwrap(), exact.forward(&x).unwrap());
        let largest = exact.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        let difference = max_abs_difference(&y, &exact);
        assert!(difference > 0.0 && difference < 0.02 * f64::from(largest), "{name}: {difference} of {largest}");
    }
}

/// Columns that do not fill the last vector.
#[test]
fn columns_of_any_number() {
    let (rows, columns) = (1030, 1021);
    let matrix = make::noise(&[rows, columns]);
    let bytes = f32_bytes(&matrix.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    let weights = make::open(&make::safetensors(&[("m.weight", Dtype::F32, &[rows, columns], bytes)], &[])).unwrap();
    let linear = Linear::load_no_bias(&weights, "m", columns, rows).unwrap();
    assert!(matches!(linear, Linear::Stored { .. }));
    for tokens in [1, 4, 7, 65] {
        let x = make::noise(&[tokens, columns]);
        let expected = x.matmul(&matrix.t().unwrap()).unwrap();
        assert_close("product", &linear.forward(&x).unwrap(), &expected, 1e-3);
    }
}

#[test]
fn rows_that_are_not_there_are_refused() {
    let weights = make::open(&files()[2].1).unwrap();
    let stored = weights.stored("m.weight", SIZE).unwrap().unwrap();
    for (first, numbers) in [(1100, 1024), (1099, 2048), (0, 1000), (usize::MAX, 1024)] {
        let error = stored.widen(first, &mut vec![0.0; numbers]).unwrap_err().to_string();
        assert!(error.contains("m.weight") && error.contains("1100 rows of 1024"), "{error}");
    }
    assert!(stored.select(&[1100]).is_err());
    assert!(weights.stored("m.weight", (1024, 1100)).is_err());
}

/// Small matrices are unpacked once, as are all for another dtype, and those that a LoRA changes.
#[test]
fn other_matrices_are_unpacked() {
    let small =
        make::open(&make::safetensors(&[("m.weight", Dtype::F32, &[2, 2], f32_bytes(&[1.0; 4]))], &[])).unwrap();
    assert!(small.stored("m.weight", (2, 2)).unwrap().is_none());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    std::fs::write(&path, &files()[2].1).unwrap();
    let half = Weights::open(&path, DType::BF16, &Device::Cpu).unwrap();
    assert!(half.stored("m.weight", SIZE).unwrap().is_none());
    let changes = make::zeros(&[("m.diff", &[1100, 1024])]);
    let changed =
        Weights::open(&path, DType::F32, &Device::Cpu).unwrap().with_lora(&changes, Scaling::default()).unwrap();
    assert!(changed.stored("m.weight", SIZE).unwrap().is_none());
}
