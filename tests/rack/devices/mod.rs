//! Devices, each played by a second process: this test program, started again.

#[cfg(all(target_os = "linux", feature = "audio", not(feature = "jack")))]
mod audio;
mod figures;
mod lamps;
#[cfg(unix)]
mod midi;
mod monitor;
mod osc_in;
mod osc_out;
#[cfg(target_os = "linux")]
mod serial;

use std::io::Write;
use std::net::UdpSocket;
#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack::input::Inbox;
use bendrack::io::{Devices, Kind, Light, Settings, State};
use bendrack_nodes::program::message::{Argument, Form, OscMessage as Outgoing};
use rosc::{OscMessage, OscPacket, OscType};

/// The variable with the second process's task: an address, a path, a name.
const TASK: &str = "BENDRACK_TEST_TASK";

/// A second process that runs a test of this program. Dropped, it is killed.
struct Other(Child);

impl Other {
    fn start(module: &str, name: &str, task: &str) -> Other {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args([&path_of(module, name), "--exact", "--ignored", "--nocapture"])
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

/// The path of a test, as the test program lists it: `module` is [`module_path!`].
fn path_of(module: &str, name: &str) -> String {
    let (_, module) = module.split_once("::").expect("a module of the crate");
    format!("{module}::{name}")
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

/// A program of another project: what `make peers` unpacked, or what the system has.
#[cfg(target_os = "linux")]
fn peer(name: &str) -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/usr/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(unpacked).chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// An outgoing number.
fn number(address: &str, value: f64) -> Outgoing {
    Outgoing { device: Arc::default(), address: address.into(), arguments: vec![Argument::Number(value, Form::Float)] }
}

fn osc(address: &str, value: f32) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args: vec![OscType::Float(value)] })
}

/// A noise that is the same each time.
fn noise(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 56) as u8
}

#[test]
fn devices_close_soon() {
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    // Names that nothing has: a test shall not open what is plugged in.
    let serial = vec![bendrack::io::serial::SerialPorts::Path("/no/such/port".into())];
    let midi = vec![bendrack::io::midi::MidiInputs::Named("no such port".into())];
    let audio = bendrack::io::audio::AudioSource::Named("no such input".into());
    let (devices, _) = open(&Settings { osc_in: vec![free.into()], serial, midi, audio, ..Settings::none() });
    within(SOON, "every device has a light", || devices.activity().lights().len() == 4);
    let begin = Instant::now();
    drop(devices);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(UdpSocket::bind(free).is_ok(), "the port is free again");
}
