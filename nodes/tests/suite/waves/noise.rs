//! Noise of several octaves.

use std::f64::consts::TAU;

use serde_json::json;

use crate::patching::*;

/// Ken Perlin's improved noise on a line, its slopes by their place.
fn line(slope: impl Fn(i64) -> f64, x: f64) -> f64 {
    let (cell, t) = (x.floor() as i64, x.fract());
    let fade = 6.0 * t.powi(5) - 15.0 * t.powi(4) + 10.0 * t.powi(3);
    (1.0 - fade) * slope(cell) * t + fade * slope(cell + 1) * (t - 1.0)
}

/// The same in the plane, with slopes of length 1 by their angle.
fn plane(angle: impl Fn(i64, i64) -> f64, x: f64, y: f64) -> f64 {
    let (column, row) = (x.floor() as i64, y.floor() as i64);
    let fade = |t: f64| 6.0 * t.powi(5) - 15.0 * t.powi(4) + 10.0 * t.powi(3);
    let (right, up) = (fade(x - x.floor()), fade(y - y.floor()));
    let mut sum = 0.0;
    for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let (dx, dy) = (x - (column + i) as f64, y - (row + j) as f64);
        let turn = angle(column + i, row + j);
        let weight = if i == 1 { right } else { 1.0 - right } * if j == 1 { up } else { 1.0 - up };
        sum += weight * (turn.cos() * dx + turn.sin() * dy);
    }
    sum
}

#[test]
fn noise_is_layers_of_gradient_noise() {
    for (octaves, persistence, lacunarity, seed, polarity) in [
        (1, 0.5, 2.0, 0, "bipolar"),
        (4, 0.7, 2.0, 0, "bipolar"),
        (8, 0.5, 3.7, 5, "unipolar"),
        (3, 0.0, 1.0, 1, "bipolar"),
    ] {
        let params = json!({ "rate": 0.77, "octaves": octaves, "persistence": persistence, "lacunarity": lacunarity,
            "seed": seed, "polarity": polarity });
        let expected = numbers(100, |n| {
            let (mut sum, mut all) = (0.0, 0.0);
            for octave in 0..octaves {
                let weight = f64::powi(persistence, octave);
                let slope = |cell| 2.0 * seeded(seed, octave as u64, cell) - 1.0;
                sum += weight * 2.0 * line(slope, 0.77 * 0.1 * n * f64::powi(lacunarity, octave));
                all += weight;
            }
            let noise = (sum / all).clamp(-1.0, 1.0);
            if polarity == "unipolar" { 0.5 * noise + 0.5 } else { noise }
        });
        let given = Bench::new("modulate.noise", params).dt(0.1).gives("out", 100);
        let near = given.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near, "{given:?} is not {expected:?}");
    }
    assert_near(&Bench::new("modulate.noise", json!({ "rate": 0.0 })).gives("out", 3), &[0.0; 3]);
}

#[test]
fn a_loop_of_noise_is_a_circle_in_the_plane() {
    let (rate, secs, lacunarity, seed) = (0.8, 5.0, 2.5, 2);
    let params = json!({ "rate": rate, "loop_length": secs, "octaves": 2, "persistence": 0.4, "lacunarity": lacunarity, "seed": seed });
    let bench = Bench::new("modulate.noise", params);
    let given = bench.gives("out", 61);
    let expected = numbers(61, |n| {
        let (angle, radius) = (TAU * n * DT_SECS / secs, rate * secs / TAU);
        let layer = |octave: u64, finer: f64| {
            let turn = |x: i64, y: i64| TAU * seeded(seed, 8 + octave, x * 4_294_967_296 + y);
            2.0_f64.sqrt() * plane(turn, finer * (0.5 + radius * angle.cos()), finer * (0.5 + radius * angle.sin()))
        };
        (layer(0, 1.0) + 0.4 * layer(1, lacunarity)) / 1.4
    });
    assert_near(&given, &expected);
    assert_eq!(given[..20], given[20..40], "five seconds are twenty frames");
    assert_eq!(given[..20], given[40..60]);
    // The seam is as smooth as the rest: no step is much larger than the others.
    let steps: Vec<_> = given.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let largest = steps[..19].iter().copied().fold(0.0, f64::max);
    assert!(steps[19] <= largest && largest > 0.0, "{steps:?}");
}
