//! An audio input that ALSA reads from a pipe with a sine. ALSA's plugin drops samples, so its pitch is higher, at the
//! same speed.

use std::f64::consts::TAU;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bendrack::input::Stamped;
use bendrack::io::audio::AudioSource;
use bendrack::io::{Kind, Settings};
use bendrack_nodes::input::Event;
use bendrack_nodes::node::sound::Hop;

use super::{Other, SOON, TASK, is_open, light, open, path_of, task, within};

/// How loud it is, of 1 for a sine at full scale.
fn level(hop: &Hop) -> f32 {
    (2.0 * hop.bands.iter().map(|band| band * band).sum::<f32>()).sqrt()
}

#[test]
#[ignore = "the second process of a_sine_at_an_audio_input_is_measured"]
fn listener() {
    let Some(name) = task() else { return };
    // A converter and a card that is gone are not listed, though the converter opens.
    assert_eq!(bendrack::io::audio::inputs(), Ok(vec!["Bendrack test".to_owned()]));
    let (devices, inbox) = open(&Settings { audio: AudioSource::Named(name), ..Settings::none() });
    let take = || -> Vec<Hop> {
        let hop = |stamped: Stamped| if let Event::Sound(hop) = stamped.event { Some(*hop) } else { None };
        inbox.take(Instant::now()).into_iter().filter_map(hop).collect()
    };
    let is_sine = |hop: &Hop| (level(hop) - 0.5).abs() < 0.1;
    within(SOON, "it sounds", || take().last().is_some_and(is_sine));
    assert!(is_open(&devices, Kind::Audio));
    let (mut received, begin) = (Vec::new(), Instant::now());
    while begin.elapsed() < Duration::from_secs(3) {
        received.append(&mut take());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!((50..=400).contains(&received.len()), "{} hops in 3 s", received.len());
    let sines = received.iter().filter(|hop| is_sine(hop)).count();
    assert!(sines * 10 > received.len() * 9, "{sines} of {}", received.len());
    assert!(light(&devices, Kind::Audio).is_some_and(|light| light.counts.messages > 3), "it is lit");
    let begin = Instant::now();
    drop(devices);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_sine_at_an_audio_input_is_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pipe, settings) = (folder.path().join("pipe"), folder.path().join("asound.conf"));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let text = format!(
        r#"
pcm.null {{ type null }}
pcm.pipe {{ type file slave.pcm null file "/dev/null" infile "{}" format raw }}
pcm.bendrack {{
    type plug
    slave {{ pcm pipe format S16_LE rate 48000 channels 2 }}
    hint {{ show on description "Bendrack test" }}
}}
pcm.lavrate {{
    type plug
    slave {{ pcm null }}
    hint {{ show on description "Rate Converter Plugin Using Libav/FFmpeg Library" }}
}}
pcm.gone {{
    type hw
    card 31
    hint {{ show on description "Card that is gone" }}
}}
"#,
        pipe.display()
    );
    std::fs::write(&settings, text).expect("settings");
    // Open at both ends, so that nobody waits for the other end.
    let mut ends = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe");
    let done = Arc::new(AtomicBool::new(false));
    let is_done = done.clone();
    let player = std::thread::spawn(move || {
        let (begin, mut played) = (Instant::now(), 0_u32);
        while !is_done.load(Ordering::Relaxed) {
            while f64::from(played) < 48_000.0 * begin.elapsed().as_secs_f64() {
                let sample = |n: u32| (16_384.0 * (TAU * 1000.0 * f64::from(n) / 48_000.0).sin()) as i16;
                let frames = (played..played + 480).flat_map(|n| [sample(n), sample(n)]);
                let bytes: Vec<u8> = frames.flat_map(i16::to_le_bytes).collect();
                ends.write_all(&bytes).expect("it is written");
                played += 480;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut listener = Command::new(std::env::current_exe().expect("this program"))
        .args([&path_of(module_path!(), "listener"), "--exact", "--ignored", "--nocapture"])
        .env(TASK, "bendrack test")
        .env("ALSA_CONFIG_PATH", &settings)
        .spawn()
        .map(Other)
        .expect("it starts");
    let mut ended = None;
    within(3 * SOON, "a message arrived", || {
        ended = listener.0.try_wait().expect("a process");
        ended.is_some()
    });
    done.store(true, Ordering::Relaxed);
    drop(player);
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}
