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

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::program::op::{Lanes, Param};
use crate::program::{Bend, Blend, Program};

/// Strength of a bend in a latent frame, in fractions of its knobs' travel.
type Effect = Vec<f64>;

/// The part of a program on which distances depend. It is plain data, and can be stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Imprint {
    /// The texts of the prompt with their shares.
    prompt: Vec<(Arc<str>, f64)>,
    bends: Vec<BendImprint>,
}

/// A bend in an imprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct BendImprint {
    /// Node, site, operation, target and words. Bends with equal identities are one bend with other numbers.
    identity: String,
    /// Its strength, by latent frame.
    effects: Vec<Effect>,
}

impl Program {
    /// The part of the program on which distances depend.
    pub fn imprint(&self) -> Imprint {
        let (second, amount) = match &self.blend {
            Some(Blend { prompt, amount, .. }) => (Some((prompt.clone(), *amount)), *amount),
            None => (None, 0.0),
        };
        let prompt = [(self.prompt.clone(), 1.0 - amount)].into_iter().chain(second).collect();
        Imprint { prompt, bends: self.bends.iter().map(Bend::imprint).collect() }
    }

    /// Distance to another program; the formula is in the module's documentation.
    pub fn distance(&self, other: &Self) -> f64 {
        self.imprint().distance(&other.imprint())
    }
}

impl Imprint {
    /// Distance to another imprint: that of their programs.
    pub fn distance(&self, other: &Self) -> f64 {
        let here: f64 =
            self.bends.iter().enumerate().map(|(i, bend)| bend_distance(bend, self.partner(i, other))).sum();
        let there = other.bends.iter().enumerate().filter(|(i, _)| other.partner(*i, self).is_none());
        self.prompt_distance(other) + here + there.map(|(_, bend)| bend_distance(bend, None)).sum::<f64>()
    }

    /// The sum over texts: half of the differences between their shares in the prompts.
    fn prompt_distance(&self, other: &Self) -> f64 {
        let difference = |text: &str| (self.part(text) - other.part(text)).abs();
        let texts = self.prompt.iter().chain(&other.prompt).map(|(text, _)| &**text);
        let mut seen: SmallVec<[&str; 4]> = texts.collect();
        seen.sort_unstable();
        seen.dedup();
        0.5 * seen.into_iter().map(difference).sum::<f64>()
    }

    /// Share of a text in the prompt.
    fn part(&self, text: &str) -> f64 {
        self.prompt.iter().filter(|(known, _)| **known == *text).map(|(_, share)| share).sum()
    }

    /// The same bend in another imprint. The n-th of several equal bends pairs with the n-th of them there.
    fn partner<'a>(&self, index: usize, other: &'a Self) -> Option<&'a BendImprint> {
        let identity = &self.bends[index].identity;
        let before = self.bends[..index].iter().filter(|known| known.identity == *identity).count();
        other.bends.iter().filter(|known| known.identity == *identity).nth(before)
    }
}

/// Distance of two bends: the mean over the latent frames.
fn bend_distance(a: &BendImprint, b: Option<&BendImprint>) -> f64 {
    let frames = a.effects.len().max(b.map_or(0, |b| b.effects.len()));
    let none = Effect::new();
    let in_frame = |frame| {
        let (a, b) = (a.effect(frame, &none), b.map_or(&none, |b| b.effect(frame, &none)));
        let of = |effect: &Effect, i: usize| effect.get(i).copied().unwrap_or(0.0);
        (0..a.len()).map(|i| (of(a, i) - of(b, i)).abs()).fold(0.0, f64::max).min(1.0)
    };
    if frames == 0 { 0.0 } else { (0..frames).map(in_frame).sum::<f64>() / frames as f64 }
}

impl BendImprint {
    /// Strength in a latent frame; frames beyond the last have that of the last.
    fn effect<'a>(&'a self, frame: usize, none: &'a Effect) -> &'a Effect {
        self.effects.get(frame).or(self.effects.last()).unwrap_or(none)
    }
}

impl Bend {
    fn imprint(&self) -> BendImprint {
        let Self { node, site, op, target, with, .. } = self;
        // Numbers of a target are part of its identity: `Debug` prints each so that it can be read back.
        let identity = format!("{node} {site} {} {target:?} {with:?}", op.name);
        let effects = (0..self.amount.len()).map(|frame| self.effect(frame)).collect();
        BendImprint { identity, effects }
    }

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
