//! Figures of docs/performance.md: the time from arrival to the engine, and scenes of many messages at once.
//!
//! Run them alone on an idle machine: `cargo test --release --test rack devices::figures -- --ignored --nocapture`.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bendrack::input::Inbox;
use bendrack::io::{Devices, Kind, Settings};
use bendrack_nodes::input::Event;

use super::{SOON, is_open, light, open, osc, within};

/// An OSC input, and a socket that sends to it.
fn osc_in() -> (Devices, Inbox, UdpSocket, SocketAddr) {
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let (devices, inbox) = open(&Settings { osc_in: vec![free.into()], ..Settings::none() });
    within(SOON, "OSC is open", || is_open(&devices, Kind::OscIn));
    (devices, inbox, UdpSocket::bind("127.0.0.1:0").expect("a port"), free)
}

#[test]
#[ignore = "measures; run it alone"]
fn messages_reach_the_engine_within_two_milliseconds() {
    const COUNT: usize = 10_000;
    const PER_SEC: f64 = 1000.0;
    let (_devices, inbox, socket, address) = osc_in();
    let begin = Instant::now() + Duration::from_millis(100);
    let due = move |index: usize| begin + Duration::from_secs_f64(index as f64 / PER_SEC);
    let sender = std::thread::spawn(move || {
        (0..COUNT)
            .map(|index| {
                let packet = rosc::encoder::encode(&osc("/index", index as f32)).expect("it encodes");
                std::thread::sleep(due(index).saturating_duration_since(Instant::now()));
                let sent = Instant::now();
                socket.send_to(&packet, address).expect("it is sent");
                sent
            })
            .collect::<Vec<Instant>>()
    });
    let mut arrived: Vec<(usize, Instant)> = Vec::new();
    while arrived.len() < COUNT && Instant::now() < due(COUNT) + Duration::from_secs(2) {
        let now = Instant::now();
        for stamped in inbox.take(now) {
            let Event::Control { numbers, .. } = stamped.event else { panic!("an OSC message") };
            arrived.push((numbers[0] as usize, now));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    let sent = sender.join().expect("a sender");
    assert_eq!(arrived.len(), COUNT, "none is lost");
    let mut times: Vec<f64> =
        arrived.iter().map(|(index, at)| at.saturating_duration_since(sent[*index]).as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let part = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!(
        "{COUNT} messages, 1,000/s: median {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        part(0.5),
        part(0.99),
        part(1.0)
    );
    assert!(part(0.99) < 2.0);
}

#[test]
#[ignore = "measures; run it alone"]
fn a_scene_of_a_thousand_messages_arrives_or_is_counted() {
    const SCENES: usize = 20;
    const COUNT: u64 = 1000;
    let (devices, inbox, socket, address) = osc_in();
    let packets: Vec<Vec<u8>> = (0..COUNT)
        .map(|index| rosc::encoder::encode(&osc(&format!("/scene/{index}"), 1.0)).expect("it encodes"))
        .collect();
    let (mut whole, mut lost_before) = (0, 0);
    for scene in 1..=SCENES as u64 {
        for packet in &packets {
            socket.send_to(packet, address).expect("it is sent");
        }
        let counts = || light(&devices, Kind::OscIn).expect("a light").counts;
        within(SOON, "every packet arrives or is counted", || {
            counts().messages + counts().lost.unwrap_or_default() == scene * COUNT
        });
        let lost = counts().lost.unwrap_or_default();
        whole += usize::from(lost == lost_before);
        lost_before = lost;
        std::thread::sleep(Duration::from_millis(300));
    }
    println!(
        "{SCENES} scenes of {COUNT} messages back to back: {whole} whole, {lost_before} messages lost and counted"
    );
    assert_eq!(inbox.take(Instant::now()).len() as u64 + inbox.dropped() + lost_before, SCENES as u64 * COUNT);
}
