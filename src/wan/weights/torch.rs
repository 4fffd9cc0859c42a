//! Checkpoints written by `torch.save`.

use std::collections::BTreeMap;

use candle_core::{DType, Result, bail};

use super::archive::Archive;
use super::arena::{Arena, Value};
use super::bytes::Bytes;
use super::encoding::{Byte, Encoding};
use super::entry::Entry;
use super::open::Listing;
use super::pickle;
use super::section;
use crate::wan::error::About;

const MAX_PICKLE_BYTES: usize = 64 << 20;
/// One long text could be the name of very many tensors.
const MAX_NAME_BYTES: usize = 1 << 10;

/// Lists the tensors of a checkpoint in the zip format of PyTorch 1.6 and later. Lists those of its `section`,
/// if it has any.
pub(super) fn read(file: &Bytes, section: Option<&str>) -> Result<Listing> {
    let archive = Archive::open(file)?;
    let Some(name) = archive.names().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl")) else {
        bail!("the archive has no data.pkl: this is not a PyTorch checkpoint")
    };
    let root = name.strip_suffix("data.pkl").unwrap_or_default();
    let order = format!("{root}byteorder");
    if archive.names().any(|name| name == order) && archive.bytes(&order)?.as_slice() != b"little" {
        bail!("the numbers are not little-endian")
    }
    let pickle = archive.bytes(name)?;
    if pickle.len() > MAX_PICKLE_BYTES {
        bail!("its pickle of {} bytes is too long", pickle.len())
    }
    let (arena, value) = pickle::read(pickle.as_slice())?;
    let (state, section) = section::state_dict(&arena, value, section)?;
    let mut entries = BTreeMap::new();
    for &(key, value) in arena.pairs(state) {
        if let (Value::Text(name), Value::Tensor(index)) = (key, value) {
            check_name(name)?;
            let entry = entry(&arena, index, &archive, root).about(name)?;
            entries.insert(name.to_owned(), entry);
        }
    }
    Ok(Listing { entries, section, ..Listing::default() })
}

fn check_name(name: &str) -> Result<()> {
    if name.len() > MAX_NAME_BYTES {
        bail!("a name of {} bytes is too long", name.len())
    }
    Ok(())
}

fn entry(arena: &Arena<'_>, index: usize, archive: &Archive, root: &str) -> Result<Entry> {
    let Some(view) = arena.tensors.get(index) else { bail!("there is no such tensor") };
    let Some(storage) = arena.storages.get(view.storage) else { bail!("there is no such storage") };
    check_name(storage.key)?;
    let bytes = archive.bytes(&format!("{root}data/{}", storage.key))?;
    let encoding = encoding(view.dtype.unwrap_or(storage.kind));
    Entry::view(view.dims.clone(), &view.strides, view.offset, &bytes, encoding)
}

/// The encoding of a storage class or dtype of torch.
fn encoding(name: &str) -> Encoding {
    let dtype = match name {
        "FloatStorage" | "float32" => DType::F32,
        "HalfStorage" | "float16" => DType::F16,
        "BFloat16Storage" | "bfloat16" => DType::BF16,
        "DoubleStorage" | "float64" => DType::F64,
        "LongStorage" | "int64" => DType::I64,
        "IntStorage" | "int32" => DType::I32,
        "ShortStorage" | "int16" => DType::I16,
        "ByteStorage" | "uint8" | "BoolStorage" | "bool" => DType::U8,
        "uint32" => DType::U32,
        "float8_e4m3fn" => return Encoding::Byte(Byte::E4M3),
        "float8_e5m2" => return Encoding::Byte(Byte::E5M2),
        "CharStorage" | "int8" => return Encoding::Byte(Byte::I8),
        name => return Encoding::Unreadable(name.to_owned()),
    };
    Encoding::Plain(dtype)
}
