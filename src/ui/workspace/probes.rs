//! Probes: taps that the panels on screen ask for, frame by frame of the window. A panel that is not shown costs nothing.

use std::fmt;
use std::sync::Arc;

use bendrack_nodes::program::region::Region;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{Passes, Selection, Target, words};
use bendrack_nodes::program::{Fuse, Measure, Pass, Tap};

use crate::engine::{ModelShape, Taps};
use crate::media::Map;

/// A measurement that a panel shows, in the last denoising step: there the picture is clearest, and one step costs least.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// The attention of each place to a word, over all layers and heads.
    Word(String),
    /// The attention of one place to each other place, over all layers and heads. The place is from 0 to 1, from the left and the top.
    Look([f64; 2]),
    /// The activity of each neuron of a layer.
    Neurons(usize),
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "word {word}"),
            Self::Look([x, y]) => write!(f, "look from {x:.3}, {y:.3}"),
            Self::Neurons(layer) => write!(f, "neurons of layer {layer}"),
        }
    }
}

impl Probe {
    fn tap(&self, shape: ModelShape) -> Tap {
        let step = shape.steps.saturating_sub(1);
        let last = Target { steps: Set::range(step, step), pass: Passes::DENOISE, ..Target::default() };
        let (measure, target) = match self {
            Self::Word(word) => (Measure::CrossMap, Target { words: words(word), ..last }),
            Self::Look([x, y]) => (Measure::SelfMap { x: *x, y: *y }, last),
            Self::Neurons(layer) => (Measure::Neurons, Target { layers: Set::range(*layer, *layer), ..last }),
        };
        Tap {
            node: self.to_string().into(),
            measure,
            target: Arc::new(Selection::from(target)),
            fuse: Fuse::Mean,
            threshold: 0.5,
            region: Region::default(),
        }
    }
}

/// The probes of the window, and their measurements at the frame on screen.
#[derive(Default)]
pub struct Probes {
    /// The counts of the model's parts, once it is loaded.
    pub model: Option<ModelShape>,
    /// The model call under way: its pass and step.
    pub call: Option<(Pass, usize)>,
    maps: Arc<Taps>,
    wanted: Vec<Probe>,
    /// The probes of the latest taps, and the shape of the model that they were made for.
    sent: (Option<ModelShape>, Vec<Probe>),
}

impl Probes {
    /// The measurements of a frame.
    pub fn take(&mut self, maps: &Arc<Taps>) {
        self.maps = Arc::clone(maps);
    }

    /// Asks for a measurement in this frame of the window. The latest one, once there is one.
    pub fn want(&mut self, probe: Probe) -> Option<&Map> {
        let name = probe.to_string();
        if !self.wanted.contains(&probe) {
            self.wanted.push(probe);
        }
        self.maps.get(name.as_str())
    }

    /// The latest measurement of this name.
    pub fn map(&self, name: &str) -> Option<&Map> {
        self.maps.get(name)
    }

    /// The taps for the engine, if they differ from those before. Ends the frame of the window.
    pub fn changed(&mut self) -> Option<Arc<[Tap]>> {
        let wanted = std::mem::take(&mut self.wanted);
        let model = self.model?;
        let sent = (Some(model), wanted);
        // Before the first probe, no taps are the taps of none.
        if sent == self.sent || (self.sent.1.is_empty() && sent.1.is_empty()) {
            return None;
        }
        self.sent = sent;
        Some(self.sent.1.iter().map(|probe| probe.tap(model)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_follow_what_the_panels_want() {
        let mut probes = Probes::default();
        probes.want(Probe::Neurons(2));
        assert_eq!(probes.changed(), None, "no model yet");
        probes.model = Some(ModelShape { layers: 6, steps: 4, heads: 4, neurons: 512 });
        for _ in 0..2 {
            probes.want(Probe::Neurons(2));
            probes.want(Probe::Word("cat".into()));
            probes.want(Probe::Word("cat".into()));
        }
        let taps = probes.changed().expect("a change");
        let texts: Vec<String> = taps.iter().map(|tap| format!("{}: {}", tap.node, tap.target)).collect();
        let wanted =
            ["neurons of layer 2: steps 3, layers 2, pass denoise", "word cat: steps 3, words cat, pass denoise"];
        assert_eq!(texts, wanted);
        probes.want(Probe::Neurons(2));
        probes.want(Probe::Word("cat".into()));
        assert_eq!(probes.changed(), None, "as before");
        probes.model = Some(ModelShape { layers: 6, steps: 50, heads: 4, neurons: 512 });
        probes.want(Probe::Neurons(2));
        probes.want(Probe::Word("cat".into()));
        let taps = probes.changed().expect("another last step");
        assert!(taps.iter().all(|tap| tap.target.to_string().contains("steps 49")), "{:?}", taps[0].target);
        assert_eq!(probes.changed().map(|taps| taps.len()), Some(0), "nothing is shown");
    }
}
