//! LoRAs change weights as computed by hand.

use bendrack::wan::weights::{Scaling, Weights};
use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Tensor};

use super::make;
use crate::recordings;

fn weights(tensors: Vec<(String, Tensor)>) -> Weights {
    Weights::from_tensors(tensors, DType::F32, &Device::Cpu)
}

fn tensors(tensors: &[(&str, &Tensor)]) -> Weights {
    weights(tensors.iter().map(|(name, tensor)| ((*name).to_owned(), (*tensor).clone())).collect())
}

fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_dtype(DType::F32).unwrap().to_vec2().unwrap()
}

/// `weight + scale · up down`, element by element.
fn changed(weight: &Tensor, down: &Tensor, up: &Tensor, scale: f64) -> Tensor {
    let (w, a, b) = (rows(weight), rows(down), rows(up));
    let element = |i: usize, j: usize| {
        let product: f64 = (0..a.len()).map(|r| f64::from(b[i][r]) * f64::from(a[r][j])).sum();
        (f64::from(w[i][j]) + scale * product) as f32
    };
    let numbers: Vec<f32> =
        (0..w.len()).flat_map(|i| (0..w[0].len()).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect();
    Tensor::from_vec(numbers, weight.dims(), &Device::Cpu).unwrap()
}

/// Changes as trained, with this alpha before that of the file.
fn of(alpha: Option<f64>) -> Scaling {
    Scaling { alpha, ..Scaling::default() }
}

fn read(weights: &Weights, name: &str) -> Tensor {
    weights.get(name, weights.dims(name).unwrap()).unwrap()
}

#[test]
fn the_recorded_lora() {
    let config = recordings::json("lora/config.json");
    let (rank, alpha) = (recordings::number(&config, "rank") as f64, config["alpha"].as_f64().unwrap());
    let base = recordings::weights("causal/weights.safetensors");
    let lora = recordings::weights("lora/lora.safetensors");
    let merged = base.clone().with_lora(&lora, of(Some(alpha))).unwrap();
    let mut count = 0;
    for name in base.names() {
        let module = name.strip_suffix(".weight").unwrap_or(name);
        let factor = |side: &str| format!("base_model.model.{module}.lora_{side}.weight");
        if name.ends_with(".weight") && lora.dims(&factor("A")).is_some() {
            let (a, b) = (read(&lora, &factor("A")), read(&lora, &factor("B")));
            let expected = changed(&read(&base, name), &a, &b, alpha / rank);
            recordings::assert_close(name, &read(&merged, name), &expected, 1e-5);
            assert!(recordings::max_abs_difference(&read(&merged, name), &read(&base, name)) > 1e-4, "{name}");
            count += 1;
        } else {
            assert!(recordings::max_abs_difference(&read(&merged, name), &read(&base, name)) == 0.0, "{name}");
        }
    }
    assert_eq!(2 * count, lora.names().count());
}

#[test]
fn names_of_the_community() {
    let (down, up) = (make::noise(&[2, 4]), make::noise(&[3, 2]));
    let weight = make::noise(&[3, 4]);
    for (module, a, b) in [
        ("blocks.0.self_attn.q", "lora_A.weight", "lora_B.weight"),
        ("base_model.model.model.blocks.0.self_attn.q", "lora_A.default.weight", "lora_B.default.weight"),
        ("diffusion_model.blocks.0.self_attn.q", "lora_down.weight", "lora_up.weight"),
        ("blocks.0.self_attn.q", "lora.down.weight", "lora.up.weight"),
        ("transformer.blocks.0.attn1.to_q", "lora_A.weight", "lora_B.weight"),
        ("lora_unet_blocks_0_self_attn_q", "lora_down.weight", "lora_up.weight"),
    ] {
        let base = tensors(&[("blocks.0.self_attn.q.weight", &weight)]);
        let lora = tensors(&[(&format!("{module}.{a}"), &down), (&format!("{module}.{b}"), &up)]);
        let merged = base.with_lora(&lora, of(None)).unwrap_or_else(|error| panic!("{module}: {error}"));
        let expected = changed(&weight, &down, &up, 1.0);
        recordings::assert_close(module, &read(&merged, "blocks.0.self_attn.q.weight"), &expected, 1e-6);
    }
}

#[test]
fn alpha_of_the_file_and_of_the_caller() {
    let (weight, down, up) = (make::noise(&[3, 4]), make::noise(&[2, 4]), make::noise(&[3, 2]));
    let alpha = Tensor::new(8f32, &Device::Cpu).unwrap();
    let base = || tensors(&[("m.weight", &weight)]);
    let lora = tensors(&[("m.lora_down.weight", &down), ("m.lora_up.weight", &up), ("m.alpha", &alpha)]);
    for (given, scale) in [(None, 4.0), (Some(1.0), 0.5)] {
        let merged = base().with_lora(&lora, of(given)).unwrap();
        recordings::assert_close("m", &read(&merged, "m.weight"), &changed(&weight, &down, &up, scale), 1e-5);
    }
    let twice = base().with_lora(&lora, of(Some(1.0))).unwrap().with_lora(&lora, of(Some(2.0))).unwrap();
    recordings::assert_close("m", &read(&twice, "m.weight"), &changed(&weight, &down, &up, 1.5), 1e-5);
}

/// Magnitudes give each row of the changed weight a length, as PEFT merges them.
#[test]
fn magnitudes_of_dora() {
    let (weight, down, up) = (make::noise(&[3, 4]), make::noise(&[2, 4]), make::noise(&[3, 2]));
    let lengths = [0.5f32, 2.0, 3.0];
    for (name, shape) in [("dora_scale", vec![3, 1]), ("lora_magnitude_vector", vec![3])] {
        let magnitude = Tensor::from_vec(lengths.to_vec(), shape, &Device::Cpu).unwrap();
        let lora = tensors(&[("m.lora_A.weight", &down), ("m.lora_B.weight", &up), (&format!("m.{name}"), &magnitude)]);
        let merged = read(&tensors(&[("m.weight", &weight)]).with_lora(&lora, of(Some(1.0))).unwrap(), "m.weight");
        let plain = rows(&changed(&weight, &down, &up, 0.5));
        for ((row, plain), length) in rows(&merged).iter().zip(&plain).zip(lengths) {
            let norm = plain.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!(row.iter().zip(plain).all(|(a, b)| (a - b * length / norm).abs() < 1e-5), "{name}: {row:?}");
        }
    }
}

/// Whole differences change weights, biases and modulations, beside low-rank changes of the same module.
#[test]
fn differences_of_any_tensor() {
    let shapes: [(&str, &[usize]); 4] = [
        ("b.0.ffn.0.weight", &[3, 4]),
        ("b.0.ffn.0.bias", &[3]),
        ("b.0.modulation", &[1, 6, 4]),
        ("b.0.norm3.weight", &[4]),
    ];
    let base: Vec<(&str, Tensor)> = shapes.iter().map(|(name, shape)| (*name, make::noise(shape))).collect();
    let base = tensors(&base.iter().map(|(name, tensor)| (*name, tensor)).collect::<Vec<_>>());
    let names = ["b.0.ffn.0.diff", "b.0.ffn.0.diff_b", "b.0.diff_m", "b.0.norm3.diff"];
    let changes: Vec<(String, Tensor)> = names
        .iter()
        .zip(shapes)
        .map(|(name, (_, shape))| (format!("diffusion_model.{name}"), make::noise(shape)))
        .collect();
    let (down, up) = (make::noise(&[2, 4]), make::noise(&[3, 2]));
    let mut all = changes.clone();
    all.push(("diffusion_model.b.0.ffn.0.lora_down.weight".to_owned(), down.clone()));
    all.push(("diffusion_model.b.0.ffn.0.lora_up.weight".to_owned(), up.clone()));
    for (given, is_low_rank) in [(changes.clone(), false), (all, true)] {
        let merged = base.clone().with_lora(&weights(given), of(None)).unwrap();
        for ((name, _), (_, change)) in shapes.iter().zip(&changes) {
            let mut wanted = read(&base, name);
            if is_low_rank && *name == "b.0.ffn.0.weight" {
                wanted = changed(&wanted, &down, &up, 1.0);
            }
            recordings::assert_close(name, &read(&merged, name), &(wanted + change).unwrap(), 1e-5);
        }
    }
}

#[test]
fn a_quantised_weight_is_unpacked_first() {
    let (weight, down, up) = (make::noise(&[4, 256]), make::noise(&[2, 256]), make::noise(&[4, 2]));
    let file = make::gguf(&[("m.weight", &weight, GgmlDType::Q6K), ("n.weight", &weight, GgmlDType::Q6K)]);
    let base = make::open(&file).unwrap();
    let unpacked = read(&base, "m.weight");
    let lora = tensors(&[("m.lora_A.weight", &down), ("m.lora_B.weight", &up)]);
    let merged = base.with_lora(&lora, of(None)).unwrap();
    assert!(merged.quantized("m.weight", (4, 256)).unwrap().is_none());
    assert!(merged.quantized("n.weight", (4, 256)).unwrap().is_some());
    recordings::assert_close("m", &read(&merged, "m.weight"), &changed(&unpacked, &down, &up, 1.0), 1e-5);
}

#[test]
fn what_does_not_fit_is_refused() {
    let base = || make::zeros(&[("m.weight", &[3, 4]), ("v.weight", &[3])]);
    let refused = |lora: &[(&str, &[usize])], alpha: Option<f64>, parts: &[&str]| {
        let message = base().with_lora(&make::zeros(lora), of(alpha)).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    };
    refused(&[("m.weight", &[3, 4])], None, &["is not a LoRA"]);
    let fits: [(&str, &[usize]); 2] = [("m.lora_A.weight", &[2, 4]), ("m.lora_B.weight", &[3, 2])];
    let absent: [(&str, &[usize]); 2] = [("x.lora_A.weight", &[2, 4]), ("x.lora_B.weight", &[3, 2])];
    refused(&absent, None, &["that the model does not have (x.weight)", "size and kind"]);
    refused(&[fits[0]], None, &["m: one of the two factors is missing"]);
    refused(&[("m.lora_A.weight", &[2, 5]), fits[1]], None, &["[3, 5] for [3, 4]"]);
    refused(&[fits[0], ("m.lora_B.weight", &[3, 1])], None, &["m: [3, 1] times [2, 4] does not fit"]);
    refused(&[("m.lora_A.weight", &[0, 4]), ("m.lora_B.weight", &[3, 0])], None, &["does not fit"]);
    refused(&[("v.lora_A.weight", &[2, 4]), ("v.lora_B.weight", &[3, 2])], None, &["for [3]"]);
    refused(&fits, Some(f64::NAN), &["alpha is NaN"]);
    refused(&[fits[0], fits[1], ("m.dora_scale", &[4])], None, &["magnitudes of shape [4] for 3 rows"]);
    refused(&[fits[0], fits[1], ("m.hada_w1_a", &[3])], None, &["m: one of the two factors is missing"]);
    refused(&[fits[0], fits[1], ("m.lokr_w1", &[3, 4])], None, &["m: its factors are of several kinds"]);
    refused(&[("m.lokr_w1", &[3, 4]), ("m.lokr_w1_a", &[3, 2]), ("m.lokr_w1_b", &[2, 4])], None, &["there twice"]);
    refused(&[("m.lokr_w1", &[3])], None, &["m: its factors are of several kinds, or some are missing"]);
    refused(&[("v.diff", &[4])], None, &["a difference of shape [4] for [3]"]);
    refused(&[("v.dora_scale", &[3]), ("m.diff", &[3, 4])], None, &["v: one of the two factors is missing"]);
    refused(&[fits[0], fits[1], ("m.alpha", &[2])], None, &["m: alpha"]);
    refused(&[fits[0], fits[1], ("model.m.lora_A.weight", &[2, 4])], None, &["another tensor changes too"]);
    let infinite = Scaling { strength: f64::INFINITY, ..Scaling::default() };
    let message = base().with_lora(&make::zeros(&fits), infinite).unwrap_err().to_string();
    assert!(message.contains("its strength is inf"), "{message}");
}

/// A part of a LoRA that fits nothing is left out, with a warning, if the rest fits.
#[test]
fn strange_parts_are_left_out_with_a_warning() {
    let fits: [(&str, &[usize]); 2] = [("m.lora_A.weight", &[2, 4]), ("m.lora_B.weight", &[3, 2])];
    let others: [(&str, &[usize], &str); 4] = [
        ("m.diff_b", &[3], "one of its tensors changes a tensor that the model does not have (m.bias)"),
        ("v.diff", &[4], "(v.weight, a difference of shape [4] for [3])"),
        ("m.oft_blocks", &[3], "has a name of no known kind of change (m.oft_blocks)"),
        ("step", &[], "has a name of no known kind of change (step)"),
    ];
    for (name, dims, warning) in others {
        let base = make::zeros(&[("m.weight", &[3, 4]), ("v.weight", &[3])]);
        let merged = base.with_lora(&make::zeros(&[fits[0], fits[1], (name, dims)]), of(None)).unwrap();
        let [found] = merged.warnings() else { panic!("{name}: {:?}", merged.warnings()) };
        assert!(found.contains(warning) && found.ends_with("they are left out, the rest is applied"), "{found}");
    }
}
