//! Devices, each played by a second process: this test program, started again.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bendrack::input::Inbox;
use bendrack::io::osc::OscTarget;
use bendrack::io::{Colour, ControlName, Devices, Kind, Light, Settings, State};
use bendrack_nodes::input::Control;
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

/// The variable with the second process's task: an address, a path, a name.
const TASK: &str = "BENDRACK_TEST_TASK";
/// Packets that are sent before the receiver is asked whether it has them: a socket's buffer may hold no more than ten long ones.
const BATCH: u64 = 20;

/// A second process that runs the test `name`. Dropped, it is killed.
struct Other(Child);

impl Other {
    fn start(name: &str, task: &str) -> Other {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args([name, "--exact", "--ignored", "--nocapture"])
            .env(TASK, task)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        Other(child)
    }

    /// Lets the process go on that waits in `wait_for_the_other`.
    fn go_on(&mut self) {
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"\n").and_then(|()| stdin.flush()).expect("it listens");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The task of this process, if it is the second one.
fn task() -> Option<String> {
    std::env::var(TASK).ok()
}

/// In the second process: waits for `go_on`.
fn wait_for_the_other() {
    std::io::stdin().read_line(&mut String::new()).expect("the other process lives");
}

/// Waits until something is so, at most this long.
fn within(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !is_so() {
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const SOON: Duration = Duration::from_secs(20);

fn open(settings: &Settings) -> (Devices, Inbox) {
    let inbox = Inbox::default();
    (Devices::open(settings, &inbox), inbox)
}

fn light(devices: &Devices, kind: Kind) -> Option<Light> {
    devices.activity().lights().into_iter().find(|light| light.kind == kind)
}

fn is_open(devices: &Devices, kind: Kind) -> bool {
    light(devices, kind).is_some_and(|light| light.state == State::Open)
}

fn osc(address: &str, value: f32) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args: vec![OscType::Float(value)] })
}

/// A noise that is the same each time.
fn noise(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 56) as u8
}

/// A packet that no receiver can read: noise, a cut one, one that nests without end, one that is too long.
fn malformed(index: u64) -> Vec<u8> {
    let mut state = index;
    match index % 4 {
        0 => (0..=index % 60).map(|_| noise(&mut state)).chain(*b"x").collect(),
        1 => {
            let content = vec![osc("/good", 2.0), osc("/good", 3.0)];
            let bundle = OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content });
            let packet = rosc::encoder::encode(&bundle).expect("it encodes");
            packet[..packet.len() - 4 * (1 + index as usize % 8)].to_vec()
        }
        2 => b"#bundle\0\0\0\0\0\0\0\0\x01\0\0\x10\0".repeat(3 + index as usize % 390),
        _ => vec![b'/'; 8192 + 1 + index as usize % 1000],
    }
}

#[test]
#[ignore = "the second process of osc_from_another_process_survives_malformed_packets"]
fn osc_sender() {
    let Some(address) = task() else { return };
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let send = |packet: &[u8]| socket.send_to(packet, &address).expect("it is sent");
    send(&rosc::encoder::encode(&osc("/good", 0.25)).expect("it encodes"));
    for index in 0..10_000 {
        if index % BATCH == 0 {
            wait_for_the_other();
        }
        send(&malformed(index));
    }
    wait_for_the_other();
    let content = vec![osc("/good", 1.0), osc("/other", -7.5)];
    let bundle = OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content });
    send(&rosc::encoder::encode(&bundle).expect("it encodes"));
    wait_for_the_other();
}

#[test]
fn osc_from_another_process_survives_malformed_packets() {
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let (devices, inbox) = open(&Settings { osc_in: Some(free), ..Settings::none() });
    within(SOON, "OSC is open", || is_open(&devices, Kind::OscIn));
    let mut sender = Other::start("devices::osc_sender", &free.to_string());
    let value = |address: &str| inbox.latest().osc(address, 0).and_then(Control::last);
    within(SOON, "a number", || value("/good") == Some(0.25));
    for sent in 1..=10_000 / BATCH {
        sender.go_on();
        within(SOON, "every malformed packet is counted", || {
            light(&devices, Kind::OscIn).is_some_and(|light| light.counts.errors == sent * BATCH)
        });
    }
    sender.go_on();
    within(SOON, "numbers go on", || value("/good") == Some(1.0) && value("/other") == Some(-7.5));
    assert_eq!(inbox.take(Instant::now()).len(), 3, "each message is an event");
    let light = light(&devices, Kind::OscIn).expect("a light");
    assert_eq!((light.counts.messages, light.counts.errors, light.state), (3, 10_000, State::Open));
    assert_eq!(light.colour, Colour::Green);
    assert_eq!(light.counts.lost, cfg!(target_os = "linux").then_some(0));
}

#[test]
fn a_flood_arrives_or_is_counted_as_lost() {
    const PACKETS_PER_SEC: u64 = 10_000;
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let (devices, inbox) = open(&Settings { osc_in: Some(free), ..Settings::none() });
    within(SOON, "OSC is open", || is_open(&devices, Kind::OscIn));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let packets: Vec<Vec<u8>> = (0..100_u8)
        .map(|index| rosc::encoder::encode(&osc(&format!("/{index}"), f32::from(index))).expect("it encodes"))
        .collect();
    let (begin, mut sent) = (Instant::now(), 0_u64);
    while begin.elapsed() < Duration::from_secs(2) {
        let due = (begin.elapsed().as_secs_f64() * PACKETS_PER_SEC as f64) as u64;
        while sent < due {
            // A packet that no receiver can read comes among them.
            let packet = if sent % 100 == 99 { &b"bad"[..] } else { &packets[sent as usize % 100] };
            socket.send_to(packet, free).expect("it is sent");
            sent += 1;
        }
        // Half of a buffer's worth at once, as programs send.
        std::thread::sleep(Duration::from_millis(2));
    }
    let counts = || light(&devices, Kind::OscIn).expect("a light").counts;
    let is_whole = || {
        let counts = counts();
        // Only Linux counts losses.
        counts.lost.is_none() || counts.messages + counts.errors + counts.lost.unwrap_or_default() == sent
    };
    within(SOON, "every packet arrives or is counted", is_whole);
    let counts = counts();
    println!("{sent} sent: {counts:?}");
    assert!(counts.messages > 0 && (counts.evicted, counts.refused) == (0, 0), "{counts:?}");
    // What arrived waits for the engine, or was replaced.
    assert_eq!(inbox.take(Instant::now()).len() as u64 + inbox.dropped(), counts.messages);
    let controls = devices.activity().controls();
    assert_eq!(controls.len(), 99);
    let fader = controls.iter().find(|control| control.name == ControlName::Osc { address: "/7".into() });
    assert_eq!(fader.map(|fader| &fader.values[..]), Some(&[7.0][..]));
    assert_eq!(devices.activity().messages(Kind::OscIn, &free.to_string()).len(), 64);
}

/// Starts the monitor of an OSC port, as people and as programs read it.
fn monitor(address: SocketAddr, form: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(["devices", "--monitor", "--midi", "none", "--seconds", "2", "--osc-in", &address.to_string()])
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
    let good = rosc::encoder::encode(&osc("/\u{1b}[2J\u{202e}\nforged", 0.5)).expect("it encodes");
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
    assert!(last.contains("s  green   OSC 127.0.0.1") && last.contains("/\\u{1b}[2J\\u{202e}\\nforged 0.5"), "{text}");
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
    assert_eq!(control["address"], "/\u{1b}[2J\u{202e}\nforged");
    for wrong in [&["devices", "--osc-in", "9000"][..], &["devices", "--monitor", "--midi", "none"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_bendrack")).args(wrong).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn osc_out_sends_one_bundle_that_others_can_read() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    receiver.set_read_timeout(Some(SOON)).expect("a time");
    let (devices, _) = open(&Settings { osc_out: receiver.local_addr().ok().map(OscTarget::from), ..Settings::none() });
    let out = devices.osc_out().expect("it is open");
    out.send(&[("/a", 0.5), ("no address", 1.0), ("/nan", f64::NAN), ("/b", -2.0)]);
    let mut bytes = [0; 1024];
    let size = receiver.recv(&mut bytes).expect("a packet");
    let (_, packet) = rosc::decoder::decode_udp(&bytes[..size]).expect("it decodes");
    let OscPacket::Bundle(bundle) = packet else { panic!("{packet:?}") };
    assert_eq!(bundle.content, [osc("/a", 0.5), osc("/b", -2.0)]);
    let light = light(&devices, Kind::OscOut).expect("a light");
    assert_eq!((light.counts.messages, light.counts.errors, light.state), (1, 2, State::Open));
}

/// Runs `ip` in the network of this process.
#[cfg(target_os = "linux")]
fn ip(args: &str) {
    assert!(Command::new("ip").args(args.split(' ')).status().expect("ip runs").success(), "ip {args}");
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "the second process of osc_out_survives_an_absent_network_and_a_new_address"]
fn network() {
    let Some(address) = task() else { return };
    let osc_out = Some(address.parse().expect("an address"));
    let (devices, _) = open(&Settings { osc_out, ..Settings::none() });
    let out = devices.osc_out().expect("it is awaited");
    let sent = || {
        out.send(&[("/a", 1.0)]);
        light(&devices, Kind::OscOut).expect("a light").counts.messages
    };
    let colour = || light(&devices, Kind::OscOut).map(|light| light.colour);
    assert_eq!((sent(), colour()), (0, Some(Colour::Red)), "there is no network");
    ip("link add one type veth peer name two");
    ip("link set two up");
    ip("link set one up");
    ip("addr add 10.9.9.1/24 dev one");
    ip("neigh add 10.9.9.2 lladdr 02:00:00:00:00:01 dev one nud permanent");
    within(SOON, "the network is there", || sent() > 3);
    assert_eq!(colour(), Some(Colour::Green));
    ip("addr del 10.9.9.1/24 dev one");
    ip("addr add 10.9.9.7/24 dev one");
    let before = sent();
    within(SOON, "this machine has another address", || sent() > before + 3);
    assert_eq!(colour(), Some(Colour::Green));
}

#[test]
#[cfg(target_os = "linux")]
fn osc_out_survives_an_absent_network_and_a_new_address() {
    let isolated = |program: &std::path::Path, args: &[&str]| {
        Command::new("unshare").arg("-rn").arg(program).args(args).env(TASK, "10.9.9.2:9101").output()
    };
    let attempt = isolated("ip".as_ref(), &["link", "add", "one", "type", "veth", "peer", "name", "two"]);
    if !attempt.is_ok_and(|attempt| attempt.status.success()) {
        println!("skipped: this system lends no network of its own");
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let args = ["devices::network", "--exact", "--ignored", "--nocapture"];
    let second = isolated(&program, &args).expect("it runs");
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
}

#[test]
fn osc_out_to_nobody_waits_for_somebody() {
    let address = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let (devices, _) = open(&Settings { osc_out: Some(address.into()), ..Settings::none() });
    let out = devices.osc_out().expect("it is open");
    (0..100).for_each(|i| out.send(&[("/a", f64::from(i))]));
    let receiver = UdpSocket::bind(address).expect("the port is free");
    receiver.set_read_timeout(Some(SOON)).expect("a time");
    out.send(&[("/b", 1.0)]);
    let mut bytes = [0; 1024];
    assert!(receiver.recv(&mut bytes).is_ok());
    out.send(&[("/b", 2.0)]);
    assert!(receiver.recv(&mut bytes).is_ok());
    assert!(is_open(&devices, Kind::OscOut));
}

#[test]
fn an_address_that_is_taken_is_listened_at_when_it_is_free() {
    let other = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let (devices, _) = open(&Settings { osc_in: other.local_addr().ok(), ..Settings::none() });
    within(SOON, "the light says why", || {
        light(&devices, Kind::OscIn).is_some_and(|light| matches!(light.state, State::Failed(_)))
    });
    drop(other);
    within(SOON, "it is open", || is_open(&devices, Kind::OscIn));
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "the second process of a_board_is_read_unplugged_and_read_again"]
fn board() {
    let Some(path) = task() else { return };
    // The end with the name has to stay open: a terminal that nobody has open loses what is written.
    let (mut board, terminal) = serialport::TTYPort::pair().expect("a pseudo terminal");
    let name = serialport::SerialPort::name(&terminal).expect("a name");
    let _ = std::fs::remove_file(&path);
    std::os::unix::fs::symlink(name, &path).expect("a link");
    for count in 0_u64.. {
        let mut lines =
            format!("touch {count} 0.5\r\nets Jul 29 2019\n{{\"light\": 0.25}}\ntemp: 21.5\t\n").into_bytes();
        let mut state = count;
        lines.extend((0..count % 40).map(|_| noise(&mut state) | 0x80).chain(*b"\n"));
        // Nobody may be reading, and then the terminal is full.
        let _ = board.write_all(&lines);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_board_is_read_unplugged_and_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("devices::board");
    let path = path.to_str().expect("text");
    let serial = bendrack::io::serial::SerialPorts::Path(path.into());
    let (devices, inbox) = open(&Settings { serial, ..Settings::none() });
    let state = || light(&devices, Kind::Serial).map(|light| light.state);
    within(SOON, "it is waited for", || state() == Some(State::Waiting));
    let number = |name: &str, index: usize| inbox.latest().sensor(name, index).and_then(Control::last);
    let sensor = |name: &str| number(name, 0);
    // The number of events; it takes them.
    let events = || inbox.take(Instant::now()).len();

    let board = Other::start("devices::board", path);
    within(SOON, "values", || sensor("touch").is_some() && sensor("light").is_some() && sensor("temp").is_some());
    within(SOON, "garbage is counted", || light(&devices, Kind::Serial).is_some_and(|light| light.counts.errors > 10));
    assert_eq!(state(), Some(State::Open));
    assert_eq!((sensor("light"), sensor("temp")), (Some(0.25), Some(21.5)));
    assert_eq!((number("touch", 1), number("touch", 2)), (Some(0.5), None));
    assert!(events() >= 3);

    drop(board);
    within(SOON, "it is waited for", || state() != Some(State::Open));
    assert_eq!(sensor("light"), Some(0.25), "values are held");
    events();

    let _board = Other::start("devices::board", path);
    within(SOON, "it is plugged in", || std::fs::metadata(path).is_ok());
    within(Duration::from_millis(2500), "values flow again", || events() > 0);
    assert_eq!(state(), Some(State::Open));
}

#[test]
fn devices_close_soon() {
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    // Names that nothing has: a test shall not open what is plugged in.
    let serial = bendrack::io::serial::SerialPorts::Path("/no/such/port".into());
    let midi = bendrack::io::midi::MidiInputs::Named("no such port".into());
    let audio = bendrack::io::audio::AudioSource::Named("no such input".into());
    let (devices, _) = open(&Settings { osc_in: Some(free), serial, midi, audio, ..Settings::none() });
    within(SOON, "every device has a light", || devices.activity().lights().len() == 4);
    let begin = Instant::now();
    drop(devices);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(UdpSocket::bind(free).is_ok(), "the port is free again");
}

/// An audio input that ALSA reads from a pipe with a sine. ALSA's plugin drops samples, so its pitch is higher, at the
/// same speed.
#[cfg(all(target_os = "linux", feature = "audio", not(feature = "jack")))]
mod audio {
    use std::f64::consts::TAU;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bendrack::input::Stamped;
    use bendrack::io::audio::AudioSource;
    use bendrack_nodes::input::Event;
    use bendrack_nodes::node::sound::Hop;

    use super::*;

    /// How loud it is, of 1 for a sine at full scale.
    fn level(hop: &Hop) -> f32 {
        (2.0 * hop.bands.iter().map(|band| band * band).sum::<f32>()).sqrt()
    }

    #[test]
    #[ignore = "the second process of a_sine_at_an_audio_input_is_measured"]
    fn listener() {
        let Some(name) = task() else { return };
        assert!(
            bendrack::io::audio::inputs().expect("inputs").iter().any(|input| input.to_lowercase().contains(&name))
        );
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
            .args(["devices::audio::listener", "--exact", "--ignored", "--nocapture"])
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
}

/// Needs a MIDI system: ALSA's sequencer, or with `--features jack` a server, such as `jackd -r -d dummy`.
#[cfg(unix)]
mod midi {
    use bendrack_nodes::program::message::Midi;
    use midir::os::unix::{VirtualInput, VirtualOutput};
    use midir::{MidiInput, MidiInputConnection, MidiOutput, MidiOutputConnection};

    use super::*;

    fn keyboard(name: &str) -> MidiOutputConnection {
        let output = MidiOutput::new("bendrack test").expect("a MIDI system");
        output.create_virtual(name).expect("a virtual port")
    }

    #[test]
    #[ignore = "the second process of a_keyboard_is_read_unplugged_and_read_again"]
    fn player() {
        let Some(name) = task() else { return };
        let mut keyboard = keyboard(&name);
        for step in (0_u8..=127).cycle() {
            let messages: [&[u8]; 4] = [&[0xB2, 7, step], &[0xF8], &[0x90, 60, 127], &[0xB0, 1, 127]];
            for message in messages {
                keyboard.send(message).expect("it is sent");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_keyboard_is_read_unplugged_and_read_again() {
        if let Err(problem) = bendrack::io::midi::inputs() {
            println!("skipped: {problem}");
            return;
        }
        let name = format!("keys{}", std::process::id());
        let midi = bendrack::io::midi::MidiInputs::Named(name.to_uppercase());
        let (devices, inbox) = open(&Settings { midi, ..Settings::none() });
        let cc = |key| inbox.latest().cc(key).and_then(Control::last);
        let held = || inbox.latest().note((1, 60)).is_some();
        within(SOON, "it is waited for", || {
            light(&devices, Kind::Midi).is_some_and(|light| light.state == State::Waiting)
        });

        let player = Other::start("devices::midi::player", &name);
        within(SOON, "values", || cc((1, 1)) == Some(1.0) && cc((3, 7)).is_some() && held());
        assert!(is_open(&devices, Kind::Midi));

        drop(player);
        within(SOON, "it is waited for", || !is_open(&devices, Kind::Midi));
        assert!(!held(), "no key of a lost keyboard stays down");
        inbox.take(Instant::now());

        let _player = Other::start("devices::midi::player", &name);
        within(SOON, "values flow again", || !inbox.take(Instant::now()).is_empty());
    }

    /// Messages, each with its bytes.
    type Received = Arc<Mutex<Vec<Vec<u8>>>>;

    /// A synthesizer that records its messages.
    fn synthesizer(name: &str) -> (MidiInputConnection<()>, Received) {
        let received = Received::default();
        let notes = received.clone();
        let input = MidiInput::new("bendrack test").expect("a MIDI system");
        let write = move |_, bytes: &[u8], (): &mut ()| notes.lock().expect("notes").push(bytes.to_vec());
        (input.create_virtual(name, write, ()).expect("a virtual port"), received)
    }

    #[test]
    fn notes_of_a_patch_arrive_and_end_with_bendrack() {
        if let Err(problem) = bendrack::io::midi::outputs() {
            println!("skipped: {problem}");
            return;
        }
        let name = format!("synth{}", std::process::id());
        let (_synthesizer, received) = synthesizer(&name);
        let (_another, other_notes) = synthesizer("another");
        let received = || received.lock().expect("notes").clone();
        let (devices, _) = open(&Settings { midi_out: Some(name.to_uppercase()), ..Settings::none() });
        within(SOON, "the port is open", || is_open(&devices, Kind::MidiOut));
        let out = devices.midi_out().expect("it may be played on").clone();
        let controller = |value| Midi::Controller { channel: 2, number: 7, value, fine: false };
        let key = |hits| Midi::Note { channel: 1, number: 60, velocity: 1.0, held: true, hits };
        out.send(&[("a".into(), controller(0.0)), ("b".into(), key(1))]);
        within(SOON, "a key and a controller", || received() == [vec![0x90, 60, 127], vec![0xB1, 7, 0]]);
        // A controller that changes faster than the rate of messages.
        let begin = Instant::now();
        for step in 0..1000 {
            out.send(&[("a".into(), controller(f64::from(step % 128) / 127.0)), ("b".into(), key(0))]);
            std::thread::sleep(Duration::from_millis(2));
        }
        let (count, secs) = (received().len(), begin.elapsed().as_secs_f64());
        assert!(count as f64 <= 100.0 * (secs + 1.0), "{count} messages in {secs} s");
        let last = vec![0xB1, 7, (999 % 128) as u8];
        within(SOON, "the last place of the controller", || received().last() == Some(&last));
        drop(devices);
        within(SOON, "the end", || received().ends_with(&[vec![0x80, 60, 0], vec![0xB0, 123, 0]]));
        assert!(other_notes.lock().expect("notes").is_empty(), "another port is left alone");
        // Without a receiver the message does no harm.
        out.send(&[("b".into(), key(1))]);
    }
}
