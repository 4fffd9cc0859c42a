//! The scratch state of the canvas in one frame of the window.

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Patch, Port};
use eframe::egui::layers::ShapeIdx;
use eframe::egui::{Pos2, Rect};

/// The geometry of the canvas in one frame, and the state of the pointer.
pub struct CanvasFrame {
    /// The zoom; 1 is 100 %.
    pub zoom: f32,
    /// The drawn ports.
    pub ports: Vec<DrawnPort>,
    /// The rectangles of the drawn nodes.
    pub rects: BTreeMap<String, Rect>,
    /// The nodes drawn as dots.
    pub dots: Vec<String>,
    /// The cable whose free end follows the pointer.
    pub pending: Option<PendingCable>,
    /// The scroll of the wheel over a knob, in points.
    pub wheel: f32,
    /// True if the pointer is over a knob of a node.
    pub over_knob: bool,
    /// The knobs of nodes, without choices and switches.
    pub knobs: Vec<(Rect, Port)>,
    /// The knob that is dragged onto another one.
    pub linked: Option<Port>,
    /// The node that is being drawn.
    pub node: NodeScratch,
    /// Backgrounds of nodes without a title bar. The canvas removes the box that the crate draws beneath each.
    pub bare: Vec<ShapeIdx>,
    /// The outputs and inputs with a cable.
    wired: (BTreeSet<Port>, BTreeSet<Port>),
}

/// The scratch state of the node that is being drawn.
#[derive(Default)]
pub struct NodeScratch {
    /// The reserved shape for the body, beneath everything else on the node.
    pub background: Option<ShapeIdx>,
    /// The ports, which are painted with the body.
    pub ports: Vec<DrawnPort>,
}

/// A port at its place on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnPort {
    /// The port.
    pub port: Port,
    /// The kind of its values.
    pub kind: Kind,
    /// True for an output.
    pub output: bool,
    /// Its centre.
    pub at: Pos2,
}

/// A cable with one free end.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCable {
    /// The port at the fixed end.
    pub port: Port,
    /// The kind of its values.
    pub kind: Kind,
    /// True if the fixed end is an output.
    pub from_output: bool,
}

impl PendingCable {
    /// True if the free end fits a port.
    pub fn fits(&self, port: &DrawnPort) -> bool {
        port.output != self.from_output
            && port.port.node != self.port.node
            && if self.from_output { port.kind.accepts(self.kind) } else { self.kind.accepts(port.kind) }
    }
}

impl Default for CanvasFrame {
    fn default() -> Self {
        Self {
            zoom: 1.0,
            ports: Vec::new(),
            rects: BTreeMap::new(),
            dots: Vec::new(),
            pending: None,
            wheel: 0.0,
            over_knob: false,
            knobs: Vec::new(),
            linked: None,
            node: NodeScratch::default(),
            bare: Vec::new(),
            wired: Default::default(),
        }
    }
}

impl CanvasFrame {
    /// Clears the geometry of the previous frame.
    pub fn clear(&mut self) {
        self.ports.clear();
        self.rects.clear();
        self.bare.clear();
        self.knobs.clear();
        self.over_knob = false;
    }

    /// Updates the set of ports with a cable.
    pub fn update_wired(&mut self, patch: &Patch) {
        let outputs = patch.cables.iter().map(|cable| cable.from.clone()).collect();
        self.wired = (outputs, patch.cables.iter().map(|cable| cable.to.clone()).collect());
    }

    /// True if a port has a cable.
    pub fn is_wired(&self, port: &Port, output: bool) -> bool {
        if output { self.wired.0.contains(port) } else { self.wired.1.contains(port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cable_fits_only_other_nodes_on_the_other_side() {
        let port = |port: &str, kind, output| DrawnPort { port: port.parse().unwrap(), kind, output, at: Pos2::ZERO };
        let pending = PendingCable { port: "a.out".parse().unwrap(), kind: Kind::Gate, from_output: true };
        assert!(pending.fits(&port("b.rate", Kind::Number, false)));
        assert!(!pending.fits(&port("b.out", Kind::Number, true)));
        assert!(!pending.fits(&port("a.reset", Kind::Gate, false)), "its own node");
        assert!(!pending.fits(&port("b.text", Kind::Text, false)));
    }
}
