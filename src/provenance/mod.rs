//! Where a picture or video comes from: the patch it was rendered with, the model and the seed, kept in the file itself.
//!
//! There is one text for it, everywhere: the patch as it was rendered, with [`Render`] under its key [`KEY`]. It is a patch
//! that opens as any other. It stands
//!
//! - in a PNG as an `iTXt` chunk with the keyword `bendrack`, compressed, before the pixels: [`png`];
//! - in an MP4 as the comment, as JSON with the one key `bendrack`: [`mp4`]. Of the fields that a video may have, the
//!   comment is the one that `ffmpeg -c copy` takes along, also into Matroska, without being asked to;
//! - beside the video in a file of its own, the sidecar: [`sidecar`]. for a GIF, whose comments have no key, it is all there is.
//!
//! Sites that people send videos to leave such data out, so the sidecar is what to keep. Nothing that is read is trusted:
//! files are walked through by their lengths and never read as a whole, and what unfolds has a limit.

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
pub use read::{Found, Opened, read};

/// The key of a patch that [`Render`] stands under.
pub const KEY: &str = "render";
/// What the patch is called in files of other formats: the keyword in a PNG, the key of the comment in an MP4.
pub const NAME: &str = "bendrack";

/// How a patch was rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Render {
    /// The version of bendrack.
    pub bendrack: String,
    /// The name of the model, or of its folder, without the path to it.
    pub model: String,
    /// How the model was run, such as `longlive`.
    pub family: String,
    /// The SHA-256 fingerprint of its weights, in hexadecimal.
    pub model_sha256: String,
    /// The seed of the video and of everything random in the patch.
    pub seed: u64,
    /// Width and height of the model's picture, in pixels.
    pub size: [usize; 2],
    /// How many times larger than that it was shown.
    pub zoom: usize,
    /// Whether every bend of a map was made in its exact form.
    pub exact: bool,
    /// How many frames there are. Numbered pictures that broke off say how many there were to be.
    pub frames: u64,
    /// Frames per second.
    pub frame_rate: f64,
}

/// A patch as it was rendered, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The patch, without the key [`KEY`].
    pub patch: Patch,
    /// How it was rendered.
    pub render: Render,
}

impl Provenance {
    /// The patch with [`Render`] under its key.
    pub fn record(&self) -> Patch {
        let mut patch = self.patch.clone();
        // It has strings, numbers and names for keys: nothing that JSON cannot say.
        if let Ok(render) = serde_json::to_value(&self.render) {
            patch.rest.insert(KEY.to_owned(), render);
        }
        patch
    }

    /// [`Self::record`] as one line of JSON; a problem if it is longer than patches that are read.
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

/// What identifies a patch, however its nodes lie and whatever program wrote it: the SHA-256 of its canonical text without
/// `layout`, `frames`, `generator` and the thumbnail, in hexadecimal.
pub fn patch_sha256(patch: &Patch) -> String {
    let mut patch = patch.clone();
    patch.layout.clear();
    patch.frames.clear();
    patch.generator.clear();
    patch.meta.thumbnail = None;
    hex(&Sha256::digest(patch.to_json()))
}

/// Takes out of a patch how it was rendered, if it says so; what remains is the patch as it was before.
///
/// A key that says something else is left where it is.
pub fn split(patch: &mut Patch) -> Option<Render> {
    let render = Render::deserialize(patch.rest.get(KEY)?).ok()?;
    patch.rest.remove(KEY);
    Some(render)
}
