//! A matrix that stays in memory as it is stored, and is widened to f32 row by row.

use std::fmt;
use std::str::FromStr;

use candle_core::{Device, Result, Tensor};

use super::entry::Entry;
use crate::wan::error::About;

/// The numbers that a large matrix is multiplied in, on the CPU; sums are in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// f32: exact for every format.
    #[default]
    F32,
    /// bf16, as on a GPU: both factors are rounded. It takes less time on processors with AVX-512 BF16, and more on others.
    Bf16,
}

impl Products {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::F32, Self::Bf16];

    /// The name in commands and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl fmt::Display for Products {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Products {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|products| products.name() == name);
        found.ok_or_else(|| format!("there are no products in {name:?}; choose from f32, bf16"))
    }
}

/// A matrix `[rows, columns]` in the number format of its file. Its numbers stay in the mapped file; pages of it that are not in use can be
/// released.
#[derive(Clone)]
pub struct StoredMatrix {
    entry: Entry,
    /// The file and the name, for errors.
    name: String,
    rows: usize,
    columns: usize,
    products: Products,
}

impl StoredMatrix {
    /// A matrix; none for tensors of other dimensions.
    pub(super) fn new(entry: &Entry, name: String, products: Products) -> Option<Self> {
        let &[rows, columns] = &entry.dims[..] else { return None };
        Some(Self { entry: entry.clone(), name, rows, columns, products })
    }

    /// The numbers that it is multiplied in.
    pub const fn products(&self) -> Products {
        self.products
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
