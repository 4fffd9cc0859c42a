//! `bendrack attend`: arrays of attention maps.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use half::f16;

fn attend(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    command.args(["attend", "--size", "64x64", "-q", "-o"]).arg(folder).args(args).output().expect("it runs")
}

/// The shape and the numbers of an .npy file of 16 bits.
fn array(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).expect("an array");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..end]).into_owned();
    assert!(header.contains("'<f2'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).expect("a shape").0;
    let shape = shape.split(',').filter_map(|length| length.trim().parse().ok()).collect();
    let numbers = bytes[end..].chunks_exact(2).map(|it| f16::from_le_bytes([it[0], it[1]]).to_f32());
    (shape, numbers.collect())
}

fn index(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("index.json")).expect("an index")).expect("JSON")
}

/// One array for each word; both layouts have the same numbers; a fused axis is their mean.
#[test]
fn arrays_have_the_maps_of_each_word() {
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    let prompt = ["--prompt", "a red tulip over a blue gradient", "--seconds", "0.8"];
    for (name, more) in [
        ("words", &["--words", "red,tulip"][..]),
        ("kiss", &["--words", "red,tulip", "--layout", "kiss"]),
        ("fused", &["--words", "red,tulip", "--fuse", "heads"]),
    ] {
        let done = attend(&at(name), &[&prompt[..], more].concat());
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let words = index(&at("words"));
    assert_eq!(words["arrays"][1]["word"], "tulip");
    let files = [0, 1].map(|n| words["arrays"][n]["file"].as_str().expect("a file").to_owned());
    let [red, tulip] = files.clone().map(|file| array(&at("words").join(file)));
    let [frames, steps, layers, heads, rows, columns] = red.0[..] else { panic!("{:?}", red.0) };
    // 13 pictures: the first latent frame is one of them, and each further one four.
    assert_eq!((frames, rows, columns), (4, 4, 4));
    assert!(steps > 1 && layers > 1 && heads > 1 && red.0 == tulip.0);
    assert!(red.1.iter().chain(&tulip.1).all(|share| (0.0..=1.0).contains(share)), "shares of attention");
    assert!(red.1 != tulip.1 && red.1.iter().any(|&share| share > 0.01));

    let cells = rows * columns;
    let at_word = |frame: usize, step: usize, layer: usize, head: usize, cell: usize| {
        ((((frame * steps + step) * layers + layer) * heads + head) * cells) + cell
    };
    for step in 0..steps {
        let (shape, numbers) = array(&at("kiss").join(format!("step_{step:02}.npy")));
        assert_eq!(shape, [layers, heads, frames * cells, 2]);
        for (layer, head, frame, cell) in [(0, 0, 0, 0), (layers - 1, heads - 1, frames - 1, cells - 1), (1, 1, 2, 5)] {
            let place = ((layer * heads + head) * frames * cells + frame * cells + cell) * 2;
            let wanted = at_word(frame, step, layer, head, cell);
            assert_eq!(numbers[place..place + 2], [red.1[wanted], tulip.1[wanted]]);
        }
    }
    let (shape, fused) = array(&at("fused").join(&files[0]));
    assert_eq!(shape, [frames, steps, layers, 1, rows, columns]);
    for cell in 0..cells {
        let mean = (0..heads).map(|head| red.1[at_word(1, 1, 1, head, cell)]).sum::<f32>() / heads as f32;
        let found = fused[((steps + 1) * layers + 1) * cells + cell];
        assert!((found - mean).abs() < 2e-3 * mean.max(0.01), "{found} is not the mean {mean}");
    }
}

/// Maps are measured after bends: a muted word has none. Measuring changes no picture.
#[test]
fn arrays_are_those_of_the_bent_model() {
    let place = tempfile::tempdir().expect("a folder");
    let all = place.path().join("all");
    let done = attend(&all, &["patches/first_bend.json", "--seconds", "0.3"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let index = index(&all);
    let words: Vec<&str> =
        index["arrays"].as_array().expect("arrays").iter().filter_map(|it| it["word"].as_str()).collect();
    assert_eq!(words, ["a", "purple", "tulip", "over", "blue", "gradient"], "each word once");
    assert_eq!(index["prompt"], "a purple tulip over a blue gradient");
    assert_eq!(index["latent_frames"], 2);
}

/// Words outside the prompt, views from a place, and neurons have arrays of their own. A word of the prompt has nearly the same map as
/// a word outside it.
#[test]
fn arrays_have_concepts_places_and_neurons() {
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    let prompt = ["--prompt", "a red tulip over a blue gradient", "--seconds", "0.3"];
    let timeline = format!("{}/", at("steps").display());
    let more =
        ["--words", "tulip", "--concepts", "tulip,cat", "--from", "0.5,0.25", "--neurons", "--timeline", &timeline];
    let done = attend(&at("all"), &[&prompt[..], &more].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let index = index(&at("all"));
    let entries = index["arrays"].as_array().expect("arrays");
    let kinds: Vec<&str> = entries.iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, ["word", "concept", "concept", "place", "neurons"]);
    let arrays: Vec<(Vec<usize>, Vec<f32>)> =
        (entries.iter()).map(|entry| array(&at("all").join(entry["file"].as_str().expect("a file")))).collect();
    for ((shape, numbers), entry) in arrays.iter().zip(entries) {
        assert_eq!(serde_json::json!(shape), entry["shape"], "{entry}");
        assert_eq!(shape.len(), entry["axes"].as_array().expect("axes").len(), "{entry}");
        assert_eq!(shape.iter().product::<usize>(), numbers.len(), "{entry}");
        assert!(numbers.iter().all(|number| number.is_finite() && *number >= 0.0), "{entry}");
        assert!(numbers.iter().any(|number| *number > 0.0), "{entry}");
    }
    // The timeline has a picture and the maps of all steps, for each subject that has a place in the picture.
    let pictures = fs::read_dir(at("steps")).expect("a folder").count();
    let first = image::open(at("steps").join("000000.png")).expect("a picture");
    let steps = u32::try_from(arrays[0].0[1]).expect("a number");
    assert_eq!((pictures, first.width(), first.height()), (5, (steps + 1) * 66, 4 * 66));
    let [inside, outside, cat] = [0, 1, 2].map(|at: usize| &arrays[at].1);
    assert!(likeness(inside, outside) > 0.8, "{}", likeness(inside, outside));
    assert!(likeness(inside, cat) < likeness(inside, outside));
    // The view of each head from a place is a share of its attention, in all frames together.
    let [frames, steps, layers, heads, rows, columns] = arrays[3].0[..] else { panic!("{:?}", arrays[3].0) };
    let sum: f32 = arrays[3].1.iter().sum();
    let views = (frames * steps * layers * heads) as f32;
    assert!(sum / views > 0.9 && sum / views < 1.1 && rows * columns > 1, "{}", sum / views);

    let kiss = attend(&at("kiss"), &[&prompt[..], &["--layout", "kiss", "--neurons"]].concat());
    assert_eq!(kiss.status.code(), Some(2), "{}", String::from_utf8_lossy(&kiss.stderr));
    let safe = ["--words", "tulip", "--format", "safetensors", "--full", "--fuse", "steps,layers,heads"];
    assert!(attend(&at("safe"), &[&prompt[..], &safe].concat()).status.success());
    let bytes = fs::read(at("safe").join("00_tulip.safetensors")).expect("an array");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    assert_eq!(file.tensor("map").expect("the map").shape(), [2, 1, 1, 1, 4, 4]);
}

/// The example in Python reads the arrays with numpy, and draws a row for each word.
#[test]
fn the_example_in_python_draws_a_sheet() {
    let has_numpy = |python: &&str| {
        let tried = Command::new(python).args(["-c", "import numpy"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has_numpy) else {
        println!("skipped: no Python with numpy is here; make peers installs it on Debian and Ubuntu");
        return;
    };
    let place = tempfile::tempdir().expect("a folder");
    let (maps, sheet) = (place.path().join("maps"), place.path().join("sheet.png"));
    let args =
        ["--prompt", "a red tulip", "--seconds", "0.3", "--words", "red,tulip", "--concepts", "cat", "--neurons"];
    let done = attend(&maps, &args);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let drawn =
        Command::new(python).arg("examples/python/attention.py").args([&maps, &sheet]).output().expect("it runs");
    let text = String::from_utf8_lossy(&drawn.stdout).into_owned();
    assert!(drawn.status.success(), "{text}{}", String::from_utf8_lossy(&drawn.stderr));
    let spreads: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(spreads, ["red", "tulip", "cat"]);
    // Four steps of 4 × 4 positions of 12 pixels with gaps of 4, and three words.
    let picture = image::open(&sheet).expect("a PNG").to_luma8();
    assert_eq!(picture.dimensions(), (4 * (4 * 12 + 4), 3 * (4 * 12 + 4)));
    assert!(picture.pixels().any(|pixel| pixel.0[0] > 200), "the largest share is bright");
}

/// The correlation of two lists of numbers.
fn likeness(a: &[f32], b: &[f32]) -> f64 {
    let mean = |x: &[f32]| x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
    let (middle_a, middle_b) = (mean(a), mean(b));
    let with = |x: &[f32], y: &[f32], (of_x, of_y): (f64, f64)| {
        x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - of_x) * (f64::from(y) - of_y)).sum::<f64>()
    };
    let both = with(a, b, (middle_a, middle_b));
    both / (with(a, a, (middle_a, middle_a)) * with(b, b, (middle_b, middle_b))).sqrt()
}

#[test]
fn errors_name_the_word_and_the_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let other = attend(&place.path().join("a"), &["--prompt", "a red tulip", "--words", "kiss"]);
    assert!(said(&other).contains("no word \"kiss\"") && said(&other).contains("a, red, tulip"), "{}", said(&other));
    fs::write(place.path().join("mine.txt"), "mine").expect("written");
    let full = attend(place.path(), &["--prompt", "a red tulip"]);
    assert!(said(&full).contains("not empty") && full.status.code() == Some(2), "{}", said(&full));
    assert_eq!(fs::read_to_string(place.path().join("mine.txt")).expect("still there"), "mine");
}
