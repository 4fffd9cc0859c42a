//! MIDI outputs: a patch plays other instruments. Ports are reopened when they come back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use bendrack_nodes::program::message::Midi;
use midir::{MidiOutput, MidiOutputConnection, MidiOutputPort};

use super::activity::{Kind, LightHandle, State};
use super::midi::{CLIENT, MAX_PORTS, MAX_WAIT, NO_SYSTEM, POLL, names, there_is_midi};
use super::player::{Pace, Player};
use super::worker::{Stop, Worker};
use super::{DeviceContext, DeviceError};

/// The most frames that wait to be played.
const INBOX: usize = 64;
/// The longest time until the thread notices that it must stop.
const TURN: Duration = Duration::from_millis(100);

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
pub struct MidiOut(SyncSender<Vec<(Arc<str>, Midi)>>);

impl MidiOut {
    /// Plays the MIDI state of a frame, without waiting. The note of a node that is gone ends.
    pub fn send(&self, played: &[(Arc<str>, Midi)]) {
        // If the system's MIDI is stuck, notes on are lost; the next frame carries the whole state again.
        let _ = self.0.try_send(played.to_vec());
    }
}

/// Keeps the MIDI outputs with this text in their name open.
pub(super) fn follow(wanted: &str, context: &DeviceContext) -> (MidiOut, Worker) {
    let (send, inbox) = mpsc::sync_channel(INBOX);
    let light = context.light(Kind::MidiOut, &format!("MIDI out with {wanted:?} in its name"));
    let mut watcher = PortWatcher {
        wanted: wanted.to_lowercase(),
        context: context.clone(),
        light: light.clone(),
        system: None,
        open: BTreeMap::new(),
        latest: Vec::new(),
    };
    (MidiOut(send), Worker::spawn(&light, move |stop| watcher.run(&inbox, stop)))
}

/// Finds ports, opens them and plays on them.
struct PortWatcher {
    /// In lower case.
    wanted: String,
    context: DeviceContext,
    /// The light while no port is open.
    light: LightHandle,
    system: Option<MidiOutput>,
    open: BTreeMap<String, Open>,
    /// The MIDI state of the latest frame, for a port that is plugged in.
    latest: Vec<(Arc<str>, Midi)>,
}

struct Open {
    id: String,
    connection: MidiOutputConnection,
    light: LightHandle,
    player: Player,
    pace: Pace,
}

impl PortWatcher {
    fn run(&mut self, inbox: &Receiver<Vec<(Arc<str>, Midi)>>, stop: &Stop) {
        let (mut look, mut wait) = (Instant::now(), POLL);
        while !stop.now() {
            if look <= Instant::now() {
                wait = match self.poll() {
                    Ok(()) => POLL,
                    Err(problem) => {
                        self.open.clear();
                        self.light.set(State::Failed(problem));
                        (wait * 2).min(MAX_WAIT)
                    }
                };
                look = Instant::now() + wait;
            }
            let rest = self.play().min(TURN).min(look.saturating_duration_since(Instant::now()));
            match inbox.recv_timeout(rest) {
                Ok(played) => {
                    self.open.values_mut().for_each(|open| open.player.update(&played));
                    self.latest = played;
                }
                // Every sender is gone.
                Err(RecvTimeoutError::Disconnected) if stop.after(rest) => break,
                Err(_) => {}
            }
        }
        for open in self.open.values_mut() {
            for message in open.player.end() {
                // The port closes whether this arrives or not.
                let _ = open.connection.send(&message);
            }
        }
    }

    /// Sends the messages that are due, and returns the time until the next.
    fn play(&mut self) -> Duration {
        let mut rest = Duration::MAX;
        self.open.retain(|name, open| match open.play() {
            Ok(wait) => {
                rest = rest.min(wait);
                true
            }
            Err(problem) => {
                open.light.fault(&format!("{name}: {problem}"));
                open.light.set(State::Waiting);
                false
            }
        });
        rest
    }

    fn poll(&mut self) -> Result<(), String> {
        let system = match self.system.take() {
            Some(system) => system,
            None => output()?,
        };
        let mut ports = names(&system, &system.ports());
        // A MIDI system without ports may have been restarted, so the next scan connects again.
        self.system = (!ports.is_empty()).then_some(system);
        ports.retain(|name, _| name.to_lowercase().contains(&self.wanted));
        self.open.retain(|name, open| {
            let is_there = ports.get(name).is_some_and(|port| port.id() == open.id);
            if !is_there {
                open.light.set(State::Waiting);
            }
            is_there
        });
        for (name, port) in ports {
            if !self.open.contains_key(&name) && self.open.len() < MAX_PORTS {
                self.connect(name, &port);
            }
        }
        if self.open.is_empty() {
            self.light.set(State::Waiting);
        } else {
            self.light.remove();
        }
        Ok(())
    }

    fn connect(&mut self, name: String, port: &MidiOutputPort) {
        let light = self.context.light(Kind::MidiOut, &name);
        let connection = output().and_then(|output| {
            output.connect(port, "out").map_err(|error| format!("the port cannot be opened: {error}"))
        });
        match connection {
            Ok(connection) => {
                light.set(State::Open);
                let mut player = Player::default();
                player.update(&self.latest);
                self.open.insert(name, Open { id: port.id(), connection, light, player, pace: Pace::default() });
            }
            Err(problem) => light.set(State::Failed(problem)),
        }
    }
}

impl Open {
    /// Sends the messages that are due, and returns the time until the next. Fails if the port is gone.
    fn play(&mut self) -> Result<Duration, String> {
        loop {
            if let Some(wait) = self.pace.wait(Instant::now()) {
                return Ok(wait);
            }
            let Some(message) = self.player.next() else { return Ok(Duration::MAX) };
            self.pace.count(Instant::now());
            self.connection.send(&message).map_err(|error| error.to_string())?;
            self.light.pass(&format!("{message:02X?}"));
        }
    }
}

fn output() -> Result<MidiOutput, String> {
    there_is_midi()?;
    MidiOutput::new(CLIENT).map_err(|_| NO_SYSTEM.to_owned())
}
