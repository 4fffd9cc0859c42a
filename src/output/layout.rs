//! Several pictures in one: beside one another, in a grid, blended, or as the channels of one picture.

use std::sync::Arc;

use bendrack_nodes::program::byte;
use bendrack_nodes::program::source::{Fit, Layout};

use crate::media::Picture;
use crate::output::scale::{covering, fitted, fitting, paste, scaled};

/// Dark pixels between two pictures.
const GAP: usize = 4;

/// The longer and the shorter side of the largest picture; larger ones are scaled down. It is what H.264 files hold, and
/// keeps a chain of compositors, each doubling the last, from filling the memory.
pub const LARGEST: (usize, usize) = (3840, 2160);

/// Two pictures in one; if one of them has no pixels, the other.
pub fn composite(a: Arc<Picture>, b: Arc<Picture>, layout: Layout, mix: f32) -> Arc<Picture> {
    if !a.is_whole() || !b.is_whole() {
        return if a.is_whole() { a } else { b };
    }
    Arc::new(match layout {
        Layout::Beside => beside(&a, &b),
        Layout::Above => above(&a, &b),
        Layout::Mix => pixel_by_pixel(&a, &b, |a, b| mixed(a, b, mix)),
        Layout::Difference => pixel_by_pixel(&a, &b, u8::abs_diff),
        Layout::Add => blended(&a, &b, mix, |a, b| a + b),
        Layout::Multiply => blended(&a, &b, mix, |a, b| a * b),
        Layout::Screen => blended(&a, &b, mix, |a, b| a + b - a * b),
        Layout::Overlay => blended(&a, &b, mix, overlaid),
    })
}

/// Side by side, as high as the higher one.
fn beside(a: &Picture, b: &Picture) -> Picture {
    let height = a.height.max(b.height) as f64;
    let width = |picture: &Picture| picture.width as f64 * height / picture.height as f64;
    let scale = room(width(a) + width(b), height);
    let height = side(height * scale);
    let (a, b) = (scaled(a, side(width(a) * scale), height), scaled(b, side(width(b) * scale), height));
    let mut both = Picture::black(a.width + GAP + b.width, height);
    paste(&mut both, &a, 0, 0);
    paste(&mut both, &b, a.width + GAP, 0);
    both
}

/// One above the other, as wide as the wider one.
fn above(a: &Picture, b: &Picture) -> Picture {
    let width = a.width.max(b.width) as f64;
    let height = |picture: &Picture| picture.height as f64 * width / picture.width as f64;
    let scale = room(height(a) + height(b), width);
    let width = side(width * scale);
    let (a, b) = (scaled(a, width, side(height(a) * scale)), scaled(b, width, side(height(b) * scale)));
    let mut both = Picture::black(width, a.height + GAP + b.height);
    paste(&mut both, &a, 0, 0);
    paste(&mut both, &b, 0, a.height + GAP);
    both
}

/// The scale, at most 1, at which two pictures and the gap fit into the largest picture.
///
/// `along` is the length of both in the direction in which they follow one another, `across` their common side.
fn room(along: f64, across: f64) -> f64 {
    let (long, short) = LARGEST;
    let (along_most, across_most) = if along >= across { (long, short) } else { (short, long) };
    // A pixel less, as each side is rounded.
    let along_most = (along_most - GAP - 1) as f64;
    (along_most / along).min(across_most as f64 / across).min(1.0)
}

/// A length in whole pixels.
fn side(length: f64) -> usize {
    (length.round() as usize).max(1)
}

/// A function of each two bytes; the second picture is fitted to the first.
fn pixel_by_pixel(a: &Picture, b: &Picture, function: impl Fn(u8, u8) -> u8) -> Picture {
    let b = fitted(b, a.width, a.height);
    Picture { rgb: a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| function(a, b)).collect(), ..*a }
}

fn mixed(a: u8, b: u8, mix: f32) -> u8 {
    byte(f32::from(a) + (f32::from(b) - f32::from(a)) * mix)
}

/// A function of each two bytes from 0 to 1, by a share of `mix`. Outside of the second picture, fitted to the first,
/// the first stays unchanged.
fn blended(a: &Picture, b: &Picture, mix: f32, light: impl Fn(f32, f32) -> f32) -> Picture {
    let (width, height) = fitting(b, a.width, a.height);
    let (left, top) = ((a.width - width) / 2, (a.height - height) / 2);
    let b = scaled(b, width, height);
    let mut both = a.clone();
    let rows = both.rgb.chunks_exact_mut(a.width * 3).skip(top);
    for (row, over) in rows.zip(b.rgb.chunks_exact(width * 3)) {
        for (under, &top) in row[left * 3..].iter_mut().zip(over) {
            let (a, b) = (f32::from(*under) / 255.0, f32::from(top) / 255.0);
            let blended = light(a, b).clamp(0.0, 1.0);
            *under = byte(255.0 * (a + (blended - a) * mix));
        }
    }
    both
}

/// Darker where the first is dark, lighter where it is light.
fn overlaid(a: f32, b: f32) -> f32 {
    if a < 0.5 { 2.0 * a * b } else { 1.0 - 2.0 * (1.0 - a) * (1.0 - b) }
}

/// Pictures in rows of so many columns; 0 makes the grid as square as possible. Each cell is as large as the largest picture.
pub fn grid(pictures: &[Arc<Picture>], columns: usize, gap: usize, fit: Fit) -> Picture {
    let largest = |length: fn(&Picture) -> usize| pictures.iter().map(|picture| length(picture)).max().unwrap_or(0);
    let (wide, high) = (largest(|picture| picture.width), largest(|picture| picture.height));
    let (columns, rows) = shape(pictures.len(), columns);
    if wide == 0 || high == 0 {
        return Picture::default();
    }
    let ((wide, high), gap) = place((wide, high), (columns, rows), gap);
    let mut whole = Picture::black(columns * (wide + gap) - gap, rows * (high + gap) - gap);
    for (number, picture) in pictures.iter().enumerate() {
        let picture = match fit {
            Fit::Contain => fitted(picture, wide, high),
            Fit::Cover => covering(picture, wide, high),
            Fit::Stretch => scaled(picture, wide, high),
        };
        paste(&mut whole, &picture, number % columns * (wide + gap), number / columns * (high + gap));
    }
    whole
}

/// Columns and rows of so many pictures; no column stays empty.
fn shape(count: usize, columns: usize) -> (usize, usize) {
    let square = (1..=count).find(|side| side * side >= count).unwrap_or(1);
    let columns = if columns == 0 { square } else { columns.min(count).max(1) };
    (columns, count.div_ceil(columns).max(1))
}

/// The size of a cell of a grid, and the gap. They keep the grid within the largest picture.
fn place((wide, high): (usize, usize), (columns, rows): (usize, usize), gap: usize) -> ((usize, usize), usize) {
    let (long, short) = LARGEST;
    // The gap leaves room for at least one pixel per cell.
    let gap = gap.min(short / columns.max(rows) - 1);
    let (most_wide, most_high) = if columns * wide >= rows * high { (long, short) } else { (short, long) };
    let scale = |count: usize, length: usize, most: usize| {
        // Half a pixel less for each, as each is rounded.
        let room = most as f64 - ((count - 1) * gap) as f64 - 0.5 * count as f64;
        room / (count * length) as f64
    };
    let scale = scale(columns, wide, most_wide).min(scale(rows, high, most_high)).min(1.0);
    ((side(wide as f64 * scale), side(high as f64 * scale)), gap)
}

/// The light of three pictures as the red, the green and the blue of one. The first present picture gives the size. A missing picture
/// is dark.
pub fn channels(pictures: &[Option<Arc<Picture>>; 3]) -> Picture {
    let Some(first) = pictures.iter().flatten().find(|picture| picture.is_whole()) else { return Picture::default() };
    let mut whole = Picture::black(first.width, first.height);
    for (channel, picture) in pictures.iter().enumerate() {
        let Some(picture) = picture else { continue };
        let picture = fitted(picture, whole.width, whole.height);
        for (pixel, colour) in whole.rgb.chunks_exact_mut(3).zip(picture.rgb.as_chunks::<3>().0) {
            pixel[channel] = light(*colour);
        }
    }
    whole
}

/// Luma of a colour, by the weights of Rec. 709. That of a grey is the grey.
fn light([red, green, blue]: [u8; 3]) -> u8 {
    ((2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue) + 5000) / 10_000) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(width: usize, height: usize, colour: [u8; 3]) -> Arc<Picture> {
        Arc::new(Picture::filled(width, height, colour))
    }

    fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        picture.rgb[(y * picture.width + x) * 3..][..3].try_into().expect("three")
    }

    /// Each pair of bytes against the formulas of the W3C's compositing recommendation, in f64.
    #[test]
    fn blends_are_those_of_the_book() {
        type Book<'a> = (Layout, &'a dyn Fn(f64, f64) -> f64);
        let bytes: Vec<u8> = (0..=255).step_by(5).collect();
        let hard_light =
            |b: f64, s: f64| if s <= 0.5 { b * 2.0 * s } else { b + (2.0 * s - 1.0) - b * (2.0 * s - 1.0) };
        let book: [Book<'_>; 4] = [
            (Layout::Add, &|a, b| (a + b).min(1.0)),
            (Layout::Multiply, &|a, b| a * b),
            (Layout::Screen, &|a, b| 1.0 - (1.0 - a) * (1.0 - b)),
            // Overlay is hard light with the pictures changed over.
            (Layout::Overlay, &|a, b| hard_light(b, a)),
        ];
        for (layout, formula) in book {
            for mix in [0.0_f32, 0.5, 1.0] {
                for (&a, &b) in bytes.iter().flat_map(|a| bytes.iter().map(move |b| (a, b))) {
                    let got = pixel(&composite(one(1, 1, [a; 3]), one(1, 1, [b; 3]), layout, mix), 0, 0)[0];
                    let (x, y) = (f64::from(a) / 255.0, f64::from(b) / 255.0);
                    let wanted = 255.0 * ((1.0 - f64::from(mix)) * x + f64::from(mix) * formula(x, y));
                    assert!((f64::from(got) - wanted).abs() < 0.51, "{layout:?} {a} {b} {mix}: {got}, not {wanted}");
                }
            }
        }
    }

    #[test]
    fn a_blend_leaves_what_the_second_does_not_reach() {
        let a = one(40, 20, [200, 100, 50]);
        for layout in [Layout::Add, Layout::Multiply, Layout::Screen, Layout::Overlay] {
            let both = composite(a.clone(), one(10, 10, [0; 3]), layout, 1.0);
            assert_eq!((both.width, both.height), (40, 20));
            assert_eq!((pixel(&both, 9, 5), pixel(&both, 30, 5)), ([200, 100, 50], [200, 100, 50]), "{layout:?}");
        }
        let both = composite(a, one(10, 10, [0; 3]), Layout::Multiply, 1.0);
        assert_eq!((pixel(&both, 10, 0), pixel(&both, 29, 19)), ([0; 3], [0; 3]));
    }

    #[test]
    fn a_grid_is_as_square_as_it_can_be() {
        let shapes: Vec<(usize, usize)> = (1..=9).map(|count| shape(count, 0)).collect();
        assert_eq!(shapes, [(1, 1), (2, 1), (2, 2), (2, 2), (3, 2), (3, 2), (3, 3), (3, 3), (3, 3)]);
        assert_eq!([shape(5, 1), shape(5, 2), shape(5, 4), shape(5, 9)], [(1, 5), (2, 3), (4, 2), (5, 1)]);
    }

    /// Places of 1 to 9 pictures in every number of columns, with odd sizes and gaps. Nothing else is lit.
    #[test]
    fn every_picture_of_a_grid_has_its_place() {
        for (count, columns, gap, (wide, high)) in
            (1..=9).flat_map(|count| (0..=9).map(move |columns| (count, columns, 1 + columns % 4, (7 + count, 5))))
        {
            let pictures: Vec<_> = (0..count).map(|n| one(wide, high, [10 + n as u8; 3])).collect();
            let whole = grid(&pictures, columns, gap, Fit::Contain);
            let across = if columns == 0 { [1, 2, 2, 2, 3, 3, 3, 3, 3][count - 1] } else { columns.min(count) };
            let down = count.div_ceil(across);
            let size = (across * wide + (across - 1) * gap, down * high + (down - 1) * gap);
            assert_eq!((whole.width, whole.height), size, "{count} in {columns}");
            for (x, y) in (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y))) {
                let (column, row) = (x / (wide + gap), y / (high + gap));
                let inside = x % (wide + gap) < wide && y % (high + gap) < high && row * across + column < count;
                let wanted = if inside { [10 + (row * across + column) as u8; 3] } else { [0; 3] };
                assert_eq!(pixel(&whole, x, y), wanted, "{count} in {columns} at {x}, {y}");
            }
        }
    }

    #[test]
    fn a_picture_fills_its_place_by_the_fit() {
        // A place of 40 × 40: 40 × 20 is contained with borders, covers with its middle, or is stretched.
        let pictures = [one(20, 40, [9; 3]), one(40, 20, [200; 3])];
        let lit = |fit: Fit, x: usize, y: usize| pixel(&grid(&pictures, 2, 0, fit), x, y);
        assert_eq!(
            [lit(Fit::Contain, 41, 9), lit(Fit::Contain, 41, 10), lit(Fit::Contain, 9, 1)],
            [[0; 3], [200; 3], [0; 3]]
        );
        for fit in [Fit::Cover, Fit::Stretch] {
            assert_eq!(
                [lit(fit, 0, 0), lit(fit, 39, 39), lit(fit, 40, 0), lit(fit, 79, 39)],
                [[9; 3], [9; 3], [200; 3], [200; 3]]
            );
        }
        let nothing = grid(&[Arc::default(), one(4, 4, [8; 3])], 0, 2, Fit::Cover);
        assert_eq!(
            (nothing.width, pixel(&nothing, 0, 0), pixel(&nothing, 6, 0)),
            (10, [0; 3], [8; 3]),
            "its place is dark"
        );
        assert_eq!(grid(&[], 3, 2, Fit::Cover), Picture::default());
    }

    #[test]
    fn channels_are_the_light_of_pictures() {
        let red = one(6, 4, [255, 0, 0]);
        let grey = |level| Some(one(6, 4, [level; 3]));
        let whole = channels(&[grey(10), grey(20), grey(30)]);
        assert_eq!(whole, Picture::filled(6, 4, [10, 20, 30]));
        assert_eq!(channels(&[None, Some(red.clone()), None]), Picture::filled(6, 4, [0, 54, 0]), "0.2126 of 255");
        // The first gives the size; the others are fitted to it.
        let fitted = channels(&[Some(red), Some(one(2, 2, [255; 3])), None]);
        assert_eq!(
            [pixel(&fitted, 0, 0), pixel(&fitted, 1, 0), pixel(&fitted, 5, 3)],
            [[54, 0, 0], [54, 255, 0], [54, 0, 0]]
        );
        assert_eq!(channels(&[None, None, None]), Picture::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_grid_is_never_too_large(
            sizes in prop::collection::vec((1_usize..5000, 1_usize..40), 1..10),
            turned: bool,
            (columns, gap, fit) in (0_usize..12, 0_usize..2000, 0_usize..3),
        ) {
            let size = |(a, b): (usize, usize)| if turned { (b, a) } else { (a, b) };
            let pictures: Vec<_> = sizes.into_iter().map(size).map(|(w, h)| one(w, h, [7; 3])).collect();
            let fit = [Fit::Contain, Fit::Cover, Fit::Stretch][fit];
            let whole = grid(&pictures, columns, gap, fit);
            let (long, short) = (whole.width.max(whole.height), whole.width.min(whole.height));
            prop_assert!(whole.is_whole() && long <= LARGEST.0 && short <= LARGEST.1, "{} × {}", long, short);
        }
    }
}
