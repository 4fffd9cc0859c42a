//! How far two programs are from one another.
//!
//! `d(p, q) = ½ Σₜ |wₚ(t) − w_q(t)| + Σ_b mean_f min(1, maxᵢ |sₚ(b, f, i) − s_q(b, f, i)|)`
//!
//! The first part is about the prompt: `w(t)` is how much of the text t is in it, so that it is 0 for the same prompt, x for a way x of a
//! crossfade, 1 for another text. The second is about the bends b, each known by its node, site, operation, target and words, and the
//! latent frames f. `s` is what a bend does there, in parts of the travel of its knobs: `a · (x − neutral) / travel` for each parameter
//! x that has a neutral value, a being the amount; the amount itself, if there is none; `s̄ · x / travel` for parameters that only say
//! how, s̄ being the largest of these, 1 at most. A bend that a program does not have does nothing there, and s is 0.
//!
//! It is 0 for equal programs, symmetric, and never longer by way of a third program. Taps, screen, messages, seed and what is asked of
//! the cache do not count, nor does the order of bends, nor the method of a mix.

use smallvec::SmallVec;

use crate::program::op::{Lanes, Param};
use crate::program::{Bend, Blend, Program};

/// What a bend does in a latent frame, in parts of the travel of its knobs.
type Deed = SmallVec<[f64; 8]>;

impl Program {
    /// How far it is from another: `d(p, q) = ½ Σₜ |wₚ(t) − w_q(t)| + Σ_b mean_f min(1, maxᵢ |sₚ(b, f, i) − s_q(b, f, i)|)`, where t
    /// are texts and w their parts in the prompt, b bends, f latent frames and s what a bend does, in parts of its knobs' travel.
    pub fn distance(&self, other: &Self) -> f64 {
        let here: f64 = self.bends.iter().enumerate().map(|(i, bend)| apart(bend, self.partner(i, other))).sum();
        let there = other.bends.iter().enumerate().filter(|(i, _)| other.partner(*i, self).is_none());
        self.rewording(other) + here + there.map(|(_, bend)| apart(bend, None)).sum::<f64>()
    }

    /// Half of what the texts of two prompts differ by.
    fn rewording(&self, other: &Self) -> f64 {
        let difference = |text: &str| (self.part(text) - other.part(text)).abs();
        let texts = [self, other].into_iter().flat_map(Self::texts);
        let mut seen: SmallVec<[&str; 4]> = texts.collect();
        seen.sort_unstable();
        seen.dedup();
        0.5 * seen.into_iter().map(difference).sum::<f64>()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [&*self.prompt].into_iter().chain(self.blend.iter().map(|blend| &*blend.prompt))
    }

    /// How much of a text is in the prompt.
    fn part(&self, text: &str) -> f64 {
        let (second, amount) = match &self.blend {
            Some(Blend { prompt, amount, .. }) => (&**prompt, *amount),
            None => ("", 0.0),
        };
        let first = if *self.prompt == *text { 1.0 - amount } else { 0.0 };
        first + if second == text { amount } else { 0.0 }
    }

    /// The same bend in another program: of several that are the same the one with as many before it.
    fn partner<'a>(&self, index: usize, other: &'a Self) -> Option<&'a Bend> {
        let bend = &self.bends[index];
        let before = self.bends[..index].iter().filter(|known| bend.is_same(known)).count();
        other.bends.iter().filter(|known| bend.is_same(known)).nth(before)
    }
}

/// How far what two bends do is apart: the mean over the latent frames.
fn apart(a: &Bend, b: Option<&Bend>) -> f64 {
    let frames = a.amount.len().max(b.map_or(0, |b| b.amount.len()));
    let in_frame = |frame| {
        let (a, b) = (a.deed(frame), b.map(|b| b.deed(frame)).unwrap_or_default());
        let of = |deed: &Deed, i: usize| deed.get(i).copied().unwrap_or(0.0);
        (0..a.len()).map(|i| (of(&a, i) - of(&b, i)).abs()).fold(0.0, f64::max).min(1.0)
    };
    if frames == 0 { 0.0 } else { (0..frames).map(in_frame).sum::<f64>() / frames as f64 }
}

impl Bend {
    /// Whether it is the same bend in another program, but for its numbers.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.node, self.site, self.op) == (&other.node, other.site, other.op)
            && (&self.target, &self.with) == (&other.target, &other.with)
    }

    /// What it does in a frame; beyond the last what it does in the last.
    fn deed(&self, frame: usize) -> Deed {
        let at = |lanes: &[f64]| lanes.get(frame).or(lanes.last()).copied().unwrap_or(0.0);
        let amount = at(&self.amount);
        let moved = |(param, lanes): (&Param, &Lanes)| {
            param.neutral.map(|neutral| amount * (at(lanes) - neutral) / travel(param))
        };
        let mut deed: Deed = self.params.iter().filter_map(moved).collect();
        if deed.is_empty() {
            deed.push(amount);
        }
        let most = deed.iter().fold(0.0, |most: f64, x| most.max(x.abs())).min(1.0);
        let options = self.params.iter().filter(|(param, _)| param.neutral.is_none());
        deed.extend(options.map(|(param, lanes)| most * at(lanes) / travel(param)));
        deed
    }
}

/// Range of a parameter's knob; 1 if it has none.
fn travel(param: &Param) -> f64 {
    if param.travel > 0.0 { param.travel } else { 1.0 }
}
