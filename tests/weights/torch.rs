//! Checkpoints that PyTorch itself wrote (`tests/fixtures_made/make.py`).

use bendrack::wan::weights::{Kind, Weights};
use candle_core::{DType, Device, Result};

use crate::make::{count, made, values};

fn open(name: &str) -> Result<Weights> {
    Weights::open(&made(name), DType::F32, &Device::Cpu)
}

#[test]
fn averaged_weights_of_a_training_checkpoint() {
    let weights = open("training.pt").unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["blocks.0.ffn.0.weight", "norm.weight"]);
    assert_eq!(values(&weights, "norm.weight"), count(10.0, 4));
    assert_eq!(values(&weights.pp("blocks").pp(0), "ffn.0.weight"), count(20.0, 6));
    assert!(format!("{weights:?}").contains("(generator_ema)"), "{weights:?}");
}

#[test]
fn views_of_every_type() {
    for file in ["views.pt", "views_protocol4.pt"] {
        let weights = open(file).unwrap();
        let check = |name: &str, dims: &[usize], numbers: &[f32]| {
            assert_eq!(weights.dims(name).unwrap(), dims, "{file} {name}");
            assert_eq!(values(&weights, name), numbers, "{file} {name}");
        };
        check("weight", &[2, 3], &count(40.0, 6));
        check("bias", &[2], &count(50.0, 2));
        check("half", &[3], &count(1.0, 3));
        check("brain", &[3], &count(2.0, 3));
        check("double", &[3], &count(3.0, 3));
        check("long", &[3], &[0.0, 1.0, 2.0]);
        check("bool", &[2], &[1.0, 0.0]);
        check("fp8", &[2, 2], &count(4.0, 4));
        check("fp8_e5m2", &[2], &[1.5, -2.0]);
        check("parameter", &[2], &count(5.0, 2));
        check("scalar", &[], &[7.5]);
        check("empty", &[0, 3], &[]);
        check("transposed", &[3, 2], &[6.0, 7.5, 6.5, 8.0, 7.0, 8.5]);
        let permuted: Vec<f32> = (0..4)
            .flat_map(|k| (0..2).flat_map(move |i| (0..3).map(move |j| 7.0 + 0.5 * (12 * i + 4 * j + k) as f32)))
            .collect();
        check("permuted", &[4, 2, 3], &permuted);
        check("shared", &[12], &count(0.0, 12));
        check("shared_tail", &[4], &count(4.0, 4));
        check("shared_grid", &[2, 2], &[2.5, 3.0, 4.5, 5.0]);
        check("every_other", &[6], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let message = weights.get("complex", 2).unwrap_err().to_string();
        assert!(message.contains("ComplexFloatStorage"), "{message}");
    }
}

#[test]
fn a_lora_in_its_section() {
    let lora = open("lora.pt").unwrap();
    assert_eq!(lora.kind(), Kind::Lora { rank: 1, modules: 1 });
}

#[test]
fn what_is_not_a_state_dict_is_refused() {
    let message = open("tensor.pt").unwrap_err().to_string();
    assert!(message.contains("no state dict"), "{message}");
    let message = open("before_1_6.pt").unwrap_err().to_string();
    assert!(message.contains("before 1.6"), "{message}");
}
