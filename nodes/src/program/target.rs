//! Part of a site: steps × layers × heads × words × neurons × frames × region × pass.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::program::Axis;
use crate::program::Pass;
use crate::program::pick::{Pick, Pickable};
use crate::program::region::Region;
use crate::program::set::Set;

/// A part of a site. Every axis defaults to all of it, and all axes hold at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Target {
    /// Denoising steps, from 0; the cache pass is none of them.
    pub steps: Set,
    /// Layers, from 0.
    pub layers: Set,
    /// Attention heads, from 0.
    pub heads: Set,
    /// Latent frames of the chunk, from 0.
    pub frames: Set,
    /// Prompt tokens, by word.
    pub words: Words,
    /// Feed-forward neurons, from 0.
    pub neurons: Neurons,
    /// Region of the picture.
    pub region: Region,
    /// Passes of the model.
    pub pass: Passes,
}

impl Target {
    /// True if an axis is known to be empty, and so the target.
    pub fn is_empty(&self) -> bool {
        [&self.steps, &self.layers, &self.heads, &self.frames].into_iter().any(Set::is_empty)
            || self.words.is_none()
            || self.neurons.is_none()
            || self.region.is_none()
            || self.pass == Passes::NONE
    }

    /// True if it has a layer in a step of a pass, whatever its other axes are. A cache pass is none of the steps.
    pub fn touches(&self, pass: Pass, step: usize, layer: usize) -> bool {
        let in_step = pass == Pass::Cache || self.steps.contains(step);
        in_step && self.pass.contains(pass) && self.layers.contains(layer)
    }

    /// True if it covers all of a site along an axis.
    pub fn is_all_along(&self, axis: Axis) -> bool {
        match axis {
            Axis::Layers => self.layers.is_all(),
            Axis::Words => self.words.is_all(),
            Axis::Heads => self.heads.is_all(),
            Axis::Neurons => self.neurons.is_all(),
        }
    }

    /// Intersection of both targets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            steps: self.steps.and(&other.steps),
            layers: self.layers.and(&other.layers),
            heads: self.heads.and(&other.heads),
            frames: self.frames.and(&other.frames),
            words: self.words.and(&other.words),
            neurons: self.neurons.and(&other.neurons),
            region: self.region.and(&other.region),
            pass: self.pass.and(other.pass),
        }
    }

    /// The difference to another target, as disjoint parts.
    fn minus(&self, other: &Self) -> Vec<Self> {
        if self.and(other).is_empty() {
            return vec![self.clone()];
        }
        let parts = other.not().into_iter().map(|part| self.and(&part));
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// The complement, as disjoint parts.
    fn not(&self) -> Vec<Self> {
        // Axis by axis: each part differs on one axis and agrees on all axes before it, which are in `shared`. The pass
        // is first, since steps imply the denoising pass.
        let all = Self::default();
        let mut parts = Vec::new();
        let mut shared = all.clone();
        let mut push = |shared: &Self, part: Self| parts.push(shared.and(&part));
        push(&shared, Self { pass: self.pass.not(), ..all.clone() });
        shared.pass = self.pass;
        push(&shared, Self { steps: self.steps.not(), ..all.clone() });
        shared.steps = self.steps.clone();
        push(&shared, Self { layers: self.layers.not(), ..all.clone() });
        shared.layers = self.layers.clone();
        push(&shared, Self { heads: self.heads.not(), ..all.clone() });
        shared.heads = self.heads.clone();
        push(&shared, Self { frames: self.frames.not(), ..all.clone() });
        shared.frames = self.frames.clone();
        push(&shared, Self { words: self.words.not(), ..all.clone() });
        shared.words = self.words.clone();
        push(&shared, Self { neurons: self.neurons.not(), ..all.clone() });
        shared.neurons = self.neurons.clone();
        push(&shared, Self { region: self.region.not(), ..all });
        parts.retain(|part| !part.is_empty());
        parts
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let sets = [("steps", &self.steps), ("layers", &self.layers), ("heads", &self.heads), ("frames", &self.frames)];
        parts.extend(sets.iter().filter(|(_, set)| !set.is_all()).map(|(axis, set)| format!("{axis} {set}")));
        let mut expression = |axis: &str, all: bool, text: &dyn fmt::Display| {
            if !all {
                parts.push(format!("{axis} {text}"));
            }
        };
        expression("words", self.words.is_all(), &self.words);
        expression("neurons", self.neurons.is_all(), &self.neurons);
        expression("region", self.region.is_all(), &self.region);
        expression("pass", self.pass == Passes::ALL, &self.pass);
        f.write_str(if parts.is_empty() { "everything" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Disjoint parts of a site: the value of a target cable. A bend on a selection acts on each of its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection(Vec<Arc<Target>>);

/// Largest number of parts of a selection.
pub const MOST_PARTS: usize = 64;

impl Selection {
    /// The parts: one for everything, none for nothing.
    pub fn parts(&self) -> &[Arc<Target>] {
        &self.0
    }

    /// True if it has a layer in a step of a pass, whatever its other axes are.
    pub fn contains(&self, pass: Pass, step: usize, layer: usize) -> bool {
        self.0.iter().any(|part| part.touches(pass, step, layer))
    }

    fn new(parts: impl IntoIterator<Item = Target>) -> Self {
        let parts = parts.into_iter().filter(|part| !part.is_empty()).take(MOST_PARTS);
        Self(parts.map(Arc::new).collect())
    }

    /// Intersection.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::new(self.0.iter().flat_map(|a| other.0.iter().map(|b| a.and(b))))
    }

    /// Union.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let more = other.minus(self);
        Self(self.0.iter().chain(&more.0).take(MOST_PARTS).cloned().collect())
    }

    /// Complement.
    #[must_use]
    pub fn not(&self) -> Self {
        Self::default().minus(self)
    }

    fn minus(&self, other: &Self) -> Self {
        let minus = |rest: Self, part: &Arc<Target>| Self::new(rest.0.iter().flat_map(|kept| kept.minus(part)));
        other.0.iter().fold(self.clone(), minus)
    }
}

impl Default for Selection {
    /// Everything.
    fn default() -> Self {
        Self(vec![Arc::default()])
    }
}

impl From<Target> for Selection {
    fn from(target: Target) -> Self {
        Self::new([target])
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join(" or "))
    }
}

impl Serialize for Selection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|part| &**part))
    }
}

/// Passes of the model, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes(u8);

impl Passes {
    /// None.
    pub const NONE: Self = Self(0);
    /// The denoising steps under the prompt.
    pub const PROMPT: Self = Self(1);
    /// The denoising steps under the negative prompt, which guidance leads away from.
    pub const NEGATIVE: Self = Self(2);
    /// The denoising steps.
    pub const DENOISE: Self = Self(3);
    /// The clean pass that refreshes the KV cache.
    pub const CACHE: Self = Self(4);
    /// All.
    pub const ALL: Self = Self(7);

    /// True if it contains a pass, or a part of it.
    pub const fn contains(self, pass: Pass) -> bool {
        self.contains_call(pass, false) || self.contains_call(pass, true)
    }

    /// True if it contains the calls of a pass under the prompt, or under the negative prompt.
    pub const fn contains_call(self, pass: Pass, is_negative: bool) -> bool {
        let call = match (pass, is_negative) {
            (Pass::Denoise, false) => Self::PROMPT,
            (Pass::Denoise, true) => Self::NEGATIVE,
            (Pass::Cache, _) => Self::CACHE,
        };
        self.0 & call.0 != 0
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn not(self) -> Self {
        Self(Self::ALL.0 & !self.0)
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NONE => "none",
            Self::PROMPT => "prompt",
            Self::NEGATIVE => "negative",
            Self::DENOISE => "denoise",
            Self::CACHE => "cache",
            Self::ALL => "both",
            passes if passes.contains_call(Pass::Denoise, true) => "negative and cache",
            _ => "prompt and cache",
        })
    }
}

impl Serialize for Passes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Prompt tokens by word; a word selects all its tokens, at every occurrence.
pub type Words = Pick<WordList>;

/// Largest number of words in a list.
pub const MOST_WORDS: usize = 256;

/// Words or phrases of a prompt. `*` in a word stands for any letters; `<padding>` names the padding after the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordList(pub Vec<Arc<str>>);

/// Name of the padding after a prompt in a [`WordList`].
pub const PADDING: &str = "<padding>";

/// Reads `*` or nothing (all tokens), or words separated by commas: the first [`MOST_WORDS`] of them.
pub fn words(text: &str) -> Words {
    match text.trim() {
        "" | "*" => Pick::All,
        list => Pick::of(WordList(listed(list).take(MOST_WORDS).map(Arc::from).collect())),
    }
}

/// Reads words separated by commas; nothing is none.
pub fn listed_words(text: &str) -> Words {
    if text.trim().is_empty() { Pick::None } else { words(text) }
}

/// The words of a list with commas, without spaces around them.
pub fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

impl Pickable for WordList {
    fn is_known_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for WordList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Feed-forward neurons.
pub type Neurons = Pick<NeuronSet>;

/// Some neurons of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeuronSet {
    /// These.
    Set(Set),
    /// This many neurons: the most active of their layer in the previous model call.
    MostActive(usize),
}

impl Pickable for NeuronSet {
    fn is_known_empty(&self) -> bool {
        matches!(self, Self::MostActive(0)) || matches!(self, Self::Set(set) if set.is_empty())
    }

    fn intersection(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Set(a), Self::Set(b)) => Some(Self::Set(a.and(b))),
            (Self::MostActive(a), Self::MostActive(b)) => Some(Self::MostActive(*a.min(b))),
            _ => None,
        }
    }

    fn complement(&self) -> Option<Self> {
        if let Self::Set(set) = self { Some(Self::Set(set.not())) } else { None }
    }
}

impl fmt::Display for NeuronSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(set) => set.fmt(f),
            Self::MostActive(count) => write!(f, "the {count} most active"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Number of parts of a selection that contain a place, each axis evaluated at its own index.
    fn means(selection: &Selection, at: [usize; 4], (pass, is_negative): (Pass, bool)) -> usize {
        let word = |list: &WordList| f32::from(u8::from(list.0.iter().any(|word| **word == at[2].to_string())));
        let neuron = |set: &NeuronSet| match set {
            NeuronSet::Set(set) => f32::from(u8::from(set.contains(at[3]))),
            NeuronSet::MostActive(count) => f32::from(u8::from(at[3] % 3 < *count)),
        };
        let shared = |part: &&Arc<Target>| {
            part.steps.contains(at[0])
                && part.layers.contains(at[1])
                && part.words.weight(&mut { word }) > 0.5
                && part.neurons.weight(&mut { neuron }) > 0.5
                && part.pass.contains_call(pass, is_negative)
        };
        selection.parts().iter().filter(shared).count()
    }

    prop_compose! {
        fn targets()(
            sets in prop::collection::vec(prop::sample::select(vec!["all", "0", "1-2", "0,3", "2-end", "none"]), 3),
            text in prop::sample::select(vec!["*", "0", "1, 2", "3"]),
            most in 0..4_usize,
            pass in prop::sample::select(vec![Passes::ALL, Passes::DENOISE, Passes::CACHE, Passes::PROMPT, Passes::NEGATIVE]),
        ) -> Selection {
            let set = |i: usize| -> Set { sets[i].parse().expect("a set") };
            let neurons = if most < 3 { Pick::of(NeuronSet::MostActive(most)) } else { Pick::of(NeuronSet::Set(set(2))) };
            Selection::from(Target { steps: set(0), layers: set(1), words: words(text), neurons, pass, ..Target::default() })
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn selections_are_sets_and_their_parts_do_not_overlap(a in targets(), b in targets(), c in targets()) {
            let (either, both, rest) = (a.or(&b).or(&c), a.or(&b).and(&c), a.or(&b).not());
            let (one, again) = (a.and(&b.not()).or(&b.and(&a.not())), a.or(&b).not().or(&c).not().or(&a.and(&c)));
            for index in 0..4 * 4 * 4 * 4 {
                let at = [index % 4, index / 4 % 4, index / 16 % 4, index / 64];
                for pass in [(Pass::Denoise, false), (Pass::Denoise, true), (Pass::Cache, false)] {
                    let [in_a, in_b, in_c] = [&a, &b, &c].map(|x| means(x, at, pass) == 1);
                    prop_assert_eq!(means(&either, at, pass), usize::from(in_a || in_b || in_c));
                    prop_assert_eq!(means(&both, at, pass), usize::from((in_a || in_b) && in_c));
                    prop_assert_eq!(means(&rest, at, pass), usize::from(!(in_a || in_b)));
                    prop_assert_eq!(means(&one, at, pass), usize::from(in_a != in_b));
                    prop_assert_eq!(means(&again, at, pass), usize::from(if in_c { in_a } else { in_a || in_b }));
                }
            }
        }
    }

    #[test]
    fn nothing_is_known_to_be_nothing() {
        let red = Selection::from(Target { words: words("red"), ..Target::default() });
        assert_eq!(red.and(&red.not()).parts().len(), 0);
        assert_eq!(red.not().not(), red);
        assert_eq!(red.not().to_string(), "words not (red)");
        assert_eq!(red.or(&red), red);
        assert_eq!(red.or(&red.not()).parts().len(), 2);
    }
}
