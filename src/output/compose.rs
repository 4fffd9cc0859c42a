//! The picture that a patch shows, composed of the model's picture and the measurements of taps.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::program::source::{ColourMap, Drawing, Source};

use crate::media::{Map, Picture};
use crate::output::heatmap::Shown;
use crate::output::layout::{channels, composite, grid};
use crate::output::past::{Peaks, on_the_way};
use crate::output::{heatmap, spectrum};

/// Pictures within pictures, at most; what lies deeper is dark.
const DEPTH: usize = 128;

/// The parts of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The model's picture.
    pub model: &'a Arc<Picture>,
    /// Measurements of taps at its latent frame.
    pub taps: &'a BTreeMap<Arc<str>, Map>,
    /// Measurements at the latent frame before; empty at the first.
    pub before: &'a BTreeMap<Arc<str>, Map>,
    /// Fraction of the way from there, 1 at the last picture of a latent frame.
    pub part: f32,
    /// The peaks that spectra hold.
    pub peaks: &'a Peaks,
}

impl Scene<'_> {
    /// The picture that a source describes.
    ///
    /// Pictures of different sizes are fitted to one another. A tap without a measurement is a dark picture of the
    /// model's size, or leaves the picture below it unchanged. Composition never fails, so that a running show
    /// continues.
    pub fn compose(&self, source: &Source) -> Arc<Picture> {
        let model = if self.model.is_whole() { self.model.clone() } else { Arc::default() };
        Composer { model, scene: self, made: BTreeMap::new() }.picture(source, 0)
    }
}

/// The picture that a source describes, without an earlier latent frame: see [`Scene::compose`].
pub fn compose(source: &Source, model: &Arc<Picture>, taps: &BTreeMap<Arc<str>, Map>) -> Arc<Picture> {
    Scene { model, taps, before: &BTreeMap::new(), part: 1.0, peaks: &Peaks::default() }.compose(source)
}

struct Composer<'a> {
    model: Arc<Picture>,
    scene: &'a Scene<'a>,
    /// Finished pictures by the address of their source: a picture that is used twice is made once.
    made: BTreeMap<*const Source, Arc<Picture>>,
}

impl Composer<'_> {
    fn picture(&mut self, source: &Source, depth: usize) -> Arc<Picture> {
        if let Some(picture) = self.made.get(&std::ptr::from_ref(source)) {
            return picture.clone();
        }
        let mut part = |part: &Arc<Source>| self.picture(part, depth + 1);
        let picture = match source {
            _ if depth > DEPTH => self.black(),
            Source::Model => self.model.clone(),
            Source::Tap(_) => self.heatmap(source, None, 1.0, &Shown::default()),
            Source::Heatmap { map, below, amount, colours, range, look } => {
                let below = below.as_ref().map(part);
                let shown = Shown { colours: *colours, range: *range, look: *look };
                self.heatmap(map, below, share(*amount), &shown)
            }
            Source::Spectrum { node, map, below, amount, drawing } => {
                let below = below.as_ref().map(part);
                self.spectrum(node, map, below, share(*amount), drawing)
            }
            Source::Composite { a, b, layout, mix } => {
                let (a, b) = (part(a), part(b));
                composite(a, b, *layout, share(*mix))
            }
            Source::Grid { pictures, columns, gap, fit } => {
                let pictures: Vec<_> = pictures.iter().flatten().map(part).collect();
                Arc::new(grid(&pictures, *columns, *gap, *fit))
            }
            Source::Channels { red: None, green: None, blue: None } => self.black(),
            Source::Channels { red, green, blue } => {
                let channel =
                    |source: &Option<Arc<Source>>| source.as_ref().map(|source| self.light(source, depth + 1));
                Arc::new(channels(&[red, green, blue].map(channel)))
            }
        };
        self.made.insert(std::ptr::from_ref(source), picture.clone());
        picture
    }

    /// The content of a channel: a picture, or a measurement in greys.
    fn light(&mut self, source: &Source, depth: usize) -> Arc<Picture> {
        match source {
            Source::Tap(_) => self.heatmap(source, None, 1.0, &ColourMap::Grey.into()),
            _ => self.picture(source, depth),
        }
    }

    fn heatmap(&self, map: &Source, below: Option<Arc<Picture>>, amount: f32, shown: &Shown) -> Arc<Picture> {
        match (self.measured(map, shown.look.smooth), below) {
            (Some(map), Some(below)) => Arc::new(heatmap::over(&below, &map, amount, shown)),
            (Some(map), None) => Arc::new(heatmap::alone(&map, self.model.width, self.model.height, shown)),
            (None, Some(below)) => below,
            (None, None) => self.black(),
        }
    }

    fn spectrum(
        &self,
        node: &str,
        map: &Source,
        below: Option<Arc<Picture>>,
        amount: f32,
        drawing: &Drawing,
    ) -> Arc<Picture> {
        let Some(map) = self.measured(map, false).filter(|map| map.is_whole()) else {
            return below.unwrap_or_else(|| self.black());
        };
        let mut picture = match below {
            Some(below) => (*below).clone(),
            None => Picture::filled(self.model.width, self.model.height, drawing.colours.colour(0.0)),
        };
        let held = if drawing.decay > 0.0 { self.scene.peaks.of(node) } else { &[] };
        spectrum::draw(&mut picture, &map, held, amount, drawing, false);
        Arc::new(picture)
    }

    /// The measurement of a tap, interpolated from the one before. Only taps have cables to the inputs of maps; another
    /// source has no measurement.
    fn measured(&self, map: &Source, on_its_way: bool) -> Option<Cow<'_, Map>> {
        let Source::Tap(tap) = map else { return None };
        let now = self.scene.taps.get(tap)?;
        let before = self.scene.before.get(tap).filter(|_| on_its_way);
        Some(on_the_way(before, now, self.scene.part))
    }

    fn black(&self) -> Arc<Picture> {
        Arc::new(Picture::black(self.model.width, self.model.height))
    }
}

/// A knob's value as a share of 0 to 1; NaN is 0.
fn share(value: f64) -> f32 {
    #[expect(clippy::manual_clamp, reason = "clamp would keep NaN")]
    let share = value.max(0.0).min(1.0);
    share as f32
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::choice::Choice;
    use bendrack_nodes::program::source::{Fit, Heights, Layout, Look, MOST_IN_GRID, Scale, Shape};
    use proptest::prelude::*;

    use super::*;
    use crate::output::layout::LARGEST;

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
        let (colours, look) = (ColourMap::Viridis, Look::default());
        Arc::new(Source::Heatmap { map: tap(map), below, amount: 0.5, colours, range: None, look })
    }

    fn composite(a: Arc<Source>, b: Arc<Source>, layout: Layout, mix: f64) -> Arc<Source> {
        Arc::new(Source::Composite { a, b, layout, mix })
    }

    fn pixel(picture: &Picture, x: usize, y: usize) -> &[u8] {
        &picture.rgb[(y * picture.width + x) * 3..][..3]
    }

    #[test]
    #[ignore = "measures time"]
    fn time_of_a_picture() {
        let colours = |i: usize| [(i % 251) as u8, (i % 13) as u8 * 19, (i % 7) as u8 * 36];
        let rgb = (0..832 * 480).flat_map(colours).collect();
        let model = Arc::new(Picture { width: 832, height: 480, rgb });
        let map = Map { width: 52, height: 30, values: (0..1560).map(|i| (i % 97) as f32).collect() };
        let taps = BTreeMap::from([("grid".into(), map)]);
        let over = heatmap("grid", Some(Source::Model.into()));
        let beside = composite(Source::Model.into(), over.clone(), Layout::Beside, 0.0);
        for (name, source) in [("heatmap over the model", over), ("beside the model", beside)] {
            let begin = std::time::Instant::now();
            for _ in 0..100 {
                std::hint::black_box(compose(&source, &model, &taps));
            }
            println!("{name}, 832×480: {:.2} ms", begin.elapsed().as_secs_f64() * 10.0);
        }
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
        assert_eq!(*compose(&same, &model(), &taps()), Picture::black(40, 24));
    }

    #[test]
    fn what_is_not_measured_is_dark_or_lets_through() {
        for missing in ["not measured", "empty"] {
            assert_eq!(*compose(&tap(missing), &model(), &taps()), Picture::black(40, 24), "{missing}");
            assert_eq!(*compose(&heatmap(missing, None), &model(), &taps()), Picture::black(40, 24), "{missing}");
            assert_eq!(compose(&heatmap(missing, Some(Source::Model.into())), &model(), &taps()), model(), "{missing}");
        }
    }

    /// Each compositor doubles the last. Without a limit, the fiftieth would have 10¹⁸ pixels. Without a memory of finished parts, it
    /// would take as long.
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
        leaf.prop_recursive(5, 24, 3, |inner| {
            let number = || prop_oneof![0.0..=1.0, Just(f64::NAN), Just(-3.0), Just(f64::INFINITY)];
            let colours = || prop::sample::select(ColourMap::ALL);
            let below = || prop::option::of(inner.clone());
            let scale = prop::sample::select(vec![Scale::Nearest, Scale::Bilinear, Scale::Bicubic]);
            let look = (any::<bool>(), number(), number(), scale, any::<bool>());
            let look = look.prop_map(|(invert, gamma, threshold, scale, smooth)| Look {
                invert,
                gamma,
                threshold,
                scale,
                smooth,
            });
            let heatmap = (inner.clone(), below(), number(), colours(), look);
            let shape = prop::sample::select(vec![Shape::Bars, Shape::Line]);
            let heights = prop::sample::select(vec![Heights::Linear, Heights::Root, Heights::Decibel]);
            let counts = (0_usize..20, prop_oneof![0_usize..20, Just(usize::MAX)], 0_usize..50);
            let drawing = (colours(), shape, heights, (number(), number(), number()), any::<bool>(), counts).prop_map(
                |(colours, shape, heights, (floor, gain, decay), normalise, (first, last, bands))| Drawing {
                    colours,
                    shape,
                    heights,
                    floor,
                    gain,
                    normalise,
                    first,
                    last,
                    bands,
                    decay,
                },
            );
            let composite = (inner.clone(), inner.clone(), prop::sample::select(Layout::ALL), number());
            let fit = prop::sample::select(vec![Fit::Contain, Fit::Cover, Fit::Stretch]);
            let cells = prop::collection::vec(inner.clone(), 1..=MOST_IN_GRID);
            prop_oneof![
                (heatmap, prop::option::of((number(), number()))).prop_map(
                    |((map, below, amount, colours, look), range)| {
                        Source::Heatmap { map, below, amount, colours, range, look }.into()
                    }
                ),
                (inner.clone(), below(), number(), drawing).prop_map(|(map, below, amount, drawing)| {
                    Source::Spectrum { node: "it".into(), map, below, amount, drawing }.into()
                }),
                composite.prop_map(|(a, b, layout, mix)| Source::Composite { a, b, layout, mix }.into()),
                (cells, 0_usize..12, 0_usize..300, fit).prop_map(|(cells, columns, gap, fit)| {
                    let mut pictures = [const { None }; MOST_IN_GRID];
                    pictures.iter_mut().zip(cells).for_each(|(place, cell)| *place = Some(cell));
                    Source::Grid { pictures, columns, gap, fit }.into()
                }),
                (below(), below(), below()).prop_map(|(red, green, blue)| Source::Channels { red, green, blue }.into()),
            ]
        })
    }

    /// A map over four pictures of a latent frame: a quarter, a half, three quarters of the way, and there.
    #[test]
    fn a_heatmap_in_time_moves_over_the_pictures_of_a_latent_frame() {
        let model = Arc::new(Picture::filled(3, 3, [0; 3]));
        let map = |value: f32| BTreeMap::from([("t".into(), Map { width: 3, height: 3, values: vec![value; 9] })]);
        let (before, now, nothing) = (map(0.2), map(1.0), BTreeMap::new());
        let shown = |time, before: &BTreeMap<Arc<str>, Map>, part| {
            let (colours, look) = (ColourMap::Grey, Look { smooth: time, ..Look::default() });
            let source =
                Source::Heatmap { map: tap("t"), below: None, amount: 1.0, colours, range: Some((0.0, 1.0)), look };
            let scene = Scene { model: &model, taps: &now, before, part, peaks: &Peaks::default() };
            scene.compose(&source).rgb[0]
        };
        let over = |time, before| [0.25, 0.5, 0.75, 1.0].map(|part| shown(time, before, part));
        assert_eq!(over(true, &before), [0.4, 0.6, 0.8, 1.0].map(|t: f32| (t * 255.0).round() as u8));
        assert_eq!(over(false, &before), [255; 4], "it steps");
        assert_eq!(over(true, &nothing), [255; 4], "the first has nothing before it");
    }

    #[test]
    fn a_spectrum_lies_over_what_is_below_it_and_alone_on_its_coldest_colour() {
        let spectrum = |map: &str, below, amount| {
            let drawing = Drawing { colours: ColourMap::Viridis, ..Drawing::default() };
            compose(&Source::Spectrum { node: "s".into(), map: tap(map), below, amount, drawing }, &model(), &taps())
        };
        let below = || Some(Arc::new(Source::Model));
        let alone = spectrum("row", None, 1.0);
        assert_eq!((alone.width, alone.height, pixel(&alone, 0, 0)), (40, 24, &[68, 1, 84][..]));
        assert_eq!(pixel(&spectrum("row", below(), 1.0), 0, 0), [200, 100, 50]);
        assert_ne!(pixel(&spectrum("row", below(), 1.0), 37, 20), [200, 100, 50]);
        assert_eq!(spectrum("row", below(), 0.0), model());
        assert_eq!(*spectrum("missing", None, 1.0), Picture::black(40, 24));
        assert_eq!(spectrum("missing", below(), 1.0), model());
    }

    #[test]
    fn the_channels_of_maps_are_their_heat() {
        let maps = Source::Channels { red: Some(tap("grid")), green: None, blue: Some(tap("missing")) };
        let picture = compose(&maps, &model(), &taps());
        assert_eq!((pixel(&picture, 0, 0), pixel(&picture, 39, 23)), (&[0, 0, 0][..], &[255, 0, 0][..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Any patch, sizes and measurements compose to a whole picture.
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
