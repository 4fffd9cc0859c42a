//! The patch in a PNG: an `iTXt` chunk (PNG specification, 11.3.3.4) with the keyword `bendrack`.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::ZlibDecoder;
use png::text_metadata::ITXtChunk;

use super::NAME;
use super::read::{LIMIT, damaged};

/// The first bytes of a PNG.
pub const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// Chunks that are looked at before a file is given up.
const MAX_CHUNKS: usize = 1 << 16;

/// The chunk that holds a text, compressed once for all pictures of a video.
///
/// # Errors
///
/// Fails if the text cannot be compressed.
pub fn chunk(text: &str) -> Result<ITXtChunk, png::EncodingError> {
    let mut chunk = ITXtChunk::new(NAME, text);
    chunk.compressed = true;
    chunk.compress_text()?;
    Ok(chunk)
}

/// The text in a PNG, wherever in it the chunk stands; `None` if it has none.
///
/// Chunks of other kinds are passed over unread. A chunk that is ours and damaged is an error.
///
/// # Errors
///
/// Fails if the file cannot be read, or if the chunk is damaged.
pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    file.seek(SeekFrom::Start(SIGNATURE.len() as u64))?;
    for _ in 0..MAX_CHUNKS {
        let mut head = [0; 8];
        match file.read_exact(&mut head) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [a, b, c, d, kind @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        if &kind == b"IEND" {
            return Ok(None);
        }
        if &kind != b"iTXt" || length > LIMIT {
            file.seek_relative(length as i64 + 4)?;
            continue;
        }
        let mut data = Vec::new();
        file.take(length + 4).read_to_end(&mut data)?;
        let Some((data, sum)) = data.split_last_chunk::<4>() else { return Ok(None) };
        let Some(data) = data.strip_prefix(NAME.as_bytes()).and_then(|data| data.strip_prefix(&[0])) else { continue };
        let mut crc = Crc::new();
        for part in [&kind[..], NAME.as_bytes(), &[0], data] {
            crc.update(part);
        }
        if crc.sum() != u32::from_be_bytes(*sum) {
            return Err(damaged());
        }
        return text(data).map(Some);
    }
    Ok(None)
}

/// The text of a chunk without its keyword. A flag, a method, language and translated keyword precede it; the last two end with 0.
fn text(data: &[u8]) -> io::Result<Vec<u8>> {
    let (flag, rest) = match data {
        [flag @ (0 | 1), 0, rest @ ..] => (*flag, rest),
        _ => return Err(damaged()),
    };
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let text = parts.nth(2).ok_or_else(damaged)?;
    if flag == 0 {
        return Ok(text.to_owned());
    }
    let mut inflated = Vec::new();
    ZlibDecoder::new(text).take(LIMIT + 1).read_to_end(&mut inflated).map_err(|_| damaged())?;
    if inflated.len() as u64 > LIMIT {
        return Err(damaged());
    }
    Ok(inflated)
}
