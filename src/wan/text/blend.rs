//! Interpolation of two prompt embeddings: lerp and slerp.

use bendrack_nodes::program::BlendMethod;
use candle_core::{DType, Result, Tensor};

/// Embeddings a and b `[batch, rows, width]`, mixed row by row: all a at 0, all b at 1.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn blend(a: &Tensor, b: &Tensor, amount: f64, method: BlendMethod) -> Result<Tensor> {
    let rows = a.dim(1)?.max(b.dim(1)?);
    let pad = |x: &Tensor| x.pad_with_zeros(1, 0, rows - x.dim(1)?)?.to_dtype(DType::F32);
    let dtype = a.dtype();
    let (a, b) = (pad(a)?, pad(b)?);
    let mixed = match method {
        BlendMethod::Lerp => ((&a * (1.0 - amount))? + (&b * amount)?)?,
        BlendMethod::Slerp => slerp(&a, &b, amount)?,
    };
    mixed.to_dtype(dtype)
}

/// Spherical interpolation, row by row; linear for zero or parallel rows.
fn slerp(a: &Tensor, b: &Tensor, amount: f64) -> Result<Tensor> {
    const SMALLEST_ANGLE: f64 = 1e-3;
    let (_, rows, _) = a.dims3()?;
    let weights = |a: &Tensor, b: &Tensor| -> Result<(f32, f32)> {
        let product =
            |x: &Tensor, y: &Tensor| -> Result<f64> { Ok(f64::from((x * y)?.sum_all()?.to_scalar::<f32>()?)) };
        let lengths = (product(a, a)? * product(b, b)?).sqrt();
        let angle = if lengths > 0.0 { (product(a, b)? / lengths).clamp(-1.0, 1.0).acos() } else { 0.0 };
        let straight = !(SMALLEST_ANGLE..=std::f64::consts::PI - SMALLEST_ANGLE).contains(&angle);
        let weight = |part: f64| if straight { part } else { (part * angle).sin() / angle.sin() };
        Ok((weight(1.0 - amount) as f32, weight(amount) as f32))
    };
    let weights = (0..rows).map(|row| weights(&a.narrow(1, row, 1)?, &b.narrow(1, row, 1)?));
    let (of_a, of_b): (Vec<f32>, Vec<f32>) = weights.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let column = |weights: Vec<f32>| Tensor::from_vec(weights, (1, rows, 1), a.device());
    a.broadcast_mul(&column(of_a)?)? + b.broadcast_mul(&column(of_b)?)?
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_arc_keeps_the_length_and_the_line_does_not() -> Result<()> {
        let a = Tensor::new(&[[[2.0f32, 0.0], [0.0, 0.0]]], &Device::Cpu)?;
        let b = Tensor::new(&[[[0.0f32, 2.0]]], &Device::Cpu)?;
        let at = |amount, method| blend(&a, &b, amount, method)?.get(0)?.to_vec2::<f32>();
        for method in [BlendMethod::Lerp, BlendMethod::Slerp] {
            assert_eq!(at(0.0, method)?[0], [2.0, 0.0]);
            assert!((at(1.0, method)?[0][1] - 2.0).abs() < 1e-6);
            assert_eq!(at(0.5, method)?[1], [0.0, 0.0], "padding stays padding");
        }
        assert_eq!(at(0.5, BlendMethod::Lerp)?[0], [1.0, 1.0]);
        let half = &at(0.5, BlendMethod::Slerp)?[0];
        assert!(half.iter().all(|x| (x - 2.0f32.sqrt()).abs() < 1e-5), "{half:?}");
        Ok(())
    }
}
