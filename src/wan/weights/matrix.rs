//! A matrix that stays in memory as it is stored, and is widened to f32 row by row.

use std::fmt;

use candle_core::{Device, Result, Tensor};

use super::entry::Entry;
use crate::wan::error::About;

/// A matrix `[rows, columns]` in the number format of its file. Its numbers stay in the mapped file; pages of it that are not in use can be
/// released.
#[derive(Clone)]
pub struct StoredMatrix {
    entry: Entry,
    /// The file and the name, for errors.
    name: String,
    rows: usize,
    columns: usize,
}

impl StoredMatrix {
    /// A matrix; none for tensors of other dimensions.
    pub(super) fn new(entry: &Entry, name: String) -> Option<Self> {
        let &[rows, columns] = &entry.dims[..] else { return None };
        Some(Self { entry: entry.clone(), name, rows, columns })
    }

    /// The number of rows.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// The numbers in place, if they are stored in f32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        self.entry.as_f32()
    }

    /// Writes whole rows from `first` on into `out`, in f32.
    ///
    /// # Errors
    ///
    /// Fails if the rows are not there.
    pub fn widen(&self, first: usize, out: &mut [f32]) -> Result<()> {
        self.entry.widen(first, out).about(&self.name)
    }

    /// These rows as a tensor `[ids, columns]` in f32.
    ///
    /// # Errors
    ///
    /// Fails if a row is not there.
    pub fn select(&self, ids: &[u32]) -> Result<Tensor> {
        let mut numbers = vec![0.0; ids.len() * self.columns];
        for (id, row) in ids.iter().zip(numbers.chunks_exact_mut(self.columns.max(1))) {
            self.widen(*id as usize, row)?;
        }
        Tensor::from_vec(numbers, (ids.len(), self.columns), &Device::Cpu)
    }

    /// Gives the memory of its pages back to the system, which reads them again when they are needed.
    pub fn release(&self) {
        self.entry.release();
    }
}

impl fmt::Debug for StoredMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredMatrix({}, [{}, {}])", self.name, self.rows, self.columns)
    }
}
