//! A WebSocket of OSCQuery: the other program listens to addresses, and may send packets of OSC.

use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack_nodes::address;
use bendrack_nodes::input::{Control, Controls};
use bendrack_nodes::patch::Patch;
use rosc::{OscMessage, OscPacket, OscType};
use serde_json::{Value as Json, json};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

use super::tree::addresses;
use crate::io::DeviceContext;
use crate::io::activity::LightHandle;
use crate::io::osc::input::Listener;
use crate::io::osc::packet::MAX_PACKET;
use crate::io::worker::Stop;

/// The longest wait for a message.
pub(super) const WAIT: Duration = Duration::from_millis(10);
/// The time between two looks for changes: 30 a second.
const LOOK: Duration = Duration::from_millis(33);
/// The most addresses that a program listens to.
const MOST_LISTENED: usize = 4096;

/// Serves a connection until it ends.
pub(super) fn serve(stream: TcpStream, begun: Vec<u8>, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    let Ok(from) = stream.peer_addr().map(|peer| peer.ip()) else { return };
    let config = WebSocketConfig::default().max_message_size(Some(MAX_PACKET)).max_frame_size(Some(MAX_PACKET));
    let mut socket = WebSocket::from_partially_read(stream, begun, Role::Server, Some(config));
    let (mut listener, mut listening) = (Listener::new(context, light), Listening::default());
    let mut next_look = Instant::now();
    while !stop.now() {
        match socket.read() {
            Ok(Message::Text(text)) => {
                if let Err(problem) = listening.obey(&text) {
                    light.count_error(problem);
                }
            }
            Ok(Message::Binary(packet)) => listener.take(from, &packet),
            Ok(_) => {}
            Err(Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return,
            Err(error) => return light.count_error(error.to_string()),
        }
        if next_look <= Instant::now() {
            next_look = Instant::now() + LOOK;
            for message in listening.changes(context) {
                if let Err(error) = socket.send(message) {
                    return light.count_error(error.to_string());
                }
            }
        }
    }
    // The other end may be gone.
    let _ = socket.close(None).and_then(|()| socket.flush());
}

/// The addresses that a program listens to, with what it knows of them.
#[derive(Default)]
struct Listening {
    listened: BTreeMap<Arc<str>, Option<Vec<Json>>>,
    patch: Option<Arc<Patch>>,
    /// The addresses of the tree, and the values of the knobs among them.
    addresses: Option<Vec<Arc<str>>>,
    knobs: HashMap<Arc<str>, Option<Json>>,
}

impl Listening {
    /// Follows a command.
    ///
    /// # Errors
    ///
    /// Fails with a sentence for an unknown command, or one to listen to too many addresses.
    fn obey(&mut self, text: &str) -> Result<(), &'static str> {
        let command: Json = serde_json::from_str(text).map_err(|_| "an OSCQuery command that is no JSON")?;
        let address = command["DATA"].as_str();
        match (command["COMMAND"].as_str(), address) {
            (Some("LISTEN"), Some(_)) if self.listened.len() >= MOST_LISTENED => {
                Err("a program that listens to more than 4096 addresses")
            }
            (Some("LISTEN"), Some(address)) => {
                self.listened.insert(address.into(), None);
                Ok(())
            }
            (Some("IGNORE"), Some(address)) => {
                self.listened.remove(address);
                Ok(())
            }
            _ => Err("an OSCQuery command other than LISTEN and IGNORE"),
        }
    }

    /// The messages about what changed since the last look.
    fn changes(&mut self, context: &DeviceContext) -> Vec<Message> {
        let Some((patch, plan)) = context.inbox.running() else { return Vec::new() };
        let mut messages = Vec::new();
        if !self.patch.as_ref().is_some_and(|known| Arc::ptr_eq(known, &patch)) {
            let now = addresses(&patch, &plan);
            if self.addresses.as_ref().is_some_and(|known| *known != now) {
                messages.push(Message::text(json!({ "COMMAND": "PATH_CHANGED", "DATA": "/" }).to_string()));
            }
            self.knobs = address::knobs(&patch).map(|knob| (knob.address, knob.value)).collect();
            (self.addresses, self.patch) = (Some(now), Some(patch));
        }
        let is_other = |address: &Arc<str>| !self.knobs.contains_key(address);
        let controls = self.listened.keys().any(is_other).then(|| context.inbox.latest());
        for (address, known) in &mut self.listened {
            let values = match self.knobs.get(address) {
                Some(value) => value.iter().cloned().collect(),
                None => controls.as_ref().map(|controls| numbers(controls, address)).unwrap_or_default(),
            };
            if !values.is_empty() && known.as_ref() != Some(&values) {
                messages.extend(packet(address, &values));
                *known = Some(values);
            }
        }
        messages
    }
}

/// The numbers of an address that the patch reads.
fn numbers(controls: &Controls, address: &str) -> Vec<Json> {
    (0..).map_while(|index| controls.osc(address, index)).filter_map(Control::last).map(Json::from).collect()
}

/// The message of an address with its values, as a packet of OSC.
fn packet(address: &str, values: &[Json]) -> Option<Message> {
    let argument = |value: &Json| match value {
        Json::Bool(on) => Some(OscType::Bool(*on)),
        Json::String(text) => Some(OscType::String(text.clone())),
        value => value.as_f64().map(|number| OscType::Float(number as f32)),
    };
    let args = values.iter().filter_map(argument).collect();
    let packet = OscPacket::Message(OscMessage { addr: address.to_owned(), args });
    rosc::encoder::encode(&packet).ok().map(|bytes| Message::Binary(bytes.into()))
}
