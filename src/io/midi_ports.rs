//! MIDI ports that are kept open, inputs and outputs alike. A [`Watcher`] opens them when they appear and closes them
//! when they go.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use midir::MidiIO;

use super::DeviceContext;
use super::activity::LightHandle;
use super::error::NO_JACK;
use super::light::{Kind, State};
use super::names::{self, DeviceNames};
use super::worker::Backoff;

/// The name of the client for other programs.
const CLIENT: &str = "bendrack";
/// The time between two scans for ports.
const POLL: Duration = Duration::from_millis(500);
/// The longest wait for a MIDI system that is missing.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The most ports that are opened: each takes one of ALSA's 32 queues.
const MAX_PORTS: usize = 16;
/// The device file of ALSA's MIDI.
const SEQUENCER: &str = "/dev/snd/seq";
/// The advice for a system whose MIDI does not answer.
const NO_SYSTEM: &str = if cfg!(feature = "jack") {
    NO_JACK
} else if cfg!(target_os = "linux") {
    "/dev/snd/seq cannot be opened; add your user to the group audio and log in again"
} else {
    "the system's MIDI does not answer"
};

/// The ports of one direction: how they are connected and closed.
pub(super) trait Ports {
    /// The client that lists the ports.
    type Client: MidiIO;
    /// An open port.
    type Open;
    /// The kind of the lights.
    const KIND: Kind;

    /// Connects to the system's MIDI.
    fn client() -> Result<Self::Client, String>;
    /// The identity of a port, which changes when it is plugged in again.
    fn id(port: &<Self::Client as MidiIO>::Port) -> String;
    /// Opens a port.
    fn connect(
        &self,
        port: &<Self::Client as MidiIO>::Port,
        context: &DeviceContext,
        light: &LightHandle,
    ) -> Result<Self::Open, String>;
    /// Closes a port that is gone.
    fn close(open: Self::Open);
}

/// Finds ports and keeps them open.
pub(super) struct Watcher<P: Ports> {
    pub(super) ports: P,
    /// Texts in lower case; a port with any of them is opened.
    wanted: Vec<String>,
    context: DeviceContext,
    /// The light while no port is open.
    light: LightHandle,
    client: Option<P::Client>,
    /// The open ports by name, with their identities.
    open: BTreeMap<String, (String, P::Open)>,
    backoff: Backoff,
}

impl<P: Ports> Watcher<P> {
    /// Watches for ports with one of these texts in their name, in any case.
    pub(super) fn new(ports: P, wanted: &[String], context: &DeviceContext, light: &LightHandle) -> Self {
        Self {
            ports,
            wanted: wanted.iter().map(|text| text.to_lowercase()).collect(),
            context: context.clone(),
            light: light.clone(),
            client: None,
            open: BTreeMap::new(),
            backoff: Backoff::new(POLL, MAX_WAIT),
        }
    }

    /// Opens the ports that came and closes those that went. Returns the time until the next scan.
    pub(super) fn poll(&mut self) -> Duration {
        match self.scan() {
            Ok(()) => self.backoff.reset(),
            Err(problem) => {
                self.close_lost(&BTreeMap::new());
                self.light.set(State::Failed(problem));
            }
        }
        self.backoff.next_wait()
    }

    /// The open ports by name.
    pub(super) fn open_mut(&mut self) -> impl Iterator<Item = (&str, &mut P::Open)> {
        self.open.iter_mut().map(|(name, (_, open))| (name.as_str(), open))
    }

    /// Drops the open ports for which `keep` is false; the next scan opens them again.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, &mut P::Open) -> bool) {
        self.open.retain(|name, (_, open)| keep(name, open));
    }

    fn scan(&mut self) -> Result<(), String> {
        let client = match self.client.take() {
            Some(client) => client,
            None => P::client()?,
        };
        let mut ports = names(&client, &self.context.names);
        // A MIDI system without ports may have been restarted, so the next scan connects again.
        self.client = (!ports.is_empty()).then_some(client);
        ports.retain(|name, _| {
            let name = name.to_lowercase();
            self.wanted.iter().any(|text| name.contains(text.as_str()))
        });
        self.close_lost(&ports);
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

    fn close_lost(&mut self, ports: &BTreeMap<String, <P::Client as MidiIO>::Port>) {
        let is_lost =
            |name: &String, (id, _): &mut (String, P::Open)| ports.get(name).is_none_or(|port| P::id(port) != *id);
        for (name, (_, open)) in self.open.extract_if(.., is_lost) {
            P::close(open);
            self.context.light(P::KIND, &name).set(State::Waiting);
            self.context.names.disconnect(&name);
        }
    }

    fn connect(&mut self, name: String, port: &<P::Client as MidiIO>::Port) {
        let light = self.context.light(P::KIND, &name);
        match self.ports.connect(port, &self.context, &light) {
            Ok(open) => {
                light.set(State::Open);
                self.context.names.connect(&name, None);
                self.open.insert(name, (P::id(port), open));
            }
            Err(problem) => light.set(State::Failed(problem)),
        }
    }
}

/// Ports by name; a second port of a name gets a number, which stays with its USB socket.
pub(super) fn names<C: MidiIO>(client: &C, names: &DeviceNames) -> BTreeMap<String, C::Port> {
    let mut named = BTreeMap::new();
    for port in client.ports() {
        // A port that has gone has no name.
        let Ok(full) = client.port_name(&port) else { continue };
        let socket = names::alsa_socket(&full, Path::new("/sys"));
        let name = names.port_name(without_address(&full), socket.as_deref(), |name| named.contains_key(name));
        named.insert(name, port);
    }
    named
}

/// The name without ALSA's port numbers, which change each time a port is plugged in.
fn without_address(name: &str) -> &str {
    let is_address = |text: &str| text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    name.rsplit_once(' ').filter(|(_, last)| is_address(last)).map_or(name, |(name, _)| name)
}

/// Opens a client of the system's MIDI. Checks for ALSA's device file first: without it, ALSA prints an error on each
/// attempt.
pub(super) fn client<C, E>(open: impl FnOnce(&str) -> Result<C, E>) -> Result<C, String> {
    if cfg!(all(target_os = "linux", not(feature = "jack"))) && !Path::new(SEQUENCER).exists() {
        return Err(format!(
            "this machine has no {SEQUENCER}: load it (sudo modprobe snd-seq), or build bendrack with --features jack"
        ));
    }
    open(CLIENT).map_err(|_| NO_SYSTEM.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_without_the_numbers_of_the_day() {
        assert_eq!(without_address("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0"), "nanoKONTROL2:nanoKONTROL2 MIDI 1");
        assert_eq!(without_address("system:midi_capture_1"), "system:midi_capture_1");
        assert_eq!(without_address("Launchpad 2"), "Launchpad 2");
    }
}
