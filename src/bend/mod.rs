//! Applies a program to the model: the listener at its hooks.
//!
//! No attention map is built. A bend of a map that is linear on the query grid acts on what the map's columns contribute to
//! the output, which comes out of the same attention as extra value columns (`map`). Everything else is a function of the
//! tensor at its site (`tensor`). Taps are extra columns, too, and are read after the call (`tap`).

mod map;
mod noise;
mod tap;
mod tensor;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::op::Lanes;
use bendrack_nodes::program::{Bend, Measure, Pass, Program, Site};
use bendrack_nodes::target::{Target, Words};
use candle_core::{Result, Tensor};

use crate::wan::config::Config;
use crate::wan::hooks::{Attention, Listener, Place};
use crate::wan::text::Tokens;
use noise::SiteNoise;
use tap::Tally;
pub use tap::{Measured, numbers};

/// A program at work on one model call.
pub struct Bender<'a> {
    program: &'a Program,
    tokens: &'a Tokens,
    /// The number in the video of the program's first lane.
    first_frame: usize,
    /// What was measured so far, tap by tap.
    tallies: RefCell<Vec<Tally>>,
}

/// A bend that acts at a place, with its values for the frames there.
struct Active<'a> {
    bend: &'a Bend,
    params: Vec<Lanes>,
    amount: Lanes,
}

impl<'a> Bender<'a> {
    /// Applies `program`, whose lanes are the frames of the video from `first_frame` on, under a prompt of these tokens.
    pub fn new(program: &'a Program, tokens: &'a Tokens, first_frame: usize) -> Self {
        let tallies = program.taps.iter().map(|_| Tally::default()).collect();
        Self { program, tokens, first_frame, tallies: RefCell::new(tallies) }
    }

    /// What the taps measured in the call, by the id of their node; taps whose target was not met are left out.
    pub fn measured(self) -> Result<BTreeMap<Arc<str>, Measured>> {
        let taps = self.program.taps.iter().zip(self.tallies.into_inner());
        taps.filter_map(|(tap, tally)| Some(tally.read()?.map(|measured| (tap.node.clone(), measured)))).collect()
    }

    /// The bends that act at a site of a place, first to last, with their values for `frames`.
    fn active(&self, site: Site, place: &Place<'_>, frames: &[usize]) -> Vec<Active<'a>> {
        let bends = self.program.bends.iter().filter(|bend| bend.op.site == site && meant(&bend.target, place));
        let lanes = |lanes: &Lanes| -> Lanes {
            let last = lanes.len().saturating_sub(1);
            frames.iter().map(|frame| lanes[frame.saturating_sub(self.first_frame).min(last)]).collect()
        };
        bends
            .map(|bend| Active { bend, params: bend.params.iter().map(lanes).collect(), amount: lanes(&bend.amount) })
            .collect()
    }

    /// The taps of a kind that listen at a place, by their index.
    fn taps(&self, measure: Measure, place: &Place<'_>) -> Vec<usize> {
        // What is shown is the prompt's doing, not the negative prompt's.
        let taps = self.program.taps.iter().enumerate();
        taps.filter(|(_, tap)| tap.measure == measure && !place.negative && meant(&tap.target, place))
            .map(|(index, _)| index)
            .collect()
    }

    /// Which of a prompt's `keys` rows are meant.
    fn rows(&self, words: &Words, keys: usize) -> Vec<bool> {
        let mut rows = vec![matches!(words, Words::All); keys];
        match words {
            Words::All => {}
            Words::Padding => rows.iter_mut().skip(self.tokens.padding_start()).for_each(|row| *row = true),
            Words::These(words) => {
                for position in words.iter().flat_map(|word| self.tokens.positions(word)) {
                    if let Some(row) = rows.get_mut(position) {
                        *row = true;
                    }
                }
            }
        }
        rows
    }

    fn noise<'f>(&self, bend: &Bend, place: &Place<'_>, frames: &'f [usize]) -> SiteNoise<'f> {
        SiteNoise::new(self.program.seed, &bend.node, place, frames)
    }
}

/// Whether a target takes in a place.
///
/// A target that names denoising steps means these only, and the cache pass is none, unless the target asks for it by name.
/// Bends of words leave the call under the negative prompt alone: it has other words.
fn meant(target: &Target, place: &Place<'_>) -> bool {
    let now = match (place.pass, target.pass) {
        (Pass::Denoise, pass) => pass != Some(Pass::Cache) && target.steps.contains(place.step),
        (Pass::Cache, None) => target.steps.is_all(),
        (Pass::Cache, Some(pass)) => pass == Pass::Cache,
    };
    now && target.layers.contains(place.layer) && (!place.negative || target.words == Words::All)
}

impl Listener for Bender<'_> {
    fn at(&self, site: Site, place: Place<'_>, x: Tensor) -> Result<Tensor> {
        // The values of self-attention wait for `attend`, which knows the frames of the keys.
        if site == Site::SelfValue {
            return Ok(x);
        }
        // The rows of a prompt are of no frame: they take the values of the call's first.
        let frames = if site == Site::CrossValue { &place.frames[..1] } else { place.frames };
        let bends = self.active(site, &place, frames);
        let taps = if site == Site::FfnHidden { self.taps(Measure::Neurons, &place) } else { Vec::new() };
        if bends.is_empty() && taps.is_empty() {
            return Ok(x);
        }
        let shape = x.shape().clone();
        let mut x = tensor::by_frame(&x, frames.len())?;
        for active in &bends {
            x = tensor::bend(&x, active, &mut self.noise(active.bend, &place, frames))?;
        }
        for tap in taps {
            let neurons = &self.program.taps[tap].target.neurons;
            self.tallies.borrow_mut()[tap].add(&tensor::activity(&x, neurons)?)?;
        }
        x.reshape(shape)
    }

    fn attend(&self, site: Site, place: Place<'_>, mut attention: Attention) -> Result<Tensor> {
        let bends = self.active(site, &place, place.frames);
        let keys = attention.k.dim(1)?;
        if site == Site::SelfMap {
            let frames = attention.key_frames.clone();
            for active in &self.active(Site::SelfValue, &place, &frames) {
                let v = tensor::by_frame(&attention.v, frames.len())?;
                let v = tensor::bend(&v, active, &mut self.noise(active.bend, &place, &frames))?;
                attention.v = v.reshape(attention.v.shape())?;
            }
        }
        let words = |target: &Target| match site {
            Site::CrossMap => self.rows(&target.words, keys),
            // The keys of self-attention are places of the picture, not words.
            _ => vec![true; keys],
        };
        let taps = if site == Site::CrossMap { self.taps(Measure::CrossMap, &place) } else { Vec::new() };
        let bends: Vec<map::Part<'_, &Active<'_>>> = bends
            .iter()
            .map(|active| map::Part {
                what: active,
                keys: words(&active.bend.target),
                heads: &active.bend.target.heads,
            })
            .filter(|part| part.keys.contains(&true))
            .collect();
        let taps: Vec<map::Part<'_, usize>> = taps
            .into_iter()
            .map(|tap| {
                let target = &self.program.taps[tap].target;
                map::Part { what: tap, keys: words(target), heads: &target.heads }
            })
            .filter(|part| part.keys.contains(&true))
            .collect();
        if bends.is_empty() && taps.is_empty() {
            return attention.run();
        }
        let mut tallies = self.tallies.borrow_mut();
        map::attend(&attention, place.grid, &bends, &taps, |tap, share| tallies[tap].add(share))
    }
}

/// Bends that cannot act as they are asked to under this prompt and model, and why: the id of the node, and a sentence.
pub fn warnings(program: &Program, tokens: &Tokens, config: &Config) -> Vec<(Arc<str>, String)> {
    let targets = (program.bends.iter().map(|bend| (&bend.node, &bend.target)))
        .chain(program.taps.iter().map(|tap| (&tap.node, &tap.target)));
    let mut warnings = Vec::new();
    for (node, target) in targets {
        if let Words::These(words) = &target.words {
            for word in words.iter().filter(|word| tokens.positions(word).is_empty()) {
                warnings.push((node.clone(), format!("{word:?} is not in the prompt {:?}", tokens.prompt)));
            }
        }
        for (axis, set, count) in [
            ("layer", &target.layers, config.layers),
            ("head", &target.heads, config.heads),
            ("neuron", &target.neurons, config.ffn_dim),
        ] {
            if !set.is_all() && !(0..count).any(|index| set.contains(index)) {
                warnings.push((node.clone(), format!("{axis} {set} is past the model's last, {}", count - 1)));
            }
        }
    }
    warnings.sort();
    warnings.dedup();
    warnings
}
