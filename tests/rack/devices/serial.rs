//! Serial lines: a board on a pseudo terminal.

use std::io::Write;
use std::time::{Duration, Instant};

use bendrack::io::serial::SerialPorts;
use bendrack::io::{Kind, Settings, State};
use bendrack_nodes::input::Control;

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
    let serial = SerialPorts::Path(path.into());
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
