//! OSC over TCP: a port that accepts connections, and a thread for each.

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::framing::{Broken, Frames};
use super::input::{CLOSED, Listener};
use super::packet::MAX_PACKET;
use crate::io::DeviceContext;
use crate::io::activity::LightHandle;
use crate::io::light::{Kind, State};
use crate::io::message::Problem;
use crate::io::target::RETRY;
use crate::io::worker::{Stop, TURN, Worker};

/// The most connections at once. A further one is closed, and counts as an error.
const MOST_CONNECTIONS: usize = 16;
/// The longest time until a connection is accepted.
const ACCEPT: Duration = Duration::from_millis(20);
/// The silence after which the system asks whether the other end is still there.
const SILENCE: Duration = Duration::from_secs(20);

/// Accepts connections at an address.
pub(super) fn listen(address: SocketAddr, name: &str, context: &DeviceContext) -> Worker {
    let (context, light) = (context.clone(), context.light(Kind::OscIn, name));
    Worker::spawn(&light.clone(), move |stop| {
        loop {
            match TcpListener::bind(address).and_then(|port| port.set_nonblocking(true).map(|()| port)) {
                Ok(port) => {
                    light.set(State::Open);
                    return accept(&port, &context, &light, stop);
                }
                Err(error) => light.set(State::Failed(format!("{address} cannot be opened: {error}; {CLOSED}"))),
            }
            if stop.after(RETRY) {
                return;
            }
        }
    })
}

fn accept(port: &TcpListener, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    let mut connections: Vec<Worker> = Vec::new();
    while !stop.after(ACCEPT) {
        connections.retain(|connection| !connection.is_finished());
        while let Ok((stream, peer)) = port.accept() {
            if connections.len() >= MOST_CONNECTIONS {
                light.count_error(format!("a connection of {peer} beyond {MOST_CONNECTIONS}; close another"));
                continue;
            }
            connections.push(connection(stream, context, light));
        }
    }
}

/// Reads a connection on a thread of its own. After a panic it is closed, and the other end connects again.
fn connection(stream: TcpStream, context: &DeviceContext, light: &LightHandle) -> Worker {
    let (mut stream, mut listener, light) = (Some(stream), Listener::new(context, light), light.clone());
    Worker::spawn(&light.clone(), move |stop| match stream.take() {
        Some(stream) => receive(stream, &mut listener, &light, stop),
        None => light.set(State::Open),
    })
}

/// Reads a connection to its end.
fn receive(mut stream: TcpStream, listener: &mut Listener, light: &LightHandle, stop: &Stop) {
    // Some systems hand on the listener's mode.
    let opened = stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(TURN)));
    if let Err(error) = opened {
        return light.count_error(error.to_string());
    }
    // Without it, a phone that left the network keeps its place until the port closes.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE));
    let Ok(from) = stream.peer_addr().map(|peer| peer.ip()) else { return };
    let (mut frames, mut bytes) = (Frames::new(MAX_PACKET), [0; MAX_PACKET]);
    while !stop.now() {
        let size = match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(size) => size,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) =>
            {
                continue;
            }
            Err(error) => return light.count_error(error.to_string()),
        };
        let read = frames.feed(&bytes[..size], |packet| match packet {
            Ok(packet) => listener.take(from, packet),
            Err(problem) => light.count_error(problem),
        });
        if let Err(Broken(problem)) = read {
            return light.count_error(Problem::of(problem, &bytes[..size]));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Instant;

    use bendrack_nodes::input::Control;
    use rosc::OscType;

    use super::*;
    use crate::io::osc::tests::{bytes, message};

    fn within(what: &str, done: impl Fn() -> bool) {
        let begin = Instant::now();
        while !done() {
            assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A port that is open, and its address.
    fn open() -> (DeviceContext, Worker, SocketAddr) {
        let context = DeviceContext::default();
        let free = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port");
        let worker = listen(free, "tcp", &context);
        let is_open = || context.activity.lights().iter().any(|light| light.state == State::Open);
        within("it opens", is_open);
        (context, worker, free)
    }

    #[test]
    fn both_forms_arrive_and_one_that_breaks_off_ends_alone() {
        let (context, worker, address) = open();
        let connect = || TcpStream::connect(address).expect("a connection");
        let packet = |address: &str| bytes(&message(address, vec![OscType::Int(1)]));
        let (mut slip, mut lengths, mut broken) = (connect(), connect(), connect());
        broken.write_all(&[0, 255, 0, 0]).expect("written");
        let mut end = [0];
        assert!(matches!(broken.read(&mut end), Ok(0) | Err(_)), "it is closed");
        slip.write_all(&[&[0xC0], &packet("/slip")[..], &[0xC0]].concat()).expect("written");
        let second = packet("/length");
        lengths.write_all(&[&[0, 0, 0, second.len() as u8], &second[..]].concat()).expect("written");
        let has = |address: &str| context.inbox.latest().osc(address, 0).and_then(Control::last) == Some(1.0);
        within("both arrive", || has("/slip") && has("/length"));
        assert_eq!(context.activity.lights().remove(0).counts.errors, 1);
        drop(worker);
    }

    #[test]
    fn ten_thousand_malformed_frames_are_errors_and_the_next_is_read() {
        let (context, worker, address) = open();
        let mut stream = TcpStream::connect(address).expect("a connection");
        for seed in 0..10_000_u32 {
            let noise = (0..seed % 60).map(|i| (seed.wrapping_mul(2_654_435_761).rotate_left(i) >> 25) as u8);
            // Between the marks of SLIP, so that each ends before the next.
            let frame: Vec<u8> = [0xC0].into_iter().chain(noise).chain(*b"x\xC0").collect();
            stream.write_all(&frame).expect("written");
        }
        let packet = bytes(&message("/good", vec![OscType::Int(1)]));
        stream.write_all(&[&[0xC0], &packet[..], &[0xC0]].concat()).expect("written");
        within("it arrives", || context.inbox.latest().osc("/good", 0).is_some());
        // The count follows the message.
        let counts = || context.activity.lights().remove(0).counts;
        within("it is counted", || counts().messages == 1);
        assert_eq!(counts().errors, 10_000);
        drop(worker);
    }

    #[test]
    fn connections_are_bounded_and_a_closed_one_makes_room() {
        let (context, worker, address) = open();
        let connect = || TcpStream::connect(address).expect("a connection");
        let mut open: Vec<TcpStream> = (0..=MOST_CONNECTIONS).map(|_| connect()).collect();
        let errors = || context.activity.lights().remove(0).counts.errors;
        within("one is refused", || errors() == 1);
        open.clear();
        let packet = bytes(&message("/a", vec![OscType::Int(1)]));
        within("another is accepted", || {
            let _ = connect().write_all(&[&[0xC0], &packet[..], &[0xC0]].concat());
            std::thread::sleep(TURN);
            context.inbox.latest().osc("/a", 0).is_some()
        });
        drop(worker);
    }
}
