//! Declaration of a node: one constant in its own file.
//!
//! A [`NodeDef`] is the one source of the node's panel, JSON, page in the documentation, MIDI range and general tests.

use serde_json::{Value as Json, json};

use crate::choice::Choice;
use crate::diagnostics::suggest::Words;
use crate::node::context::NodeContext;
use crate::node::value::Kind;
use crate::program::op::Param;

/// A kind of node.
#[derive(Debug)]
pub struct NodeDef {
    /// Its name in patches: lower case, words joined by `_`, families by `.`.
    pub name: &'static str,
    /// Its name on the panel.
    pub title: &'static str,
    /// Help: one sentence.
    pub about: &'static str,
    /// Its inputs; every parameter is one.
    pub inputs: &'static [Input],
    /// Its outputs.
    pub outputs: &'static [Output],
    /// Count of remembered numbers; they start at 0.
    pub memory: usize,
    /// Count of remembered texts; there are none at the start.
    pub texts: usize,
    /// True if the outputs depend on the inputs alone; the node then runs only when they change.
    pub pure: bool,
    /// True if the node also runs while it is bypassed, and handles the bypass itself.
    pub sees_bypass: bool,
    /// Its face on a canvas; without one, [`NodeDef::face`] derives it from the outputs.
    pub view: Option<View>,
    /// The MIDI input that it learns, if it is one.
    pub learns: Option<Learns>,
    /// One tick.
    pub run: fn(&mut NodeContext<'_>),
}

/// The face of a node on a canvas.
#[derive(Clone, Copy, Debug)]
pub enum View {
    /// Rows only.
    Rows,
    /// Rows and the trace of an output.
    Trace {
        /// The number or gate in the trace.
        of: &'static Output,
    },
    /// Rows and a picture.
    Picture(Image),
    /// Text on paper, without a title or rows.
    Note {
        /// The text.
        text: &'static Input,
    },
    /// A number in large digits.
    Number {
        /// The number.
        of: &'static Output,
    },
    /// A number over time.
    Scope(Scope),
    /// A dot on a cable.
    Reroute {
        /// The side that a cable enters.
        input: &'static Input,
        /// The side that it leaves.
        out: &'static Output,
    },
}

/// The ports of a scope.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The number.
    pub input: &'static Input,
    /// Lower end of the drawn range.
    pub low: &'static Input,
    /// Upper end of the drawn range.
    pub high: &'static Input,
    /// Time span of the drawing, in seconds.
    pub window: &'static Input,
    /// The number, passed on.
    pub out: &'static Output,
}

/// The picture on the face of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// The picture of the model.
    Model,
    /// The picture that the patch outputs.
    Output,
    /// The map that the node measures.
    Map,
}

/// The MIDI input that a node learns.
#[derive(Clone, Copy, Debug)]
pub struct Learns {
    /// Its kind.
    pub kind: MidiKind,
    /// The input that learning sets to the channel.
    pub channel: &'static Input,
    /// The input that learning sets to the number.
    pub number: &'static Input,
}

/// A kind of MIDI input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MidiKind {
    /// A controller.
    Controller,
    /// A note.
    Note,
}

impl NodeDef {
    /// Defaults of a declaration: a node without ports, memory or effect.
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
        learns: None,
        run: |_| {},
    };

    /// The family it is listed under: what stands before the first dot of its name.
    pub fn family(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Its face on a canvas. By default, rows and the trace of its first number or gate; no trace if a model call measures it.
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

    /// True if the node only displays on the canvas, or passes a value on.
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

impl Words for &'static NodeDef {
    fn name(&self) -> &str {
        self.name
    }

    fn title(&self) -> Option<&str> {
        Some(self.title)
    }
}

/// An input of a node, with a value from a knob, a text field or a cable.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// Its name in patches and on the panel.
    pub name: &'static str,
    /// Help: one sentence.
    pub about: &'static str,
    /// Kind of cables it accepts.
    pub kind: Kind,
    /// Default value.
    pub default: DefaultValue,
    /// The travel of its knob.
    pub soft: (f64, f64),
    /// Hard limits.
    pub hard: (f64, f64),
    /// The unit of its number.
    pub unit: &'static str,
    /// Scale of the knob.
    pub curve: Curve,
    /// Names of the values 0, 1, …, if it is a choice.
    pub choices: &'static [&'static str],
    /// A cable replaces the knob instead of moving it.
    pub direct: bool,
    /// Grammar of its text.
    pub grammar: Grammar,
    /// The input where the range begins that ends here.
    pub begins: Option<&'static str>,
    /// True if a program has only one value of this input. A later node of the kind then replaces it.
    pub unique: bool,
}

/// Default value of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DefaultValue {
    /// A number; choices and gates are numbers too.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// Nothing: no target (all of the site), no bends, no picture.
    Nothing,
}

/// Grammar of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grammar {
    /// Anything.
    #[default]
    Free,
    /// An OSC address, such as `/bend/1`.
    Address,
    /// Words, separated by commas; this many at most.
    Words(usize),
    /// Numbers, separated by commas or spaces; this many at most. They are written, never wired.
    Numbers(usize),
    /// Keys of a curve: see [`crate::grammar::keyframes`]. They are written, never wired.
    Keys,
    /// A formula: see [`crate::grammar::expression`]. It is written, never wired.
    Expression,
    /// Prompts, one per line or between `|`: see [`crate::grammar::prompts`]. They are written, never wired.
    Prompts,
    /// Prompts with their times: see [`crate::grammar::prompts`]. They are written, never wired.
    Schedule,
}

impl Grammar {
    /// True if it is read once, when the patch is compiled; no cable can set it.
    pub const fn is_compiled(self) -> bool {
        !matches!(self, Self::Free | Self::Address | Self::Words(_))
    }
}

/// Scale of a knob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    /// Even steps.
    #[default]
    Linear,
    /// Even ratios; the range must not contain 0.
    Log,
}

/// Age of an output's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// In the frame before.
    Frame,
    /// In the model call before, which measured it.
    Call,
}

/// An output of a node.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Its name in patches and on the panel.
    pub name: &'static str,
    /// Help: one sentence.
    pub about: &'static str,
    /// Kind of its value.
    pub kind: Kind,
    /// The delay of its value, if any; cables from it may then feed back.
    pub latency: Option<Latency>,
    /// The input that goes through to it when the node is bypassed.
    pub passes: Option<&'static str>,
}

impl Input {
    const fn new(name: &'static str, kind: Kind, default: DefaultValue, about: &'static str) -> Self {
        Self {
            name,
            about,
            kind,
            default,
            soft: (0.0, 1.0),
            hard: (-1e9, 1e9),
            unit: "",
            curve: Curve::Linear,
            choices: &[],
            direct: false,
            grammar: Grammar::Free,
            begins: None,
            unique: false,
        }
    }

    /// A number with a knob.
    pub const fn number(name: &'static str, default: f64, about: &'static str) -> Self {
        Self::new(name, Kind::Number, DefaultValue::Number(default), about)
    }

    /// A number that a cable replaces.
    pub const fn direct(name: &'static str, default: f64, about: &'static str) -> Self {
        let mut input = Self::number(name, default, about);
        input.direct = true;
        input
    }

    /// A number that a cable replaces. Without a cable and a written number, the input has none: see
    /// [`NodeContext::has`](crate::node::context::NodeContext::has).
    pub const fn optional(name: &'static str, about: &'static str) -> Self {
        let mut input = Self::new(name, Kind::Number, DefaultValue::Nothing, about);
        input.direct = true;
        input
    }

    /// On or off.
    pub const fn gate(name: &'static str, default: bool, about: &'static str) -> Self {
        let default = if default { 1.0 } else { 0.0 };
        let mut input = Self::new(name, Kind::Gate, DefaultValue::Number(default), about).hard(0.0, 1.0);
        input.direct = true;
        input
    }

    /// One of several names; the first is the default.
    pub const fn choice(name: &'static str, choices: &'static [&'static str], about: &'static str) -> Self {
        let last = (choices.len() - 1) as f64;
        let mut input = Self::number(name, 0.0, about).soft(0.0, last).hard(0.0, last);
        input.choices = choices;
        input
    }

    /// One of the choices of a type; the first is the default.
    pub const fn choice_of<T: Choice>(name: &'static str, about: &'static str) -> Self {
        Self::choice(name, T::CHOICES, about)
    }

    /// With another default than its first choice.
    #[must_use]
    pub const fn chosen(mut self, index: usize) -> Self {
        self.default = DefaultValue::Number(index as f64);
        self
    }

    /// A text.
    pub const fn text(name: &'static str, default: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text, DefaultValue::Text(default), about)
    }

    /// Something only a cable can give.
    pub const fn socket(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self::new(name, kind, DefaultValue::Nothing, about)
    }

    /// Default number, for a choice its index; 0 without one.
    pub const fn default_number(&self) -> f64 {
        match self.default {
            DefaultValue::Number(number) => number,
            DefaultValue::Text(_) | DefaultValue::Nothing => 0.0,
        }
    }

    /// Default choice, if the input is one.
    pub fn default_choice(&self) -> Option<&'static str> {
        self.choices.get(self.default_number() as usize).copied()
    }

    /// Default value in the form of a patch file; none for what only a cable gives.
    pub fn default_json(&self) -> Option<Json> {
        match self.default {
            DefaultValue::Number(number) if self.kind == Kind::Gate => Some(json!(number >= 0.5)),
            DefaultValue::Number(_) if !self.choices.is_empty() => self.default_choice().map(|choice| json!(choice)),
            DefaultValue::Number(number) => Some(json!(number)),
            DefaultValue::Text(text) => Some(json!(text)),
            DefaultValue::Nothing => None,
        }
    }

    /// True if a cable moves the knob by a depth; otherwise the arriving value replaces the knob's.
    pub fn is_modulated(&self) -> bool {
        self.kind == Kind::Number && !self.direct
    }

    /// As a parameter of a bend's operation, which changes nothing while each such parameter has its neutral value.
    pub const fn neutral_at(&'static self, neutral: f64) -> Param {
        Param { input: self, neutral: Some(neutral) }
    }

    /// As a parameter of a bend's operation that has no effect of its own.
    pub const fn option(&'static self) -> Param {
        Param { input: self, neutral: None }
    }

    /// With this travel of the knob.
    #[must_use]
    pub const fn soft(mut self, low: f64, high: f64) -> Self {
        self.soft = (low, high);
        self
    }

    /// With these limits.
    #[must_use]
    pub const fn hard(mut self, low: f64, high: f64) -> Self {
        self.hard = (low, high);
        self
    }

    /// In this unit.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// An OSC address.
    #[must_use]
    pub const fn address(mut self) -> Self {
        self.grammar = Grammar::Address;
        self
    }

    /// A list of at most so many words, separated by commas.
    #[must_use]
    pub const fn words(mut self, most: usize) -> Self {
        self.grammar = Grammar::Words(most);
        self
    }

    /// A list of at most so many numbers, separated by commas or spaces.
    #[must_use]
    pub const fn numbers(mut self, most: usize) -> Self {
        self.grammar = Grammar::Numbers(most);
        self
    }

    /// The keys of a curve.
    #[must_use]
    pub const fn keys(mut self) -> Self {
        self.grammar = Grammar::Keys;
        self
    }

    /// A formula.
    #[must_use]
    pub const fn expression(mut self) -> Self {
        self.grammar = Grammar::Expression;
        self
    }

    /// A list of prompts.
    #[must_use]
    pub const fn prompts(mut self) -> Self {
        self.grammar = Grammar::Prompts;
        self
    }

    /// Prompts with their times.
    #[must_use]
    pub const fn schedule(mut self) -> Self {
        self.grammar = Grammar::Schedule;
        self
    }

    /// The end of the range that begins at another input.
    #[must_use]
    pub const fn ends(mut self, first: &Self) -> Self {
        self.begins = Some(first.name);
        self
    }

    /// Marks an input of which a program has only one value.
    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// With a knob that turns in even ratios.
    #[must_use]
    pub const fn log(mut self) -> Self {
        self.curve = Curve::Log;
        self
    }
}

impl Output {
    /// A number.
    pub const fn number(name: &'static str, about: &'static str) -> Self {
        Self::of(name, Kind::Number, about)
    }

    /// On or off, or the moments at which something happens.
    pub const fn gate(name: &'static str, about: &'static str) -> Self {
        Self::of(name, Kind::Gate, about)
    }

    /// Something else.
    pub const fn of(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, about, kind, latency: None, passes: None }
    }

    /// The same output, fed by this input when the node is bypassed. Without one, it gives 0, off, or nothing.
    #[must_use]
    pub const fn passes(mut self, input: &Input) -> Self {
        self.passes = Some(input.name);
        self
    }

    /// Measured in the model call before.
    #[must_use]
    pub const fn late(mut self) -> Self {
        self.latency = Some(Latency::Call);
        self
    }

    /// Adds a delay of one frame.
    #[must_use]
    pub const fn delayed(mut self) -> Self {
        self.latency = Some(Latency::Frame);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_has_the_form_of_a_patch_file() {
        let choice = Input::choice("shape", &["sine", "saw"], "").chosen(1);
        for (input, number, default) in [
            (Input::number("rate", 0.5, ""), 0.5, json!(0.5)),
            (Input::gate("reset", true, ""), 1.0, json!(true)),
            (Input::gate("reset", false, ""), 0.0, json!(false)),
            (choice, 1.0, json!("saw")),
            (Input::text("text", "a cat", ""), 0.0, json!("a cat")),
        ] {
            assert_eq!(input.default_number(), number, "{}", input.name);
            assert_eq!(input.default_json(), Some(default), "{}", input.name);
        }
        assert_eq!(choice.default_choice(), Some("saw"));
        for input in [Input::optional("seed", ""), Input::socket("target", Kind::Target, "")] {
            assert_eq!(input.default_json(), None, "{}", input.name);
        }
    }
}
