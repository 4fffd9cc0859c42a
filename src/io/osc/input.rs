//! OSC input: a socket that listens, and the events of its packets.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bendrack_nodes::address::Argument;
use bendrack_nodes::input::{ControlName, Event, MOST_NAMES};
use rosc::OscTime;

use super::packet::{MAX_PACKET, Message, read};
use super::pattern::{MOST_STEPS, Pattern, is_pattern};
use super::tempo::Tempo;
use crate::io::DeviceContext;
use crate::io::activity::LightHandle;
use crate::io::light::{Kind, State};
use crate::io::message::Problem;
use crate::io::midi::Port;
use crate::io::request::{Request, is_request};
use crate::io::socket::Receiver;
use crate::io::target::RETRY;
use crate::io::worker::{Stop, TURN, Worker};

/// The next step after a port that does not open.
pub(super) const CLOSED: &str = "check that no other program listens there and that the address is this machine's";

/// Listens at an address of UDP.
pub(super) fn listen(address: SocketAddr, name: &str, context: &DeviceContext) -> Worker {
    let (context, light) = (context.clone(), context.light(Kind::OscIn, name));
    Worker::spawn(&light.clone(), move |stop| {
        loop {
            match Receiver::open(address, TURN) {
                Ok(receiver) => {
                    light.set(State::Open);
                    light.advise(receiver.advice());
                    return receive(receiver, &context, &light, stop);
                }
                Err(error) => light.set(State::Failed(format!("{address} cannot be opened: {error}; {CLOSED}"))),
            }
            if stop.after(RETRY) {
                return;
            }
        }
    })
}

fn receive(mut receiver: Receiver, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    let mut listener = Listener::new(context, light);
    // One byte more than the limit, to notice a longer packet.
    let mut packet = [0; MAX_PACKET + 1];
    let mut next_look = Instant::now();
    while !stop.now() {
        match receiver.recv(&mut packet) {
            Ok((size, from)) => listener.take(from.ip(), &packet[..size]),
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

/// Applies the packets of one port or connection.
pub(super) struct Listener {
    context: DeviceContext,
    light: LightHandle,
    tempo: Tempo,
    /// The MIDI messages within OSC messages.
    midi: Port,
    /// The address of the latest sender, and its name.
    sender: Option<(IpAddr, Arc<str>)>,
}

/// The events of a part of a packet, and the rest of what its patterns may do.
struct Part {
    at: Instant,
    events: Vec<Event>,
    /// Addresses that patterns may match.
    known: Option<Vec<(Arc<str>, bool)>>,
    /// Steps of patterns, and events by them, that are left.
    steps: usize,
    matches: usize,
}

impl Listener {
    pub(super) fn new(context: &DeviceContext, light: &LightHandle) -> Self {
        let (context, light) = (context.clone(), light.clone());
        Self { midi: Port::new(context.clone(), light.clone()), context, light, tempo: Tempo::default(), sender: None }
    }

    /// Takes a packet from an address, which is the name of the sender.
    pub(super) fn take(&mut self, from: IpAddr, packet: &[u8]) {
        if self.sender.as_ref().is_none_or(|(address, _)| *address != from) {
            self.sender = Some((from, from.to_canonical().to_string().into()));
        }
        let (now, wall) = (Instant::now(), SystemTime::now());
        let parts = match read(packet) {
            Ok(parts) => parts,
            Err(problem) => return self.light.count_error(problem),
        };
        let mut part = Part { at: now, events: Vec::new(), known: None, steps: MOST_STEPS, matches: MOST_NAMES };
        for (time, messages) in parts {
            part.at = time.map_or(now, |time| time_of(time, now, wall));
            for message in messages {
                if let Err(reason) = self.read(&message, &mut part) {
                    self.light.count_error(Problem::of(reason, message.address.as_bytes()));
                }
            }
            self.context.send(&self.light, part.at, None, &std::mem::take(&mut part.events));
        }
    }

    /// Adds the events of a message.
    ///
    /// # Errors
    ///
    /// Fails with the reason for which a pattern has no effect, or not its whole effect.
    fn read(&mut self, message: &Message, part: &mut Part) -> Result<(), &'static str> {
        message.midi.iter().for_each(|bytes| self.midi.take(part.at, *bytes));
        if message.numbers.is_empty() && !message.midi.is_empty() {
            return Ok(());
        }
        if !is_pattern(&message.address) {
            return self.add(&message.address.as_str().into(), true, message, part);
        }
        let known = part.known.take().unwrap_or_else(|| self.context.inbox.addresses());
        let matched = matched(&message.address, &known, part);
        part.known = Some(known);
        matched?.iter().try_for_each(|(address, is_read)| self.add(address, *is_read, message, part))
    }

    /// Adds the events and the request of a message to an address. One that nobody reads has a request alone: in a table it would take
    /// the place of another.
    ///
    /// # Errors
    ///
    /// Fails if too many requests wait.
    fn add(
        &mut self,
        address: &Arc<str>,
        is_read: bool,
        message: &Message,
        part: &mut Part,
    ) -> Result<(), &'static str> {
        let request = is_request(address).then(|| argument(message)).flatten();
        let request = request.map(|argument| Request::new(address.clone(), argument, part.at, &self.light));
        if is_read {
            self.add_events(address, message, part);
        }
        let has_place = request.is_none_or(|request| self.context.activity.push_request(request));
        has_place.then_some(()).ok_or("too many messages to knobs wait; send fewer")
    }

    fn add_events(&mut self, address: &Arc<str>, message: &Message, part: &mut Part) {
        let number = message.numbers.first().copied();
        if (message.is_press || number.is_some())
            && let Some(position) = self.tempo.take(part.at, address, number)
        {
            part.events.push(Event::new(ControlName::Clock, &position).on(self.light.name()));
        }
        let of_sender = |event: Event| match &self.sender {
            Some((_, name)) => event.on(name),
            None => event,
        };
        if message.is_press {
            part.events.extend([[1.0], [0.0]].map(|number| of_sender(Event::osc(address.clone(), &number))));
        } else {
            part.events.push(of_sender(Event::osc(address.clone(), &message.numbers)));
        }
    }
}

/// The argument of a message to a knob: its first number, else its first text.
fn argument(message: &Message) -> Option<Argument> {
    let number = message.numbers.first().map(|number| Argument::Number(*number));
    let text = || message.text.as_deref().map(|text| Argument::Text(text.into()));
    number.or_else(text).or_else(|| message.is_press.then_some(Argument::Press))
}

/// The known addresses that a pattern matches. An address that is known as it stands is no pattern.
fn matched(text: &str, known: &[(Arc<str>, bool)], part: &mut Part) -> Result<Vec<(Arc<str>, bool)>, &'static str> {
    if let Some(address) = known.iter().find(|(address, _)| **address == *text) {
        return Ok(vec![address.clone()]);
    }
    let pattern = Pattern::parse(text)?;
    let mut matched = Vec::new();
    for address in known {
        if pattern.matches(&address.0, &mut part.steps).ok_or("a pattern that takes too long")? {
            part.matches = part.matches.checked_sub(1).ok_or("patterns that match too many addresses")?;
            matched.push(address.clone());
        }
    }
    if matched.is_empty() {
        Err("a pattern that matches no address of the patch and none that was received")
    } else {
        Ok(matched)
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

#[cfg(test)]
mod tests {
    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::input::Control;
    use bendrack_nodes::patch::Patch;
    use rosc::{OscBundle, OscPacket, OscType};

    use std::net::Ipv4Addr;

    use super::*;
    use crate::io::osc::tests::{bundle, bytes, message};

    const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7));

    fn from_phone(address: &str, number: f64) -> Event {
        Event::osc(address, &[number]).on(&PHONE.to_string().into())
    }

    #[test]
    fn a_flood_of_addresses_is_bounded_and_counted_and_known_ones_go_on() {
        let context = DeviceContext::default();
        let light = context.light(Kind::OscIn, "flood");
        let mut listener = Listener::new(&context, &light);
        let mut send = |address: &str, x| listener.take(PHONE, &bytes(&message(address, vec![OscType::Int(x)])));
        (0..MOST_NAMES + 10).for_each(|i| send(&format!("/{i}"), 0));
        let counts = context.activity.lights()[0].counts;
        assert_eq!((counts.messages, counts.evicted + counts.refused), (MOST_NAMES as u64 + 10, 10));
        // A frame may have ended within the flood.
        assert_eq!(context.inbox.take(Instant::now()).len() as u64 + counts.refused, MOST_NAMES as u64 + 10);
        send("/4000", 1);
        assert_eq!(context.inbox.latest().osc("/4000", 0).and_then(Control::last), Some(1.0));
    }

    /// A listener, and its context.
    fn listener() -> (Listener, DeviceContext) {
        let context = DeviceContext::default();
        (Listener::new(&context, &context.light(Kind::OscIn, "phone")), context)
    }

    fn events(context: &DeviceContext) -> Vec<Event> {
        context.inbox.take(Instant::now()).into_iter().map(|stamped| stamped.event).collect()
    }

    /// A patch with a node for each address.
    fn know(context: &DeviceContext, addresses: impl IntoIterator<Item = String>) {
        let node = |(index, address): (usize, String)| {
            let node = serde_json::json!({ "type": "osc.in", "params": { "address": address } });
            (format!("in{index}"), serde_json::from_value(node).expect("a node"))
        };
        let nodes = addresses.into_iter().enumerate().map(node).collect();
        let patch = Patch { nodes, ..Patch::default() };
        let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
        context.inbox.know(patch.into(), plan.into());
    }

    #[test]
    fn messages_to_knobs_and_commands_are_requests_and_a_pattern_of_knobs_fills_no_table() {
        let (mut listener, context) = listener();
        know(&context, ["/x".to_owned()]);
        let mut requests = |address: &str, arg| {
            listener.take(PHONE, &bytes(&message(address, vec![arg])));
            let taken = context.activity.take_requests();
            (taken.len(), events(&context).len())
        };
        assert_eq!(requests("/bend/in0/index", OscType::Int(3)), (1, 1));
        assert_eq!(requests("/bend/in0/address", OscType::String("/y".into())), (1, 0));
        assert_eq!(requests("/bendrack/snapshot", OscType::String("drop".into())), (1, 0));
        assert_eq!(requests("/bend/1", OscType::Int(3)), (0, 1));
        // The index was received; the others are of knobs alone.
        assert_eq!(requests("/bend/in0/*", OscType::Int(3)), (4, 1));
        assert_eq!(requests("/bend/n/in0/*", OscType::Int(1)), (2, 0));
    }

    #[test]
    fn a_message_without_numbers_is_a_press_and_one_with_a_text_moves_nothing() {
        let (mut listener, context) = listener();
        listener.take(PHONE, &bytes(&message("/cue", vec![OscType::String("go".into())])));
        assert!(context.inbox.take(Instant::now()).is_empty());
        assert!(context.activity.controls()[0].values.is_empty(), "its row shows that it came");
        for args in [vec![], vec![OscType::Inf], vec![OscType::Nil]] {
            listener.take(PHONE, &bytes(&message("/bang", args)));
            assert_eq!(events(&context), [from_phone("/bang", 1.0), from_phone("/bang", 0.0)]);
        }
        assert_eq!(context.activity.lights().remove(0).counts.errors, 0);
    }

    #[test]
    fn tempo_and_beat_are_the_clock_of_the_device() {
        let (mut listener, context) = listener();
        let content =
            vec![message("/bend/beat", vec![OscType::Int(7)]), message("/bend/tempo", vec![OscType::Float(90.0)])];
        listener.take(PHONE, &bytes(&bundle(content)));
        let clock = Event::new(ControlName::Clock, &[90.0, 7.0, 1.0]).on(&"phone".into());
        assert_eq!(events(&context), [from_phone("/bend/beat", 7.0), clock, from_phone("/bend/tempo", 90.0)]);
    }

    #[test]
    fn midi_within_osc_is_midi() {
        let (mut listener, context) = listener();
        let midi = |status, data1, data2| OscType::Midi(rosc::OscMidiMessage { port: 0, status, data1, data2 });
        listener
            .take(PHONE, &bytes(&message("/midi", vec![midi(0x91, 60, 127), midi(0xC0, 5, 0), midi(0xB0, 7, 127)])));
        let program = Event::new(ControlName::Program { channel: 1 }, &[5.0]);
        let expected = [Event::note(2, 60, 1.0), program, Event::cc(1, 7, 1.0)].map(|event| event.on(&"phone".into()));
        assert_eq!(events(&context), expected);
    }

    #[test]
    fn a_pattern_moves_every_known_address() {
        let (mut listener, context) = listener();
        know(&context, ["/of/patch".to_owned(), "/odd[1]".to_owned()]);
        let mut send = |address: &str, x| listener.take(PHONE, &bytes(&message(address, vec![OscType::Int(x)])));
        for address in ["/a/1", "/a/2", "/b/1"] {
            send(address, 0);
        }
        events(&context);
        for (pattern, matched) in [
            ("/a/*", &["/a/1", "/a/2"][..]),
            ("/?/1", &["/a/1", "/b/1"]),
            ("//patch", &["/of/patch"]),
            ("/odd[1]", &["/odd[1]"]),
            ("/nothing/*", &[]),
            ("/a/[", &[]),
        ] {
            send(pattern, 1);
            let mut moved = events(&context);
            moved.sort_by_key(|event| format!("{event:?}"));
            let expected: Vec<_> = matched.iter().map(|address| from_phone(address, 1.0)).collect();
            assert_eq!(moved, expected, "{pattern}");
        }
        let light = context.activity.lights().remove(0);
        let error = light.last_error.expect("an error").text;
        assert!(light.counts.errors == 2 && error.ends_with("without ]: /a/["), "{error}");
    }

    #[test]
    fn a_packet_of_patterns_is_bounded() {
        let (mut listener, context) = listener();
        know(&context, (0..MOST_NAMES).map(|i| format!("/{}/{i}", "a".repeat(200))));
        let all = || message("//*", vec![OscType::Int(1)]);
        listener.take(PHONE, &bytes(&bundle((0..100).map(|_| all()).collect())));
        let hostile = format!("/{}b", "*a".repeat(120));
        listener.take(PHONE, &bytes(&bundle((0..20).map(|_| message(&hostile, vec![OscType::Int(1)])).collect())));
        assert!(context.inbox.take(Instant::now()).len() <= MOST_NAMES);
        assert_eq!(context.activity.lights().remove(0).counts.errors, 120);
    }

    #[test]
    fn a_bad_packet_is_quoted_with_its_reason() {
        let (mut listener, context) = listener();
        listener.take(PHONE, b"hello\0\0\0");
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
        let (mut listener, context) = listener();
        let later = OscTime::try_from(SystemTime::now() + Duration::from_secs(20)).expect("a time");
        let content = vec![message("/a", vec![OscType::Int(1)]), message("/b", vec![OscType::Int(2)])];
        let inner = OscPacket::Bundle(OscBundle { timetag: later, content });
        let packet = bundle(vec![inner, message("/c", vec![OscType::Int(3)])]);
        listener.take(PHONE, &bytes(&packet));
        let now = context.inbox.take(Instant::now());
        assert!(matches!(&now[..], [only] if only.event == from_phone("/c", 3.0)));
        let later = context.inbox.take(Instant::now() + Duration::from_secs(30));
        assert!(later.len() == 2 && later[0].at == later[1].at, "{later:?}");
    }
}
