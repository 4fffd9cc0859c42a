//! `bendrack play`, and the takes that it writes, run as people run them.

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bendrack::take::Summary;
use rosc::{OscMessage, OscPacket, OscType};
use serde_json::Value as Json;

const PATCH: &str = r#"{ "format": "bendrack-patch", "version": 1,
    "nodes": {
        "fader": { "type": "osc.in", "params": { "address": "/fader" } },
        "gain": { "type": "bend.gain", "params": { "site": "ffn.hidden", "gain": 1.0 }, "depths": { "gain": 0.5 } },
        "wan": { "type": "model.wan", "params": { "prompt": "a red soccer ball over a meadow" } }
    },
    "cables": [{ "from": "fader.out", "to": "gain.gain" }, { "from": "gain.bends", "to": "wan.bends" }] }"#;

fn start(folder: &Path, args: &[&str]) -> Child {
    std::fs::write(folder.join("a.json"), PATCH).expect("a patch");
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(["play", "a.json", "--size", "64x64", "--zoom", "1", "--midi", "none"])
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bendrack starts")
}

/// The end of a process within a minute, and what it printed on stderr.
fn ended(mut child: Child) -> (ExitStatus, String) {
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a process") {
            break status;
        }
        if begin.elapsed() > Duration::from_mins(1) {
            child.kill().expect("a process");
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut errors = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
    (status, errors)
}

fn bendrack(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bendrack")).args(args).current_dir(folder).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

fn send(port: u16, number: f32) {
    let message = OscMessage { addr: "/fader".into(), args: vec![OscType::Float(number)] };
    let bytes = rosc::encoder::encode(&OscPacket::Message(message)).expect("a packet");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.send_to(&bytes, ("127.0.0.1", port)).expect("sent");
}

/// Pictures of a folder of numbered PNG files, as RGB.
fn pictures(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    paths.sort();
    paths.iter().map(|path| image::open(path).expect("a picture").to_rgb8().into_raw()).collect()
}

#[test]
fn a_set_played_through_osc_is_rendered_again_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut child =
        start(folder, &["--osc-in", &address, "--take-out", "a.take", "--frames-out", "rawvideo", "--seconds", "5"]);
    let mut out = child.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes)
    });
    for step in 0..60_u8 {
        std::thread::sleep(Duration::from_millis(70));
        send(port, f32::from(step % 20) / 20.0);
    }
    let (status, errors) = ended(child);
    assert!(status.success(), "{errors}");
    let shown = reader.join().expect("a thread").expect("pictures");
    let shown: Vec<&[u8]> = shown.chunks_exact(64 * 64 * 3).collect();
    assert!(shown.len() > 24, "{} pictures", shown.len());

    let (code, errors) = bendrack(folder, &["render", "--take", "a.take", "-o", "again/", "-q"]);
    assert_eq!(code, Some(0), "{errors}");
    let again = pictures(&folder.join("again"));
    // The last pictures may have been made and not shown.
    assert!(again.len() >= shown.len() && again.iter().zip(&shown).all(|(again, shown)| again == shown));
    let (code, _) = bendrack(
        folder,
        &["render", "a.json", "-o", "plain/", "-q", "--size", "64x64", "--zoom", "1", "--frames", "24"],
    );
    assert_eq!(code, Some(0));
    assert!(pictures(&folder.join("plain"))[..24] != again[..24], "the fader is seen");

    // Once more from its second half, at another size, in other steps.
    for (out, args) in [
        ("late/", &["--start", "1", "--frames", "8"][..]),
        ("large/", &["--size", "96x64", "--frames", "8"]),
        ("quick/", &["--steps", "2", "--frames", "8"]),
        ("final/", &["--final", "--frames", "8"]),
    ] {
        let (code, errors) = bendrack(folder, &[&["render", "--take", "a.take", "-q", "-o", out], args].concat());
        assert_eq!(code, Some(0), "{args:?}: {errors}");
        assert_eq!(pictures(&folder.join(out)).len(), 8, "{args:?}");
    }
    assert!(pictures(&folder.join("late"))[..] == again[16..24]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
    let args = ["render", "--take", "a.take", "--progress", "--start", "1", "--frames", "8", "-o", "shown/"];
    let progress = command.args(args).current_dir(folder).output().expect("it runs").stdout;
    let progress = String::from_utf8(progress).expect("text");
    let lines: Vec<Json> = progress.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let made = |line: &Json| line["pictures"].as_u64().expect("a number");
    assert!(lines.len() > 4 && lines.is_sorted_by_key(made), "{progress}");
    assert_eq!(lines.last(), Some(&serde_json::json!({ "pictures": 24, "of": 24 })), "with those that are left out");
    for (name, more) in [("killed", &[][..]), ("killed_late", &["--start", "0.8"]), ("killed_final", &["--final"])] {
        check_killed(folder, name, more);
    }
}

/// A render of a take that is killed twice has the bytes of one that was not killed.
fn check_killed(folder: &Path, name: &str, more: &[&str]) {
    let (whole, killed) = (format!("{name}_whole.mp4"), format!("{name}.mp4"));
    let args = |out| [&["render", "--take", "a.take", "--checkpoint", "0.5", "-o", out], more].concat();
    let (code, errors) = bendrack(folder, &args(&whole));
    assert_eq!(code, Some(0), "{errors}");
    for at in [25, 45] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bendrack"));
        command.args(args(&killed)).args(["--resume", "--progress"]).current_dir(folder);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let made =
            lines.map(|line| serde_json::from_str::<Json>(&line.expect("a line")).expect("JSON")["pictures"].as_u64());
        assert!(made.into_iter().any(|made| made >= Some(at)), "it ended before picture {at}");
        child.kill().and_then(|()| child.wait()).expect("a process");
    }
    let resumed = [&args(&killed)[..], &["--resume"]].concat();
    let (code, errors) = bendrack(folder, &resumed);
    assert!(code == Some(0) && errors.contains(" pictures, the last "), "{errors}");
    let [whole, killed] = [&whole, &killed].map(|name| std::fs::read(folder.join(name)).expect("a video"));
    assert!(whole == killed, "{name}: the videos differ");
    let (code, errors) = bendrack(folder, &resumed);
    assert!(code == Some(0) && errors.contains("finished already"), "{errors}");
}

#[test]
fn a_take_that_is_recorded_is_not_one_that_broke_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut child = start(folder, &["--take-out", "a.take"]);
    let (path, begin) = (folder.join("a.take"), Instant::now());
    let summary = || Summary::read(&path).ok().filter(|summary| summary.secs > 0.5);
    while summary().is_none() {
        assert!(begin.elapsed() < Duration::from_mins(1), "no pictures");
        std::thread::sleep(Duration::from_millis(100));
    }
    let render = |out: &str| bendrack(folder, &["render", "--take", "a.take", "-o", out, "--frames", "4"]);
    let state = || summary().map(|summary| (summary.is_cut, summary.is_recording));
    assert_eq!(state(), Some((true, true)));
    let (code, errors) = render("now/");
    assert!(code == Some(0) && errors.contains("a.take: the take is still being recorded; its first"), "{errors}");
    child.kill().and_then(|()| child.wait()).expect("a process");
    assert_eq!(state(), Some((true, false)));
    let (code, errors) = render("then/");
    assert!(code == Some(0) && errors.contains("a.take: the take has no end, after a crash"), "{errors}");
}

#[test]
fn a_take_of_another_model_or_with_other_pictures_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (status, errors) = ended(start(folder, &["--take-out", "a.take", "--seconds", "4"]));
    assert!(status.success(), "{errors}");
    let text = || {
        let mut text = String::new();
        let file = std::fs::File::open(folder.join("a.take")).expect("a take");
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).expect("text");
        text
    };
    let write = |name: &str, text: &str| {
        let file = std::fs::File::create(folder.join(name)).expect("a file");
        let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        std::io::Write::write_all(&mut out, text.as_bytes()).and_then(|()| out.finish()).expect("written");
    };
    let text = text();
    let header: Json = serde_json::from_str(text.lines().next().expect("a header")).expect("JSON");
    let hash = header["model_sha256"].as_str().expect("a hash");
    write("model.take", &text.replace(hash, &"0".repeat(64)));
    write("size.take", &text.replace("\"size\":[64,64]", "\"size\":[63,64]"));
    write("seed.take", &text.replace("a red soccer ball", "a blue soccer ball"));
    for (take, why) in [
        ("model.take", "--anyway"),
        ("size.take", "multiples of 16"),
        ("seed.take", "differs from the one that was played: the take or this build of bendrack was changed"),
        ("a.json", "not a take"),
        ("none.take", "none.take"),
    ] {
        let (code, errors) = bendrack(folder, &["render", "--take", take, "-q", "-o", "x.mp4"]);
        assert!(code == Some(1) && errors.contains(why) && errors.lines().count() <= 2, "{take}: {errors}");
    }
    let (code, errors) = bendrack(folder, &["render", "--take", "seed.take", "--anyway", "-q", "-o", "y.mp4"]);
    assert_eq!(code, Some(0), "{errors}");
    let (code, errors) = bendrack(folder, &["play", "a.json", "--take-out", "a.take"]);
    assert!(code == Some(2) && errors.contains("exists already"), "{errors}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_and_the_next_start_goes_on_with_its_controls() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let args = ["--osc-in", &address, "--stats", "--state", "state.json", "--resume"];
    let mut child = start(folder, &args);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || -> Json {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    while next()["stage"] != "running" {}
    send(port, 0.625);
    let line = loop {
        let line = next();
        if line["devices"][0]["counts"]["messages"] == 1 || line["devices"][0]["messages"] == 1 {
            break line;
        }
    };
    for key in
        ["pictures", "pictures_per_second", "latency_seconds", "late_pictures", "merged_events", "peak_memory_bytes"]
    {
        assert!(!line[key].is_null(), "{key}: {line}");
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    let (status, errors) = ended(child);
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    let state = std::fs::read_to_string(folder.join("state.json")).expect("a state");
    assert!(state.contains("/fader") && state.contains("0.625"), "{state}");

    // The value is there from the first frame.
    let (status, errors) =
        ended(start(folder, &["--state", "state.json", "--resume", "--take-out", "b.take", "--seconds", "3"]));
    assert!(status.success(), "{errors}");
    let mut text = String::new();
    let file = std::fs::File::open(folder.join("b.take")).expect("a take");
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).expect("text");
    let begin: Vec<&str> = text.lines().skip(1).take(4).collect();
    assert_eq!(begin, ["[\"at\",0]", "[\"name\",\"osc\",\"/fader\",\"127.0.0.1\"]", "[0,0.625]", "[\"make\",3]"]);
    std::fs::write(folder.join("state.json"), "{}").expect("a file");
    let (status, errors) = ended(start(folder, &["--state", "state.json", "--resume"]));
    assert!(!status.success() && errors.contains("state.json"), "{errors}");
}

#[test]
fn pictures_come_as_yuv4mpeg2_and_a_reader_that_leaves_ends_the_video() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = start(folder.path(), &["--frames-out", "y4m"]);
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut head = String::new();
    out.read_line(&mut head).expect("a head");
    assert_eq!(head, "YUV4MPEG2 W64 H64 F16:1 Ip A1:1 C444\n");
    for _ in 0..3 {
        let mut frame = vec![0; 6 + 3 * 64 * 64];
        out.read_exact(&mut frame).expect("a frame");
        assert_eq!(&frame[..6], b"FRAME\n");
    }
    drop(out);
    let (status, errors) = ended(child);
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
}
