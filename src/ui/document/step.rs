//! Steps: the entries of the undo history, made of edits.

use bendrack_nodes::patch::{Edit, LevelEdit, Port};

/// One entry of the undo history: a name and its edits in order. A `Step<LevelEdit>` fits the patch and any subpatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<E = Edit> {
    /// The name in the undo button, such as "turn rate of lfo".
    pub name: String,
    /// The edits.
    pub edits: Vec<E>,
    /// The gesture, if any. Its steps are one entry.
    pub gesture: Option<Gesture>,
}

/// Steps that are one entry of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gesture {
    /// Of a hand, by its name: the drag of a knob, the typing of a word. Consecutive steps merge, until the hand rests.
    Hand(String),
    /// Of the clock, by its number: a glide to a snapshot. Its steps merge beneath those of hands that play meanwhile.
    Glide(u64),
}

impl<E> Step<E> {
    /// A step that never merges with others.
    pub fn new(name: impl Into<String>, edits: Vec<E>) -> Self {
        Self { name: name.into(), edits, gesture: None }
    }

    /// A step of the gesture of the same name.
    pub fn merging(name: impl Into<String>, edits: Vec<E>) -> Self {
        let name = name.into();
        Self { gesture: Some(Gesture::Hand(name.clone())), name, edits }
    }

    /// A step of the glide with this number.
    pub fn gliding(name: impl Into<String>, glide: u64, edits: Vec<E>) -> Self {
        Self { name: name.into(), edits, gesture: Some(Gesture::Glide(glide)) }
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
        Edit::Level(edit) | Edit::Within { edit, .. } => level_affects_plan(edit),
        Edit::SetSeed { .. }
        | Edit::SetTempo { .. }
        | Edit::SetMaster { .. }
        | Edit::SetSteps { .. }
        | Edit::SetClip { .. }
        | Edit::SetMaps { .. }
        | Edit::SetDefinition { .. } => true,
        Edit::SetMeta { .. } | Edit::SetFrames { .. } | Edit::SetSnapshots { .. } | Edit::SetStage { .. } => false,
    }
}

fn level_affects_plan(edit: &LevelEdit) -> bool {
    match edit {
        LevelEdit::AddNode { .. }
        | LevelEdit::RemoveNode { .. }
        | LevelEdit::Connect { .. }
        | LevelEdit::Disconnect { .. }
        | LevelEdit::SetParam { .. }
        | LevelEdit::SetDepth { .. }
        | LevelEdit::Bypass { .. }
        | LevelEdit::Mute { .. }
        | LevelEdit::SetCables { .. } => true,
        LevelEdit::SetTitle { .. } | LevelEdit::Move { .. } | LevelEdit::SetPlace { .. } => false,
    }
}

/// The value that an edit sets. Of two edits of one target, the later replaces the earlier.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'e> {
    Level(LevelTarget<'e>),
    /// A value in the subpatch of this id.
    Within(&'e str, LevelTarget<'e>),
    Seed,
    Tempo,
    Master,
    Steps,
    Clip,
    Meta,
    Frames,
    Snapshots,
    Stage,
    Maps,
}

/// The value that an edit of one level sets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LevelTarget<'e> {
    /// A parameter of this name, of the node of this id.
    Param(&'e str, &'e str),
    /// The depth at an input of this name, of the node of this id.
    Depth(&'e str, &'e str),
    Bypass(&'e str),
    Title(&'e str),
    Position(&'e str),
    Mute(&'e Port),
}

impl<'e> Target<'e> {
    /// The target of an edit; none if a later edit does not replace it.
    pub(super) fn of(edit: &'e Edit) -> Option<Self> {
        match edit {
            Edit::Level(edit) => LevelTarget::of(edit).map(Self::Level),
            Edit::Within { id, edit } => LevelTarget::of(edit).map(|target| Self::Within(id, target)),
            Edit::SetSeed { .. } => Some(Self::Seed),
            Edit::SetTempo { .. } => Some(Self::Tempo),
            Edit::SetMaster { .. } => Some(Self::Master),
            Edit::SetSteps { .. } => Some(Self::Steps),
            Edit::SetClip { .. } => Some(Self::Clip),
            Edit::SetMeta { .. } => Some(Self::Meta),
            Edit::SetFrames { .. } => Some(Self::Frames),
            Edit::SetSnapshots { .. } => Some(Self::Snapshots),
            Edit::SetMaps { .. } => Some(Self::Maps),
            Edit::SetStage { .. } => Some(Self::Stage),
            Edit::SetDefinition { .. } => None,
        }
    }
}

impl<'e> LevelTarget<'e> {
    fn of(edit: &'e LevelEdit) -> Option<Self> {
        match edit {
            LevelEdit::SetParam { id, name, .. } => Some(Self::Param(id, name)),
            LevelEdit::SetDepth { id, name, .. } => Some(Self::Depth(id, name)),
            LevelEdit::Bypass { id, .. } => Some(Self::Bypass(id)),
            LevelEdit::SetTitle { id, .. } => Some(Self::Title(id)),
            LevelEdit::Move { id, .. } => Some(Self::Position(id)),
            LevelEdit::Mute { to, .. } => Some(Self::Mute(to)),
            LevelEdit::AddNode { .. }
            | LevelEdit::RemoveNode { .. }
            | LevelEdit::Connect { .. }
            | LevelEdit::Disconnect { .. }
            | LevelEdit::SetCables { .. }
            | LevelEdit::SetPlace { .. } => None,
        }
    }
}
