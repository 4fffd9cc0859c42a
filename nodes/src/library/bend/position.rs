//! Moves the RoPE positions of queries.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op, Params};

const X: Input = Input::number("x", 0.0, "Offset to the right, in cells of the token grid (16 pixels).")
    .soft(-16.0, 16.0)
    .hard(-1024.0, 1024.0)
    .unit("cells");
const Y: Input = Input::number("y", 0.0, "Offset down, in cells of the token grid (16 pixels).")
    .soft(-16.0, 16.0)
    .hard(-1024.0, 1024.0)
    .unit("cells");
const FRAMES: Input = Input::number("frames", 0.0, "Offset in time, in latent frames; positive is later.")
    .soft(-6.0, 6.0)
    .hard(-1024.0, 1024.0)
    .unit("frames");
const ANGLE: Input = Input::number("angle", 0.0, "Clockwise rotation of the positions about the centre.")
    .soft(-180.0, 180.0)
    .hard(-3600.0, 3600.0)
    .unit("°");
const STRETCH: Input = Input::number("stretch", 1.0, "Scale of the positions about the centre: 1 changes nothing.")
    .soft(0.25, 4.0)
    .hard(0.0, 100.0)
    .unit("×");
const PACE: Input = Input::number("pace", 1.0, "Scale of time within the chunk: 1 changes nothing, 0 stops it.")
    .soft(0.0, 4.0)
    .hard(-100.0, 100.0)
    .unit("×");

const OP: Op = Op::new(
    "position",
    &[
        X.neutral_at(0.0),
        Y.neutral_at(0.0),
        FRAMES.neutral_at(0.0),
        ANGLE.neutral_at(0.0),
        STRETCH.neutral_at(1.0),
        PACE.neutral_at(1.0),
    ],
    Form::Position(position),
);

/// Moves, rotates and scales the RoPE positions of the queries, in space and in time.
pub const NODE: NodeDef = NodeDef {
    name: "bend.position",
    title: "RoPE position",
    about: "Moves, rotates and scales the RoPE positions of the queries, in space and in time.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, X, Y, FRAMES, ANGLE, STRETCH, PACE, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| bend_node::run(ctx, Site::SelfPosition, &OP),
    ..NodeDef::BASE
};

/// Offset of a query at `[t, y, x]` cells from the centre: rotation, then scale, then translation.
fn position(params: &Params, frame: usize, [t, y, x]: [f64; 3]) -> [f64; 3] {
    let inputs = [&X, &Y, &FRAMES, &ANGLE, &STRETCH, &PACE];
    let [right, down, later, angle, stretch, pace] = inputs.map(|input| params.at(input, frame));
    let (sin, cos) = angle.to_radians().sin_cos();
    let (turned_x, turned_y) = (cos * x - sin * y, cos * y + sin * x);
    [later + t * pace - t, down + turned_y * stretch - y, right + turned_x * stretch - x]
}
