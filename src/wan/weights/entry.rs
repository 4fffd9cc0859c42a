//! One tensor of a checkpoint, as it is stored.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor, bail};
use half::f16;

use super::bytes::Bytes;

/// A stored tensor: its shape is known, its numbers are read when it is asked for.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) dims: Vec<usize>,
    data: Data,
    /// What the stored numbers are to be multiplied with (fp8 checkpoints).
    pub(super) scale: Option<f32>,
}

#[derive(Clone)]
enum Data {
    Held(Tensor),
    Stored {
        bytes: Bytes,
        encoding: Encoding,
    },
    /// Plain numbers out of order; `bytes` starts at the first, and `strides` count elements.
    Strided {
        bytes: Bytes,
        dtype: DType,
        strides: Vec<usize>,
    },
}

/// How the numbers of a tensor are written in a file.
#[derive(Clone, PartialEq)]
pub(super) enum Encoding {
    Plain(DType),
    /// 8-bit floats with 5 exponent bits, which are the upper halves of f16.
    F8E5M2,
    /// Blocks of numbers that share scales, as in GGUF files.
    Quantised(GgmlDType),
    /// A known number format that no model here computes with; the tensor may be in the file, but not be asked for.
    Unreadable(String),
}

impl Encoding {
    /// Bytes that `elements` numbers take; `None` if the size is unknown, does not come out even, or overflows.
    pub(super) fn size_in_bytes(&self, elements: usize) -> Option<usize> {
        match self {
            Self::Plain(dtype) => elements.checked_mul(dtype.size_in_bytes()),
            Self::F8E5M2 => Some(elements),
            Self::Quantised(dtype) if elements.is_multiple_of(dtype.block_size()) => {
                (elements / dtype.block_size()).checked_mul(dtype.type_size())
            }
            Self::Quantised(_) | Self::Unreadable(_) => None,
        }
    }
}

const MAX_DIMS: usize = 8;

/// The number of elements, if neither it nor any stride overflows and there are not too many dimensions.
pub(super) fn elements(dims: &[usize]) -> Option<usize> {
    if dims.len() > MAX_DIMS {
        return None;
    }
    let span = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim.max(1)))?;
    isize::try_from(span).ok()?;
    Some(if dims.contains(&0) { 0 } else { span })
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
        match encoding {
            Encoding::Plain(dtype) if !is_row_major(&dims, strides) => {
                let data = Data::Strided { bytes, dtype, strides: strides.to_vec() };
                Ok(Self { dims, data, scale: None })
            }
            Encoding::F8E5M2 if !is_row_major(&dims, strides) => bail!("a transposed tensor of 8-bit floats"),
            encoding => Self::stored(dims, bytes, encoding),
        }
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
        let tensor = match &self.data {
            Data::Held(tensor) => tensor.clone(),
            Data::Stored { bytes, encoding } => self.read(bytes.as_slice(), encoding, device)?,
            Data::Strided { bytes, dtype, strides } => {
                let bytes = gather(bytes.as_slice(), &self.dims, strides, dtype.size_in_bytes());
                self.read(&bytes, &Encoding::Plain(*dtype), device)?
            }
        };
        let tensor = match tensor.dtype() {
            // Unpacked on the CPU: not every device computes with 8-bit floats.
            DType::F8E4M3 => tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?,
            _ => tensor,
        };
        let tensor = match self.scale {
            Some(scale) => (tensor.to_dtype(DType::F32)? * f64::from(scale))?,
            None => tensor,
        };
        tensor.to_device(device)?.to_dtype(dtype)
    }

    fn read(&self, bytes: &[u8], encoding: &Encoding, device: &Device) -> Result<Tensor> {
        let dims = self.dims.as_slice();
        match encoding {
            Encoding::Plain(DType::F8E4M3) => Tensor::from_raw_buffer(bytes, DType::F8E4M3, dims, &Device::Cpu),
            Encoding::Plain(dtype) => Tensor::from_raw_buffer(bytes, *dtype, dims, device),
            Encoding::F8E5M2 => {
                let halves: Vec<f16> = bytes.iter().map(|&byte| f16::from_bits(u16::from(byte) << 8)).collect();
                Tensor::from_vec(halves, dims, device)
            }
            Encoding::Quantised(dtype) => self.unpack_blocks(bytes, *dtype, device),
            Encoding::Unreadable(name) => bail!("it is stored as {name}, which cannot be read"),
        }
    }

    /// The tensor as it is stored, if in a quantised block format and unscaled.
    pub(super) fn quantised(&self, device: &Device) -> Result<Option<Arc<QTensor>>> {
        match &self.data {
            Data::Stored { bytes, encoding: Encoding::Quantised(dtype) } if self.scale.is_none() => {
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

/// The part of `storage` that a view of `elements` elements reaches.
fn view_bytes(
    dims: &[usize],
    strides: &[usize],
    offset: usize,
    storage: &Bytes,
    encoding: &Encoding,
    elements: usize,
) -> Option<Bytes> {
    if dims.len() != strides.len() {
        return None;
    }
    let start = encoding.size_in_bytes(offset)?;
    if elements == 0 {
        return storage.part(start, 0);
    }
    let steps = dims.iter().zip(strides).map(|(dim, stride)| (dim - 1).checked_mul(*stride));
    let last = steps.into_iter().try_fold(0usize, |last, step| last.checked_add(step?))?;
    let reach = last.checked_add(1)?;
    // More elements than places means that some are repeated, which could stand for any amount of memory.
    (elements <= reach).then_some(())?;
    storage.part(start, encoding.size_in_bytes(reach)?)
}

fn is_row_major(dims: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    dims.iter().zip(strides).rev().all(|(&dim, &stride)| {
        let fits = dim == 1 || stride == expected;
        expected *= dim;
        fits
    }) || dims.contains(&0)
}

/// Copies the elements of a view, whose bounds have been checked, into row-major order.
fn gather(bytes: &[u8], dims: &[usize], strides: &[usize], size: usize) -> Vec<u8> {
    let (Some((&row, outer)), Some((&step, strides))) = (dims.split_last(), strides.split_last()) else {
        return bytes.to_vec();
    };
    let mut starts = vec![0usize];
    for (&dim, &stride) in outer.iter().zip(strides) {
        starts = starts.iter().flat_map(|start| (0..dim).map(move |at| start + at * stride)).collect();
    }
    let mut gathered = Vec::with_capacity(starts.len() * row * size);
    for start in starts {
        for at in 0..row {
            let from = (start + at * step) * size;
            gathered.extend_from_slice(&bytes[from..from + size]);
        }
    }
    gathered
}
