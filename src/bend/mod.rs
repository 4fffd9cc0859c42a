//! Applies a program to the model: the listener at its hooks.
//!
//! Where the algebra allows, no attention map is built: bends before the softmax go into queries, keys and bias (`softmax`), and a
//! bend of a map that is linear on the query grid acts on what the map's columns contribute to the output, which comes out of the
//! same attention as extra value columns (`map`). Other bends of maps get the columns they need (`columns`). Everything else is a
//! function of the tensor at its site (`tensor`). Taps are extra columns, too, and are read after the call (`tap`).
//!
//! The form in which every map is written out is the definition; [`Bender::exact`] has every bend made so.

mod act;
mod active;
mod aim;
mod columns;
mod factor;
mod grid;
mod listen;
mod map;
mod noise;
mod normal;
mod numbers;
mod past;
mod picture;
mod scene;
mod softmax;
mod tap;
mod tensor;
mod warnings;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use bendrack_nodes::program::grid::{Grid, GridMap};
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::{Measure, Program, Site};
use candle_core::{Result, Tensor, bail};

use crate::wan::hooks::{Attention, Listener, Place};
use crate::wan::text::Tokens;
use active::{Active, Places};
use map::Part;
pub use numbers::numbers;
pub use past::Past;
pub use picture::picture;
use scene::Scene;
use softmax::Softmax;
use tap::Tally;
pub use tap::{Measured, fused};
pub use warnings::warnings;

/// A program at work on one model call.
pub struct Bender<'a> {
    program: &'a Program,
    tokens: &'a Tokens,
    /// The number in the video of the program's first lane.
    first_frame: usize,
    /// What calls before left.
    past: &'a Past,
    /// Every map is written out.
    exact: bool,
    /// Every bend is looked at, and left out if the model cannot go on with what it made.
    guarded: bool,
    /// What was measured so far, tap by tap.
    tallies: RefCell<Vec<Tally>>,
    /// What this call leaves.
    kept: RefCell<Past>,
    left_out: RefCell<BTreeSet<LeftOut>>,
    /// What is the same in every layer and step, by the index of the bend.
    rows: RefCell<BTreeMap<usize, Vec<bool>>>,
    regions: RefCell<BTreeMap<OnGrid, Option<Places>>>,
    grid_maps: RefCell<BTreeMap<OnGrid, Rc<GridMap>>>,
}

/// The index of a bend, and the rows and columns it acts on.
type OnGrid = (usize, usize, usize);

/// A bend that was left out where it would have made numbers that are not finite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The node that asked for it.
    pub node: Arc<str>,
    /// Where.
    pub site: Site,
    /// In which layer.
    pub layer: usize,
    /// In which step.
    pub step: usize,
}

/// What a call brought besides the model's output.
pub struct Heard {
    /// What the taps measured, by the id of their node; taps whose target was not met are left out.
    pub measured: BTreeMap<Arc<str>, Measured>,
    /// What the next call needs; [`Past::keep`] takes it.
    pub kept: Past,
    /// Bends that were left out.
    pub left_out: BTreeSet<LeftOut>,
}

impl<'a> Bender<'a> {
    /// Applies `program`, whose lanes are the frames of the video from `first_frame` on, under a prompt of these tokens.
    pub fn new(program: &'a Program, tokens: &'a Tokens, first_frame: usize, past: &'a Past) -> Self {
        Self {
            program,
            tokens,
            first_frame,
            past,
            exact: false,
            guarded: false,
            tallies: RefCell::new(program.taps.iter().map(|tap| Tally::new(tap.fuse)).collect()),
            kept: RefCell::default(),
            left_out: RefCell::default(),
            rows: RefCell::default(),
            regions: RefCell::default(),
            grid_maps: RefCell::default(),
        }
    }

    /// Writes every attention map out, one head after the other: slow, and what every other form is measured by.
    #[must_use]
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    /// Looks at what every bend makes, and leaves it out where the model cannot go on with it.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    /// What the call brought.
    pub fn finish(self) -> Result<Heard> {
        let taps = self.program.taps.iter().zip(self.tallies.into_inner());
        let read = |(tap, tally): (&bendrack_nodes::program::Tap, Tally)| {
            Some(tally.read()?.map(|measured| (tap.node.clone(), measured)))
        };
        let measured = taps.filter_map(read).collect::<Result<_>>()?;
        Ok(Heard { measured, kept: self.kept.into_inner(), left_out: self.left_out.into_inner() })
    }
}

impl Listener for Bender<'_> {
    fn at(&self, site: Site, place: Place<'_>, x: Tensor) -> Result<Tensor> {
        match site {
            // The values of self-attention wait for `attend`, which knows the frames of the keys.
            Site::SelfValue => return Ok(x),
            Site::NoiseFirst | Site::NoiseAgain | Site::Time => return self.beyond(site, &place, x),
            _ => {}
        }
        // The rows of a prompt are of no frame: they take the values of the call's first.
        let frames = if site == Site::CrossValue { &place.frames[..1] } else { place.frames };
        let (_, rows, columns) = place.grid;
        let places = if site == Site::CrossValue { (x.dim(1)?, 1) } else { (rows, columns) };
        let bends = self.active(site, &place, frames, places);
        let listens = site == Site::FfnHidden;
        if bends.is_empty() && !listens {
            return Ok(x);
        }
        let grid = Grid { frames: frames.len(), rows: places.0, columns: places.1 };
        let shape = x.shape().clone();
        let mut x = tensor::by_frame(&x, frames.len())?;
        if listens {
            self.rank(&x, &place)?;
        }
        if site == Site::CrossValue {
            for active in &bends {
                let rows = self.rows(active, x.dim(2)?);
                let rows = (!rows.iter().all(|row| *row)).then(|| ranges(&rows));
                x = tensor::within(&x, 2, rows.as_deref(), &mut |x| {
                    self.bend(x.clone(), std::slice::from_ref(active), &place, frames, grid)
                })?;
            }
        } else {
            x = self.bend(x, &bends, &place, frames, grid)?;
        }
        if listens {
            self.listen(&x, &place, grid)?;
        }
        x.reshape(shape)
    }

    fn attend(&self, site: Site, place: Place<'_>, mut attention: Attention) -> Result<Tensor> {
        let (frames, rows, columns) = place.grid;
        let grid = Grid { frames, rows, columns };
        let queries = attention.q.dim(1)?;
        if queries != grid.cells() {
            bail!("{queries} queries are not a grid of {grid:?}")
        }
        let scene = Scene { bender: self, tokens: self.tokens, place, grid };
        let keys = attention.k.dim(1)?;
        if site == Site::SelfMap {
            let frames = attention.key_frames.clone();
            let values = self.active(Site::SelfValue, &place, &frames, (rows, columns));
            if !values.is_empty() {
                let v = tensor::by_frame(&attention.v, frames.len())?;
                let v = self.bend(v, &values, &place, &frames, Grid { frames: frames.len(), rows, columns })?;
                attention.v = v.reshape(attention.v.shape())?;
            }
            let positions = self.active(Site::SelfPosition, &place, place.frames, (rows, columns));
            if !positions.is_empty() {
                attention.q = Self::stand_elsewhere(&scene, &attention.q, &positions)?;
            }
        }
        let bends = self.active(site, &place, place.frames, (rows, columns));
        let parts = bends.iter().map(|active| Part {
            what: active,
            // The keys of self-attention are places of the picture, not words.
            keys: if site == Site::CrossMap { self.rows(active, keys) } else { vec![true; keys] },
            heads: &active.bend.target.heads,
        });
        let is_weight = |part: &Part<'_, &Active<'_>>| matches!(part.what.bend.op.form, Form::Weigh(_));
        let (weights, bends): (Vec<_>, Vec<_>) = parts.filter(|part| part.keys.contains(&true)).partition(is_weight);
        let taps =
            if site == Site::CrossMap { self.taps(|measure| measure == Measure::CrossMap, &place) } else { Vec::new() };
        let taps: Vec<Part<'_, usize>> = taps
            .into_iter()
            .map(|(tap, part)| Part { what: tap, keys: aim::rows(&part.words, self.tokens, keys), heads: &part.heads })
            .filter(|part| part.keys.contains(&true))
            .collect();
        let looks =
            site == Site::SelfMap && self.program.taps.iter().any(|tap| matches!(tap.measure, Measure::SelfMap { .. }));
        if weights.is_empty() && bends.is_empty() && taps.is_empty() && !looks {
            return attention.run();
        }
        let softmax = Softmax::new(attention, grid, &weights, self.exact)?;
        if looks {
            self.look(&scene, &softmax, &bends)?;
        }
        if bends.is_empty() && taps.is_empty() {
            return softmax.run(softmax.values());
        }
        let mut tallies = self.tallies.borrow_mut();
        map::attend(&scene, &softmax, &bends, &taps, |tap, share| tallies[tap].add(share))
    }
}

/// The runs of what is on.
fn ranges(on: &[bool]) -> Vec<std::ops::RangeInclusive<usize>> {
    let on: Set = on.iter().enumerate().filter(|(_, on)| **on).map(|(index, _)| index).collect();
    aim::within(&on, usize::MAX)
}
