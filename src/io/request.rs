//! Messages that change the patch or the engine: OSC to the addresses of knobs, and commands.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bendrack_nodes::address::{self, Argument, KnobError};
use bendrack_nodes::fade::crossfade;
use bendrack_nodes::input::{ControlName, Event};
use bendrack_nodes::patch::{ControlMap, LevelEdit, Patch};

use super::activity::LightHandle;
use super::message::Problem;

/// The most requests that wait. A knob has one: its latest.
const MOST: usize = 4096;

const MASTER: &str = "/bendrack/master";
const FREEZE: &str = "/bendrack/freeze";
const BLACKOUT: &str = "/bendrack/blackout";
/// The address that starts and stops a recording of the window.
pub const RECORD: &str = "/bendrack/record";
const SNAPSHOT: &str = "/bendrack/snapshot";
const TAP: &str = "/bendrack/tap";
/// The crossfader between two snapshots.
const FADE: &str = "/bendrack/fade";
const PANIC: &str = "/bendrack/panic";

/// A message to a knob of the patch, or a command.
#[derive(Clone, Debug)]
pub struct Request {
    address: Arc<str>,
    argument: Argument,
    /// The time at which it takes effect.
    at: Instant,
    /// The device that sent it.
    from: Option<LightHandle>,
}

/// The effect of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Edits of the patch.
    Edit(Vec<LevelEdit>),
    /// Recalls the snapshot with this index.
    Recall(usize),
    /// The position of the crossfader between two snapshots, 0 to 1.
    Fade(f64),
    /// The master depth, 0 to 1.
    Master(f64),
    /// Holds the picture, or ends it; none for the other state.
    Freeze(Option<bool>),
    /// Shows black, or ends it; none for the other state.
    Blackout(Option<bool>),
    /// A tap of the tempo.
    Tap,
    /// The video begins again: an empty KV cache, and every knob where the patch has it.
    Panic,
    /// None: a button is released, or the patch reads the address.
    Nothing,
}

/// The addresses of commands, with what each does.
pub(super) const COMMANDS: [(&str, &str); 8] = [
    (SNAPSHOT, "Recalls a snapshot: its number, from 1, or its name as a text."),
    (FADE, "The crossfader between two snapshots, 0 to 1."),
    (TAP, "A tap of the tempo."),
    (MASTER, "The master depth, 0 to 1."),
    (FREEZE, "1 holds the picture, 0 ends it; a message without a number does either."),
    (BLACKOUT, "1 shows black, 0 ends it; a message without a number does either."),
    (RECORD, "1 starts a recording of the window, 0 stops it; a message without a number does either."),
    (PANIC, "The video begins again, with an empty KV cache."),
];

/// True if an address is that of a request.
pub(super) fn is_request(address: &str) -> bool {
    address::is_knob(address) || [SNAPSHOT, FADE, TAP, PANIC, MASTER, FREEZE, BLACKOUT].contains(&address)
}

impl Request {
    pub(super) fn new(address: Arc<str>, argument: Argument, at: Instant, from: &LightHandle) -> Self {
        Self { address, argument, at, from: Some(from.clone()) }
    }

    /// The request of a stored event; none if it is not to a knob.
    pub fn of_event(event: &Event) -> Option<Self> {
        let Event::Control { control, numbers } = event else { return None };
        let ControlName::Osc { address } = &control.name else { return None };
        let argument = Argument::Number(*numbers.first()?);
        address::is_knob(address).then(|| Self { address: address.clone(), argument, at: Instant::now(), from: None })
    }

    /// The effect on a patch.
    ///
    /// # Errors
    ///
    /// Fails with the reason and the next step if the patch lacks the node, input or snapshot, or the value is unfit.
    pub fn action(&self, patch: &Patch) -> Result<Action, String> {
        let is_released = matches!(self.argument, Argument::Number(number) if number < 0.5);
        match &*self.address {
            TAP | PANIC | SNAPSHOT if is_released => Ok(Action::Nothing),
            MASTER => match self.argument {
                Argument::Number(master) => Ok(Action::Master(master.clamp(0.0, 1.0))),
                _ => Err("the master depth is a number from 0 to 1; send one".to_owned()),
            },
            FREEZE => Ok(Action::Freeze(self.is_on())),
            BLACKOUT => Ok(Action::Blackout(self.is_on())),
            TAP => Ok(Action::Tap),
            PANIC => Ok(Action::Panic),
            SNAPSHOT => self.snapshot(patch).map(Action::Recall),
            FADE => match self.argument {
                Argument::Number(_) if crossfade(patch, 0.0).is_none() => {
                    Err(format!("the crossfader needs two snapshots; the patch has {}", patch.snapshots.len()))
                }
                Argument::Number(part) => Ok(Action::Fade(part.clamp(0.0, 1.0))),
                _ => Err("the crossfader is a number from 0 to 1; send one".to_owned()),
            },
            address => match address::edit(patch, address, &self.argument) {
                Ok(edit) => Ok(Action::Edit(vec![edit])),
                Err(KnobError::Unfit(why)) => Err(why),
                Err(KnobError::NoNode) if reads(patch, address) => Ok(Action::Nothing),
                Err(KnobError::NoNode) => {
                    Err("the patch has no such node; the inspector shows the id of each".to_owned())
                }
            },
        }
    }

    /// The state that a switch is sent; none for a press.
    const fn is_on(&self) -> Option<bool> {
        match self.argument {
            Argument::Number(number) => Some(number >= 0.5),
            _ => None,
        }
    }

    /// The index of the snapshot with the number or the name.
    fn snapshot(&self, patch: &Patch) -> Result<usize, String> {
        let snapshots = &patch.snapshots;
        let index = match &self.argument {
            Argument::Number(number) => (number.round() as usize).checked_sub(1),
            Argument::Text(name) => {
                snapshots.iter().position(|snapshot| snapshot.name.to_lowercase() == name.to_lowercase())
            }
            Argument::Press => return Err("a snapshot has a number from 1, or a name; send one".to_owned()),
        };
        let index = index.filter(|index| *index < snapshots.len());
        index.ok_or_else(|| format!("no such snapshot; the patch has {}", snapshots.len()))
    }

    /// Counts the request as an error of its device.
    pub fn refuse(&self, reason: String) {
        if let Some(from) = &self.from {
            from.count_error(Problem::of(reason, self.address.as_bytes()));
        }
    }
}

/// True if a node or map of the patch reads an address.
fn reads(patch: &Patch, address: &str) -> bool {
    let by_map =
        |map: &ControlMap| matches!(&map.from.name, ControlName::Osc { address: known } if **known == *address);
    patch.maps.iter().any(by_map)
        || patch.nodes.values().flat_map(|node| node.params.values()).any(|value| value.as_str() == Some(address))
}

/// Requests that wait for the window, or for `bendrack play`.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// In the order of their arrival.
    waiting: BTreeMap<u64, Request>,
    /// The latest request of each knob.
    knobs: HashMap<Arc<str>, u64>,
    next: u64,
}

impl Requests {
    /// Adds a request. One to a knob replaces an earlier one, if both are due. False if too many wait.
    pub(super) fn push(&mut self, now: Instant, request: Request) -> bool {
        let before = self.knobs.get(&request.address).and_then(|number| self.waiting.get_mut(number));
        if let Some(before) = before.filter(|before| before.at <= now && request.at <= now) {
            *before = request;
            return true;
        }
        if self.waiting.len() >= MOST {
            return false;
        }
        if address::is_knob(&request.address) {
            self.knobs.insert(request.address.clone(), self.next);
        }
        self.waiting.insert(self.next, request);
        self.next += 1;
        true
    }

    /// Takes the requests that are due, in the order of their times.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Request> {
        let mut due: Vec<Request> =
            self.waiting.extract_if(.., |_, request| request.at <= now).map(|(_, request)| request).collect();
        self.knobs.retain(|_, number| self.waiting.contains_key(number));
        due.sort_by_key(|request| request.at);
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bendrack_nodes::patch::Snapshot;
    use serde_json::json;

    use super::*;
    use crate::io::{Activity, Kind};

    fn light() -> LightHandle {
        Activity::default().light(Kind::OscIn, "phone")
    }

    fn request(address: &str, argument: Argument) -> Request {
        Request::new(address.into(), argument, Instant::now(), &light())
    }

    fn patch() -> Patch {
        let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": {
            "lfo": { "type": "modulate.lfo" }, "osc": { "type": "osc.in", "params": { "address": "/bend/a/b" } } } }"#;
        let mut patch: Patch = serde_json::from_str(text).expect("a patch");
        let port = serde_json::from_value(json!("lfo.rate")).expect("a port");
        let values = [(port, json!(2.0))].into();
        patch.snapshots.push(Snapshot { name: "Drop".into(), values, rest: serde_json::Map::new() });
        patch
    }

    #[test]
    fn a_request_edits_the_patch_or_has_a_reason() {
        let action = |address: &str, argument| request(address, argument).action(&patch());
        let set = |value| LevelEdit::SetParam { id: "lfo".into(), name: "rate".into(), value: Some(json!(value)) };
        let number = Argument::Number;
        assert_eq!(action("/bend/lfo/rate", number(3.0)), Ok(Action::Edit(vec![set(3.0)])));
        assert_eq!(action("/bend/a/b", number(3.0)), Ok(Action::Nothing), "a node reads it");
        assert!(action("/bend/b/a", number(3.0)).is_err());
        for argument in [number(1.0), Argument::Text("drop".into())] {
            assert_eq!(action("/bendrack/snapshot", argument), Ok(Action::Recall(0)));
        }
        assert!(action("/bendrack/fade", number(0.5)).is_err(), "one snapshot");
        assert_eq!(action("/bendrack/snapshot", number(0.0)), Ok(Action::Nothing), "a released button");
        for argument in [number(2.0), number(1e300), Argument::Text("no".into()), Argument::Press] {
            assert!(action("/bendrack/snapshot", argument.clone()).is_err(), "{argument:?}");
        }
        for (argument, tap, panic) in [
            (Argument::Press, Action::Tap, Action::Panic),
            (number(1.0), Action::Tap, Action::Panic),
            (number(0.0), Action::Nothing, Action::Nothing),
        ] {
            assert_eq!(action("/bendrack/tap", argument.clone()), Ok(tap));
            assert_eq!(action("/bendrack/panic", argument), Ok(panic));
        }
        assert_eq!(action("/bendrack/master", number(7.0)), Ok(Action::Master(1.0)));
        assert!(action("/bendrack/master", Argument::Press).is_err());
        for (argument, is_on) in [(number(1.0), Some(true)), (number(0.0), Some(false)), (Argument::Press, None)] {
            assert_eq!(action("/bendrack/freeze", argument.clone()), Ok(Action::Freeze(is_on)));
            assert_eq!(action("/bendrack/blackout", argument), Ok(Action::Blackout(is_on)));
        }
    }

    #[test]
    fn the_latest_request_of_a_knob_waits_until_its_time() {
        let (mut requests, now) = (Requests::default(), Instant::now() + Duration::from_secs(1));
        let at = |secs, number| Request {
            at: now + Duration::from_secs(secs),
            ..request("/bend/lfo/rate", Argument::Number(number))
        };
        let values = |taken: Vec<Request>| taken.into_iter().map(|request| request.argument).collect::<Vec<_>>();
        let all = [at(0, 1.0), at(0, 2.0), at(9, 4.0), at(5, 3.0), request("/bendrack/tap", Argument::Press)];
        assert!(all.into_iter().all(|request| requests.push(now, request)));
        assert_eq!(values(requests.take(now)), [Argument::Press, Argument::Number(2.0)]);
        assert_eq!(values(requests.take(now + Duration::from_secs(20))), [3.0, 4.0].map(Argument::Number));
        assert!(requests.knobs.is_empty() && requests.waiting.is_empty());
    }

    #[test]
    fn a_flood_of_requests_is_bounded() {
        let (mut requests, now) = (Requests::default(), Instant::now() + Duration::from_secs(1));
        let refused = (0..MOST + 10).filter(|i| !requests.push(now, request(&format!("/bend/{i}/x"), Argument::Press)));
        assert_eq!(refused.count(), 10);
        assert!((0..MOST).all(|_| requests.push(now, request("/bend/1/x", Argument::Press))));
        assert_eq!((requests.take(now).len(), requests.knobs.len()), (MOST, 0));
    }
}
