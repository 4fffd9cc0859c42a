//! The patch in an MP4: the comment of its metadata, `moov/udta/meta/ilst/©cmt`, as JSON with the one key `bendrack`.

use std::io::{self, Cursor, Read, Seek};
use std::ops::Range;

use super::NAME;
use super::boxes::{Walk, packed};
use super::read::LIMIT;

/// The name of the comment.
const COMMENT: [u8; 4] = *b"\xa9cmt";
/// Items that are looked at: tools write a dozen.
const MAX_ITEMS: usize = 256;
/// From the index of a video to the tables of where its samples lie.
const TABLES: [[u8; 4]; 4] = [*b"trak", *b"mdia", *b"minf", *b"stbl"];

/// The text in an MP4; `None` if it has none.
///
/// Every item of the metadata is looked at, as tools rename the comment. Of the video itself nothing is read.
///
/// # Errors
///
/// Fails if the file cannot be read.
pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let mut walk = Walk::new(file);
    let whole = walk.whole()?;
    let mut metas = Vec::new();
    for path in [&[*b"moov", *b"udta", *b"meta"][..], &[*b"moov", *b"meta"], &[*b"meta"]] {
        metas.extend(walk.at(whole.clone(), path)?);
    }
    for meta in metas {
        // In MP4 its boxes stand behind a version; in QuickTime they do not.
        let is_plain = walk.array::<8>(meta.content.start)?.is_some_and(|head| head[4..] == *b"hdlr");
        let start = meta.content.start + if is_plain { 0 } else { 4 };
        for item in walk.at(start..meta.content.end, &[*b"ilst"])? {
            for item in walk.boxes(item.content)?.into_iter().take(MAX_ITEMS) {
                for data in walk.named(item.content, *b"data")? {
                    if let Some(text) = comment(&mut walk, data.content, 8)? {
                        return Ok(Some(text));
                    }
                }
            }
        }
    }
    // In QuickTime the comment stands in the user data itself, behind its length and language.
    for data in walk.at(whole, &[*b"moov", *b"udta", COMMENT])? {
        if let Some(text) = comment(&mut walk, data.content, 4)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The text in an item's data, after `header` bytes of its type, if it is ours.
fn comment<R: Read + Seek>(walk: &mut Walk<R>, data: Range<u64>, header: u64) -> io::Result<Option<Vec<u8>>> {
    let start = data.start.saturating_add(header);
    let behind = start.saturating_add(opening().len() as u64);
    // Only then is the whole of it read.
    if data.end.saturating_sub(behind) > LIMIT || walk.bytes(start..behind.min(data.end))? != opening().as_bytes() {
        return Ok(None);
    }
    let text = walk.bytes(behind..data.end)?;
    Ok(text.trim_ascii_end().strip_suffix(b"}").map(<[u8]>::to_owned))
}

/// The opening of the comment. It ends with a brace.
fn opening() -> String {
    format!("{{\"{NAME}\":")
}

/// Adds a text to the index of a video, the content of its `moov` box, and moves the offsets.
///
/// `end` is where the index ends in the file, in bytes from its start. What lies behind it moves by as much as the index
/// grows. `None` if an offset no longer fits.
pub fn index_with(index: &[u8], end: u64, text: &str) -> Option<Vec<u8>> {
    let data = packed(*b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], opening().as_bytes(), text.as_bytes(), b"}"]);
    let items = packed(*b"ilst", &[&packed(COMMENT, &[&data])]);
    let handler = packed(*b"hdlr", &[&[0; 8], b"mdirappl", &[0; 9]]);
    let added = packed(*b"udta", &[&packed(*b"meta", &[&[0; 4], &handler, &items])]);

    let mut moved = index.to_vec();
    let mut walk = Walk::new(Cursor::new(index));
    for (kind, width) in [(*b"stco", 4), (*b"co64", 8)] {
        let path = [&TABLES[..], &[kind]].concat();
        for table in walk.at(0..index.len() as u64, &path).ok()? {
            let table = moved.get_mut(table.content.start as usize..table.content.end as usize)?;
            // A version and the number of places, then the places.
            for place in table.get_mut(8..)?.chunks_exact_mut(width) {
                let old = place.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
                if old >= end {
                    let new = old.checked_add(added.len() as u64)?.to_be_bytes();
                    let (above, new) = new.split_at(8 - width);
                    if above.iter().any(|byte| *byte > 0) {
                        return None;
                    }
                    place.copy_from_slice(new);
                }
            }
        }
    }
    moved.extend(added);
    Some(moved)
}
