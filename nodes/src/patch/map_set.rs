//! Sets of maps in files of their own: one controller, several patches.

use serde::{Deserialize, Serialize};

use super::read::MAX_BYTES;
use super::{ControlMap, Patch, Port, number};

/// The value of the `format` key.
pub const MAPS_FORMAT: &str = "bendrack-maps";
/// The most knobs that are named in a sentence.
const MOST_NAMED: usize = 8;
/// The present version of the format.
const VERSION: u64 = 1;

/// A sentence about a set that was loaded into a patch: the count of its maps, and the knobs that the patch lacks.
pub fn loaded(count: usize, missing: &[Port]) -> String {
    let maps = format!("{count} {}", if count == 1 { "map" } else { "maps" });
    if missing.is_empty() {
        return maps;
    }
    let names: Vec<String> = missing.iter().take(MOST_NAMED).map(Port::to_string).collect();
    let more = if missing.len() > MOST_NAMED { ", …" } else { "" };
    format!("{maps}; this patch has no {}{more}", names.join(", "))
}

/// A set of maps, apart from a patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a set of maps in braces")]
pub struct MapSet {
    format: String,
    #[serde(deserialize_with = "number::whole")]
    version: u64,
    /// The maps, in the order of the list.
    pub maps: Vec<ControlMap>,
}

impl MapSet {
    /// The maps of a patch.
    pub fn of(patch: &Patch) -> Self {
        Self { format: MAPS_FORMAT.to_owned(), version: VERSION, maps: patch.maps.clone() }
    }

    /// Reads a set from the bytes of a file.
    ///
    /// # Errors
    ///
    /// Fails with the reason and the next step if the bytes are no set of maps.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            return Err(format!("the file exceeds {} MiB; give the path of a set of maps", MAX_BYTES >> 20));
        }
        // Some editors begin a file with a byte-order mark.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let set: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("not a set of maps: {error}; save one from a patch with maps"))?;
        if set.format != MAPS_FORMAT {
            return Err(format!("the format is {:?}, not {MAPS_FORMAT:?}; give the path of a set of maps", set.format));
        }
        if set.version > VERSION {
            return Err(format!("a set of version {}; update bendrack, which reads version {VERSION}", set.version));
        }
        Ok(set)
    }

    /// The text of its file, one map a line.
    pub fn to_json(&self) -> String {
        let line = |map| format!("    {}", serde_json::to_string(map).unwrap_or_default());
        let maps: Vec<String> = self.maps.iter().map(line).collect();
        let maps = if maps.is_empty() { String::new() } else { format!("\n{}\n  ", maps.join(",\n")) };
        format!("{{\n  \"format\": \"{MAPS_FORMAT}\",\n  \"version\": {VERSION},\n  \"maps\": [{maps}]\n}}\n")
    }

    /// The maps whose knobs exist, and the knobs of the others.
    pub fn split(&self, exists: impl Fn(&Port) -> bool) -> (Vec<ControlMap>, Vec<Port>) {
        let (fit, others): (Vec<ControlMap>, Vec<ControlMap>) =
            self.maps.iter().cloned().partition(|map| exists(&map.to));
        (fit, others.into_iter().map(|map| map.to).collect())
    }
}
