//! OSC over UDP, in and out.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

use super::activity::{Kind, LightHandle, State};
use super::worker::{Stop, TURN, Worker};
use super::{DeviceContext, DeviceError};

/// The most bytes of a packet; longer ones are errors.
pub const MAX_PACKET: usize = 8192;
/// The most addresses; messages to others are errors.
pub const MAX_ADDRESSES: usize = 4096;
/// The most bytes of an address.
const MAX_ADDRESS: usize = 256;
/// The most numbers of a message; more are dropped.
const MAX_NUMBERS: usize = 256;
/// The deepest nesting of bundles, and the most arrays in a message.
const MAX_DEPTH: usize = 8;
/// The wait before an address that cannot be opened is tried again.
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

/// This machine's address in its network, if it has one. It sends nothing.
pub fn local_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation: connecting only chooses the route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Reads a packet: addresses with their finite numbers, in order. Arguments that are not numbers are skipped, arrays flattened.
///
/// # Errors
///
/// Fails with the problem of the packet, none of which is then used.
fn read(packet: &[u8]) -> Result<Vec<(String, Vec<f64>)>, String> {
    if packet.len() > MAX_PACKET {
        return Err("a packet that is too long".into());
    }
    check(packet, 0)?;
    let (rest, packet) = rosc::decoder::decode_udp(packet).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("a packet with bytes after its end".into());
    }
    let mut messages = Vec::new();
    collect(packet, &mut messages)?;
    Ok(messages)
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

fn collect(packet: OscPacket, messages: &mut Vec<(String, Vec<f64>)>) -> Result<(), String> {
    match packet {
        OscPacket::Bundle(bundle) => bundle.content.into_iter().try_for_each(|packet| collect(packet, messages)),
        OscPacket::Message(message) if message.addr.len() > MAX_ADDRESS => Err("an address that is too long".into()),
        OscPacket::Message(message) => {
            let mut numbers = Vec::new();
            flatten(&message.args, &mut numbers);
            numbers.truncate(MAX_NUMBERS);
            if numbers.iter().any(|number| !number.is_finite()) {
                return Err(format!("{}: a number that is not finite", message.addr));
            }
            messages.push((message.addr, numbers));
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
            match bind(address) {
                Ok(socket) => {
                    light.set(State::Open);
                    return receive(&socket, &context, &light, stop);
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

fn bind(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(TURN))?;
    Ok(socket)
}

fn receive(socket: &UdpSocket, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    // One byte more than the limit, to notice a longer packet.
    let mut packet = [0; MAX_PACKET + 1];
    while !stop.now() {
        match socket.recv(&mut packet) {
            Ok(size) => handle_packet(&packet[..size], context, light),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => {
                light.count_error(&error.to_string());
                // A lasting error must not keep a core busy.
                if stop.after(TURN) {
                    return;
                }
            }
        }
    }
}

fn handle_packet(packet: &[u8], context: &DeviceContext, light: &LightHandle) {
    let messages = match read(packet) {
        Ok(messages) => messages,
        Err(problem) => return light.count_error(&problem),
    };
    for (address, numbers) in messages {
        let text = format!("{address} {numbers:?}");
        if !numbers.is_empty() && !store(context, &address, numbers) {
            light.count_error(&format!("{address} is dropped: {MAX_ADDRESSES} addresses are in use"));
            continue;
        }
        light.count_message(&text);
    }
}

/// Stores the numbers of an address. False if there are too many addresses.
fn store(context: &DeviceContext, address: &str, numbers: Vec<f64>) -> bool {
    let mut controls = context.controls();
    let room = controls.osc.len() < MAX_ADDRESSES;
    match controls.osc.get_mut(address) {
        Some(known) => *known = numbers,
        None if room => {
            controls.osc.insert(address.to_owned(), numbers);
        }
        None => return false,
    }
    true
}

/// Sends OSC to one address. Clones send from the same socket.
#[derive(Clone, Debug)]
pub struct OscOut {
    socket: Option<Arc<UdpSocket>>,
    light: LightHandle,
}

impl OscOut {
    pub(super) fn new(address: SocketAddr, light: LightHandle) -> OscOut {
        let socket = connect(address);
        light.set(match &socket {
            Ok(_) => State::Open,
            Err(error) => State::Failed(format!("{address} cannot be reached: {error}")),
        });
        OscOut { socket: socket.ok().map(Arc::new), light }
    }

    /// Sends numbers to their addresses in one bundle, without waiting. Failures are counted by the light.
    pub fn send<A: AsRef<str>>(&self, messages: &[(A, f64)]) {
        let Some(socket) = &self.socket else { return };
        let content: Vec<OscPacket> =
            messages.iter().filter_map(|(address, value)| self.message(address.as_ref(), *value)).collect();
        if content.is_empty() {
            return;
        }
        let text = format!("{} numbers", content.len());
        // The time tag "immediately".
        let timetag = OscTime { seconds: 0, fractional: 1 };
        let sent = rosc::encoder::encode(&OscPacket::Bundle(OscBundle { timetag, content }))
            .map_err(|error| error.to_string())
            .and_then(|packet| self.try_send(socket, &packet).map_err(|error| error.to_string()));
        match sent {
            Ok(()) => self.light.count_message(&text),
            Err(problem) => {
                self.light.count_error(&problem);
                self.light.set(State::Failed(problem));
            }
        }
    }

    fn message(&self, address: &str, value: f64) -> Option<OscPacket> {
        if !address.starts_with('/') || !value.is_finite() {
            self.light.count_error(&format!(
                "{address} {value} is not sent; begin the address with /, and send a finite number"
            ));
            return None;
        }
        Some(OscPacket::Message(OscMessage { addr: address.to_owned(), args: vec![OscType::Float(value as f32)] }))
    }

    fn try_send(&self, socket: &UdpSocket, packet: &[u8]) -> std::io::Result<()> {
        match socket.send(packet) {
            Ok(_) => self.light.set(State::Open),
            // This error concerns the packet before, so this one is sent again.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.light.set(State::Waiting);
                socket.send(packet)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn connect(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(read(&bytes(&message("/a", args))), Ok(vec![("/a".into(), expected)]));
    }

    #[test]
    fn bundles_are_read_in_order_and_not_too_deep() {
        let inner = bundle(vec![message("/b", vec![OscType::Int(2)])]);
        let packet = bundle(vec![message("/a", vec![OscType::Int(1)]), inner, message("/a", vec![OscType::Int(3)])]);
        let expected = [("/a", 1.0), ("/b", 2.0), ("/a", 3.0)].map(|(address, x)| (address.to_owned(), vec![x]));
        assert_eq!(read(&bytes(&packet)), Ok(expected.to_vec()));
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
    fn a_flood_of_addresses_is_bounded_and_known_ones_go_on() {
        let (context, light) = (DeviceContext::default(), DeviceContext::default().light(Kind::OscIn, "flood"));
        let send = |address: &str, x| handle_packet(&bytes(&message(address, vec![OscType::Int(x)])), &context, &light);
        (0..MAX_ADDRESSES + 10).for_each(|i| send(&format!("/{i}"), 0));
        assert_eq!(context.controls().osc.len(), MAX_ADDRESSES);
        send("/7", 1);
        assert_eq!(context.controls().osc["/7"], [1.0]);
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
            prop_assert!(numbers.iter().flat_map(|(_, numbers)| numbers).all(|number| number.is_finite()));
        }

        #[test]
        fn a_damaged_packet_gives_finite_numbers_or_an_error(at in 0..80_usize, byte: u8, x: f32, y: f64) {
            let args = vec![OscType::Float(x), OscType::Double(y), OscType::String("abc".into())];
            let mut packet = bytes(&bundle(vec![message("/first", args.clone()), bundle(vec![message("/b", args)])]));
            let at = at % packet.len();
            packet[at] = byte;
            let numbers = read(&packet).unwrap_or_default();
            prop_assert!(numbers.iter().flat_map(|(_, numbers)| numbers).all(|number| number.is_finite()));
        }
    }
}
