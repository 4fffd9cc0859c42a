//! Shapes and strides that a file claims, checked before anything is multiplied or allocated.

use super::bytes::Bytes;
use super::encoding::Encoding;

/// No tensor of any model here has more than five dimensions.
pub(super) const MAX_DIMS: usize = 8;

/// The number of elements, if neither it nor any stride overflows and there are not too many dimensions.
pub(super) fn elements(dims: &[usize]) -> Option<usize> {
    if dims.len() > MAX_DIMS {
        return None;
    }
    let span = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim.max(1)))?;
    isize::try_from(span).ok()?;
    Some(if dims.contains(&0) { 0 } else { span })
}

/// The part of `storage` that a view of `elements` elements reaches.
pub(super) fn view_bytes(
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

/// True if strides, in elements, are those of row-major order.
pub(super) fn is_row_major(dims: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    dims.iter().zip(strides).rev().all(|(&dim, &stride)| {
        let fits = dim == 1 || stride == expected;
        expected *= dim;
        fits
    }) || dims.contains(&0)
}

/// Copies the elements of a view, whose bounds have been checked, into row-major order.
pub(super) fn gather(bytes: &[u8], dims: &[usize], strides: &[usize], size: usize) -> Vec<u8> {
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
