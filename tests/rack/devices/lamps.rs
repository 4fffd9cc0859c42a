//! Lamps: Art-Net and sACN as OLA reads them, DDP and a DMX widget byte by byte.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(unix)]
use bendrack::io::State;
use bendrack::io::lamps::{End, LampSettings};
use bendrack::io::{Colour, Kind, Settings};
use bendrack_nodes::program::light::Channels;

#[cfg(target_os = "linux")]
use super::within;
use super::{SOON, light, number, open};

fn levels(device: &str, universe: u16, channel: u32, levels: &[u8]) -> Channels {
    Channels { device: device.into(), universe, channel, group: 1, levels: levels.to_vec() }
}

fn lamps(settings: LampSettings) -> Settings {
    Settings { lamps: settings, ..Settings::none() }
}

#[cfg(target_os = "linux")]
mod ola {
    use std::net::TcpStream;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::devices::{TASK, path_of, peer, task};

    /// A program of OLA. Dropped, it is killed.
    struct Running(Child);

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn command(name: &str) -> Command {
        Command::new(peer(name).expect("OLA is there"))
    }

    fn start(name: &str, args: &[&str]) -> Running {
        let mut command = command(name);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().expect("it starts"))
    }

    fn output(name: &str, args: &[&str]) -> String {
        String::from_utf8_lossy(&command(name).args(args).output().expect("it runs").stdout).into_owned()
    }

    /// Runs `ip` in the network of this process.
    fn ip(args: &str) {
        assert!(Command::new("ip").args(args.split(' ')).status().expect("ip runs").success(), "ip {args}");
    }

    /// Writes the configuration of a daemon that only receives Art-Net and sACN.
    fn configure(folder: &Path) {
        for plugin in [
            "dummy",
            "espnet",
            "ftdidmx",
            "gpio",
            "karate",
            "kinet",
            "milinst",
            "opendmx",
            "openpixelcontrol",
            "osc",
            "pathport",
            "renard",
            "sandnet",
            "shownet",
            "spi",
            "stageprofi",
            "uartdmx",
            "usbdmx",
            "usbserial",
        ] {
            std::fs::write(folder.join(format!("ola-{plugin}.conf")), "enabled = false\n").expect("a file");
        }
        for (plugin, more) in [("artnet", "use_loopback = false\n"), ("e131", "input_ports = 5\n")] {
            let text = format!("enabled = true\nip = 10.9.9.1\n{more}");
            std::fs::write(folder.join(format!("ola-{plugin}.conf")), text).expect("a file");
        }
    }

    /// The number of a device in OLA's list.
    fn device(list: &str, name: &str) -> String {
        let line = list.lines().find(|line| line.contains(name)).expect("a device");
        line.trim_start_matches("Device ").split(':').next().expect("a number").to_owned()
    }

    #[test]
    #[ignore = "the second process of ola_reads_art_net_and_sacn_once_there_is_a_network"]
    fn show() {
        let Some(folder) = task() else { return };
        let folder = Path::new(&folder);
        let settings = LampSettings {
            artnet: vec!["hall=10.9.9.1".parse().expect("an address")],
            sacn: vec!["roof=multicast@10.9.9.1".parse().expect("an address")],
            ..LampSettings::none()
        };
        let (devices, _) = open(&lamps(settings));
        let states = || -> Vec<bool> {
            let all = devices.activity().lights();
            all.iter().filter(|light| light.kind == Kind::Lamps).map(|light| light.state == State::Open).collect()
        };
        within(SOON, "both are awaited", || states() == [false, false]);
        ip("link set lo up");
        ip("link add one type veth peer name two");
        ip("link set two up");
        ip("link set one up");
        ip("addr add 10.9.9.1/24 dev one");
        within(SOON, "both are open", || states() == [true, true]);

        configure(folder);
        let config = folder.to_str().expect("text");
        let _daemon = start("olad", &["-c", config, "--no-http", "--no-register-with-dns-sd"]);
        // Its other programs would start a daemon of their own before this one listens.
        within(SOON, "OLA listens", || TcpStream::connect("127.0.0.1:9010").is_ok());
        within(SOON, "OLA has both inputs", || {
            let list = output("ola_dev_info", &[]);
            list.contains("ArtNet") && list.contains("E1.31")
        });
        let list = output("ola_dev_info", &[]);
        output("ola_patch", &["-d", &device(&list, "ArtNet"), "-p", "1", "-i", "-u", "1"]);
        output("ola_patch", &["-d", &device(&list, "E1.31"), "-p", "0", "-i", "-u", "2"]);
        let record = folder.join("show");
        let mut recorder = start("ola_recorder", &["-r", record.to_str().expect("text"), "-u", "1,2"]);
        let has = |line: &str| std::fs::read_to_string(&record).is_ok_and(|text| text.contains(&format!("\n{line}")));
        let mut last = vec![0; 512];
        last[511] = 77;
        let frame = [levels("hall", 1, 1, &[10, 20, 30]), levels("roof", 2, 1, &last), levels("ROOF", 2, 2, &[9, 8])];
        within(SOON, "OLA has the levels", || {
            devices.outputs().send(&[], &[], &frame);
            has("1 10,20,30,0,0") && has("2 0,9,8,0,0")
        });
        let text = std::fs::read_to_string(&record).expect("a record");
        let line = text.lines().find(|line| line.starts_with("2 0,9,8")).expect("the levels");
        assert!(line.ends_with(",0,77") && line.split(',').count() == 512, "every channel arrives: {line}");
        drop(devices);
        // The recorder has time to receive the last frames, and writes the rest of its file when it is interrupted.
        std::thread::sleep(Duration::from_secs(1));
        let id = recorder.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
        recorder.0.wait().expect("it ends");
        let text = std::fs::read_to_string(&record).expect("a record");
        for universe in ["1 ", "2 "] {
            let last = text.lines().rfind(|line| line.starts_with(universe)).expect("levels");
            assert!(last[2..].split(',').all(|level| level == "0"), "the lamps are dark at the end: {last}");
        }
    }

    #[test]
    fn ola_reads_art_net_and_sacn_once_there_is_a_network() {
        if peer("olad").is_none() {
            println!("skipped: OLA is not here; make peers fetches it on Debian and Ubuntu");
            return;
        }
        // OLA refuses to run as root. The capabilities are those of the new network alone.
        let isolated = |program: &Path, args: &[&str], task: &str| {
            let user = ["-n", "--map-user=1000", "--map-group=1000", "--keep-caps"];
            Command::new("unshare").args(user).arg(program).args(args).env(TASK, task).output()
        };
        let attempt = isolated("ip".as_ref(), &["link", "add", "one", "type", "veth", "peer", "name", "two"], "");
        if !attempt.is_ok_and(|attempt| attempt.status.success()) {
            println!("skipped: this system lends no network of its own");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let program = std::env::current_exe().expect("this program");
        let args = [&*path_of(module_path!(), "show"), "--exact", "--ignored", "--nocapture"];
        let second = isolated(&program, &args, folder.path().to_str().expect("text")).expect("it runs");
        assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    }
}

fn ddp(receiver: &UdpSocket, end: End) -> Settings {
    let address = receiver.local_addr().expect("an address").to_string();
    lamps(LampSettings { ddp: vec![address.parse().expect("an address")], light_end: end, ..LampSettings::none() })
}

/// The levels of the next packet of DDP.
fn received(receiver: &UdpSocket) -> Vec<u8> {
    let mut packet = [0; 2000];
    let size = receiver.recv(&mut packet).expect("a packet");
    assert_eq!((packet[0], packet[3], usize::from(packet[9])), (0x41, 1, size - 10), "{:?}", &packet[..10]);
    packet[10..size].to_vec()
}

#[test]
fn levels_are_repeated_at_a_fixed_rate_and_dark_or_held_at_the_end() {
    for end in [End::Black, End::Hold] {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
        receiver.set_read_timeout(Some(SOON)).expect("a time");
        let (devices, _) = open(&ddp(&receiver, end));
        devices.outputs().send(&[], &[], &[levels("", 1, 3, &[7, 8, 9])]);
        assert_eq!(received(&receiver), [0, 0, 7, 8, 9]);
        let begin = Instant::now();
        assert!((0..40).all(|_| received(&receiver) == [0, 0, 7, 8, 9]), "nothing changes");
        let secs = begin.elapsed().as_secs_f64();
        assert!((0.9..3.0).contains(&secs), "40 frames in {secs} s");
        assert_eq!(light(&devices, Kind::Lamps).map(|light| light.colour), Some(Colour::Green));
        drop(devices);
        receiver.set_read_timeout(Some(Duration::from_millis(300))).expect("a time");
        let mut rest = Vec::new();
        let mut packet = [0; 2000];
        while let Ok(size) = receiver.recv(&mut packet) {
            rest.push(packet[10..size].to_vec());
        }
        let dark = rest.iter().filter(|levels| **levels == [0; 5]).count();
        assert_eq!(dark, if end == End::Black { 3 } else { 0 }, "{rest:?}");
    }
}

#[test]
fn a_name_that_no_flag_gives_has_a_red_light_until_it_is_gone() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let (devices, _) = open(&ddp(&receiver, End::Black));
    let reasons = || -> Vec<String> {
        let lights = devices.activity().lights().into_iter();
        lights.filter(|light| light.colour == Colour::Red).map(|light| light.reason).collect()
    };
    let mut osc = number("/a", 1.0);
    osc.device = Arc::from("wall");
    devices.outputs().send(&[osc], &[], &[levels("hall", 1, 1, &[1])]);
    let found = reasons();
    assert!(found.len() == 2 && found[0].contains("--osc-out with wall=") && found[1].contains("hall"), "{found:?}");
    devices.outputs().send(&[], &[], &[]);
    assert!(reasons().is_empty());
}

#[test]
#[cfg(unix)]
fn a_widget_gets_its_messages_and_is_awaited() {
    use std::io::Read as _;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("widget");
    let dmx = vec![path.to_str().expect("text").parse().expect("a path")];
    let (devices, _) = open(&lamps(LampSettings { dmx, ..LampSettings::none() }));
    let state = || light(&devices, Kind::Lamps).map(|light| light.state);
    super::within(SOON, "it is awaited", || matches!(state(), Some(State::Failed(_))));
    let (mut widget, terminal) = serialport::TTYPort::pair().expect("a pseudo terminal");
    let name = serialport::SerialPort::name(&terminal).expect("a name");
    std::os::unix::fs::symlink(name, &path).expect("a link");
    super::within(SOON, "it is open", || state() == Some(State::Open));
    devices.outputs().send(&[], &[], &[levels("", 5, 2, &[200, 0x7E])]);
    let mut bytes = Vec::new();
    let mut buffer = [0; 256];
    super::within(SOON, "a message", || {
        let count = widget.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..count]);
        bytes.len() >= 60
    });
    let mut wanted = vec![0x7E, 6, 25, 0, 0, 0, 200, 0x7E];
    wanted.resize(29, 0);
    wanted.push(0xE7);
    assert_eq!(bytes[..60], [&wanted[..], &wanted].concat());
}
