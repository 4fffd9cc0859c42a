//! The sound file of `--audio`.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Failure;
use crate::files;
use crate::hex::hex;
use crate::io::audio::AudioSource;
use crate::sound::{Channels, Sound};
use crate::take::SoundFile;
use crate::terminal;

/// The sound of channels of a file, with a warning if they cancel out; none for an audio input.
pub(super) fn open(source: &AudioSource, channels: Channels, quiet: bool) -> Result<Option<Arc<Sound>>, Failure> {
    let sound = source.sound(channels).map_err(|error| Failure::Failed(error.to_string()))?;
    if let (AudioSource::File(path), Some(sound), false) = (source, &sound, quiet)
        && let Some(warning) = sound.warning(path)
    {
        terminal::print_error(format_args!("warning: {warning}"));
    }
    Ok(sound)
}

/// The sound file in place of an audio input, with its SHA-256 and its channels, for takes.
pub(super) fn file(source: &AudioSource, channels: Channels) -> Result<Option<SoundFile>, Failure> {
    let AudioSource::File(path) = source else { return Ok(None) };
    let bytes = files::read(path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| Path::to_owned(path));
    Ok(Some(SoundFile { path: absolute.display().to_string(), sha256: hex(&Sha256::digest(bytes)), channels }))
}
