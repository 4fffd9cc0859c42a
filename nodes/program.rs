//! What the ticks of a patch ask of one model call: bends with their targets, taps, prompt, cache policy.
//!
//! A program is plain data. It prints itself, it compares with another bit for bit, and it holds nothing of the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use crate::op::{Lanes, Op};
use crate::target::Target;

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

/// What the ticks of a patch ask of one model call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Program {
    /// The seed of the video and of everything random in it.
    pub seed: u64,
    /// The prompt.
    pub prompt: Arc<str>,
    /// The bends, in the order in which they act.
    pub bends: Vec<Bend>,
    /// What is measured.
    pub taps: Vec<Tap>,
    /// Forget the past before this call.
    pub reset_cache: bool,
    /// What is shown, one source per latent frame of the call; nothing if the patch has no screen.
    pub screen: Vec<Arc<Source>>,
    /// Numbers sent out.
    pub messages: Vec<Message>,
}

/// An operation with its parameters, on a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Bend {
    /// The node that asks for it.
    pub node: Arc<str>,
    /// What it does.
    pub op: &'static Op,
    /// One value per latent frame of the call, for each of the operation's parameters.
    pub params: Vec<Lanes>,
    /// How much of it: 0 is none, 1 is all, per latent frame.
    pub amount: Lanes,
    /// On which part of the site.
    pub target: Arc<Target>,
}

impl Serialize for Bend {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let params: BTreeMap<&str, &Lanes> = self.op.params.iter().copied().zip(&self.params).collect();
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("node", &self.node)?;
        map.serialize_entry("site", &self.op.site)?;
        map.serialize_entry("op", self.op.name)?;
        map.serialize_entry("params", &params)?;
        map.serialize_entry("amount", &self.amount)?;
        map.serialize_entry("target", &self.target)?;
        map.end()
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "prompt {:?}", self.prompt)?;
        if self.reset_cache {
            writeln!(f, "reset the cache")?;
        }
        for bend in &self.bends {
            write!(f, "bend {} {} of {}:", bend.op.site, bend.op.name, bend.node)?;
            for (name, lanes) in bend.op.params.iter().zip(&bend.params) {
                write!(f, " {name} {}", numbers(lanes))?;
            }
            writeln!(f, ", amount {}, on {}", numbers(&bend.amount), bend.target)?;
        }
        for tap in &self.taps {
            writeln!(f, "tap {} of {}, on {}", tap.measure.name(), tap.node, tap.target)?;
        }
        for message in &self.messages {
            writeln!(f, "send {} to {}", numbers(&message.values), message.address)?;
        }
        Ok(())
    }
}

/// Lanes in short: one number if all are the same.
fn numbers(lanes: &[f64]) -> String {
    let text = |x: &f64| {
        // Rounded first, so that almost nothing below 0 is not "-0".
        let rounded = (x * 1e4).round() / 1e4 + 0.0;
        rounded.to_string()
    };
    let mut texts: Vec<String> = lanes.iter().map(text).collect();
    texts.dedup();
    match texts.as_slice() {
        [one] => one.clone(),
        _ => format!("[{}]", lanes.iter().map(text).collect::<Vec<_>>().join(" ")),
    }
}

impl Bend {
    /// Whether it changes nothing, whatever it is given.
    pub fn is_neutral(&self) -> bool {
        let still = |lanes: &Lanes, neutral: f64| lanes.iter().all(|&x| x == neutral);
        self.target.is_empty()
            || still(&self.amount, 0.0)
            || self.params.iter().zip(self.op.neutral).all(|(lanes, &neutral)| still(lanes, neutral))
    }
}

/// A measurement at a site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tap {
    /// The node that asks for it.
    pub node: Arc<str>,
    /// What is measured.
    pub measure: Measure,
    /// On which part of the site; several steps, layers and heads are averaged.
    pub target: Arc<Target>,
}

/// What a tap measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How much each place of the picture attends to the target's words: `[frames, rows, columns]`.
    CrossMap,
    /// The mean activity |h| of each feed-forward neuron: `[neurons]`.
    Neurons,
}

impl Measure {
    /// Its name in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrossMap => "cross_map",
            Self::Neurons => "neurons",
        }
    }
}

/// Where a picture comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The generated picture.
    Model,
    /// What a tap measured, as a picture.
    Tap(Arc<str>),
    /// A measurement in colours, over a picture or alone.
    Heatmap {
        /// The measurement.
        map: Arc<Source>,
        /// What lies below it.
        below: Option<Arc<Source>>,
        /// How much of the measurement covers the picture, 0 to 1.
        amount: f64,
        /// The colour map.
        colours: ColourMap,
    },
    /// Two pictures.
    Composite {
        /// The first.
        a: Arc<Source>,
        /// The second.
        b: Arc<Source>,
        /// How they are put together.
        layout: Layout,
        /// The crossfade, for layouts that have one.
        mix: f64,
    },
}

/// A perceptual colour map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourMap {
    /// Black, purple, orange, pale yellow.
    #[default]
    Inferno,
    /// Purple, green, yellow.
    Viridis,
    /// Black, purple, pale pink.
    Magma,
    /// Shades of grey.
    Grey,
}

/// How two pictures are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Side by side.
    #[default]
    Beside,
    /// One above the other.
    Above,
    /// Mixed.
    Mix,
    /// What differs.
    Difference,
}

/// Numbers sent to another program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The node that sends it.
    pub node: Arc<str>,
    /// Its OSC address.
    pub address: Arc<str>,
    /// One value per latent frame of the call.
    pub values: Lanes,
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
