//! Provenance of pictures and videos: their patch, model and seed, in the file itself.
//!
//! There is one text for it, everywhere: the patch as it was rendered, with [`Render`] under its key [`KEY`]. It is a patch
//! that opens as any other. It stands
//!
//! - in a PNG as an `iTXt` chunk with the keyword `bendrack`, compressed, before the pixels: [`png`];
//! - in an MP4 as the comment, as JSON with the one key `bendrack`: [`mp4`]. The comment is the one field that `ffmpeg -c copy` keeps
//!   by default, also in Matroska;
//! - beside the video in a file of its own: [`sidecar`]. A GIF, whose comments have no key, has nothing else.
//!
//! Sites and messengers remove such data, so the sidecar is the file to keep. Readers trust nothing: they step through files by
//! lengths, never read a whole file, and limit decompressed text.

pub mod boxes;
pub mod mp4;
pub mod png;
pub mod read;
pub mod sidecar;
#[cfg(test)]
mod tests;

use bendrack_nodes::diagnostics::{Code, Problem};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::patch::read::MAX_BYTES;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::sound::Channels;
pub use read::{Found, Opened, read};

/// The key of a patch that [`Render`] stands under.
pub const KEY: &str = "render";
/// The name of the patch in other formats: the keyword of a PNG, the comment's key of an MP4.
pub const NAME: &str = "bendrack";

/// A sound that nodes listened to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// The channels that were analysed.
    #[serde(default, skip_serializing_if = "Channels::is_mean")]
    pub channels: Channels,
}

/// The record of a render.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Render {
    /// The version of bendrack.
    pub bendrack: String,
    /// The name of the model, or of its folder, without the path to it.
    pub model: String,
    /// The family that the model was run as, such as `longlive`.
    pub family: String,
    /// The SHA-256 fingerprint of its weights, in hexadecimal.
    pub model_sha256: String,
    /// The seed of the video and of everything random in the patch.
    pub seed: u64,
    /// Width and height of the model's picture, in pixels.
    pub size: [usize; 2],
    /// Scale of the video, times that size.
    pub zoom: usize,
    /// True if every bent map was computed explicitly.
    pub exact: bool,
    /// The denoising steps of a chunk, if they are not those of the patch or of the family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Pictures over which the end of a loop dissolves into its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looped: Option<u64>,
    /// The SHA-256 of the take that was made again, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<String>,
    /// The first picture of the take that is in the video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// True if each chunk of the take was made once, with all its events.
    #[serde(default, rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// The sound of --audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<Sound>,
    /// Number of frames. In numbered pictures of a render that broke off, the number that was asked for.
    pub frames: u64,
    /// Frames per second.
    pub frame_rate: f64,
}

/// A patch as it was rendered, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The patch, without the key [`KEY`].
    pub patch: Patch,
    /// The record of its render.
    pub render: Render,
}

impl Provenance {
    /// The patch with [`Render`] under its key.
    pub fn record(&self) -> Patch {
        let mut patch = self.patch.clone();
        // It has strings, numbers and names for keys: JSON holds all of them.
        if let Ok(render) = serde_json::to_value(&self.render) {
            patch.rest.insert(KEY.to_owned(), render);
        }
        patch
    }

    /// [`Self::record`] as one line of JSON; a problem if it is longer than patches that are read.
    ///
    /// # Errors
    ///
    /// Fails if the text is longer than patches that are read.
    pub fn text(&self) -> Result<String, Problem> {
        let text = serde_json::to_string(&self.record())
            .map_err(|error| Problem::error(Code::NotAPatch, "", error.to_string()))?;
        if text.len() > MAX_BYTES {
            let message = format!("it is longer than {} MiB and cannot be kept with the video", MAX_BYTES >> 20);
            return Err(Problem::error(Code::TooMany, "", message));
        }
        Ok(text)
    }
}

/// Identity of a patch, independent of its layout and of the program that wrote it. It is a SHA-256 in hexadecimal: of the canonical
/// text without `layout`, `frames`, `generator` and the thumbnail.
pub fn patch_sha256(patch: &Patch) -> String {
    let mut patch = patch.clone();
    patch.layout.clear();
    patch.frames.clear();
    patch.generator.clear();
    patch.meta.thumbnail = None;
    hex(&Sha256::digest(patch.to_json()))
}

/// Takes the record of a render out of a patch, if it has one. The rest is the patch as it was before.
///
/// A key with another content stays.
pub fn split(patch: &mut Patch) -> Option<Render> {
    let render = Render::deserialize(patch.rest.get(KEY)?).ok()?;
    patch.rest.remove(KEY);
    Some(render)
}
