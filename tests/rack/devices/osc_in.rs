//! OSC input: malformed packets, floods, an address that is taken.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use bendrack::io::{Colour, ControlName, Kind, Settings, State};
use bendrack_nodes::input::Control;
use rosc::{OscBundle, OscPacket, OscTime};

use super::{Other, SOON, is_open, light, noise, open, osc, task, wait_for_the_other, within};

/// Packets per batch. The sender waits after each batch: a socket's buffer may hold only ten long packets.
const BATCH: u64 = 20;

/// A malformed packet: noise, truncated, nested too deep, or too long.
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
    let (devices, inbox) = open(&Settings { osc_in: vec![free.into()], ..Settings::none() });
    within(SOON, "OSC is open", || is_open(&devices, Kind::OscIn));
    let mut sender = Other::start(module_path!(), "osc_sender", &free.to_string());
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
    let (devices, inbox) = open(&Settings { osc_in: vec![free.into()], ..Settings::none() });
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

#[test]
fn an_address_that_is_taken_is_listened_at_when_it_is_free() {
    let other = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let (devices, _) =
        open(&Settings { osc_in: other.local_addr().ok().map(Into::into).into_iter().collect(), ..Settings::none() });
    within(SOON, "the light shows the reason", || {
        light(&devices, Kind::OscIn).is_some_and(|light| matches!(light.state, State::Failed(_)))
    });
    drop(other);
    within(SOON, "it is open", || is_open(&devices, Kind::OscIn));
}

/// By `oscsend` of liblo, over UDP and TCP.
#[test]
#[cfg(target_os = "linux")]
fn liblo_sends_every_type_patterns_and_frames_of_tcp() {
    let Some(oscsend) = super::peer("oscsend") else {
        println!("skipped: oscsend is not here; make peers installs it on Debian and Ubuntu");
        return;
    };
    let udp = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port").port();
    let ports = [format!("127.0.0.1:{udp}"), format!("tcp:127.0.0.1:{tcp}")];
    let osc_in = ports.iter().map(|port| port.parse().expect("an address")).collect();
    let (devices, inbox) = open(&Settings { osc_in, ..Settings::none() });
    let states = || devices.activity().lights().into_iter().map(|light| light.state).collect::<Vec<_>>();
    within(SOON, "both are open", || states() == [State::Open, State::Open]);
    let send = |to: &str, message: &[&str]| {
        let status = std::process::Command::new(&oscsend).arg(to).args(message).status().expect("oscsend runs");
        assert!(status.success(), "{message:?}");
    };
    let number = |address: &str, index: usize| inbox.latest().osc(address, index).and_then(Control::last);
    let udp = format!("osc.udp://127.0.0.1:{udp}");
    send(&udp, &["/all", "fidhTFs", "0.5", "3", "-0.25", "7", "text"]);
    within(SOON, "every number", || {
        (0..6).map(|index| number("/all", index)).collect::<Vec<_>>() == [0.5, 3.0, -0.25, 7.0, 1.0, 0.0].map(Some)
    });
    send(&udp, &["/a/1", "f", "0.1"]);
    send(&udp, &["/a/2", "f", "0.1"]);
    within(SOON, "two addresses", || number("/a/2", 0).is_some());
    send(&udp, &["/a/{1,2}", "f", "0.75"]);
    within(SOON, "a pattern", || ["/a/1", "/a/2"].map(|address| number(address, 0)) == [Some(0.75); 2]);
    for count in 0..20 {
        // Each is a connection of its own.
        send(&format!("osc.tcp://127.0.0.1:{tcp}"), &["/tcp", "i", &count.to_string()]);
        within(SOON, "a frame of TCP", || number("/tcp", 0) == Some(f64::from(count)));
    }
    let errors: u64 = devices.activity().lights().iter().map(|light| light.counts.errors).sum();
    assert_eq!(errors, 0);
}
