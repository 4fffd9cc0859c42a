//! OSC input: a socket that listens, and the events of its packets.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use bendrack_nodes::input::Event;
use rosc::OscTime;

use super::packet::{MAX_PACKET, read};
use crate::io::DeviceContext;
use crate::io::activity::LightHandle;
use crate::io::light::{Kind, State};
use crate::io::socket::Receiver;
use crate::io::target::RETRY;
use crate::io::worker::{Stop, TURN, Worker};

/// Listens at an address.
pub(in crate::io) fn listen(address: SocketAddr, context: &DeviceContext) -> Worker {
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
        let event = |(address, numbers): (String, Vec<f64>)| Event::osc(address, &numbers);
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

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::{Control, MOST_NAMES};
    use rosc::{OscBundle, OscPacket, OscType};

    use super::*;
    use crate::io::osc::tests::{bundle, bytes, message};

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
        assert!(matches!(&now[..], [only] if only.event == Event::osc("/c", &[3.0])));
        let later = context.inbox.take(Instant::now() + Duration::from_secs(30));
        assert!(later.len() == 2 && later[0].at == later[1].at, "{later:?}");
    }
}
