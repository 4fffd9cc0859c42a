//! Measures of the change by a bend.

use bendrack::media::Picture;
use bendrack::quality::mask::Mask;
use bendrack::wan::mini::SIDE;

/// The mean red, green and blue of the pixels in a mask, in levels of 255.
pub fn colour(picture: &Picture, mask: &Mask) -> [f64; 3] {
    let count = mask.count().max(1) as f64;
    let sum = |c: usize| {
        places(|at| mask.contains(at / SIDE, at % SIDE)).map(|at| f64::from(picture.rgb[3 * at + c])).sum::<f64>()
    };
    [0, 1, 2].map(|c| sum(c) / count)
}

/// The distance of two colours.
pub fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The mean absolute difference of two pictures, in levels of 255.
pub fn change(a: &Picture, b: &Picture) -> f64 {
    change_within(a, b, |_| true)
}

/// The mean absolute difference of two pictures outside both masks, in levels of 255.
pub fn change_outside(a: &Picture, b: &Picture, masks: [&Mask; 2]) -> f64 {
    change_within(a, b, |at| masks.iter().all(|mask| !mask.contains(at / SIDE, at % SIDE)))
}

fn change_within(a: &Picture, b: &Picture, is_in: impl Fn(usize) -> bool) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for at in places(is_in) {
        let [a, b] = [a, b].map(|picture| &picture.rgb[3 * at..3 * at + 3]);
        sum += a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / 3.0;
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

/// The mask of pixels that satisfy a predicate, row by row.
fn places(is_in: impl Fn(usize) -> bool) -> impl Iterator<Item = usize> {
    (0..SIDE * SIDE).filter(move |&at| is_in(at))
}

/// The mean; NaN for an empty slice.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
