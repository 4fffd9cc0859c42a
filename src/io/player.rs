//! What is played on a MIDI output: which bytes follow from what nodes say, in which order, and how fast.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack_nodes::program::message::Midi;

/// Messages to a port in any second, at most. What is said at the end is not counted.
pub const MOST_PER_SEC: usize = 100;
/// Strikes and releases that wait for their turn, at most; then no more keys are struck, and those that sound are let go.
const MOST_WAITING: usize = 64;
/// How much higher the number of a controller's lower 7 bits is.
const LOWER: u8 = 32;
/// What a port was sent, and what it is to be sent.
#[derive(Debug, Default)]
pub(super) struct Player {
    /// Where controllers are to stand, by channel and number: in 14 bits, or in 7.
    controllers: BTreeMap<(u8, u8), (f64, bool)>,
    /// Where they were sent to.
    stand: BTreeMap<(u8, u8), u8>,
    /// The controller that was moved last.
    turn: (u8, u8),
    /// The lower half that follows the upper one which was sent last.
    lower: Option<[u8; 3]>,
    /// The key that each node holds, with its channel.
    sounding: BTreeMap<Arc<str>, (u8, u8)>,
    /// Strikes and releases in their order.
    waiting: VecDeque<[u8; 3]>,
    /// Channels on which keys were struck.
    used: BTreeSet<u8>,
}

impl Player {
    /// Takes what the nodes say at a frame.
    pub(super) fn hear(&mut self, played: &[(Arc<str>, Midi)]) {
        self.controllers.clear();
        let is_gone =
            |node: &&Arc<str>| !played.iter().any(|(id, midi)| id == *node && matches!(midi, Midi::Note { .. }));
        let gone: Vec<Arc<str>> = self.sounding.keys().filter(is_gone).cloned().collect();
        for node in &gone {
            self.release(node);
        }
        for (node, midi) in played {
            match *midi {
                Midi::Controller { channel, number, value, fine } => {
                    self.controllers.insert((channel, number), (value, fine));
                }
                Midi::Note { channel, number, velocity, held, hits } => {
                    let key = (channel, number);
                    // A key that moves while it is held is struck at its new place.
                    let strikes = hits > 0 || held && self.sounding.get(node) != Some(&key);
                    if strikes || !held {
                        self.release(node);
                    }
                    // One that is struck and not held sounds until the next frame.
                    if strikes && self.waiting.len() < MOST_WAITING {
                        self.strike(node, key, velocity);
                    }
                }
            }
        }
    }

    fn strike(&mut self, node: &Arc<str>, key: (u8, u8), velocity: f64) {
        if self.sounds(key) {
            // Of another node, which lets go with the last.
            self.waiting.push_back(off(key));
        }
        let (channel, number) = key;
        // A velocity of 0 would let the key go.
        let velocity = ((velocity * 127.0).round() as u8).clamp(1, 127);
        self.waiting.push_back([0x90 | (channel - 1), number, velocity]);
        self.used.insert(channel);
        self.sounding.insert(node.clone(), key);
    }

    fn release(&mut self, node: &Arc<str>) {
        if let Some(key) = self.sounding.remove(node)
            && !self.sounds(key)
        {
            self.waiting.push_back(off(key));
        }
    }

    fn sounds(&self, key: (u8, u8)) -> bool {
        self.sounding.values().any(|sounding| *sounding == key)
    }

    /// The next message, if there is one to be sent. Keys come before controllers, and of those the one that waits longest.
    pub(super) fn next(&mut self) -> Option<[u8; 3]> {
        if let Some(message) = self.lower.take().or_else(|| self.waiting.pop_front()) {
            return Some(message);
        }
        let behind = self.controllers.range((Bound::Excluded(self.turn), Bound::Unbounded));
        let order = behind.chain(self.controllers.range(..=self.turn));
        for (&(channel, number), &(value, fine)) in order {
            let mut moved = |number: u8, byte: u8| {
                let stood = self.stand.insert((channel, number), byte);
                (stood != Some(byte)).then_some([0xB0 | (channel - 1), number, byte])
            };
            let message = if fine {
                let (upper, lower) = halves(value);
                let upper = moved(number, upper);
                let below = moved(number + LOWER, lower);
                if upper.is_some() {
                    // Receivers forget the lower half when the upper one arrives, so it follows, moved or not.
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

    /// What ends everything: each key that sounds is let go, and then all of each channel.
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

/// A key is let go.
const fn off((channel, number): (u8, u8)) -> [u8; 3] {
    [0x80 | (channel - 1), number, 0]
}

/// A value of 0 to 1 in 14 bits: the upper 7 and the lower 7.
fn halves(value: f64) -> (u8, u8) {
    let whole = (value * 16383.0).round() as u16;
    ((whole >> 7) as u8, (whole & 0x7F) as u8)
}

/// Holds messages back, so that no second has more than [`MOST_PER_SEC`]: when the latest of them were sent.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// How long the next message has to wait, if it has to.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let first = self.0.front().filter(|_| self.0.len() == MOST_PER_SEC)?;
        (*first + Duration::from_secs(1)).checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// A message is sent now.
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

    fn cc(channel: u8, number: u8, value: f64) -> Midi {
        Midi::Controller { channel, number, value, fine: false }
    }

    fn fine(channel: u8, number: u8, value: f64) -> Midi {
        Midi::Controller { channel, number, value, fine: true }
    }

    fn note(channel: u8, number: u8, velocity: f64, held: bool, hits: u16) -> Midi {
        Midi::Note { channel, number, velocity, held, hits }
    }

    /// What is sent when nodes a, b, … say this.
    fn sent(player: &mut Player, played: &[Midi]) -> Vec<[u8; 3]> {
        let ids = ('a'..='z').map(|id| Arc::<str>::from(id.to_string()));
        player.hear(&ids.zip(played.iter().copied()).collect::<Vec<_>>());
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
        assert_eq!(sent(&mut player, &at(385.0)), [[0xB0, 5, 3], [0xB0, 37, 1]], "not moved, and said again");
    }

    #[test]
    fn keys_are_struck_held_moved_and_let_go() {
        let mut player = Player::default();
        let on = |number| [0x90, number, 127];
        let off = |number| [0x80, number, 0];
        assert_eq!(sent(&mut player, &[note(1, 60, 1.0, true, 1)]), [on(60)]);
        assert_eq!(sent(&mut player, &[note(1, 60, 0.3, true, 0)]), [[0; 3]; 0], "it is held");
        assert_eq!(sent(&mut player, &[note(1, 60, 1.0, true, 1)]), [off(60), on(60)], "struck again");
        assert_eq!(sent(&mut player, &[note(1, 62, 1.0, true, 0)]), [off(60), on(62)], "moved");
        assert_eq!(sent(&mut player, &[note(1, 64, 1.0, false, 0)]), [off(62)]);
        assert_eq!(sent(&mut player, &[note(1, 64, 1.0, false, 1)]), [on(64)], "shorter than a frame");
        assert_eq!(sent(&mut player, &[note(1, 64, 1.0, false, 0)]), [off(64)]);
        // The node is bypassed or removed, or sends controllers now.
        for other in [&[][..], &[cc(1, 1, 0.0)]] {
            assert_eq!(sent(&mut player, &[note(1, 60, 1.0, true, 1)]), [on(60)]);
            assert!(sent(&mut player, other).contains(&off(60)));
        }
        // Two nodes hold one key: it is let go with the last.
        let both = |a: (bool, u16), b: (bool, u16)| [note(1, 60, 1.0, a.0, a.1), note(1, 60, 1.0, b.0, b.1)];
        assert_eq!(sent(&mut player, &both((true, 1), (true, 1))), [on(60), off(60), on(60)]);
        assert_eq!(sent(&mut player, &both((false, 0), (true, 0))), [[0; 3]; 0]);
        assert_eq!(sent(&mut player, &both((false, 0), (false, 0))), [off(60)]);
    }

    #[test]
    fn at_the_end_every_key_is_let_go() {
        let mut player = Player::default();
        let keys: Vec<Midi> = (0..20).map(|i| note(1 + i % 3, 40 + i, 1.0, true, 1)).collect();
        sent(&mut player, &keys);
        let end = player.end();
        for i in 0..20 {
            assert!(end.contains(&[0x80 | (i % 3), 40 + i, 0]), "{i}");
        }
        assert_eq!(end[20..], [[0xB0, 123, 0], [0xB1, 123, 0], [0xB2, 123, 0]]);
        assert!(player.end().is_empty());
        // What was said and not sent yet: the releases of it are sent, the strikes are not.
        let a = |held| [(Arc::from("a"), note(1, 60, 1.0, held, u16::from(held)))];
        player.hear(&a(true));
        player.hear(&a(false));
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
        /// Whatever nodes say and however slowly it is sent: bytes are whole, a key that nobody holds does not sound, and at the end
        /// none does.
        #[test]
        fn no_release_is_lost(
            frames in prop::collection::vec(prop::collection::vec(any_midi(), 0..6), 1..60),
            rates in prop::collection::vec(0_usize..4, 60),
        ) {
            let mut player = Player::default();
            let mut sounding: BTreeSet<(u8, u8)> = BTreeSet::new();
            let mut receive = |message: [u8; 3]| {
                let key = (message[0] & 0x0F, message[1]);
                assert!(message[1] < 128 && message[2] < 128);
                match message[0] & 0xF0 {
                    0x90 => assert!(message[2] > 0 && sounding.insert(key), "{key:?} is struck while it sounds"),
                    0x80 => { sounding.remove(&key); }
                    0xB0 => {}
                    other => panic!("{other:x}"),
                }
                sounding.clone()
            };
            let ids = || ('a'..='z').map(|id| Arc::<str>::from(id.to_string()));
            for (frame, rate) in frames.iter().zip(&rates) {
                player.hear(&ids().zip(frame.iter().copied()).collect::<Vec<_>>());
                for _ in 0..*rate {
                    player.next().map(&mut receive);
                }
                prop_assert!(player.waiting.len() <= 2 * MOST_WAITING + 4 * frames.len());
            }
            // Everybody lets go, and the line goes on.
            let mut rest = player;
            let mut still = BTreeSet::new();
            rest.hear(&[]);
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
                player.hear(&ids.zip(frame.iter().copied()).collect::<Vec<_>>());
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
