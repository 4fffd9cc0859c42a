//! OSC output: numbers sent to one destination, which may be away.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bendrack_nodes::program::cells::Pixels;
use bendrack_nodes::program::message::{Argument, Form, OscMessage as Sent};
use rosc::{OscMessage, OscPacket, OscType};

use crate::io::DeviceContext;
use crate::io::activity::LightHandle;
use crate::io::light::{Kind, State};
use crate::io::message::Message;
use crate::io::socket;
use crate::io::target::{Named, RETRY, Target};
use crate::io::worker::{Stop, Worker};

/// The most bytes of a packet that UDP carries.
const MOST_SENT: usize = 65_507;
/// The most bytes of a bundle of several messages: many receivers read no more.
const MOST_IN_BUNDLE: usize = 8192;

/// Sends OSC to one destination. Clones send from the same socket.
#[derive(Clone, Debug)]
pub struct OscOut {
    target: Arc<Named<Target>>,
    /// None while the destination cannot be reached; the thread of the device then opens it again.
    socket: Arc<Mutex<Option<UdpSocket>>>,
    light: LightHandle,
}

/// Keeps a socket open that sends to a destination.
pub(in crate::io) fn follow(target: &Named<Target>, context: &DeviceContext) -> (OscOut, Worker) {
    let light = context.light(Kind::OscOut, &target.to_string());
    let out = OscOut { target: Arc::new(target.clone()), socket: Arc::default(), light: light.clone() };
    if let Target::Address(address) = target.device {
        // A name may take seconds.
        out.open(address);
    }
    let opened = out.clone();
    let run = move |stop: &Stop| {
        loop {
            if !opened.is_up_to_date() {
                match opened.target.device.find(stop) {
                    Ok(Some(address)) => opened.open(address),
                    Ok(None) => return,
                    Err(problem) => opened.light.set(State::Failed(problem)),
                }
            }
            if stop.after(RETRY) {
                return;
            }
        }
    };
    (out, Worker::spawn(&light, run))
}

impl OscOut {
    /// True if a patch means this destination: by its name, or every destination.
    pub(in crate::io) fn is_meant(&self, device: &str) -> bool {
        self.target.is_meant(device)
    }

    /// Sends the messages to this destination in one bundle, or several if it would be too long. It does not wait. Failures are
    /// counted by the light.
    pub fn send(&self, messages: &[Sent]) {
        let mine = messages.iter().filter(|message| self.is_meant(&message.device));
        let mut bundle = Bundle::default();
        for message in mine {
            let Some(bytes) = self.encoded(message) else { continue };
            if !bundle.has_room(bytes.len()) {
                self.send_bundle(&std::mem::take(&mut bundle));
            }
            bundle.push(&bytes);
        }
        self.send_bundle(&bundle);
    }

    /// The bytes of a message.
    fn encoded(&self, message: &Sent) -> Option<Vec<u8>> {
        match rosc::encoder::encode(&self.message(message)?) {
            Ok(bytes) if bytes.len() > MOST_SENT - BEGINNING => {
                let (address, size) = (&message.address, bytes.len());
                self.light
                    .count_error(format!("{address} has {size} bytes, and a packet fewer; send a smaller picture"));
                None
            }
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.light.count_error(error.to_string());
                None
            }
        }
    }

    fn send_bundle(&self, bundle: &Bundle) {
        if bundle.count > 0 {
            self.send_packet(&bundle.bytes, bundle.count);
        }
    }

    fn message(&self, message: &Sent) -> Option<OscPacket> {
        let address = &message.address;
        if !address.starts_with('/') {
            self.light.count_error(format!("{address} is not sent; begin the address with /"));
            return None;
        }
        let mut args = Vec::new();
        for argument in &message.arguments {
            match argument {
                Argument::Number(number, _) if !number.is_finite() => {
                    self.light.count_error(format!("{address} {number} is not sent; send a finite number"));
                    return None;
                }
                Argument::Number(number, form) => args.push(number_as(*number, *form)),
                Argument::Text(text) => args.push(OscType::String(text.to_string())),
                Argument::Pixels(pixels, form) => pixels_as(pixels, *form, &mut args),
            }
        }
        Some(OscPacket::Message(OscMessage { addr: address.to_string(), args }))
    }

    /// Sends a packet of this many messages.
    fn send_packet(&self, packet: &[u8], count: usize) {
        let mut slot = self.locked();
        let Some(socket) = &*slot else { return self.light.count_error("a bundle without a way to its destination") };
        let sent = match socket.send(packet) {
            // This error concerns the packet before, so this one is sent again.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.light.set(State::Waiting);
                socket.send(packet)
            }
            Ok(size) => {
                self.light.set(State::Open);
                Ok(size)
            }
            Err(error) => Err(error),
        };
        match sent {
            Ok(_) => self.light.count_message(Message::Messages(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.light.count_error("a bundle that the system had no room for");
            }
            Err(error) => {
                *slot = None;
                self.light.count_error(error.to_string());
                self.fail(&error);
            }
        }
    }

    /// Opens a socket that sends to an address.
    fn open(&self, address: SocketAddr) {
        match socket::sender(address) {
            Ok(socket) => {
                *self.locked() = Some(socket);
                self.light.set(State::Open);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&self, error: &io::Error) {
        let retry = RETRY.as_secs();
        self.light.set(State::Failed(format!(
            "the destination cannot be reached: {error}; check the network, bendrack tries again every {retry} s"
        )));
    }

    /// False if there is no socket, or the network changed under it.
    fn is_up_to_date(&self) -> bool {
        self.locked().as_ref().is_some_and(|socket| !socket::is_outdated(socket))
    }

    fn locked(&self) -> MutexGuard<'_, Option<UdpSocket>> {
        // A socket is there or not, so a thread that panicked left a valid one.
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a bundle before its first message, and its size.
const BEGINNING: usize = 20;

/// The bytes of a bundle, at once.
struct Bundle {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for Bundle {
    fn default() -> Self {
        // The time tag "immediately".
        Self { bytes: b"#bundle\0\0\0\0\0\0\0\0\x01".to_vec(), count: 0 }
    }
}

impl Bundle {
    /// True if a message of this many bytes fits. One always does.
    fn has_room(&self, size: usize) -> bool {
        self.count == 0 || self.bytes.len() + 4 + size <= MOST_IN_BUNDLE
    }

    fn push(&mut self, message: &[u8]) {
        self.bytes.extend((message.len() as u32).to_be_bytes());
        self.bytes.extend_from_slice(message);
        self.count += 1;
    }
}

/// A finite number as an argument.
fn number_as(number: f64, form: Form) -> OscType {
    match form {
        Form::Float => OscType::Float(number as f32),
        Form::Double => OscType::Double(number),
        // A cast saturates.
        Form::Int => OscType::Int(number.round() as i32),
        Form::Bool => OscType::Bool(number >= 0.5),
        Form::Text => OscType::String(number.to_string()),
        Form::None => OscType::Nil,
        Form::Blob => OscType::Blob(vec![byte(number)]),
    }
}

/// A picture as arguments: a blob, or a list.
fn pixels_as(pixels: &Pixels, form: Form, args: &mut Vec<OscType>) {
    match (pixels, form) {
        (Pixels::Grey(grey), Form::Blob) => {
            args.push(OscType::Blob(grey.iter().map(|x| byte(f64::from(*x))).collect()));
        }
        (Pixels::Rgb(rgb), Form::Blob) => args.push(OscType::Blob(rgb.clone())),
        (Pixels::Grey(grey), Form::Int) => args.extend(grey.iter().map(|x| OscType::Int(byte(f64::from(*x)).into()))),
        (Pixels::Rgb(rgb), Form::Int) => args.extend(rgb.iter().map(|byte| OscType::Int((*byte).into()))),
        (Pixels::Grey(grey), _) => args.extend(grey.iter().map(|x| number_as(f64::from(*x), form))),
        (Pixels::Rgb(rgb), _) => args.extend(rgb.iter().map(|byte| number_as(f64::from(*byte) / 255.0, form))),
    }
}

/// 0 to 1 as a byte.
fn byte(share: f64) -> u8 {
    // A cast saturates.
    (share * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn one() -> [Sent; 1] {
        let arguments = vec![Argument::Number(1.0, Form::Float)];
        [Sent { device: Arc::default(), address: "/a".into(), arguments }]
    }

    #[test]
    fn arguments_have_their_type() {
        for (form, wanted) in [
            (Form::Float, OscType::Float(2.6)),
            (Form::Double, OscType::Double(2.6)),
            (Form::Int, OscType::Int(3)),
            (Form::Bool, OscType::Bool(true)),
            (Form::Text, OscType::String("2.6".into())),
            (Form::Blob, OscType::Blob(vec![255])),
        ] {
            assert_eq!(number_as(2.6, form), wanted);
        }
        assert_eq!(number_as(-1e12, Form::Int), OscType::Int(i32::MIN));
        let list = |pixels: &Pixels, form| {
            let mut args = Vec::new();
            pixels_as(pixels, form, &mut args);
            args
        };
        let (grey, rgb) = (Pixels::Grey(vec![0.0, 0.5]), Pixels::Rgb(vec![0, 255, 51]));
        assert_eq!(list(&grey, Form::Float), [OscType::Float(0.0), OscType::Float(0.5)]);
        assert_eq!(list(&grey, Form::Blob), [OscType::Blob(vec![0, 128])]);
        assert_eq!(list(&grey, Form::Int), [OscType::Int(0), OscType::Int(128)]);
        assert_eq!(list(&rgb, Form::Blob), [OscType::Blob(vec![0, 255, 51])]);
        assert_eq!(list(&rgb, Form::Float), [0.0, 1.0, 0.2].map(OscType::Float));
    }

    #[test]
    fn a_long_bundle_is_several_and_a_message_belongs_to_one() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
        receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        let context = DeviceContext::default();
        let target = Named { name: "wall".to_owned(), device: receiver.local_addr().expect("an address").into() };
        let (out, _worker) = follow(&target, &context);
        let message = |device: &str, count: usize| {
            let pixels = Argument::Pixels(Pixels::Rgb(vec![7; count]), Form::Blob);
            Sent { device: device.into(), address: "/a".into(), arguments: vec![pixels] }
        };
        let mut sizes = Vec::new();
        let mut receive = |count: usize| {
            for _ in 0..count {
                let mut bytes = vec![0; MOST_SENT];
                let size = receiver.recv(&mut bytes).expect("a packet");
                let (_, packet) = rosc::decoder::decode_udp(&bytes[..size]).expect("it decodes");
                let OscPacket::Bundle(bundle) = packet else { panic!("{packet:?}") };
                sizes.push(bundle.content.len());
            }
        };
        // 4,012 bytes each; 20,012 bytes; one for another; one that no packet carries.
        out.send(&[message("", 4000), message("WALL", 4000), message("", 4000), message("other", 4)]);
        receive(2);
        out.send(&[message("", 4), message("", 20_000), message("", 4), message("", 65_500)]);
        receive(3);
        assert_eq!(sizes, [2, 1, 1, 1, 1]);
        let counts = context.activity.lights().remove(0).counts;
        assert_eq!((counts.messages, counts.errors), (5, 1));
    }

    #[test]
    fn a_destination_is_opened_again_after_an_error() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
        receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        let context = DeviceContext::default();
        let target = Arc::new(Named::from(Target::Name("there".into(), 9)));
        let out = OscOut { target, socket: Arc::default(), light: context.light(Kind::OscOut, "there") };
        assert!(!out.is_up_to_date(), "it is not open yet");
        // A socket without a destination fails to send.
        *out.locked() = UdpSocket::bind("127.0.0.1:0").ok();
        out.send(&one());
        let light = context.activity.lights().remove(0);
        assert!(matches!(light.state, State::Failed(_)) && light.counts.errors == 1, "{light:?}");
        assert!(!out.is_up_to_date());
        out.open(receiver.local_addr().expect("an address"));
        assert!(out.is_up_to_date());
        out.send(&one());
        assert!(receiver.recv(&mut [0; 100]).is_ok());
        assert_eq!(context.activity.lights().remove(0).state, State::Open);
    }

    #[test]
    fn an_unknown_host_is_waited_for_and_the_device_closes_soon() {
        let context = DeviceContext::default();
        let (out, worker) = follow(&Target::Name("no-such-host.invalid".into(), 9).into(), &context);
        let begin = Instant::now();
        while context.activity.lights().is_empty() && begin.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(10));
        }
        out.send(&one());
        assert_eq!(context.activity.lights().remove(0).counts.errors, 1);
        let begin = Instant::now();
        drop(worker);
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}
