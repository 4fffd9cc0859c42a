//! Masks the outside of a shape.

use crate::choice::choices;
use crate::library::bend::bend_node;
use crate::library::target::outline::{FEATHER, HEIGHT, WIDTH, X, Y};
use crate::node::def::{Input, NodeDef};
use crate::program::grid::{Grid, GridMap};
use crate::program::op::{Form, Op, Params};
use crate::program::region::{Rect, Shape};

const OUTSIDE: Input =
    Input::number("outside", 1.0, "Factor outside the shape: 0 silences the outside, 1 changes nothing.")
        .soft(0.0, 1.0)
        .hard(-100.0, 100.0);
const SHAPE: Input = Input::choice_of::<Outline>("shape", "Shape of the part that is kept.");

choices! {
    /// Outline of the part that is kept.
    enum Outline {
        /// Rectangle.
        Rectangle = "rectangle",
        /// Ellipse in the rectangle.
        Ellipse = "ellipse",
    }
}

const OP: Op = Op::new(
    "mask",
    &[
        OUTSIDE.neutral_at(1.0),
        SHAPE.option(),
        X.option(),
        Y.option(),
        WIDTH.option(),
        HEIGHT.option(),
        FEATHER.option(),
    ],
    Form::Grid(mask),
);

/// Silences attention maps or outputs outside a rectangle or an ellipse.
pub const NODE: NodeDef = NodeDef {
    name: "bend.mask",
    title: "Mask",
    about: "Silences attention maps or outputs outside a rectangle or an ellipse.",
    inputs: &[
        bend_node::BENDS,
        bend_node::TARGET,
        bend_node::GRID.input(),
        OUTSIDE,
        SHAPE,
        X,
        Y,
        WIDTH,
        HEIGHT,
        FEATHER,
        bend_node::AMOUNT,
    ],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        bend_node::run(ctx, bend_node::GRID.chosen(ctx), &OP);
    },
    ..NodeDef::BASE
};

/// Multiplies the outside of the shape by `outside`, blended over the feather.
fn mask(params: &Params, grid: Grid) -> GridMap {
    GridMap::gain(grid, |frame, row, column| {
        let inputs = [&OUTSIDE, &X, &Y, &WIDTH, &HEIGHT, &FEATHER];
        let [outside, x, y, width, height, feather] = inputs.map(|input| params.at(input, frame));
        let edges = Rect { x, y, width, height, feather };
        let shape = match params.chosen(&SHAPE, frame) {
            Outline::Rectangle => Shape::Rectangle(edges),
            Outline::Ellipse => Shape::Ellipse(edges),
        };
        let inside = f64::from(shape.weight(grid.point(row, column), |_| None));
        inside + outside * (1.0 - inside)
    })
}
