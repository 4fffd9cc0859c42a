//! Sites of bends and taps.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::choice::choices;
use crate::diagnostics::SyntaxError;

/// A place in a model call for bends and taps.
///
/// The name of a site is the same in code, patches, panels and documentation: `self.map`, `ffn.hidden`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// RoPE positions of the queries of self-attention, `[batch, queries, heads, head_dim]`.
    SelfPosition,
    /// The self-attention map, `[heads, queries, keys]`, as a function of its inputs: it is never stored.
    SelfMap,
    /// The self-attention values of this call's frames and of the cached ones, `[batch, keys, heads, head_dim]`.
    SelfValue,
    /// The self-attention output after its projection, `[batch, tokens, dim]`.
    SelfOut,
    /// The cross-attention map, `[heads, queries, prompt tokens]`, as a function of its inputs.
    CrossMap,
    /// The cross-attention values of the prompt's tokens, `[batch, prompt tokens, heads, head_dim]`.
    CrossValue,
    /// The cross-attention output after its projection, `[batch, tokens, dim]`.
    CrossOut,
    /// The input of the feed-forward network, `[batch, tokens, dim]`.
    FfnIn,
    /// The feed-forward neurons after the activation, `[batch, tokens, ffn_dim]`.
    FfnHidden,
    /// The output of the feed-forward network, `[batch, tokens, dim]`.
    FfnOut,
    /// The noise a chunk starts from, `[1, channels, frames, height, width]`.
    NoiseInit,
    /// The noise added again before each later step, `[1, channels, frames, height, width]`.
    NoiseStep,
    /// The timestep of each frame, an input of the model, 0 to 1000, `[1, frames]`.
    Timestep,
    /// The guidance scale of each latent pixel of a clip, `[1, 1, frames, height, width]`.
    Guidance,
}

choices! {
    /// An axis along which a target selects a part of a site.
    pub enum Axis {
        /// Layers. A site without them lies outside the layers.
        Layers = "layers",
        /// Words of the prompt.
        Words = "words",
        /// Attention heads.
        Heads = "heads",
        /// Feed-forward neurons.
        Neurons = "neurons",
    }
}

impl Site {
    /// Every site of a layer with a hook, in the order in which a layer passes them. [`Self::SelfPosition`] has no
    /// hook: its bends act on the queries at [`Self::SelfMap`].
    pub const LAYER: [Self; 9] = [
        Self::SelfValue,
        Self::SelfMap,
        Self::SelfOut,
        Self::CrossValue,
        Self::CrossMap,
        Self::CrossOut,
        Self::FfnIn,
        Self::FfnHidden,
        Self::FfnOut,
    ];

    /// Every site.
    pub const ALL: [Self; 14] = [
        Self::NoiseInit,
        Self::NoiseStep,
        Self::Timestep,
        Self::Guidance,
        Self::SelfPosition,
        Self::SelfValue,
        Self::SelfMap,
        Self::SelfOut,
        Self::CrossValue,
        Self::CrossMap,
        Self::CrossOut,
        Self::FfnIn,
        Self::FfnHidden,
        Self::FfnOut,
    ];

    /// The site's name in patches.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfPosition => "self.position",
            Self::SelfMap => "self.map",
            Self::SelfValue => "self.value",
            Self::SelfOut => "self.out",
            Self::CrossMap => "cross.map",
            Self::CrossValue => "cross.value",
            Self::CrossOut => "cross.out",
            Self::FfnIn => "ffn.in",
            Self::FfnHidden => "ffn.hidden",
            Self::FfnOut => "ffn.out",
            Self::NoiseInit => "noise.init",
            Self::NoiseStep => "noise.step",
            Self::Timestep => "timestep",
            Self::Guidance => "guidance",
        }
    }

    /// Axes along which a target selects a part; it covers all of the site along the others.
    pub const fn axes(self) -> &'static [Axis] {
        match self {
            Self::NoiseInit | Self::NoiseStep | Self::Timestep | Self::Guidance => &[],
            Self::SelfOut | Self::CrossOut | Self::FfnIn | Self::FfnOut => &[Axis::Layers],
            Self::SelfPosition | Self::SelfMap | Self::SelfValue => &[Axis::Layers, Axis::Heads],
            Self::CrossMap | Self::CrossValue => &[Axis::Layers, Axis::Words, Axis::Heads],
            Self::FfnHidden => &[Axis::Layers, Axis::Neurons],
        }
    }

    /// True if a target selects a part of the site along this axis.
    pub fn has(self, axis: Axis) -> bool {
        self.axes().contains(&axis)
    }

    /// True for an attention map.
    pub const fn is_map(self) -> bool {
        matches!(self, Self::SelfMap | Self::CrossMap)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Site {
    type Err = SyntaxError;

    fn from_str(name: &str) -> Result<Self, SyntaxError> {
        Self::ALL
            .into_iter()
            .find(|site| site.name() == name)
            .ok_or_else(|| SyntaxError::new(format!("unknown site {name:?}; write a site such as {}", Self::CrossMap)))
    }
}

impl Serialize for Site {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_written_by_its_name() {
        for site in Site::ALL {
            assert_eq!(site.to_string().parse(), Ok(site));
            assert_eq!(serde_json::to_string(&site).expect("plain data"), format!("\"{site}\""));
        }
        assert!("cross".parse::<Site>().is_err());
    }

    #[test]
    fn every_site_is_listed_once() {
        let mut sites = Site::ALL.to_vec();
        sites.sort();
        sites.dedup();
        assert_eq!(sites.len(), Site::ALL.len());
        assert!(Site::LAYER.iter().all(|site| sites.contains(site)));
    }
}
