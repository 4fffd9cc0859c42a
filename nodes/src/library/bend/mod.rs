//! Bends: operations at a site.

pub(crate) mod bend_node;
pub mod blur;
pub mod copy;
pub mod flip;
pub mod freeze;
pub mod gain;
pub mod guidance;
pub mod invert;
pub mod mask;
pub mod noise;
pub mod position;
pub mod quantise;
pub mod renoise;
pub mod reverse;
pub mod roll;
pub mod rotate;
pub mod scale;
pub mod sharpen;
pub mod sharpness;
pub mod shift;
pub mod smear;
pub mod swap;
pub mod threshold;
pub mod timestep;
pub mod tint;
pub mod translate;

pub use bend_node::{AMOUNT, BENDS, OUT, TARGET};
