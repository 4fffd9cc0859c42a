//! Bends and taps that cannot act as the patch asks.

use std::sync::Arc;

use bendrack_nodes::choice::Choice;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::pick::Pick;
use bendrack_nodes::program::region::Shape;
use bendrack_nodes::program::target::{NeuronSet, Target};
use bendrack_nodes::program::{Axis, Bend, Measure, Program};

use super::resolve;
use crate::wan::config::Config;
use crate::wan::text::Tokens;

/// The most tokens of a freeze. Each takes the memory of one output channel of a head, in every layer and step.
pub(super) const MOST_FROZEN: usize = 64;

/// Bends and taps that have no effect under this prompt, model and number of denoising steps: the id of the node, and a message.
pub fn warnings(program: &Program, tokens: &Tokens, config: &Config, steps: usize) -> Vec<(Arc<str>, String)> {
    let mut warnings = Vec::new();
    for bend in &program.bends {
        let mut warn = |message| warnings.push((bend.node.clone(), message));
        of_target(&bend.target, program, tokens, (config, steps), &mut warn);
        if let Some(Pick::These(list)) = &bend.with {
            list.0.iter().filter_map(|word| missing(word, tokens, config)).for_each(&mut warn);
        }
        let count = resolve::rows(&bend.target.words, tokens, config.text_len).into_iter().filter(|row| *row).count();
        if matches!(bend.op.form, Form::Freeze { .. }) && count > MOST_FROZEN {
            warn(format!("the target names {count} tokens, and a freeze holds {MOST_FROZEN}; name fewer words"));
        }
        for axis in ignored_axes(bend).map(Axis::name) {
            warn(format!("{} has no {axis}, so the bend acts on all of it; remove {axis} from the target", bend.site));
        }
    }
    for tap in &program.taps {
        for part in tap.target.parts() {
            let mut warn = |message| warnings.push((tap.node.clone(), message));
            of_target(part, program, tokens, (config, steps), &mut warn);
            if matches!(tap.measure, Measure::Concept { .. }) && !part.words.is_all() {
                warn(
                    "the words of the target have no effect on a concept map; write them into its own field".to_owned(),
                );
            }
            if !part.region.is_all() {
                warn("the region of a tap's target has no effect; connect the region to the tap's input `region` and read `mass`".to_owned());
            }
        }
    }
    warnings.sort();
    warnings.dedup();
    warnings
}

/// Axes along which the target of a bend selects a part, and its site has none.
fn ignored_axes(bend: &Bend) -> impl Iterator<Item = Axis> {
    Axis::ALL.iter().copied().filter(|&axis| !bend.site.has(axis) && !bend.target.is_all_along(axis))
}

fn of_target(
    target: &Target,
    program: &Program,
    tokens: &Tokens,
    (config, steps): (&Config, usize),
    warn: &mut dyn FnMut(String),
) {
    let words = target.words.leaves().into_iter().flat_map(|list| &list.0);
    words.filter_map(|word| missing(word, tokens, config)).for_each(&mut *warn);
    let neurons = target.neurons.leaves().into_iter().filter_map(|leaf| match leaf {
        NeuronSet::Set(set) => Some(("neuron", set, config.ffn_dim)),
        NeuronSet::MostActive(_) => None,
    });
    let sets = [
        ("step", &target.steps, steps),
        ("layer", &target.layers, config.layers),
        ("head", &target.heads, config.heads),
    ];
    for (axis, set, count) in sets.into_iter().chain(neurons) {
        if !set.is_all() && !(0..count).any(|index| set.contains(index)) {
            warn(format!("{axis} {set} does not exist: the model has 0 to {}", count - 1));
        }
    }
    for shape in target.region.leaves() {
        if let Shape::Map { tap, .. } = shape
            && !program.taps.iter().any(|known| known.node == *tap)
        {
            warn("the region has no map; connect a tap, or choose another shape".to_owned());
        }
    }
}

/// The warning for a word that the prompt does not have.
fn missing(word: &str, tokens: &Tokens, config: &Config) -> Option<String> {
    let found = !resolve::word_rows(word, tokens, config.text_len).is_empty();
    (!found).then(|| format!("{word:?} is not in the prompt {:?}", tokens.prompt))
}
