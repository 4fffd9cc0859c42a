//! The header of a safetensors file.

use std::collections::BTreeMap;

use candle_core::{DType, Result, bail};
use safetensors::tensor::{Dtype, Metadata};

use super::bytes::{Bytes, Reader};
use super::encoding::{Byte, Encoding};
use super::entry::Entry;
use super::open::Listing;
use crate::wan::error::About;

/// Headers of the largest checkpoints take a few hundred kilobytes.
const MAX_HEADER_BYTES: usize = 32 << 20;

/// Lists the tensors of a safetensors file.
///
/// The crate's own `SafeTensors::deserialize` adds unchecked sums of what the header claims. Only its header type is
/// used here, and the sizes are compared with the file first.
pub(super) fn read(file: &Bytes) -> Result<Listing> {
    let mut reader = Reader::new(file.as_slice());
    let header_len = reader.size()?;
    if header_len > MAX_HEADER_BYTES {
        bail!("the header claims to be {header_len} bytes long")
    }
    let header: Metadata = serde_json::from_slice(reader.take(header_len)?)
        .or_else(|error| bail!("the header is not that of a safetensors file: {error}"))?;
    if header.data_len() != reader.remaining() {
        bail!(
            "the tensors take {} bytes, but the file holds {}: it is incomplete or damaged",
            header.data_len(),
            reader.remaining()
        )
    }
    let mut entries = BTreeMap::new();
    for (name, info) in header.tensors() {
        let (start, end) = info.data_offsets;
        let Some(bytes) = file.part(8 + header_len + start, end - start) else { bail!("{name} lies outside the file") };
        let entry = Entry::stored(info.shape.clone(), bytes, encoding(info.dtype)).about(&name)?;
        entries.insert(name, entry);
    }
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(Listing { entries, metadata, ..Listing::default() })
}

fn encoding(dtype: Dtype) -> Encoding {
    match dtype {
        Dtype::F8_E4M3 => Encoding::Byte(Byte::E4M3),
        Dtype::F8_E5M2 => Encoding::Byte(Byte::E5M2),
        Dtype::I8 => Encoding::Byte(Byte::I8),
        Dtype::BOOL => Encoding::Plain(DType::U8),
        Dtype::F4 | Dtype::F6_E2M3 | Dtype::F6_E3M2 | Dtype::F8_E8M0 => Encoding::Unreadable(format!("{dtype:?}")),
        dtype => DType::try_from(dtype).map_or_else(|_| Encoding::Unreadable(format!("{dtype:?}")), Encoding::Plain),
    }
}
