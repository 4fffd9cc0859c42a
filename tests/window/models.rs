//! The panel of models: those on this machine, and a download.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bendrack::fetch::{self, TextEncoder};
use bendrack::ui::{Download, KnownModel, ModelRow, ModelsLink};
use eframe::egui::Key;
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;
use crate::snapshots::press;

/// The calls and the answers of models without files.
#[derive(Default)]
pub struct Shelved {
    pub calls: Vec<String>,
    pub rows: Option<Vec<ModelRow>>,
    pub known: Vec<KnownModel>,
    pub running: Option<Download>,
    pub outcome: Option<String>,
}

#[derive(Clone, Default)]
pub struct FakeModels(pub Rc<RefCell<Shelved>>);

impl ModelsLink for FakeModels {
    fn refresh(&self) {
        self.0.borrow_mut().calls.push("refresh".to_owned());
    }

    fn rows(&self) -> Option<Arc<[ModelRow]>> {
        self.0.borrow().rows.clone().map(Into::into)
    }

    fn known(&self) -> Arc<[KnownModel]> {
        self.0.borrow().known.clone().into()
    }

    fn download(&self, name: &str, precision: &str) {
        self.0.borrow_mut().calls.push(format!("download {name} {precision}"));
    }

    fn cancel(&self) {
        self.0.borrow_mut().calls.push("cancel".to_owned());
    }

    fn running(&self) -> Option<Download> {
        self.0.borrow().running.clone()
    }

    fn outcome(&self) -> Option<String> {
        self.0.borrow_mut().outcome.take()
    }
}

/// Models as a machine has them: mini, one that is broken, one to download.
pub fn models() -> FakeModels {
    let fake = FakeModels::default();
    let row = |name: &str, about: Result<&str, &str>, memory: Option<&str>, is_running| ModelRow {
        name: name.to_owned(),
        about: about.map(str::to_owned).map_err(str::to_owned),
        memory: memory.map(str::to_owned),
        is_running,
    };
    let memory = "2.1 GB in memory, 5.7 GB in files. It fits: 20.1 GB of memory are free.";
    let rows = vec![
        row("mini", Ok("the small model inside the program: moving things, 128x128"), None, true),
        row("longlive", Ok("longlive, 30 layers of width 1536 and a LoRA"), Some(memory), false),
        row("wan2.1", Err("models_t5.pth is cut off: it has 3 of 11 GB"), None, false),
    ];
    let known = |model: &fetch::Model| KnownModel {
        name: model.name.to_owned(),
        about: model.about.to_owned(),
        licences: model.licences().iter().map(|licence| (licence.id.to_owned(), licence.page.to_owned())).collect(),
        sizes: [TextEncoder::Bf16, TextEncoder::Q8]
            .map(|encoder| (encoder.name().to_owned(), size(model, encoder)))
            .into(),
    };
    let known = fetch::MODELS.iter().map(known).collect();
    *fake.0.borrow_mut() = Shelved { rows: Some(rows), known, ..Shelved::default() };
    fake
}

fn size(model: &fetch::Model, encoder: TextEncoder) -> String {
    let bytes: u64 = model.sources(encoder).iter().filter_map(|source| source.bytes).sum();
    format!("{:.1} GB", bytes as f64 / 1e9)
}

fn models_window(fake: &FakeModels) -> Window {
    let (mut window, _) = window_with_parts(first_bend(), false, |options| options.models = Box::new(fake.clone()));
    press(&mut window, "Models");
    window.run_steps(3);
    window
}

fn calls(fake: &FakeModels) -> Vec<String> {
    std::mem::take(&mut fake.0.borrow_mut().calls)
}

#[test]
fn a_model_is_downloaded_with_a_chosen_text_encoder() {
    let fake = models();
    let mut window = models_window(&fake);
    assert_eq!(calls(&fake), ["refresh"], "the folders are read when the panel opens");
    window.get_by_label("download self-forcing").click();
    window.run_steps(2);
    assert_eq!(calls(&fake), ["download self-forcing bf16"]);
    window.get_by_label("precision of the text encoder").click();
    window.run_steps(2);
    window.get_by_label("q8").click();
    window.run_steps(2);
    window.get_by_label("download longlive").click();
    window.run_steps(2);
    assert_eq!(calls(&fake), ["download longlive q8"]);
}

#[test]
fn a_download_shows_its_progress_can_be_stopped_and_ends_with_a_message() {
    let fake = models();
    fake.0.borrow_mut().running = Some(Download {
        name: "longlive".to_owned(),
        file: "model.safetensors".to_owned(),
        done: 3,
        total: Some(12),
        text: "3 GB of 12 GB".to_owned(),
    });
    let mut window = models_window(&fake);
    assert!(window.query_by_label("model.safetensors: 3 GB of 12 GB").is_some());
    calls(&fake);
    window.get_by_label("download self-forcing").click();
    window.run_steps(2);
    assert_eq!(calls(&fake), [""; 0], "one download at a time");
    window.get_by_label("stop the download").click();
    window.run_steps(2);
    assert_eq!(calls(&fake), ["cancel"]);
    fake.0.borrow_mut().running = None;
    fake.0.borrow_mut().outcome = Some("longlive is here".to_owned());
    window.run_steps(3);
    assert!(window.query_by_label_contains("longlive is here").is_some());
    assert_eq!(calls(&fake), ["refresh"], "the new model is listed");
}

#[test]
fn a_broken_model_names_its_fault_and_cannot_be_opened() {
    let mut window = models_window(&models());
    assert!(window.query_by_label_contains("models_t5.pth is cut off").is_some());
    assert!(window.query_by_label("open wan2.1").is_none() && window.query_by_label("open mini").is_none());
    assert!(window.query_by_label("open longlive").is_some());
    assert!(window.query_by_label_contains("It fits: 20.1 GB").is_some());
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label("close the models").is_none());
}
