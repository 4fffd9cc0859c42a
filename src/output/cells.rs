//! Pictures and maps at the small size of another device.

use bendrack_nodes::program::cells::{Cells, Pixels, Tones};
use bendrack_nodes::program::source::{Fit, Scale, Source};

use crate::media::{Map, Picture};
use crate::output::Scene;
use crate::output::heatmap::normalised;
use crate::output::scale::{covering, fitted, resample, scaled};

/// The numbers of cells. A map without a measurement, and a size without cells, are dark.
pub fn pixels(scene: &Scene<'_>, cells: &Cells) -> Pixels {
    let (width, height) = (usize::from(cells.width), usize::from(cells.height));
    if cells.tones != Tones::Rgb
        && let Source::Tap(tap) = &*cells.source
    {
        let map = scene.taps.get(tap).filter(|map| map.is_whole() && width > 0 && height > 0);
        return Pixels::Grey(
            map.map_or_else(|| vec![0.0; width * height], |map| measured(map, cells.tones, (width, height))),
        );
    }
    let picture = scene.compose(&cells.source);
    let picture = match cells.fit {
        Fit::Contain => fitted(&picture, width, height),
        Fit::Cover => covering(&picture, width, height),
        Fit::Stretch => scaled(&picture, width, height),
    };
    match cells.tones {
        Tones::Rgb => Pixels::Rgb(picture.into_owned().rgb),
        Tones::Grey | Tones::Raw => Pixels::Grey(brightness(&picture)),
    }
}

/// The values of a map in another size: as they are, or from 0 to 1.
fn measured(map: &Map, tones: Tones, size: (usize, usize)) -> Vec<f32> {
    let finite = |x: &f32| if x.is_finite() { *x } else { 0.0 };
    let (values, least, most) = match tones {
        Tones::Raw => {
            let values: Vec<f32> = map.values.iter().map(finite).collect();
            let (least, most) =
                values.iter().fold((f32::MAX, f32::MIN), |(least, most), x| (least.min(*x), most.max(*x)));
            (values, least, most)
        }
        Tones::Grey | Tones::Rgb => (normalised(&map.values, None), 0.0, 1.0),
    };
    // A cubic overshoots next to sharp edges.
    let resampled = resample(&values, 1, (map.width, map.height), size, Scale::Bicubic);
    resampled.into_iter().map(|x| x.clamp(least, most)).collect()
}

/// The brightness of each pixel, by Rec. 709.
fn brightness(picture: &Picture) -> Vec<f32> {
    let luma = |[red, green, blue]: &[u8; 3]| {
        (0.2126 * f32::from(*red) + 0.7152 * f32::from(*green) + 0.0722 * f32::from(*blue)) / 255.0
    };
    picture.rgb.as_chunks::<3>().0.iter().map(luma).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::output::past::Peaks;

    fn rendered(source: &Source, size: (u16, u16), tones: Tones) -> Pixels {
        // Left half red, right half white.
        let rgb = (0..128).flat_map(|i| if i % 16 < 8 { [255, 0, 0] } else { [255; 3] }).collect();
        let model = Arc::new(Picture { width: 16, height: 8, rgb });
        let map = |values: Vec<f32>| Map { width: 2, height: 2, values };
        let taps = BTreeMap::from([
            (Arc::from("map"), map(vec![0.1, 0.2, 0.2, 0.3])),
            (Arc::from("broken"), map(vec![f32::NAN, 1.0, f32::INFINITY, 2.0])),
        ]);
        let (nothing, peaks) = (BTreeMap::new(), Peaks::default());
        let scene = Scene { model: &model, taps: &taps, before: &nothing, part: 1.0, peaks: &peaks };
        let source = Arc::new(source.clone());
        pixels(&scene, &Cells { source, width: size.0, height: size.1, tones, fit: Fit::Stretch })
    }

    #[test]
    fn a_map_is_raw_or_spread_over_its_range() {
        let tap = Source::Tap("map".into());
        assert_eq!(rendered(&tap, (2, 2), Tones::Raw), Pixels::Grey(vec![0.1, 0.2, 0.2, 0.3]));
        let Pixels::Grey(grey) = rendered(&tap, (2, 2), Tones::Grey) else { panic!("greys") };
        assert!(grey.iter().zip([0.0, 0.5, 0.5, 1.0]).all(|(x, wanted)| (x - wanted).abs() < 1e-6), "{grey:?}");
        let Pixels::Grey(one) = rendered(&tap, (1, 1), Tones::Raw) else { panic!("greys") };
        assert!((one[0] - 0.2).abs() < 1e-6, "a cell is the mean of what it covers: {one:?}");
    }

    #[test]
    fn a_picture_has_colours_or_its_brightness() {
        let Pixels::Rgb(rgb) = rendered(&Source::Model, (4, 1), Tones::Rgb) else { panic!("colours") };
        assert_eq!((&rgb[..3], &rgb[9..]), (&[255, 0, 0][..], &[255; 3][..]));
        let Pixels::Grey(grey) = rendered(&Source::Model, (4, 1), Tones::Grey) else { panic!("greys") };
        assert!((grey[0] - 0.2126).abs() < 1e-6 && (grey[3] - 1.0).abs() < 1e-6, "{grey:?}");
    }

    #[test]
    fn what_is_missing_is_dark_and_every_number_finite() {
        assert_eq!(rendered(&Source::Tap("none".into()), (3, 2), Tones::Grey), Pixels::Grey(vec![0.0; 6]));
        assert_eq!(rendered(&Source::Model, (0, 2), Tones::Rgb), Pixels::Rgb(Vec::new()));
        for tones in [Tones::Raw, Tones::Grey] {
            let Pixels::Grey(grey) = rendered(&Source::Tap("broken".into()), (5, 3), tones) else { panic!("greys") };
            assert!(grey.len() == 15 && grey.iter().all(|x| x.is_finite() && (0.0..=2.0).contains(x)), "{grey:?}");
        }
    }
}
