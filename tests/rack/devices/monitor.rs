//! `bendrack devices --monitor`, as people and as programs read it.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::osc;

/// Starts the monitor of an OSC port, as people and as programs read it.
fn monitor(address: SocketAddr, form: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args([
            "devices",
            "--monitor",
            "--midi",
            "none",
            "--gamepad",
            "none",
            "--seconds",
            "2",
            "--osc-in",
            &address.to_string(),
        ])
        .args(form)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

#[test]
fn the_monitor_prints_what_arrives_and_no_control_character() {
    let free = || UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let ports = [free(), free()];
    let mut monitors = [monitor(ports[0], &[]), monitor(ports[1], &["--json"])];
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let good = rosc::encoder::encode(&osc("/\u{1b}c\u{202e}\nforged", 0.5)).expect("it encodes");
    while monitors.iter_mut().any(|monitor| monitor.try_wait().expect("a state").is_none()) {
        for port in ports {
            // Nobody may be listening yet, or any more.
            let _ = socket.send_to(&good, port);
            let _ = socket.send_to(b"\x1b]0;own\x07\n\0\0", port);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let [text, json] = monitors.map(|monitor| {
        let output = monitor.wait_with_output().expect("an output");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    });
    let last = text.lines().last().expect("a line");
    assert!(last.contains("s  green   OSC 127.0.0.1") && last.contains("/\\u{1b}c\\u{202e}\\nforged 0.5"), "{text}");
    assert!(last.contains("last error: ") && last.contains("own\\u{7}"), "{text}");
    assert!(text.lines().all(|line| line.contains(" s  ")), "no line is forged: {text}");
    let is_hidden = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(is_hidden) && !json.contains(is_hidden), "{text}{json}");
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!((2..=3).contains(&lines.len()), "a line each second: {json}");
    let (device, control) = (&lines[1]["devices"][0], &lines[1]["controls"][0]);
    assert_eq!(
        (&device["kind"], &device["light"], &device["state"]),
        (&"osc_in".into(), &"green".into(), &"open".into())
    );
    assert!(device["messages"].as_u64() > Some(0) && device["errors"].as_u64() > Some(0), "{device}");
    assert_eq!((&control["kind"], &control["values"]), (&"osc".into(), &serde_json::json!([0.5])));
    assert_eq!(control["address"], "/\u{1b}c\u{202e}\nforged");
    for wrong in
        [&["devices", "--osc-in", "9000"][..], &["devices", "--monitor", "--midi", "none", "--gamepad", "none"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_bendrack")).args(wrong).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
