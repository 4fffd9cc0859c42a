//! Operations on pictures, in space and in time: directions, inverses, edges, and settings per frame.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

mod fixtures;

use std::collections::BTreeSet;

use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::{Form, Params};
use serde_json::{Value as Json, json};
use smallvec::smallvec;

use crate::params::*;
use crate::patching::*;
use fixtures::*;

#[test]
fn every_operation_on_the_grid_is_tested_here() {
    let names: BTreeSet<_> = on_the_grid().map(|(def, _)| def.name).collect();
    let tested = [
        "bend.blur",
        "bend.flip",
        "bend.gain",
        "bend.mask",
        "bend.reverse",
        "bend.rotate",
        "bend.scale",
        "bend.sharpen",
        "bend.shift",
        "bend.smear",
        "bend.translate",
    ];
    assert_eq!(names, BTreeSet::from(tested), "test the directions, inverses and edges of a new one below");
}

#[test]
fn neutral_is_identity_on_every_grid() {
    let grids = [VIDEO, WIDE, Grid { frames: 1, rows: 1, columns: 1 }, Grid { frames: 3, rows: 4, columns: 6 }];
    for ((def, mut bend), grid) in on_the_grid().flat_map(|of| grids.map(move |grid| ((of.0, of.1.clone()), grid))) {
        for (param, lanes) in bend.params.iter_mut() {
            let first = param.neutral.unwrap_or(lanes[0]);
            *lanes = smallvec![first; grid.frames];
        }
        assert!(bend.is_neutral(), "{}", def.name);
        assert!(map_of(&bend, grid).is_identity(), "{} on {grid:?}", def.name);
    }
}

#[test]
fn the_site_does_not_change_the_operation() {
    for (def, here) in on_the_grid() {
        for site in def.input("site").expect("a choice").1.choices {
            let mut params = moved(def);
            params["site"] = json!(site);
            let there = bend(def.name, params, VIDEO.frames);
            if let Form::Grid(_) = there.op.form {
                assert_eq!(map_of(&there, VIDEO), map_of(&here, VIDEO), "{} at {site}", def.name);
            }
        }
    }
}

/// Two values of a knob that differ in what they do in every frame, and are not neutral.
fn two_values(def: &NodeDef, param: &str) -> [f64; 2] {
    let (_, input) = def.input(param).expect("an input");
    if input.name == "frames" {
        // Beyond the ends of the video.
        [5.5, 4.75]
    } else if input.kind == Kind::Number && input.choices.is_empty() {
        [0.15, 0.3].map(|part| input.soft.0 + part * (input.soft.1 - input.soft.0))
    } else {
        [input.hard.1, 0.0]
    }
}

#[test]
fn each_frame_has_its_own_settings() {
    let grid = Grid { frames: VIDEO.frames, rows: 6, columns: 8 };
    for (def, mut bend) in on_the_grid() {
        for (param, lanes) in bend.params.iter_mut() {
            *lanes = smallvec![two_values(def, param.input.name)[0]; grid.frames];
        }
        let before = map_of(&bend, grid);
        for (name, frame) in
            bend.op.params.iter().flat_map(|param| (0..grid.frames).map(move |frame| (param.input.name, frame)))
        {
            let mut changed = bend.clone();
            lanes_mut(&mut changed, name)[frame] = two_values(def, name)[1];
            let after = map_of(&changed, grid);
            let differs = |other: usize| {
                let cells = grid.cell(other, 0, 0)..grid.cell(other + 1, 0, 0);
                cells.into_iter().any(|cell| before.terms(cell) != after.terms(cell))
            };
            for other in 0..grid.frames {
                // A smear also changes later frames. The first frame has none before it.
                let expected = if def.name == "bend.smear" { frame > 0 && other >= frame } else { other == frame };
                assert_eq!(differs(other), expected, "{} {name} of frame {frame} in frame {other}", def.name);
            }
        }
    }
}

#[test]
fn what_is_spatial_stays_in_its_frame_and_what_is_temporal_in_its_place() {
    let temporal = ["bend.shift", "bend.smear", "bend.reverse"];
    for (def, bend) in on_the_grid() {
        let map = map_of(&bend, VIDEO);
        for cell in 0..VIDEO.cells() {
            let (frame, row, column) = VIDEO.place(cell);
            for (from, _) in map.terms(cell).iter() {
                let (from_frame, from_row, from_column) = VIDEO.place(*from as usize);
                if temporal.contains(&def.name) {
                    assert_eq!((from_row, from_column), (row, column), "{}", def.name);
                } else {
                    assert_eq!(from_frame, frame, "{}", def.name);
                }
            }
        }
    }
}

#[test]
fn rotating_turns_clockwise_about_the_middle() {
    let turned =
        |angle: f64, x: &[f32], grid| map("bend.rotate", json!({ "angle": angle, "padding": "zeros" }), grid).apply(x);
    // A quarter: what is right of the middle goes below it, what is below goes left.
    for (angle, from, to) in [
        (90.0, (3., 0.), (0., 3.)),
        (90.0, (0., 2.), (-2., 0.)),
        (-90.0, (3., 0.), (0., -3.)),
        (90.0, (1., -3.), (3., 1.)),
    ] {
        alike(&turned(angle, &dot(WIDE, from.0, from.1), WIDE), &dot(WIDE, to.0, to.1), 1e-6);
    }
    let even = Grid { frames: 1, rows: 4, columns: 4 };
    alike(&turned(90.0, &dot(even, -1.5, -1.5), even), &dot(even, 1.5, -1.5), 1e-6);
    // Any angle: a small hill goes round, as large as it was.
    let grid = Grid { frames: 1, rows: 21, columns: 25 };
    let [before, ..] = gravity(grid, &hill(grid, 4.0, 0.0));
    for angle in [10.0_f64, 45.0, 200.0, -30.0] {
        let (sin, cos) = angle.to_radians().sin_cos();
        let [sum, x, y] = gravity(grid, &turned(angle, &hill(grid, 4.0, 0.0), grid));
        assert!((x - 4.0 * cos).abs() < 0.05 && (y - 4.0 * sin).abs() < 0.05, "{angle}: {x} {y}");
        assert!((sum / before - 1.0).abs() < 0.01, "{angle}: {sum} of {before}");
    }
}

#[test]
fn four_quarters_are_a_whole_turn_and_turning_back_undoes() {
    let square = Grid { frames: 2, rows: 7, columns: 7 };
    let x = uneven(square);
    let quarter = map("bend.rotate", json!({ "angle": 90 }), square);
    let half = map("bend.rotate", json!({ "angle": 180 }), square);
    alike(&quarter.apply(&quarter.apply(&x)), &half.apply(&x), 1e-4);
    alike(&half.apply(&half.apply(&x)), &x, 1e-4);
    assert!(quarter.apply(&x) != x && half.apply(&x) != x);
    alike(&map("bend.rotate", json!({ "angle": 360 }), square).apply(&x), &x, 1e-4);
    let both = map("bend.flip", json!({ "horizontal": true, "vertical": true }), square);
    alike(&both.apply(&x), &half.apply(&x), 1e-4);

    let grid = Grid { frames: 1, rows: 17, columns: 21 };
    let x = hill(grid, 1.0, -2.0);
    let turn = |angle: f64, x: &[f32]| map("bend.rotate", json!({ "angle": angle }), grid).apply(x);
    let (there, back) = (turn(25.0, &x), turn(-25.0, &turn(25.0, &x)));
    alike(&inner(grid, &back, 5.0, 5.0), &inner(grid, &x, 5.0, 5.0), 0.1);
    let apart = there.iter().zip(&x).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart > 0.2, "{apart}");
}

#[test]
fn scaling_moves_everything_away_from_the_middle() {
    let grid = Grid { frames: 1, rows: 19, columns: 23 };
    let scaled = |params: Json, dx, dy| {
        let mut params = params;
        params["padding"] = json!("zeros");
        gravity(grid, &map("bend.scale", params, grid).apply(&dot(grid, dx, dy)))
    };
    // Twice as far, and four times as large.
    at(scaled(json!({ "factor": 2 }), 3.0, 0.0), [4.0, 6.0, 0.0]);
    at(scaled(json!({ "factor": 2 }), -2.0, 3.0), [4.0, -4.0, 6.0]);
    at(scaled(json!({ "factor": 0.5 }), 6.0, -4.0), [1.0, 3.0, -2.0]);
    // Wider: twice as far to the side, half as far down, as large as it was.
    at(scaled(json!({ "stretch": 4 }), 3.0, 0.0), [2.0, 6.0, 0.0]);
    at(scaled(json!({ "stretch": 4 }), 0.0, 4.0), [2.0, 0.0, 2.0]);
    at(scaled(json!({ "stretch": 0.25 }), 4.0, 0.0), [2.0, 2.0, 0.0]);
    at(scaled(json!({ "stretch": 0.25 }), 0.0, 3.0), [2.0, 0.0, 6.0]);
    at(scaled(json!({ "factor": 2, "stretch": 4 }), 2.0, 5.0), [4.0, 8.0, 5.0]);

    let x = uneven(grid);
    let half = map("bend.scale", json!({ "factor": 0.5 }), grid);
    let back = half.apply(&map("bend.scale", json!({ "factor": 2 }), grid).apply(&x));
    alike(&inner(grid, &back, 5.0, 4.0), &inner(grid, &x, 5.0, 4.0), 1e-5);
}

#[test]
fn translating_moves_right_and_down_in_parts_of_the_picture() {
    let moved = |x: f64, y: f64| map("bend.translate", json!({ "x": x, "y": y, "padding": "zeros" }), WIDE);
    let (column, row) = (1.0 / 11.0, 1.0 / 7.0);
    for ((x, y), (dx, dy)) in
        [((2.0, 0.0), (3., -1.)), ((0.0, 2.0), (1., 1.)), ((-3.0, -1.0), (-2., -2.)), ((4.0, 4.0), (5., 3.))]
    {
        alike(&moved(x * column, y * row).apply(&dot(WIDE, 1.0, -1.0)), &dot(WIDE, dx, dy), 1e-5);
    }
    // Between cells it is shared.
    let half: Vec<f32> =
        dot(WIDE, 1.0, 0.0).iter().zip(dot(WIDE, 2.0, 0.0)).map(|(a, b)| 0.75 * a + 0.25 * b).collect();
    alike(&moved(0.25 * column, 0.0).apply(&dot(WIDE, 1.0, 0.0)), &half, 1e-5);
    let x = uneven(WIDE);
    let back = moved(-2.0 * column, row).apply(&moved(2.0 * column, -row).apply(&x));
    alike(&inner(WIDE, &back, 3.0, 2.0), &inner(WIDE, &x, 3.0, 2.0), 1e-4);
    // What goes out on one side comes in on the other.
    let around = map("bend.translate", json!({ "x": 1.0, "y": -2.0, "padding": "wrap" }), WIDE);
    alike(&around.apply(&x), &x, 1e-4);
}

#[test]
fn flipping_changes_left_and_right_or_top_and_bottom_and_twice_nothing() {
    let x = uneven(WIDE);
    let flip = |horizontal: bool, vertical: bool| {
        map("bend.flip", json!({ "horizontal": horizontal, "vertical": vertical }), WIDE)
    };
    let mirrored = |right: f64, down: f64| {
        let place = |dx: f64, dy: f64| WIDE.cell(0, (down * dy + 3.0) as usize, (right * dx + 5.0) as usize);
        picture(WIDE, |_, dx, dy| x[place(dx, dy)])
    };
    assert_eq!(flip(true, false).apply(&x), mirrored(-1.0, 1.0));
    assert_eq!(flip(false, true).apply(&x), mirrored(1.0, -1.0));
    assert_eq!(flip(true, true).apply(&x), mirrored(-1.0, -1.0));
    for (horizontal, vertical) in [(true, false), (false, true), (true, true)] {
        let map = flip(horizontal, vertical);
        assert_eq!(map.apply(&map.apply(&x)), x);
    }
}

#[test]
fn blurring_spreads_by_its_sigma_in_all_directions_and_keeps_the_sum() {
    let grid = Grid { frames: 1, rows: 31, columns: 35 };
    for sigma in [0.8, 1.5, 3.0] {
        let blur = map("bend.blur", json!({ "sigma": sigma }), grid);
        let spot = blur.apply(&dot(grid, 2.0, -1.0));
        at(gravity(grid, &spot), [1.0, 2.0, -1.0]);
        let moment = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            let weights = picture(grid, |_, x, y| of(x - 2.0, y + 1.0) as f32);
            weights.iter().zip(&spot).map(|(weight, x)| f64::from(weight * x)).sum()
        };
        let [xx, yy, xy] =
            [moment(&|x, _| x * x), moment(&|_, y| y * y), moment(&|x, y| x * y)].map(|m| m / sigma / sigma);
        assert!((xx - 1.0).abs() < 0.03 && (yy - xx).abs() < 1e-4 && xy.abs() < 1e-4, "{sigma}: {xx} {yy} {xy}");
        // Gaussian: the fourth moment is three times the square of the second.
        let fourth = moment(&|x, _| x.powi(4)) / sigma.powi(4);
        assert!((fourth - 3.0).abs() < 0.3, "{sigma}: {fourth}");
        // A picture of one colour keeps it, unless there is nothing outside.
        let even = vec![2.0; grid.cells()];
        alike(&blur.apply(&even), &even, 1e-5);
        let dark = map("bend.blur", json!({ "sigma": sigma, "padding": "zeros" }), grid).apply(&even);
        let middle = grid.cell(0, 15, 17);
        assert!((dark[middle] - 2.0).abs() < 1e-5 && dark[0] < 0.8 * dark[17] && dark[17] < 1.6, "{sigma}");
    }
}

#[test]
fn sharpening_adds_what_a_blur_would_take_away() {
    let x = uneven(WIDE);
    let blurred = map("bend.blur", json!({ "sigma": 1.5 }), WIDE).apply(&x);
    for strength in [1.0_f32, 2.5, -1.0] {
        let sharpen = map("bend.sharpen", json!({ "strength": strength, "sigma": 1.5 }), WIDE);
        let expected: Vec<f32> = x.iter().zip(&blurred).map(|(x, blurred)| x + strength * (x - blurred)).collect();
        alike(&sharpen.apply(&x), &expected, 1e-4);
        let even = vec![0.5; WIDE.cells()];
        alike(&sharpen.apply(&even), &even, 1e-5);
    }
    // Beside an edge the bright side gets brighter.
    let edge = picture(WIDE, |_, x, _| f32::from(u8::from(x > 0.0)));
    let sharp = map("bend.sharpen", json!({ "strength": 1 }), WIDE).apply(&edge);
    assert!(sharp[WIDE.cell(0, 3, 6)] > 1.1 && sharp[WIDE.cell(0, 3, 5)] < -0.1);
}

#[test]
fn masking_keeps_what_is_inside_of_the_shape() {
    let grid = Grid { frames: 1, rows: 4, columns: 8 };
    let masked = |params: Json| map("bend.mask", params, grid).apply(&vec![1.0; grid.cells()]);
    let rows = |of: [&str; 4]| -> Vec<f32> {
        of.join("")
            .chars()
            .map(|c| match c {
                '#' => 1.0,
                '.' => 0.25,
                _ => 0.625,
            })
            .collect()
    };
    let sharp = |x: f64, y: f64, width: f64, height: f64| {
        masked(json!({ "outside": 0.25, "x": x, "y": y, "width": width, "height": height, "feather": 0 }))
    };
    assert_eq!(sharp(0.5, 0.5, 0.5, 0.5), rows(["........", "..####..", "..####..", "........"]));
    assert_eq!(sharp(0.25, 0.5, 0.5, 2.0), rows(["####....", "####....", "####....", "####...."]));
    assert_eq!(sharp(0.5, 0.25, 2.0, 0.5), rows(["########", "########", "........", "........"]));
    assert_eq!(sharp(1.0, 1.0, 0.5, 1.0), rows(["........", "........", "......##", "......##"]));
    assert_eq!(sharp(0.5, 0.5, 0.0, 1.0), rows(["........"; 4]), "a shape of no width keeps nothing");
    let ellipse = masked(json!({ "outside": 0.25, "shape": "ellipse", "width": 1, "height": 1, "feather": 0 }));
    assert_eq!(ellipse, rows([".######.", "########", "########", ".######."]));
    // The edges of a width of 5 columns lie in the middle of columns. The feather is centred on them.
    let soft = |x: f64, feather: f64| {
        masked(json!({ "outside": 0.25, "x": x, "width": 0.625, "height": 2, "feather": feather }))[..8].to_vec()
    };
    assert_eq!(soft(0.5, 0.25), [0.25, 0.625, 1.0, 1.0, 1.0, 1.0, 0.625, 0.25]);
    assert_eq!(soft(0.5, 0.5), [0.4375, 0.625, 0.8125, 1.0, 1.0, 0.8125, 0.625, 0.4375]);
    assert_eq!(soft(0.625, 0.125), [0.25, 0.25, 0.625, 1.0, 1.0, 1.0, 1.0, 0.625]);
    // Outside may be anything.
    let turned = masked(json!({ "outside": -2, "width": 0.5, "height": 0.5, "feather": 0 }));
    assert_eq!((turned[0], turned[grid.cell(0, 1, 3)]), (-2.0, 1.0));
}

/// A video of one cell.
fn video(frames: usize) -> Grid {
    Grid { frames, rows: 1, columns: 1 }
}

#[test]
fn shifting_in_time_goes_to_later_frames() {
    let shifted = |frames: f64, padding: &str| {
        map("bend.shift", json!({ "frames": frames, "padding": padding }), video(4)).apply(&[1., 2., 4., 8.])
    };
    assert_eq!(shifted(1.0, "zeros"), [0., 1., 2., 4.]);
    assert_eq!(shifted(-1.0, "zeros"), [2., 4., 8., 0.]);
    assert_eq!(shifted(0.25, "zeros"), [0.75, 1.75, 3.5, 7.0]);
    assert_eq!(shifted(1.5, "border"), [1., 1., 1.5, 3.]);
    assert_eq!(shifted(2.0, "border"), [1., 1., 1., 2.]);
    assert_eq!(shifted(2.0, "reflect"), [2., 1., 1., 2.]);
    assert_eq!(shifted(-2.0, "reflect"), [4., 8., 8., 4.]);
    assert_eq!(shifted(1.0, "wrap"), [8., 1., 2., 4.]);
    let x = uneven(VIDEO);
    let around = |frames: f64| map("bend.shift", json!({ "frames": frames, "padding": "wrap" }), VIDEO);
    assert_eq!(around(-1.0).apply(&around(1.0).apply(&x)), x);
    assert_eq!(around(4.0).apply(&x), x);
}

#[test]
fn what_lingers_fades_from_frame_to_frame() {
    let smeared = |linger: f64| map("bend.smear", json!({ "linger": linger }), video(4)).apply(&[16., 0., 0., 8.]);
    assert_eq!(smeared(0.5), [16., 8., 4., 6.]);
    assert_eq!(smeared(0.25), [16., 4., 1., 6.25]);
    assert_eq!(smeared(1.0), [16.; 4]);
    assert_eq!(smeared(-0.5), [16., -8., 4., 10.]);
    let steps = lanes("bend.smear", json!({ "linger": 0.5 }), "linger", &[0.5, 0.25, 0.0, 0.5], video(4));
    assert_eq!(steps.apply(&[16., 0., 2., 8.]), [16., 4., 2., 5.]);
    let even = vec![3.0; VIDEO.cells()];
    assert_eq!(map("bend.smear", json!({ "linger": 0.75 }), VIDEO).apply(&even), even);
}

#[test]
fn reversing_turns_the_frames_around_and_twice_nothing() {
    let reverse = map("bend.reverse", json!({ "reverse": true }), video(4));
    assert_eq!(reverse.apply(&[1., 2., 4., 8.]), [8., 4., 2., 1.]);
    let x = uneven(VIDEO);
    let reverse = map("bend.reverse", json!({ "reverse": true }), VIDEO);
    assert_eq!(reverse.apply(&reverse.apply(&x)), x);
    let some = lanes("bend.reverse", json!({ "reverse": true }), "reverse", &[1., 0., 0., 1.], video(4));
    assert_eq!(some.apply(&[1., 2., 4., 8.]), [8., 2., 4., 1.]);
}

#[test]
fn a_gain_multiplies_each_frame_by_its_own() {
    let gain = lanes("bend.gain", json!({ "gain": 2 }), "gain", &[2.0, 0.0, -1.0, 0.5], video(4));
    assert_eq!(gain.apply(&[1., 2., 4., 8.]), [2., 0., -4., 4.]);
    let x = uneven(VIDEO);
    let doubled: Vec<f32> = x.iter().map(|x| 2.0 * x).collect();
    assert_eq!(map("bend.gain", json!({ "gain": 2 }), VIDEO).apply(&x), doubled);
}

#[test]
fn what_comes_in_from_outside_is_what_was_chosen() {
    let row = Grid { frames: 1, rows: 1, columns: 4 };
    let column = Grid { frames: 1, rows: 4, columns: 1 };
    let x = [1., 2., 4., 8.];
    for (padding, right, left) in [
        ("border", [1., 1., 1., 2.], [4., 8., 8., 8.]),
        ("zeros", [0., 0., 1., 2.], [4., 8., 0., 0.]),
        ("reflect", [2., 1., 1., 2.], [4., 8., 8., 4.]),
        ("wrap", [4., 8., 1., 2.], [4., 8., 1., 2.]),
    ] {
        let moved = |x: f64, y: f64| json!({ "x": x, "y": y, "padding": padding });
        assert_eq!(map("bend.translate", moved(0.5, 0.0), row).apply(&x), right, "{padding}");
        assert_eq!(map("bend.translate", moved(-0.5, 0.0), row).apply(&x), left, "{padding}");
        assert_eq!(map("bend.translate", moved(0.0, 0.5), column).apply(&x), right, "{padding}");
        assert_eq!(map("bend.translate", moved(0.0, -0.5), column).apply(&x), left, "{padding}");
        // The corners of a picture of one colour come from outside.
        let even = vec![1.0; WIDE.cells()];
        let corner = |name: &str, mut params: Json| {
            params["padding"] = json!(padding);
            map(name, params, WIDE).apply(&even)[0]
        };
        let even = [
            corner("bend.rotate", json!({ "angle": 45 })),
            corner("bend.scale", json!({ "factor": 0.25 })),
            corner("bend.blur", json!({ "sigma": 1 })),
        ];
        assert!(
            even.iter().all(|&x| if padding == "zeros" { x < 0.6 } else { (x - 1.0).abs() < 1e-5 }),
            "{padding}: {even:?}"
        );
    }
    // Smaller and side by side.
    let tiles = map("bend.scale", json!({ "factor": 0.5, "stretch": 0.25, "padding": "wrap" }), row).apply(&x);
    assert_eq!(tiles[..2], tiles[2..], "{tiles:?}");
}

#[test]
fn a_place_is_moved_turned_stretched_and_sent_through_time() {
    let offset = |params: Json, place: [f64; 3]| {
        let bend = bend("bend.position", params, 2);
        let Form::Position(position) = bend.op.form else { panic!("a position") };
        let offset = position(&bend.params, 1, place);
        [offset[0] + place[0], offset[1] + place[1], offset[2] + place[2]]
    };
    // Frames, rows, columns.
    assert_near(&offset(json!({ "x": 2, "y": 3, "frames": -1 }), [1., 4., 5.]), &[0., 7., 7.]);
    assert_near(&offset(json!({ "angle": 90 }), [1., 0., 4.]), &[1., 4., 0.]);
    assert_near(&offset(json!({ "angle": 90 }), [1., 4., 0.]), &[1., 0., -4.]);
    assert_near(&offset(json!({ "stretch": 2 }), [1., -2., 4.]), &[1., -4., 8.]);
    assert_near(&offset(json!({ "pace": 3 }), [2., 1., 1.]), &[6., 1., 1.]);
    // Moved after it is turned and stretched.
    let all = json!({ "x": 1, "y": 2, "angle": -90, "stretch": 2, "pace": 0, "frames": 5 });
    assert_near(&offset(all, [2., 0., 4.]), &[5., -6., 1.]);
    let mut bend = bend("bend.position", json!({ "x": 1 }), 2);
    *lanes_mut(&mut bend, "x") = smallvec![1.0, 7.0];
    let Form::Position(position) = bend.op.form else { panic!("a position") };
    let lanes = bend.params.clone();
    assert_eq!([0, 1].map(|frame| position(&lanes, frame, [0.; 3])[2]), [1.0, 7.0]);
    let still = Params::new(bend.op, |param| smallvec![param.neutral.expect("a neutral value")]);
    assert_eq!(position(&still, 0, [3., 2., 1.]), [0.; 3]);
}
