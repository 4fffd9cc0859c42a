//! Checkpoints written by `torch.save`.

use std::collections::BTreeMap;

use candle_core::{DType, Result, bail};

use super::archive::Archive;
use super::blame::Blame;
use super::bytes::Bytes;
use super::encoding::{Encoding, Fp8};
use super::entry::Entry;
use super::open::Listing;
use super::pickle::{Pickle, Value};

/// Dicts around a state dict, in the order of preference: averaged weights before those of the last training step.
const SECTIONS: [&str; 6] = ["generator_ema", "ema", "generator", "generator_lora", "model", "state_dict"];
const MAX_SECTION_DEPTH: usize = 4;
const MAX_PICKLE_BYTES: usize = 64 << 20;

/// Lists the tensors of a checkpoint in the zip format of PyTorch 1.6 and later.
pub(super) fn read(file: &Bytes) -> Result<Listing> {
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
    let (pickle, value) = Pickle::read(pickle.as_slice())?;
    let (state, section) = state_dict(&pickle, value)?;
    let mut entries = BTreeMap::new();
    for &(key, value) in pickle.pairs(state) {
        if let (Value::Text(name), Value::Tensor(index)) = (key, value) {
            let entry = entry(&pickle, index, &archive, root).blame(name)?;
            entries.insert(name.to_owned(), entry);
        }
    }
    Ok(Listing { entries, metadata: BTreeMap::new(), section })
}

/// The dict that holds the tensors, and the names of the sections that led to it.
fn state_dict<'a>(pickle: &Pickle<'a>, root: Value<'a>) -> Result<(Value<'a>, Option<String>)> {
    let mut value = root;
    let mut path: Vec<&str> = Vec::new();
    for _ in 0..MAX_SECTION_DEPTH {
        let pairs = pickle.pairs(value);
        let section = SECTIONS.into_iter().find_map(|section| {
            let &(_, inner) = pairs.iter().rfind(|(key, _)| *key == Value::Text(section))?;
            (!pickle.pairs(inner).is_empty()).then_some((section, inner))
        });
        match section {
            Some((section, inner)) => {
                path.push(section);
                value = inner;
            }
            None if pairs.iter().any(|(_, value)| matches!(value, Value::Tensor(_))) => {
                return Ok((value, (!path.is_empty()).then(|| path.join("."))));
            }
            None => break,
        }
    }
    bail!("there is no state dict in it, neither at the top nor under one of {}", SECTIONS.join(", "))
}

fn entry(pickle: &Pickle<'_>, index: usize, archive: &Archive, root: &str) -> Result<Entry> {
    let Some(view) = pickle.tensors.get(index) else { bail!("there is no such tensor") };
    let Some(storage) = pickle.storages.get(view.storage) else { bail!("there is no such storage") };
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
        "float8_e4m3fn" => return Encoding::Fp8(Fp8::E4M3),
        "float8_e5m2" => return Encoding::Fp8(Fp8::E5M2),
        name => return Encoding::Unreadable(name.to_owned()),
    };
    Encoding::Plain(dtype)
}
