//! The zip archive around a torch pickle.
//!
//! PyTorch stores every record uncompressed, so that tensors can be read in place. Only that is supported. It leaves no
//! room for archives that unpack to more than they are. Source: PKWARE `APPNOTE.TXT` 4.3.

use std::collections::BTreeMap;

use candle_core::{Result, bail};

use super::bytes::{AGAIN, Bytes, Reader};

/// The records of an archive by name.
pub(super) struct Archive {
    file: Bytes,
    records: BTreeMap<String, Record>,
}

struct Record {
    header: usize,
    len: usize,
    stored: bool,
}

/// The position of the central directory.
struct Directory {
    start: usize,
    len: usize,
}

const END: &[u8] = b"PK\x05\x06";
const END_LEN: usize = 22;
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const LOCATOR64_LEN: usize = 20;
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const MAX_COMMENT: usize = 0xffff;
/// A 32-bit field with this value has its number in the 64-bit extension.
const IN_EXTENSION: usize = 0xffff_ffff;

impl Archive {
    /// Reads the directory of an archive.
    pub(super) fn open(file: &Bytes) -> Result<Self> {
        let directory = find_directory(file.as_slice())?;
        let Some(bytes) = file.part(directory.start, directory.len) else {
            bail!("the archive's directory lies outside the file; {AGAIN}")
        };
        let mut reader = Reader::new(bytes.as_slice());
        let mut records = BTreeMap::new();
        while reader.remaining() > 0 {
            let (name, record) = record(&mut reader)?;
            records.insert(name, record);
        }
        Ok(Self { file: file.clone(), records })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// The content of a record.
    pub(super) fn bytes(&self, name: &str) -> Result<Bytes> {
        let Some(record) = self.records.get(name) else { bail!("the archive has no record {name}; {AGAIN}") };
        if !record.stored {
            bail!(
                "the record {name} is compressed or encrypted; load the checkpoint in PyTorch and `torch.save` it again"
            )
        }
        let Some(rest) = self.file.part(record.header, self.file.len().saturating_sub(record.header)) else {
            bail!("the record {name} lies outside the file; {AGAIN}")
        };
        let mut reader = Reader::new(rest.as_slice());
        if reader.take(4)? != LOCAL {
            bail!("the record {name} has no header; {AGAIN}")
        }
        reader.take(22)?;
        let skipped = usize::from(reader.u16()?) + usize::from(reader.u16()?);
        let Some(bytes) = rest.part(30 + skipped, record.len) else { bail!("the record {name} is cut off; {AGAIN}") };
        Ok(bytes)
    }
}

fn find_directory(file: &[u8]) -> Result<Directory> {
    let first = file.len().saturating_sub(END_LEN + MAX_COMMENT);
    let Some(end) = file[first..].windows(END.len()).rposition(|window| window == END).map(|at| first + at) else {
        bail!("the archive has no directory; {AGAIN}")
    };
    let mut reader = Reader::new(&file[end..]);
    reader.take(12)?;
    let directory = Directory { len: reader.u32()? as usize, start: reader.u32()? as usize };
    let locator = end.checked_sub(LOCATOR64_LEN).map(|start| &file[start..end]);
    match locator {
        Some(locator) if locator.starts_with(LOCATOR64) => find_directory64(file, locator),
        _ => Ok(directory),
    }
}

/// The same for archives above four gigabytes.
fn find_directory64(file: &[u8], locator: &[u8]) -> Result<Directory> {
    let mut reader = Reader::new(locator);
    reader.take(8)?;
    let Some(rest) = file.get(reader.size()?..) else {
        bail!("the archive's directory lies outside the file; {AGAIN}")
    };
    let mut reader = Reader::new(rest);
    if reader.take(4)? != END64 {
        bail!("the archive's directory is damaged; {AGAIN}")
    }
    reader.take(36)?;
    Ok(Directory { len: reader.size()?, start: reader.size()? })
}

fn record(reader: &mut Reader<'_>) -> Result<(String, Record)> {
    if reader.take(4)? != CENTRAL {
        bail!("the archive's directory is damaged; {AGAIN}")
    }
    reader.take(4)?;
    let encrypted = reader.u16()? & 1 != 0;
    let method = reader.u16()?;
    reader.take(8)?;
    let (packed, len) = (reader.u32()? as usize, reader.u32()? as usize);
    let (name_len, extra_len, comment_len) = (reader.u16()?, reader.u16()?, reader.u16()?);
    reader.take(8)?;
    let header = reader.u32()? as usize;
    let name = String::from_utf8_lossy(reader.take(name_len.into())?).into_owned();
    let extra = reader.take(extra_len.into())?;
    reader.take(comment_len.into())?;
    let [len, packed, header] = extended(extra, [len, packed, header])?;
    Ok((name, Record { header, len, stored: method == 0 && !encrypted && packed == len }))
}

/// Replaces the numbers that did not fit into 32 bits by those of the 64-bit extension, in its order.
fn extended(extra: &[u8], mut numbers: [usize; 3]) -> Result<[usize; 3]> {
    let mut reader = Reader::new(extra);
    while reader.remaining() >= 4 {
        let (tag, len) = (reader.u16()?, reader.u16()?);
        let field = reader.take(len.into())?;
        if tag == 1 {
            let mut field = Reader::new(field);
            for number in numbers.iter_mut().filter(|number| **number == IN_EXTENSION) {
                *number = field.size()?;
            }
        }
    }
    Ok(numbers)
}
