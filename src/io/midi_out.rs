//! MIDI outputs: a patch plays other instruments. Ports are reopened when they come back.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use bendrack_nodes::program::message::Played;
use midir::{MidiOutput, MidiOutputConnection, MidiOutputPort};

use super::activity::LightHandle;
use super::light::{Kind, State};
use super::message::Message;
use super::midi_ports::{self, Ports, Watcher};
use super::player::{Pace, Player};
use super::worker::{Stop, TURN, Worker};
use super::{DeviceContext, DeviceError};

/// The most frames that wait to be played.
const INBOX: usize = 64;

/// Checks a part of an output's name.
///
/// # Errors
///
/// Fails if it is blank.
pub fn name(text: &str) -> Result<String, DeviceError> {
    if text.trim().is_empty() {
        return Err("write a part of the output's name; `bendrack devices` lists the outputs".into());
    }
    Ok(text.to_owned())
}

/// Plays on MIDI outputs. Clones play on the same.
#[derive(Clone, Debug)]
pub struct MidiOut(SyncSender<Vec<Played>>);

impl MidiOut {
    /// Plays the MIDI state of a frame, without waiting. The note of a node that is gone ends.
    pub fn send(&self, played: &[Played]) {
        // If the system's MIDI is stuck, notes on are lost; the next frame carries the whole state again.
        let _ = self.0.try_send(played.to_vec());
    }
}

/// Keeps the MIDI outputs with this text in their name open.
pub(super) fn follow(wanted: &str, context: &DeviceContext) -> (MidiOut, Worker) {
    let (send, inbox) = mpsc::sync_channel(INBOX);
    let light = context.light(Kind::MidiOut, &format!("MIDI out with {wanted:?} in its name"));
    let mut watcher = Watcher::new(Outputs::default(), wanted, context, &light);
    (MidiOut(send), Worker::spawn(&light, move |stop| run(&mut watcher, &inbox, stop)))
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
                watcher.open_mut().for_each(|(_, output)| output.player.update(&played));
                watcher.ports.latest = played;
            }
            // Every sender is gone.
            Err(RecvTimeoutError::Disconnected) if stop.after(rest) => break,
            Err(_) => {}
        }
    }
    for (_, output) in watcher.open_mut() {
        for message in output.player.end() {
            // The port closes whether this arrives or not.
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
        let mut player = Player::default();
        player.update(&self.latest);
        Ok(Output { connection, light: light.clone(), player, pace: Pace::default() })
    }

    fn close(_: Output) {}
}

/// An open output.
struct Output {
    connection: MidiOutputConnection,
    light: LightHandle,
    player: Player,
    pace: Pace,
}

impl Output {
    /// Sends the messages that are due, and returns the time until the next. Fails if the port is gone.
    fn play(&mut self) -> Result<Duration, String> {
        loop {
            if let Some(wait) = self.pace.wait(Instant::now()) {
                return Ok(wait);
            }
            let Some(message) = self.player.next() else { return Ok(Duration::MAX) };
            self.pace.count(Instant::now());
            self.connection.send(&message).map_err(|error| error.to_string())?;
            self.light.count_message(Message::Bytes(message));
        }
    }
}
