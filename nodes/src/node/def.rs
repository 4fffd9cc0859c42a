//! Declaration of a node: one constant in its own file.
//!
//! A [`NodeDef`] is the one source of the node's panel, JSON, page in the documentation, MIDI range and general tests.

use serde_json::Value as Json;

use crate::diagnostics::suggest::Named;
use crate::input::ControlName;
use crate::node::context::NodeContext;
use crate::node::value::Kind;

pub use crate::node::face::{Image, Scope, View};
pub use crate::node::input::{Curve, DefaultValue, Grammar, Input};
pub use crate::node::output::{Latency, Output};

/// A kind of node.
#[derive(Debug)]
pub struct NodeDef {
    /// Its name in patches: family, `.` and words joined by `_`, in lower case.
    pub name: &'static str,
    /// Its name on the panel.
    pub title: &'static str,
    /// Help: one sentence.
    pub about: &'static str,
    /// Its inputs; every parameter is one.
    pub inputs: &'static [Input],
    /// Its outputs.
    pub outputs: &'static [Output],
    /// Count of numbers in its memory; they start at 0.
    pub memory: usize,
    /// Count of texts in its memory; they start empty.
    pub texts: usize,
    /// True if the outputs depend on the inputs alone; the node then runs only when they change.
    pub pure: bool,
    /// True if the node also runs while it is bypassed, and handles the bypass itself.
    pub sees_bypass: bool,
    /// Its face on a canvas; without one, [`NodeDef::face`] derives it from the outputs.
    pub view: Option<View>,
    /// The control of a device that it reads, if it reads one.
    pub reads: Option<Reads>,
    /// One tick.
    pub run: fn(&mut NodeContext<'_>),
}

/// The control that a node reads, for learning and for the monitor of devices.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    /// Values of the inputs with which the node reads a control; none if it cannot.
    pub values: fn(&ControlName) -> Option<Values>,
    /// The input with the name of the device.
    pub device: Option<&'static Input>,
    /// The input with the index of the number in a message.
    pub index: Option<&'static Input>,
}

/// Values of inputs.
pub type Values = Vec<(&'static Input, Json)>;

impl NodeDef {
    /// A node without ports, memory or effect: the rest of each declaration.
    pub const BASE: Self = Self {
        name: "",
        title: "",
        about: "",
        inputs: &[],
        outputs: &[],
        memory: 0,
        texts: 0,
        pure: false,
        sees_bypass: false,
        view: None,
        reads: None,
        run: |_| {},
    };

    /// The family in lists of nodes: its name up to the first dot.
    pub fn family(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Its face on a canvas. The default is rows, with the trace of its first number or gate unless any output is
    /// measured by the model call.
    pub fn face(&self) -> View {
        if let Some(view) = self.view {
            return view;
        }
        let is_measured = self.outputs.iter().any(|output| output.latency == Some(Latency::Call));
        match self.outputs.iter().find(|output| matches!(output.kind, Kind::Number | Kind::Gate)) {
            Some(of) if !is_measured => View::Trace { of },
            _ => View::Rows,
        }
    }

    /// True if the node is a note, a number, a scope or a reroute: without effect on any value.
    pub fn is_display(&self) -> bool {
        match self.view {
            Some(View::Note { .. } | View::Number { .. } | View::Scope(_) | View::Reroute { .. }) => true,
            Some(View::Rows | View::Trace { .. } | View::Picture(_)) | None => false,
        }
    }

    /// The input of this name.
    pub fn input(&self, name: &str) -> Option<(usize, &'static Input)> {
        self.inputs.iter().enumerate().find(|(_, input)| input.name == name)
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<(usize, &'static Output)> {
        self.outputs.iter().enumerate().find(|(_, output)| output.name == name)
    }
}

impl Named for &'static NodeDef {
    fn name(&self) -> &str {
        self.name
    }

    fn title(&self) -> Option<&str> {
        Some(self.title)
    }
}
