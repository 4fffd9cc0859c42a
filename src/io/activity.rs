//! The activity of devices: counts, the latest messages and the table of controls. A text is written when it is read.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bendrack_nodes::input::{ControlId, Event};

use super::controls::{ControlName, ControlState, Pressed, Table};
use super::light::{self, Counts, Dated, Kind, Light, State};
use super::message::{Message, Problem};
use super::request::{Request, Requests};
use crate::input::Pushed;

/// The most messages of a device that are kept.
pub const MOST_MESSAGES: usize = 64;

/// The activity of all devices. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    shared: Arc<Mutex<Shared>>,
    requests: Arc<Mutex<Requests>>,
}

#[derive(Debug, Default)]
struct Shared {
    records: BTreeMap<(Kind, Arc<str>), Record>,
    table: Table,
}

/// The activity of one device.
#[derive(Debug)]
struct Record {
    state: State,
    advice: Option<String>,
    counts: Counts,
    last_message: Option<(Instant, Message)>,
    last_error: Option<(Instant, Problem)>,
    last_loss: Option<Instant>,
    /// The latest messages and errors, oldest first.
    latest: VecDeque<(Instant, Entry)>,
}

#[derive(Clone, Debug)]
enum Entry {
    Message(Message),
    Problem(Problem),
}

impl Default for Record {
    fn default() -> Self {
        Self {
            state: State::Waiting,
            advice: None,
            counts: Counts::default(),
            last_message: None,
            last_error: None,
            last_loss: None,
            latest: VecDeque::new(),
        }
    }
}

/// A message of a device, or one that could not be read or sent.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LatestMessage {
    /// The message, or its problem.
    #[serde(flatten)]
    pub dated: Dated,
    /// True for a message that could not be read or sent.
    pub is_error: bool,
}

impl Activity {
    /// The lights by kind and name.
    pub fn lights(&self) -> Vec<Light> {
        let now = Instant::now();
        self.locked().records.iter().map(|((kind, name), record)| record.light(*kind, name, now)).collect()
    }

    /// Every control that sent a message: controllers, notes, addresses, sensors.
    pub fn controls(&self) -> Vec<ControlState> {
        self.locked().table.read(Instant::now())
    }

    /// The messages of a control so far.
    pub fn pressed(&self, name: &ControlName) -> Pressed {
        self.locked().table.pressed(name)
    }

    /// The age of the latest message of a control of one device, and its first number.
    pub fn latest(&self, control: &ControlId) -> Option<(Duration, f64)> {
        self.locked().table.latest(Instant::now(), control)
    }

    /// The latest messages of a device, oldest first.
    pub fn messages(&self, kind: Kind, name: &str) -> Vec<LatestMessage> {
        let now = Instant::now();
        let shared = self.locked();
        let record = shared.records.get(&(kind, Arc::from(name)));
        let read = |(at, entry): &(Instant, Entry)| match entry {
            Entry::Message(message) => LatestMessage { dated: dated(now, *at, message), is_error: false },
            Entry::Problem(problem) => LatestMessage { dated: dated(now, *at, problem), is_error: true },
        };
        record.map(|record| record.latest.iter().map(read).collect()).unwrap_or_default()
    }

    /// Takes the requests that are due: those to knobs, and commands.
    pub fn take_requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }

    /// Adds a request. False if too many wait.
    pub(super) fn push_request(&self, request: Request) -> bool {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now(), request)
    }

    fn locked(&self) -> MutexGuard<'_, Shared> {
        // Each change leaves the records consistent, so a thread that panicked left valid ones.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The light of a device. It appears once it is set.
    pub(super) fn light(&self, kind: Kind, name: &str) -> LightHandle {
        LightHandle { activity: self.clone(), key: (kind, name.into()) }
    }
}

fn dated(now: Instant, at: Instant, text: &impl fmt::Display) -> Dated {
    Dated { text: text.to_string(), secs_ago: now.saturating_duration_since(at).as_secs_f64() }
}

impl Record {
    fn light(&self, kind: Kind, name: &str, now: Instant) -> Light {
        let since_loss: Option<Duration> = self.last_loss.map(|at| now.saturating_duration_since(at));
        let (colour, reason) = light::colour(kind, &self.state, &self.counts, since_loss);
        Light {
            kind,
            name: name.to_owned(),
            colour,
            state: self.state.clone(),
            reason,
            advice: self.advice.clone(),
            counts: self.counts,
            last_message: self.last_message.as_ref().map(|(at, message)| dated(now, *at, message)),
            last_error: self.last_error.as_ref().map(|(at, problem)| dated(now, *at, problem)),
        }
    }

    fn count(&mut self, now: Instant, message: Message) {
        self.counts.messages += 1;
        self.keep(now, Entry::Message(message.clone()));
        self.last_message = Some((now, message));
    }

    fn keep(&mut self, now: Instant, entry: Entry) {
        if self.latest.len() == MOST_MESSAGES {
            self.latest.pop_front();
        }
        self.latest.push_back((now, entry));
    }

    fn count_pushed(&mut self, now: Instant, pushed: Pushed) {
        self.counts.excess += pushed.excess as u64;
        self.counts.evicted += pushed.evicted as u64;
        self.counts.refused += pushed.refused as u64;
        self.counts.dropped += pushed.dropped;
        if (pushed.evicted, pushed.refused, pushed.dropped) != (0, 0, 0) {
            self.last_loss = Some(now);
        }
    }
}

/// The handle by which a device sets its light.
#[derive(Clone, Debug)]
pub(super) struct LightHandle {
    activity: Activity,
    key: (Kind, Arc<str>),
}

impl LightHandle {
    /// The name of the device.
    pub(super) const fn name(&self) -> &Arc<str> {
        &self.key.1
    }

    /// Sets the state.
    pub(super) fn set(&self, state: State) {
        self.change(|record, _| record.state = state);
    }

    /// Sets the advice.
    pub(super) fn advise(&self, advice: Option<String>) {
        self.change(|record, _| record.advice = advice);
    }

    /// Counts a message.
    pub(super) fn count_message(&self, message: Message) {
        self.change(|record, _| record.count(Instant::now(), message));
    }

    /// Counts a message for each event, or one message for all of them, and the effects of the events.
    pub(super) fn count_events(&self, one: Option<Message>, events: &[Event], pushed: Pushed) {
        let now = Instant::now();
        self.change(|record, table| {
            match one {
                Some(message) => record.count(now, message),
                None => events.iter().for_each(|event| record.count(now, Message::Event(event.clone()))),
            }
            for event in events {
                table.update(now, &self.key.1, event);
            }
            record.count_pushed(now, pushed);
        });
    }

    /// Counts a message that could not be read or sent.
    pub(super) fn count_error(&self, problem: impl Into<Problem>) {
        let (now, problem) = (Instant::now(), problem.into());
        self.change(|record, _| {
            record.counts.errors += 1;
            record.keep(now, Entry::Problem(problem.clone()));
            record.last_error = Some((now, problem));
        });
    }

    /// Counts packets that the system dropped; none if it does not count them.
    pub(super) fn count_lost(&self, packets: Option<u64>) {
        let Some(packets) = packets else { return };
        self.change(|record, _| {
            *record.counts.lost.get_or_insert(0) += packets;
            if packets > 0 {
                record.last_loss = Some(Instant::now());
            }
        });
    }

    /// Removes the light.
    pub(super) fn remove(&self) {
        self.activity.locked().records.remove(&self.key);
    }

    fn change(&self, change: impl FnOnce(&mut Record, &mut Table)) {
        let mut shared = self.activity.locked();
        let Shared { records, table } = &mut *shared;
        change(records.entry(self.key.clone()).or_default(), table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::light::Colour;

    fn light(activity: &Activity) -> Light {
        activity.lights().pop().expect("a light")
    }

    #[test]
    fn a_light_counts_and_keeps_its_last_message_and_its_last_error() {
        let activity = Activity::default();
        let board = activity.light(Kind::Serial, "board");
        board.set(State::Open);
        assert_eq!(light(&activity).colour, Colour::Yellow);
        board.count_error(Problem::of("no number", b"hello"));
        let after_bad = light(&activity);
        assert_eq!((after_bad.colour, after_bad.counts.errors), (Colour::Yellow, 1));
        assert_eq!(after_bad.last_error.map(|error| error.text), Some("no number: hello".to_owned()));
        board.count_message(Message::line(b"a 1"));
        let after_good = light(&activity);
        assert_eq!((after_good.colour, after_good.counted()), (Colour::Green, "1 line, 1 error".to_owned()));
        assert_eq!(after_good.last_message.map(|message| message.text), Some("a 1".to_owned()));
        assert!(after_good.last_error.is_some(), "an error stays readable");
        board.remove();
        assert!(activity.lights().is_empty());
    }

    #[test]
    fn losses_turn_a_light_yellow_and_events_in_excess_do_not() {
        let activity = Activity::default();
        let phone = activity.light(Kind::OscIn, "9000");
        phone.set(State::Open);
        phone.count_lost(None);
        assert_eq!(light(&activity).counts.lost, None);
        phone.count_lost(Some(0));
        let event = Event::osc("/a", &[1.0]);
        phone.count_events(None, &[event.clone(), event.clone()], Pushed { excess: 1, ..Pushed::default() });
        let read = light(&activity);
        assert_eq!((read.colour, read.counts.messages, read.counts.excess), (Colour::Green, 2, 1));
        assert_eq!(read.counts.lost, Some(0));
        phone.count_lost(Some(3));
        assert_eq!((light(&activity).colour, light(&activity).counts.lost), (Colour::Yellow, Some(3)));
        for pushed in [
            Pushed { evicted: 1, ..Pushed::default() },
            Pushed { refused: 1, ..Pushed::default() },
            Pushed { dropped: 1, ..Pushed::default() },
        ] {
            let other = activity.light(Kind::Serial, &format!("{pushed:?}"));
            other.set(State::Open);
            other.count_events(Some(Message::line(b"a 1")), &[], pushed);
        }
        assert!(activity.lights().iter().all(|light| light.colour == Colour::Yellow));
        assert_eq!(activity.controls().len(), 1);
    }

    #[test]
    fn the_latest_messages_and_errors_are_kept_in_order() {
        let activity = Activity::default();
        let phone = activity.light(Kind::OscIn, "9000");
        for index in 0..100 {
            if index % 10 == 0 {
                phone.count_error("bad");
            } else {
                phone.count_message(Message::Messages(index));
            }
        }
        let messages = activity.messages(Kind::OscIn, "9000");
        assert_eq!(messages.len(), MOST_MESSAGES);
        assert_eq!((&*messages[63].dated.text, messages[63].is_error), ("99 messages", false));
        assert_eq!((&*messages[54].dated.text, messages[54].is_error), ("bad", true));
        assert!(activity.messages(Kind::OscIn, "other").is_empty());
    }
}
