//! `--share`: pictures of `bendrack play` in a device of v4l2loopback. A stand-in takes the place of the kernel module.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bendrack::media::Picture;
use bendrack::output::scale::fitted;

const PATCH: &str = r#"{ "format": "bendrack-patch", "version": 1,
    "nodes": { "wan": { "type": "model.wan", "params": { "prompt": "a red soccer ball over a meadow" } } } }"#;

/// The stand-in, as a library that the loader puts before the system's.
fn stand_in(folder: &Path) -> PathBuf {
    let library = folder.join("fake_v4l2.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rack/fake_v4l2.c");
    let flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o"];
    let status = Command::new("cc").args(flags).arg(&library).arg(source).status().expect("a C compiler");
    assert!(status.success());
    library
}

/// Plays the patch for a second, shares it, and returns what it printed.
fn play(folder: &Path, share: &str, environment: &[(&str, &str)]) -> Output {
    std::fs::write(folder.join("a.json"), PATCH).expect("a patch");
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(["play", "a.json", "--size", "64x64", "--zoom", "1", "--midi", "none", "--seconds", "1"])
        .args(["--frames-out", "rawvideo", "--share", share])
        .envs(environment.iter().copied())
        .current_dir(folder)
        .output()
        .expect("it runs")
}

/// The brightness of each pixel of BT.601, 16 to 235.
fn luma(rgb: &[u8]) -> Vec<f32> {
    let of =
        |p: &[u8]| 16.0 + (65.481 * f32::from(p[0]) + 128.553 * f32::from(p[1]) + 24.966 * f32::from(p[2])) / 255.0;
    rgb.chunks_exact(3).map(of).collect()
}

/// True if the bytes are this picture as YUYV: all brightnesses, and the colours of each pair.
fn is_same(bytes: &[u8], picture: &Picture) -> bool {
    let is_near = |byte: u8, wanted: f32| (f32::from(byte) - wanted).abs() < 0.6;
    let bright = bytes.iter().step_by(2).zip(luma(&picture.rgb)).all(|(byte, wanted)| is_near(*byte, wanted));
    let colours = bytes.chunks_exact(4).zip(picture.rgb.chunks_exact(6)).all(|(yuyv, pair)| {
        let [r, g, b] = [0, 1, 2].map(|at| (f32::from(pair[at]) + f32::from(pair[at + 3])) / 510.0);
        is_near(yuyv[1], 128.0 - 37.797 * r - 74.203 * g + 112.0 * b)
            && is_near(yuyv[3], 128.0 + 112.0 * r - 93.786 * g - 18.214 * b)
    });
    bright && colours
}

/// The pictures on standard output.
fn shown(output: &Output) -> Vec<Picture> {
    let picture = |rgb: &[u8]| Picture { width: 64, height: 64, rgb: rgb.to_vec() };
    output.stdout.chunks_exact(64 * 64 * 3).map(picture).collect()
}

#[test]
fn a_device_gets_the_pictures_of_the_show_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let library = stand_in(folder).display().to_string();
    std::fs::write(folder.join("video10"), "").expect("a file");
    let output = play(folder, "v4l2:video10", &[("LD_PRELOAD", &library)]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("fake v4l2: 64x64") && errors.contains("fake v4l2: 1/16 s"), "{errors}");
    assert!(errors.contains("v4l2:video10: shared, 64×64"), "{errors}");

    let (written, shown) = (std::fs::read(folder.join("video10")).expect("bytes"), shown(&output));
    assert_eq!(written.len() % (64 * 64 * 2), 0, "whole pictures");
    let mut at = 0;
    for (index, bytes) in written.chunks_exact(64 * 64 * 2).enumerate() {
        let found = shown[at..].iter().position(|picture| is_same(bytes, picture));
        at += found.unwrap_or_else(|| panic!("picture {index} of the device was not shown after {at}"));
    }
    assert!(at > 4, "the pictures move: {at}");
}

#[test]
fn a_device_with_a_size_of_its_own_gets_the_whole_picture_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let library = stand_in(folder).display().to_string();
    std::fs::write(folder.join("video10"), "").expect("a file");
    let output = play(folder, "v4l2:video10", &[("LD_PRELOAD", &library), ("FAKE_V4L2_SIZE", "96x32")]);
    assert!(output.status.success());
    let (written, shown) = (std::fs::read(folder.join("video10")).expect("bytes"), shown(&output));
    let first = &written[..96 * 32 * 2];
    assert!(shown.iter().any(|picture| is_same(first, &fitted(picture, 96, 32))), "the picture with black beside it");
}

#[test]
fn a_share_that_cannot_be_opened_warns_and_the_show_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let library = stand_in(folder).display().to_string();
    std::fs::write(folder.join("video10"), "").expect("a file");
    let camera: &[(&str, &str)] = &[("LD_PRELOAD", &library), ("FAKE_V4L2_CAMERA", "1")];
    for (share, environment, wanted) in [
        (
            "v4l2:/dev/video77",
            &[][..],
            "there is no such device; make one with `sudo modprobe v4l2loopback video_nr=77",
        ),
        ("v4l2:video10", &[], "is no video device"),
        ("v4l2:video10", camera, "is a camera and takes no pictures"),
    ] {
        let output = play(folder, share, environment);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && shown(&output).len() > 4, "{share}: {errors}");
        assert_eq!(errors.matches("warning: v4l2:").count(), 1, "{errors}");
        assert!(errors.contains(wanted), "{errors}");
    }
}

#[test]
fn a_wrong_share_is_an_error_of_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for (share, wanted) in
        [("ndi", "bendrack has no ndi"), ("v4l2:", "v4l2:/dev/video10"), ("/dev/video0", "a share is")]
    {
        let output = play(folder.path(), share, &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(wanted), "{errors}");
    }
}
