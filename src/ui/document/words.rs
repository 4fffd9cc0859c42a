//! The words of the prompt: steps that aim at one, or take it away. Pure functions of a patch.

use bendrack_nodes::library::bend::{self, gain};
use bendrack_nodes::library::model::model;
use bendrack_nodes::library::target::target_node::WITHIN;
use bendrack_nodes::library::target::words;
use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch, Port};
use serde_json::json;

use super::Step;
use super::limits::{limiter, target_input};

/// A word on its way from the prompt to the canvas.
#[derive(Clone, Debug)]
pub struct DraggedWord(pub String);

/// The words of a prompt, each once, without punctuation.
pub fn words_of(prompt: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let words = prompt.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    for word in words.filter(|word| !word.is_empty()) {
        if !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// The words that a node aims at; none for another kind of node.
pub fn aimed(node: &Node) -> Option<Vec<String>> {
    let text = node.params.get(words::WORDS.name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let is_words = node.kind == words::NODE.name;
    is_words.then(|| text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect())
}

/// True if any node of the patch aims at a word.
pub fn is_aimed(patch: &Patch, word: &str) -> bool {
    patch.nodes.values().filter_map(aimed).flatten().any(|other| other.eq_ignore_ascii_case(word))
}

/// The step of a click on a word: the selected node of words gains or loses it; without one, a new node aims at it. Also the id of the
/// node.
pub fn aim(patch: &Patch, selected: Option<&str>, word: &str, place: [f64; 2]) -> (Step<LevelEdit>, String) {
    let own = selected.and_then(|id| Some((id, aimed(patch.nodes.get(id)?)?)));
    if let Some((id, mut words)) = own {
        let before = words.len();
        words.retain(|other| !other.eq_ignore_ascii_case(word));
        if words.len() == before {
            words.push(word.to_owned());
        }
        let value = Some(json!(words.join(", ")));
        let edit = LevelEdit::SetParam { id: id.to_owned(), name: words::WORDS.name.to_owned(), value };
        return (Step::new(format!("target {} by {id}", words.join(", ")), vec![edit]), id.to_owned());
    }
    let (id, node) = node_of(patch, word);
    (Step::new(format!("target {word}"), vec![LevelEdit::AddNode { id: id.clone(), node, pos: place }]), id)
}

/// The step of a word that is dropped on a node, or beside all nodes: a new node aims at it, and limits the node if that has a target. It
/// takes the place of other words. Also the id of the new node.
pub fn drop_on(patch: &Patch, target: Option<&str>, word: &str, place: [f64; 2]) -> (Step<LevelEdit>, String) {
    let (id, node) = node_of(patch, word);
    let mut edits = vec![LevelEdit::AddNode { id: id.clone(), node, pos: place }];
    if let Some(to) = target.and_then(|target| target_input(patch, target)) {
        let port = |name: &str| Port { node: id.clone(), port: name.to_owned() };
        let mut before = patch.cable_to(&to);
        // Two nodes of words in a row would aim at nothing.
        if let Some((other, _)) = limiter(patch, &to.node, &words::NODE) {
            before = patch.cable_to(&Port { node: other.to_owned(), port: WITHIN.name.to_owned() });
        }
        if let Some(cable) = before {
            edits.push(LevelEdit::Connect { cable: Cable { to: port(WITHIN.name), ..cable.clone() } });
        }
        edits.push(LevelEdit::Connect { cable: Cable::new(port(words::OUT.name), to) });
    }
    (Step::new(format!("target {word}"), edits), id)
}

/// The step that takes a word away: a gain of 0 on its map, before the other bends of the model. None without a model.
pub fn silence(patch: &Patch, word: &str, [x, y]: [f64; 2]) -> Option<Step<LevelEdit>> {
    let (wan, _) = patch.nodes.iter().find(|(_, node)| node.kind == model::NODE.name)?;
    let (id, node) = node_of(patch, word);
    let gain_id = patch.free_id("silence");
    let mut gain_node = Node::new(gain::NODE.name);
    gain_node.params.insert(gain::GAIN.name.to_owned(), json!(0.0));
    let port = |node: &str, name: &str| Port { node: node.to_owned(), port: name.to_owned() };
    let bends = port(wan, model::BENDS.name);
    let mut edits = vec![
        LevelEdit::AddNode { id: id.clone(), node, pos: [x, y] },
        LevelEdit::AddNode { id: gain_id.clone(), node: gain_node, pos: [x + 264.0, y] },
        LevelEdit::Connect { cable: Cable::new(port(&id, words::OUT.name), port(&gain_id, bend::TARGET.name)) },
    ];
    if let Some(cable) = patch.cable_to(&bends) {
        edits.push(LevelEdit::Connect { cable: Cable { to: port(&gain_id, bend::BENDS.name), ..cable.clone() } });
    }
    edits.push(LevelEdit::Connect { cable: Cable::new(port(&gain_id, bend::OUT.name), bends) });
    Some(Step::new(format!("mute {word}"), edits))
}

/// A new node that aims at a word, and its id.
fn node_of(patch: &Patch, word: &str) -> (String, Node) {
    let mut node = Node::new(words::NODE.name);
    node.params.insert(words::WORDS.name.to_owned(), json!(word));
    (patch.free_id("word"), node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    #[test]
    fn a_prompt_has_its_words_once_in_any_script() {
        assert_eq!(words_of("a red fox, a blue (fox)!"), ["a", "red", "fox", "blue"]);
        assert_eq!(words_of("  — … "), [""; 0]);
        assert_eq!(words_of("лиса и кот"), ["лиса", "и", "кот"]);
    }

    #[test]
    fn a_click_aims_the_selected_node_or_a_new_one() {
        let mut patch = first_bend();
        assert!(is_aimed(&patch, "Purple") && !is_aimed(&patch, "tulip"));
        let (step, id) = aim(&patch, Some("word"), "tulip", [0.0; 2]);
        assert_eq!(id, "word");
        step.edits.into_iter().for_each(|edit| drop(patch.apply(edit).unwrap()));
        assert_eq!(patch.nodes["word"].params["words"], json!("purple, tulip"));
        let (step, _) = aim(&patch, Some("word"), "purple", [0.0; 2]);
        step.edits.into_iter().for_each(|edit| drop(patch.apply(edit).unwrap()));
        assert_eq!(patch.nodes["word"].params["words"], json!("tulip"));
        let (step, id) = aim(&patch, Some("lfo"), "blue", [8.0, 16.0]);
        step.edits.into_iter().for_each(|edit| drop(patch.apply(edit).unwrap()));
        assert_eq!((id.as_str(), &patch.nodes["word2"].params["words"]), ("word2", &json!("blue")));
    }

    #[test]
    fn a_dropped_word_limits_the_node_under_it() {
        let mut patch = first_bend();
        let (step, id) = drop_on(&patch, Some("rotate"), "tulip", [0.0; 2]);
        step.edits.into_iter().for_each(|edit| drop(patch.apply(edit).unwrap()));
        let source = |to: &str| patch.cable_to(&to.parse().unwrap()).map(|cable| cable.from.to_string());
        assert_eq!(source("rotate.target"), Some(format!("{id}.target")));
        assert_eq!(source(&format!("{id}.within")), Some("layers.target".to_owned()), "the target before");
        let (step, _) = drop_on(&patch, None, "tulip", [0.0; 2]);
        assert_eq!(step.edits.len(), 1);
    }

    #[test]
    fn a_silenced_word_has_a_gain_of_0_in_the_chain_of_bends() {
        let mut patch = first_bend();
        let step = silence(&patch, "tulip", [0.0; 2]).unwrap();
        step.edits.into_iter().for_each(|edit| drop(patch.apply(edit).unwrap()));
        let source = |to: &str| patch.cable_to(&to.parse().unwrap()).map(|cable| cable.from.to_string());
        assert_eq!(source("wan.bends").as_deref(), Some("silence.bends"));
        assert_eq!(source("silence.bends").as_deref(), Some("rotate.bends"));
        assert_eq!(source("silence.target").as_deref(), Some("word2.target"));
        assert!(silence(&Patch::default(), "tulip", [0.0; 2]).is_none());
    }
}
