//! The change of one tensor by a LoRA.

use candle_core::{D, DType, Result, Tensor, bail};

use crate::wan::weights::entry::Entry;

/// A change of one tensor, times a strength.
#[derive(Clone)]
pub(in super::super) struct Delta {
    form: Form,
    strength: f64,
}

#[derive(Clone)]
enum Form {
    /// `W' = W + D`, of a tensor of any shape.
    Whole(Entry),
    /// A change of a matrix. Weights of more dimensions count as matrices `[out, the rest]`.
    Matrix(Box<MatrixChange>),
}

/// `W' = W + scale · D`, then rows of given lengths.
#[derive(Clone)]
pub(super) struct MatrixChange {
    pub(super) product: Product,
    pub(super) scale: f64,
    /// The length of each row of W', `[out]` or `[out, 1]` (DoRA).
    pub(super) magnitude: Option<Entry>,
}

/// A matrix as a product of smaller ones.
#[derive(Clone)]
pub(super) enum Product {
    /// `B A` (LoRA).
    One(Matrix),
    /// `(B₁ A₁) ∘ (B₂ A₂)` (LoHa).
    Hadamard(Matrix, Matrix),
    /// `W₁ ⊗ W₂` (LoKr).
    Kronecker(Matrix, Matrix),
}

/// A matrix of a file, whole or as the product of two.
#[derive(Clone)]
pub(super) enum Matrix {
    /// `[out, in]`
    Whole(Entry),
    /// `[out, rank]` and `[rank, in]`
    Product(Entry, Entry),
}

/// Added to the length of a row, which may be 0.
const SMALLEST_LENGTH: f64 = 1e-12;

impl Delta {
    /// A whole difference.
    pub(super) const fn whole(difference: Entry, strength: f64) -> Self {
        Self { form: Form::Whole(difference), strength }
    }

    /// A change of a matrix.
    pub(super) const fn matrix(change: Box<MatrixChange>, strength: f64) -> Self {
        Self { form: Form::Matrix(change), strength }
    }

    /// Releases the pages of its files.
    pub(in super::super) fn release(&self) {
        match &self.form {
            Form::Whole(entry) => entry.release(),
            Form::Matrix(change) => match &change.product {
                Product::One(matrix) => matrix.release(),
                Product::Hadamard(a, b) | Product::Kronecker(a, b) => [a, b].into_iter().for_each(Matrix::release),
            },
        }
    }

    /// A tensor in f32, changed.
    pub(in super::super) fn add_to(&self, weight: &Tensor) -> Result<Tensor> {
        let change = match &self.form {
            Form::Whole(difference) => difference.tensor(DType::F32, weight.device())?,
            Form::Matrix(change) => change.of(&weight.flatten_from(1)?)?.reshape(weight.shape())?,
        };
        weight + (change * self.strength)?
    }
}

impl MatrixChange {
    /// Checks that it changes a weight of these dimensions; else the reason why not.
    pub(super) fn fit(&self, dims: &[usize]) -> std::result::Result<(), String> {
        let [rows, columns] = self.product.dims().map_err(|error| error.to_string())?;
        if dims.len() < 2 || dims[0] != rows || dims[1..].iter().product::<usize>() != columns {
            return Err(format!("a change of shape [{rows}, {columns}] for {dims:?}"));
        }
        match &self.magnitude {
            Some(magnitude) if magnitude.dims.iter().product::<usize>() != rows => {
                Err(format!("magnitudes of shape {:?} for {rows} rows", magnitude.dims))
            }
            _ => Ok(()),
        }
    }

    /// The change of a matrix in f32.
    fn of(&self, weight: &Tensor) -> Result<Tensor> {
        let change = (self.product.tensor(weight)? * self.scale)?;
        let Some(magnitude) = &self.magnitude else { return Ok(change) };
        let changed = (weight + change)?;
        let length = (changed.sqr()?.sum_keepdim(D::Minus1)?.sqrt()? + SMALLEST_LENGTH)?;
        let magnitude = magnitude.tensor(DType::F32, weight.device())?.reshape(length.shape())?;
        changed.broadcast_mul(&(magnitude / length)?)? - weight
    }
}

impl Product {
    /// Rows and columns.
    pub(super) fn dims(&self) -> Result<[usize; 2]> {
        match self {
            Self::One(matrix) => matrix.dims(),
            Self::Hadamard(a, b) => match (a.dims()?, b.dims()?) {
                (a, b) if a == b => Ok(a),
                (a, b) => bail!("the factors {a:?} and {b:?} do not fit each other"),
            },
            Self::Kronecker(a, b) => {
                let ([rows, columns], [inner_rows, inner_columns]) = (a.dims()?, b.dims()?);
                let product = rows.checked_mul(inner_rows).zip(columns.checked_mul(inner_columns));
                product.map_or_else(|| bail!("the factors are too large"), |(rows, columns)| Ok([rows, columns]))
            }
        }
    }

    /// The rank; `None` if no matrix is a product.
    pub(super) fn rank(&self) -> Option<usize> {
        match self {
            Self::One(matrix) | Self::Hadamard(_, matrix) => matrix.rank(),
            Self::Kronecker(a, b) => b.rank().or_else(|| a.rank()),
        }
    }

    fn tensor(&self, on: &Tensor) -> Result<Tensor> {
        match self {
            Self::One(matrix) => matrix.tensor(on),
            Self::Hadamard(a, b) => a.tensor(on)? * b.tensor(on)?,
            Self::Kronecker(a, b) => {
                let ([rows, columns], [inner_rows, inner_columns]) = (a.dims()?, b.dims()?);
                let a = a.tensor(on)?.reshape((rows, 1, columns, 1))?;
                let b = b.tensor(on)?.reshape((1, inner_rows, 1, inner_columns))?;
                a.broadcast_mul(&b)?.reshape((rows * inner_rows, columns * inner_columns))
            }
        }
    }
}

impl Matrix {
    fn dims(&self) -> Result<[usize; 2]> {
        match self {
            Self::Whole(entry) => flat(entry),
            Self::Product(up, down) => match (flat(up)?, flat(down)?) {
                ([rows, rank], [same, columns]) if rank == same && rank > 0 => Ok([rows, columns]),
                _ => bail!("{:?} times {:?} does not fit", up.dims, down.dims),
            },
        }
    }

    fn release(&self) {
        match self {
            Self::Whole(entry) => entry.release(),
            Self::Product(up, down) => [up, down].into_iter().for_each(Entry::release),
        }
    }

    fn rank(&self) -> Option<usize> {
        match self {
            Self::Whole(_) => None,
            Self::Product(_, down) => down.dims.first().copied(),
        }
    }

    fn tensor(&self, on: &Tensor) -> Result<Tensor> {
        let read = |entry: &Entry| {
            let [rows, columns] = flat(entry)?;
            entry.tensor(DType::F32, on.device())?.reshape((rows, columns))
        };
        match self {
            Self::Whole(entry) => read(entry),
            Self::Product(up, down) => read(up)?.matmul(&read(down)?),
        }
    }
}

/// Rows and columns of a tensor as a matrix: its first dimension, and the product of the rest.
fn flat(entry: &Entry) -> Result<[usize; 2]> {
    match entry.dims[..] {
        [rows, ref rest @ ..] if !rest.is_empty() => Ok([rows, rest.iter().product()]),
        _ => bail!("a factor of shape {:?} is no matrix", entry.dims),
    }
}
