//! What all bend nodes share: they take a chain of bends and add their own to its end.

use smallvec::{SmallVec, smallvec};

use crate::node::context::NodeContext;
use crate::node::def::{Input, Output};
use crate::node::value::Kind;
use crate::program::Bend;
use crate::program::Site;
use crate::program::op::{Lanes, Op, Params};
use crate::program::target::Words;

/// The bends that act before.
pub const BENDS: Input = Input::socket("bends", Kind::Bend, "Chain of bends that act before this one.");
/// Which part of the site is meant.
pub const TARGET: Input =
    Input::socket("target", Kind::Target, "Part of the site to bend; all of it if nothing is wired.");
/// Dry to wet.
pub const AMOUNT: Input =
    Input::number("amount", 1.0, "Dry/wet mix: 0 leaves the model unchanged, 1 applies the full bend.").hard(0.0, 1.0);
/// The chain with this bend at its end.
pub const OUT: Output = Output::of("bends", Kind::Bend, "The incoming chain with this bend at its end.").passes(&BENDS);
/// What lies outside of the picture.
pub const PADDING: Input =
    Input::choice_of::<crate::program::grid::Padding>("padding", "Fill for positions from outside the picture.");
/// Sites that an input offers, with their names as its choices.
pub struct Sites<const N: usize> {
    sites: [Site; N],
    names: [&'static str; N],
}

impl<const N: usize> Sites<N> {
    /// These sites; the first is the default.
    pub const fn new(sites: [Site; N]) -> Self {
        let mut names = [""; N];
        let mut i = 0;
        while i < N {
            names[i] = sites[i].name();
            i += 1;
        }
        Self { sites, names }
    }

    /// The input `site` with these choices.
    pub const fn input(&'static self, about: &'static str) -> Input {
        Input::choice("site", &self.names, about)
    }

    /// The site that is chosen at an input of [`Self::input`].
    pub fn chosen(&self, ctx: &NodeContext<'_>, input: &Input) -> Site {
        self.sites[ctx.choice(input)]
    }
}

/// Sites of the bends that are linear on the grid of the picture.
pub const GRID: &Sites<7> = &Sites::new([
    Site::CrossMap,
    Site::SelfMap,
    Site::SelfOut,
    Site::CrossOut,
    Site::FfnIn,
    Site::FfnHidden,
    Site::FfnOut,
]);
/// One of [`GRID`].
pub const GRID_SITE: Input = GRID.input("Site in the layer: attention map, attention output, or feed-forward network.");
/// Sites with an attention map.
pub const MAPS: &Sites<2> = &Sites::new([Site::CrossMap, Site::SelfMap]);
/// One of [`MAPS`].
pub const MAP_SITE: Input =
    MAPS.input("Site: cross-attention map (picture to words) or self-attention map (picture to picture).");
/// Every site in a layer with a hook of its own.
pub const LAYER: &Sites<9> = &Sites::new([
    Site::CrossMap,
    Site::SelfMap,
    Site::SelfValue,
    Site::SelfOut,
    Site::CrossValue,
    Site::CrossOut,
    Site::FfnIn,
    Site::FfnHidden,
    Site::FfnOut,
]);
/// One of [`LAYER`].
pub const LAYER_SITE: Input =
    LAYER.input("Site in the layer: attention map, value or output, or feed-forward network.");

/// Runs a bend node: `params` are the inputs of the operation's parameters, in its order.
pub fn run(ctx: &mut NodeContext<'_>, site: Site, op: &'static Op, params: &[&Input]) {
    with(ctx, site, op, params, None);
}

/// [`run`] for an operation that needs words besides those of its target.
pub fn with(ctx: &mut NodeContext<'_>, site: Site, op: &'static Op, params: &[&Input], with: Option<&Words>) {
    let travel: SmallVec<[f64; 8]> = params.iter().map(|input| travel(input)).collect();
    let params: Params = params.iter().map(|input| smallvec![setting(ctx, input)]).collect();
    let amount: Lanes = smallvec![ctx.number(&AMOUNT)];
    let selection = ctx.target(&TARGET);
    let chain = selection.parts().iter().fold(ctx.bends(&BENDS), |before, target| {
        let bend = Bend {
            node: ctx.id().clone(),
            site,
            op,
            params: params.clone(),
            travel: travel.clone(),
            amount: amount.clone(),
            target: target.clone(),
            with: with.cloned(),
        };
        ctx.link(before, bend)
    });
    ctx.set(&OUT, chain);
}

/// The value of a parameter: gates are 0 or 1 and choices whole, however a cable moves them.
fn setting(ctx: &NodeContext<'_>, input: &Input) -> f64 {
    if input.kind == Kind::Gate {
        f64::from(u8::from(ctx.gate(input)))
    } else if input.choices.is_empty() {
        ctx.number(input)
    } else {
        ctx.choice(input) as f64
    }
}

/// How far a knob travels; from one choice to any other it is 1.
fn travel(input: &Input) -> f64 {
    if input.choices.is_empty() { input.soft.1 - input.soft.0 } else { 1.0 }
}
