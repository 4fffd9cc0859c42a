//! OSCQuery: the addresses of the patch as a tree in JSON, over HTTP, and their values over a WebSocket.

mod announce;
mod http;
mod socket;
#[cfg(test)]
mod tests;
mod tree;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::OscPort;
use super::input::CLOSED;
use crate::io::DeviceContext;
use crate::io::activity::LightHandle;
use crate::io::light::{Kind, State};
use crate::io::message::Message;
use crate::io::target::RETRY;
use crate::io::worker::{Stop, TURN, Worker};
use announce::Announcement;
use http::{Question, Status, answer};

/// The longest time until a connection is accepted.
const ACCEPT: Duration = Duration::from_millis(20);
/// The longest time of a request, and of the way of its answer.
const LONGEST: Duration = Duration::from_secs(2);
/// The most bytes of a request.
const MOST: usize = 8192;
/// The most WebSockets at once.
const MOST_SOCKETS: usize = 16;

/// Answers requests at an address. `port` is the first one that receives OSC.
pub(in crate::io) fn serve(address: SocketAddr, port: Option<OscPort>, context: &DeviceContext) -> Worker {
    let (context, light) = (context.clone(), context.light(Kind::OscIn, &format!("OSCQuery {address}")));
    Worker::spawn(&light.clone(), move |stop| {
        loop {
            match TcpListener::bind(address).and_then(|http| http.set_nonblocking(true).map(|()| http)) {
                Ok(http) => {
                    light.set(State::Open);
                    let announced = Announcement::new(address, port);
                    light.advise(announced.as_ref().err().map(|error| {
                        format!("the network does not announce this address ({error}); type it in the other program")
                    }));
                    return accept(&http, port, &context, &light, stop);
                }
                Err(error) => light.set(State::Failed(format!("{address} cannot be opened: {error}; {CLOSED}"))),
            }
            if stop.after(RETRY) {
                return;
            }
        }
    })
}

/// Answers one request after the other. A WebSocket has a thread of its own.
fn accept(http: &TcpListener, port: Option<OscPort>, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    let mut sockets: Vec<Worker> = Vec::new();
    while !stop.after(ACCEPT) {
        sockets.retain(|socket| !socket.is_finished());
        while !stop.now()
            && let Ok((stream, _)) = http.accept()
        {
            match exchange(stream, port, context, light, stop) {
                Ok(None) => {}
                Ok(Some(_)) if sockets.len() >= MOST_SOCKETS => {
                    light.count_error(format!("a WebSocket beyond {MOST_SOCKETS}; close another"));
                }
                Ok(Some(opened)) => sockets.push(follow(opened, context, light)),
                Err(error) => light.count_error(error.to_string()),
            }
        }
    }
}

/// Serves a WebSocket on a thread of its own. After a panic it is closed, and the other end connects again.
fn follow(opened: Opened, context: &DeviceContext, light: &LightHandle) -> Worker {
    let (mut opened, context, light) = (Some(opened), context.clone(), light.clone());
    Worker::spawn(&light.clone(), move |stop| match opened.take() {
        Some(Opened { stream, begun }) => socket::serve(stream, begun, &context, &light, stop),
        None => light.set(State::Open),
    })
}

/// A WebSocket after its handshake, with the bytes that came with it.
struct Opened {
    stream: TcpStream,
    begun: Vec<u8>,
}

fn exchange(
    mut stream: TcpStream,
    port: Option<OscPort>,
    context: &DeviceContext,
    light: &LightHandle,
    stop: &Stop,
) -> std::io::Result<Option<Opened>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TURN))?;
    stream.set_write_timeout(Some(LONGEST))?;
    let (begin, mut request, mut bytes) = (Instant::now(), Vec::new(), [0; 1024]);
    let end = loop {
        if let Some(end) = end_of(&request) {
            break end;
        }
        if request.len() > MOST || begin.elapsed() > LONGEST || stop.now() {
            return Err(std::io::Error::other("an HTTP request without an end"));
        }
        match stream.read(&mut bytes) {
            Ok(0) => return Err(std::io::Error::other("an HTTP request that is cut off")),
            Ok(size) => request.extend_from_slice(&bytes[..size]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    };
    let begun = request.split_off(end);
    light.count_message(Message::line(request.split(|&byte| byte == b'\r').next().unwrap_or_default()));
    let (status, body) = match Question::read(&request) {
        Ok(Question::Socket(key)) => {
            let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
            stream.write_all(format!("{head}\r\nSec-WebSocket-Accept: {key}\r\n\r\n").as_bytes())?;
            stream.set_read_timeout(Some(socket::WAIT))?;
            return Ok(Some(Opened { stream, begun }));
        }
        Ok(Question::Tree { path, attribute }) => answer(&path, attribute.as_deref(), port, context),
        Err(status) => (status, None),
    };
    send(&mut stream, status, &body.map(|body| body.to_string()).unwrap_or_default()).map(|()| None)
}

fn send(stream: &mut TcpStream, status: Status, body: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// The end of the head of a request.
fn end_of(request: &[u8]) -> Option<usize> {
    request.windows(4).position(|window| window == b"\r\n\r\n").map(|start| start + 4)
}
