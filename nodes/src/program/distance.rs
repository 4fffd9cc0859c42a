//! Distance of two programs.
//!
//! `d(p, q) = ½ Σₜ |wₚ(t) − w_q(t)| + Σ_b mean_f min(1, maxᵢ |sₚ(b, f, i) − s_q(b, f, i)|)`
//!
//! The first sum is over the texts t of the prompts: `w(t)` is the share of t in a prompt. It is 0 for equal prompts, x
//! for a crossfade at x, and 1 for different texts.
//!
//! The second sum is over the bends b and the latent frames f. Node, site, operation, target and words identify a bend.
//! `s` is its strength in fractions of its knobs' travel: `a · (x − neutral) / travel` for a parameter x with a neutral
//! value, where a is the amount. A bend without such parameters has the strength a. Every other parameter has
//! `s̄ · x / travel`, where s̄, at most 1, is the largest of the former. A bend that a program lacks has s = 0.
//!
//! The distance is 0 for equal programs, symmetric, and obeys the triangle inequality. Taps, screen, messages, seed and
//! cache requests do not count. Neither does the order of bends, nor the method of a mix.

use smallvec::SmallVec;

use crate::program::op::{Lanes, Param};
use crate::program::{Bend, Blend, Program};

/// Strength of a bend in a latent frame, in fractions of its knobs' travel.
type Effect = SmallVec<[f64; 8]>;

impl Program {
    /// Distance to another program; the formula is in the module's documentation.
    pub fn distance(&self, other: &Self) -> f64 {
        let here: f64 =
            self.bends.iter().enumerate().map(|(i, bend)| bend_distance(bend, self.partner(i, other))).sum();
        let there = other.bends.iter().enumerate().filter(|(i, _)| other.partner(*i, self).is_none());
        self.prompt_distance(other) + here + there.map(|(_, bend)| bend_distance(bend, None)).sum::<f64>()
    }

    /// The sum over texts: half of the differences between their shares in the prompts.
    fn prompt_distance(&self, other: &Self) -> f64 {
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

    /// Share of a text in the prompt.
    fn part(&self, text: &str) -> f64 {
        let (second, amount) = match &self.blend {
            Some(Blend { prompt, amount, .. }) => (&**prompt, *amount),
            None => ("", 0.0),
        };
        let first = if *self.prompt == *text { 1.0 - amount } else { 0.0 };
        first + if second == text { amount } else { 0.0 }
    }

    /// The same bend in another program. The n-th of several equal bends pairs with the n-th of them there.
    fn partner<'a>(&self, index: usize, other: &'a Self) -> Option<&'a Bend> {
        let bend = &self.bends[index];
        let before = self.bends[..index].iter().filter(|known| bend.is_same(known)).count();
        other.bends.iter().filter(|known| bend.is_same(known)).nth(before)
    }
}

/// Distance of two bends: the mean over the latent frames.
fn bend_distance(a: &Bend, b: Option<&Bend>) -> f64 {
    let frames = a.amount.len().max(b.map_or(0, |b| b.amount.len()));
    let in_frame = |frame| {
        let (a, b) = (a.effect(frame), b.map(|b| b.effect(frame)).unwrap_or_default());
        let of = |effect: &Effect, i: usize| effect.get(i).copied().unwrap_or(0.0);
        (0..a.len()).map(|i| (of(&a, i) - of(&b, i)).abs()).fold(0.0, f64::max).min(1.0)
    };
    if frames == 0 { 0.0 } else { (0..frames).map(in_frame).sum::<f64>() / frames as f64 }
}

impl Bend {
    /// True for the same bend in another program, with any numbers.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.node, self.site, self.op) == (&other.node, other.site, other.op)
            && (&self.target, &self.with) == (&other.target, &other.with)
    }

    /// Strength in a latent frame; frames beyond the last have that of the last.
    fn effect(&self, frame: usize) -> Effect {
        let at = |lanes: &[f64]| lanes.get(frame).or(lanes.last()).copied().unwrap_or(0.0);
        let amount = at(&self.amount);
        let moved = |(param, lanes): (&Param, &Lanes)| {
            param.neutral.map(|neutral| amount * (at(lanes) - neutral) / travel(param))
        };
        let mut effect: Effect = self.params.iter().filter_map(moved).collect();
        if effect.is_empty() {
            effect.push(amount);
        }
        let most = effect.iter().fold(0.0, |most: f64, x| most.max(x.abs())).min(1.0);
        let options = self.params.iter().filter(|(param, _)| param.neutral.is_none());
        effect.extend(options.map(|(param, lanes)| most * at(lanes) / travel(param)));
        effect
    }
}

/// Range of a parameter's knob; 1 if it has none.
fn travel(param: &Param) -> f64 {
    if param.travel() > 0.0 { param.travel() } else { 1.0 }
}
