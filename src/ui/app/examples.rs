//! The examples that come with bendrack, in a menu.

use std::sync::OnceLock;

use bendrack_nodes::patch::Patch;
use eframe::egui::containers::menu::MenuButton;
use eframe::egui::{RichText, ScrollArea, Ui};
use serde_json::Value as Json;

use crate::ui::theme;
use crate::ui::widgets::flat_button;

/// The patches of the folder `patches`.
const EXAMPLES: &[&str] = &[
    include_str!("../../../patches/beat_resets.json"),
    include_str!("../../../patches/breathing.json"),
    include_str!("../../../patches/chorus.json"),
    include_str!("../../../patches/colour_fader.json"),
    include_str!("../../../patches/diptych.json"),
    include_str!("../../../patches/echo_of_itself.json"),
    include_str!("../../../patches/euclid.json"),
    include_str!("../../../patches/fading_memory.json"),
    include_str!("../../../patches/first_bend.json"),
    include_str!("../../../patches/four_windows.json"),
    include_str!("../../../patches/held_breath.json"),
    include_str!("../../../patches/kick.json"),
    include_str!("../../../patches/letting_go.json"),
    include_str!("../../../patches/looking_back.json"),
    include_str!("../../../patches/midi_colour.json"),
    include_str!("../../../patches/neuron_band.json"),
    include_str!("../../../patches/neuron_sweep.json"),
    include_str!("../../../patches/restless.json"),
    include_str!("../../../patches/searchlight.json"),
    include_str!("../../../patches/step_dance.json"),
    include_str!("../../../patches/storm.json"),
    include_str!("../../../patches/storyboard.json"),
    include_str!("../../../patches/touch.json"),
    include_str!("../../../patches/trading_places.json"),
    include_str!("../../../patches/turning_breath.json"),
    include_str!("../../../patches/two_scenes.json"),
];

/// Title and description of an example.
struct Example {
    title: String,
    about: String,
}

fn all() -> &'static [Example] {
    static ALL: OnceLock<Vec<Example>> = OnceLock::new();
    let text = |json: &Json, key: &str| json["meta"][key].as_str().unwrap_or_default().to_owned();
    ALL.get_or_init(|| {
        let read = |example: &&str| {
            let json: Json = serde_json::from_str(example).unwrap_or_default();
            Example { title: text(&json, "title"), about: text(&json, "description") }
        };
        EXAMPLES.iter().map(read).collect()
    })
}

/// An example, by its place in the menu; an empty patch if there is none.
pub fn example(index: usize) -> Patch {
    EXAMPLES.get(index).and_then(|text| Patch::from_json(text).ok()).unwrap_or_default()
}

/// The menu. Returns the place of the chosen example.
pub fn examples_ui(ui: &mut Ui) -> Option<usize> {
    let mut chosen = None;
    MenuButton::from_button(flat_button("Examples")).ui(ui, |ui| {
        ui.set_width(360.0);
        ScrollArea::vertical().max_height(480.0).show(ui, |ui| {
            for (index, Example { title, about }) in all().iter().enumerate() {
                if ui.add(flat_button(title)).clicked() {
                    chosen = Some(index);
                    ui.close();
                }
                ui.label(RichText::new(about).size(theme::SMALL).color(theme::WEAK));
                ui.add_space(theme::UNIT / 2.0);
            }
        });
    });
    chosen
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_patch_of_the_folder_is_an_example_and_has_a_title() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let texts = files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap());
        let mut texts: Vec<String> = texts.collect();
        let mut examples: Vec<&str> = EXAMPLES.to_vec();
        texts.sort();
        examples.sort_unstable();
        assert_eq!(examples, texts);
        assert!(all().iter().all(|example| !example.title.is_empty() && !example.about.is_empty()));
        assert!((0..EXAMPLES.len()).all(|index| !example(index).nodes.is_empty()));
        assert!(example(usize::MAX).nodes.is_empty());
    }
}
