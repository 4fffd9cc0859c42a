//! The header of a GGUF file.
//!
//! Source: the GGUF specification of ggml (`docs/gguf.md`). Candle's own reader allows four dimensions, but
//! `patch_embedding.weight` has five; and it multiplies and divides by what the file claims.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Result, bail};

use super::bytes::{Bytes, Reader};
use super::encoding::{Byte, Encoding};
use super::entry::Entry;
use super::iq4::Iq4;
use super::open::Listing;
use super::view::elements;
use super::vocabulary::Stored;
use crate::wan::error::About;

const MAX_DIMS: u32 = 8;
const MAX_ARRAY_DEPTH: usize = 4;
const MAX_NAME_BYTES: usize = 1 << 16;

/// The beginning of the keys under which ComfyUI's converter stores shapes of more than four dimensions.
const SHAPE: &str = "comfy.gguf.orig_shape.";

/// Types of metadata values.
const UINT32: u32 = 4;
const INT32: u32 = 5;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Lists the tensors of a GGUF file; shapes are given in row-major order, the reverse of how they are stored.
pub(super) fn read(file: &Bytes) -> Result<Listing> {
    let mut reader = Reader::new(file.as_slice());
    reader.take(4)?;
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        bail!("GGUF version {version} cannot be read")
    }
    let tensors = reader.size()?;
    let values = reader.size()?;
    let mut alignment = 32;
    let mut vocabulary = Stored::default();
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for _ in 0..values {
        let key = name(&mut reader)?;
        match (key.as_str(), reader.u32()?) {
            ("general.alignment", UINT32) => alignment = reader.u32()? as usize,
            (key, code) => {
                let start = file.len() - reader.remaining();
                skip(&mut reader, code, 0)?;
                let end = file.len() - reader.remaining();
                let value = file.part(start, end - start).filter(|_| code == ARRAY);
                match (key.strip_prefix(SHAPE), value) {
                    (Some(tensor), Some(value)) => _ = shapes.insert(tensor.to_owned(), shape(&value).about(key)?),
                    (None, Some(value)) => vocabulary.keep(key, value),
                    (_, None) => {}
                }
            }
        }
    }
    if alignment == 0 || !alignment.is_multiple_of(8) || alignment > 1 << 20 {
        bail!("an alignment of {alignment} bytes is not possible")
    }
    let mut infos = BTreeMap::new();
    for _ in 0..tensors {
        let name = name(&mut reader)?;
        let info = info(&mut reader).about(&name)?;
        match infos.entry(name) {
            Slot::Vacant(slot) => _ = slot.insert(info),
            Slot::Occupied(slot) => bail!("{} is there twice", slot.key()),
        }
    }
    let data = (file.len() - reader.remaining()).next_multiple_of(alignment);
    let mut entries = BTreeMap::new();
    for (name, info) in infos {
        let mut entry = info.entry(file, data, alignment).about(&name)?;
        if let Some(shape) = shapes.remove(&name) {
            entry.reshape(shape);
        }
        entries.insert(name, entry);
    }
    Ok(Listing { entries, vocabulary: vocabulary.complete(), ..Listing::default() })
}

/// The shape in a value of the metadata: an array of 32-bit integers, in row-major order.
fn shape(value: &Bytes) -> Result<Vec<usize>> {
    let mut reader = Reader::new(value.as_slice());
    let (code, len) = (reader.u32()?, reader.size()?);
    if !matches!(code, UINT32 | INT32) || len > MAX_DIMS as usize {
        bail!("this is not the shape of a tensor")
    }
    (0..len).map(|_| Ok(reader.u32()? as usize)).collect()
}

struct Info {
    dims: Vec<usize>,
    encoding: Encoding,
    offset: usize,
}

impl Info {
    fn entry(self, file: &Bytes, data: usize, alignment: usize) -> Result<Entry> {
        if let Encoding::Unreadable(_) = self.encoding
            && let Some(nothing) = file.part(0, 0)
        {
            return Entry::stored(self.dims, nothing, self.encoding);
        }
        let block = match self.encoding {
            Encoding::Quantized(dtype) => dtype.block_size(),
            Encoding::Iq4(iq4) => iq4.numbers(),
            _ => 1,
        };
        if block > 1 && !self.dims.last().is_some_and(|row| row.is_multiple_of(block)) {
            bail!("rows of {:?} do not come in blocks of {block}", self.dims)
        }
        // Blocks are read in place, so they have to lie where their numbers may.
        if !self.offset.is_multiple_of(alignment) {
            bail!("its offset {} is not aligned", self.offset)
        }
        let size = elements(&self.dims).and_then(|elements| self.encoding.size_in_bytes(elements));
        let bytes = size.zip(data.checked_add(self.offset)).and_then(|(size, start)| file.part(start, size));
        let Some(bytes) = bytes else { bail!("a tensor of shape {:?} does not fit into the file", self.dims) };
        Entry::stored(self.dims, bytes, self.encoding)
    }
}

fn info(reader: &mut Reader<'_>) -> Result<Info> {
    let count = reader.u32()?;
    if count > MAX_DIMS {
        bail!("{count} dimensions are too many")
    }
    let mut dims = (0..count).map(|_| reader.size()).collect::<Result<Vec<_>>>()?;
    dims.reverse();
    let encoding = encoding(reader.u32()?);
    Ok(Info { dims, encoding, offset: reader.size()? })
}

fn encoding(code: u32) -> Encoding {
    match code {
        0 => Encoding::Plain(DType::F32),
        1 => Encoding::Plain(DType::F16),
        2 => Encoding::Quantized(GgmlDType::Q4_0),
        3 => Encoding::Quantized(GgmlDType::Q4_1),
        6 => Encoding::Quantized(GgmlDType::Q5_0),
        7 => Encoding::Quantized(GgmlDType::Q5_1),
        8 => Encoding::Quantized(GgmlDType::Q8_0),
        9 => Encoding::Quantized(GgmlDType::Q8_1),
        10 => Encoding::Quantized(GgmlDType::Q2K),
        11 => Encoding::Quantized(GgmlDType::Q3K),
        12 => Encoding::Quantized(GgmlDType::Q4K),
        13 => Encoding::Quantized(GgmlDType::Q5K),
        14 => Encoding::Quantized(GgmlDType::Q6K),
        15 => Encoding::Quantized(GgmlDType::Q8K),
        20 => Encoding::Iq4(Iq4::Nl),
        23 => Encoding::Iq4(Iq4::Xs),
        24 => Encoding::Byte(Byte::I8),
        25 => Encoding::Plain(DType::I16),
        26 => Encoding::Plain(DType::I32),
        27 => Encoding::Plain(DType::I64),
        28 => Encoding::Plain(DType::F64),
        30 => Encoding::Plain(DType::BF16),
        code => Encoding::Unreadable(match CODEBOOKS.iter().find(|(known, _)| *known == code) {
            Some((_, name)) => format!("{name} of GGUF"),
            None => format!("GGUF type {code}"),
        }),
    }
}

/// Types of GGUF that bendrack does not read.
const CODEBOOKS: [(u32, &str); 10] = [
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
];

/// Passes over a metadata value of type `code`.
fn skip(reader: &mut Reader<'_>, code: u32, depth: usize) -> Result<()> {
    match code {
        STRING => {
            let len = reader.size()?;
            reader.take(len)?;
        }
        ARRAY if depth < MAX_ARRAY_DEPTH => {
            let (code, len) = (reader.u32()?, reader.size()?);
            if let Some(size) = fixed_size(code) {
                let Some(size) = size.checked_mul(len) else { bail!("an array of {len} values is too long") };
                reader.take(size)?;
            } else {
                // Each of these takes at least eight bytes, so the file's end stops a false count.
                for _ in 0..len {
                    skip(reader, code, depth + 1)?;
                }
            }
        }
        ARRAY => bail!("arrays are nested too deeply"),
        code => match fixed_size(code) {
            Some(size) => _ = reader.take(size)?,
            None => bail!("metadata of unknown type {code}"),
        },
    }
    Ok(())
}

fn fixed_size(code: u32) -> Option<usize> {
    match code {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn name(reader: &mut Reader<'_>) -> Result<String> {
    let len = reader.size()?;
    if len > MAX_NAME_BYTES {
        bail!("a name of {len} bytes is too long")
    }
    Ok(String::from_utf8_lossy(reader.take(len)?).into_owned())
}
