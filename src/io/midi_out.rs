//! MIDI outputs: a patch plays other instruments. Ports are reopened when they come back.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use bendrack_nodes::input::{ControlId, ControlName};
use bendrack_nodes::program::message::{Midi, Played};
use midir::{MidiOutput, MidiOutputConnection, MidiOutputPort};

use super::activity::LightHandle;
use super::light::{Kind, State};
use super::message::Message;
use super::midi_clock::{self, Clock, InFrame};
use super::midi_ports::{self, Ports, Watcher};
use super::player::{Pace, Player};
use super::target::Named;
use super::worker::{Stop, TURN, Worker};
use super::{DeviceContext, DeviceError};

/// The most frames that wait to be played.
const INBOX: usize = 64;
/// Time after a message of a control in which nothing is sent to it.
const HANDS: Duration = Duration::from_millis(150);

/// A part of the name of outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartOfName(pub String);

impl FromStr for PartOfName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if text.trim().is_empty() {
            return Err("write a part of the output's name; `bendrack devices` lists the outputs".into());
        }
        Ok(Self(text.to_owned()))
    }
}

/// Plays on MIDI outputs. Clones play on the same.
#[derive(Clone, Debug)]
pub struct MidiOut {
    wanted: Arc<Named<PartOfName>>,
    send: SyncSender<Vec<Played>>,
}

impl MidiOut {
    /// True if a patch means these outputs: by their name or the text in it, or every output.
    pub(super) fn is_meant(&self, device: &str) -> bool {
        self.wanted.is_meant(device) || self.wanted.device.0.eq_ignore_ascii_case(device)
    }

    /// Plays the MIDI state of a frame that is for these outputs, without waiting. The note of a node that is gone ends.
    pub fn send(&self, played: &[Played]) {
        let mine = played.iter().filter(|played| self.is_meant(&played.device)).cloned().collect();
        // If the system's MIDI is stuck, notes on are lost; the next frame carries the whole state again.
        let _ = self.send.try_send(mine);
    }
}

/// The state of mapped controls, for their lamps, rings and motors. Clones share the outputs.
#[derive(Clone, Debug)]
pub struct MidiFeedback(SyncSender<Vec<(ControlId, f64)>>);

impl MidiFeedback {
    /// Shows the state of a frame, without waiting. The next frame carries the whole state again.
    pub fn show(&self, mapped: &[(ControlId, f64)]) {
        let _ = self.0.try_send(mapped.to_vec());
    }
}

/// Keeps the controllers with this text in their name open, and shows the state of their controls.
pub(super) fn follow_feedback(wanted: &PartOfName, context: &DeviceContext) -> (MidiFeedback, Worker) {
    let (send, inbox) = mpsc::sync_channel::<Vec<(ControlId, f64)>>(INBOX);
    let light = context.light(Kind::MidiOut, &format!("MIDI feedback to {:?}", wanted.0));
    let mut watcher = Watcher::new(Outputs::default(), std::slice::from_ref(&wanted.0), context, &light);
    let context = context.clone();
    let run = move |stop: &Stop| {
        let mut next_scan = Instant::now();
        while !stop.now() {
            if next_scan <= Instant::now() {
                next_scan = Instant::now() + watcher.poll();
            }
            let rest = play(&mut watcher).min(TURN).min(next_scan.saturating_duration_since(Instant::now()));
            match inbox.recv_timeout(rest) {
                Ok(mapped) => {
                    for (name, output) in watcher.open_mut() {
                        show(&mut output.player, &context, &context.names.of(&name.into()), &mapped);
                    }
                }
                Err(RecvTimeoutError::Disconnected) if stop.after(rest) => break,
                Err(_) => {}
            }
        }
    };
    (MidiFeedback(send), Worker::spawn(&light, run))
}

/// Gives a controller the state of its controls. A control under a hand is left alone, so that no motor works against it.
fn show(player: &mut Player, context: &DeviceContext, device: &Arc<str>, mapped: &[(ControlId, f64)]) {
    let mut states = Vec::new();
    for (control, part) in mapped {
        if control.device.as_ref().is_some_and(|named| named != device) {
            continue;
        }
        let (channel, number, is_key) = match control.name {
            ControlName::Cc { channel, number } => (channel, number, false),
            ControlName::Note { channel, number } => (channel, number, true),
            _ => continue,
        };
        let own = ControlId { name: control.name.clone(), device: Some(device.clone()) };
        match context.activity.latest(&own) {
            Some((age, number_there)) if age < HANDS && !is_key => player.moved(channel, number, number_there),
            _ => states.push((channel, number, *part, is_key)),
        }
    }
    player.show(states);
}

/// Keeps the MIDI outputs with this text in their name open.
pub(super) fn follow(wanted: &Named<PartOfName>, context: &DeviceContext) -> (MidiOut, Worker) {
    let (send, inbox) = mpsc::sync_channel(INBOX);
    let text = &wanted.device.0;
    let light = context.light(Kind::MidiOut, &format!("MIDI out with {text:?} in its name"));
    let mut watcher = Watcher::new(Outputs::default(), std::slice::from_ref(text), context, &light);
    let out = MidiOut { wanted: Arc::new(wanted.clone()), send };
    (out, Worker::spawn(&light, move |stop| run(&mut watcher, &inbox, stop)))
}

/// Keeps ports open and plays on them until the thread must stop; then ends every note.
fn run(watcher: &mut Watcher<Outputs>, inbox: &Receiver<Vec<Played>>, stop: &Stop) {
    let mut next_scan = Instant::now();
    while !stop.now() {
        if next_scan <= Instant::now() {
            let wait = watcher.poll();
            next_scan = Instant::now() + wait;
        }
        let rest = play(watcher).min(TURN).min(next_scan.saturating_duration_since(Instant::now()));
        match inbox.recv_timeout(rest) {
            Ok(played) => {
                let now = Instant::now();
                watcher.open_mut().for_each(|(_, output)| output.update(now, &played));
                watcher.ports.latest = played;
            }
            // Every sender is gone.
            Err(RecvTimeoutError::Disconnected) if stop.after(rest) => break,
            Err(_) => {}
        }
    }
    for (_, output) in watcher.open_mut() {
        output.clock.end();
        // The port closes whether this arrives or not.
        let _ = output.tick();
        for message in output.player.end() {
            let _ = output.connection.send(&message);
        }
    }
}

/// Sends the messages that are due, and returns the time until the next.
fn play(watcher: &mut Watcher<Outputs>) -> Duration {
    let mut rest = Duration::MAX;
    watcher.retain(|name, output| match output.play() {
        Ok(wait) => {
            rest = rest.min(wait);
            true
        }
        Err(problem) => {
            output.light.count_error(format!("{name}: {problem}"));
            output.light.set(State::Waiting);
            false
        }
    });
    rest
}

/// MIDI outputs.
#[derive(Default)]
struct Outputs {
    /// The MIDI state of the latest frame, for a port that is plugged in.
    latest: Vec<Played>,
}

impl Ports for Outputs {
    type Client = MidiOutput;
    type Open = Output;
    const KIND: Kind = Kind::MidiOut;

    fn client() -> Result<MidiOutput, String> {
        midi_ports::client(MidiOutput::new)
    }

    fn id(port: &MidiOutputPort) -> String {
        port.id()
    }

    fn connect(&self, port: &MidiOutputPort, _: &DeviceContext, light: &LightHandle) -> Result<Output, String> {
        let connection = Self::client()?.connect(port, "out");
        let connection = connection.map_err(|error| format!("the port cannot be opened: {error}"))?;
        let (player, clock, pace) = (Player::default(), Clock::default(), Pace::default());
        let mut output = Output { connection, light: light.clone(), player, clock, pace };
        output.update(Instant::now(), &self.latest);
        Ok(output)
    }

    fn close(_: Output) {}
}

/// An open output.
struct Output {
    connection: MidiOutputConnection,
    light: LightHandle,
    player: Player,
    clock: Clock,
    pace: Pace,
}

impl Output {
    /// Takes the MIDI state of a frame. Of several clocks the first counts.
    fn update(&mut self, now: Instant, played: &[Played]) {
        let beat = played.iter().find_map(|played| match played.midi {
            Midi::Clock { runs, starts, beat, beats } => Some(InFrame { runs, starts, beat, beats }),
            Midi::Controller { .. } | Midi::Note { .. } => None,
        });
        self.clock.update(now, beat);
        self.player.update(played);
    }

    /// Sends the ticks that are due, and returns the time until the next. The limit of the rate is for other messages.
    fn tick(&mut self) -> Result<Duration, String> {
        loop {
            match self.clock.next(Instant::now()) {
                Ok(tick) => {
                    let (bytes, count) = tick.bytes();
                    self.connection.send(&bytes[..count]).map_err(|error| error.to_string())?;
                    if tick != midi_clock::Message::Tick {
                        self.light.count_message(Message::Bytes(bytes));
                    }
                }
                Err(wait) => return Ok(wait),
            }
        }
    }

    /// Sends the messages that are due, and returns the time until the next. Fails if the port is gone.
    fn play(&mut self) -> Result<Duration, String> {
        loop {
            let tick = self.tick()?;
            if let Some(wait) = self.pace.wait(Instant::now()) {
                return Ok(wait.min(tick));
            }
            let Some(message) = self.player.next() else { return Ok(tick) };
            self.pace.count(Instant::now());
            self.connection.send(&message).map_err(|error| error.to_string())?;
            self.light.count_message(Message::Bytes(message));
        }
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::Event;

    use super::*;

    #[test]
    fn lamps_show_the_state_and_hands_are_left_alone() {
        let context = DeviceContext::default();
        let (device, light) = (Arc::<str>::from("box"), context.light(Kind::Midi, "box"));
        let cc = |number| ControlId::any(ControlName::Cc { channel: 2, number });
        let key = ControlId { name: ControlName::Note { channel: 1, number: 36 }, device: Some(device.clone()) };
        let other = ControlId { name: ControlName::Cc { channel: 2, number: 9 }, device: Some("other".into()) };
        let mut player = Player::default();
        let mut shown = |mapped: &[(ControlId, f64)]| {
            show(&mut player, &context, &device, mapped);
            std::iter::from_fn(|| player.next()).collect::<Vec<_>>()
        };
        let state = |part: f64| [(cc(7), part), (cc(8), 1.0), (key.clone(), 1.0), (other.clone(), 1.0)];
        let all = shown(&state(0.5));
        assert_eq!(all, [[0x90, 36, 127], [0xB1, 7, 64], [0xB1, 8, 127]], "everything at first");
        assert!(shown(&state(0.5)).is_empty(), "and changes later");
        // A hand moves the controller; its own value is not sent back, and no other while it moves.
        context.send(&light, Instant::now(), None, &[Event::cc(2, 7, 1.0).on(&device)]);
        assert!(shown(&state(1.0)).is_empty() && shown(&state(0.25)).is_empty());
        std::thread::sleep(HANDS);
        assert_eq!(shown(&state(0.25)), [[0xB1, 7, 32]], "a snapshot moved the knob");
        let mut off = state(0.25);
        off[2].1 = 0.0;
        assert_eq!(shown(&off), [[0x90, 36, 0]]);
    }
}
