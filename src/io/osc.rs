//! OSC over UDP, in and out.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::str::FromStr;
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bendrack_nodes::input::Event;
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

use super::activity::LightHandle;
use super::light::{Kind, State};
use super::message::{Message, Problem};
use super::socket::{self, Receiver};
use super::worker::{Stop, TURN, Worker};
use super::{DeviceContext, DeviceError};

/// The most bytes of a packet; longer ones are errors.
pub const MAX_PACKET: usize = 8192;
/// The most bytes of an address.
const MAX_ADDRESS: usize = 256;
/// The most numbers of a message; more are dropped.
const MAX_NUMBERS: usize = 256;
/// The deepest nesting of bundles, and the most arrays in a message.
const MAX_DEPTH: usize = 8;
/// The most bytes of a packet that UDP carries.
const MOST_SENT: usize = 65_507;
/// The wait before an address that cannot be opened is tried again, and between two looks at the network.
const RETRY: Duration = Duration::from_secs(2);

/// Reads an address: `9000` is that port on 127.0.0.1, which no other machine reaches; else `host:port`.
///
/// # Errors
///
/// Fails if the text is neither.
pub fn address(text: &str) -> Result<SocketAddr, DeviceError> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| format!("{text:?} is not an address; write a port, such as 9000, or host:port").into())
}

/// The destination of OSC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OscTarget {
    /// An address.
    Address(SocketAddr),
    /// A host with a name, and a port. The name may be unknown until the host is on.
    Name(String, u16),
}

impl FromStr for OscTarget {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if let Ok(port) = text.parse::<u16>() {
            return Ok(Self::Address((Ipv4Addr::LOCALHOST, port).into()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        // A name of digits and dots is an address with a mistake.
        let is_name = |name: &str| name.chars().all(is_part) && name.contains(char::is_alphabetic);
        let named = text.rsplit_once(':').filter(|(name, _)| is_name(name));
        let named = named.and_then(|(name, port)| Some(Self::Name(name.to_owned(), port.parse().ok()?)));
        named.ok_or_else(|| format!("{text:?} is not an address; write a port, such as 9000, or host:port").into())
    }
}

impl From<SocketAddr> for OscTarget {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for OscTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// This machine's address in its network, if it has one. It sends nothing.
pub fn local_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation: connecting only chooses the route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The messages of a bundle, or a message alone: its time tag, and addresses with their finite numbers.
type Part = (Option<OscTime>, Vec<(String, Vec<f64>)>);

/// Reads a packet: the parts of one time, in order. Arguments that are not numbers are skipped, arrays flattened.
///
/// # Errors
///
/// Fails with the problem of the packet, none of which is then used.
fn read(packet: &[u8]) -> Result<Vec<Part>, Problem> {
    let problem = |reason| Problem::of(reason, packet);
    if packet.len() > MAX_PACKET {
        return Err(problem("a packet that is too long"));
    }
    check(packet, 0).map_err(problem)?;
    let (rest, read) = rosc::decoder::decode_udp(packet).map_err(|error| Problem::of(error.to_string(), packet))?;
    if !rest.is_empty() {
        return Err(problem("a packet with bytes after its end"));
    }
    let mut parts = vec![(None, Vec::new())];
    collect(read, &mut parts)?;
    parts.retain(|(_, messages)| !messages.is_empty());
    Ok(parts)
}

/// Refuses deep nesting: the decoder recurses as deep as the packet does.
fn check(packet: &[u8], depth: usize) -> Result<(), &'static str> {
    if !packet.len().is_multiple_of(4) {
        return Err("a length that is not a multiple of 4");
    }
    let Some(bundle) = packet.strip_prefix(b"#bundle\0") else { return check_arrays(packet) };
    if depth == MAX_DEPTH {
        return Err("bundles that nest too deep");
    }
    let mut rest = bundle.get(8..).ok_or("a bundle without a time")?;
    while !rest.is_empty() {
        let (size, after) = rest.split_first_chunk().ok_or("a bundle that is cut off")?;
        let (element, after) =
            after.split_at_checked(u32::from_be_bytes(*size) as usize).ok_or("a bundle that is cut off")?;
        check(element, depth + 1)?;
        rest = after;
    }
    Ok(())
}

fn check_arrays(message: &[u8]) -> Result<(), &'static str> {
    let end = message.iter().position(|&byte| byte == 0).ok_or("an address without an end")?;
    let tags = message.get((end / 4 + 1) * 4..).unwrap_or_default();
    let arrays = tags.iter().take_while(|&&byte| byte != 0).filter(|&&byte| byte == b'[').count();
    if arrays > MAX_DEPTH { Err("too many arrays") } else { Ok(()) }
}

/// Adds the messages of a packet to the last part, and those of each bundle as a part of their own.
fn collect(packet: OscPacket, parts: &mut Vec<Part>) -> Result<(), Problem> {
    match packet {
        OscPacket::Bundle(bundle) => {
            let outer = parts.last().and_then(|(time, _)| *time);
            parts.push((Some(bundle.timetag), Vec::new()));
            bundle.content.into_iter().try_for_each(|packet| collect(packet, parts))?;
            parts.push((outer, Vec::new()));
            Ok(())
        }
        OscPacket::Message(message) if message.addr.len() > MAX_ADDRESS => {
            Err(Problem::of("an address that is too long", message.addr.as_bytes()))
        }
        OscPacket::Message(message) => {
            let mut numbers = Vec::new();
            flatten(&message.args, &mut numbers);
            numbers.truncate(MAX_NUMBERS);
            if numbers.iter().any(|number| !number.is_finite()) {
                return Err(Problem::of("a number that is not finite", message.addr.as_bytes()));
            }
            if let Some((_, messages)) = parts.last_mut() {
                messages.push((message.addr, numbers));
            }
            Ok(())
        }
    }
}

fn flatten(args: &[OscType], numbers: &mut Vec<f64>) {
    for arg in args {
        match arg {
            OscType::Int(x) => numbers.push(f64::from(*x)),
            OscType::Long(x) => numbers.push(*x as f64),
            OscType::Float(x) => numbers.push(f64::from(*x)),
            OscType::Double(x) => numbers.push(*x),
            OscType::Bool(x) => numbers.push(f64::from(u8::from(*x))),
            OscType::Array(array) => flatten(&array.content, numbers),
            _ => {}
        }
    }
}

/// Listens at an address.
pub(super) fn listen(address: SocketAddr, context: &DeviceContext) -> Worker {
    let (context, light) = (context.clone(), context.light(Kind::OscIn, &address.to_string()));
    Worker::spawn(&light.clone(), move |stop| {
        loop {
            match Receiver::open(address, TURN) {
                Ok(receiver) => {
                    light.set(State::Open);
                    light.advise(receiver.advice());
                    return receive(receiver, &context, &light, stop);
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

fn receive(mut receiver: Receiver, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    // One byte more than the limit, to notice a longer packet.
    let mut packet = [0; MAX_PACKET + 1];
    let mut next_look = Instant::now();
    while !stop.now() {
        match receiver.recv(&mut packet) {
            Ok(size) => handle_packet(&packet[..size], context, light),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => {
                light.count_error(error.to_string());
                // A lasting error must not keep a core busy.
                if stop.after(TURN) {
                    return;
                }
            }
        }
        if next_look <= Instant::now() {
            light.count_lost(receiver.lost());
            next_look = Instant::now() + TURN;
        }
    }
}

fn handle_packet(packet: &[u8], context: &DeviceContext, light: &LightHandle) {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let parts = match read(packet) {
        Ok(parts) => parts,
        Err(problem) => return light.count_error(problem),
    };
    for (time, messages) in parts {
        let event =
            |(address, numbers): (String, Vec<f64>)| Event::Osc { address: address.into(), numbers: numbers.into() };
        let at = time.map_or(now, |time| time_of(time, now, wall));
        context.send(light, at, None, &messages.into_iter().map(event).collect::<Vec<_>>());
    }
}

/// The time of a time tag, as `now` is that of `wall`. A tag that is a minute or more away is of a clock that is not set, and
/// counts as now; so does "immediately".
fn time_of(tag: OscTime, now: Instant, wall: SystemTime) -> Instant {
    const IMMEDIATELY: OscTime = OscTime { seconds: 0, fractional: 1 };
    const MOST: Duration = Duration::from_mins(1);
    let Some(time) = (tag != IMMEDIATELY).then(|| SystemTime::from(tag)) else { return now };
    match time.duration_since(wall) {
        Ok(later) if later < MOST => now + later,
        Err(earlier) if earlier.duration() < MOST => now.checked_sub(earlier.duration()).unwrap_or(now),
        _ => now,
    }
}

/// Sends OSC to one destination. Clones send from the same socket.
#[derive(Clone, Debug)]
pub struct OscOut {
    /// None while the destination cannot be reached; the thread of the device then opens it again.
    socket: Arc<Mutex<Option<UdpSocket>>>,
    light: LightHandle,
}

/// Keeps a socket open that sends to a destination.
pub(super) fn follow(target: &OscTarget, context: &DeviceContext) -> (OscOut, Worker) {
    let light = context.light(Kind::OscOut, &target.to_string());
    let out = OscOut { socket: Arc::default(), light: light.clone() };
    if let OscTarget::Address(address) = target {
        // A name may take seconds.
        out.open(*address);
    }
    let (opened, target) = (out.clone(), target.clone());
    let run = move |stop: &Stop| {
        loop {
            if !opened.is_up_to_date() {
                match find(&target, stop) {
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

/// The address of a destination. None if the thread must stop before it is known.
fn find(target: &OscTarget, stop: &Stop) -> Result<Option<SocketAddr>, String> {
    let name = match target {
        OscTarget::Address(address) => return Ok(Some(*address)),
        OscTarget::Name(name, port) => (name.clone(), *port),
    };
    let problem = |why: &str| format!("{target} is unknown: {why}; bendrack asks again every {} s", RETRY.as_secs());
    // The system may take longer to answer than the device to close.
    let (send, answer) = mpsc::channel();
    let ask = move || send.send(name.to_socket_addrs().map(|mut addresses| addresses.next()));
    std::thread::Builder::new()
        .name("name of a host".into())
        .spawn(ask)
        .map_err(|error| problem(&error.to_string()))?;
    loop {
        match answer.try_recv() {
            Ok(Ok(Some(address))) => return Ok(Some(address)),
            Ok(Ok(None)) => return Err(problem("it has no address")),
            Ok(Err(error)) => return Err(problem(&error.to_string())),
            Err(TryRecvError::Disconnected) => return Err(problem("the system does not answer")),
            Err(TryRecvError::Empty) if stop.after(TURN) => return Ok(None),
            Err(TryRecvError::Empty) => {}
        }
    }
}

impl OscOut {
    /// Sends numbers to their addresses in one bundle, without waiting. Failures are counted by the light.
    pub fn send<A: AsRef<str>>(&self, messages: &[(A, f64)]) {
        let content: Vec<OscPacket> =
            messages.iter().filter_map(|(address, value)| self.message(address.as_ref(), *value)).collect();
        if content.is_empty() {
            return;
        }
        let count = content.len();
        // The time tag "immediately".
        let timetag = OscTime { seconds: 0, fractional: 1 };
        match rosc::encoder::encode(&OscPacket::Bundle(OscBundle { timetag, content })) {
            Ok(packet) if packet.len() > MOST_SENT => {
                self.light.count_error(format!("a bundle of {} bytes; the most are {MOST_SENT}", packet.len()));
            }
            Ok(packet) => self.send_packet(&packet, count),
            Err(error) => self.light.count_error(error.to_string()),
        }
    }

    fn message(&self, address: &str, value: f64) -> Option<OscPacket> {
        if !address.starts_with('/') || !value.is_finite() {
            self.light.count_error(format!(
                "{address} {value} is not sent; begin the address with /, and send a finite number"
            ));
            return None;
        }
        Some(OscPacket::Message(OscMessage { addr: address.to_owned(), args: vec![OscType::Float(value as f32)] }))
    }

    /// Sends a packet of this many numbers.
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
            Ok(_) => self.light.count_message(Message::Numbers(count)),
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

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::{Control, MOST_NAMES};

    use std::net::Ipv6Addr;

    use super::*;
    use proptest::prelude::*;

    fn message(addr: &str, args: Vec<OscType>) -> OscPacket {
        OscPacket::Message(OscMessage { addr: addr.into(), args })
    }

    fn bundle(content: Vec<OscPacket>) -> OscPacket {
        OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content })
    }

    fn bytes(packet: &OscPacket) -> Vec<u8> {
        rosc::encoder::encode(packet).expect("it encodes")
    }

    #[test]
    fn numbers_of_every_type_are_read_and_the_rest_is_skipped() {
        let array = rosc::OscArray { content: vec![OscType::Int(5), OscType::Nil] };
        let args = vec![
            OscType::Int(-1),
            OscType::String("x".into()),
            OscType::Float(0.5),
            OscType::Double(0.1),
            OscType::Long(1 << 40),
            OscType::Bool(true),
            OscType::Bool(false),
            OscType::Blob(vec![1, 2, 3]),
            OscType::Array(array),
        ];
        let expected = vec![-1.0, 0.5, 0.1, (1_u64 << 40) as f64, 1.0, 0.0, 5.0];
        assert_eq!(read(&bytes(&message("/a", args))), Ok(vec![(None, vec![("/a".into(), expected)])]));
    }

    #[test]
    fn bundles_are_read_in_order_and_not_too_deep() {
        let inner = bundle(vec![message("/b", vec![OscType::Int(2)])]);
        let packet = bundle(vec![message("/a", vec![OscType::Int(1)]), inner, message("/a", vec![OscType::Int(3)])]);
        let expected = [("/a", 1.0), ("/b", 2.0), ("/a", 3.0)].map(|(address, x)| (address.to_owned(), vec![x]));
        let messages: Vec<_> = read(&bytes(&packet)).expect("parts").into_iter().flat_map(|(_, part)| part).collect();
        assert_eq!(messages, expected);
        let nest = |depth| (0..depth).fold(message("/a", vec![OscType::Int(1)]), |packet, _| bundle(vec![packet]));
        assert!(read(&bytes(&nest(MAX_DEPTH))).is_ok());
        assert!(read(&bytes(&nest(MAX_DEPTH + 1))).is_err());
        assert!(read(&bytes(&nest(400))).is_err());
    }

    #[test]
    fn what_is_wrong_is_refused_whole() {
        let nan = bundle(vec![message("/a", vec![OscType::Int(1)]), message("/b", vec![OscType::Float(f32::NAN)])]);
        assert!(read(&bytes(&nan)).is_err());
        assert!(read(b"").is_err() && read(b"/a\0\0").is_err() && read(b"hello\0\0\0,i\0\0\0\0\0\x01").is_err());
        let mut cut = bytes(&bundle(vec![message("/a", vec![OscType::Int(1)]), message("/b", vec![OscType::Int(1)])]));
        cut.truncate(cut.len() - 4);
        assert!(read(&cut).is_err());
        assert!(read(&bytes(&message(&format!("/{}", "a".repeat(300)), vec![OscType::Int(1)]))).is_err());
        let mut arrays = b"/a\0\0,".to_vec();
        arrays.extend([vec![b'['; 2000], vec![b']'; 2000], vec![0; 3]].concat());
        assert!(read(&arrays).is_err());
    }

    #[test]
    fn a_flood_of_addresses_is_bounded_and_counted_and_known_ones_go_on() {
        let context = DeviceContext::default();
        let light = context.light(Kind::OscIn, "flood");
        let send = |address: &str, x| handle_packet(&bytes(&message(address, vec![OscType::Int(x)])), &context, &light);
        (0..MOST_NAMES + 10).for_each(|i| send(&format!("/{i}"), 0));
        let counts = context.activity.lights()[0].counts;
        assert_eq!((counts.messages, counts.evicted + counts.refused), (MOST_NAMES as u64 + 10, 10));
        // A frame may have ended within the flood.
        assert_eq!(context.inbox.take(Instant::now()).len() as u64 + counts.refused, MOST_NAMES as u64 + 10);
        send("/4000", 1);
        assert_eq!(context.inbox.latest().osc("/4000", 0).and_then(Control::last), Some(1.0));
    }

    #[test]
    fn a_message_without_numbers_is_counted_and_moves_nothing() {
        let context = DeviceContext::default();
        handle_packet(&bytes(&message("/bang", vec![OscType::Inf])), &context, &context.light(Kind::OscIn, "bang"));
        let light = context.activity.lights().remove(0);
        assert_eq!(light.last_message.map(|message| message.text), Some("/bang".to_owned()));
        assert!(context.inbox.take(Instant::now()).is_empty());
        assert!(context.activity.controls()[0].values.is_empty(), "its row shows that it came");
    }

    #[test]
    fn a_bad_packet_is_quoted_with_its_reason() {
        let context = DeviceContext::default();
        handle_packet(b"hello\0\0\0", &context, &context.light(Kind::OscIn, "bad"));
        let error = context.activity.lights().remove(0).last_error.expect("an error");
        assert!(error.text.ends_with(": hello"), "{}", error.text);
    }

    #[test]
    fn time_tags_are_times_and_a_wrong_clock_is_now() {
        let (now, wall) = (Instant::now() + Duration::from_secs(1000), SystemTime::now());
        let tag = |time: SystemTime| OscTime::try_from(time).expect("a time");
        let at = |time| time_of(tag(time), now, wall);
        let near = |a: Instant, b: Instant| a.max(b) - a.min(b) < Duration::from_micros(10);
        let millis = Duration::from_millis;
        assert!(near(at(wall + millis(200)), now + millis(200)));
        assert!(near(at(wall - millis(200)) + millis(200), now));
        assert_eq!([at(wall + millis(70_000)), at(wall - millis(70_000))], [now; 2]);
        assert_eq!(time_of(OscTime { seconds: 0, fractional: 1 }, now, wall), now);
    }

    #[test]
    fn the_messages_of_a_bundle_have_its_time() {
        let (context, light) = (DeviceContext::default(), DeviceContext::default().light(Kind::OscIn, "bundle"));
        let later = OscTime::try_from(SystemTime::now() + Duration::from_secs(20)).expect("a time");
        let content = vec![message("/a", vec![OscType::Int(1)]), message("/b", vec![OscType::Int(2)])];
        let inner = OscPacket::Bundle(OscBundle { timetag: later, content });
        let packet = bundle(vec![inner, message("/c", vec![OscType::Int(3)])]);
        handle_packet(&bytes(&packet), &context, &light);
        let now = context.inbox.take(Instant::now());
        assert!(matches!(&now[..], [only] if matches!(&only.event, Event::Osc { address, .. } if &**address == "/c")));
        let later = context.inbox.take(Instant::now() + Duration::from_secs(30));
        assert!(later.len() == 2 && later[0].at == later[1].at, "{later:?}");
    }

    #[test]
    fn destinations_are_read_and_a_name_is_not_asked_for_yet() {
        let target = |text: &str| text.parse::<OscTarget>();
        assert_eq!(target("9000"), Ok(OscTarget::Address(([127, 0, 0, 1], 9000).into())));
        assert_eq!(target("[::1]:9000"), Ok(OscTarget::Address((Ipv6Addr::LOCALHOST, 9000).into())));
        assert_eq!(target("no-such-lamp.local:9"), Ok(OscTarget::Name("no-such-lamp.local".into(), 9)));
        for text in
            ["", "70000", "1.2.3.4", "1.2.3.400:9", "lamp.local", "lamp.local:", ":9", "lamp:x", "a b:9", "\u{1b}[2J:9"]
        {
            assert!(target(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_destination_is_opened_again_after_an_error() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
        receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        let context = DeviceContext::default();
        let out = OscOut { socket: Arc::default(), light: context.light(Kind::OscOut, "there") };
        assert!(!out.is_up_to_date(), "it is not open yet");
        // A socket without a destination fails to send.
        *out.locked() = UdpSocket::bind("127.0.0.1:0").ok();
        out.send(&[("/a", 1.0)]);
        let light = context.activity.lights().remove(0);
        assert!(matches!(light.state, State::Failed(_)) && light.counts.errors == 1, "{light:?}");
        assert!(!out.is_up_to_date());
        out.open(receiver.local_addr().expect("an address"));
        assert!(out.is_up_to_date());
        out.send(&[("/a", 1.0)]);
        assert!(receiver.recv(&mut [0; 100]).is_ok());
        assert_eq!(context.activity.lights().remove(0).state, State::Open);
    }

    #[test]
    fn an_unknown_host_is_waited_for_and_the_device_closes_soon() {
        let context = DeviceContext::default();
        let (out, worker) = follow(&OscTarget::Name("no-such-host.invalid".into(), 9), &context);
        let begin = Instant::now();
        while context.activity.lights().is_empty() && begin.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(TURN / 10);
        }
        out.send(&[("/a", 1.0)]);
        assert_eq!(context.activity.lights().remove(0).counts.errors, 1);
        let begin = Instant::now();
        drop(worker);
        assert!(begin.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(address("9000"), Ok(([127, 0, 0, 1], 9000).into()));
        assert_eq!(address("0.0.0.0:9000"), Ok(([0, 0, 0, 0], 9000).into()));
        assert!(address("").is_err() && address("70000").is_err() && address("1.2.3.4").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_finite_numbers_or_an_error(packet in prop::collection::vec(any::<u8>(), 0..300)) {
            let numbers = read(&packet).unwrap_or_default();
            prop_assert!(numbers.iter().flat_map(|(_, part)| part).flat_map(|(_, numbers)| numbers).all(|number| number.is_finite()));
        }

        #[test]
        fn a_damaged_packet_gives_finite_numbers_or_an_error(at in 0..80_usize, byte: u8, x: f32, y: f64) {
            let args = vec![OscType::Float(x), OscType::Double(y), OscType::String("abc".into())];
            let mut packet = bytes(&bundle(vec![message("/first", args.clone()), bundle(vec![message("/b", args)])]));
            let at = at % packet.len();
            packet[at] = byte;
            let numbers = read(&packet).unwrap_or_default();
            prop_assert!(numbers.iter().flat_map(|(_, part)| part).flat_map(|(_, numbers)| numbers).all(|number| number.is_finite()));
        }
    }
}
