//! One tensor of a checkpoint, as it is stored.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor, bail};

use super::bytes::Bytes;
use super::encoding::Encoding;
use super::view::{elements, gather, is_row_major, view_bytes};

/// A stored tensor: its shape is known, its numbers are read when it is asked for.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) dims: Vec<usize>,
    data: Data,
    /// The factor of the stored numbers (fp8 checkpoints).
    pub(super) scale: Option<f32>,
}

#[derive(Clone)]
enum Data {
    Held(Tensor),
    Stored {
        bytes: Bytes,
        encoding: Encoding,
    },
    /// Numbers out of order; `bytes` starts at the first, and `strides` count elements.
    Strided {
        bytes: Bytes,
        encoding: Encoding,
        strides: Vec<usize>,
    },
}

impl Entry {
    pub(super) fn held(tensor: Tensor) -> Self {
        Self { dims: tensor.dims().to_vec(), data: Data::Held(tensor), scale: None }
    }

    /// A tensor whose numbers lie in `bytes` in row-major order; refused if its shape does not fit the bytes.
    pub(super) fn stored(dims: Vec<usize>, bytes: Bytes, encoding: Encoding) -> Result<Self> {
        let Some(elements) = elements(&dims) else { bail!("the shape {dims:?} is too large") };
        if !matches!(encoding, Encoding::Unreadable(_)) && encoding.size_in_bytes(elements) != Some(bytes.len()) {
            bail!("the shape {dims:?} does not fit its {} bytes", bytes.len())
        }
        Ok(Self { dims, data: Data::Stored { bytes, encoding }, scale: None })
    }

    /// A view into `storage`, from element `offset` on; refused if it reaches outside or repeats elements.
    pub(super) fn view(
        dims: Vec<usize>,
        strides: &[usize],
        offset: usize,
        storage: &Bytes,
        encoding: Encoding,
    ) -> Result<Self> {
        let bytes = match (elements(&dims), &encoding) {
            (Some(_), Encoding::Unreadable(_)) => storage.part(0, 0),
            (Some(elements), encoding) => view_bytes(&dims, strides, offset, storage, encoding, elements),
            (None, _) => None,
        };
        let Some(bytes) = bytes else {
            bail!("a view of shape {dims:?} with strides {strides:?} from {offset} on does not fit its storage")
        };
        if is_row_major(&dims, strides) || matches!(encoding, Encoding::Unreadable(_)) {
            return Self::stored(dims, bytes, encoding);
        }
        Ok(Self { dims, data: Data::Strided { bytes, encoding, strides: strides.to_vec() }, scale: None })
    }

    /// The stored bytes, if they lie in a file.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Held(_) => None,
            Data::Stored { bytes, .. } | Data::Strided { bytes, .. } => Some(bytes.as_slice()),
        }
    }

    /// Reads the tensor, unpacks and scales it.
    pub(super) fn tensor(&self, dtype: DType, device: &Device) -> Result<Tensor> {
        match &self.data {
            Data::Held(tensor) => self.scaled(&tensor.to_device(device)?, dtype),
            Data::Stored { bytes, encoding } => self.read(bytes.as_slice(), encoding, dtype, device),
            Data::Strided { bytes, encoding, strides } => {
                let size = encoding.size_in_bytes(1).unwrap_or(0);
                let bytes = gather(bytes.as_slice(), &self.dims, strides, size);
                self.read(&bytes, encoding, dtype, device)
            }
        }
    }

    fn read(&self, bytes: &[u8], encoding: &Encoding, dtype: DType, device: &Device) -> Result<Tensor> {
        let dims = self.dims.as_slice();
        match encoding {
            Encoding::Plain(stored) => self.scaled(&Tensor::from_raw_buffer(bytes, *stored, dims, device)?, dtype),
            Encoding::Fp8(fp8) => fp8.unpack(bytes, self.scale.unwrap_or(1.0), dims, dtype)?.to_device(device),
            Encoding::Quantized(blocks) => self.scaled(&self.unpack_blocks(bytes, *blocks, device)?, dtype),
            Encoding::Unreadable(name) => bail!("it is stored as {name}, which cannot be read"),
        }
    }

    fn scaled(&self, tensor: &Tensor, dtype: DType) -> Result<Tensor> {
        match self.scale {
            Some(scale) => (tensor.to_dtype(DType::F32)? * f64::from(scale))?.to_dtype(dtype),
            None => tensor.to_dtype(dtype),
        }
    }

    /// The tensor as it is stored, if in a quantised block format and unscaled.
    pub(super) fn quantized(&self, device: &Device) -> Result<Option<Arc<QTensor>>> {
        match &self.data {
            Data::Stored { bytes, encoding: Encoding::Quantized(dtype) } if self.scale.is_none() => {
                self.blocks(bytes.as_slice(), *dtype, device).map(|blocks| Some(Arc::new(blocks)))
            }
            _ => Ok(None),
        }
    }

    fn unpack_blocks(&self, bytes: &[u8], dtype: GgmlDType, device: &Device) -> Result<Tensor> {
        if bytes.is_empty() {
            return Tensor::zeros(self.dims.as_slice(), DType::F32, device);
        }
        self.blocks(bytes, dtype, device)?.dequantize(device)
    }

    fn blocks(&self, bytes: &[u8], dtype: GgmlDType, device: &Device) -> Result<QTensor> {
        QTensor::new(QStorage::from_data(Cow::Borrowed(bytes), device, dtype)?, self.dims.as_slice())
    }
}
