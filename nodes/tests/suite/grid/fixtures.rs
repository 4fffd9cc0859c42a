//! Operations on the grid made from the nodes of the library, and pictures to try them on.

use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::program::Bend;
use bendrack_nodes::program::grid::{Grid, GridMap};
use bendrack_nodes::program::op::Form;
use bendrack_nodes::tick::Memory;
use serde_json::Value as Json;

use crate::params::*;
use crate::patching::*;

/// Wider than high, with a cell in the middle.
pub const WIDE: Grid = Grid { frames: 1, rows: 7, columns: 11 };
/// A few frames of a few cells.
pub const VIDEO: Grid = Grid { frames: 4, rows: 3, columns: 4 };

/// The bend that a node asks for over some frames.
pub fn bend(name: &str, params: Json, frames: usize) -> Bend {
    let def = bends().find(|def| def.name == name).expect("a node");
    run(&compile(&alone(def, params)), &mut Memory::default(), 0, frames).bends.remove(0)
}

/// What a bend does on a grid.
pub fn map_of(bend: &Bend, grid: Grid) -> GridMap {
    let Form::Grid(map) = bend.op.form else { panic!("{} is not on the grid", bend.node) };
    let map = map(&bend.params, grid);
    assert_eq!(map.grid(), grid);
    map
}

/// What a node does on a grid with these parameters.
pub fn map(name: &str, params: Json, grid: Grid) -> GridMap {
    map_of(&bend(name, params, grid.frames), grid)
}

/// What a node does with a parameter that has a value of its own in each frame.
pub fn lanes(name: &str, params: Json, param: &str, values: &[f64], grid: Grid) -> GridMap {
    let mut bend = bend(name, params, grid.frames);
    *lanes_mut(&mut bend, param) = values.into();
    map_of(&bend, grid)
}

/// The nodes that act on the grid, moved out of neutral.
pub fn on_the_grid() -> impl Iterator<Item = (&'static NodeDef, Bend)> {
    bends().filter_map(|def| {
        let bend = bend(def.name, moved(def), VIDEO.frames);
        matches!(bend.op.form, Form::Grid(_)).then_some((def, bend))
    })
}

/// A picture by its places, given as offsets from its middle.
pub fn picture(grid: Grid, at: impl Fn(usize, f64, f64) -> f32) -> Vec<f32> {
    let middle = |count: usize| (count as f64 - 1.0) / 2.0;
    let cell = |cell| {
        let (frame, row, column) = grid.place(cell);
        at(frame, column as f64 - middle(grid.columns), row as f64 - middle(grid.rows))
    };
    (0..grid.cells()).map(cell).collect()
}

/// Nothing but one cell, at an offset from the middle.
pub fn dot(grid: Grid, dx: f64, dy: f64) -> Vec<f32> {
    picture(grid, |frame, x, y| f32::from(u8::from(frame == 0 && (x, y) == (dx, dy))))
}

/// A picture in which no two cells are alike.
pub fn uneven(grid: Grid) -> Vec<f32> {
    (0..grid.cells()).map(|cell| ((cell * cell + 3 * cell) % 17) as f32 + cell as f32 / 64.0).collect()
}

/// A smooth hill, small at the border.
pub fn hill(grid: Grid, at_x: f64, at_y: f64) -> Vec<f32> {
    picture(grid, |_, x, y| (-((x - at_x).powi(2) + (y - at_y).powi(2)) / 8.0).exp() as f32)
}

/// The sum of a picture, and its centre of gravity as an offset from the middle.
pub fn gravity(grid: Grid, x: &[f32]) -> [f64; 3] {
    let sum: f64 = x.iter().map(|&x| f64::from(x)).sum();
    let weighed = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        let weights = picture(grid, |_, x, y| of(x, y) as f32);
        weights.iter().zip(x).map(|(weight, x)| f64::from(weight * x)).sum::<f64>() / sum
    };
    [sum, weighed(&|x, _| x), weighed(&|_, y| y)]
}

#[track_caller]
pub fn alike(a: &[f32], b: &[f32], within: f32) {
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(a.len() == b.len() && apart <= within, "{apart} apart:\n{a:?}\n{b:?}");
}

#[track_caller]
pub fn at(found: [f64; 3], expected: [f64; 3]) {
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-4, "{found:?} is not {expected:?}");
}

/// The cells of a picture that lie so near to its middle.
pub fn inner(grid: Grid, x: &[f32], columns: f64, rows: f64) -> Vec<f32> {
    let inside = picture(grid, |_, dx, dy| f32::from(u8::from(dx.abs() <= columns && dy.abs() <= rows)));
    x.iter().zip(inside).filter(|(_, inside)| *inside == 1.0).map(|(x, _)| *x).collect()
}
