//! Latents to frames: pictures of the decoder, composed as the patch shows them.

use std::borrow::Cow;
use std::sync::Arc;

use bendrack_nodes::input::Controls;
use bendrack_nodes::program::Program;
use bendrack_nodes::program::cells::Cells;
use bendrack_nodes::program::light;
use bendrack_nodes::program::message::{self, Played};
use bendrack_nodes::program::source::Source;
use bendrack_nodes::tick::Measurements;
use candle_core::{DType, Device, Result, Tensor};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use super::Timeline;
use super::frame::{Frame, Taps, times_with_picture, with_picture};
use super::model::LATENT_SECS;
use super::taps::LaneTaps;
use crate::media::Picture;
use crate::output::past::Peaks;
use crate::output::scale::scaled;
use crate::output::{Scene, cells};
use crate::wan::conv::FeatureCache;
use crate::wan::decode::{DecoderStream, FrameDecoder};
use crate::wan::ops::is_finite;
use crate::wan::stored::Tensors;

/// Rows up to which the pictures of a small model are enlarged.
const SCREEN_ROWS: usize = 512;

/// The decoder, and the state of pictures from chunk to chunk.
pub(super) struct Presenter {
    decoder: DecoderStream,
    timeline: Timeline,
    /// The factor by which pictures are enlarged on the screen.
    pub(super) zoom: usize,
    /// The peaks that spectra hold.
    peaks: Arc<Peaks>,
    last_picture: Arc<Picture>,
}

/// Inputs of a latent frame's pictures, besides the model's picture.
struct Lane {
    taps: LaneTaps,
    probes: Arc<Taps>,
    peaks: Arc<Peaks>,
    controls: Arc<Controls>,
    measurements: Arc<Measurements>,
}

/// The pictures of a latent frame.
pub(super) struct Decoded {
    pub(super) pictures: Vec<Arc<Picture>>,
    /// The last one as it was decoded: `[1, 3, height, width]` in 0..1.
    pub(super) last: Tensor,
}

/// A presenter apart from the features of its decoder, to be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredPresenter {
    peaks: Peaks,
    last_picture: Picture,
}

impl Presenter {
    /// A presenter for pictures of `size`, width and height in pixels.
    pub(super) fn new(decoder: Arc<dyn FrameDecoder>, size: (usize, usize), timeline: Timeline) -> Self {
        Self {
            decoder: DecoderStream::new(decoder),
            timeline,
            zoom: (SCREEN_ROWS / size.1).max(1),
            peaks: Arc::default(),
            last_picture: Arc::new(Picture::black(size.0, size.1)),
        }
    }

    /// Begins a new video. The last picture stays.
    pub(super) fn restart(&mut self) {
        self.decoder.reset();
        self.peaks = Arc::default();
    }

    pub(super) fn set_timeline(&mut self, timeline: Timeline) {
        self.timeline = timeline;
    }

    /// The last picture of the model.
    pub(super) const fn last_picture(&self) -> &Arc<Picture> {
        &self.last_picture
    }

    /// The state between two latent frames, with its tensors put into `tensors`.
    pub(super) fn store(&self, tensors: &mut Tensors) -> StoredPresenter {
        for (layer, frames) in self.decoder.cache().iter() {
            tensors.put(format!("decoder.{layer}"), frames.clone());
        }
        StoredPresenter { peaks: Peaks::clone(&self.peaks), last_picture: Picture::clone(&self.last_picture) }
    }

    /// Continues from stored state of the same model and size, on a device.
    pub(super) fn restore(&mut self, stored: StoredPresenter, tensors: &mut Tensors, device: &Device) -> Result<()> {
        let frames = tensors.take_all("decoder.").into_iter();
        let frames = frames.map(|(layer, frames)| Ok((layer, frames.to_device(device)?)));
        self.decoder.set_cache(FeatureCache::of(frames.collect::<Result<Vec<_>>>()?));
        (self.peaks, self.last_picture) = (Arc::new(stored.peaks), Arc::new(stored.last_picture));
        Ok(())
    }

    pub(super) fn set_last_picture(&mut self, picture: Arc<Picture>) {
        self.last_picture = picture;
    }

    /// The pictures of a latent frame, from `[1, channels, 1, height, width]`; none if they are not finite. They then have no effect on
    /// later ones.
    pub(super) fn decode(&mut self, latents: &Tensor, latent: usize) -> Result<Option<Decoded>> {
        if self.timeline.begins_at(latent) {
            self.decoder.reset();
        }
        let latents = latents.squeeze(0)?.transpose(0, 1)?.contiguous()?;
        let before = self.decoder.clone();
        let frames = self.decoder.push(&latents)?;
        if is_finite(&frames)? {
            let last = frames.narrow(0, frames.dim(0)? - 1, 1)?;
            return Ok(Some(Decoded { pictures: pictures(&frames)?, last }));
        }
        self.decoder = before;
        Ok(None)
    }

    /// The picture of a first latent frame, `[1, channels, 1, height, width]`; none if it is not finite. It has no effect on others.
    pub(super) fn still(&self, latents: &Tensor) -> Result<Option<Arc<Picture>>> {
        let latents = latents.squeeze(0)?.transpose(0, 1)?.contiguous()?;
        let mut decoder = self.decoder.clone();
        decoder.reset();
        let frames = decoder.push(&latents)?;
        if is_finite(&frames)? { pictures(&frames).map(|pictures| pictures.into_iter().next()) } else { Ok(None) }
    }

    /// The frames of a latent frame, from its pictures. `index` is its place in the chunk.
    pub(super) fn present(
        &mut self,
        pictures: Vec<Arc<Picture>>,
        (latent, index): (usize, usize),
        program: &Program,
        (taps, probes): (LaneTaps, Arc<Taps>),
        (controls, measurements): (Arc<Controls>, Arc<Measurements>),
    ) -> Vec<Frame> {
        // Peaks advance by the time of a latent frame.
        Arc::make_mut(&mut self.peaks).update(source_of(program, index), &taps.taps, LATENT_SECS);
        let lane = Lane { taps, probes, peaks: self.peaks.clone(), controls, measurements };
        let count = pictures.len();
        let parts: Vec<(usize, Arc<Picture>)> = pictures.into_iter().enumerate().collect();
        let frame = |(part, picture)| self.frame(picture, (latent, index), (part, count), program, &lane);
        parts.into_par_iter().map(frame).collect()
    }

    /// The frame of picture `part` of the `count` pictures of a latent frame.
    fn frame(
        &self,
        picture: Arc<Picture>,
        (latent, index): (usize, usize),
        (part, count): (usize, usize),
        program: &Program,
        lane: &Lane,
    ) -> Frame {
        let midi = message::midi(&program.messages, index);
        let LaneTaps { taps, before } = &lane.taps;
        let scene = Scene {
            model: &zoomed(&picture, self.zoom),
            taps,
            before,
            part: (part + 1) as f32 / count as f32,
            peaks: &lane.peaks,
        };
        let render = |cells: &Cells| cells::pixels(&scene, cells);
        // A message leaves with the first picture of a latent frame, and again with others if it is sent several times.
        let is_sent = |times| times_with_picture(times, part, count) > 0;
        let messages = message::osc(&program.messages, index, is_sent, render);
        Frame {
            number: (self.timeline.pictures_before(latent) + part) as u64,
            latent: latent as u64,
            screen: scene.compose(source_of(program, index)),
            taps: taps.clone(),
            probes: lane.probes.clone(),
            controls: lane.controls.clone(),
            measurements: lane.measurements.clone(),
            messages,
            board_lines: message::board_lines(&program.messages, index, is_sent, render),
            midi: midi.map(|played| Played { midi: with_picture(played.midi, part, count), ..played }).collect(),
            mapped: program.mapped.iter().map(|mapped| (mapped.control.clone(), mapped.parts[index])).collect(),
            lights: light::channels(&program.lights, index, f64::from(scene.part), render),
            recorded: message::recorded(&program.messages, index),
            picture,
        }
    }
}

/// The source that a program shows in a lane.
fn source_of(program: &Program, lane: usize) -> &Source {
    program.screen.get(lane).map_or(&Source::Model, |source| source)
}

/// Frames `[frames, 3, height, width]` in 0..1 as pictures.
fn pictures(frames: &Tensor) -> Result<Vec<Arc<Picture>>> {
    let (count, _, height, width) = frames.dims4()?;
    let bytes = frames.to_dtype(DType::F32)?.clamp(0.0, 1.0)?.affine(255.0, 0.5)?.to_dtype(DType::U8)?;
    let bytes = bytes.permute((0, 2, 3, 1))?.contiguous()?.to_device(&Device::Cpu)?;
    let picture = |frame| Ok(Arc::new(Picture { width, height, rgb: bytes.get(frame)?.flatten_all()?.to_vec1()? }));
    (0..count).map(picture).collect()
}

/// A picture at the size of the screen, so that heatmaps over it are smooth.
fn zoomed(picture: &Arc<Picture>, zoom: usize) -> Arc<Picture> {
    match scaled(picture, zoom * picture.width, zoom * picture.height) {
        Cow::Borrowed(_) => picture.clone(),
        Cow::Owned(zoomed) => Arc::new(zoomed),
    }
}
