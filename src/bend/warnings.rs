//! What a program asks for and cannot have.

use std::sync::Arc;

use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::pick::Pick;
use bendrack_nodes::program::region::Shape;
use bendrack_nodes::program::target::{NeuronSet, Target};
use bendrack_nodes::program::{Program, Site};

use super::aim;
use crate::wan::config::Config;
use crate::wan::text::Tokens;

/// Tokens whose maps can be held, at most: each takes as much memory as an attention head's output channel, in every layer and step.
pub(super) const MOST_FROZEN: usize = 64;

/// Bends and taps that cannot act as they are asked to under this prompt and model, and why: the id of the node, and a sentence.
pub fn warnings(program: &Program, tokens: &Tokens, config: &Config) -> Vec<(Arc<str>, String)> {
    let mut warnings = Vec::new();
    for bend in &program.bends {
        let mut say = |sentence| warnings.push((bend.node.clone(), sentence));
        of_target(&bend.target, program, tokens, config, &mut say);
        if let Some(Pick::These(list)) = &bend.with {
            list.0.iter().filter_map(|word| missing(word, tokens, config)).for_each(&mut say);
        }
        let meant = aim::rows(&bend.target.words, tokens, config.text_len).into_iter().filter(|row| *row).count();
        if matches!(bend.op.form, Form::Freeze) && meant > MOST_FROZEN {
            say(format!("{meant} tokens are too many to hold; aim it at words of at most {MOST_FROZEN}"));
        }
        let axes = [("words", bend.target.words.is_all()), ("heads", bend.target.heads.is_all())];
        let unknown = match bend.site {
            Site::CrossMap | Site::CrossValue => &[][..],
            Site::SelfMap | Site::SelfValue | Site::SelfPosition => &axes[..1],
            _ => &axes,
        };
        for (axis, _) in unknown.iter().filter(|(_, is_all)| !is_all) {
            say(format!("{} has no {axis}, so it is bent whatever they are", bend.site));
        }
    }
    for tap in &program.taps {
        for part in tap.target.parts() {
            let mut say = |sentence| warnings.push((tap.node.clone(), sentence));
            of_target(part, program, tokens, config, &mut say);
            if !part.region.is_all() {
                say("a tap measures the whole picture, whatever region it is aimed at; its input region tells the mass there".to_owned());
            }
        }
    }
    warnings.sort();
    warnings.dedup();
    warnings
}

fn of_target(target: &Target, program: &Program, tokens: &Tokens, config: &Config, say: &mut dyn FnMut(String)) {
    let words = target.words.leaves().into_iter().flat_map(|list| &list.0);
    words.filter_map(|word| missing(word, tokens, config)).for_each(&mut *say);
    let neurons = target.neurons.leaves().into_iter().filter_map(|leaf| match leaf {
        NeuronSet::Set(set) => Some(("neuron", set, config.ffn_dim)),
        NeuronSet::MostActive(_) => None,
    });
    let sets = [("layer", &target.layers, config.layers), ("head", &target.heads, config.heads)];
    for (axis, set, count) in sets.into_iter().chain(neurons) {
        if !set.is_all() && !(0..count).any(|index| set.contains(index)) {
            say(format!("{axis} {set} is past the model's last, {}", count - 1));
        }
    }
    for shape in target.region.leaves() {
        if let Shape::Map { tap, .. } = shape
            && !program.taps.iter().any(|known| known.node == *tap)
        {
            say("the region has no map; wire a tap to it, or choose another shape".to_owned());
        }
    }
}

/// What is wrong with a word that the prompt does not have.
fn missing(word: &str, tokens: &Tokens, config: &Config) -> Option<String> {
    let found = !aim::positions(word, tokens, config.text_len).is_empty();
    (!found).then(|| format!("{word:?} is not in the prompt {:?}", tokens.prompt))
}
