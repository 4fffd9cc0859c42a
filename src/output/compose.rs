//! What a patch shows, made of the model's picture and of what the taps measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::program::{ColourMap, Layout, Source};

use crate::output::scale::{fitted, paste, scaled};
use crate::output::{Map, Picture, heatmap};

/// Dark pixels between two pictures.
const GAP: usize = 4;

/// The longer and the shorter side of the largest picture; larger ones are scaled down. It is what H.264 files hold, and
/// keeps a chain of compositors, each doubling the last, from filling the memory.
const LARGEST: (usize, usize) = (3840, 2160);

/// Pictures within pictures, at most; what lies deeper is dark.
const DEPTH: usize = 128;

/// The picture that a source describes.
///
/// Pictures of different sizes are fitted to one another. A tap that has not been measured yet is a dark picture of the
/// model's size, or leaves the picture below it as it is. Nothing of this fails: a show goes on.
pub fn compose(source: &Source, model: &Arc<Picture>, taps: &BTreeMap<Arc<str>, Map>) -> Arc<Picture> {
    let model = if model.is_whole() { model.clone() } else { Arc::default() };
    Composer { model, taps, made: BTreeMap::new() }.picture(source, 0)
}

struct Composer<'a> {
    model: Arc<Picture>,
    taps: &'a BTreeMap<Arc<str>, Map>,
    /// What was made already, by the address of its source: a picture that is used twice is made once.
    made: BTreeMap<*const Source, Arc<Picture>>,
}

impl Composer<'_> {
    fn picture(&mut self, source: &Source, depth: usize) -> Arc<Picture> {
        if let Some(picture) = self.made.get(&std::ptr::from_ref(source)) {
            return picture.clone();
        }
        let picture = match source {
            _ if depth > DEPTH => self.dark(),
            Source::Model => self.model.clone(),
            Source::Tap(_) => self.heatmap(source, None, 1.0, ColourMap::default(), None),
            Source::Heatmap { map, below, amount, colours, range } => {
                let below = below.as_ref().map(|below| self.picture(below, depth + 1));
                self.heatmap(map, below, share(*amount), *colours, *range)
            }
            Source::Composite { a, b, layout, mix } => {
                let (a, b) = (self.picture(a, depth + 1), self.picture(b, depth + 1));
                composite(a, b, *layout, share(*mix))
            }
        };
        self.made.insert(std::ptr::from_ref(source), picture.clone());
        picture
    }

    fn heatmap(
        &self,
        map: &Source,
        below: Option<Arc<Picture>>,
        amount: f32,
        colours: ColourMap,
        range: Option<(f64, f64)>,
    ) -> Arc<Picture> {
        // Only taps are wired to heatmaps; another source has no measurement.
        let map = if let Source::Tap(tap) = map { self.taps.get(tap) } else { None };
        match (map, below) {
            (Some(map), Some(below)) => Arc::new(heatmap::over(&below, map, amount, colours, range)),
            (Some(map), None) => Arc::new(heatmap::alone(map, self.model.width, self.model.height, colours, range)),
            (None, Some(below)) => below,
            (None, None) => self.dark(),
        }
    }

    fn dark(&self) -> Arc<Picture> {
        Arc::new(Picture::dark(self.model.width, self.model.height))
    }
}

/// A knob's value as a share of 0 to 1; NaN is 0.
fn share(value: f64) -> f32 {
    #[expect(clippy::manual_clamp, reason = "clamp would keep NaN")]
    let share = value.max(0.0).min(1.0);
    share as f32
}

/// Two pictures in one; if one of them has no pixels, the other.
fn composite(a: Arc<Picture>, b: Arc<Picture>, layout: Layout, mix: f32) -> Arc<Picture> {
    if !a.is_whole() || !b.is_whole() {
        return if a.is_whole() { a } else { b };
    }
    Arc::new(match layout {
        Layout::Beside => beside(&a, &b),
        Layout::Above => above(&a, &b),
        Layout::Mix => pixel_by_pixel(&a, &b, |a, b| mixed(a, b, mix)),
        Layout::Difference => pixel_by_pixel(&a, &b, u8::abs_diff),
    })
}

/// Side by side, as high as the higher one.
fn beside(a: &Picture, b: &Picture) -> Picture {
    let height = a.height.max(b.height) as f64;
    let width = |picture: &Picture| picture.width as f64 * height / picture.height as f64;
    let scale = room(width(a) + width(b), height);
    let height = side(height * scale);
    let (a, b) = (scaled(a, side(width(a) * scale), height), scaled(b, side(width(b) * scale), height));
    let mut both = Picture::dark(a.width + GAP + b.width, height);
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
    let mut both = Picture::dark(width, a.height + GAP + b.height);
    paste(&mut both, &a, 0, 0);
    paste(&mut both, &b, 0, a.height + GAP);
    both
}

/// How much smaller two pictures must be for both and the gap to fit into the largest picture, at most 1.
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
fn pixel_by_pixel(a: &Picture, b: &Picture, byte: impl Fn(u8, u8) -> u8) -> Picture {
    let b = fitted(b, a.width, a.height);
    Picture { rgb: a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| byte(a, b)).collect(), ..*a }
}

fn mixed(a: u8, b: u8, mix: f32) -> u8 {
    (f32::from(a) + (f32::from(b) - f32::from(a)) * mix).round() as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model() -> Arc<Picture> {
        Arc::new(Picture::filled(40, 24, [200, 100, 50]))
    }

    fn taps() -> BTreeMap<Arc<str>, Map> {
        let row = Map { width: 100, height: 1, values: (0..100).map(|i| i as f32).collect() };
        let grid = Map { width: 5, height: 3, values: (0..15).map(|i| i as f32 * 1e-4).collect() };
        BTreeMap::from([("grid".into(), grid), ("row".into(), row), ("empty".into(), Map::default())])
    }

    fn tap(name: &str) -> Arc<Source> {
        Arc::new(Source::Tap(name.into()))
    }

    fn heatmap(map: &str, below: Option<Arc<Source>>) -> Arc<Source> {
        Arc::new(Source::Heatmap { map: tap(map), below, amount: 0.5, colours: ColourMap::Viridis, range: None })
    }

    fn composite(a: Arc<Source>, b: Arc<Source>, layout: Layout, mix: f64) -> Arc<Source> {
        Arc::new(Source::Composite { a, b, layout, mix })
    }

    fn pixel(picture: &Picture, x: usize, y: usize) -> &[u8] {
        &picture.rgb[(y * picture.width + x) * 3..][..3]
    }

    #[test]
    fn the_model_is_not_copied() {
        let model = model();
        assert!(Arc::ptr_eq(&compose(&Source::Model, &model, &taps()), &model));
    }

    #[test]
    fn side_by_side_has_a_gap() {
        let both = composite(Source::Model.into(), tap("grid"), Layout::Beside, 0.0);
        let both = compose(&both, &model(), &taps());
        assert_eq!((both.width, both.height), (84, 24));
        assert_eq!(pixel(&both, 39, 23), [200, 100, 50]);
        assert!((40..44).all(|x| pixel(&both, x, 12) == [0; 3]));
        assert_eq!(pixel(&both, 83, 23), [252, 255, 164], "the last cell is the hottest");
    }

    /// 84 × 24 above 40 × 24: the lower is scaled to 84 × 50.4.
    #[test]
    fn different_sizes_meet() {
        let wide = composite(Source::Model.into(), Source::Model.into(), Layout::Beside, 0.0);
        let both = compose(&composite(wide.clone(), Source::Model.into(), Layout::Above, 0.0), &model(), &taps());
        assert_eq!((both.width, both.height), (84, 24 + 4 + 50));
        assert!((24..28).all(|y| pixel(&both, 60, y) == [0; 3]));
        assert_eq!(pixel(&both, 83, 77), [200, 100, 50]);
        // Mixed, the second is fitted into the first: 40 × 11 in the middle of 40 × 24.
        let mix = compose(&composite(Source::Model.into(), wide, Layout::Mix, 0.25), &model(), &taps());
        assert_eq!((mix.width, mix.height), (40, 24));
        assert_eq!(pixel(&mix, 10, 0), [150, 75, 38], "a quarter darker, where the second has nothing");
        assert_eq!(pixel(&mix, 10, 12), [200, 100, 50]);
    }

    #[test]
    fn the_difference_is_absolute() {
        let dark = tap("not measured");
        for (a, b) in [(Source::Model.into(), dark.clone()), (dark, Source::Model.into())] {
            assert_eq!(compose(&composite(a, b, Layout::Difference, 0.0), &model(), &taps()), model());
        }
        let same = composite(Source::Model.into(), Source::Model.into(), Layout::Difference, 0.0);
        assert_eq!(*compose(&same, &model(), &taps()), Picture::dark(40, 24));
    }

    #[test]
    fn what_is_not_measured_is_dark_or_lets_through() {
        for missing in ["not measured", "empty"] {
            assert_eq!(*compose(&tap(missing), &model(), &taps()), Picture::dark(40, 24), "{missing}");
            assert_eq!(*compose(&heatmap(missing, None), &model(), &taps()), Picture::dark(40, 24), "{missing}");
            assert_eq!(compose(&heatmap(missing, Some(Source::Model.into())), &model(), &taps()), model(), "{missing}");
        }
    }

    /// Each compositor doubles the last: without a limit the fiftieth would have 10¹⁸ pixels, and without memory of what
    /// was made it would take as long.
    #[test]
    fn a_chain_of_compositors_stays_small() {
        let small = Arc::new(Picture::filled(16, 9, [255; 3]));
        let mut source: Arc<Source> = Source::Model.into();
        for link in 0..50 {
            let layout = [Layout::Beside, Layout::Beside, Layout::Above][link % 3];
            source = composite(source.clone(), source, layout, 0.5);
        }
        let picture = compose(&source, &small, &taps());
        let (long, short) = (picture.width.max(picture.height), picture.width.min(picture.height));
        assert!(long <= LARGEST.0 && short <= LARGEST.1 && picture.is_whole(), "{long} × {short}");
    }

    #[test]
    fn a_deep_patch_ends() {
        let mut source: Arc<Source> = Source::Model.into();
        for _ in 0..2000 {
            source = composite(source, Source::Model.into(), Layout::Mix, 0.5);
        }
        assert!(compose(&source, &Arc::new(Picture::filled(2, 2, [8; 3])), &taps()).is_whole());
    }

    fn any_source() -> impl Strategy<Value = Arc<Source>> {
        let tapped = prop::sample::select(vec!["grid", "row", "empty", "broken", "missing"]);
        let leaf = prop_oneof![Just(Arc::new(Source::Model)), tapped.prop_map(tap)];
        leaf.prop_recursive(5, 24, 2, |inner| {
            let number = || prop_oneof![0.0..=1.0, Just(f64::NAN), Just(-3.0), Just(f64::INFINITY)];
            let colours = vec![ColourMap::Inferno, ColourMap::Viridis, ColourMap::Magma, ColourMap::Grey];
            let layouts = vec![Layout::Beside, Layout::Above, Layout::Mix, Layout::Difference];
            let heatmap = (inner.clone(), prop::option::of(inner.clone()), number(), prop::sample::select(colours));
            let composite = (inner.clone(), inner, prop::sample::select(layouts), number());
            prop_oneof![
                (heatmap, prop::option::of((number(), number()))).prop_map(|((map, below, amount, colours), range)| {
                    Source::Heatmap { map, below, amount, colours, range }.into()
                }),
                composite.prop_map(|(a, b, layout, mix)| Source::Composite { a, b, layout, mix }.into()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever the patch, the sizes and the measurements: a picture, with as many pixels as it says.
        #[test]
        fn a_show_goes_on(
            source in any_source(),
            (width, height) in (0usize..40, 0usize..40),
            broken in (0usize..9, 0usize..9, prop::collection::vec(any::<f32>(), 0..30)),
        ) {
            let mut taps = taps();
            taps.insert("broken".into(), Map { width: broken.0, height: broken.1, values: broken.2 });
            let model = Arc::new(Picture::filled(width, height, [255, 0, 90]));
            let picture = compose(&source, &model, &taps);
            prop_assert_eq!(picture.is_whole(), width * height > 0);
            prop_assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
            prop_assert_eq!(&picture, &compose(&source, &model, &taps), "the same again");
            // A model picture that contradicts itself counts as none.
            let torn = Arc::new(Picture { width: usize::MAX, ..(*model).clone() });
            prop_assert!(!compose(&source, &torn, &taps).is_whole());
        }
    }
}
