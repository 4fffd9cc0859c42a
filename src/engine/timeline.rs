//! The pictures of latent frames.

use super::model::LATENT_FRAMES;

/// The pictures of latent frames: four of each, and one of the first frame of a video or of a clip.
///
/// ```
/// use bendrack::engine::Timeline;
///
/// let video = Timeline::new(None);
/// assert_eq!([0, 1, 2].map(|latent| video.pictures_before(latent)), [0, 1, 5]);
/// let clips = Timeline::new(Some(2));
/// assert_eq!([0, 1, 2, 3].map(|latent| clips.pictures_before(latent)), [0, 1, 5, 6]);
/// assert_eq!([0, 1, 2, 5, 6, 7].map(|pictures| clips.latents(pictures)), [0, 1, 2, 2, 3, 4]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The latent frames of a clip.
    clip: Option<usize>,
}

impl Timeline {
    /// The timeline of clips of so many latent frames; without a number, that of a stream.
    pub const fn new(clip: Option<usize>) -> Self {
        Self { clip }
    }

    /// The latent frames of a clip; none for a stream.
    pub const fn clip(self) -> Option<usize> {
        self.clip
    }

    /// The index of a latent frame in its clip or video, and the number of pictures before these.
    const fn place(self, latent: usize) -> (usize, usize) {
        match self.clip {
            Some(clip) if clip > 0 => (latent % clip, (latent / clip).saturating_mul(count(clip))),
            _ => (latent, 0),
        }
    }

    /// True if the decoder begins with this latent frame.
    pub const fn begins_at(self, latent: usize) -> bool {
        self.place(latent).0 == 0
    }

    /// The number of pictures of a latent frame.
    pub const fn pictures(self, latent: usize) -> usize {
        if self.begins_at(latent) { 1 } else { LATENT_FRAMES }
    }

    /// The number of latent frames whose pictures include the first `pictures`.
    pub const fn latents(self, pictures: usize) -> usize {
        let (clips, rest) = match self.clip {
            Some(clip) if clip > 0 => ((pictures / count(clip)).saturating_mul(clip), pictures % count(clip)),
            _ => (0, pictures),
        };
        if rest == 0 { clips } else { clips.saturating_add(1 + (rest - 1).div_ceil(LATENT_FRAMES)) }
    }

    /// The number of pictures of all latent frames before this one, and so the number of its first picture.
    pub const fn pictures_before(self, latent: usize) -> usize {
        let (index, before) = self.place(latent);
        before.saturating_add(count(index))
    }
}

/// The pictures of the first latent frames of a clip.
const fn count(latents: usize) -> usize {
    LATENT_FRAMES.saturating_mul(latents).saturating_sub(LATENT_FRAMES - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The numbers of a file can be any.
        #[test]
        fn numbers_of_any_size_have_a_place(clip in any::<Option<usize>>(), latent: usize, pictures: usize) {
            let timeline = Timeline::new(clip);
            timeline.pictures_before(latent);
            timeline.latents(pictures);
        }

        #[test]
        fn a_picture_belongs_to_its_latent_frame(clip in prop::option::of(0..30_usize), latent in 0..1000_usize) {
            let timeline = Timeline::new(clip);
            let first = timeline.pictures_before(latent);
            prop_assert_eq!(first + timeline.pictures(latent), timeline.pictures_before(latent + 1));
            for picture in first..first + timeline.pictures(latent) {
                prop_assert_eq!(timeline.latents(picture + 1), latent + 1);
            }
        }
    }
}
