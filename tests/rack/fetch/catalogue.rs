//! Every model with a name.

use std::fs;

use super::Rig;
use super::server::{Fault, World};
use bendrack::fetch::{Home, MODELS, Model, Place, Plan, Settings, Source, TextEncoder};

const ZIP: &[u8] = b"PK\x03\x04 weights PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn publish(world: &World, source: &Source) {
    match source.home {
        Home::Hub(repo) => world.add(repo, source.path, source.path.as_bytes(), !source.path.ends_with("json")),
        Home::GitHub { repo, commit } => world.add_raw(&format!("/{repo}/{commit}/{}", source.path), ZIP),
    }
}

/// A rig with exactly the files of a model.
fn rig(model: &Model, encoder: TextEncoder) -> (Rig, Settings, Place) {
    let rig = Rig::new(1);
    for source in model.sources(encoder) {
        publish(&rig.world, &source);
    }
    let settings = rig.settings();
    let place = Place { to: rig.models.path().join(model.name), from: None };
    (rig, settings, place)
}

#[test]
fn every_name_has_all_its_files() {
    for model in MODELS {
        let encoders = if model.name == "longlive" { &TextEncoder::ALL[..] } else { &TextEncoder::ALL[..1] };
        for encoder in encoders {
            let (_rig, settings, place) = rig(&model, *encoder);
            let plan = Plan::for_model(&model, *encoder, &place, &settings).expect("a plan");
            let sources = model.sources(*encoder);
            assert_eq!(plan.files.len(), sources.len());
            let report = plan.run(&(), &false.into()).expect("a run");
            assert_eq!(report.fetched.len(), sources.len());
            for source in sources {
                assert!(place.to.join(source.to).is_file(), "{}", source.to);
            }
            assert!(plan.licences.len() >= 2, "{:?}", plan.licences);
        }
    }
}

#[test]
fn names_and_places_are_unique() {
    for model in MODELS {
        assert_eq!(Model::named(&model.name.to_uppercase()).expect("a model").name, model.name);
        let mut places: Vec<_> = model.sources(TextEncoder::Q8).iter().map(|source| source.to).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), model.sources(TextEncoder::Q8).len());
    }
    assert!(Model::named("sora").is_none());
    assert_eq!(TextEncoder::named("Q5"), Some(TextEncoder::Q5));
}

#[test]
fn a_model_shares_files_with_the_one_beside_it() {
    let small = Model::named("wan2.1-t2v-1.3b").expect("a model");
    let (rig, settings, place) = rig(small, TextEncoder::Bf16);
    Plan::for_model(small, TextEncoder::Bf16, &place, &settings)
        .expect("a plan")
        .run(&(), &false.into())
        .expect("a run");
    let other = Model::named("longlive").expect("a model");
    other.sources(TextEncoder::Bf16).iter().for_each(|source| publish(&rig.world, source));
    let place = Place { to: rig.models.path().join(other.name), from: None };
    let plan = Plan::for_model(other, TextEncoder::Bf16, &place, &settings).expect("a plan");
    let report = plan.run(&(), &false.into()).expect("a run");
    assert_eq!(report.fetched, ["longlive_base.pt", "lora.pt", "taew2_1.pth"]);
    assert_eq!(report.linked.len(), 4);
}

#[test]
fn a_missing_file_is_named() {
    let model = Model::named("causvid").expect("a model");
    let (rig, settings, place) = rig(model, TextEncoder::Bf16);
    let why = Plan::for_model(model, TextEncoder::Q4, &place, &settings).err().expect("an error").to_string();
    assert!(why.contains("city96/umt5-xxl-encoder-gguf"), "{why}");
    rig.world.add("city96/umt5-xxl-encoder-gguf", "other.gguf", b"GGUF", true);
    let why = Plan::for_model(model, TextEncoder::Q4, &place, &settings).err().expect("an error").to_string();
    assert!(why.contains("umt5-xxl-encoder-Q4_K_M.gguf") && why.contains("no such file"), "{why}");
}

#[test]
fn a_file_without_a_sum_is_checked_by_its_shape() {
    let tae = TextEncoder::Bf16;
    let model = Model::named("longlive").expect("a model");
    for fault in [Fault::Page, Fault::Few, Fault::Pointer] {
        let (rig, settings, place) = rig(model, tae);
        let only: Vec<_> = model.sources(tae).into_iter().filter(|source| source.to == "taew2_1.pth").collect();
        rig.world.state().always = Some(fault);
        let plan = Plan::for_sources(model.name, &only, &[], &place, &settings).expect("a plan");
        let why = plan.run(&(), &false.into()).expect_err("an error").to_string();
        assert!(why.contains("madebyollin/taehv/taew2_1.pth"), "{why}");
        rig.world.state().always = None;
        rig.world.faults([Fault::Drop(10)]);
        plan.run(&(), &false.into()).expect("a run");
        assert_eq!(fs::read(place.to.join("taew2_1.pth")).expect("a file"), ZIP);
    }
}

#[test]
fn a_second_text_encoder_is_noted() {
    let model = Model::named("longlive").expect("a model");
    let (_rig, settings, place) = rig(model, TextEncoder::Fp8);
    fs::create_dir_all(&place.to).expect("a folder");
    fs::write(place.to.join(TextEncoder::Q8.source().to), b"GGUF").expect("a file");
    let plan = Plan::for_model(model, TextEncoder::Fp8, &place, &settings).expect("a plan");
    assert!(plan.notes[0].contains("umt5-xxl-encoder-Q8_0.gguf"), "{:?}", plan.notes);
}

#[test]
fn a_model_comes_from_a_folder() {
    let model = Model::named("self-forcing").expect("a model");
    let (rig, settings, place) = rig(model, TextEncoder::Bf16);
    Plan::for_model(model, TextEncoder::Bf16, &place, &settings)
        .expect("a plan")
        .run(&(), &false.into())
        .expect("a run");
    rig.world.take_seen();
    let second = tempfile::tempdir().expect("a folder");
    let offline = Place { to: second.path().join("mine"), from: Some(rig.models.path().to_owned()) };
    let plan = Plan::for_model(model, TextEncoder::Bf16, &offline, &settings).expect("a plan");
    plan.run(&(), &false.into()).expect("a run");
    assert!(rig.world.take_seen().is_empty());
    for source in model.sources(TextEncoder::Bf16) {
        assert_eq!(fs::read(place.to.join(source.to)).ok(), fs::read(offline.to.join(source.to)).ok());
    }
    let why = Plan::for_model(model, TextEncoder::Fp16, &offline, &settings).err().expect("an error").to_string();
    assert!(why.contains("umt5_xxl_fp16.safetensors") && why.contains("lacks"), "{why}");
}
