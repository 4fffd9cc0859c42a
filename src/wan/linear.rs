//! A linear layer whose weight is dense, or stays as it is stored.

use candle_core::{DType, Module, Result, Tensor};
use candle_transformers::quantized_nn;

use super::ops;
use super::weights::{StoredMatrix, Weights};

/// `y = x Wᵀ + b` over the last axis.
#[derive(Debug, Clone)]
pub enum Linear {
    /// In the compute dtype.
    Dense {
        /// `[out, in]`
        weight: Tensor,
        /// `[out]`
        bias: Option<Tensor>,
    },
    /// On the CPU: in the number format of the file, and widened to f32 piece by piece in every product.
    Stored {
        /// `[out, in]`
        weight: StoredMatrix,
        /// `[out]`
        bias: Option<Tensor>,
    },
    /// On a GPU: a GGUF block format, multiplied without being unpacked as a whole.
    Quantized(quantized_nn::Linear),
}

impl Linear {
    /// Reads `<name>.weight` `[out_dim, in_dim]` and `<name>.bias` `[out_dim]`.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, name: &str, in_dim: usize, out_dim: usize) -> Result<Self> {
        let bias = weights.get(&format!("{name}.bias"), out_dim)?;
        Self::with_bias(weights, name, in_dim, out_dim, Some(bias))
    }

    /// Reads `<name>.weight` `[out_dim, in_dim]` only.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load_no_bias(weights: &Weights, name: &str, in_dim: usize, out_dim: usize) -> Result<Self> {
        Self::with_bias(weights, name, in_dim, out_dim, None)
    }

    fn with_bias(weights: &Weights, name: &str, in_dim: usize, out_dim: usize, bias: Option<Tensor>) -> Result<Self> {
        let name = format!("{name}.weight");
        if let Some(weight) = weights.stored(&name, (out_dim, in_dim))? {
            return Ok(Self::Stored { weight, bias });
        }
        match weights.quantized(&name, (out_dim, in_dim))? {
            Some(weight) => {
                let bias = bias.map(|bias| bias.to_dtype(DType::F32)).transpose()?;
                Ok(Self::Quantized(quantized_nn::Linear::from_arc(weight, bias)?))
            }
            None => Ok(Self::Dense { weight: weights.get(&name, (out_dim, in_dim))?, bias }),
        }
    }

    /// Gives the memory of a stored weight back to the system, which reads it again when it is needed.
    pub fn release(&self) {
        if let Self::Stored { weight, .. } = self {
            weight.release();
        }
    }
}

impl Module for Linear {
    /// x `[.., in]` to `[.., out]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense { weight, bias } => ops::linear(x, weight, bias.as_ref()),
            Self::Stored { weight, bias } => ops::linear_stored(x, weight, bias.as_ref()),
            // Block formats are multiplied in f32.
            Self::Quantized(linear) => linear.forward(&x.to_dtype(DType::F32)?)?.to_dtype(x.dtype()),
        }
    }
}
