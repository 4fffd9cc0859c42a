//! OSC output: one bundle, an absent network, a destination that comes later.

use std::net::{SocketAddr, UdpSocket};
#[cfg(target_os = "linux")]
use std::process::Command;

#[cfg(target_os = "linux")]
use bendrack::io::Colour;
use bendrack::io::target::{Named, Target};
use bendrack::io::{Kind, Settings, State};
use rosc::OscPacket;

#[cfg(target_os = "linux")]
use super::{Argument, Form, Outgoing, TASK, peer, task, within};
use super::{SOON, is_open, light, number, open, osc};
#[cfg(target_os = "linux")]
use bendrack_nodes::program::cells::Pixels;
#[cfg(target_os = "linux")]
use std::sync::Arc;

fn to(address: SocketAddr) -> Named<Target> {
    Target::from(address).into()
}

#[test]
fn osc_out_sends_one_bundle_that_others_can_read() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    receiver.set_read_timeout(Some(SOON)).expect("a time");
    let (devices, _) =
        open(&Settings { osc_out: receiver.local_addr().map(to).into_iter().collect(), ..Settings::none() });
    let out = devices.outputs().osc().first().expect("it is open");
    out.send(&[number("/a", 0.5), number("no address", 1.0), number("/nan", f64::NAN), number("/b", -2.0)]);
    let mut bytes = [0; 1024];
    let size = receiver.recv(&mut bytes).expect("a packet");
    let (_, packet) = rosc::decoder::decode_udp(&bytes[..size]).expect("it decodes");
    let OscPacket::Bundle(bundle) = packet else { panic!("{packet:?}") };
    assert_eq!(bundle.content, [osc("/a", 0.5), osc("/b", -2.0)]);
    let light = light(&devices, Kind::OscOut).expect("a light");
    assert_eq!((light.counts.messages, light.counts.errors, light.state), (1, 2, State::Open));
}

/// By `oscdump` of liblo.
#[test]
#[cfg(target_os = "linux")]
fn liblo_reads_every_type() {
    let Some(oscdump) = peer("oscdump") else {
        println!("skipped: oscdump is not here; make peers installs it on Debian and Ubuntu");
        return;
    };
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump");
    let dump = std::fs::File::create(&path).expect("a file");
    // Its output is written line by line.
    let mut command = Command::new(oscdump);
    let mut child = command.args(["-L", &free.port().to_string()]).stdout(dump).spawn().expect("it starts");
    let (devices, _) = open(&Settings { osc_out: vec![to(free)], ..Settings::none() });
    let arguments = vec![
        Argument::Number(0.5, Form::Float),
        Argument::Number(2.6, Form::Int),
        Argument::Number(-0.25, Form::Double),
        Argument::Number(1.0, Form::Bool),
        Argument::Text("kick".into()),
        Argument::Pixels(Pixels::Grey(vec![0.0, 1.0]), Form::Float),
        Argument::Pixels(Pixels::Rgb(vec![1, 2, 255]), Form::Blob),
    ];
    let message = Outgoing { device: Arc::default(), address: "/all".into(), arguments };
    let bang = Outgoing { device: Arc::default(), address: "/bang".into(), arguments: Vec::new() };
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    within(SOON, "oscdump prints both", || {
        devices.outputs().send(&[message.clone(), bang.clone()], &[], &[]);
        lines().contains("/all") && lines().contains("/bang")
    });
    let _ = child.kill();
    let _ = child.wait();
    let text = lines();
    let line = text.lines().find(|line| line.contains("/all")).expect("a line");
    let wanted = r#"/all fidTsffb 0.500000 3 -0.250000 #T "kick" 0.000000 1.000000 [3b 0x1 0x2 0xff]"#;
    assert!(line.ends_with(wanted), "{line}");
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
    let osc_out = vec![address.parse().expect("an address")];
    let (devices, _) = open(&Settings { osc_out, ..Settings::none() });
    let out = devices.outputs().osc().first().expect("it is awaited");
    let sent = || {
        out.send(&[number("/a", 1.0)]);
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
    drop(devices);

    // To all, and to a group; most machines have a route to groups, as they have one to everywhere.
    ip("route add 239.0.0.0/8 dev one");
    let receiver = UdpSocket::bind("0.0.0.0:9102").expect("a port");
    receiver.set_read_timeout(Some(SOON)).expect("a time");
    receiver.join_multicast_v4(&[239, 1, 2, 3].into(), &[10, 9, 9, 7].into()).expect("a group");
    for target in ["10.9.9.255:9102", "239.1.2.3:9102"] {
        let osc_out = vec![target.parse().expect("an address")];
        let (devices, _) = open(&Settings { osc_out, ..Settings::none() });
        devices.outputs().send(&[number("/all", 1.0)], &[], &[]);
        let mut bytes = [0; 1024];
        assert!(receiver.recv(&mut bytes).is_ok(), "{target}");
    }
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
    let args = ["devices::osc_out::network", "--exact", "--ignored", "--nocapture"];
    let second = isolated(&program, &args).expect("it runs");
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
}

#[test]
fn osc_out_to_nobody_waits_for_somebody() {
    let address = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let (devices, _) = open(&Settings { osc_out: vec![to(address)], ..Settings::none() });
    let out = devices.outputs().osc().first().expect("it is open");
    (0..100).for_each(|i| out.send(&[number("/a", f64::from(i))]));
    let receiver = UdpSocket::bind(address).expect("the port is free");
    receiver.set_read_timeout(Some(SOON)).expect("a time");
    out.send(&[number("/b", 1.0)]);
    let mut bytes = [0; 1024];
    assert!(receiver.recv(&mut bytes).is_ok());
    out.send(&[number("/b", 2.0)]);
    assert!(receiver.recv(&mut bytes).is_ok());
    assert!(is_open(&devices, Kind::OscOut));
}
