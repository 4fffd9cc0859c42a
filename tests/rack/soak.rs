//! All inputs and outputs at once through `bendrack play`: nothing is lost uncounted, and the memory stays flat.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rosc::{OscMessage, OscPacket, OscType};
use serde_json::{Value as Json, json};
use tungstenite::Message;

/// Messages of OSC a second, and every how many is malformed.
const OSC_PER_SEC: u64 = 1000;
const MALFORMED: u64 = 50;
/// Lines of a board a second.
const LINES_PER_SEC: u64 = 400;
/// Growth of the memory that is no leak: buffers that are in use later than at the first look.
const GROWTH: u64 = 24 << 20;

/// A process that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_udp() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

fn free_tcp() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port").port()
}

fn packet(address: &str, number: f32) -> Vec<u8> {
    let message = OscMessage { addr: address.into(), args: vec![OscType::Float(number)] };
    rosc::encoder::encode(&OscPacket::Message(message)).expect("a packet")
}

/// Calls `send` so many times a second until the end. Returns the count.
fn at_rate(per_sec: u64, stop: &Arc<AtomicBool>, mut send: impl FnMut(u64) + Send + 'static) -> JoinHandle<u64> {
    let stop = stop.clone();
    std::thread::spawn(move || {
        let (begin, mut count) = (Instant::now(), 0);
        while !stop.load(Ordering::Relaxed) {
            let due = (begin.elapsed().as_secs_f64() * per_sec as f64) as u64;
            while count < due {
                send(count);
                count += 1;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        count
    })
}

/// A patch that reads and sends by every protocol of the network.
fn patch(folder: &Path) -> String {
    let node = |kind: &str, params: Json| json!({ "type": kind, "params": params });
    let patch = json!({
        "format": "bendrack-patch", "version": 1,
        "nodes": {
            "fader": node("osc.in", json!({ "address": "/fader/1" })),
            "touch": node("serial.in", json!({ "name": "touch" })),
            "gain": json!({ "type": "bend.gain", "params": { "site": "ffn.hidden", "gain": 1.0 }, "depths": { "gain": 0.25 } }),
            "lfo": node("modulate.lfo", json!({ "rate": 0.5 })),
            "wan": node("model.wan", json!({ "prompt": "a red soccer ball over a meadow" })),
            "out": node("osc.out", json!({ "address": "/echo" })),
            "lamp": node("light.channel", json!({})),
            "led": node("serial.out", json!({ "name": "led" })),
            "strip": node("light.matrix", json!({ "columns": 8, "rows": 8 })),
        },
        "cables": [
            { "from": "fader.out", "to": "gain.gain" }, { "from": "gain.bends", "to": "wan.bends" },
            { "from": "touch.out", "to": "out.value" }, { "from": "lfo.out", "to": "lamp.value" },
            { "from": "lfo.out", "to": "led.value" }, { "from": "wan.picture", "to": "strip.picture" },
        ],
        "maps": [{ "kind": "osc", "address": "/map", "to": "lfo.depth", "range": [0.0, 1.0] }],
    });
    let path = folder.join("soak.json");
    std::fs::write(&path, patch.to_string()).expect("a patch");
    path.to_str().expect("a name").to_owned()
}

/// The counts of all devices, a line for each.
fn counts(stats: &Json) -> String {
    let devices = stats["devices"].as_array().into_iter().flatten();
    let line = |light: &Json| {
        format!(
            "{}: {} messages, {} errors, {} lost, {} dropped, {}",
            light["name"], light["messages"], light["errors"], light["lost"], light["dropped"], light["light"]
        )
    };
    devices.map(line).collect::<Vec<_>>().join("\n")
}

fn has_datagram(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
    socket.recv(&mut [0; 2048]).is_ok()
}

fn soak(secs: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let (udp, tcp, http, boards) = (free_udp(), free_tcp(), free_tcp(), free_udp());
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let lamps: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port")).collect();
    let to = |socket: &UdpSocket| format!("127.0.0.1:{}", socket.local_addr().expect("an address").port());
    let child = Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(["play", &patch(folder.path()), "--size", "64x64", "--zoom", "1", "--stats", "--midi", "none"])
        .args(["--osc-in", &udp.to_string(), "--osc-in", &format!("tcp:{tcp}"), "--oscquery", &http.to_string()])
        .args(["--osc-out", &to(&receiver), "--serial", &format!("udp:{boards}")])
        .args(["--artnet", &to(&lamps[0]), "--sacn", &to(&lamps[1]), "--ddp", &to(&lamps[2])])
        .args(["--take-out", "soak.take", "--seconds", &secs.to_string()])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bendrack starts");
    let mut child = Running(child);
    let mut stats = BufReader::new(child.0.stdout.take().expect("a pipe")).lines();
    let mut next = move || -> Option<Json> {
        let line = stats.next()?.expect("a line");
        Some(serde_json::from_str(&line).expect("JSON"))
    };
    while next().expect("it plays")["pictures"] == json!(0) {}

    let (stop, received) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let osc = at_rate(OSC_PER_SEC, &stop, move |count| {
        let bytes = match count % MALFORMED {
            0 => vec![b'/'; 3 + count as usize % 5000],
            _ => packet(&format!("/fader/{}", count % 100), (count % 128) as f32 / 127.0),
        };
        socket.send_to(&bytes, ("127.0.0.1", udp)).expect("sent");
    });
    let board = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let lines = at_rate(LINES_PER_SEC, &stop, move |count| {
        let line = if count % MALFORMED == 0 { "touch: 1,5\n".to_owned() } else { format!("touch {}\n", count % 100) };
        board.send_to(line.as_bytes(), ("127.0.0.1", boards)).expect("sent");
    });
    let mut stream = TcpStream::connect(("127.0.0.1", tcp)).expect("TCP");
    let frames = at_rate(50, &stop, move |count| {
        let bytes = packet("/map", (count % 50) as f32 / 50.0);
        stream.write_all(&[&(bytes.len() as u32).to_be_bytes(), &bytes[..]].concat()).expect("written");
    });
    let (mut socket, _) = tungstenite::connect(format!("ws://127.0.0.1:{http}/")).expect("a WebSocket");
    let listen = json!({ "COMMAND": "LISTEN", "DATA": "/fader/1" }).to_string();
    socket.send(Message::text(listen)).expect("sent");
    let (counted, ended) = (received.clone(), stop.clone());
    let listener = std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) && socket.read().is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let knobs = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let edits = at_rate(10, &stop, move |count| {
        let bytes = packet("/bend/n/lfo/rate", (count % 10) as f32 / 10.0);
        knobs.send_to(&bytes, ("127.0.0.1", udp)).expect("sent");
    });

    // The lights count; the memory of the first quarter has all buffers.
    let (mut early, mut last) = (0, Json::Null);
    let begin = Instant::now();
    while let Some(line) = next() {
        let memory = line["peak_memory_bytes"].as_u64().unwrap_or_default();
        if begin.elapsed() < Duration::from_secs(secs / 4) {
            early = memory;
        }
        if begin.elapsed() > Duration::from_secs(secs.saturating_sub(2)) {
            stop.store(true, Ordering::Relaxed);
        }
        last = line;
    }
    stop.store(true, Ordering::Relaxed);
    let sent = [osc, lines, frames, edits].map(|thread| thread.join().expect("a sender"));
    drop(listener);
    let late = last["peak_memory_bytes"].as_u64().unwrap_or_default();
    println!("{secs} s, sent {sent:?}, {} by the WebSocket\n{}", received.load(Ordering::Relaxed), counts(&last));
    println!("memory {} MiB, then {} MiB; {} pictures", early >> 20, late >> 20, last["pictures"]);
    let status = child.0.wait().expect("a process");
    assert!(status.success(), "{status}");
    let light = |name: &str| {
        let all = last["devices"].as_array().expect("lights");
        all.iter()
            .find(|light| light["name"].as_str().is_some_and(|known| known.contains(name)))
            .expect("a light")
            .clone()
    };
    let count = |light: &Json, key: &str| light[key].as_u64().unwrap_or_default();
    let osc = light(&format!("127.0.0.1:{udp}"));
    // What the system dropped is counted, and a message may be on its way at the last look.
    let arrived = ["messages", "errors", "lost"].map(|key| count(&osc, key)).iter().sum::<u64>();
    let all = sent[0] + sent[3];
    assert!(arrived <= all && arrived + 2 * OSC_PER_SEC >= all, "{arrived} of {all}");
    assert!(count(&osc, "errors") >= sent[0] / MALFORMED / 2, "{osc}");
    let board = light("127.0.0.1");
    assert!(board["light"] != "red", "{board}");
    assert!(received.load(Ordering::Relaxed) > secs, "the WebSocket hears the fader");
    for lamp in &lamps {
        assert!(has_datagram(lamp), "light arrives");
    }
    assert!(has_datagram(&receiver), "OSC arrives");
    assert!(late < early + GROWTH, "{early} bytes, then {late}");
    assert!(folder.path().join("soak.take").metadata().is_ok_and(|meta| meta.len() > 0));
}

#[test]
fn every_protocol_at_once_for_some_seconds() {
    soak(8);
}

#[test]
#[ignore = "takes ten minutes; the figures are in docs/performance.md"]
fn every_protocol_at_once_for_ten_minutes() {
    soak(600);
}
