//! Serial lines: a board on a pseudo terminal.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bendrack::io::serial::SerialPorts;
use bendrack::io::{Kind, Settings, State};
use bendrack_nodes::input::{Control, ControlId, ControlName};
use bendrack_nodes::program::message::BoardLine;

use super::{Other, SOON, light, noise, open, task, within};

#[test]
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
fn a_board_is_read_unplugged_and_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("board");
    let path = path.to_str().expect("text");
    let serial = vec![SerialPorts::Path(path.into())];
    let (devices, inbox) = open(&Settings { serial, ..Settings::none() });
    let state = || light(&devices, Kind::Serial).map(|light| light.state);
    within(SOON, "it is waited for", || state() == Some(State::Waiting));
    let number = |name: &str, index: usize| inbox.latest().sensor(name, index).and_then(Control::last);
    let sensor = |name: &str| number(name, 0);
    // The number of events; it takes them.
    let events = || inbox.take(Instant::now()).len();

    let board = Other::start(module_path!(), "board", path);
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

    let _board = Other::start(module_path!(), "board", path);
    within(SOON, "it is plugged in", || std::fs::metadata(path).is_ok());
    within(Duration::from_millis(2500), "values flow again", || events() > 0);
    assert_eq!(state(), Some(State::Open));
}

/// The board of examples/esp32/board.cpp, whose protocol is that of the sketch, on a pseudo terminal.
#[test]
fn the_header_of_the_sketch_and_bendrack_understand_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("board");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/esp32/board.cpp");
    let flags = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-o"];
    let status = Command::new("c++").args(flags).arg(&program).arg(source).status().expect("a C++ compiler");
    assert!(status.success());

    let (mut board, terminal) = serialport::TTYPort::pair().expect("a pseudo terminal");
    let name = serialport::SerialPort::name(&terminal).expect("a name");
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let (mut stdin, mut stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    let mut from_board = board.try_clone_native().expect("a clone");
    let out = std::thread::spawn(move || {
        let mut bytes = [0; 256];
        while let Ok(size @ 1..) = stdout.read(&mut bytes) {
            let _ = from_board.write_all(&bytes[..size]);
        }
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let over = is_over.clone();
    let input = std::thread::spawn(move || {
        let mut bytes = [0; 256];
        while !over.load(Ordering::Relaxed) {
            // Nothing may come within the timeout.
            let size = board.read(&mut bytes).unwrap_or_default();
            let _ = stdin.write_all(&bytes[..size]);
        }
    });

    let (devices, inbox) = open(&Settings { serial: vec![SerialPorts::Path(name)], ..Settings::none() });
    within(SOON, "it greets", || light(&devices, Kind::Serial).is_some_and(|light| light.name == "terminal"));
    let line = |device: &str, text: &str| BoardLine { device: device.into(), line: text.as_bytes().into() };
    devices.outputs().send_to_boards(&[
        line("terminal", "xy 0.5 -1.25\n"),
        line("", "led 2 1 00ff\n"),
        line("another", "xy 9 9\n"),
    ]);
    let number = |name: &str, index: usize| {
        let control = ControlId { name: ControlName::Sensor { name: name.into() }, device: Some("terminal".into()) };
        inbox.latest().get(&control, index).and_then(Control::last)
    };
    let numbers = |name: &str, count: usize| (0..count).map_while(|index| number(name, index)).collect::<Vec<f64>>();
    within(SOON, "a line and a frame", || numbers("xy", 2) == [0.5, -1.25] && numbers("framed", 3) == [0.5, -1.25]);
    within(SOON, "a picture", || numbers("cells", 9) == [2.0, 1.0, 2.0, 0.0, 255.0]);
    assert_eq!(numbers("zero", 2), [0.0]);
    let of = |name: &str| devices.activity().lights().into_iter().find(|light| light.name == name);
    assert_eq!(of("terminal").map(|light| (light.counts.errors, light.last_error)), Some((0, None)));
    assert!(of("another").is_some_and(|light| light.reason.starts_with("no board another is open; ")));
    devices.outputs().send_to_boards(&[line("TERMINAL", "xy 0.5 0.5\n")]);
    within(SOON, "any case is its name", || numbers("xy", 2) == [0.5, 0.5]);
    assert_eq!(of("another"), None, "the patch names it no longer");
    // The board is silent from now on, though it greets.
    within(SOON, "its silence is noticed", || of("terminal").is_some_and(|light| light.state == State::Silent));

    is_over.store(true, Ordering::Relaxed);
    input.join().expect("no panic");
    drop(devices);
    let _ = child.wait();
    out.join().expect("no panic");
    drop(terminal);
}
