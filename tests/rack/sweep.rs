//! `bendrack sweep`: studies on one machine and on several, and their reports in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

fn sweep(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    command.arg("sweep").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(args: &[&str]) -> String {
    let output = sweep(args).output().expect("it runs");
    let text = errors(&output);
    assert!(output.status.success(), "{args:?}: {text}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &text
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A small study: gains of layers, on two seeds, with a tap.
fn study(folder: &Path) -> PathBuf {
    let patch = json!({
        "format": "bendrack-patch", "version": 1,
        "nodes": {
            "wan": { "type": "model.wan", "params": { "prompt": "a red heart over a black background" } },
            "layers": { "type": "target.layers" },
            "bend": { "type": "bend.gain" },
            "words": { "type": "target.words", "params": { "words": "heart" } },
            "tap": { "type": "tap.map" },
        },
        "cables": [
            { "from": "layers.target", "to": "bend.target" },
            { "from": "bend.bends", "to": "wan.bends" },
            { "from": "words.target", "to": "tap.target" },
        ],
    });
    let study = json!({
        "format": "bendrack-study", "version": 1, "title": "Gains <of> layers", "seconds": 0.5, "patch": "probe.json",
        "axes": [
            { "name": "layer", "set": ["layers.first", "layers.last"], "range": { "from": 0, "to": 2 } },
            { "name": "site", "set": "bend.site", "values": ["cross.out", "ffn.out"] },
            { "name": "gain", "set": "bend.gain", "values": [0, 3] },
        ],
        "samples": { "seeds": [1, 2, 3] },
    });
    fs::write(folder.join("probe.json"), patch.to_string()).expect("a patch");
    let path = folder.join("study.json");
    fs::write(&path, study.to_string()).expect("a study");
    path
}

/// All measurements of a folder, in order.
fn results(folder: &Path) -> Vec<(String, String, i64, String, f64)> {
    let database = Connection::open(folder.join("study.sqlite")).expect("a database");
    let query =
        "SELECT COALESCE(part, ''), COALESCE(point, ''), sample, measure, value FROM results ORDER BY 1, 2, 3, 4, 5";
    let mut rows = database.prepare(query).expect("a view");
    let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
    rows.expect("rows").collect::<Result<_, _>>().expect("numbers")
}

/// A sweep that is killed goes on; shards of several machines unite to the same results.
#[test]
fn sweeps_go_on_and_shards_unite() {
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let study = study(place.path()).to_string_lossy().into_owned();
    let size = ["--size", "32x32"];
    let plan = done(&[&[&study, "-o", &at("whole"), "--dry-run"], &size[..]].concat());
    assert!(plan.contains("3 layer × 2 site × 2 gain, 12 cells") && plan.contains("39 different runs"), "{plan}");
    assert!(!Path::new(&at("whole")).exists(), "a dry run writes nothing");

    let mut child =
        sweep(&[&[&study, "-o", &at("whole"), "--workers", "1"], &size[..]].concat()).spawn().expect("it starts");
    for _ in 0..3000 {
        let pictures = fs::read_dir(place.path().join("whole/pictures")).map_or(0, Iterator::count);
        if pictures >= 4 || child.try_wait().expect("a child").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("killed");
    child.wait().expect("it ends");
    let text = done(&[&[&study, "-o", &at("whole")], &size[..]].concat());
    assert!(text.contains("39 runs, ") && text.contains("measured before"), "{text}");
    let again = done(&[&[&study, "-o", &at("whole")], &size[..]].concat());
    assert!(again.contains("39 runs, 39 of them measured before") && again.contains("0 runs in"), "{again}");

    for number in ["1", "2"] {
        let (shard, folder) = (format!("{number}/2"), at(&format!("shard-{number}")));
        done(&[&[&study, "--quiet", "--shard", &shard, "-o", &folder], &size[..]].concat());
    }
    let merged = done(&["merge", "-o", &at("merged"), &at("shard-1"), &at("shard-2")]);
    assert!(
        merged.contains("20 new runs") && merged.contains("19 new runs") && merged.contains("all runs are there"),
        "{merged}"
    );
    let whole = results(Path::new(&at("whole")));
    assert_eq!(whole, results(Path::new(&at("merged"))));
    // 12 cells and the yardstick, on three samples.
    assert_eq!(whole.iter().filter(|row| row.3 == "picture").count(), 39);
    assert!(whole.iter().any(|row| row.3 == "map_shift" && row.4 > 0.0), "taps are measured");

    let other = sweep(&[&study, "-o", &at("whole"), "--size", "48x32"]).output().expect("it runs");
    assert!(errors(&other).contains("holds results with size \"32x32\""), "{}", errors(&other));
    let foreign = sweep(&[&study, "-o", &place.path().to_string_lossy()]).output().expect("it runs");
    assert!(errors(&foreign).contains("has other files"), "{}", errors(&foreign));
}

#[test]
fn a_mistake_is_found_before_the_first_run() {
    let place = tempfile::tempdir().expect("a folder");
    let path = study(place.path());
    let text = fs::read_to_string(&path).expect("a study");
    for (from, to, problem) in [
        ("\"cross.out\"", "\"cross.outt\"", "did you mean"),
        ("bend.gain", "bend.gian", "did you mean bend.gain?"),
        ("probe.json", "probes.json", "probes.json"),
        ("\"seeds\"", "\"sedes\"", "unknown variant"),
    ] {
        fs::write(&path, text.replace(from, to)).expect("a study");
        let output = sweep(&[&path.to_string_lossy(), "-o", &place.path().join("out").to_string_lossy()])
            .output()
            .expect("it runs");
        assert!(!output.status.success() && errors(&output).contains(problem), "{to}: {}", errors(&output));
        assert!(!place.path().join("out").exists(), "{to}");
    }
}

/// The studies of the project are read, and each of their patches compiles.
#[test]
fn studies_of_the_project_are_ready() {
    let mut count = 0;
    for entry in fs::read_dir("studies").expect("a folder") {
        let path = entry.expect("an entry").path();
        let plan = done(&[&path.to_string_lossy(), "-o", "unused", "--dry-run"]);
        assert!(plan.contains("different runs"), "{plan}");
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn job_files_have_a_task_for_each_shard() {
    let slurm = done(&["jobs", "a study.json", "-o", "out", "--shards", "4"]);
    assert!(slurm.starts_with("#!/bin/bash\n#SBATCH --job-name=a-study\n#SBATCH --array=1-4\n"), "{slurm}");
    let check = Command::new("bash").args(["-n", "-c", &slurm]).status().expect("bash");
    assert!(check.success(), "the shell reads it");
    let kubernetes = done(&["jobs", "study.json", "-o", "out", "--shards", "4", "--cluster", "kubernetes"]);
    assert!(kubernetes.contains("completionMode: Indexed\n  completions: 4\n"), "{kubernetes}");
}

/// A browser of the Chromium family on this machine.
fn chromium() -> Option<&'static str> {
    let found = |name: &&str| Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| found(name).is_ok_and(|status| status.success()))
}

/// The text of a page after its scripts, and its picture.
fn shown(browser: &str, folder: &Path, page: &Path, state: &str) -> (String, image::RgbImage) {
    let address = format!("file://{}#{state}", page.display());
    let profile = folder.join("profile");
    let picture = folder.join("page.png");
    let run = |what: &str| {
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ]);
        command.args(["--window-size=1400,1000", "--virtual-time-budget=4000"]);
        command.arg(format!("--user-data-dir={}", profile.display())).args([what, &address]);
        command.output().expect("a browser")
    };
    let text = String::from_utf8_lossy(&run("--dump-dom").stdout).into_owned();
    run(&format!("--screenshot={}", picture.display()));
    (text, image::open(&picture).expect("a picture").to_rgb8())
}

/// The report is one file: it shows the map, the pictures and the table without any other.
#[test]
fn reports_work_in_a_browser() {
    let Some(browser) = chromium() else { return eprintln!("skipped: there is no Chromium; make peers installs it") };
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("out").to_string_lossy().into_owned();
    done(&[&study(place.path()).to_string_lossy(), "-o", &folder, "--size", "32x32", "--quiet"]);
    let figures = place.path().join("figures");
    done(&[
        "report",
        &folder,
        "--figures",
        &figures.to_string_lossy(),
        "-o",
        &place.path().join("page.html").to_string_lossy(),
    ]);
    let page = place.path().join("page.html");
    let text = fs::read_to_string(&page).expect("a page");
    let links = ["src=\"http", "href=\"http", "https://", "import ", "fetch("];
    assert!(links.iter().all(|link| !text.contains(link)), "no other files");
    let count = |text: &str, class: &str| text.matches(&format!("class=\"{class}")).count();
    let (map, picture) = shown(browser, place.path(), &page, "measure=picture");
    assert!(map.contains("<h1 id=\"title\">Gains &lt;of&gt; layers</h1>"), "the title is a text");
    assert_eq!(count(&map, "cell"), 12, "a cell for each combination");
    assert_eq!(count(&map, "panel\""), 2, "a panel for each gain");
    let colours: std::collections::BTreeSet<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 200, "{} colours: the map is drawn", colours.len());

    let (pictures, _) = shown(browser, place.path(), &page, "view=pictures&filter=ffn");
    assert_eq!((count(&pictures, "shot\""), count(&pictures, "shot out")), (6, 6), "the filter");
    let (table, _) = shown(browser, place.path(), &page, "view=table&measure=edges&cell=3");
    assert_eq!(table.matches("<tr data-cell=").count(), 12);
    assert!(table.contains("<h2>layer 0, site ffn.out, gain 3</h2>"), "the cell of the address");

    let names: Vec<_> =
        fs::read_dir(&figures).expect("figures").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(names.iter().any(|name| name == "gains-of-layers-picture.svg"), "{names:?}");
}
