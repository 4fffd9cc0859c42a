//! A factor of a covariance.

use candle_core::{DType, Device, Result, Tensor};

/// Matrices R `[heads, columns, columns]` with `Rᵀ R = Bᵀ B` for a basis B `[heads, keys, columns]`. Standard normal
/// rows have the same distribution times R as times B.
pub(super) fn factor(basis: &Tensor) -> Result<Tensor> {
    let gram = basis.transpose(1, 2)?.matmul(basis)?;
    let (heads, n, _) = gram.dims3()?;
    let mut values: Vec<f64> = gram.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    values.chunks_exact_mut(n * n).for_each(|matrix| cholesky(matrix, n));
    Tensor::from_vec(values, (heads, n, n), &Device::Cpu)?.to_device(basis.device())?.to_dtype(basis.dtype())
}

/// Replaces a positive semidefinite matrix by the upper triangle R with `Rᵀ R` equal to it. A direction with no variance left, up to
/// rounding, becomes 0.
fn cholesky(matrix: &mut [f64], n: usize) {
    const ROUNDING: f64 = 1e-7;
    let largest = (0..n).map(|i| matrix[i * n + i]).fold(0.0, f64::max);
    for i in 0..n {
        let pivot = matrix[i * n + i];
        let scale = if pivot > ROUNDING * largest { 1.0 / pivot.sqrt() } else { 0.0 };
        matrix[i * n..(i + 1) * n].iter_mut().for_each(|x| *x *= scale);
        matrix[i * n..i * n + i].fill(0.0);
        let (done, rest) = matrix.split_at_mut((i + 1) * n);
        let row = &done[i * n..];
        for (j, below) in rest.chunks_exact_mut(n).enumerate() {
            let weight = row[i + 1 + j];
            below.iter_mut().zip(row).for_each(|(x, y)| *x -= weight * y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_has_the_same_covariance_also_of_few_keys() -> Result<()> {
        for keys in [3, 40] {
            let basis = Tensor::randn(0.0f32, 1.0, (2, keys, 7), &Device::Cpu)?;
            let basis = Tensor::cat(&[&basis, &basis.narrow(2, 0, 1)?, &basis.zeros_like()?.narrow(2, 0, 1)?], 2)?;
            let square = |x: &Tensor| x.transpose(1, 2)?.contiguous()?.matmul(x);
            let difference = (square(&factor(&basis)?)? - square(&basis)?)?.abs()?.flatten_all()?.max(0)?;
            // The entries are sums of about as many squares as there are keys.
            assert!(difference.to_scalar::<f32>()? < 1e-2, "{difference}");
        }
        Ok(())
    }
}
