//! Parts that a patch lacks for a picture.

use bendrack_nodes::library::model::model;
use bendrack_nodes::patch::{Node, Patch};

/// A part without which there is no picture, or not the one that its maker wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No node of the model.
    Model,
    /// No prompt.
    Prompt,
}

impl Missing {
    /// The title of its message, and the next step.
    pub const fn message(self) -> (&'static str, &'static str) {
        match self {
            Self::Model => ("The patch has no model", "Press N and add “Wan”, or press Ctrl+Z."),
            Self::Prompt => {
                ("The prompt is empty", "Connect a node “Prompt” to “Wan”, or write the prompt in its field.")
            }
        }
    }

    /// The part that a patch lacks.
    pub fn of(patch: &Patch) -> Option<Self> {
        let scopes = patch.definitions.values().map(|definition| (&definition.nodes, &definition.cables));
        let scopes = std::iter::once((&patch.nodes, &patch.cables)).chain(scopes);
        let models = scopes.flat_map(|(nodes, cables)| {
            nodes.iter().filter(|(_, node)| node.kind == model::NODE.name).map(move |found| (found, cables))
        });
        let mut has_model = false;
        for ((id, node), cables) in models {
            has_model = true;
            let is_fed =
                cables.iter().any(|cable| cable.to.node == *id && cable.to.port == model::PROMPT.name && !cable.mute);
            if is_fed || has_prompt(node) {
                return None;
            }
        }
        Some(if has_model { Self::Prompt } else { Self::Model })
    }
}

fn has_prompt(node: &Node) -> bool {
    let text = node.params.get(model::PROMPT.name).and_then(serde_json::Value::as_str);
    text.is_some_and(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::patch::LevelEdit;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_lacks_a_model_or_a_prompt() {
        let mut patch = Patch::default();
        assert_eq!(Missing::of(&patch), Some(Missing::Model));
        patch.nodes.insert("wan".to_owned(), Node::new("model.wan"));
        assert_eq!(Missing::of(&patch), Some(Missing::Prompt));
        let set =
            |value: &str| LevelEdit::SetParam { id: "wan".into(), name: "prompt".into(), value: Some(json!(value)) };
        patch.apply(set("  ")).unwrap();
        assert_eq!(Missing::of(&patch), Some(Missing::Prompt));
        patch.apply(set("a red tulip")).unwrap();
        assert_eq!(Missing::of(&patch), None);
        assert_eq!(Missing::of(&Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()), None);
    }
}
