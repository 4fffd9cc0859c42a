//! The words in which a program speaks to the model: where it acts, and during which kind of model call.

use serde::{Deserialize, Serialize};

/// Where in a layer of the diffusion transformer a bend acts or a tap listens.
///
/// The name of a site is the same in code, patches, panels and documentation: `self.map`, `ffn.hidden`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Site {
    /// The self-attention map, `[heads, queries, keys]`, as a function of its inputs: it is never stored.
    #[serde(rename = "self.map")]
    SelfMap,
    /// The self-attention values of this call's frames and of the cached ones, `[batch, keys, heads, head_dim]`.
    #[serde(rename = "self.value")]
    SelfValue,
    /// The self-attention output after its projection, `[batch, tokens, dim]`.
    #[serde(rename = "self.out")]
    SelfOut,
    /// The cross-attention map, `[heads, queries, prompt tokens]`, as a function of its inputs.
    #[serde(rename = "cross.map")]
    CrossMap,
    /// The cross-attention values of the prompt's tokens, `[batch, prompt tokens, heads, head_dim]`.
    #[serde(rename = "cross.value")]
    CrossValue,
    /// The cross-attention output after its projection, `[batch, tokens, dim]`.
    #[serde(rename = "cross.out")]
    CrossOut,
    /// The input of the feed-forward network, `[batch, tokens, dim]`.
    #[serde(rename = "ffn.in")]
    FfnIn,
    /// The feed-forward neurons after the activation, `[batch, tokens, ffn_dim]`.
    #[serde(rename = "ffn.hidden")]
    FfnHidden,
    /// The output of the feed-forward network, `[batch, tokens, dim]`.
    #[serde(rename = "ffn.out")]
    FfnOut,
}

impl Site {
    /// Every site, in the order in which a layer passes them.
    pub const ALL: [Self; 9] = [
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

    /// The site's name as it is written in patches.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfMap => "self.map",
            Self::SelfValue => "self.value",
            Self::SelfOut => "self.out",
            Self::CrossMap => "cross.map",
            Self::CrossValue => "cross.value",
            Self::CrossOut => "cross.out",
            Self::FfnIn => "ffn.in",
            Self::FfnHidden => "ffn.hidden",
            Self::FfnOut => "ffn.out",
        }
    }
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a model call is for: removing noise, or writing clean features into the KV cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pass {
    /// A denoising step.
    #[default]
    Denoise,
    /// The clean pass (or recomputation) that refreshes the KV cache; its output is not shown.
    Cache,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_written_by_its_name() {
        for site in Site::ALL {
            let json = serde_json::to_string(&site).expect("a site is plain data");
            assert_eq!(json, format!("\"{site}\""));
            assert_eq!(serde_json::from_str::<Site>(&json).expect("its own name reads back"), site);
        }
    }

    #[test]
    fn every_site_is_listed_once() {
        let mut sites = Site::ALL.to_vec();
        sites.sort();
        sites.dedup();
        assert_eq!(sites.len(), Site::ALL.len());
    }
}
