//! Measurements in colours, alone or over a picture.

use bendrack_nodes::program::byte;
use bendrack_nodes::program::source::{ColourMap, Drawing, Look};

use crate::media::{Map, Picture};
use crate::output::{scale, spectrum};

/// Variation of a map below which it darkens, as a part of its largest value. An even map minus its mean is rounding, which must not
/// flicker on a stage.
const EVEN: f64 = 0.1;

/// Darkening of a picture where the map is cold, at an amount of 1. It lets the warm places stand out.
const SHADE: f32 = 0.35;

/// The values of the two ends of a colour map; each map's own smallest and largest if there are none.
type Range = Option<(f64, f64)>;

/// The look of a map.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// The colour map.
    pub colours: ColourMap,
    /// The values of its two ends.
    pub range: Range,
    /// Processing of the map before its colours. A spectrum uses `invert` only.
    pub look: Look,
}

impl From<ColourMap> for Shown {
    fn from(colours: ColourMap) -> Self {
        Self { colours, ..Self::default() }
    }
}

impl Shown {
    /// Heat after gamma, from heat within the range; none below the threshold.
    fn heat(&self, t: f32) -> Option<f32> {
        let Look { gamma, threshold, .. } = self.look;
        if f64::from(t) < threshold {
            return None;
        }
        let exponent = 1.0 / gamma;
        let bends = gamma > 0.0 && exponent.is_finite() && exponent.to_bits() != 1f64.to_bits();
        Some(if bends { f64::from(t).powf(exponent) as f32 } else { t })
    }

    /// The colour of a heat.
    fn colour(&self, t: f32) -> [u8; 3] {
        self.colours.colour(if self.look.invert { 1.0 - t } else { t })
    }

    fn draw(&self, picture: &mut Picture, map: &Map, amount: f32) {
        let drawing = Drawing { colours: self.colours, ..Drawing::default() };
        spectrum::draw(picture, map, &[], amount, &drawing, self.look.invert);
    }
}

/// The map as a picture of a given size. Values below the threshold are dark, as is a map without values.
pub fn alone(map: &Map, width: usize, height: usize, shown: &Shown) -> Picture {
    if !map.is_whole() || width == 0 || height == 0 {
        return Picture::black(width, height);
    }
    if map.is_spectrum() {
        let mut picture = Picture::filled(width, height, shown.colour(0.0));
        shown.draw(&mut picture, map, 1.0);
        return picture;
    }
    let heat = heat(map, width, height, shown).into_iter();
    let rgb = heat.flat_map(|t| shown.heat(t).map_or([0; 3], |t| shown.colour(t))).collect();
    Picture { width, height, rgb }
}

/// The map over a picture. `amount` (0 to 1) is the cover of hot places. Cold places let the picture through, somewhat darker.
///
/// The picture is unchanged at 0, under a map without values, and below the threshold.
pub fn over(below: &Picture, map: &Map, amount: f32, shown: &Shown) -> Picture {
    let mut picture = below.clone();
    if !map.is_whole() || !below.is_whole() {
        return picture;
    }
    if map.is_spectrum() {
        shown.draw(&mut picture, map, amount);
        return picture;
    }
    let heat = heat(map, picture.width, picture.height, shown);
    for (pixel, t) in picture.rgb.as_chunks_mut::<3>().0.iter_mut().zip(heat) {
        let Some(t) = shown.heat(t) else { continue };
        let covered = amount * t;
        let light = 1.0 - amount * SHADE * (1.0 - t);
        for (under, top) in pixel.iter_mut().zip(shown.colour(t)) {
            let shaded = f32::from(*under) * light;
            *under = byte(shaded + (f32::from(top) - shaded) * covered);
        }
    }
    picture
}

/// The map from 0, its coldest, to 1, its hottest, in the size of a picture.
fn heat(map: &Map, width: usize, height: usize, shown: &Shown) -> Vec<f32> {
    let values = normalised(&map.values, shown.range);
    let heat = scale::resample(&values, 1, (map.width, map.height), (width, height), shown.look.scale);
    heat.into_iter().map(|t| t.clamp(0.0, 1.0)).collect()
}

/// Values from 0, the lower end of the range, to 1, the upper one. Without a range, from the smallest to the largest,
/// or less if they hardly differ. NaN and infinities count as the smallest.
pub(super) fn normalised(values: &[f32], range: Range) -> Vec<f32> {
    // In f64, where the range of any two f32 is finite.
    let (low, size) = if let Some((low, high)) = range {
        (low, high - low)
    } else {
        let finite = || values.iter().map(|&x| f64::from(x)).filter(|x| x.is_finite());
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        (low, (high - low).max(EVEN * high.abs().max(low.abs())))
    };
    // Written so that a map of zeros, or of nothing finite, is cold throughout.
    let share = |x: f64| if x.is_finite() && size > 0.0 { ((x - low) / size).clamp(0.0, 1.0) } else { 0.0 };
    values.iter().map(|&x| share(f64::from(x)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::program::source::Scale;

    use super::*;

    fn grid(width: usize, height: usize, value: impl Fn(usize, usize) -> f32) -> Map {
        let values = (0..width * height).map(|i| value(i % width, i / width)).collect();
        Map { width, height, values }
    }

    fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        let start = (y * picture.width + x) * 3;
        picture.rgb[start..start + 3].try_into().expect("three")
    }

    /// Attention shares are tiny. The hottest cell is still at the hot end, and over its own part of the picture.
    #[test]
    fn the_hot_cell_lies_over_its_place() {
        let map = grid(13, 7, |x, y| if (x, y) == (9, 2) { 4e-4 } else { 1e-5 });
        let picture = alone(&map, 208, 112, &ColourMap::Inferno.into());
        let brightest = (0..208 * 112)
            .max_by_key(|&i| pixel(&picture, i % 208, i / 208).map(u32::from).iter().sum::<u32>())
            .expect("not empty");
        let (x, y) = (brightest % 208, brightest / 208);
        // Cells are 16 pixels wide: the centre of cell (9, 2) is between pixels 151 and 152, 39 and 40.
        assert!((151..=152).contains(&x) && (39..=40).contains(&y), "the hottest pixel is at {x}, {y}");
        let top = pixel(&picture, x, y);
        assert!(top.iter().zip(ColourMap::Inferno.colour(1.0)).all(|(&a, b)| a.abs_diff(b) <= 6), "{top:?}");
        assert_eq!(pixel(&picture, 10, 100), ColourMap::Inferno.colour(0.0));
    }

    #[test]
    fn an_even_map_is_dark_and_its_rounding_stays_so() {
        assert_eq!(
            alone(&grid(6, 4, |_, _| 0.002), 60, 40, &ColourMap::Magma.into()),
            Picture::filled(60, 40, [0, 0, 4]),
            "even"
        );
        // bf16 keeps 8 bits: values that should be the same differ by up to 1/256.
        let noisy = grid(6, 4, |x, y| 0.002 * (1.0 + ((x * 7 + y * 5) % 3) as f32 / 512.0));
        let brightest = alone(&noisy, 60, 40, &ColourMap::Grey.into()).rgb.into_iter().max();
        assert!(brightest < Some(16), "{brightest:?}");
        // A map with a real difference uses the whole range.
        assert_eq!(normalised(&[0.5, 1.0, 0.75], None), [0.0, 1.0, 0.5]);
        assert_eq!(normalised(&[0.5, 1.0, 0.75, -1.0, 9.0], Some((0.0, 2.0))), [0.25, 0.5, 0.375, 0.0, 1.0]);
        for nothing in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0)] {
            assert_eq!(normalised(&[0.5, 1.5], Some(nothing)), [0.0; 2]);
        }
    }

    /// By the definition, at the middle of cells, where the cubic filter gives the cell itself.
    #[test]
    fn the_overlay_covers_by_its_heat() {
        let map = grid(3, 1, |x, _| [0.0, 0.5, 1.0][x]);
        let map = Map { height: 3, values: map.values.repeat(3), ..map };
        let below = Picture::filled(33, 33, [0, 200, 40]);
        let over = over(&below, &map, 0.8, &ColourMap::Viridis.into());
        // Cold: nothing covered, 0.8 × 35 % darker. Half: 0.8 × 0.5 covered, 14 % darker. Hot: 0.8 covered.
        assert_eq!(pixel(&over, 5, 16), [0, 144, 29]);
        let half = ColourMap::Viridis.colour(0.5).map(f32::from);
        let half = [0.4 * half[0], 0.6 * 172.0 + 0.4 * half[1], 0.6 * 34.4 + 0.4 * half[2]].map(|x| x.round() as u8);
        assert_eq!(pixel(&over, 16, 16), half);
        assert_eq!(pixel(&over, 27, 16), [202, 225, 38].map(|x: u8| x), "0.8 × (253, 231, 37) + 0.2 × (0, 200, 40)");
    }

    #[test]
    fn at_zero_and_without_values_the_picture_is_as_it_was() {
        let below = Picture::filled(12, 9, [1, 99, 254]);
        let hot = grid(4, 3, |x, y| (x + y) as f32);
        assert_eq!(over(&below, &hot, 0.0, &ColourMap::Inferno.into()), below);
        for broken in [Map::default(), Map { width: 5, ..hot.clone() }, Map { width: usize::MAX, ..hot }] {
            assert_eq!(over(&below, &broken, 1.0, &ColourMap::Inferno.into()), below);
            assert_eq!(alone(&broken, 12, 9, &ColourMap::Inferno.into()), Picture::black(12, 9));
        }
    }

    #[test]
    fn what_is_no_number_is_cold() {
        assert_eq!(normalised(&[f32::NAN, 2.0, 4.0, f32::INFINITY], None), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(normalised(&[f32::NAN; 2], None), [0.0; 2]);
        assert_eq!(normalised(&[f32::MIN, f32::MAX], None), [0.0, 1.0]);
    }

    /// The greys of a map of one column, from 0 at the top to 1 at the bottom.
    fn greys(look: Look) -> Vec<u8> {
        let ramp = grid(2, 101, |_, y| y as f32 / 100.0);
        let shown = Shown { colours: ColourMap::Grey, range: Some((0.0, 1.0)), look };
        let picture = alone(&ramp, 2, 101, &shown);
        (0..101).map(|y| pixel(&picture, 0, y)[0]).collect()
    }

    #[test]
    fn gamma_invert_and_threshold_follow_their_definitions() {
        for gamma in [0.25, 0.5, 1.0, 1.8, 4.0] {
            let plain = greys(Look { gamma, ..Look::default() });
            let inverted = greys(Look { gamma, invert: true, ..Look::default() });
            let cut = greys(Look { gamma, threshold: 0.405, ..Look::default() });
            assert!(plain.is_sorted() && (plain[0], plain[100]) == (0, 255), "{gamma}: the ends stay");
            for y in 0..101_u8 {
                let t = f64::from(y) / 100.0;
                let wanted = 255.0 * (t.ln() / gamma).exp();
                let (got, at) = (plain[usize::from(y)], format!("gamma {gamma} at {t}"));
                assert!((f64::from(got) - wanted).abs() <= 0.501, "{at}: {got} is not {wanted}");
                assert!(inverted[usize::from(y)].abs_diff(255 - got) <= 1, "{at}, inverted");
                assert_eq!(cut[usize::from(y)], if y > 40 { got } else { 0 }, "{at}, cut");
            }
        }
        assert!(greys(Look { gamma: 2.0, ..Look::default() })[25] > greys(Look::default())[25], "above 1 lifts");
        for gamma in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320] {
            let bent = greys(Look { gamma, ..Look::default() });
            assert!(bent.is_sorted() || gamma.is_nan(), "{gamma}");
        }
    }

    #[test]
    fn below_the_threshold_the_picture_is_as_it_was_and_above_as_without() {
        let map = grid(9, 7, |x, y| (x * y) as f32);
        let below = Picture { width: 40, height: 30, rgb: (0..3600).map(|i| (i * 7 % 256) as u8).collect() };
        let shown = |threshold| Shown { look: Look { threshold, ..Look::default() }, ..Shown::default() };
        let whole = over(&below, &map, 0.7, &shown(0.0));
        let mut before = usize::MAX;
        for threshold in [0.0, 0.2, 0.5, 0.9, 1.0] {
            let cut = over(&below, &map, 0.7, &shown(threshold));
            let heat = heat(&map, 40, 30, &shown(threshold));
            for (i, heat) in heat.into_iter().enumerate() {
                let wanted = if f64::from(heat) < threshold { &below } else { &whole };
                assert_eq!(cut.rgb[3 * i..3 * i + 3], wanted.rgb[3 * i..3 * i + 3], "{threshold} at {i}");
            }
            let covered = cut.rgb.iter().zip(&below.rgb).filter(|(a, b)| a != b).count();
            assert!(covered <= before, "a higher threshold covers less");
            before = covered;
        }
    }

    #[test]
    fn every_scale_stays_within_the_range_and_nearest_makes_blocks() {
        let map = grid(5, 4, |x, y| ((x * 7 + y * 3) % 5) as f32);
        for scale in [Scale::Nearest, Scale::Bilinear, Scale::Bicubic] {
            let shown = Shown { look: Look { scale, ..Look::default() }, ..Shown::default() };
            for size in [(5, 4), (50, 40), (37, 41), (3, 2), (1, 1)] {
                let heat = heat(&map, size.0, size.1, &shown);
                assert!(heat.len() == size.0 * size.1 && heat.iter().all(|t| (0.0..=1.0).contains(t)), "{scale:?}");
            }
        }
        let shown = Shown { look: Look { scale: Scale::Nearest, ..Look::default() }, ..Shown::default() };
        let blocks = alone(&map, 50, 40, &shown);
        let wanted = |x: usize, y: usize| ColourMap::Inferno.colour(((x * 7 + y * 3) % 5) as f32 / 4.0);
        assert!((0..2000).all(|i| pixel(&blocks, i % 50, i / 50) == wanted(i % 50 / 10, i / 50 / 10)));
    }
}
