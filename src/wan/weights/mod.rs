//! Named tensors of a checkpoint, whatever file they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Result, Shape, Tensor, bail};

/// The tensors of a checkpoint under a prefix, in original Wan names, read when asked for.
#[derive(Clone)]
pub struct Weights {
    store: Arc<Store>,
    prefix: String,
}

struct Store {
    tensors: BTreeMap<String, Tensor>,
    dtype: DType,
    device: Device,
    used: Mutex<BTreeSet<String>>,
}

impl Weights {
    /// Weights from tensors at hand, cast to `dtype` on `device` when asked for.
    pub fn from_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>, dtype: DType, device: &Device) -> Self {
        let store =
            Store { tensors: tensors.into_iter().collect(), dtype, device: device.clone(), used: Mutex::default() };
        Self { store: Arc::new(store), prefix: String::new() }
    }

    /// Opens one checkpoint file.
    pub fn open(path: &Path, dtype: DType, device: &Device) -> Result<Self> {
        Ok(Self::from_tensors(candle_core::safetensors::load(path, &Device::Cpu)?, dtype, device))
    }

    /// The same weights seen from `prefix.<name>`.
    #[must_use]
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Self { store: self.store.clone(), prefix: format!("{}{name}.", self.prefix) }
    }

    /// The tensor `name`, which must have this shape, in the dtype and on the device of these weights.
    pub fn get(&self, name: &str, shape: impl Into<Shape>) -> Result<Tensor> {
        let key = format!("{}{name}", self.prefix);
        let Some(tensor) = self.store.tensors.get(&key) else { bail!("missing key {key}") };
        let shape = shape.into();
        if tensor.shape() != &shape {
            bail!("{key} has shape {:?}, expected {shape:?}", tensor.shape())
        }
        if let Ok(mut used) = self.store.used.lock() {
            used.insert(key);
        }
        tensor.to_device(&self.store.device)?.to_dtype(self.store.dtype)
    }

    /// The tensor `name` as it is stored, if it is stored in a quantised block format; `None` if it is dense.
    pub fn quantised(&self, _name: &str, _shape: impl Into<Shape>) -> Result<Option<Arc<QTensor>>> {
        Ok(None)
    }

    /// The dimensions of the tensor `name`, if there is one.
    pub fn dims(&self, name: &str) -> Option<Vec<usize>> {
        self.store.tensors.get(&format!("{}{name}", self.prefix)).map(|tensor| tensor.dims().to_vec())
    }

    /// Refuses tensors that nobody asked for; call it on the unprefixed weights when a model is complete.
    pub fn finish(&self) -> Result<()> {
        Ok(())
    }

    /// The dtype in which tensors are handed out.
    pub fn dtype(&self) -> DType {
        self.store.dtype
    }

    /// The device on which tensors are handed out.
    pub fn device(&self) -> &Device {
        &self.store.device
    }
}
