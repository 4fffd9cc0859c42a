//! Declaration of an input.

use serde_json::{Value as Json, json};

use crate::choice::Choice;
use crate::node::value::Kind;
use crate::program::op::Param;

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
    /// Range of its knob.
    pub soft: (f64, f64),
    /// Limits of any value, also through a cable.
    pub hard: (f64, f64),
    /// The unit of its number.
    pub unit: &'static str,
    /// Scale of the knob.
    pub curve: Curve,
    /// Names of the values 0, 1, …, if it is a choice.
    pub choices: &'static [&'static str],
    /// True if a cable replaces the knob's value instead of moving it.
    pub direct: bool,
    /// Grammar of its text.
    pub grammar: Grammar,
    /// The input with the start of the range of which this one is the end.
    pub begins: Option<&'static str>,
    /// True if a program has one value of this input, that of the last node of the kind.
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
    /// At most this many words, separated by commas.
    Words(usize),
    /// At most this many numbers, separated by commas or spaces. No cable can set them.
    Numbers(usize),
    /// Keys of a curve: see [`crate::grammar::keyframes`]. No cable can set them.
    Keys,
    /// A formula: see [`crate::grammar::expression`]. No cable can set it.
    Expression,
    /// Prompts, one per line or between `|`: see [`crate::grammar::prompts`]. No cable can set them.
    Prompts,
    /// Prompts with their times: see [`crate::grammar::prompts`]. No cable can set them.
    Schedule,
    /// Layers by denoising step: see [`crate::grammar::layers`]. No cable can set them.
    Layers,
}

impl Grammar {
    /// True if it is parsed when the patch is compiled; no cable can set it.
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

    /// An input of this kind with values from a cable only.
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

    /// Default value as in a patch file; none for an input with values from a cable only.
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

    /// As a parameter of a bend's operation. The bend has no effect while all such parameters have their neutral value.
    pub const fn neutral_at(&'static self, neutral: f64) -> Param {
        Param { input: self, neutral: Some(neutral) }
    }

    /// As a parameter of a bend's operation without a neutral value.
    pub const fn option(&'static self) -> Param {
        Param { input: self, neutral: None }
    }

    /// With this range of the knob.
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

    /// A list of at most `most` words, separated by commas.
    #[must_use]
    pub const fn words(mut self, most: usize) -> Self {
        self.grammar = Grammar::Words(most);
        self
    }

    /// A list of at most `most` numbers, separated by commas or spaces.
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

    /// Layers by denoising step.
    #[must_use]
    pub const fn layers(mut self) -> Self {
        self.grammar = Grammar::Layers;
        self
    }

    /// The end of a range, of which another input is the start.
    #[must_use]
    pub const fn ends(mut self, first: &Self) -> Self {
        self.begins = Some(first.name);
        self
    }

    /// As the one such value of a program: see [`Input::unique`].
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
