//! Steps: the entries of the undo history, made of edits.

use bendrack_nodes::patch::{Edit, LevelEdit};

/// One entry of the undo history: a name and its edits in order. A `Step<LevelEdit>` fits the patch and any subpatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<E = Edit> {
    /// The name in the undo button, such as "turn rate of lfo".
    pub name: String,
    /// The edits.
    pub edits: Vec<E>,
    /// The gesture, if any: consecutive steps of one gesture merge, such as the drag of a knob or the typing of a word.
    pub gesture: Option<String>,
}

impl<E> Step<E> {
    /// A step that never merges with others.
    pub fn new(name: impl Into<String>, edits: Vec<E>) -> Self {
        Self { name: name.into(), edits, gesture: None }
    }

    /// A step of the gesture of the same name.
    pub fn merging(name: impl Into<String>, edits: Vec<E>) -> Self {
        let name = name.into();
        Self { gesture: Some(name.clone()), name, edits }
    }

    fn map<F>(self, edit: impl FnMut(E) -> F) -> Step<F> {
        let Self { name, edits, gesture } = self;
        Step { name, edits: edits.into_iter().map(edit).collect(), gesture }
    }
}

impl Step<LevelEdit> {
    /// The step on a subpatch.
    pub fn within(self, id: &str) -> Step {
        self.map(|edit| Edit::Within { id: id.to_owned(), edit })
    }
}

impl From<Step<LevelEdit>> for Step {
    /// The step on the patch itself.
    fn from(step: Step<LevelEdit>) -> Self {
        step.map(Edit::Level)
    }
}

/// True if an edit changes the plan.
pub(super) fn affects_plan(edit: &Edit) -> bool {
    match edit {
        Edit::Level(edit) | Edit::Within { edit, .. } => {
            !matches!(edit, LevelEdit::Move { .. } | LevelEdit::SetPlace { .. })
        }
        Edit::SetFrames { .. } | Edit::SetMeta { .. } | Edit::SetSnapshots { .. } => false,
        _ => true,
    }
}

/// The key of the value that an edit sets: of two edits with one key, the later replaces the earlier. Other edits have no key.
pub(super) fn key(edit: &Edit) -> Option<(u8, String, String)> {
    match edit {
        Edit::Level(edit) => level_key(edit),
        Edit::SetSeed { .. } => Some((4, String::new(), String::new())),
        Edit::SetTempo { .. } => Some((5, String::new(), String::new())),
        Edit::SetMeta { .. } => Some((6, String::new(), String::new())),
        Edit::SetFrames { .. } => Some((7, String::new(), String::new())),
        Edit::SetSnapshots { .. } => Some((8, String::new(), String::new())),
        Edit::SetMaps { .. } => Some((9, String::new(), String::new())),
        Edit::Within { id, edit } => {
            let (kind, what, name) = level_key(edit)?;
            Some((kind + 100, format!("{id}/{what}"), name))
        }
        Edit::SetDefinition { .. } => None,
    }
}

fn level_key(edit: &LevelEdit) -> Option<(u8, String, String)> {
    match edit {
        LevelEdit::SetParam { id, name, .. } => Some((0, id.clone(), name.clone())),
        LevelEdit::SetDepth { id, name, .. } => Some((1, id.clone(), name.clone())),
        LevelEdit::Bypass { id, .. } => Some((2, id.clone(), String::new())),
        LevelEdit::Move { id, .. } => Some((3, id.clone(), String::new())),
        LevelEdit::Mute { to, .. } => Some((10, to.to_string(), String::new())),
        _ => None,
    }
}
