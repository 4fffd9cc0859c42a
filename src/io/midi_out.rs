//! MIDI outputs: a patch plays other instruments. Ports are reopened when they come back.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

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

/// Keeps the MIDI outputs with this text in their name open.
pub(super) fn follow(wanted: &Named<PartOfName>, context: &DeviceContext) -> (MidiOut, Worker) {
    let (send, inbox) = mpsc::sync_channel(INBOX);
    let text = &wanted.device.0;
    let light = context.light(Kind::MidiOut, &format!("MIDI out with {text:?} in its name"));
    let mut watcher = Watcher::new(Outputs::default(), text, context, &light);
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
