//! Pictures of the window, compared with those in `snapshots`. `BENDRACK_BLESS=1` writes them; look at each.
//!
//! Graphics drivers differ in the last bits of every edge: a small share of the pixels may differ.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use bendrack::ui::theme;
use bendrack_nodes::patch::Patch;
use eframe::egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::kittest::Queryable as _;
use image::{ImageEncoder as _, RgbImage, codecs::png};

use crate::driver::*;
use crate::takes::FakeTakes;

/// The largest difference of a channel that counts as none.
const NEAR: u8 = 24;
/// The share of pixels that may differ.
const MOST: f64 = 0.004;

/// The size of the window.
const SIZE: Vec2 = vec2(1200.0, 675.0);

/// A scene: its name, the window, and what is done to it.
type Scene = (&'static str, fn() -> Window, fn(&mut Window));

const SCENES: [Scene; 12] = [
    ("rack", rack, |_| ()),
    ("light", rack, |window| theme::choose(&window.ctx, theme::Theme::Light)),
    ("high_contrast", rack, |window| theme::choose(&window.ctx, theme::Theme::HighContrast)),
    ("selected", rack, |window| select(window, "rotate")),
    ("palette", rack, |window| {
        let at = empty_point(window);
        window.hover_at(at);
        window.key_press(Key::N);
        window.run_steps(2);
        type_text(window, "ro");
    }),
    ("browser", rack, |window| window.key_press(Key::L)),
    ("perform", rack, |window| window.key_press_modifiers(Modifiers::COMMAND, Key::E)),
    ("large", rack, |window| window.key_press(Key::F11)),
    ("devices", rack, |window| press(window, "Devices")),
    ("takes", rack, |window| press(window, "Takes")),
    ("problems", problems, |window| select(window, "heat")),
    ("smallest", || open(first_bend(), theme::SMALLEST), |window| press(window, "Devices")),
];

fn rack() -> Window {
    open(first_bend(), SIZE)
}

/// A patch with an unknown node, a bypassed one, and a choice that does not exist.
fn problems() -> Window {
    let mut patch = first_bend();
    patch.nodes.get_mut("map").unwrap().kind = "tap.unknown".into();
    patch.nodes.get_mut("rotate").unwrap().bypass = true;
    patch.nodes.get_mut("heat").unwrap().params.insert("colours".into(), "infrno".into());
    open(patch, SIZE)
}

/// A window of a size, with forty pictures.
fn open(patch: Patch, size: Vec2) -> Window {
    let fake = Fake::default();
    fake.play(0);
    let mut options = options(Box::new(fake.clone()), patch);
    options.path = Some("patches/first_bend.json".into());
    options.takes = Box::new(FakeTakes::default());
    let mut window = window_sized(options, true, size);
    for number in 1..40 {
        fake.play(number);
        window.run_steps(1);
    }
    window
}

/// Clicks the title of a node.
fn select(window: &mut Window, id: &str) {
    let rect = window.state().workspace.frame.rects[id];
    click(window, rect.center_top() + vec2(0.0, 8.0));
}

/// Presses a button, in the menu of a narrow window if it is there.
fn press(window: &mut Window, label: &str) {
    if window.query_by_label(label).is_none() {
        window.get_by_label("More").click();
        window.run_steps(3);
    }
    window.get_by_label(label).click();
}

#[test]
fn every_scene_looks_as_its_picture() {
    let bless = std::env::var_os("BENDRACK_BLESS").is_some();
    let mut problems = Vec::new();
    for (name, open, act) in SCENES {
        let mut window = open();
        act(&mut window);
        // Animations end, and so do tooltips.
        window.hover_at(eframe::egui::pos2(1.0, 1.0));
        window.run_steps(30);
        let Ok(drawn) = catch_unwind(AssertUnwindSafe(|| window.render())) else {
            eprintln!("not compared: no graphics driver; install Mesa's software driver for Vulkan");
            return;
        };
        theme::choose(&window.ctx, theme::Theme::Dark);
        let drawn = image::DynamicImage::from(drawn.unwrap()).to_rgb8();
        let path: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "tests", "window", "snapshots", &format!("{name}.png")].iter().collect();
        if bless {
            write(&path, &drawn);
        }
        let share = difference(&image::open(&path).map(|image| image.to_rgb8()).unwrap_or_default(), &drawn);
        if share > MOST {
            let seen = std::env::temp_dir().join("bendrack-window").join(format!("{name}.png"));
            write(&seen, &drawn);
            problems.push(format!(
                "{name}: {:.2} % of the pixels differ from {}; the new picture is {}",
                100.0 * share,
                path.display(),
                seen.display()
            ));
        }
    }
    assert!(problems.is_empty(), "{}\nTo accept them: BENDRACK_BLESS=1", problems.join("\n"));
}

#[test]
fn a_picture_that_changed_is_noticed() {
    let black = RgbImage::new(100, 100);
    let mut changed = black.clone();
    assert!(difference(&black, &changed).abs() < 1e-9);
    // A button of 8 × 8.
    for (x, y) in (0..8).flat_map(|y| (0..8).map(move |x| (x, y))) {
        changed.put_pixel(x, y, image::Rgb([0, NEAR + 1, 0]));
    }
    assert!(difference(&black, &changed) > MOST);
    assert!((difference(&RgbImage::new(10, 10), &black) - 1.0).abs() < 1e-9, "another size");
}

/// The share of pixels that differ.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    if a.dimensions() != b.dimensions() {
        return 1.0;
    }
    let differs = |(a, b): &(&image::Rgb<u8>, &image::Rgb<u8>)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > NEAR);
    a.pixels().zip(b.pixels()).filter(differs).count() as f64 / f64::from(a.width() * a.height())
}

fn write(path: &std::path::Path, picture: &RgbImage) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let encoder = png::PngEncoder::new_with_quality(file, png::CompressionType::Best, png::FilterType::Adaptive);
    encoder.write_image(picture, picture.width(), picture.height(), image::ExtendedColorType::Rgb8).unwrap();
}
