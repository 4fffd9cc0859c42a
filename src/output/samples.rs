//! Samples of this module, for people to look at.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bendrack_nodes::program::source::{ColourMap, Layout, Look, Source};

use crate::media::{Map, Picture};
use crate::output::compose;
use crate::output::video::tests::record;

/// Writes samples of what this module makes: `cargo test --lib samples -- --ignored --nocapture`.
#[test]
#[ignore = "a person looks at what it writes"]
fn samples() {
    let folder = std::env::temp_dir().join("bendrack-samples");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, source) in sources() {
        let path = folder.join(format!("{name}/"));
        let _ = fs::remove_dir_all(&path);
        record(&path, 16.0, &[(*compose(&source, &scene(0.0), &measured(0.0))).clone()]);
    }
    for name in ["video.mp4", "video.gif", "video.apng"] {
        let source = Source::Composite {
            a: sources()["overlay"].clone(),
            b: sources()["spectrum"].clone(),
            layout: Layout::Beside,
            mix: 0.0,
        };
        let begun = std::time::Instant::now();
        let frames: Vec<Picture> =
            (0..48).map(|i| (*compose(&source, &scene(i as f32 / 48.0), &measured(i as f32 / 48.0))).clone()).collect();
        let composed = begun.elapsed();
        record(&folder.join(name), 16.0, &frames);
        println!("{name}: 48 pictures composed in {composed:?}, with recording {:?}", begun.elapsed());
    }
    println!("look at {}", folder.display());
}

/// A landscape with a sun that moves; grain as cameras have it.
fn scene(t: f32) -> Arc<Picture> {
    let (width, height) = (832, 480);
    let rgb = (0..width * height).flat_map(|i| {
        let (x, y) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
        let hill = 0.62 + 0.1 * (x * 5.0 + 0.6).sin() + 0.03 * (x * 17.0).sin();
        let far = ((x - 0.25 - 0.4 * t) * 1.73).hypot(y - 0.3 - 0.1 * t);
        let sun = ((0.09 - far) * 300.0).clamp(0.0, 1.0);
        let glow = (-far * 5.0).exp();
        let sky = [90.0 + 150.0 * glow, 120.0 + 80.0 * glow, 200.0 - 60.0 * glow];
        let ground = [40.0 + 50.0 * (1.0 - y), 100.0 - 60.0 * (y - hill), 45.0];
        let on = ((y - hill) * 240.0).clamp(0.0, 1.0);
        let grain = ((i as u32 ^ (t * 4096.0) as u32).wrapping_mul(2_654_435_761) >> 24) as f32 / 255.0 * 6.0 - 3.0;
        [0, 1, 2].map(|c| {
            let above = sky[c] + ([255.0, 236.0, 160.0][c] - sky[c]) * sun;
            (above + (ground[c] - above) * on + grain).round() as u8
        })
    });
    Arc::new(Picture { width, height, rgb: rgb.collect() })
}

/// Attention at the sun in the token grid of 832 × 480, neurons of a layer, and few of them.
fn measured(t: f32) -> BTreeMap<Arc<str>, Map> {
    let noise = |i: usize| {
        ((i as u32 + 77).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519) >> 16) as f32 / 65536.0
    };
    let (width, height) = (52, 30);
    let grid = (0..width * height).map(|i| {
        let (x, y) = (((i % width) as f32 + 0.5) / 52.0, ((i / width) as f32 + 0.5) / 30.0);
        let far = ((x - 0.25 - 0.4 * t) * 1.73).hypot(y - 0.3 - 0.1 * t);
        0.0004 + 0.004 * (-far * far * 40.0).exp() + 0.0006 * noise(i) + 0.001 * (-(y - 0.65).powi(2) * 80.0).exp()
    });
    let neurons = |count: usize| {
        let values = (0..count).map(|i| {
            0.05 * (1e-3 + noise(i)).ln().abs().powi(2) * (1.2 + (i as f32 / count as f32 * 9.0 + 6.0 * t).sin())
        });
        Map { width: count, height: 1, values: values.collect() }
    };
    BTreeMap::from([
        ("grid".into(), Map { width, height, values: grid.collect() }),
        ("many".into(), neurons(8960)),
        ("some".into(), neurons(512)),
        ("few".into(), neurons(24)),
    ])
}

fn sources() -> BTreeMap<&'static str, Arc<Source>> {
    let model = Arc::new(Source::Model);
    let heat = |tap: &str, below: Option<&Arc<Source>>, amount: f64, colours: ColourMap| {
        Arc::new(Source::Heatmap {
            map: Arc::new(Source::Tap(tap.into())),
            below: below.cloned(),
            amount,
            colours,
            range: None,
            look: Look::default(),
        })
    };
    let both = |a: &Arc<Source>, b: &Arc<Source>, layout: Layout| {
        Arc::new(Source::Composite { a: a.clone(), b: b.clone(), layout, mix: 0.5 })
    };
    let overlay = heat("grid", Some(&model), 0.6, ColourMap::Inferno);
    let alone = heat("grid", None, 1.0, ColourMap::Inferno);
    let spectrum = heat("many", None, 1.0, ColourMap::Magma);
    BTreeMap::from([
        ("model", model.clone()),
        ("overlay", overlay.clone()),
        ("overlay-full", heat("grid", Some(&model), 1.0, ColourMap::Viridis)),
        ("alone", alone.clone()),
        ("spectrum", spectrum.clone()),
        ("some", heat("some", None, 1.0, ColourMap::Viridis)),
        ("few", heat("few", None, 1.0, ColourMap::Inferno)),
        ("spectrum-over", heat("many", Some(&model), 0.8, ColourMap::Inferno)),
        ("beside", both(&model, &alone, Layout::Beside)),
        ("above", both(&both(&model, &overlay, Layout::Beside), &spectrum, Layout::Above)),
        ("mix", both(&model, &spectrum, Layout::Mix)),
        ("difference", both(&model, &alone, Layout::Difference)),
    ])
}
