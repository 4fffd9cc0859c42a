//! The checked-in tiny causal model with random weights, for tests that are not about its numbers.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use std::path::PathBuf;
use std::sync::Arc;

use bendrack::wan::transformer::{Context, Transformer};
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Tensor};

/// Height and width of its latents here.
pub const PICTURE: (usize, usize) = (4, 6);

/// The folder of checked-in recordings.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Its weights.
pub fn weights(dtype: DType) -> Weights {
    Weights::open(&folder().join("causal/weights.safetensors"), dtype, &Device::Cpu).expect("the weights open")
}

/// The model.
pub fn model(dtype: DType) -> Arc<Transformer> {
    let config = std::fs::read(folder().join("causal/config.json")).expect("a config");
    let config = serde_json::from_slice(&config).expect("JSON");
    Arc::new(Transformer::load(&weights(dtype), Some(&config)).expect("the weights load"))
}

/// Recorded tensors of the causal model.
pub fn recorded(name: &str) -> Tensor {
    let path = folder().join("causal/io_sf_global.safetensors");
    let mut tensors = candle_core::safetensors::load(path, &Device::Cpu).expect("a recording");
    tensors.remove(name).unwrap_or_else(|| panic!("no {name}"))
}

/// A prompt, scaled by `gain`.
pub fn context(model: &Transformer, gain: f64) -> Arc<Context> {
    Arc::new(recorded("in.context").affine(gain, 0.0).and_then(|x| model.context(&x)).expect("a context"))
}

/// The largest absolute difference; infinite if there is none.
pub fn difference(a: &Tensor, b: &Tensor) -> f64 {
    let difference = || (a - b)?.abs()?.flatten_all()?.max(0)?.to_dtype(DType::F64)?.to_scalar::<f64>();
    difference().ok().filter(|x| x.is_finite()).unwrap_or(f64::INFINITY)
}

/// Asserts that no bit differs.
#[track_caller]
pub fn assert_same(what: &str, a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims(), "{what}: shape");
    let difference = difference(a, b);
    assert!(difference == 0.0, "{what}: differs by {difference:.3e}");
}
