//! A linear layer whose weight is dense or stays quantised in memory.

use candle_core::quantized::QMatMul;
use candle_core::{Module, Result, Tensor};

use super::ops;
use super::weights::Weights;

/// `y = x Wᵀ + b` over the last axis.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

#[derive(Debug, Clone)]
enum Weight {
    /// `[out, in]` in the compute dtype.
    Dense(Tensor),
    /// A GGUF block format, multiplied without being unpacked as a whole.
    Quantised(QMatMul),
}

impl Linear {
    /// Reads `<name>.weight` `[out_dim, in_dim]` and `<name>.bias` `[out_dim]`.
    pub fn load(weights: &Weights, name: &str, in_dim: usize, out_dim: usize) -> Result<Self> {
        let bias = weights.get(&format!("{name}.bias"), out_dim)?;
        Ok(Self { bias: Some(bias), ..Self::load_no_bias(weights, name, in_dim, out_dim)? })
    }

    /// Reads `<name>.weight` `[out_dim, in_dim]` only.
    pub fn load_no_bias(weights: &Weights, name: &str, in_dim: usize, out_dim: usize) -> Result<Self> {
        let name = format!("{name}.weight");
        let weight = match weights.quantised(&name, (out_dim, in_dim))? {
            Some(quantised) => Weight::Quantised(QMatMul::from_arc(quantised)?),
            None => Weight::Dense(weights.get(&name, (out_dim, in_dim))?),
        };
        Ok(Self { weight, bias: None })
    }
}

impl Module for Linear {
    /// x `[.., in]` to `[.., out]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Dense(weight) => ops::linear(x, weight, self.bias.as_ref()),
            Weight::Quantised(weight) => {
                let y = weight.forward(x)?;
                match &self.bias {
                    Some(bias) => y.broadcast_add(bias),
                    None => Ok(y),
                }
            }
        }
    }
}
