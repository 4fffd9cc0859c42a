//! The random walk.

use serde_json::json;

use crate::patching::*;

#[test]
fn a_walk_is_thrown_back_at_its_bounds() {
    for (step, reversion, low, high, seed) in
        [(0.3, 0.1, 0.0, 1.0, 0), (3.0, 0.0, -1.0, 0.5, 4), (50.0, 1.0, 2.0, -2.0, 1), (1.0, 0.5, 0.25, 0.25, 0)]
    {
        let params = json!({ "step_size": step, "reversion": reversion, "low": low, "high": high, "seed": seed });
        let (middle, half) = (f64::midpoint(low, high), f64::abs(high - low) / 2.0);
        let mut at = middle;
        let mut way = Vec::new();
        for n in 0..80 {
            // Mirrors on both sides, one after the other.
            for _ in 0..10_000 {
                at = if half == 0.0 {
                    middle
                } else if at > middle + half {
                    2.0 * (middle + half) - at
                } else if at < middle - half {
                    2.0 * (middle - half) - at
                } else {
                    break;
                };
            }
            way.push(at);
            let kept = f64::powf(1.0 - reversion, 0.2);
            at = middle + (at - middle) * kept + step * f64::sqrt(0.2 * 3.0) * (2.0 * seeded(seed, 0, n) - 1.0);
        }
        let given = Bench::new("modulate.walk", params).dt(0.2).gives("out", 80);
        assert_near(&given, &way);
        assert!(given.iter().all(|x| (low.min(high)..=low.max(high)).contains(x)));
    }
    let reset = Bench::new("modulate.walk", json!({})).feed("reset", &[1.0, 0.0, 0.0, 0.0, 1.0]).gives("out", 8);
    assert_eq!((reset[0], reset[4], &reset[..4]), (0.5, 0.5, &reset[4..]));
}

#[test]
fn a_walk_gets_as_far_at_any_frame_rate() {
    // The deviation of many walks after one second is the step.
    for dt in [0.5, 0.1, 0.02] {
        let frames = (1.0_f64 / dt).round() as usize + 1;
        let ends: Vec<f64> = (0..400)
            .map(|seed| {
                let params = json!({ "step_size": 0.4, "reversion": 0.0, "low": -1e3, "high": 1e3, "seed": seed });
                Bench::new("modulate.walk", params).dt(dt).memories(&[frames])[0].output("it", "out").expect("a number")
            })
            .collect();
        let deviation = (ends.iter().map(|end| end * end).sum::<f64>() / ends.len() as f64).sqrt();
        assert!((0.34..0.46).contains(&deviation), "{dt}: {deviation}");
    }
}
