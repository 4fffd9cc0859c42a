//! The tour: five steps on the first bend. Each is done by hand, and noticed by what has changed since its beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bendrack_nodes::library::bend::AMOUNT;
use bendrack_nodes::library::modulate::lfo;
use bendrack_nodes::library::tap::map;
use bendrack_nodes::library::target::words;
use bendrack_nodes::patch::{Cable, Node, Patch, Port};
use serde_json::Value as Json;

use super::words::{aimed, is_aimed, words_of};

/// The word of the prompt that the text of the step names.
const WORD: &str = "tulip";
/// The families of bends and of modulators.
const BEND: &str = "bend";
const MODULATOR: &str = "modulate";

/// A step of the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TourStep {
    /// A knob is turned.
    Turn,
    /// A cable goes from an LFO to a bend.
    Wire,
    /// A bend acts on another word of the prompt.
    Word,
    /// A heatmap covers the picture.
    Heatmap,
    /// A video is recorded.
    Record,
}

impl TourStep {
    /// All steps, in order.
    pub const ALL: [Self; 5] = [Self::Turn, Self::Wire, Self::Word, Self::Heatmap, Self::Record];

    /// The title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Turn => "Turn a knob",
            Self::Wire => "Connect a cable",
            Self::Word => "Choose a word",
            Self::Heatmap => "Look at a heatmap",
            Self::Record => "Record a video",
        }
    }

    /// The action, by mouse.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Turn => "Drag the knob `rate` of the node LFO up, then let go.",
            Self::Wire => "Drag from the port `out` of LFO to the port `amount` of Rotate.",
            Self::Word => "Click the title of the node Words, then the word “tulip” under the picture.",
            Self::Heatmap => "Click the label “map” at the upper left of the picture.",
            Self::Record => "Click Record in the top bar, wait a few seconds, and click it again.",
        }
    }

    /// The same action, by keyboard.
    pub const fn keys(self) -> &'static str {
        match self {
            Self::Turn => "Keyboard: select LFO with the arrows, press Tab for its first knob, then Arrow up.",
            Self::Wire => {
                "Keyboard: press Esc, select LFO with the arrows, press C, type “out rotate amount”, then Enter."
            }
            Self::Word => "Keyboard: select Words with the arrows, press Tab, type “purple, tulip”, then Esc.",
            Self::Heatmap => "Keyboard: press H.",
            Self::Record => "Keyboard: Ctrl+R starts a recording, and stops it.",
        }
    }

    /// The result, once the step is done.
    pub const fn result(self) -> &'static str {
        match self {
            Self::Turn => {
                "The LFO moves the bend at another speed. A turned knob reaches the picture in half a second."
            }
            Self::Wire => "The LFO also moves the amount of the bend. The small knob beside the number is the depth.",
            Self::Word => "Rotate acts on the maps of both words: the whole tulip moves.",
            Self::Heatmap => "Bright places attend to the words. Another click on the label removes the map.",
            Self::Record => "The video has its patch inside: drop it on the window to open the patch.",
        }
    }
}

/// The thing that a step is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A knob.
    Knob(Port),
    /// An output and an input.
    Cable(Port, Port),
    /// A node.
    Node(String),
    /// A word under the picture.
    Word(String),
    /// The label of a tap on the picture.
    Map(String),
    /// The button of recordings.
    Record,
}

/// The state of the window that the tour reads.
pub struct Facts<'a> {
    /// The patch.
    pub patch: &'a Arc<Patch>,
    /// The selected nodes.
    pub selection: &'a BTreeSet<String>,
    /// The prompt.
    pub prompt: &'a str,
    /// True while the map of a tap covers the picture.
    pub has_map: bool,
    /// The number of videos that this window has recorded.
    pub videos: u64,
}

/// A tour under way.
pub struct Tour {
    /// The place of the present step; beyond the last one, the tour is at its end.
    place: usize,
    /// The step that was done last.
    done: Option<TourStep>,
    before: Before,
}

/// The facts at the beginning of a step.
struct Before {
    patch: Arc<Patch>,
    had_map: bool,
    videos: u64,
}

impl Before {
    fn new(facts: &Facts<'_>) -> Self {
        Self { patch: Arc::clone(facts.patch), had_map: facts.has_map, videos: facts.videos }
    }
}

impl Tour {
    /// A tour at its first step.
    pub fn new(facts: &Facts<'_>) -> Self {
        Self { place: 0, done: None, before: Before::new(facts) }
    }

    /// The present step; none at the end.
    pub fn step(&self) -> Option<TourStep> {
        TourStep::ALL.get(self.place).copied()
    }

    /// The number of the present step, from 1.
    pub const fn number(&self) -> usize {
        self.place + 1
    }

    /// The step that was done last, unless one was skipped since.
    pub const fn done(&self) -> Option<TourStep> {
        self.done
    }

    /// Goes on if the present step is done.
    pub fn update(&mut self, facts: &Facts<'_>) {
        self.before.had_map &= facts.has_map;
        if let Some(step) = self.step().filter(|step| self.is_done(*step, facts)) {
            self.go_on(Some(step), facts);
        }
    }

    /// Goes on to the next step.
    pub fn skip(&mut self, facts: &Facts<'_>) {
        self.go_on(None, facts);
    }

    /// Begins the present step again, as after another patch was opened.
    pub fn begin_step(&mut self, facts: &Facts<'_>) {
        self.before = Before::new(facts);
    }

    fn go_on(&mut self, done: Option<TourStep>, facts: &Facts<'_>) {
        self.place += 1;
        self.done = done;
        self.begin_step(facts);
    }

    fn is_done(&self, step: TourStep, facts: &Facts<'_>) -> bool {
        let (before, now) = (&self.before.patch, facts.patch);
        match step {
            TourStep::Heatmap => facts.has_map && !self.before.had_map,
            TourStep::Record => facts.videos > self.before.videos,
            _ if Arc::ptr_eq(before, now) => false,
            TourStep::Turn => is_turned(before, now),
            TourStep::Wire => now.cables.iter().any(|cable| moves_bend(now, cable) && !has(before, cable)),
            TourStep::Word => !bent_words(now, facts).is_subset(&bent_words(before, facts)),
        }
    }

    /// The thing that the present step is about; none if the patch lacks it, and at the end.
    pub fn thing(&self, facts: &Facts<'_>) -> Option<Thing> {
        let patch = facts.patch;
        let port = |node: &str, port: &str| Port { node: node.to_owned(), port: port.to_owned() };
        let lfo = || first(patch, lfo::NODE.name);
        Some(match self.step()? {
            TourStep::Turn => Thing::Knob(port(lfo()?, lfo::RATE.name)),
            TourStep::Wire => Thing::Cable(port(lfo()?, lfo::OUT.name), port(first(patch, BEND)?, AMOUNT.name)),
            TourStep::Word => {
                let node = first(patch, words::NODE.name)?;
                match wanted_word(patch, facts.prompt) {
                    Some(word) if facts.selection.iter().eq([node]) => Thing::Word(word.to_owned()),
                    _ => Thing::Node(node.to_owned()),
                }
            }
            TourStep::Heatmap => Thing::Map(first(patch, map::NODE.name)?.to_owned()),
            TourStep::Record => Thing::Record,
        })
    }

    /// True if a word has a node, but no cable takes it to a bend.
    pub fn is_word_loose(&self, facts: &Facts<'_>) -> bool {
        let words = |patch: &Patch| in_prompt(patch.nodes.values().filter_map(aimed).flatten(), facts);
        self.step() == Some(TourStep::Word) && !words(facts.patch).is_subset(&words(&self.before.patch))
    }
}

/// True if the kind of a node is in a family.
fn is_of(node: &Node, family: &str) -> bool {
    node.kind.split_once('.').is_some_and(|(name, _)| name == family)
}

/// The first node of a kind, or of a family.
fn first<'a>(patch: &'a Patch, kind: &str) -> Option<&'a String> {
    let fits = |node: &Node| node.kind == kind || is_of(node, kind);
    patch.nodes.iter().find(|(_, node)| fits(node)).map(|(id, _)| id)
}

/// The word of the prompt to click: tulip, or the last one that no node aims at.
fn wanted_word<'a>(patch: &Patch, prompt: &'a str) -> Option<&'a str> {
    let free: Vec<&str> = words_of(prompt).into_iter().filter(|word| !is_aimed(patch, word)).collect();
    free.iter().find(|word| **word == WORD).or(free.last()).copied()
}

/// True if a knob or a depth of a node has moved.
fn is_turned(before: &Patch, now: &Patch) -> bool {
    fn numbers(node: &Node) -> BTreeMap<&String, &Json> {
        node.params.iter().filter(|(_, value)| value.is_number()).collect()
    }
    let moved = |(id, node): (&String, &Node)| {
        let old = before.nodes.get(id).filter(|old| old.kind == node.kind);
        old.is_some_and(|old| old.depths != node.depths || numbers(old) != numbers(node))
    };
    now.nodes.iter().any(moved)
}

/// True if a cable goes from a modulator to a bend.
fn moves_bend(patch: &Patch, cable: &Cable) -> bool {
    let is = |port: &Port, family: &str| patch.nodes.get(&port.node).is_some_and(|node| is_of(node, family));
    is(&cable.from, MODULATOR) && is(&cable.to, BEND)
}

fn has(patch: &Patch, cable: &Cable) -> bool {
    patch.cables.iter().any(|other| (&other.from, &other.to) == (&cable.from, &cable.to))
}

/// The words of nodes with a cable.
fn bent_words(patch: &Patch, facts: &Facts<'_>) -> BTreeSet<String> {
    let is_wired = |id: &String| patch.cables.iter().any(|cable| cable.from.node == *id);
    let wired = patch.nodes.iter().filter(|(id, _)| is_wired(id));
    in_prompt(wired.filter_map(|(_, node)| aimed(node)).flatten(), facts)
}

/// The words that the prompt has: half a word, while it is typed, is none.
fn in_prompt(words: impl Iterator<Item = String>, facts: &Facts<'_>) -> BTreeSet<String> {
    let known = words_of(facts.prompt);
    words.filter(|word| known.contains(&word.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::patch::LevelEdit;
    use serde_json::json;

    use super::*;
    use crate::ui::document::words::aim;

    /// A window as the tour sees it.
    struct Seen {
        patch: Arc<Patch>,
        selection: BTreeSet<String>,
        has_map: bool,
        videos: u64,
    }

    impl Seen {
        fn first_bend() -> Self {
            let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
            Self { patch: Arc::new(patch), selection: BTreeSet::new(), has_map: false, videos: 0 }
        }

        fn facts(&self) -> Facts<'_> {
            Facts {
                patch: &self.patch,
                selection: &self.selection,
                prompt: "a purple tulip over a blue gradient",
                has_map: self.has_map,
                videos: self.videos,
            }
        }

        fn apply(&mut self, edit: LevelEdit) {
            Arc::make_mut(&mut self.patch).apply(edit).unwrap();
        }

        fn set(&mut self, id: &str, name: &str, value: Json) {
            self.apply(LevelEdit::SetParam { id: id.into(), name: name.into(), value: Some(value) });
        }

        fn connect(&mut self, from: &str, to: &str) {
            self.apply(LevelEdit::Connect { cable: Cable::new(from.parse().unwrap(), to.parse().unwrap()) });
        }

        /// The tour after skipping this many steps.
        fn tour(&self, skipped: usize) -> Tour {
            let mut tour = Tour::new(&self.facts());
            (0..skipped).for_each(|_| tour.skip(&self.facts()));
            tour
        }
    }

    #[test]
    fn a_knob_that_turns_is_noticed_and_a_moved_node_is_not() {
        let mut seen = Seen::first_bend();
        let mut tour = seen.tour(0);
        seen.apply(LevelEdit::Move { id: "lfo".into(), pos: [8.0, 8.0] });
        seen.set("lfo", "shape", json!("triangle"));
        tour.update(&seen.facts());
        assert_eq!((tour.step(), tour.number()), (Some(TourStep::Turn), 1));
        assert_eq!(tour.thing(&seen.facts()), Some(Thing::Knob("lfo.rate".parse().unwrap())));
        seen.set("lfo", "rate", json!(0.5));
        tour.update(&seen.facts());
        assert_eq!((tour.step(), tour.done()), (Some(TourStep::Wire), Some(TourStep::Turn)));
        // A depth is a knob too.
        let mut tour = seen.tour(0);
        seen.apply(LevelEdit::SetDepth { id: "rotate".into(), name: "angle".into(), depth: Some(0.5) });
        tour.update(&seen.facts());
        assert_eq!(tour.step(), Some(TourStep::Wire));
    }

    #[test]
    fn only_a_new_cable_from_a_modulator_to_a_bend_counts() {
        let mut seen = Seen::first_bend();
        let mut tour = seen.tour(1);
        let ports: [Port; 2] = ["lfo.out", "rotate.amount"].map(|port| port.parse().unwrap());
        assert_eq!(tour.thing(&seen.facts()), Some(Thing::Cable(ports[0].clone(), ports[1].clone())));
        seen.connect("lfo.out", "heat.amount");
        seen.set("lfo", "rate", json!(0.5));
        tour.update(&seen.facts());
        assert_eq!(tour.step(), Some(TourStep::Wire), "a heatmap is no bend");
        seen.connect("lfo.out", "rotate.amount");
        tour.update(&seen.facts());
        assert_eq!(tour.step(), Some(TourStep::Word));
    }

    #[test]
    fn a_word_counts_once_a_cable_takes_it_on() {
        let mut seen = Seen::first_bend();
        let mut tour = seen.tour(2);
        assert_eq!(tour.thing(&seen.facts()), Some(Thing::Node("word".into())));
        let (step, id) = aim(&seen.patch, None, "tulip", [0.0; 2]);
        step.edits.into_iter().for_each(|edit| seen.apply(edit));
        tour.update(&seen.facts());
        assert_eq!(tour.step(), Some(TourStep::Word), "a node without a cable");
        assert!(tour.is_word_loose(&seen.facts()));
        seen.apply(LevelEdit::RemoveNode { id });
        assert!(!tour.is_word_loose(&seen.facts()));
        seen.set("word", "words", json!("purple, tul"));
        tour.update(&seen.facts());
        assert_eq!(tour.step(), Some(TourStep::Word), "half a word");
        seen.set("word", "words", json!("purple"));
        seen.selection = ["word".to_owned()].into();
        assert_eq!(tour.thing(&seen.facts()), Some(Thing::Word("tulip".into())));
        let (step, _) = aim(&seen.patch, Some("word"), "tulip", [0.0; 2]);
        step.edits.into_iter().for_each(|edit| seen.apply(edit));
        tour.update(&seen.facts());
        assert_eq!(tour.step(), Some(TourStep::Heatmap));
    }

    #[test]
    fn a_map_that_is_shown_already_must_be_shown_again() {
        let mut seen = Seen { has_map: true, ..Seen::first_bend() };
        let mut tour = seen.tour(3);
        let mut see = |has_map| {
            seen.has_map = has_map;
            tour.update(&seen.facts());
            tour.step()
        };
        assert_eq!(see(true), Some(TourStep::Heatmap));
        assert_eq!(see(false), Some(TourStep::Heatmap));
        assert_eq!(see(true), Some(TourStep::Record));
    }

    #[test]
    fn the_tour_ends_with_a_video() {
        let mut seen = Seen { videos: 3, ..Seen::first_bend() };
        let mut tour = seen.tour(4);
        tour.update(&seen.facts());
        assert_eq!((tour.step(), tour.thing(&seen.facts())), (Some(TourStep::Record), Some(Thing::Record)));
        seen.videos = 4;
        tour.update(&seen.facts());
        assert_eq!((tour.step(), tour.done()), (None, Some(TourStep::Record)));
        tour.update(&seen.facts());
        assert_eq!(tour.thing(&seen.facts()), None);
    }

    #[test]
    fn another_patch_does_no_step_and_may_lack_its_thing() {
        let mut seen = Seen::first_bend();
        let mut tour = seen.tour(0);
        seen.set("lfo", "rate", json!(0.5));
        seen.patch = Arc::default();
        tour.begin_step(&seen.facts());
        for step in TourStep::ALL {
            tour.update(&seen.facts());
            assert_eq!(tour.step(), Some(step));
            assert_eq!(tour.thing(&seen.facts()).is_none(), step != TourStep::Record);
            tour.skip(&seen.facts());
        }
        assert_eq!((tour.step(), tour.done()), (None, None));
    }

    #[test]
    fn the_texts_name_ports_and_words_of_the_first_bend() {
        let seen = Seen::first_bend();
        for (step, names) in [
            (TourStep::Turn, &["rate", "LFO"][..]),
            (TourStep::Wire, &["out", "amount", "Rotate"]),
            (TourStep::Word, &[WORD]),
        ] {
            assert!(names.iter().all(|name| step.text().contains(name)), "{step:?}");
        }
        assert_eq!(wanted_word(&seen.patch, seen.facts().prompt), Some(WORD));
        for step in TourStep::ALL {
            for sentence in [step.text(), step.keys(), step.result()].iter().flat_map(|text| text.split(". ")) {
                assert!(sentence.split_whitespace().count() <= 20, "{sentence}");
            }
        }
    }
}
