//! The command line, run as people run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn bendrack(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("bendrack runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn every_patch_that_comes_with_it_is_without_problems_and_has_a_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches");
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("patches").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.is_file()).collect()
    };
    let mut patches = 0;
    for path in files(&folder).into_iter().chain(files(&folder.join("help"))) {
        let path = path.to_str().expect("a name");
        let check = bendrack(&["check", path]);
        assert!(check.status.success() && stdout(&check).contains("no problems"), "{}", stdout(&check));
        let program = stdout(&bendrack(&["program", path, "--frame", "7"]));
        assert!(
            ["prompt \"a ", "prompt \"an ", "prompt \"two "].iter().any(|prompt| program.contains(prompt)),
            "{program}"
        );
        patches += 1;
    }
    assert!(patches > 0);
}

#[test]
fn the_first_bend_has_this_program() {
    let program = bendrack(&["program", "patches/first_bend.json", "--frame", "4"]);
    let expected = "\
prompt \"a purple tulip over a blue gradient\"
bend cross.map rotate of rotate: angle [68.4365 85.5951 89.7226] padding zeros, amount 1, on layers 4-5, words purple
tap cross_map of map, mean of layers 4-5, words purple
";
    assert_eq!(stdout(&program), expected);
    let json = bendrack(&["program", "patches/first_bend.json", "--frame", "4", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(json["bends"][0]["target"]["words"], "purple");
    assert_eq!(json["bends"][0]["params"]["angle"].as_array().map(Vec::len), Some(3));
}

#[test]
fn exit_codes_of_a_failure_and_a_wrong_patch_differ() {
    assert_eq!(bendrack(&["check", "no/such/file"]).status.code(), Some(1));
    assert_eq!(bendrack(&["check", "Cargo.toml"]).status.code(), Some(2));
    assert_eq!(bendrack(&["program", "Cargo.toml"]).status.code(), Some(2));
    assert_eq!(bendrack(&["nodes", "no.such"]).status.code(), Some(1));
    assert_eq!(bendrack(&["frobnicate"]).status.code(), Some(2));
    assert_eq!(bendrack(&["--help"]).status.code(), Some(0));
}

#[test]
fn every_file_is_checked_and_what_is_no_text_is_an_invalid_patch() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let first = "patches/first_bend.json";
    let patch = std::fs::read(first).expect("a patch");
    let marked = file("marked.json", &["\u{feff}".as_bytes(), &patch].concat());
    let binary = file("binary.json", &[0xff, 0xfe, 0x00]);

    let check = bendrack(&["check", "no.json", &marked]);
    assert_eq!(check.status.code(), Some(1));
    assert!(stdout(&check).contains("marked.json: no problems"), "{}", stdout(&check));
    assert!(String::from_utf8_lossy(&check.stderr).contains("no.json"));
    let check = bendrack(&["check", "no.json", &binary, first]);
    assert_eq!(check.status.code(), Some(2));
    assert!(stdout(&check).contains("error[not-a-patch]: the file is UTF-16, not UTF-8"), "{}", stdout(&check));
    assert!(stdout(&check).contains("binary.json: 1 error, 0 warnings"), "{}", stdout(&check));
    assert!(stdout(&check).contains("first_bend.json: no problems"), "{}", stdout(&check));
    assert_eq!(bendrack(&["program", &binary]).status.code(), Some(2));
}

#[test]
fn mistakes_are_shown_where_they_are_and_strict_fails_on_warnings() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.json");
    let path = path.to_str().expect("a path");
    let odd = |name: &str, shape: &str| {
        let text = format!(
            "{{\n  \"format\": \"bendrack-patch\",\n  \"version\": 1,\n  \"nodes\": {{\n    \"a\": {{ \"type\": \"modulate.lfo\", \
             \"params\": {{ \"{name}\": 1.0, \"shape\": \"{shape}\" }} }}\n  }}\n}}\n"
        );
        std::fs::write(path, text).expect("a file");
    };
    odd("rat", "sine");
    assert_eq!(bendrack(&["check", path]).status.code(), Some(0));
    let strict = bendrack(&["check", "--strict", path]);
    assert_eq!(strict.status.code(), Some(1));
    for part in [
        "warning[unknown-parameter]: LFO has no parameter",
        "odd.json:5:48",
        "━━━━━ /nodes/a/params/rat",
        "did you mean \"rate\"?",
        "0 errors, 1 warning",
    ] {
        assert!(stdout(&strict).contains(part), "{part}: {}", stdout(&strict));
    }
    odd("rate", "sin");
    let json = bendrack(&["check", "--json", path]);
    assert_eq!(json.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    let problem = &report["problems"][0];
    assert_eq!(
        (&problem["code"], &problem["line"], &problem["column"]),
        (&"bad-value".into(), &5.into(), &70.into()),
        "{report}"
    );
    assert_eq!((&problem["severity"], &problem["suggestion"]), (&"error".into(), &"sine".into()), "{report}");
    let schema = bendrack(&["schema"]);
    assert_eq!(stdout(&schema), std::fs::read_to_string("docs/patch-1.schema.json").expect("the schema"));
}

#[test]
fn a_snapshot_is_brought_back_before_it_is_rendered() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("a.gif");
    let render = |snapshot: &str| {
        bendrack(&[
            "render",
            "patches/midi_colour.json",
            "--frames",
            "1",
            "--snapshot",
            snapshot,
            "-o",
            out.to_str().expect("a path"),
        ])
    };
    let none = render("nothing");
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("it has gone, too much"));
    assert!(render("too much").status.success());
    let patch = std::fs::read_to_string(folder.path().join("a.bend.json")).expect("the patch beside it");
    assert!(patch.contains("\"fade\": { \"type\": \"bend.gain\", \"params\": { \"gain\": 4.0 } }"), "{patch}");
}

/// Nobody reads on, or nothing more fits.
#[cfg(target_os = "linux")]
#[test]
fn a_closed_or_full_output_is_no_panic() {
    let json = ["program", "patches/first_bend.json", "--json"];
    for args in [["nodes"].as_slice(), &["models"], &["devices"], &["check", "patches/first_bend.json"], &json] {
        let run = |out: std::process::Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
            command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdout(out);
            command.output().expect("bendrack runs")
        };
        let full = run(std::fs::File::create("/dev/full").expect("a full device").into());
        let report = String::from_utf8_lossy(&full.stderr);
        assert!(full.status.code() == Some(1) && report.contains("output cannot be written"), "{args:?}: {report}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let closed = run(writer.into());
        assert!(closed.status.success(), "{args:?}: {}", String::from_utf8_lossy(&closed.stderr));
    }
}

#[test]
fn a_missing_folder_of_models_is_not_listed_as_searched() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |models: &Path, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
        command.args(args).env("BENDRACK_MODELS", models).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.output().expect("bendrack runs")
    };
    let typo = folder.path().join("modles");
    assert!(stdout(&run(folder.path(), &["models"])).contains("are read from the folders in"));
    let list = run(&typo, &["models"]);
    assert!(list.status.success() && stdout(&list).contains("modles (BENDRACK_MODELS) does not exist"));
    let render = ["render", "patches/first_bend.json", "--model", "x", "-o"];
    let video = folder.path().join("a.gif");
    let render = run(&typo, &[&render[..], &[video.to_str().expect("a path")]].concat());
    let report = String::from_utf8_lossy(&render.stderr).into_owned();
    assert!(render.status.code() == Some(1) && report.contains("modles (BENDRACK_MODELS) does not exist"), "{report}");
}

#[test]
fn devices_are_listed_even_where_there_are_none() {
    let list = bendrack(&["devices"]);
    assert!(list.status.success());
    for title in ["MIDI inputs\n  ", "MIDI outputs\n  ", "Audio inputs\n  ", "Serial ports\n  ", "OSC\n  "] {
        assert!(stdout(&list).contains(title), "{}", stdout(&list));
    }
    let touch = bendrack(&["devices", "patches/touch.json"]);
    assert!(stdout(&touch).contains("pad (ESP32 with a touch pad), serial port"), "{}", stdout(&touch));
    assert_eq!(bendrack(&["devices", "none.json"]).status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_str(&stdout(&bendrack(&["devices", "--json"]))).expect("JSON");
    assert!(json["midi"]["inputs"].is_array() && json["serial"]["ports"].is_array(), "{json}");
    assert!(json["audio"]["inputs"].is_array(), "{json}");
}

#[cfg(feature = "audio")]
#[test]
fn a_video_is_rendered_to_a_file_of_sound_and_to_no_device() {
    let folder = tempfile::tempdir().expect("a folder");
    let render = |name: &str, audio: &[&str]| {
        let out = folder.path().join(name);
        let out = out.to_str().expect("a path");
        bendrack(&[&["render", "patches/help/audio.in.json", "--frames", "21", "-q", "-o", out], audio].concat())
    };
    // A sine of 1 kHz that begins after half a second: treble enough not to be bass, and an onset.
    let sound = ["--audio", "tests/sounds/tone.ogg"];
    for (name, audio) in
        [("a.gif", &sound[..]), ("b.gif", &sound), ("silent.gif", &[]), ("none.gif", &["--audio", "none"])]
    {
        let made = render(name, audio);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let video = |name: &str| std::fs::read(folder.path().join(name)).expect("a video");
    assert!(video("a.gif") == video("b.gif") && video("silent.gif") == video("none.gif"));
    assert!(video("a.gif") != video("silent.gif"), "sound changes the picture");

    // The centre of 5.1 has a sixth of its level in the mean, and a warning has the remedy.
    let centre = ["--audio", "tests/sounds/centre.m4a"];
    let out = folder.path().join("mean.gif");
    let made = bendrack(
        &[&["render", "patches/help/audio.in.json", "--frames", "5", "-o", out.to_str().expect("a path")], &centre[..]]
            .concat(),
    );
    let stderr = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && stderr.contains("centre.m4a: the mean of the channels"), "{stderr}");
    for (name, channels) in [("centre.gif", "mean"), ("loudest.gif", "loudest")] {
        let made = render(name, &[&centre[..], &["--audio-channels", channels]].concat());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    assert!(video("centre.gif") != video("loudest.gif"), "the channels change the picture");
    let refused = render("c.gif", &["--audio-channels", "loudest"]);
    assert!(refused.status.code() == Some(2), "channels without a sound");

    // An MP4 has a track for the sound, of the length of its 21 pictures: 66 packets of 20 ms.
    for (name, audio, has_sound) in [("a.mp4", &sound[..], true), ("silent.mp4", &[], false)] {
        let made = render(name, audio);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let bytes = video(name);
        let sizes: Vec<_> =
            bytes.windows(4).enumerate().filter(|(_, word)| word == b"stsz").map(|(at, _)| at).collect();
        let count = |at: usize| u32::from_be_bytes(bytes[at + 12..at + 16].try_into().expect("four"));
        let counts: Vec<u32> = sizes.into_iter().map(count).collect();
        assert_eq!(counts, if has_sound { vec![21, 66] } else { vec![21] }, "{name}");
        assert_eq!(bytes.windows(4).any(|word| word == b"dOps"), has_sound, "{name}");
    }

    for (audio, code, expected) in [
        ("default", 2, "record the input first"),
        ("Some Interface", 2, "record the input first"),
        ("no/such/song.mp3", 1, "no/such/song.mp3: the file cannot be opened"),
        ("tests/rack/cli.rs", 1, "tests/rack/cli.rs: the format is unknown"),
    ] {
        let refused = render("c.gif", &["--audio", audio]);
        let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(code) && stderr.contains(expected), "{audio}: {stderr}");
    }
}

#[test]
fn a_bench_measures_judges_and_lists_reached_targets() {
    let folder = tempfile::tempdir().expect("a folder");
    let sheet = folder.path().join("sheet.png");
    let sheet = sheet.to_str().expect("a path");
    let bench = bendrack(&["bench", "mini", "--quality", "--prompts", "1", "--json", "--sheet", sheet]);
    assert!(bench.status.success(), "{}", String::from_utf8_lossy(&bench.stderr));
    let json: serde_json::Value = serde_json::from_str(&stdout(&bench)).expect("JSON");
    assert_eq!(json["quality"]["prompts"], 1);
    for (name, group) in [("ground", "quality"), ("thing", "quality"), ("megabytes", "cost")] {
        let figure = if group == "cost" { &json[group][name] } else { &json[group]["scores"][name] };
        let (value, target) = (figure["mini"].as_f64().expect("a value"), figure["target"].as_f64().expect("a target"));
        let is_met = if group == "cost" { value <= target } else { value >= target };
        assert_eq!(figure["met"].as_bool(), Some(is_met), "{name}: {figure}");
    }
    assert!(json["cost"]["frames_per_second"]["mini"].as_f64() > Some(0.0), "{json}");
    assert!(json["rollout"].is_null(), "{json}");
    // Eight frames of 128×128 with two pixels around.
    assert_eq!(image::image_dimensions(sheet).expect("a picture"), (8 * 130, 130));

    let wrong =
        [vec!["--sheet", "s.png"], vec!["--quality", "--sheet", "s.jpg"], vec!["--rollout", "2"], vec!["--steps", "0"]];
    for args in wrong {
        let bench = bendrack(&[&["bench", "mini"], args.as_slice()].concat());
        assert_eq!(bench.status.code(), Some(2), "{args:?}");
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn patches_are_brought_into_their_form_with_the_layout_in_them_or_beside() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.json");
    let path = path.to_str().expect("a path");
    let read = |path: &str| std::fs::read_to_string(path).expect("a file");
    let tidy = read("patches/breathing.json");
    let json: serde_json::Value = serde_json::from_str(&tidy).expect("JSON");
    std::fs::write(path, json.to_string()).expect("a file");
    let check = bendrack(&["format", "--check", path]);
    assert_eq!((check.status.code(), stdout(&check)), (Some(1), format!("{path}\n")));
    assert!(bendrack(&["format", path]).status.success());
    assert_eq!(read(path), tidy);
    assert_eq!(bendrack(&["format", "--check", path]).status.code(), Some(0));

    let placed = tidy.replacen("\n}\n", ",\n  \"layout\": {\n    \"wan\": { \"pos\": [40.0, 120.0] }\n  }\n}\n", 1);
    std::fs::write(path, &placed).expect("a file");
    assert!(bendrack(&["format", "--layout", "separate", path]).status.success());
    assert_eq!(read(path), tidy);
    let beside = path.replace("a.json", "a.layout.json");
    assert!(read(&beside).contains("\"wan\": { \"pos\": [40.0, 120.0] }"));
    assert_eq!(bendrack(&["check", "--strict", path, &beside]).status.code(), Some(0));
    assert!(bendrack(&["format", "--layout", "together", path]).status.success());
    assert_eq!((read(path), Path::new(&beside).exists()), (placed, false));

    let video = bendrack(&["format", "README.md"]);
    assert_eq!(video.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&video.stderr).contains("README.md: "), "{video:?}");
}

/// Renders two frames of 64×64, and returns the report.
fn rendered(args: &[&str], report: &Path) -> serde_json::Value {
    let report = report.to_str().expect("a path");
    let common = ["--frames", "2", "--size", "64x64", "--zoom", "1", "--report", report];
    let render = bendrack(&[&["render"], args, &common[..]].concat());
    assert!(render.status.success(), "{}", stderr(&render));
    serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("JSON")
}

#[test]
fn a_patch_comes_back_out_of_what_was_rendered_and_renders_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let report = folder.path().join("report.json");
    let edited = ["--seed", "7", "--set", "lfo.rate=0.24621558950849542", "--set", "prompt.text=a blue ring — “öde”"];
    let first = rendered(&[&["patches/first_bend.json", "-o", &at("a.mp4")], &edited[..]].concat(), &report);
    let pictures = rendered(&[&["patches/first_bend.json", "-o", &at("p.png")], &edited[..]].concat(), &report);
    assert_eq!(pictures["program_sha256"], first["program_sha256"]);
    assert_eq!(pictures["patch_sha256"], first["patch_sha256"]);
    assert_eq!(first["patch_sha256"].as_str().map(str::len), Some(64));

    // The patch as it was rendered: the file's, with the changes of the command line.
    let mut wanted: serde_json::Value =
        serde_json::from_slice(&std::fs::read("patches/first_bend.json").expect("a patch")).expect("JSON");
    wanted["engine"]["seed"] = 7.into();
    wanted["nodes"]["lfo"]["params"]["rate"] = 0.246_215_589_508_495_42.into();
    wanted["nodes"]["prompt"]["params"]["text"] = "a blue ring — “öde”".into();
    let patch = |bytes: &[u8]| bendrack_nodes::patch::Patch::from_slice(bytes).expect("a patch");
    let wanted = patch(wanted.to_string().as_bytes());
    for name in ["a.mp4", "a.bend.json", "p_000000.png", "p_000001.png", "p.bend.json"] {
        let extract = bendrack(&["extract", &at(name)]);
        assert!(extract.status.success() && extract.stderr.is_empty(), "{name}: {}", stderr(&extract));
        assert_eq!(patch(&extract.stdout), wanted, "{name}");
        let render = bendrack(&["extract", "--provenance", &at(name)]);
        let render: serde_json::Value = serde_json::from_slice(&render.stdout).expect("JSON");
        assert_eq!(render["seed"], 7, "{render}");
        assert_eq!((&render["model"], &render["frames"]), (&"mini".into(), &2.into()), "{render}");
        assert_eq!((&render["size"], &render["zoom"]), (&serde_json::json!([64, 64]), &1.into()), "{render}");
        assert_eq!(render["bendrack"], env!("CARGO_PKG_VERSION"), "{render}");
        assert_eq!(render["patch_sha256"], first["patch_sha256"], "{name}");
        let sum = render["model_sha256"].as_str().expect("a sum");
        assert!(sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()), "{sum}");
    }
    // Every part of it is a patch to the other commands, too.
    assert!(bendrack(&["check", &at("a.bend.json"), &at("a.mp4"), &at("p_000000.png")]).status.success());
    let extract = bendrack(&["extract", &at("a.mp4"), "-o", &at("again.json")]);
    assert!(extract.status.success() && extract.stdout.is_empty(), "{}", stderr(&extract));
    for (patch, video) in [("again.json", "again.mp4"), ("a.mp4", "directly.mp4")] {
        let again = rendered(&[&at(patch), "-o", &at(video)], &report);
        assert_eq!(again["program_sha256"], first["program_sha256"], "{patch}");
        let bytes = |name: &str| std::fs::read(at(name)).expect("a video");
        assert!(bytes(video) == bytes("a.mp4"), "{video} is the same to the last bit");
    }
}

#[test]
fn metadata_can_be_left_out_and_no_patch_is_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let report = folder.path().join("report.json");
    let files = || {
        let entries = std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry"));
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().expect("a name")).collect();
        names.sort();
        names
    };
    for name in ["a.mp4", "p.png"] {
        rendered(&["patches/first_bend.json", "--no-metadata", "-o", &at(name)], &report);
    }
    assert_eq!(files(), ["a.mp4", "p_000000.png", "p_000001.png", "report.json"]);
    for name in ["a.mp4", "p_000001.png", "report.json"] {
        let extract = bendrack(&["extract", &at(name)]);
        assert!(extract.status.code() == Some(1) && extract.stdout.is_empty(), "{name}");
        let report = stderr(&extract);
        assert!(report.contains(name) && report.contains("look for") && report.contains(".bend.json"), "{report}");
    }
    let known = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(!known(&std::fs::read(at("a.mp4")).expect("a video"), b"bendrack"), "nothing of it is left");

    // The patch lies where the sidecar would.
    let own = at("g.bend.json");
    std::fs::copy("patches/first_bend.json", &own).expect("a copy");
    let before = std::fs::read(&own).expect("a patch");
    for patch in [own.as_str(), "patches/first_bend.json"] {
        let args = ["render", patch, "-o", &at("g.gif"), "--frames", "1", "--size", "64x64", "--zoom", "1"];
        let render = bendrack(&args);
        assert!(render.status.success(), "{}", stderr(&render));
        assert!(stderr(&render).contains("g.bend.json") && stderr(&render).contains("left as it is"), "{patch}");
        assert_eq!(std::fs::read(&own).expect("still there"), before);
    }
    let extract = bendrack(&["extract", &at("g.gif")]);
    assert!(stderr(&extract).contains("its patch is beside it"), "{}", stderr(&extract));
    let extract = bendrack(&["extract", &own, "-o", &own]);
    assert!(extract.status.code() == Some(2) && std::fs::read(&own).expect("still there") == before);
    assert_eq!(bendrack(&["extract", "--provenance", &own]).status.code(), Some(1), "a patch has no render record");
    assert_eq!(bendrack(&["extract", &at("no.mp4")]).status.code(), Some(1));
}

#[test]
fn a_node_is_explained_with_the_help_of_all_its_ports() {
    let explained = |name: &str, lines: &[&str]| {
        let text = stdout(&bendrack(&["nodes", name]));
        let plain = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        for line in lines {
            let (begins, ends) = line.split_once('…').expect("a line with what is left out");
            assert!(plain.iter().any(|plain| plain.starts_with(begins) && plain.ends_with(ends)), "{line}: {text}");
        }
    };
    explained(
        "modulate.lfo",
        &[
            "rate number Frequency…[0.25 Hz; 0.01 to 2 (0 to 30), log]",
            "shape choice Waveform…[sine; sine, triangle, saw_up, saw_down, square, sample_hold, smooth_random, pulse]",
            "run gate Gate…[on]",
            "reset gate Trigger…[off]",
            "depth number Amplitude…[1; 0 to 1 (any)]",
            "wrap gate Trigger…cycle.",
        ],
    );
    explained("modulate.hold", &["in signal Number to sample…[0 to 1 (any)]"]);
    explained("logic.switch", &["index signal Index of…[0; 0 to 3 (any)]"]);
    explained("output.heatmap", &["scale choice Interpolation…[bicubic; nearest, bilinear, bicubic]"]);
    explained("math.delay", &["out number, frame late The delayed….", "frames number Delay…[1; 1 to 32 (1 to 256)]"]);
    explained("tap.picture", &["brightness number, late Mean luma….", "region target Region…connected."]);
}

#[test]
fn a_family_is_listed_and_a_name_that_is_nearly_right_is_put_right() {
    let list = bendrack(&["nodes", "cache"]);
    let names: Vec<String> =
        stdout(&list).lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert!(list.status.success());
    assert_eq!(names, ["cache.reset", "cache.off", "cache.recache", "cache.stale"]);
    for (typed, suggested) in [
        ("lfo", "did you mean modulate.lfo? "),
        ("modulate.lof", "did you mean modulate.lfo? "),
        ("noise", "did you mean modulate.noise or bend.noise? "),
        ("euclide", "did you mean time.euclid? "),
        ("modulat", "did you mean modulate? "),
        ("bends", "did you mean bend? "),
        ("nothing.like.it", "\"nothing.like.it\"; `bendrack nodes` lists all nodes"),
    ] {
        let nodes = bendrack(&["nodes", typed]);
        assert!(nodes.status.code() == Some(1) && stderr(&nodes).contains(suggested), "{typed}: {}", stderr(&nodes));
    }
}

#[test]
fn maps_are_saved_apart_and_loaded_into_another_patch() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a name").to_owned();
    let (set, patch, other) = (path("set.json"), path("patch.json"), path("other.json"));
    let saved = bendrack(&["maps", "save", "patches/midi_colour.json", "-o", &set]);
    assert!(saved.status.success(), "{saved:?}");
    assert!(stdout(&saved).contains("set.json: "), "{}", stdout(&saved));
    std::fs::copy("patches/midi_colour.json", &patch).expect("a copy");
    std::fs::copy("patches/first_bend.json", &other).expect("a copy");
    let maps = |path: &str| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).expect("a patch")).expect("JSON")["maps"]
            .clone()
    };
    let before = maps(&patch);
    let text = std::fs::read_to_string(&patch).expect("a patch").replace("\"number\": 1,", "\"number\": 99,");
    std::fs::write(&patch, text).expect("written");
    assert!(bendrack(&["maps", "load", &set, &patch]).status.success());
    assert_eq!(maps(&patch), before);
    let loaded = bendrack(&["maps", "load", &set, &other]);
    assert!(loaded.status.success() && stdout(&loaded).contains("0 maps; this patch has no "), "{}", stdout(&loaded));
    // Nothing is lost by a wrong name.
    let refused = bendrack(&["maps", "save", "patches/midi_colour.json", "-o", &other]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no set of maps"), "{refused:?}");
    assert!(bendrack(&["check", &other]).status.success());
    assert_eq!(bendrack(&["maps", "load", &patch, &other]).status.code(), Some(1));
    assert_eq!(bendrack(&["maps", "save", "patches/first_bend.json", "-o", &set]).status.code(), Some(1));
}

/// A patch with bends and taps costs more than the model alone, and its parts are counted.
#[test]
fn check_measures_the_cost_of_a_patch() {
    let checked = bendrack(&["check", "--cost", "--json", "patches/first_bend.json"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let cost = &report["cost"];
    assert!(cost["calls"].as_u64() >= Some(2) && cost["bends"] == 1 && cost["taps"] == 1, "{report}");
    assert!(cost["times"].as_f64() > Some(0.5) && cost["milliseconds"].as_f64() > Some(0.0), "{report}");
    let plain = bendrack(&["check", "--cost", "patches/first_bend.json"]);
    let text = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(text.contains("1 bend, 1 tap; a call takes"), "{text}");
    let without = bendrack(&["check", "--json", "patches/first_bend.json"]);
    assert!(!String::from_utf8_lossy(&without.stdout).contains("cost"));
}
