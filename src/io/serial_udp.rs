//! Boards on the network: the lines and frames of [`super::board`] as datagrams. A datagram has whole lines or frames.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::DeviceContext;
use super::activity::LightHandle;
use super::board::Board;
use super::light::{Kind, State};
use super::session::Session;
use super::target::RETRY;
use super::worker::{Stop, TURN, Worker};

/// The most boards of a port.
const MOST_BOARDS: usize = 32;
/// The most bytes of a datagram.
const MAX_DATAGRAM: usize = 2048;
/// The longest wait for a datagram. What is sent waits as long.
const WAIT: Duration = Duration::from_millis(10);
/// The silence after which a board is forgotten.
const FORGET: Duration = Duration::from_mins(1);

/// Listens for boards at an address.
pub(super) fn listen(address: SocketAddr, context: &DeviceContext) -> Worker {
    let (context, light) = (context.clone(), context.light(Kind::Serial, &format!("udp:{address}")));
    Worker::spawn(&light.clone(), move |stop| {
        loop {
            match UdpSocket::bind(address).and_then(|socket| socket.set_read_timeout(Some(WAIT)).map(|()| socket)) {
                Ok(socket) => {
                    light.set(State::Open);
                    let (context, light) = (context.clone(), light.clone());
                    return Network { socket, context, light, boards: BTreeMap::new() }.receive(stop);
                }
                Err(error) => {
                    let advice = "check that no other program listens there and that the address is this machine's";
                    light.set(State::Failed(format!("{address} cannot be opened: {error}; {advice}")));
                }
            }
            if stop.after(RETRY) {
                return;
            }
        }
    })
}

/// The boards of a socket.
struct Network {
    socket: UdpSocket,
    context: DeviceContext,
    light: LightHandle,
    boards: BTreeMap<SocketAddr, Session>,
}

impl Network {
    fn receive(mut self, stop: &Stop) {
        // One byte more than the limit, to notice a longer datagram.
        let mut bytes = [0; MAX_DATAGRAM + 1];
        while !stop.now() {
            match self.socket.recv_from(&mut bytes) {
                Ok((size, _)) if size > MAX_DATAGRAM => self.light.count_error("a datagram of more than 2048 bytes"),
                Ok((size, from)) => self.take(from, &bytes[..size], Instant::now()),
                // Windows reports a receiver that is gone to the next read.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock
                            | ErrorKind::TimedOut
                            | ErrorKind::Interrupted
                            | ErrorKind::ConnectionReset
                            | ErrorKind::ConnectionRefused
                    ) => {}
                Err(error) => {
                    self.light.count_error(error.to_string());
                    // A lasting error must not keep a core busy.
                    if stop.after(TURN) {
                        return;
                    }
                }
            }
            self.work(Instant::now());
        }
        self.boards.into_values().for_each(Session::forget);
    }

    fn take(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        if !self.boards.contains_key(&from) {
            if !Board::is_message(bytes) {
                return self.light.count_error("a datagram that no board sends");
            }
            // A board that restarts may have another port.
            self.forget(|address, board| address.ip() == from.ip() && board.is_silent(now));
            if self.boards.len() == MOST_BOARDS {
                return self.light.count_error("more than 32 boards; stop some, or use another port");
            }
            self.light.remove();
            let is_named = self.boards.keys().any(|address| address.ip() == from.ip());
            let name = if is_named { from.to_string() } else { from.ip().to_string() };
            let mut board = Session::new(self.context.clone(), self.context.light(Kind::Serial, &name));
            board.open();
            board.expect_heartbeat();
            self.boards.insert(from, board);
        }
        if let Some(board) = self.boards.get_mut(&from) {
            board.begin();
            board.take(bytes);
            if !bytes.ends_with(&[0]) {
                board.take(b"\n");
            }
        }
    }

    /// Notices silence, and sends what waits.
    fn work(&mut self, now: Instant) {
        self.forget(|_, board| board.silence(now) > FORGET);
        for (address, board) in &mut self.boards {
            board.check(now);
            if !board.write(now, |line| self.socket.send_to(line, address)) {
                board.skip_line();
            }
        }
    }

    fn forget(&mut self, is_over: impl Fn(&SocketAddr, &Session) -> bool) {
        let over: Vec<SocketAddr> = self
            .boards
            .iter()
            .filter(|(address, board)| is_over(address, board))
            .map(|(address, _)| *address)
            .collect();
        for address in over {
            self.boards.remove(&address).into_iter().for_each(Session::forget);
            if self.boards.is_empty() {
                self.light.set(State::Open);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::{Control, ControlId, ControlName};

    use super::*;

    fn network(context: &DeviceContext) -> Network {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        Network { socket, context: context.clone(), light: context.light(Kind::Serial, "udp"), boards: BTreeMap::new() }
    }

    fn names(context: &DeviceContext) -> Vec<String> {
        context.activity.lights().into_iter().map(|light| light.name).collect()
    }

    #[test]
    fn boards_are_named_by_greeting_or_address_and_get_their_lines() {
        let context = DeviceContext::default();
        let mut network = network(&context);
        let board = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        board.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let from = board.local_addr().expect("an address");
        let now = Instant::now();
        network.take(from, b"touch 0.5", now);
        network.work(now);
        let mut bytes = [0; 64];
        let mut reads = || board.recv(&mut bytes).map(|size| String::from_utf8_lossy(&bytes[..size]).into_owned());
        assert_eq!(reads().expect("a question"), "?\n");
        assert_eq!(names(&context), ["127.0.0.1"]);
        network.take(from, b"bendrack 1 lamp\ntouch 0.75", now);
        assert_eq!(names(&context), ["lamp"]);
        let touch = ControlId { name: ControlName::Sensor { name: "touch".into() }, device: Some("lamp".into()) };
        assert_eq!(context.inbox.latest().get(&touch, 0).and_then(Control::last), Some(0.75));
        context.boards.send(|name| **name == *"lamp", &b"led 1\n"[..].into());
        network.work(now + Duration::from_millis(20));
        assert_eq!(reads().expect("a line"), "led 1\n");
    }

    #[test]
    fn the_count_of_boards_is_bounded_and_silent_ones_are_forgotten() {
        let context = DeviceContext::default();
        let mut network = network(&context);
        let now = Instant::now();
        for board in 1..=100 {
            network.take(([10, 0, 0, board], 9100).into(), b"a 1", now);
        }
        network.take(([10, 0, 1, 1], 9100).into(), b"\xff\xfe noise", now);
        assert_eq!(network.boards.len(), MOST_BOARDS);
        let errors = context.activity.lights().into_iter().find(|light| light.name == "udp").map(|l| l.counts.errors);
        assert_eq!(errors, Some(100 - MOST_BOARDS as u64 + 1));
        network.forget(|_, board| board.silence(now + 2 * FORGET) > FORGET);
        assert_eq!(names(&context), ["udp"]);
        network.take(([10, 0, 0, 99], 9100).into(), b"a 1", now);
        assert_eq!(names(&context), ["10.0.0.99"]);
    }
}
