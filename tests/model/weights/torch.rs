//! Checkpoints that PyTorch itself wrote (`tests/fixtures_made/make.py`).

use bendrack::wan::weights::{Kind, Weights};
use candle_core::{DType, Device, Result};

use super::make::{self, count, made, pickle_tensor, pickle_text, torch_pickle, values};

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
fn the_section_of_a_training_checkpoint_can_be_chosen() {
    let open = |section| Weights::open_section(&made("training.pt"), section, DType::F32, &Device::Cpu);
    for (asked, chosen, others, start) in [
        (None, "generator_ema", ["critic", "generator"], 10.0),
        (Some("generator"), "generator", ["critic", "generator_ema"], 1.0),
        (Some("critic"), "critic", ["generator", "generator_ema"], 30.0),
    ] {
        let weights = open(asked).unwrap();
        let section = weights.section().unwrap();
        assert_eq!((section.name.as_str(), &section.others[..]), (chosen, &others.map(str::to_owned)[..]));
        assert_eq!(values(&weights, "norm.weight"), count(start, 4));
    }
    let message = open(Some("ema")).unwrap_err().to_string();
    for part in ["training.pt", "no section ema", "critic, generator, generator_ema"] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn a_section_within_a_section() {
    let state = |offset: i32| {
        [b"}".to_vec(), pickle_text("a"), pickle_tensor("0", 4, offset, &[1], &[1]), b"s".to_vec()].concat()
    };
    let pickle = [
        b"\x80\x02}".to_vec(),
        pickle_text("model"),
        b"}".to_vec(),
        [pickle_text("generator"), state(0), b"s".to_vec()].concat(),
        [pickle_text("ema"), state(2), b"s".to_vec()].concat(),
        b"s.".to_vec(),
    ];
    let pickle = torch_pickle(&pickle.concat());
    let open = |section| make::open_section(&pickle, section);
    for (asked, chosen, value) in [
        (None, "model.ema", 3.0),
        (Some("generator"), "model.generator", 1.0),
        (Some("model.generator"), "model.generator", 1.0),
    ] {
        let weights = open(asked).unwrap();
        assert_eq!(weights.section().unwrap().name, chosen);
        assert_eq!(values(&weights, "a"), [value]);
    }
    assert_eq!(open(None).unwrap().section().unwrap().others, ["model.generator"]);
    let message = open(Some("model.critic")).unwrap_err().to_string();
    assert!(message.contains("model.ema, model.generator"), "{message}");
}

#[test]
fn sections_nobody_would_choose_are_named() {
    let state = [b"}".to_vec(), pickle_text("a"), pickle_tensor("0", 4, 0, &[1], &[1]), b"s".to_vec()].concat();
    let file = torch_pickle(&[b"\x80\x02}".to_vec(), pickle_text("critic"), state, b"s.".to_vec()].concat());
    assert_eq!(values(&make::open_section(&file, Some("critic")).unwrap(), "a"), [1.0]);
    for asked in [None, Some("generator")] {
        let message = make::open_section(&file, asked).unwrap_err().to_string();
        assert!(message.contains("generator") && message.contains("choose from critic"), "{message}");
    }
}

#[test]
fn a_file_without_sections_is_taken_as_it_is() {
    let flat = make::open_section(&make::torch(&[("a", &[1], vec![1.0])], false), Some("generator")).unwrap();
    assert_eq!(flat.section(), None);
    assert_eq!(values(&flat, "a"), [1.0]);
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
