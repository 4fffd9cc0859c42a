//! Packets of OSC: their messages, or the problem of one that cannot be read.

use rosc::{OscPacket, OscTime, OscType};

use crate::io::message::Problem;

/// The most bytes of a packet; longer ones are errors.
pub(super) const MAX_PACKET: usize = 8192;
/// The most bytes of an address.
const MAX_ADDRESS: usize = 256;
/// The most numbers of a message; more are dropped.
const MAX_NUMBERS: usize = 256;
/// The deepest nesting of bundles, and the most arrays in a message.
const MAX_DEPTH: usize = 8;

/// A message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message {
    pub(super) address: String,
    /// Finite numbers.
    pub(super) numbers: Vec<f64>,
    /// Its first text, from which nothing but knobs make something.
    pub(super) text: Option<String>,
    /// True without arguments, or with an impulse or nil and no number.
    pub(super) is_press: bool,
    /// MIDI messages: status and data.
    pub(super) midi: Vec<[u8; 3]>,
}

/// The messages of a bundle, or a message alone, with its time tag.
pub(super) type Part = (Option<OscTime>, Vec<Message>);

/// Reads a packet: the parts of one time, in order. Arrays are flattened; texts, characters, blobs and times skipped.
///
/// # Errors
///
/// Fails with the problem of the packet, none of which is then used.
pub(super) fn read(packet: &[u8]) -> Result<Vec<Part>, Problem> {
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
            let mut read = Message { is_press: message.args.is_empty(), ..Message::default() };
            flatten(&message.args, &mut read);
            read.address = message.addr;
            read.numbers.truncate(MAX_NUMBERS);
            read.midi.truncate(MAX_NUMBERS);
            read.is_press &= read.numbers.is_empty() && read.midi.is_empty();
            if read.numbers.iter().any(|number| !number.is_finite()) {
                return Err(Problem::of("a number that is not finite", read.address.as_bytes()));
            }
            if let Some((_, messages)) = parts.last_mut() {
                messages.push(read);
            }
            Ok(())
        }
    }
}

fn flatten(args: &[OscType], read: &mut Message) {
    let part = |byte: u8| f64::from(byte) / 255.0;
    for arg in args {
        match arg {
            OscType::Int(x) => read.numbers.push(f64::from(*x)),
            OscType::Long(x) => read.numbers.push(*x as f64),
            OscType::Float(x) => read.numbers.push(f64::from(*x)),
            OscType::Double(x) => read.numbers.push(*x),
            OscType::Bool(x) => read.numbers.push(f64::from(u8::from(*x))),
            OscType::Color(colour) => {
                read.numbers.extend([colour.red, colour.green, colour.blue, colour.alpha].map(part));
            }
            OscType::Midi(midi) => read.midi.push([midi.status, midi.data1, midi.data2]),
            OscType::Array(array) => flatten(&array.content, read),
            OscType::Nil | OscType::Inf => read.is_press = true,
            OscType::String(text) => _ = read.text.get_or_insert_with(|| text.clone()),
            OscType::Char(_) | OscType::Blob(_) | OscType::Time(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::io::osc::tests::{bundle, bytes, message};

    fn numbers(address: &str, numbers: &[f64]) -> Message {
        Message { address: address.into(), numbers: numbers.into(), ..Message::default() }
    }

    /// True if every number of a packet is finite, or there is a problem.
    fn is_finite(packet: &[u8]) -> bool {
        let parts = read(packet).unwrap_or_default();
        parts.iter().flat_map(|(_, part)| part).flat_map(|message| &message.numbers).all(|number| number.is_finite())
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
            OscType::Char('x'),
            OscType::Time(rosc::OscTime { seconds: 1, fractional: 0 }),
            OscType::Color(rosc::OscColor { red: 255, green: 51, blue: 0, alpha: 255 }),
            OscType::Array(array),
        ];
        let expected = [-1.0, 0.5, 0.1, (1_u64 << 40) as f64, 1.0, 0.0, 1.0, 0.2, 0.0, 1.0, 5.0];
        assert_eq!(
            read(&bytes(&message("/a", args))),
            Ok(vec![(None, vec![Message { text: Some("x".into()), ..numbers("/a", &expected) }])])
        );
    }

    #[test]
    fn impulses_and_empty_messages_are_presses_and_midi_is_midi() {
        let only = |args| {
            let parts = read(&bytes(&message("/bang", args))).expect("parts");
            parts[0].1[0].clone()
        };
        let text = || OscType::String("go".into());
        for args in [vec![], vec![OscType::Inf], vec![OscType::Nil], vec![text(), OscType::Inf]] {
            assert!(only(args.clone()).is_press, "{args:?}");
        }
        for args in [vec![text()], vec![OscType::Inf, OscType::Int(0)], vec![OscType::Bool(false)]] {
            assert!(!only(args.clone()).is_press, "{args:?}");
        }
        let note = OscType::Midi(rosc::OscMidiMessage { port: 0, status: 0x90, data1: 60, data2: 127 });
        assert_eq!(only(vec![note]), Message { midi: vec![[0x90, 60, 127]], ..numbers("/bang", &[]) });
    }

    #[test]
    fn bundles_are_read_in_order_and_not_too_deep() {
        let inner = bundle(vec![message("/b", vec![OscType::Int(2)])]);
        let packet = bundle(vec![message("/a", vec![OscType::Int(1)]), inner, message("/a", vec![OscType::Int(3)])]);
        let expected = [("/a", 1.0), ("/b", 2.0), ("/a", 3.0)].map(|(address, x)| numbers(address, &[x]));
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

    proptest! {
        #[test]
        fn any_bytes_give_finite_numbers_or_an_error(packet in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(is_finite(&packet));
        }

        #[test]
        fn a_damaged_packet_gives_finite_numbers_or_an_error(at in 0..80_usize, byte: u8, x: f32, y: f64) {
            let args = vec![OscType::Float(x), OscType::Double(y), OscType::String("abc".into())];
            let mut packet = bytes(&bundle(vec![message("/first", args.clone()), bundle(vec![message("/b", args)])]));
            let at = at % packet.len();
            packet[at] = byte;
            prop_assert!(is_finite(&packet));
        }
    }
}
