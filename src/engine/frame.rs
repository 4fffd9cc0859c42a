//! What the engine brings forth.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::node::sound::Hop;
use bendrack_nodes::program::message::Midi;

use crate::output::{Map, Picture};

/// What the taps measured, by the id of their node.
pub type Taps = BTreeMap<Arc<str>, Map>;

/// One frame of the video, with what was measured while it was made.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its number, from 0.
    pub number: u64,
    /// The number of its latent frame.
    pub latent: u64,
    /// What the model made.
    pub picture: Arc<Picture>,
    /// What the patch puts on the screen: the model's picture, a heatmap, both beside one another.
    pub screen: Arc<Picture>,
    /// What the taps measured at its latent frame.
    pub taps: Arc<Taps>,
    /// What was heard at its latent frame.
    pub sound: Arc<[Hop]>,
    /// Numbers that the patch sends by OSC with this frame: address and value.
    pub messages: Vec<(Arc<str>, f64)>,
    /// What the patch plays by MIDI while this frame is shown, by node: where it stands, said again with each frame. A key that is struck
    /// several times in a latent frame is struck with several of its frames.
    pub midi: Vec<(Arc<str>, Midi)>,
    /// Whether the patch wants it to be written to the video.
    pub recorded: bool,
}

/// What is played with picture `index` of `count` of a latent frame: of several strikes of a key each has a picture of its own, as far as
/// there are as many.
pub(super) fn with_picture(midi: Midi, index: usize, count: usize) -> Midi {
    match midi {
        Midi::Note { channel, number, velocity, held, hits } => {
            let now =
                (0..count.min(usize::from(hits))).filter(|hit| hit * count / count.min(usize::from(hits)) == index);
            Midi::Note { channel, number, velocity, held, hits: now.count() as u16 }
        }
        controller @ Midi::Controller { .. } => controller,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_are_spread_over_the_pictures_of_a_latent_frame() {
        let hits = |hits: u16, count: usize| -> Vec<u16> {
            let note = Midi::Note { channel: 1, number: 60, velocity: 1.0, held: true, hits };
            let picture = |index| match with_picture(note, index, count) {
                Midi::Note { hits, .. } => hits,
                Midi::Controller { .. } => panic!("a note stays a note"),
            };
            (0..count).map(picture).collect()
        };
        for (struck, pictures) in [
            (0, [0, 0, 0, 0]),
            (1, [1, 0, 0, 0]),
            (2, [1, 0, 1, 0]),
            (3, [1, 1, 1, 0]),
            (4, [1, 1, 1, 1]),
            (9, [1, 1, 1, 1]),
        ] {
            assert_eq!(hits(struck, 4), pictures);
        }
        assert_eq!((hits(0, 1), hits(1, 1), hits(u16::MAX, 1)), (vec![0], vec![1], vec![1]));
    }
}
