//! Pictures of the window, compared with those in `snapshots`. `BENDRACK_BLESS=1` writes them; look at each.
//!
//! Graphics drivers differ in the last bits of every edge: a small share of the pixels may differ.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use bendrack::ui::{Download, Options, RecordingState, theme};
use bendrack_nodes::patch::{Cable, Patch, Snapshot};
use eframe::egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::kittest::Queryable as _;
use image::{ImageEncoder as _, RgbImage, codecs::png};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::driver::*;
use crate::models::models;
use crate::takes::{FakeTakes, takes};

/// The largest difference of a channel that counts as none.
const NEAR: u8 = 24;
/// The share of pixels that may differ.
const MOST: f64 = 0.004;

/// The size of the window.
const SIZE: Vec2 = vec2(1200.0, 675.0);

/// A scene: its name, the window, and what is done to it.
type Scene = (&'static str, fn() -> Window, fn(&mut Window));

const SCENES: [Scene; 18] = [
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
    ("perform_recording", set, |window| window.key_press_modifiers(Modifiers::COMMAND, Key::E)),
    ("large", rack, |window| {
        window.key_press(Key::F11);
        // The chips on the picture vanish while the pointer rests.
        window.hover_at(eframe::egui::pos2(1.0, 1.0));
        window.run_steps(120);
    }),
    ("recording", set, |window| press(window, "Freeze")),
    ("blackout", rack, |window| press(window, "Blackout")),
    ("backward", backward, |_| ()),
    ("devices", rack, |window| press(window, "Devices")),
    ("takes", rack, |window| press(window, "Takes")),
    ("takes_listed", listed, |window| press(window, "Takes")),
    ("models", shelved, |window| press(window, "Models")),
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

/// A set that is being recorded: knobs for perform mode, and three snapshots.
fn set() -> Window {
    let mut patch = first_bend();
    let ports = ["rotate.amount", "rotate.angle", "lfo.rate", "lfo.shape", "rotate.site", "prompt.text"];
    patch.stage.macros = ports.iter().map(|port| port.parse().unwrap()).collect();
    for (name, amount) in [("calm", 0.2), ("rise", 0.6), ("storm", 1.0)] {
        let values = [("rotate.amount".parse().unwrap(), amount.into())].into();
        patch.snapshots.push(Snapshot { name: name.to_owned(), values, rest: serde_json::Map::new() });
    }
    open_with(patch, SIZE, |options| {
        let recordings = FakeRecordings::default();
        recordings.0.borrow_mut().state = RecordingState::On { secs: 83.0, lost: 0, is_paused: false };
        options.recordings = Box::new(recordings);
    })
}

/// A tap whose number modulates the bend before it, so that a cable runs backwards.
fn backward() -> Window {
    let mut patch = first_bend();
    let cable = Cable::new("map.mean".parse().unwrap(), "rotate.angle".parse().unwrap());
    patch.cables.retain(|other| other.to != cable.to);
    patch.cables.push(cable);
    open(patch, SIZE)
}

/// A list of takes of each state, which began at a fixed time.
fn listed() -> Window {
    let takes = takes();
    for row in &mut takes.0.borrow_mut().rows {
        row.begun = Some("2024-05-03T20:15:00Z".parse::<Timestamp>().unwrap().to_zoned(TimeZone::UTC));
    }
    open_with(first_bend(), SIZE, |options| options.takes = Box::new(takes))
}

/// A window with models, and a download that runs.
fn shelved() -> Window {
    let models = models();
    models.0.borrow_mut().running = Some(Download {
        name: "self-forcing".to_owned(),
        file: "models_t5_umt5-xxl-enc-q8_0.gguf".to_owned(),
        done: 4,
        total: Some(6),
        text: "4 GB of 6 GB".to_owned(),
    });
    open_with(first_bend(), SIZE, |options| options.models = Box::new(models))
}

/// A window of a size, with forty pictures.
fn open(patch: Patch, size: Vec2) -> Window {
    open_with(patch, size, |_| ())
}

/// A window with these parts.
fn open_with(patch: Patch, size: Vec2, change: impl FnOnce(&mut Options)) -> Window {
    let fake = Fake::default();
    fake.play(0);
    let mut options = options(Box::new(fake.clone()), patch);
    options.path = Some("patches/first_bend.json".into());
    options.takes = Box::new(FakeTakes::default());
    change(&mut options);
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
pub fn press(window: &mut Window, label: &str) {
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
