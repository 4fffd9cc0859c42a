//! Long renders: ends by signals, limits and errors, and what goes on after them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

const PICTURES: &str = "150";

/// A render of a modulated patch with feedback and a tap into a folder.
fn render(folder: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    command.args(["render", "patches/echo_of_itself.json", "--size", "64x64", "--checkpoint", "1"]);
    if !more.contains(&"--zoom") {
        command.args(["--zoom", "1"]);
    }
    command.args(["--frames", PICTURES, "--progress", "-q", "-o"]).arg(folder.join(name)).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a render, and waits until it has made as many pictures.
fn started(command: &mut Command, pictures: u64) -> Child {
    let mut child = command.spawn().expect("it starts");
    let lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines();
    for line in lines {
        let progress: serde_json::Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        if progress["pictures"].as_u64() >= Some(pictures) {
            break;
        }
    }
    child
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files of a folder, by name.
fn files(folder: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder.path()).expect("inside").to_string_lossy().into_owned();
                files.insert(name, fs::read(path).expect("a file"));
            }
        }
    }
    files
}

/// A WAV file with seconds of a tone at 8,000 samples per second.
fn write_tone(path: &Path, seconds: u32) {
    let samples: Vec<u8> =
        (0..8000 * seconds).flat_map(|n| (((f64::from(n) * 0.3).sin() * 9000.0) as i16).to_le_bytes()).collect();
    let length = samples.len() as u32;
    let mut bytes = [b"RIFF", &(36 + length).to_le_bytes()[..], b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    bytes.extend([1u16, 1].iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend([8000u32, 16_000].iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend([2u16, 16].iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend([b"data", &length.to_le_bytes()[..], &samples].concat());
    fs::write(path, bytes).expect("written");
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Killed at any moment, whatever the format: `--resume` makes the files of the render that was never killed.
#[test]
fn a_killed_render_goes_on_bit_for_bit() {
    let sound = folder();
    let wav = sound.path().join("tone.wav");
    write_tone(&wav, 12);
    let wav = wav.to_str().expect("a path");
    for (name, more) in [("a.mp4", &["--audio", wav][..]), ("a.gif", &[]), ("pictures/", &["--loop", "1"])] {
        let whole = folder();
        let done = render(whole.path(), name, more).output().expect("it runs");
        assert!(done.status.success(), "{name}: {}", said(&done));
        let killed = folder();
        for at in [5, 30, 76] {
            let again = [more, &["--resume"]].concat();
            let mut child = started(&mut render(killed.path(), name, &again), at);
            child.kill().expect("it is running");
            child.wait().expect("it ends");
            let refused = render(killed.path(), name, more).output().expect("it runs");
            assert_eq!(refused.status.code(), Some(2), "{name}");
            assert!(said(&refused).contains("--resume") && said(&refused).contains("--again"), "{}", said(&refused));
        }
        let done = render(killed.path(), name, &[more, &["--resume"]].concat()).output().expect("it runs");
        assert!(done.status.success(), "{name}: {}", said(&done));
        let (killed, whole) = (files(&killed), files(&whole));
        assert_eq!(killed.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>(), "{name}");
        assert!(killed == whole, "{name}: the files differ");
    }
}

/// The mean difference of two pictures, in levels.
fn difference(a: &Path, b: &Path) -> f64 {
    let [a, b] = [a, b].map(|path| image::open(path).expect("a picture").to_rgb8().into_raw());
    a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

/// The last picture of a loop is as near to the first as any two pictures in a row. Its length is the one that was asked for.
#[test]
fn a_loop_has_no_seam() {
    let seams = [&[][..], &["--loop", "1"]].map(|more| {
        let place = folder();
        let done = render(place.path(), "a/", more).output().expect("it runs");
        assert!(done.status.success(), "{}", said(&done));
        let at = |number: usize| place.path().join(format!("a/{number:06}.png"));
        assert!(at(149).is_file() && !at(150).exists(), "150 pictures");
        let record = fs::read(place.path().join("a/patch.bend.json")).expect("a record");
        let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
        assert_eq!(
            (record["render"]["frames"].as_u64(), record["render"]["looped"].as_u64()),
            (Some(150), more.get(1).map(|_| 16))
        );
        let steps: Vec<f64> = (1..150).map(|number| difference(&at(number - 1), &at(number))).collect();
        (difference(&at(149), &at(0)), steps.into_iter().fold(0.0, f64::max))
    });
    let [(open, _), (closed, largest)] = seams;
    assert!(
        closed <= largest && closed < open / 2.0,
        "the seam is {closed}, without a loop {open}; steps up to {largest}"
    );
    let refused = render(folder().path(), "a.mp4", &["--loop", "5"]).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("--loop 5: give at most half of the length and 30 s: here 4.6875 s"),
        "{}",
        said(&refused)
    );
}

/// Ctrl+C and SIGTERM: the video so far is whole, and the render goes on.
#[cfg(unix)]
#[test]
fn a_signal_finishes_the_video() {
    let whole = folder();
    assert!(render(whole.path(), "a.mp4", &[]).output().expect("it runs").status.success());
    for signal in ["INT", "TERM"] {
        let stopped = folder();
        let child = started(&mut render(stopped.path(), "a.mp4", &[]), 40);
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.expect("kill").success());
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(1), "{signal}: {:?} {}", ended.status, said(&ended));
        let why = said(&ended);
        assert!(why.contains("interrupted; ") && why.contains("of 150 pictures are kept; add --resume"), "{why}");
        let video = fs::read(stopped.path().join("a.mp4")).expect("the video so far");
        assert_eq!(video.get(4..8), Some(&b"ftyp"[..]));
        assert!(video.windows(4).all(|name| name != b"moof"), "its index is in front");
        let done = render(stopped.path(), "a.mp4", &["--resume"]).output().expect("it runs");
        assert!(done.status.success(), "{}", said(&done));
        assert!(files(&stopped) == files(&whole), "{signal}");
    }
}

#[test]
fn two_renders_do_not_write_one_video() {
    for name in ["a.mp4", "a.gif", "a.png"] {
        let place = folder();
        let mut child = started(&mut render(place.path(), name, &[]), 5);
        for more in [&[][..], &["--again"], &["--resume"]] {
            let second = render(place.path(), name, more).output().expect("it runs");
            assert!(!second.status.success() && said(&second).contains("another render"), "{name}: {}", said(&second));
        }
        let mut out = child.stdout.take().expect("its output");
        std::io::copy(&mut out, &mut std::io::sink()).expect("read to the end");
        assert!(child.wait().expect("it ends").success(), "{name}");
    }
}

/// A killed render with so many pictures.
fn killed(folder: &Path, name: &str, more: &[&str], pictures: u64) {
    let mut child = started(&mut render(folder, name, more), pictures);
    child.kill().expect("it is running");
    child.wait().expect("it ends");
}

/// Other settings do not go on with an unfinished video, change none of its files, and --again begins a new one.
#[test]
fn an_unfinished_render_goes_on_with_its_own_settings_only() {
    let place = folder();
    killed(place.path(), "a.mp4", &[], 40);
    let before = files(&place);
    let second = place.path().join("b.gif").to_str().expect("a path").to_owned();
    for (more, named) in [
        (&["--seed", "9"][..], "the patch"),
        (&["--exact"], "--exact"),
        (&["--steps", "3"], "--steps"),
        (&["--zoom", "2"], "--zoom"),
        (&["-o", &second], "other videos"),
    ] {
        let other = render(place.path(), "a.mp4", &[more, &["--resume"]].concat()).output().expect("it runs");
        assert_eq!(other.status.code(), Some(1), "{named}");
        assert!(said(&other).contains(named) && said(&other).contains("--again"), "{named}: {}", said(&other));
        assert!(files(&place) == before, "{named}: a file changed");
    }
    let mut shorter = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    shorter.args(["render", "patches/echo_of_itself.json", "--size", "64x64", "--zoom", "1", "--checkpoint", "1"]);
    shorter.args(["--frames", "9", "--resume", "-o"]).arg(place.path().join("a.mp4"));
    let shorter = shorter.output().expect("it runs");
    assert!(said(&shorter).contains("pictures already"), "{}", said(&shorter));
    assert!(files(&place) == before, "shorter: a file changed");

    let checkpoint = place.path().join("a.mp4.checkpoint");
    let bytes = fs::read(&checkpoint).expect("a checkpoint");
    for broken in [&bytes[..bytes.len() / 2], b"", b"{}", &[0; 64], &[&[255; 8][..], &bytes[8..]].concat()] {
        fs::write(&checkpoint, broken).expect("written");
        let other = render(place.path(), "a.mp4", &["--resume"]).output().expect("it runs");
        assert_eq!(other.status.code(), Some(1));
        assert!(said(&other).contains("a.mp4.checkpoint: the checkpoint cannot be read"), "{}", said(&other));
    }
    let again = render(place.path(), "a.mp4", &["--again"]).output().expect("it runs");
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(files(&place).keys().collect::<Vec<_>>(), ["a.bend.json", "a.mp4"]);
}

/// Pictures of another render are not touched by one that goes on, or begins again, with their folder among its outputs.
#[test]
fn pictures_of_another_render_stay() {
    let place = folder();
    let at = |name: &str| format!("{}/", place.path().join(name).display());
    let done = render(place.path(), "done/", &[]).output().expect("it runs");
    assert!(done.status.success(), "{}", said(&done));
    killed(place.path(), "a.mp4", &["-o", &at("frames")], 40);
    let before = files(&place);
    for more in [&["-o", &at("done"), "--resume"][..], &["-o", &at("done"), "--again"]] {
        let other = render(place.path(), "a.mp4", more).output().expect("it runs");
        assert!(!other.status.success(), "{more:?}");
        let after = files(&place);
        assert!(before.iter().filter(|(name, _)| name.contains("done")).all(|(name, it)| after.get(name) == Some(it)));
    }
}

/// A render that is stopped leaves an older video as it is, and goes on nevertheless.
#[cfg(unix)]
#[test]
fn an_older_video_stays_until_the_new_one_is_whole() {
    for name in ["a.mp4", "a.gif"] {
        let place = folder();
        let older = render(place.path(), name, &["--seed", "5"]).output().expect("it runs");
        assert!(older.status.success(), "{}", said(&older));
        let older = fs::read(place.path().join(name)).expect("a video");
        let child = started(&mut render(place.path(), name, &[]), 40);
        Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().expect("kill");
        let stopped = child.wait_with_output().expect("it ends");
        let part = name.replace("a.", "a.part.");
        assert!(said(&stopped).contains(&part) && said(&stopped).contains("older video stays"), "{}", said(&stopped));
        assert!(fs::read(place.path().join(name)).expect("still there") == older, "{name}");
        let done = render(place.path(), name, &["--resume"]).output().expect("it runs");
        assert!(done.status.success(), "{}", said(&done));
        let whole = folder();
        assert!(render(whole.path(), name, &[]).output().expect("it runs").status.success());
        assert!(files(&place) == files(&whole), "{name}");
    }
}

/// Numbered pictures go on, and begin again, from before their first checkpoint too.
#[cfg(unix)]
#[test]
fn pictures_go_on_before_their_first_checkpoint() {
    let place = folder();
    let rare = ["--checkpoint", "1000"];
    let command = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
        command.args(["render", "patches/first_bend.json", "--size", "64x64", "--zoom", "1", "--frames", "60", "-q"]);
        command.args(rare).args(["--progress", "-o"]).arg(format!("{}/", place.path().join("p").display())).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    for more in ["--resume", "--again", "--resume"] {
        let child = started(&mut command(&[more]), 9);
        Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().expect("kill");
        let stopped = child.wait_with_output().expect("it ends");
        assert!(said(&stopped).contains("add --resume"), "{more}: {}", said(&stopped));
    }
    let done = command(&["--resume"]).output().expect("it runs");
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(files(&place).keys().filter(|name| name.contains(".png")).count(), 60);
    assert!(files(&place).keys().all(|name| !name.contains("checkpoint") && !name.contains("lock")));
}

/// Without an unfinished render, --resume begins: a supervisor can always give it.
#[test]
fn resume_begins_a_render_that_was_not_begun() {
    let place = folder();
    let begun = render(place.path(), "a.mp4", &["--resume"]).output().expect("it runs");
    assert!(begun.status.success(), "{}", said(&begun));
    assert_eq!(files(&place).keys().collect::<Vec<_>>(), ["a.bend.json", "a.mp4"]);
}

/// A supervisor may give the same command again after the end. Another length, patch or seed is another video.
#[test]
fn a_finished_video_is_not_rendered_again() {
    for name in ["film.mp4", "film.gif"] {
        let folder = folder();
        let run = |more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
            command.args(["render", "patches/echo_of_itself.json", "--size", "64x64", "--zoom", "1", "--resume"]);
            let output = command.arg("-o").arg(folder.path().join(name)).args(more).output().expect("it runs");
            assert!(output.status.success(), "{}", said(&output));
            said(&output)
        };
        let is_finished = |text: &str| text.contains("finished already, with 9 pictures");
        let first = run(&["--frames", "9"]);
        assert!(!is_finished(&first) && first.contains("9 pictures in"), "{first}");
        let made = files(&folder);
        let again = run(&["--frames", "9"]);
        assert!(is_finished(&again), "{name}: {again}");
        assert_eq!(files(&folder), made, "{name}: nothing is left behind, and nothing changed");
        for more in [
            &["--frames", "13"][..],
            &["--frames", "9", "--seed", "77"],
            &["--frames", "9", "--set", "prompt.text=a cat"],
        ] {
            let other = run(more);
            assert!(!is_finished(&other), "{name} {more:?}: {other}");
        }
        let wav = folder.path().join("tone.wav");
        write_tone(&wav, 2);
        let sound = ["--frames", "9", "--audio", wav.to_str().expect("a path")];
        assert!(!is_finished(&run(&sound)) && is_finished(&run(&sound)), "{name}: with sound");
        assert!(!is_finished(&run(&[&sound[..], &["--audio-channels", "left"]].concat())), "{name}: other channels");
    }
}

/// A limit on the size of files ends the render as a full disk does: with a message, and with the pictures so far.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_file_sizes_loses_nothing() {
    let larger = &["--zoom", "4"][..];
    let whole = folder();
    assert!(render(whole.path(), "a.gif", larger).output().expect("it runs").status.success());
    let length = fs::metadata(whole.path().join("a.gif")).expect("a video").len();
    let place = folder();
    let limited = render(place.path(), "a.gif", larger);
    // The units of `ulimit -f` have 512 bytes in this shell. A checkpoint is smaller than half of the video.
    let line = format!("ulimit -f {}; exec \"$0\" \"$@\"", length / 2 / 512);
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).arg(limited.get_program()).args(limited.get_args());
    let ended = shell.output().expect("it runs");
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert!(said(&ended).contains("ulimit -f") && said(&ended).contains("add --resume"), "{}", said(&ended));
    let left: Vec<String> = files(&place).into_keys().collect();
    assert_eq!(left, ["a.bend.json", "a.gif", "a.gif.checkpoint", "a.part.gif"]);
    let done = render(place.path(), "a.gif", &[larger, &["--resume"]].concat()).output().expect("it runs");
    assert!(done.status.success(), "{}", said(&done));
    assert!(files(&place) == files(&whole));
}

/// Several files of one render have the same pictures.
#[test]
fn one_render_writes_several_files() {
    let [together, apart] = [folder(), folder()];
    let second = together.path().join("b/");
    let both = render(together.path(), "a.mp4", &["-o", &format!("{}/", second.display())]);
    let done = { both }.output().expect("it runs");
    assert!(done.status.success(), "{}", said(&done));
    for name in ["a.mp4", "b/"] {
        let done = render(apart.path(), name, &[]).output().expect("it runs");
        assert!(done.status.success(), "{}", said(&done));
    }
    let (together, apart) = (files(&together), files(&apart));
    assert_eq!(together.keys().collect::<Vec<_>>(), apart.keys().collect::<Vec<_>>());
    assert!(together == apart);
    assert_eq!(together.keys().filter(|name| name.contains(".png")).count(), 150);
}

/// A copy of mini with one number of a tensor that is NaN.
fn broken_mini(file: &str) -> (TempDir, String) {
    let copy = tempfile::Builder::new().prefix("mini").tempdir().expect("a folder");
    for entry in fs::read_dir("assets/mini").expect("mini").map(|entry| entry.expect("an entry").path()) {
        if entry.is_file() {
            fs::copy(&entry, copy.path().join(entry.file_name().expect("a name"))).expect("copied");
        }
    }
    let path = copy.path().join(file);
    let mut bytes = fs::read(&path).expect("weights");
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("a header")) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    let tensors = header.as_object().expect("tensors");
    let name = tensors.keys().find(|name| name.ends_with("weight") && !name.contains("embed")).expect("weights");
    let start = 8 + length + tensors[name]["data_offsets"][0].as_u64().expect("a place") as usize;
    // All ones are NaN in each format.
    bytes[start..start + 4].fill(0xff);
    fs::write(&path, bytes).expect("written");
    (copy, name.clone())
}

/// A model whose own numbers are not finite is named, instead of a black video that is called a success.
#[test]
fn a_broken_model_is_named() {
    for file in ["transformer.safetensors", "text_encoder.safetensors", "decoder.safetensors"] {
        let (model, tensor) = broken_mini(file);
        let place = folder();
        let model = model.path().to_str().expect("a path");
        let broken = render(place.path(), "a.mp4", &["--model", model]).output().expect("it runs");
        let why = said(&broken);
        assert_eq!(broken.status.code(), Some(1), "{file}: {why}");
        assert!(why.contains(file) && why.contains(&tensor) && why.contains("NaN"), "{file}: {why}");
        assert!(!why.contains("lower the amount"), "it blames no bend: {why}");
        assert!(files(&place).is_empty(), "{file}: {:?}", files(&place).keys());
    }
}

/// Forty renoise bends turn the noise to infinity. They are skipped and named, and the picture goes on without them.
#[test]
fn bends_that_turn_the_picture_to_nothing_are_skipped() {
    let place = folder();
    let node = |n: usize| {
        let bend = serde_json::json!({ "type": "bend.renoise", "v": 2, "params": { "gain": 10.0 } });
        (format!("renoise{n}"), bend)
    };
    let mut nodes: serde_json::Map<String, serde_json::Value> = (0..40).map(node).collect();
    nodes.insert("wan".into(), serde_json::json!({ "type": "model.wan", "params": { "prompt": "a red tulip" } }));
    let cable = |n: usize| {
        let to = if n == 39 { "wan.bends".to_owned() } else { format!("renoise{}.bends", n + 1) };
        serde_json::json!({ "from": format!("renoise{n}.bends"), "to": to })
    };
    let cables: Vec<_> = (0..40).map(cable).collect();
    let patch = serde_json::json!({ "format": "bendrack-patch", "version": 1, "nodes": nodes, "cables": cables });
    let path = place.path().join("renoise.json");
    fs::write(&path, patch.to_string()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    command.args(["render", "--size", "64x64", "--zoom", "1", "--frames", "21", "-o"]).arg(place.path().join("p/"));
    let done = command.arg(&path).output().expect("it runs");
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("renoise39") && said(&done).contains("skipped"), "{}", said(&done));
    let files = files(&place);
    let sizes = files.iter().filter(|(name, _)| name.contains(".png")).map(|(_, bytes)| bytes.len());
    assert!(sizes.min() > Some(1500), "no picture is black: {}", said(&done));
}

/// A bend that is skipped at many places is named once, with a count at the end.
#[test]
fn a_skipped_bend_is_named_once() {
    let place = folder();
    let node = |n: usize| {
        let params = serde_json::json!({ "site": "ffn.hidden", "gain": 100.0 });
        (format!("gain{n:02}"), serde_json::json!({ "type": "bend.gain", "v": 2, "params": params }))
    };
    let mut nodes: serde_json::Map<String, serde_json::Value> = (0..40).map(node).collect();
    nodes.insert("wan".into(), serde_json::json!({ "type": "model.wan", "params": { "prompt": "a red tulip" } }));
    let cable = |n: usize| {
        let to = if n == 39 { "wan.bends".to_owned() } else { format!("gain{:02}.bends", n + 1) };
        serde_json::json!({ "from": format!("gain{n:02}.bends"), "to": to })
    };
    let cables: Vec<_> = (0..40).map(cable).collect();
    let patch = serde_json::json!({ "format": "bendrack-patch", "version": 1, "nodes": nodes, "cables": cables });
    let path = place.path().join("gain.json");
    fs::write(&path, patch.to_string()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    command.args(["render", "--size", "64x64", "--zoom", "1", "--frames", "21", "-o"]).arg(place.path().join("a.mp4"));
    let done = command.arg(&path).output().expect("it runs");
    assert!(done.status.success(), "{}", said(&done));
    let lines = said(&done).lines().filter(|line| line.contains("overflow at ffn.hidden")).count();
    assert!((1..=40).contains(&lines), "{lines}: {}", said(&done));
    assert!(said(&done).contains("more times"), "{}", said(&done));
}

/// The codec and the number of pictures and of sound tracks of a video, by ffprobe.
fn probed(path: &Path) -> (String, u64, usize) {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-count_frames", "-show_streams", "-of", "json"]).arg(path);
    let found = command.output().expect("ffprobe");
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let streams = found["streams"].as_array().expect("streams");
    let (videos, sounds): (Vec<_>, Vec<_>) = streams.iter().partition(|stream| stream["codec_type"] == "video");
    let frames = videos[0]["nb_read_frames"].as_str().and_then(|count| count.parse().ok());
    (videos[0]["codec_name"].as_str().expect("a codec").to_owned(), frames.expect("a count"), sounds.len())
}

/// The formats of ffmpeg, where it is installed; a clear message elsewhere.
#[test]
fn ffmpeg_writes_other_formats() {
    let place = folder();
    let wav = place.path().join("tone.wav");
    write_tone(&wav, 4);
    let wav = wav.to_str().expect("a path");
    let has_ffmpeg = ["ffmpeg", "ffprobe"].iter().all(|it| Command::new(it).arg("-version").output().is_ok());
    for (name, codec) in
        [("a.mov", "prores"), ("b.mkv", "hevc"), ("c.webm", "vp9"), ("d.av1.mkv", "av1"), ("e.av1.webm", "av1")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
        command.args(["render", "patches/kick.json", "--size", "64x64", "--zoom", "1", "--frames", "21", "-q"]);
        command.args(["--audio", wav, "-o"]).arg(place.path().join(name));
        let done = command.output().expect("it runs");
        if !has_ffmpeg {
            assert!(!done.status.success() && said(&done).contains("install it, or choose .mp4"), "{}", said(&done));
            continue;
        }
        assert!(done.status.success(), "{name}: {}", said(&done));
        assert_eq!(probed(&place.path().join(name)), (codec.to_owned(), 21, 1), "{name}");
    }
    let left: Vec<String> =
        files(&place).into_keys().filter(|name| name.contains("part") || name.contains("pcm")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Pictures on standard output, for a program such as ffmpeg.
#[test]
fn pictures_go_to_standard_output() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    command.args([
        "render",
        "patches/first_bend.json",
        "--size",
        "64x64",
        "--zoom",
        "1",
        "--frames",
        "9",
        "-q",
        "-o",
        "-",
    ]);
    let done = command.output().expect("it runs");
    assert!(done.status.success(), "{}", said(&done));
    let head = done.stdout.split(|&byte| byte == b'\n').next().expect("a line");
    let head = String::from_utf8_lossy(head).into_owned();
    assert!(head.starts_with("YUV4MPEG2 W") && head.contains("F16:1"), "{head}");
    let number = |mark: char| -> usize {
        let word = head.split(' ').find(|word| word.starts_with(mark)).expect("a size");
        word[1..].parse().expect("a number")
    };
    assert_eq!(done.stdout.len(), head.len() + 1 + 9 * (6 + 3 * number('W') * number('H')));
    assert!(!Path::new("-.bend.json").exists() && !Path::new("-.checkpoint").exists());
}
