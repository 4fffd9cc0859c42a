//! MIDI outputs: what a patch plays on other instruments. Ports that come and go are followed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use bendrack_nodes::program::message::Midi;
use midir::{MidiOutput, MidiOutputConnection, MidiOutputPort};

use super::Desk;
use super::activity::{Kind, Lamp, State};
use super::midi::{CLIENT, MAX_PORTS, MAX_WAIT, NO_SYSTEM, POLL, names, there_is_midi};
use super::player::{Pace, Player};
use super::worker::{Stop, Worker};

/// Frames that wait to be played, at most.
const INBOX: usize = 64;
/// How long the thread is deaf to being stopped.
const TURN: Duration = Duration::from_millis(100);

/// Reads the name of an output.
pub fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("write a part of the output's name; bendrack devices lists them".into());
    }
    Ok(text.to_owned())
}

/// Plays on MIDI outputs. Clones play on the same.
#[derive(Clone, Debug)]
pub struct MidiOut(SyncSender<Vec<(Arc<str>, Midi)>>);

impl MidiOut {
    /// Plays what the nodes of a patch say at a frame, without waiting: a node that is not there any more lets its key go.
    pub fn send(&self, played: &[(Arc<str>, Midi)]) {
        // If the system's MIDI is stuck, strikes are lost; where things stand is said again with the next frame.
        let _ = self.0.try_send(played.to_vec());
    }
}

/// Keeps the MIDI outputs open that have this text in their name.
pub(super) fn follow(wanted: &str, desk: &Desk) -> (MidiOut, Worker) {
    let (send, inbox) = mpsc::sync_channel(INBOX);
    let lamp = desk.lamp(Kind::MidiOut, &format!("MIDI out with {wanted:?} in its name"));
    let mut watch = Watch {
        wanted: wanted.to_lowercase(),
        desk: desk.clone(),
        lamp: lamp.clone(),
        system: None,
        open: BTreeMap::new(),
        latest: Vec::new(),
    };
    (MidiOut(send), Worker::spawn(&lamp, move |stop| watch.run(&inbox, stop)))
}

/// Looks for ports, opens them and plays on them.
struct Watch {
    /// In lower case.
    wanted: String,
    desk: Desk,
    /// The light while no port is open.
    lamp: Lamp,
    system: Option<MidiOutput>,
    open: BTreeMap<String, Open>,
    /// Where things stand: a port that is plugged in takes it over.
    latest: Vec<(Arc<str>, Midi)>,
}

struct Open {
    id: String,
    connection: MidiOutputConnection,
    lamp: Lamp,
    player: Player,
    pace: Pace,
}

impl Watch {
    fn run(&mut self, inbox: &Receiver<Vec<(Arc<str>, Midi)>>, stop: &Stop) {
        let (mut look, mut wait) = (Instant::now(), POLL);
        while !stop.now() {
            if look <= Instant::now() {
                wait = match self.poll() {
                    Ok(()) => POLL,
                    Err(problem) => {
                        self.open.clear();
                        self.lamp.set(State::Failed(problem));
                        (wait * 2).min(MAX_WAIT)
                    }
                };
                look = Instant::now() + wait;
            }
            let rest = self.play().min(TURN).min(look.saturating_duration_since(Instant::now()));
            match inbox.recv_timeout(rest) {
                Ok(played) => {
                    self.open.values_mut().for_each(|open| open.player.hear(&played));
                    self.latest = played;
                }
                // Nobody can play any more.
                Err(RecvTimeoutError::Disconnected) if stop.after(rest) => break,
                Err(_) => {}
            }
        }
        for open in self.open.values_mut() {
            for message in open.player.end() {
                // Whether it arrives or not, this is the end.
                let _ = open.connection.send(&message);
            }
        }
    }

    /// Sends what may be sent now, and says when there is more.
    fn play(&mut self) -> Duration {
        let mut rest = Duration::MAX;
        self.open.retain(|name, open| match open.play() {
            Ok(wait) => {
                rest = rest.min(wait);
                true
            }
            Err(problem) => {
                open.lamp.fault(&format!("{name}: {problem}"));
                open.lamp.set(State::Waiting);
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
        // A MIDI system without any port may have been restarted: it is asked anew.
        self.system = (!ports.is_empty()).then_some(system);
        ports.retain(|name, _| name.to_lowercase().contains(&self.wanted));
        self.open.retain(|name, open| {
            let is_there = ports.get(name).is_some_and(|port| port.id() == open.id);
            if !is_there {
                open.lamp.set(State::Waiting);
            }
            is_there
        });
        for (name, port) in ports {
            if !self.open.contains_key(&name) && self.open.len() < MAX_PORTS {
                self.connect(name, &port);
            }
        }
        if self.open.is_empty() {
            self.lamp.set(State::Waiting);
        } else {
            self.lamp.remove();
        }
        Ok(())
    }

    fn connect(&mut self, name: String, port: &MidiOutputPort) {
        let lamp = self.desk.lamp(Kind::MidiOut, &name);
        let connection = output()
            .and_then(|output| output.connect(port, "out").map_err(|error| format!("it could not be opened: {error}")));
        match connection {
            Ok(connection) => {
                lamp.set(State::Open);
                let mut player = Player::default();
                player.hear(&self.latest);
                self.open.insert(name, Open { id: port.id(), connection, lamp, player, pace: Pace::default() });
            }
            Err(problem) => lamp.set(State::Failed(problem)),
        }
    }
}

impl Open {
    /// Sends what may be sent now, and says when there is more; an error if the port is gone.
    fn play(&mut self) -> Result<Duration, String> {
        loop {
            if let Some(wait) = self.pace.wait(Instant::now()) {
                return Ok(wait);
            }
            let Some(message) = self.player.next() else { return Ok(Duration::MAX) };
            self.pace.count(Instant::now());
            self.connection.send(&message).map_err(|error| error.to_string())?;
            self.lamp.pass(&format!("{message:02X?}"));
        }
    }
}

fn output() -> Result<MidiOutput, String> {
    there_is_midi()?;
    MidiOutput::new(CLIENT).map_err(|_| NO_SYSTEM.to_owned())
}
