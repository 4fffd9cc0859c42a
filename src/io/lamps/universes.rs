//! Levels of all nodes, laid out as the channels of universes or as one long row.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bendrack_nodes::program::light::Channels;

/// Channels of a universe.
pub const SIZE: usize = 512;
/// The levels of a universe.
pub type Universe = [u8; SIZE];
/// The most universes of a device.
pub const MOST: usize = 512;

/// Levels in universes. One that had levels once stays, so that its lamps go dark when its nodes are gone.
#[derive(Debug)]
pub struct Universes {
    levels: BTreeMap<u16, Universe>,
    /// The universes of the protocol.
    valid: RangeInclusive<u16>,
}

impl Universes {
    /// No levels, in a protocol with these universes.
    pub const fn new(valid: RangeInclusive<u16>) -> Self {
        Self { levels: BTreeMap::new(), valid }
    }

    /// Takes the levels of a frame. Later ones replace earlier ones. Returns the number of levels that have no place.
    pub fn update<'a>(&mut self, frame: impl Iterator<Item = &'a Channels>) -> usize {
        self.clear();
        let mut lost = 0;
        for channels in frame {
            let position = channels.channel as usize - 1;
            let mut universe = usize::from(channels.universe) + position / SIZE;
            let mut at = position % SIZE;
            for group in channels.levels.chunks(channels.group.max(1)) {
                if at + group.len() > SIZE {
                    (universe, at) = (universe + 1, 0);
                }
                match self.universe(universe) {
                    Some(levels) => levels[at..at + group.len()].copy_from_slice(group),
                    None => lost += group.len(),
                }
                at += group.len();
            }
        }
        lost
    }

    fn universe(&mut self, number: usize) -> Option<&mut Universe> {
        let number = u16::try_from(number).ok().filter(|number| self.valid.contains(number))?;
        if !self.levels.contains_key(&number) && self.levels.len() == MOST {
            return None;
        }
        Some(self.levels.entry(number).or_insert([0; SIZE]))
    }

    /// All levels are 0.
    pub fn clear(&mut self) {
        self.levels.values_mut().for_each(|levels| levels.fill(0));
    }

    /// The universes with their levels.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Universe)> {
        self.levels.iter().map(|(number, levels)| (*number, levels))
    }
}

/// Levels as one row, without universes. It keeps its length when its nodes are gone.
#[derive(Debug, Default)]
pub struct Row {
    /// The levels.
    pub levels: Vec<u8>,
    /// True if every node sends pixels of four bytes.
    pub has_white: bool,
}

impl Row {
    /// Takes the levels of a frame, at most `most`. Returns the number of levels that have no place.
    pub fn update<'a>(&mut self, frame: impl Iterator<Item = &'a Channels>, most: usize) -> usize {
        self.levels.fill(0);
        let (mut lost, mut groups) = (0, Vec::new());
        for channels in frame {
            groups.push(channels.group);
            let first = (channels.channel as usize - 1).min(most);
            let end = (first + channels.levels.len()).min(most);
            lost += channels.levels.len() - (end - first);
            if end > self.levels.len() {
                self.levels.resize(end, 0);
            }
            self.levels[first..end].copy_from_slice(&channels.levels[..end - first]);
        }
        if !groups.is_empty() {
            self.has_white = groups.iter().all(|group| *group == 4);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channels(universe: u16, channel: u32, group: usize, levels: Vec<u8>) -> Channels {
        Channels { device: "".into(), universe, channel, group, levels }
    }

    #[test]
    fn leds_continue_in_the_next_universe_with_a_whole_led() {
        let mut universes = Universes::new(0..=u16::MAX);
        let leds = channels(1, 1, 3, (0..3 * 400).map(|i| (i / 3) as u8).collect());
        assert_eq!(universes.update([leds].iter()), 0);
        let lit: Vec<(u16, usize)> =
            universes.iter().map(|(number, levels)| (number, usize::from(levels[0]))).collect();
        assert_eq!(lit, [(1, 0), (2, 170), (3, 340 % 256)]);
        let (_, first) = universes.iter().next().expect("one");
        assert_eq!(first[507..], [169, 169, 169, 0, 0]);
        // From channel 11, 167 LEDs fit; channel 513 is the first of the next universe.
        universes.update([channels(1, 11, 3, vec![9; 3 * 168])].iter());
        let next: Vec<u8> = universes.iter().map(|(_, levels)| levels[2]).collect();
        assert_eq!(next, [0, 9, 0]);
        universes.update([channels(1, 513, 1, vec![5])].iter());
        assert_eq!(universes.iter().map(|(_, levels)| levels[0]).collect::<Vec<_>>(), [0, 5, 0]);
    }

    #[test]
    fn later_levels_replace_earlier_ones_and_nodes_that_are_gone_are_dark() {
        let mut universes = Universes::new(0..=u16::MAX);
        universes.update([channels(7, 1, 1, vec![1, 2, 3]), channels(7, 2, 1, vec![9])].iter());
        assert_eq!(
            universes.iter().map(|(number, levels)| (number, levels[..4].to_vec())).collect::<Vec<_>>(),
            [(7, vec![1, 9, 3, 0])]
        );
        universes.update([].iter());
        assert_eq!(
            universes.iter().map(|(number, levels)| (number, levels.iter().max())).collect::<Vec<_>>(),
            [(7, Some(&0))]
        );
        let mut row = Row::default();
        assert_eq!(row.update([channels(7, 3, 4, vec![1, 2, 3, 4])].iter(), 5), 1);
        assert_eq!((&row.levels[..], row.has_white), (&[0, 0, 1, 2, 3][..], true));
        row.update([].iter(), 5);
        assert_eq!((&row.levels[..], row.has_white), (&[0; 5][..], true));
    }

    #[test]
    fn a_universe_beyond_the_protocol_has_no_levels() {
        let mut universes = Universes::new(1..=2);
        let leds = |universe| channels(universe, 1, 3, vec![9; 600]);
        assert_eq!(universes.update([leds(0), leds(2)].iter()), 510 + 90);
        assert_eq!(universes.iter().map(|(number, _)| number).collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        #[test]
        fn any_levels_have_a_place_or_are_counted(
            frames in prop::collection::vec((any::<u16>(), 1_u32..200_000, 0_usize..5, 0_usize..5000), 0..12),
        ) {
            let frames: Vec<Channels> =
                frames.into_iter().map(|(universe, channel, group, count)| channels(universe, channel, group, vec![1; count])).collect();
            let sent: usize = frames.iter().map(|channels| channels.levels.len()).sum();
            let mut universes = Universes::new(0..=u16::MAX);
            let lost = universes.update(frames.iter());
            let lit = universes.iter().map(|(_, levels)| levels.iter().map(|level| usize::from(*level)).sum::<usize>()).sum::<usize>();
            prop_assert!(lit + lost <= sent && universes.iter().count() <= MOST);
            let mut row = Row::default();
            let lost = row.update(frames.iter(), 4096);
            prop_assert!(row.levels.len() <= 4096 && lost <= sent);
        }
    }
}
