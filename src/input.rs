//! Events on their way from devices to the engine.
//!
//! The thread of a device stamps each event and puts it into an [`Inbox`]. The engine takes the events of a span of time and
//! gives each its latent frame, with [`frames`].

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bendrack_nodes::address;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{Applied, ControlId, ControlName, Controls, Event};
use bendrack_nodes::patch::Patch;

/// The most events that wait. Beyond them, those of the older half that a later one replaces are dropped and counted.
pub const MOST_WAITING: usize = 1 << 17;

/// The length of a latent frame, after which [`Inbox::latest`] counts strikes and names from 0 again.
const FRAME: Duration = Duration::from_millis(250);

/// An event with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped {
    /// The time of arrival, or the time that the sender gave.
    pub at: Instant,
    /// The event.
    pub event: Event,
}

/// Effects of events that were pushed on those before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Events beyond 64 of a control within a quarter of a second of the clock. The engine merges those that fall into one latent
    /// frame.
    pub excess: usize,
    /// Names that lost their place to a new one: see [`Applied::Evicted`].
    pub evicted: usize,
    /// Events without effect: see [`Applied::Refused`].
    pub refused: usize,
    /// Events that were dropped because too many waited.
    pub dropped: u64,
}

/// Events that wait for the engine. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// In the order of their times.
    events: VecDeque<Stamped>,
    /// The controls after every event so far.
    latest: Controls,
    /// The begin of the latent frame of `latest`.
    frame_begin: Option<Instant>,
    /// Events that were dropped because too many waited.
    dropped: u64,
    /// The patch whose addresses patterns match, and its plan.
    running: Option<(Arc<Patch>, Arc<Plan>)>,
}

impl Inbox {
    /// Adds events of one time, such as those of an OSC bundle.
    pub fn push(&self, at: Instant, events: impl IntoIterator<Item = Event>) -> Pushed {
        let mut waiting = self.locked();
        waiting.begin_frame(Instant::now());
        let (mut pushed, dropped) = (Pushed::default(), waiting.dropped);
        for event in events {
            // Sound is no state: kept here, it would grow without bound.
            let is_state = !matches!(event, Event::Sound(_));
            let applied = if is_state { waiting.latest.apply(&event) } else { Applied::Kept };
            match applied {
                Applied::Kept => {}
                Applied::Merged => pushed.excess += 1,
                Applied::Evicted => pushed.evicted += 1,
                Applied::Refused => {
                    pushed.refused += 1;
                    continue;
                }
            }
            waiting.add(Stamped { at, event });
        }
        pushed.dropped = waiting.dropped - dropped;
        pushed
    }

    /// Takes the events up to a time, in order.
    pub fn take(&self, until: Instant) -> Vec<Stamped> {
        let events = &mut self.locked().events;
        let count = events.partition_point(|stamped| stamped.at <= until);
        events.drain(..count).collect()
    }

    /// The controls after every event so far, without what happened within a frame.
    pub fn latest(&self) -> Controls {
        let mut latest = self.locked().latest.clone();
        latest.end_frame();
        latest
    }

    /// Sets the patch whose OSC addresses [`Inbox::addresses`] returns, and its plan.
    pub fn know(&self, patch: Arc<Patch>, plan: Arc<Plan>) {
        self.locked().running = Some((patch, plan));
    }

    /// The patch and its plan.
    pub fn running(&self) -> Option<(Arc<Patch>, Arc<Plan>)> {
        self.locked().running.clone()
    }

    /// The OSC addresses that the patch has or reads, and those received so far, each once. False for those of knobs alone.
    pub fn addresses(&self) -> Vec<(Arc<str>, bool)> {
        let waiting = self.locked();
        let received = waiting.latest.sent().filter_map(|(control, _)| match &control.name {
            ControlName::Osc { address } => Some(address.clone()),
            _ => None,
        });
        let received: Vec<Arc<str>> = received.collect();
        let running = waiting.running.clone();
        drop(waiting);
        let mut all: BTreeMap<Arc<str>, bool> = BTreeMap::new();
        if let Some((patch, plan)) = running {
            all.extend(address::addresses(&patch).map(|address| (address, false)));
            all.extend(plan.osc_addresses().into_iter().map(|address| (address, true)));
        }
        all.extend(received.into_iter().map(|address| (address, true)));
        all.into_iter().collect()
    }

    /// The number of events that were dropped because too many waited. The last of each known control is never dropped.
    pub fn dropped(&self) -> u64 {
        self.locked().dropped
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        // Each change leaves the events consistent, so a thread that panicked left valid ones.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, new: Stamped) {
        if self.events.len() >= MOST_WAITING {
            self.compact();
        }
        let place = self.events.partition_point(|stamped| stamped.at <= new.at);
        self.events.insert(place, new);
    }

    /// Begins a latent frame of the latest controls when the one before is over.
    fn begin_frame(&mut self, now: Instant) {
        if self.frame_begin.is_none_or(|begin| now.saturating_duration_since(begin) >= FRAME) {
            self.latest.end_frame();
            self.frame_begin = Some(now);
        }
    }

    /// Drops the events of the older half that a later one replaces, and those of names that lost their place.
    fn compact(&mut self) {
        let mut older: VecDeque<Stamped> = self.events.drain(..MOST_WAITING / 2).collect();
        let count = older.len();
        let mut seen = HashSet::new();
        let mut kept = VecDeque::new();
        while let Some(stamped) = older.pop_back() {
            if self.has_place(&stamped.event) && control_of(&stamped.event).is_some_and(|control| seen.insert(control))
            {
                kept.push_front(stamped);
            }
        }
        self.dropped += (count - kept.len()) as u64;
        kept.append(&mut self.events);
        self.events = kept;
    }

    /// False if the control of an event lost its place.
    fn has_place(&self, event: &Event) -> bool {
        match event {
            Event::Control { control, .. } if !matches!(control.name, ControlName::Note { .. }) => {
                self.latest.get(control, 0).is_some()
            }
            _ => true,
        }
    }
}

/// The control that an event changes; none for sound, which is no state.
fn control_of(event: &Event) -> Option<ControlId> {
    match event {
        Event::Control { control, .. } => Some(control.clone()),
        Event::Sound(_) => None,
    }
}

/// The latent frame of each event, as an index below `count`, from its time in the span from `begin` to `end`.
///
/// The frames share the span evenly: an event of its second third belongs to the second of three frames. Earlier events belong
/// to the first. The beat of a clock becomes that at the end of its frame.
pub fn frames(
    events: Vec<Stamped>,
    (begin, end): (Instant, Instant),
    count: usize,
) -> impl Iterator<Item = (usize, Stamped)> {
    let span = end.saturating_duration_since(begin).as_secs_f64();
    events.into_iter().map(move |mut stamped| {
        let part = stamped.at.saturating_duration_since(begin).as_secs_f64() / span.max(f64::MIN_POSITIVE);
        let frame = ((part * count as f64) as usize).min(count.saturating_sub(1));
        let frame_end = begin + Duration::from_secs_f64(span * (frame + 1) as f64 / count.max(1) as f64);
        stamped.event.advance(frame_end.saturating_duration_since(stamped.at).as_secs_f64());
        (frame, stamped)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bendrack_nodes::input::{Control, MOST_NAMES};

    use super::*;

    fn osc(address: &str, number: f64) -> Event {
        Event::osc(address, &[number]).on(&"phone".into())
    }

    fn value(controls: &Controls) -> Option<(f64, u16)> {
        let reading = controls.osc("/a", 0)?.reading()?;
        Some((reading.value, reading.hits))
    }

    #[test]
    fn an_event_belongs_to_the_frame_of_its_time() {
        let inbox = Inbox::default();
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        // A fader that moves all the time, and a tap of a tenth of a second.
        for millis in (0..750).step_by(50) {
            inbox.push(after(millis), [osc("/a", millis as f64 / 1e4)]);
        }
        inbox.push(after(810), [osc("/a", 0.0)]);
        let events = inbox.take(after(750));
        let places: Vec<usize> = frames(events, (begin, after(750)), 3).map(|(frame, _)| frame).collect();
        assert_eq!(places, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        inbox.push(after(800), [osc("/a", 1.0)]);
        inbox.push(after(900), [osc("/a", 0.0)]);
        let events = inbox.take(after(1500));
        let numbers = events.iter().map(|stamped| match &stamped.event {
            Event::Control { numbers, .. } => numbers[0],
            other @ Event::Sound(_) => panic!("{other:?}"),
        });
        assert_eq!(numbers.collect::<Vec<_>>(), [1.0, 0.0, 0.0], "the tag of 810 comes before that of 900");
        assert!(inbox.take(after(9999)).is_empty());
        assert_eq!(inbox.latest().osc("/a", 0).and_then(Control::last), Some(0.0));
    }

    #[test]
    fn the_beat_of_a_clock_is_that_at_the_end_of_its_frame() {
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        let clock = |numbers: &[f64]| Event::new(ControlName::Clock, numbers);
        let stamped = |millis, numbers: &[f64]| Stamped { at: after(millis), event: clock(numbers) };
        let events = vec![stamped(100, &[120.0, 8.0, 1.0]), stamped(600, &[120.0, 9.0, 0.0])];
        let placed: Vec<_> =
            frames(events, (begin, after(750)), 3).map(|(frame, stamped)| (frame, stamped.event)).collect();
        let Event::Control { numbers, .. } = &placed[0].1 else { panic!("{placed:?}") };
        assert!((numbers[1] - 8.3).abs() < 1e-6, "150 ms at two beats a second: {numbers:?}");
        assert_eq!(placed[1], (2, clock(&[120.0, 9.0, 0.0])), "a stopped clock stands");
    }

    #[test]
    fn sound_waits_for_the_engine_alone() {
        let (inbox, at) = (Inbox::default(), Instant::now());
        (0..10).for_each(|_| _ = inbox.push(at, [Event::Sound(Box::default())]));
        assert_eq!((inbox.latest().sound().len(), inbox.take(at).len()), (0, 10));
    }

    #[test]
    fn an_early_event_belongs_to_the_first_frame_and_a_future_one_waits() {
        let (inbox, begin) = (Inbox::default(), Instant::now());
        let after = |millis| begin + Duration::from_millis(millis);
        inbox.push(begin, [osc("/a", 1.0)]);
        inbox.push(after(5000), [osc("/a", 2.0)]);
        let early = inbox.take(after(1500));
        let places = |span, count| frames(early.clone(), span, count).map(|(frame, _)| frame).collect::<Vec<_>>();
        assert_eq!(places((after(750), after(1500)), 3), [0]);
        assert_eq!(inbox.take(after(5000)).len(), 1);
        // A span of no length, and no frames, are no trouble.
        assert_eq!(places((begin, begin), 1), [0]);
        assert_eq!(places((begin, begin), 0), [0]);
    }

    #[test]
    fn a_flood_drops_only_what_a_later_event_replaces_and_counts_it() {
        let (inbox, at) = (Inbox::default(), Instant::now());
        inbox.push(at, [osc("/once", 7.0), Event::note(1, 60, 0.5)]);
        let flood = 3 * MOST_WAITING;
        for n in 0..flood {
            inbox.push(at, [osc("/a", n as f64)]);
        }
        let events = inbox.take(at);
        assert!(events.len() <= MOST_WAITING);
        assert_eq!(events.len() as u64 + inbox.dropped(), flood as u64 + 2);
        let mut controls = Controls::default();
        controls.extend(events.iter().map(|stamped| &stamped.event));
        controls.end_frame();
        assert_eq!(value(&controls), Some(((flood - 1) as f64, 0)));
        assert_eq!(controls.osc("/once", 0).and_then(Control::last), Some(7.0));
        assert_eq!(controls.keys().count(), 1);
    }

    #[test]
    fn a_flood_of_names_is_bounded_and_evicts_names_that_are_silent() {
        let (inbox, at) = (Inbox::default(), Instant::now());
        let push = |index: usize| inbox.push(at, [osc(&format!("/{index}"), 1.0)]);
        let new_frame = || inbox.locked().frame_begin = None;
        let mut sum = Pushed::default();
        for index in 0..2 * MOST_WAITING {
            if index % MOST_NAMES == 0 {
                new_frame();
            }
            let pushed = push(index);
            sum.evicted += pushed.evicted;
            sum.dropped += pushed.dropped;
            // The test may be slower than a frame.
            assert_eq!((pushed.excess, pushed.refused), (0, 0));
        }
        assert_eq!(sum.evicted, 2 * MOST_WAITING - MOST_NAMES);
        let waiting = inbox.take(at).len();
        assert!(waiting <= MOST_WAITING, "{waiting}");
        assert_eq!(waiting as u64 + sum.dropped, 2 * MOST_WAITING as u64);
        new_frame();
        (0..64).for_each(|_| assert_eq!(push(0).excess, 0));
        assert_eq!(push(0).excess, 1);
    }
}
