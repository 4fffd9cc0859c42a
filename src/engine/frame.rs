//! The frames that the engine makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::input::{ControlId, Controls};
use bendrack_nodes::program::light::Channels;
use bendrack_nodes::program::message::{BoardLine, Midi, OscMessage, Played};
use bendrack_nodes::tick::Measurements;

use crate::media::{Map, Picture};

/// The maps of taps, by the id of their node.
pub type Taps = BTreeMap<Arc<str>, Map>;

/// One frame of the video, with the measurements of its latent frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its number, from 0.
    pub number: u64,
    /// The number of its latent frame.
    pub latent: u64,
    /// The model's picture.
    pub picture: Arc<Picture>,
    /// The picture that the patch shows: the model's, a heatmap, a composition of both.
    pub screen: Arc<Picture>,
    /// The maps of the taps at its latent frame.
    pub taps: Arc<Taps>,
    /// The maps of the probes, by the name of each.
    pub probes: Arc<Taps>,
    /// The numbers of the taps when it was made.
    pub measurements: Arc<Measurements>,
    /// The controls in its latent frame.
    pub controls: Arc<Controls>,
    /// The OSC messages of this frame. Several of one node in a latent frame are spread over its frames.
    pub messages: Vec<OscMessage>,
    /// The lines to boards of this frame. Several of one node in a latent frame are spread over its frames.
    pub board_lines: Vec<BoardLine>,
    /// The MIDI state while this frame is shown, by node; each frame carries all of it. Several notes on of one key in a latent frame are
    /// spread over its frames.
    pub midi: Vec<Played>,
    /// Levels of lamps and LEDs while this frame is shown; each frame carries all of them.
    pub lights: Vec<Channels>,
    /// The state of mapped controls, and their parts of their travel, 0 to 1.
    pub mapped: Vec<(ControlId, f64)>,
    /// True if the patch records it to the video.
    pub recorded: bool,
}

/// The MIDI state with picture `index` of `count` of a latent frame. Several notes on of one key are spread over its pictures, as far as
/// there are pictures. A clock goes on evenly.
pub(super) fn with_picture(midi: Midi, index: usize, count: usize) -> Midi {
    match midi {
        Midi::Note { channel, number, velocity, held, hits } => {
            Midi::Note { channel, number, velocity, held, hits: times_with_picture(hits, index, count) as u16 }
        }
        Midi::Clock { runs, starts, beat, beats } => {
            let part = beats / count as f64;
            Midi::Clock { runs, starts: starts && index == 0, beat: beat + part * index as f64, beats: part }
        }
        controller @ Midi::Controller { .. } => controller,
    }
}

/// Number of `times` events of a latent frame that are with picture `index` of `count`: at most one.
pub(super) fn times_with_picture(times: u16, index: usize, count: usize) -> usize {
    let times = count.min(usize::from(times));
    (0..times).filter(|time| time * count / times == index).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_on_are_spread_over_the_pictures_of_a_latent_frame() {
        let hits = |hits: u16, count: usize| -> Vec<u16> {
            let note = Midi::Note { channel: 1, number: 60, velocity: 1.0, held: true, hits };
            let picture = |index| match with_picture(note, index, count) {
                Midi::Note { hits, .. } => hits,
                Midi::Controller { .. } | Midi::Clock { .. } => panic!("a note stays a note"),
            };
            (0..count).map(picture).collect()
        };
        for (notes_on, pictures) in [
            (0, [0, 0, 0, 0]),
            (1, [1, 0, 0, 0]),
            (2, [1, 0, 1, 0]),
            (3, [1, 1, 1, 0]),
            (4, [1, 1, 1, 1]),
            (9, [1, 1, 1, 1]),
        ] {
            assert_eq!(hits(notes_on, 4), pictures);
        }
        assert_eq!((hits(0, 1), hits(1, 1), hits(u16::MAX, 1)), (vec![0], vec![1], vec![1]));
    }

    #[test]
    fn a_clock_goes_on_evenly_and_starts_once() {
        let clock = Midi::Clock { runs: true, starts: true, beat: 8.0, beats: 0.5 };
        let pictures: Vec<Midi> = (0..4).map(|index| with_picture(clock, index, 4)).collect();
        let wanted = [(true, 8.0), (false, 8.125), (false, 8.25), (false, 8.375)];
        assert_eq!(pictures, wanted.map(|(starts, beat)| Midi::Clock { runs: true, starts, beat, beats: 0.125 }));
    }
}
