//! A prompt: its text, its mix, and the policy for past frames when it changes.

use std::sync::Arc;

use crate::program::{Blend, BlendMethod, Switch};

/// A prompt: a text, or a mix of two, and the policy for past frames when it changes.
///
/// Only the model reads the mix. Readers of plain text get the nearer side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// The text; of a mix the nearer side, at the middle the first.
    pub text: Arc<str>,
    /// The other side of a mix, and its share: half at most.
    pub blend: Option<Blend>,
    /// Policy for past frames when the prompt changes; without one, the default of the model's family.
    pub switch: Option<Switch>,
}

impl Prompt {
    /// A mix of two texts: all a at 0, all b at 1.
    pub fn mix(a: Arc<str>, b: Arc<str>, amount: f64, method: BlendMethod) -> Self {
        if amount > 0.5 {
            return Self::mix(b, a, 1.0 - amount, method);
        }
        let is_mixed = amount > 0.0 && a != b;
        let blend = is_mixed.then_some(Blend { prompt: b, amount, method });
        Self { text: a, blend, switch: None }
    }

    /// True for prompts of the same shared texts. Contents are not compared.
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        let blend = match (&self.blend, &other.blend) {
            (Some(a), Some(b)) => {
                Arc::ptr_eq(&a.prompt, &b.prompt) && a.amount.to_bits() == b.amount.to_bits() && a.method == b.method
            }
            (None, None) => true,
            _ => false,
        };
        blend && Arc::ptr_eq(&self.text, &other.text) && self.switch == other.switch
    }
}

impl From<Arc<str>> for Prompt {
    fn from(text: Arc<str>) -> Self {
        Self { text, ..Self::default() }
    }
}
