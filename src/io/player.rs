//! The messages of a MIDI output: the bytes for the state of a frame, their order and their rate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack_nodes::program::message::{Midi, Played};

/// The most messages to a port in any second, not counting those at the end.
pub const MOST_PER_SEC: usize = 100;
/// The most notes on and off that wait; beyond that, notes on are dropped.
const MOST_WAITING: usize = 64;
/// The offset from the number of a controller to that of its lower 7 bits.
const LOWER: u8 = 32;

/// The state of a port, and the messages that bring it to the state of the patch.
#[derive(Debug, Default)]
pub(super) struct Player {
    /// The values of controllers in the patch, by channel and number: in 14 bits, or in 7.
    controllers: BTreeMap<(u8, u8), (f64, bool)>,
    /// The values that were sent.
    sent: BTreeMap<(u8, u8), u8>,
    /// The controller that was sent last.
    turn: (u8, u8),
    /// The lower 7 bits that must follow the upper ones just sent.
    lower: Option<[u8; 3]>,
    /// The channel and note that each node holds.
    sounding: BTreeMap<Arc<str>, (u8, u8)>,
    /// Notes on and off, in order.
    waiting: VecDeque<[u8; 3]>,
    /// The channels that had notes on.
    used: BTreeSet<u8>,
    /// The velocities that lamps of pads have.
    lamps: BTreeMap<(u8, u8), u8>,
}

impl Player {
    /// Takes the MIDI state of a frame.
    pub(super) fn update(&mut self, played: &[Played]) {
        self.controllers.clear();
        let is_gone = |id: &&Arc<str>| !played.iter().any(|it| it.node == **id && matches!(it.midi, Midi::Note { .. }));
        let gone: Vec<Arc<str>> = self.sounding.keys().filter(is_gone).cloned().collect();
        for node in &gone {
            self.note_off(node);
        }
        for Played { node, midi, .. } in played {
            match *midi {
                Midi::Controller { channel, number, value, fine } => {
                    self.controllers.insert((channel, number), (value, fine));
                }
                Midi::Note { channel, number, velocity, held, hits } => {
                    let key = (channel, number);
                    // A held note that changes its number starts again.
                    let starts = hits > 0 || held && self.sounding.get(node) != Some(&key);
                    if starts || !held {
                        self.note_off(node);
                    }
                    // A note that is on but not held sounds until the next frame.
                    if starts && self.waiting.len() < MOST_WAITING {
                        self.note_on(node, key, velocity);
                    }
                }
                Midi::Clock { .. } => {}
            }
        }
    }

    /// Takes the state of mapped controls: channel, number, part of the travel, and true for a key.
    pub(super) fn show(&mut self, states: impl IntoIterator<Item = (u8, u8, f64, bool)>) {
        self.controllers.clear();
        for (channel, number, part, is_key) in states {
            if !is_key {
                self.controllers.insert((channel, number), (part, false));
                continue;
            }
            let velocity = (part * 127.0).round() as u8;
            // A note on with velocity 0 turns the lamp of a pad off.
            if self.lamps.insert((channel, number), velocity) != Some(velocity) {
                self.waiting.push_back([0x90 | (channel - 1), number, velocity]);
            }
        }
    }

    /// Marks a value as that of the port: its hand has moved the control there.
    pub(super) fn moved(&mut self, channel: u8, number: u8, part: f64) {
        self.sent.insert((channel, number), (part * 127.0).round() as u8);
    }

    fn note_on(&mut self, node: &Arc<str>, key: (u8, u8), velocity: f64) {
        if self.sounds(key) {
            // Another node holds the note; the last one ends it.
            self.waiting.push_back(off(key));
        }
        let (channel, number) = key;
        // Velocity 0 would be a note off.
        let velocity = ((velocity * 127.0).round() as u8).clamp(1, 127);
        self.waiting.push_back([0x90 | (channel - 1), number, velocity]);
        self.used.insert(channel);
        self.sounding.insert(node.clone(), key);
    }

    fn note_off(&mut self, node: &Arc<str>) {
        if let Some(key) = self.sounding.remove(node)
            && !self.sounds(key)
        {
            self.waiting.push_back(off(key));
        }
    }

    fn sounds(&self, key: (u8, u8)) -> bool {
        self.sounding.values().any(|sounding| *sounding == key)
    }

    /// The next message, if any. Notes come before controllers, and of those the one that waited longest.
    pub(super) fn next(&mut self) -> Option<[u8; 3]> {
        if let Some(message) = self.lower.take().or_else(|| self.waiting.pop_front()) {
            return Some(message);
        }
        let behind = self.controllers.range((Bound::Excluded(self.turn), Bound::Unbounded));
        let order = behind.chain(self.controllers.range(..=self.turn));
        for (&(channel, number), &(value, fine)) in order {
            let mut moved = |number: u8, byte: u8| {
                let before = self.sent.insert((channel, number), byte);
                (before != Some(byte)).then_some([0xB0 | (channel - 1), number, byte])
            };
            let message = if fine {
                let (upper, lower) = halves(value);
                let upper = moved(number, upper);
                let below = moved(number + LOWER, lower);
                if upper.is_some() {
                    // A receiver clears the lower bits when the upper ones arrive, so the lower ones follow, changed or not.
                    self.lower = Some([0xB0 | (channel - 1), number + LOWER, lower]);
                }
                upper.or(below)
            } else {
                moved(number, (value * 127.0).round() as u8)
            };
            if message.is_some() {
                self.turn = (channel, number);
                return message;
            }
        }
        None
    }

    /// The messages at the end: note off for each note that sounds, then all notes off for each channel.
    pub(super) fn end(&mut self) -> Vec<[u8; 3]> {
        let waiting = self.waiting.drain(..).filter(|message| message[0] & 0xF0 == 0x80);
        let sounding: BTreeSet<(u8, u8)> = self.sounding.values().copied().collect();
        let keys = sounding.into_iter().map(off);
        let all = self.used.iter().map(|channel| [0xB0 | (channel - 1), 123, 0]);
        let messages = waiting.chain(keys).chain(all).collect();
        self.sounding.clear();
        self.used.clear();
        messages
    }
}

/// A note off.
const fn off((channel, number): (u8, u8)) -> [u8; 3] {
    [0x80 | (channel - 1), number, 0]
}

/// A value of 0 to 1 in 14 bits: the upper 7 and the lower 7.
fn halves(value: f64) -> (u8, u8) {
    let whole = (value * 16383.0).round() as u16;
    ((whole >> 7) as u8, (whole & 0x7F) as u8)
}

/// Limits the rate to [`MOST_PER_SEC`]: the times of the latest messages.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// The time that the next message must wait, if any.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let first = self.0.front().filter(|_| self.0.len() == MOST_PER_SEC)?;
        (*first + Duration::from_secs(1)).checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Counts a message sent now.
    pub(super) fn count(&mut self, now: Instant) {
        if self.0.len() == MOST_PER_SEC {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(node: &str, midi: Midi) -> Played {
        Played { node: node.into(), device: Arc::default(), midi }
    }

    fn cc(channel: u8, number: u8, value: f64) -> Midi {
        Midi::Controller { channel, number, value, fine: false }
    }

    fn fine(channel: u8, number: u8, value: f64) -> Midi {
        Midi::Controller { channel, number, value, fine: true }
    }

    fn note(channel: u8, number: u8, velocity: f64, held: bool, hits: u16) -> Midi {
        Midi::Note { channel, number, velocity, held, hits }
    }

    /// The messages for the state of nodes a, b, ….
    fn sent(player: &mut Player, played: &[Midi]) -> Vec<[u8; 3]> {
        let ids = ('a'..='z').map(|id| Arc::<str>::from(id.to_string()));
        player.update(&ids.zip(played).map(|(node, midi)| of(&node, *midi)).collect::<Vec<_>>());
        std::iter::from_fn(|| player.next()).collect()
    }

    /// By the table of the MIDI 1.0 specification.
    #[test]
    fn bytes_are_those_of_the_table() {
        let table: [(Midi, &[[u8; 3]]); 12] = [
            (cc(1, 1, 0.0), &[[0xB0, 1, 0]]),
            (cc(1, 1, 1.0), &[[0xB0, 1, 127]]),
            (cc(16, 127, 0.5), &[[0xBF, 127, 64]]),
            (cc(10, 74, 0.25), &[[0xB9, 74, 32]]),
            (fine(1, 0, 0.0), &[[0xB0, 0, 0], [0xB0, 32, 0]]),
            (fine(1, 1, 1.0), &[[0xB0, 1, 127], [0xB0, 33, 127]]),
            (fine(2, 31, 0.5), &[[0xB1, 31, 64], [0xB1, 63, 0]]),
            (fine(3, 7, 100.0 / 16383.0), &[[0xB2, 7, 0], [0xB2, 39, 100]]),
            (note(1, 60, 1.0, true, 1), &[[0x90, 60, 127]]),
            (note(16, 127, 0.5, true, 1), &[[0x9F, 127, 64]]),
            (note(5, 0, 0.0, true, 1), &[[0x94, 0, 1]]),
            (note(5, 0, 1.0, false, 0), &[]),
        ];
        for (midi, bytes) in table {
            assert_eq!(sent(&mut Player::default(), &[midi]), bytes, "{midi:?}");
        }
    }

    #[test]
    fn controllers_are_sent_when_they_move_and_a_lower_half_follows_its_upper_one() {
        let mut player = Player::default();
        assert_eq!(sent(&mut player, &[cc(1, 1, 0.5), cc(1, 2, 0.5)]), [[0xB0, 1, 64], [0xB0, 2, 64]]);
        assert_eq!(sent(&mut player, &[cc(1, 1, 0.501), cc(1, 2, 0.5)]), [[0; 3]; 0], "less than a step");
        assert_eq!(sent(&mut player, &[cc(1, 1, 0.5), cc(1, 2, 0.6)]), [[0xB0, 2, 76]]);
        assert_eq!(sent(&mut player, &[]), [[0; 3]; 0]);
        assert_eq!(sent(&mut player, &[cc(1, 1, 0.5)]), [[0; 3]; 0], "it stands where it was left");
        // 256 is 2, 0; 257 is 2, 1; 385 is 3, 1.
        let at = |whole: f64| [fine(1, 5, whole / 16383.0)];
        assert_eq!(sent(&mut player, &at(256.0)), [[0xB0, 5, 2], [0xB0, 37, 0]]);
        assert_eq!(sent(&mut player, &at(257.0)), [[0xB0, 37, 1]]);
        assert_eq!(sent(&mut player, &at(385.0)), [[0xB0, 5, 3], [0xB0, 37, 1]], "not moved, and sent again");
    }

    #[test]
    fn notes_go_on_are_held_move_and_end() {
        let mut player = Player::default();
        let on = |number| [0x90, number, 127];
        let off = |number| [0x80, number, 0];
        assert_eq!(sent(&mut player, &[note(1, 60, 1.0, true, 1)]), [on(60)]);
        assert_eq!(sent(&mut player, &[note(1, 60, 0.3, true, 0)]), [[0; 3]; 0], "it is held");
        assert_eq!(sent(&mut player, &[note(1, 60, 1.0, true, 1)]), [off(60), on(60)], "on again");
        assert_eq!(sent(&mut player, &[note(1, 62, 1.0, true, 0)]), [off(60), on(62)], "moved");
        assert_eq!(sent(&mut player, &[note(1, 64, 1.0, false, 0)]), [off(62)]);
        assert_eq!(sent(&mut player, &[note(1, 64, 1.0, false, 1)]), [on(64)], "shorter than a frame");
        assert_eq!(sent(&mut player, &[note(1, 64, 1.0, false, 0)]), [off(64)]);
        // The node is bypassed or removed, or sends controllers now.
        for other in [&[][..], &[cc(1, 1, 0.0)]] {
            assert_eq!(sent(&mut player, &[note(1, 60, 1.0, true, 1)]), [on(60)]);
            assert!(sent(&mut player, other).contains(&off(60)));
        }
        // Two nodes hold one note: the last one ends it.
        let both = |a: (bool, u16), b: (bool, u16)| [note(1, 60, 1.0, a.0, a.1), note(1, 60, 1.0, b.0, b.1)];
        assert_eq!(sent(&mut player, &both((true, 1), (true, 1))), [on(60), off(60), on(60)]);
        assert_eq!(sent(&mut player, &both((false, 0), (true, 0))), [[0; 3]; 0]);
        assert_eq!(sent(&mut player, &both((false, 0), (false, 0))), [off(60)]);
    }

    #[test]
    fn every_note_ends_at_the_end() {
        let mut player = Player::default();
        let keys: Vec<Midi> = (0..20).map(|i| note(1 + i % 3, 40 + i, 1.0, true, 1)).collect();
        sent(&mut player, &keys);
        let end = player.end();
        for i in 0..20 {
            assert!(end.contains(&[0x80 | (i % 3), 40 + i, 0]), "{i}");
        }
        assert_eq!(end[20..], [[0xB0, 123, 0], [0xB1, 123, 0], [0xB2, 123, 0]]);
        assert!(player.end().is_empty());
        // Of the messages that wait, notes off are sent and notes on are not.
        let a = |held| [of("a", note(1, 60, 1.0, held, u16::from(held)))];
        player.update(&a(true));
        player.update(&a(false));
        assert_eq!(player.end(), [[0x80, 60, 0], [0xB0, 123, 0]]);
    }

    #[test]
    fn no_second_has_more_than_a_hundred_messages() {
        let (begin, mut pace, mut times) = (Instant::now(), Pace::default(), Vec::new());
        let mut now = begin;
        for step in 0..5000_u64 {
            now += Duration::from_micros(700 + 37 * (step % 11));
            while pace.wait(now).is_none() {
                pace.count(now);
                times.push(now);
            }
            assert!(pace.wait(now).is_some_and(|wait| wait <= Duration::from_secs(1)));
        }
        let fits = |pair: &[Instant]| pair[MOST_PER_SEC] - pair[0] >= Duration::from_secs(1);
        assert!(times.windows(MOST_PER_SEC + 1).all(fits));
        let secs = now.duration_since(begin).as_secs() as usize;
        assert!(
            times.len() >= MOST_PER_SEC * secs,
            "{} in {secs} s: it is not held back more than it must",
            times.len()
        );
    }

    fn any_midi() -> impl Strategy<Value = Midi> {
        prop_oneof![
            (1_u8..4, 0_u8..4, 0.0..1.0, any::<bool>()).prop_map(|(channel, number, value, fine)| Midi::Controller {
                channel,
                number,
                value,
                fine
            }),
            (1_u8..3, 60_u8..64, 0.0..1.0, any::<bool>(), 0_u16..3)
                .prop_map(|(channel, number, velocity, held, hits)| note(channel, number, velocity, held, hits)),
        ]
    }

    proptest! {
        /// For every input and every rate, bytes are valid, and a note sounds only while a node holds it. At the end
        /// none does.
        #[test]
        fn no_note_off_is_lost(
            frames in prop::collection::vec(prop::collection::vec(any_midi(), 0..6), 1..60),
            rates in prop::collection::vec(0_usize..4, 60),
        ) {
            let mut player = Player::default();
            let mut sounding: BTreeSet<(u8, u8)> = BTreeSet::new();
            let mut receive = |message: [u8; 3]| {
                let key = (message[0] & 0x0F, message[1]);
                assert!(message[1] < 128 && message[2] < 128);
                match message[0] & 0xF0 {
                    0x90 => assert!(message[2] > 0 && sounding.insert(key), "{key:?} goes on while it sounds"),
                    0x80 => { sounding.remove(&key); }
                    0xB0 => {}
                    other => panic!("{other:x}"),
                }
                sounding.clone()
            };
            let ids = || ('a'..='z').map(|id| Arc::<str>::from(id.to_string()));
            for (frame, rate) in frames.iter().zip(&rates) {
                player.update(&ids().zip(frame).map(|(node, midi)| of(&node, *midi)).collect::<Vec<_>>());
                for _ in 0..*rate {
                    player.next().map(&mut receive);
                }
                prop_assert!(player.waiting.len() <= 2 * MOST_WAITING + 4 * frames.len());
            }
            // Every note ends, and the messages go on.
            let mut rest = player;
            let mut still = BTreeSet::new();
            rest.update(&[]);
            let before_end = std::iter::from_fn(|| rest.next()).map(&mut receive).last();
            still.extend(before_end.unwrap_or_default());
            prop_assert!(still.is_empty(), "{:?} sound for ever", still);
            prop_assert!(rest.sounding.is_empty());
        }

        #[test]
        fn the_end_lets_go_of_what_sounds_at_any_time(
            frames in prop::collection::vec(prop::collection::vec(any_midi(), 0..6), 1..30),
            rates in prop::collection::vec(0_usize..4, 30),
        ) {
            let (mut player, mut sounding) = (Player::default(), BTreeSet::new());
            for (frame, rate) in frames.iter().zip(&rates) {
                let ids = ('a'..='z').map(|id| Arc::<str>::from(id.to_string()));
                player.update(&ids.zip(frame).map(|(node, midi)| of(&node, *midi)).collect::<Vec<_>>());
                for message in (0..*rate).map_while(|_| player.next()) {
                    let key = (message[0] & 0x0F, message[1]);
                    match message[0] & 0xF0 {
                        0x90 => { sounding.insert(key); }
                        0x80 => { sounding.remove(&key); }
                        _ => {}
                    }
                }
            }
            for message in player.end() {
                prop_assert!(message[0] & 0xF0 == 0x80 || message[1..] == [123, 0]);
                sounding.remove(&(message[0] & 0x0F, message[1]));
            }
            prop_assert!(sounding.is_empty(), "{:?}", sounding);
        }
    }
}
