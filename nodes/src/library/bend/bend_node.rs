//! Shared part of the bend nodes: each takes a chain of bends and adds its own to the end.

use smallvec::smallvec;

use crate::node::context::NodeContext;
use crate::node::def::{Input, Output};
use crate::node::value::Kind;
use crate::program::Bend;
use crate::program::Site;
use crate::program::op::{Lanes, Op, Param, Params};
use crate::program::target::Words;

/// Chain of bends that act before.
pub const BENDS: Input = Input::socket("bends", Kind::Bend, "Chain of bends that act before this one.");
/// Part of the site to bend.
pub const TARGET: Input =
    Input::socket("target", Kind::Target, "Part of the site to bend; all of it if nothing is connected.");
/// Dry/wet mix.
pub const AMOUNT: Input =
    Input::number("amount", 1.0, "Dry/wet mix: 0 leaves the model unchanged, 1 applies the full bend.").hard(0.0, 1.0);
/// The chain with this bend at its end.
pub const OUT: Output = Output::of("bends", Kind::Bend, "The incoming chain with this bend at its end.").passes(&BENDS);
/// Values beyond the edge of the picture.
pub const PADDING: Input = Input::choice_of::<crate::program::grid::Padding>(
    "padding",
    "Values beyond the edge: border repeats it, zeros is 0, reflect mirrors, wrap comes from the other side.",
);
/// Sites that the input `site` of a bend offers; the first is the default.
pub struct Sites<const N: usize> {
    about: &'static str,
    listed: [Site; N],
    names: [&'static str; N],
}

impl<const N: usize> Sites<N> {
    /// A list of sites, and the help of its input.
    pub const fn new(about: &'static str, sites: [Site; N]) -> Self {
        let mut names = [""; N];
        let mut i = 0;
        while i < N {
            names[i] = sites[i].name();
            i += 1;
        }
        Self { about, listed: sites, names }
    }

    /// The input.
    pub const fn input(&'static self) -> Input {
        Input::choice("site", &self.names, self.about)
    }

    /// Site chosen at the input.
    pub fn chosen(&'static self, ctx: &NodeContext<'_>) -> Site {
        self.listed[ctx.choice(&self.input())]
    }
}

/// Sites of bends that are linear on the grid of the picture.
pub const GRID: &Sites<7> = &Sites::new(
    "Site in the layer: attention map, attention output, or feed-forward network.",
    [Site::CrossMap, Site::SelfMap, Site::SelfOut, Site::CrossOut, Site::FfnIn, Site::FfnHidden, Site::FfnOut],
);
/// Sites with an attention map.
pub const MAPS: &Sites<2> = &Sites::new(
    "Site: cross-attention map (picture to words) or self-attention map (picture to picture).",
    [Site::CrossMap, Site::SelfMap],
);
/// Every site of a layer but the RoPE positions.
pub const LAYER: &Sites<9> = &Sites::new(
    "Site in the layer: attention map, value or output, or feed-forward network.",
    [
        Site::CrossMap,
        Site::SelfMap,
        Site::SelfValue,
        Site::SelfOut,
        Site::CrossValue,
        Site::CrossOut,
        Site::FfnIn,
        Site::FfnHidden,
        Site::FfnOut,
    ],
);

/// Adds a bend to the chain: `op` with the node's inputs of the same names as its parameters.
pub fn run(ctx: &mut NodeContext<'_>, site: Site, op: &'static Op) {
    run_with(ctx, site, op, None);
}

/// [`run`] for an operation that needs words besides those of its target.
pub fn run_with(ctx: &mut NodeContext<'_>, site: Site, op: &'static Op, words: Option<&Words>) {
    let params = Params::new(op, |param| smallvec![setting(ctx, param)]);
    let amount: Lanes = smallvec![ctx.number(&AMOUNT)];
    let selection = ctx.target(&TARGET);
    let chain = selection.parts().iter().fold(ctx.bends(&BENDS), |before, target| {
        let bend = Bend {
            node: ctx.id().clone(),
            site,
            op,
            params: params.clone(),
            amount: amount.clone(),
            target: target.clone(),
            with: words.cloned(),
        };
        ctx.link(before, bend)
    });
    ctx.set(&OUT, chain);
}

/// Value of a parameter: 0 or 1 for a gate, an index for a choice.
fn setting(ctx: &NodeContext<'_>, param: &Param) -> f64 {
    let input = param.input;
    if input.kind == Kind::Gate {
        f64::from(u8::from(ctx.gate(input)))
    } else if input.choices.is_empty() {
        ctx.number(input)
    } else {
        ctx.choice(input) as f64
    }
}
