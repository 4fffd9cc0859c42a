//! Reads recordings and compares tensors with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Tensor};
use serde_json::Value;

/// The folder of recordings: `$BENDRACK_FIXTURES`, or the checked-in one.
pub fn folder() -> PathBuf {
    std::env::var_os("BENDRACK_FIXTURES").map_or_else(checked_in, PathBuf::from)
}

/// The checked-in recordings, for tests that are about something else and only need a model.
pub fn checked_in() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The folder of recordings with a part that other folders may lack, or the checked-in one.
pub fn folder_with(part: &str) -> PathBuf {
    Some(folder()).filter(|folder| folder.join(part).is_dir()).unwrap_or_else(checked_in)
}

/// A JSON file of the recordings.
pub fn json(path: &str) -> Value {
    json_at(&folder().join(path))
}

/// A JSON file.
pub fn json_at(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A number of a JSON object.
pub fn number(config: &Value, key: &str) -> usize {
    config[key].as_u64().unwrap_or_else(|| panic!("{key} is not a number in {config}")) as usize
}

/// The recorded weights at `path`, in f32 on the CPU.
pub fn weights(path: &str) -> Weights {
    weights_in(path, DType::F32)
}

/// The recorded weights at `path`, rounded to `dtype` on the CPU.
pub fn weights_in(path: &str, dtype: DType) -> Weights {
    Weights::open(&folder().join(path), dtype, &Device::Cpu).unwrap_or_else(|e| panic!("{e}"))
}

/// Recorded inputs and outputs by name.
pub struct Recording {
    file: String,
    tensors: BTreeMap<String, Tensor>,
}

impl Recording {
    pub fn load(file: &str) -> Self {
        Self::load_at(&folder().join(file))
    }

    pub fn load_at(path: &Path) -> Self {
        let file = path.display().to_string();
        let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap_or_else(|e| panic!("{file}: {e}"));
        Self { file, tensors: tensors.into_iter().collect() }
    }

    pub fn get(&self, name: &str) -> Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.file)).clone()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Asserts that `actual` is the recorded `name` within `tolerance`, the largest absolute difference.
    #[track_caller]
    pub fn check(&self, name: &str, actual: &Tensor, tolerance: f64) {
        assert_close(&format!("{} {name}", self.file), actual, &self.get(name), tolerance);
    }
}

/// Asserts that two tensors have one shape and differ nowhere by more than `tolerance`.
#[track_caller]
pub fn assert_close(what: &str, actual: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(actual.dims(), expected.dims(), "{what}: shape");
    let difference = max_abs_difference(actual, expected);
    assert!(difference <= tolerance, "{what}: differs by {difference:.3e}, allowed {tolerance:.1e}");
}

/// The largest absolute difference; infinite if any element of either tensor is not finite.
pub fn max_abs_difference(a: &Tensor, b: &Tensor) -> f64 {
    let flat = |x: &Tensor| -> Vec<f64> {
        x.to_dtype(DType::F64).and_then(|x| x.flatten_all()?.to_vec1()).expect("a tensor reads back")
    };
    flat(a)
        .iter()
        .zip(flat(b))
        .map(|(a, b)| if (a - b).is_finite() { (a - b).abs() } else { f64::INFINITY })
        .fold(0.0, f64::max)
}
