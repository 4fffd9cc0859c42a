//! One tensor of a checkpoint, as it is stored.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor, bail};

use super::bytes::Bytes;
use super::encoding::Encoding;
use super::scales::Scales;
use super::view::{elements, gather, is_row_major, view_bytes};

/// A stored tensor: its shape is known, its numbers are read when it is asked for.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) dims: Vec<usize>,
    data: Data,
    /// The factors of the stored numbers (8-bit checkpoints).
    pub(super) scales: Option<Arc<Scales>>,
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
        Self { dims: tensor.dims().to_vec(), data: Data::Held(tensor), scales: None }
    }

    /// A tensor whose numbers lie in `bytes` in row-major order; refused if its shape does not fit the bytes.
    pub(super) fn stored(dims: Vec<usize>, bytes: Bytes, encoding: Encoding) -> Result<Self> {
        let Some(elements) = elements(&dims) else { bail!("the shape {dims:?} is too large") };
        if !matches!(encoding, Encoding::Unreadable(_)) && encoding.size_in_bytes(elements) != Some(bytes.len()) {
            bail!("the shape {dims:?} does not fit its {} bytes", bytes.len())
        }
        Ok(Self { dims, data: Data::Stored { bytes, encoding }, scales: None })
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
        Ok(Self { dims, data: Data::Strided { bytes, encoding, strides: strides.to_vec() }, scales: None })
    }

    /// Takes a shape of as many numbers; a tensor whose numbers are out of order keeps its own.
    pub(super) fn reshape(&mut self, dims: Vec<usize>) {
        if matches!(self.data, Data::Stored { .. }) && elements(&dims) == elements(&self.dims) {
            self.dims = dims;
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

    /// True if its rows can be read one by one: a matrix of real numbers in row-major order.
    pub(super) fn has_rows(&self) -> bool {
        let Data::Stored { bytes, encoding } = &self.data else { return false };
        self.dims.len() == 2 && encoding.is_real() && !bytes.as_slice().is_empty()
    }

    /// The bytes that it takes in its file; none for one in memory.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        match &self.data {
            Data::Held(_) => None,
            Data::Stored { bytes, .. } | Data::Strided { bytes, .. } => Some(bytes.len() as u64),
        }
    }

    /// True if it is stored in less than 16 bits for each number.
    pub(super) fn is_packed(&self) -> bool {
        matches!(&self.data, Data::Stored { encoding, .. } if encoding.is_packed())
    }

    /// The numbers in place, if they are stored in f32 where an f32 may lie.
    pub(super) fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            Data::Stored { bytes, encoding: Encoding::Plain(DType::F32) } if self.scales.is_none() => {
                bytemuck::try_cast_slice(bytes.as_slice()).ok().filter(|_| cfg!(target_endian = "little"))
            }
            _ => None,
        }
    }

    /// Writes whole rows of a matrix from `first` on into `out`, in f32.
    pub(super) fn widen(&self, first: usize, out: &mut [f32]) -> Result<()> {
        let (Data::Stored { bytes, encoding }, &[rows, columns]) = (&self.data, &self.dims[..]) else {
            bail!("it has no rows in order")
        };
        let count = out.len().checked_div(columns).unwrap_or(0);
        if count * columns != out.len() || first.checked_add(count).is_none_or(|end| end > rows) {
            bail!("rows from {first} on, {} numbers in all, are not in {rows} rows of {columns}", out.len())
        }
        let part = encoding.size_in_bytes(first * columns).zip(encoding.size_in_bytes(count * columns));
        let Some(part) = part.and_then(|(start, len)| bytes.as_slice().get(start..start + len)) else {
            bail!("rows of {columns} numbers do not come out even")
        };
        encoding.widen(part, out)?;
        if let Some(scales) = &self.scales {
            scales.scale_rows(first, columns, out);
        }
        Ok(())
    }

    /// Gives the memory of its pages back to the system, which reads them again when they are needed.
    pub(super) fn release(&self) {
        if let Data::Stored { bytes, .. } | Data::Strided { bytes, .. } = &self.data {
            bytes.release();
        }
    }

    fn read(&self, bytes: &[u8], encoding: &Encoding, dtype: DType, device: &Device) -> Result<Tensor> {
        let dims = self.dims.as_slice();
        match encoding {
            Encoding::Plain(stored) => self.scaled(&Tensor::from_raw_buffer(bytes, *stored, dims, device)?, dtype),
            Encoding::Byte(byte) => byte.unpack(bytes, self.scales.as_deref(), dims, dtype)?.to_device(device),
            Encoding::Iq4(iq4) => self.scaled(&iq4.unpack(bytes, dims)?.to_device(device)?, dtype),
            Encoding::Quantized(blocks) => self.scaled(&self.unpack_blocks(bytes, *blocks, device)?, dtype),
            Encoding::Unreadable(name) => bail!("it is stored as {name}, which cannot be read"),
        }
    }

    fn scaled(&self, tensor: &Tensor, dtype: DType) -> Result<Tensor> {
        let Some(scales) = &self.scales else { return tensor.to_dtype(dtype) };
        let numbers = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let mut scaled = Vec::with_capacity(numbers.len());
        scales.each_run(&numbers, &self.dims, |run, scale| scaled.extend(run.iter().map(|number| number * scale)));
        Tensor::from_vec(scaled, self.dims.as_slice(), tensor.device())?.to_dtype(dtype)
    }

    /// The tensor as it is stored, if in a quantised block format and unscaled.
    pub(super) fn quantized(&self, device: &Device) -> Result<Option<Arc<QTensor>>> {
        match &self.data {
            Data::Stored { bytes, encoding: Encoding::Quantized(dtype) } if self.scales.is_none() => {
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
