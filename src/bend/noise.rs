//! Noise that a bend asks for: the same for the same seed, node, step, layer and frame, whatever happened before.

use bendrack_nodes::op::Noise;
use candle_core::{Device, Result, Tensor, bail};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::wan::hooks::Place;

/// The noise of one bend at one place.
pub(super) struct SiteNoise<'a> {
    /// The seed of the patch, the node, step and layer.
    key: [u8; 24],
    /// The numbers in the video of the frames that are bent.
    frames: &'a [usize],
}

impl<'a> SiteNoise<'a> {
    pub(super) fn new(seed: u64, node: &str, place: &Place<'_>, frames: &'a [usize]) -> Self {
        let mut key = [0; 24];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(node.as_bytes()).to_le_bytes());
        key[16..20].copy_from_slice(&(place.step as u32).to_le_bytes());
        key[20..].copy_from_slice(&(place.layer as u32).to_le_bytes());
        Self { key, frames }
    }
}

impl Noise for SiteNoise<'_> {
    fn normal(&mut self, like: &Tensor) -> Result<Tensor> {
        let mut dims = like.dims().to_vec();
        if dims.len() < 2 || dims[1] != self.frames.len() {
            bail!("noise for {} frames was asked for a tensor of shape {dims:?}", self.frames.len())
        }
        dims[1] = 1;
        let frame = |&frame: &usize| {
            let mut key = [0; 32];
            key[..24].copy_from_slice(&self.key);
            key[24..].copy_from_slice(&(frame as u64).to_le_bytes());
            let rng = ChaCha8Rng::from_seed(key);
            let values: Vec<f32> = StandardNormal.sample_iter(rng).take(dims.iter().product()).collect();
            Tensor::from_vec(values, dims.as_slice(), &Device::Cpu)
        };
        let frames = self.frames.iter().map(frame).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&frames, 1)?.to_device(like.device())?.to_dtype(like.dtype())
    }
}

/// The FNV-1a hash of a name: the same on every machine and in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
