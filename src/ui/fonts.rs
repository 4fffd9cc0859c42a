//! Fonts for scripts that the bundled fonts lack: those of the system, searched once a patch has such letters.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use bendrack_nodes::patch::Patch;
use eframe::egui::{Context, FontData, FontDefinitions, FontFamily};
use fontdb::{Database, FaceInfo, Style};
use ttf_parser::Face;

use super::document::Document;
use super::theme;

/// The most fonts that are added: a system has hundreds of fonts, and each one in use stays in memory.
const MOST: usize = 12;

/// The fonts of the window.
#[derive(Default)]
pub struct Fonts {
    /// The folders of fonts; empty for those of the system.
    folders: Vec<PathBuf>,
    /// The revision of the patch whose letters were looked at.
    revision: Option<u64>,
    /// Letters that were searched, found or not.
    searched: BTreeSet<char>,
    search: Option<Receiver<Vec<Found>>>,
    added: Vec<Found>,
}

/// A font of the system.
#[derive(Clone)]
struct Found {
    name: String,
    data: Arc<FontData>,
}

impl Fonts {
    /// Fonts of these folders; without one, those of the system.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, ..Self::default() }
    }

    /// Searches fonts for letters of the patch that no font in use has, on a thread of its own, and adds what was found.
    pub fn update(&mut self, ctx: &Context, document: &Document) {
        self.add_found(ctx);
        if self.search.is_some() || self.revision == Some(document.revision()) {
            return;
        }
        self.revision = Some(document.revision());
        let font = theme::proportional(theme::BODY);
        let mut missing = letters(&document.patch);
        missing.retain(|letter| !self.searched.contains(letter));
        if !missing.is_empty() {
            ctx.fonts_mut(|fonts| missing.retain(|letter| !fonts.has_glyph(&font, *letter)));
        }
        if missing.is_empty() || self.added.len() >= MOST {
            return;
        }
        self.searched.extend(&missing);
        let (send, receive) = channel();
        let (folders, most, ctx) = (self.folders.clone(), MOST - self.added.len(), ctx.clone());
        self.search = Some(receive);
        std::thread::spawn(move || {
            // A closed window needs no fonts.
            let _ = send.send(search(&folders, missing, most));
            ctx.request_repaint();
        });
    }

    fn add_found(&mut self, ctx: &Context) {
        let Some(search) = &self.search else { return };
        match search.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {}
            Ok(found) if found.is_empty() => {}
            Ok(found) => {
                self.added.extend(found);
                ctx.set_fonts(definitions(&self.added));
            }
        }
        self.search = None;
    }
}

/// The letters beyond ASCII of all texts of a patch that the window shows.
fn letters(patch: &Patch) -> BTreeSet<char> {
    let nodes = patch.nodes.values().chain(patch.definitions.values().flat_map(|sub| sub.nodes.values()));
    let of_nodes = nodes.flat_map(|node| {
        let params = node.params.values().filter_map(|value| value.as_str());
        params.chain([node.title.as_str()])
    });
    let frames = patch.frames.iter().map(|frame| frame.title.as_str());
    let snapshots = patch.snapshots.iter().map(|snapshot| snapshot.name.as_str());
    let meta = [&patch.meta.title, &patch.meta.author].map(String::as_str);
    let texts = of_nodes.chain(frames).chain(snapshots).chain(meta);
    texts.filter(|text| !text.is_ascii()).flat_map(str::chars).filter(|c| !c.is_ascii() && !c.is_whitespace()).collect()
}

/// The fonts in use: the bundled ones, then these.
fn definitions(added: &[Found]) -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    for Found { name, data } in added {
        fonts.font_data.insert(name.clone(), Arc::clone(data));
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            fonts.families.entry(family).or_default().push(name.clone());
        }
    }
    fonts
}

/// The fonts that together have most of these letters: first the one that has the most.
fn search(folders: &[PathBuf], mut missing: BTreeSet<char>, most: usize) -> Vec<Found> {
    let mut fonts = Database::new();
    for folder in folders {
        fonts.load_fonts_dir(folder);
    }
    if folders.is_empty() {
        fonts.load_system_fonts();
    }
    let mut faces: Vec<&FaceInfo> = fonts.faces().collect();
    // Upright, of medium weight, without serifs, if there is a choice.
    faces.sort_by_key(|face| {
        let is_serif = face.families.iter().any(|(name, _)| name.contains("Serif") || name.contains("Mono"));
        (face.style != Style::Normal, is_serif, face.weight.0.abs_diff(400), face.post_script_name.clone())
    });
    let covered = |face: &FaceInfo| -> BTreeSet<char> {
        let read = |data: &[u8], index| {
            let face = Face::parse(data, index).ok()?;
            Some(missing.iter().copied().filter(|letter| face.glyph_index(*letter).is_some()).collect())
        };
        fonts.with_face_data(face.id, read).flatten().unwrap_or_default()
    };
    let mut candidates: Vec<(&FaceInfo, BTreeSet<char>)> =
        faces.into_iter().map(|face| (face, covered(face))).collect();
    let mut found = Vec::new();
    while found.len() < most && !missing.is_empty() {
        for (_, has) in &mut candidates {
            has.retain(|letter| missing.contains(letter));
        }
        candidates.retain(|(_, has)| !has.is_empty());
        // Of equals, the first.
        let Some((face, has)) = candidates.iter().rev().max_by_key(|(_, has)| has.len()) else { break };
        missing.retain(|letter| !has.contains(letter));
        let read = |data: &[u8], index| FontData { index, ..FontData::from_owned(data.to_vec()) };
        if let Some(data) = fonts.with_face_data(face.id, read) {
            found.push(Found { name: face.post_script_name.clone(), data: Arc::new(data) });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "fonts"].iter().collect()
    }

    #[test]
    fn the_letters_of_all_texts_are_looked_at() {
        let mut patch = Patch::from_json(include_str!("../../patches/first_bend.json")).unwrap();
        assert_eq!(letters(&patch), BTreeSet::new(), "plain English");
        patch.nodes.get_mut("lfo").unwrap().title = "波".to_owned();
        patch.nodes.get_mut("word").unwrap().params.insert("words".to_owned(), "חתול red".into());
        patch.meta.title = "é".to_owned();
        assert_eq!(letters(&patch), "波חתולé".chars().collect());
    }

    #[test]
    fn the_fewest_fonts_that_have_the_letters_are_found() {
        let found = search(&[folder()], "חתול".chars().collect(), MOST);
        assert_eq!(found.iter().map(|font| font.name.as_str()).collect::<Vec<_>>(), ["DejaVuSans"]);
        let face = Face::parse(&found[0].data.font, found[0].data.index).unwrap();
        assert!("חתול".chars().all(|letter| face.glyph_index(letter).is_some()));
        assert!(search(&[folder()], "波".chars().collect(), MOST).is_empty(), "no font here has it");
        assert!(search(&[folder().join("none")], "ח".chars().collect(), MOST).is_empty());
    }
}
