//! Embeddings of prompts on disk, so that a large text encoder reads a prompt once.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use candle_core::{DType, Device, Result, Tensor, safetensors};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::wan::ops::is_finite;

/// The most bytes of embeddings that are kept: a thousand prompts of UMT5-XXL.
const MOST_BYTES: u64 = 512 << 20;
/// Part of each key, raised when embeddings change.
const VERSION: &str = "1";
const NAME: &str = "embedding";
const ENDING: &str = "safetensors";

/// A folder of embeddings. Each file is named by the digest of the encoder, its dtype and the tokens.
#[derive(Clone, Debug)]
pub struct PromptStore {
    folder: PathBuf,
    /// The fingerprint of the encoder.
    encoder: String,
    most_bytes: u64,
}

impl PromptStore {
    /// The store of an encoder with this fingerprint, in a folder. The folder is made when it is needed.
    pub fn new(folder: PathBuf, encoder: String) -> Self {
        Self { folder, encoder, most_bytes: MOST_BYTES }
    }

    /// The same store with another limit of bytes.
    #[must_use]
    pub fn with_limit(self, most_bytes: u64) -> Self {
        Self { most_bytes, ..self }
    }

    /// The embedding of these tokens, `[1, tokens, dim]`, or else that of `encode`, which is then kept.
    ///
    /// # Errors
    ///
    /// Fails as `encode` does. A store that cannot be read or written costs time, and nothing else.
    pub fn get_or(
        &self,
        ids: &[u32],
        (dim, dtype, device): (usize, DType, &Device),
        encode: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        let path = self.path(ids, dtype);
        let found = safetensors::load(&path, device).ok().and_then(|mut tensors| tensors.remove(NAME));
        let fits = |found: &Tensor| found.dims() == [1, ids.len(), dim] && found.dtype() == dtype;
        if let Some(found) = found.filter(fits)
            && is_finite(&found)?
        {
            // The time of a file is that of its last use.
            let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            return Ok(found);
        }
        let embedding = encode()?;
        let _ = self.keep(&path, &embedding);
        Ok(embedding)
    }

    fn path(&self, ids: &[u32], dtype: DType) -> PathBuf {
        let mut digest = Sha256::new();
        digest.update(format!("{VERSION} {} {dtype:?}", self.encoder));
        for id in ids {
            digest.update(id.to_le_bytes());
        }
        self.folder.join(format!("{}.{ENDING}", hex(&digest.finalize())))
    }

    fn keep(&self, path: &Path, embedding: &Tensor) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        // Another process may write the same prompt.
        let draft = path.with_extension(format!("{}.part", std::process::id()));
        let tensors = HashMap::from([(NAME, embedding.to_device(&Device::Cpu)?.contiguous()?)]);
        safetensors::save(&tensors, &draft).inspect_err(|_| _ = fs::remove_file(&draft))?;
        fs::rename(&draft, path)?;
        self.forget_old()?;
        Ok(())
    }

    /// Removes the embeddings that were not used for the longest time, until the rest fits.
    fn forget_old(&self) -> std::io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(&self.folder)?
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|ending| ending == ENDING))
            .filter_map(|entry| {
                let data = entry.metadata().ok()?;
                Some((data.modified().ok()?, data.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files {
            if bytes <= self.most_bytes {
                break;
            }
            fs::remove_file(path)?;
            bytes -= len;
        }
        Ok(())
    }
}
