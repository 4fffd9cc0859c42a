//! Exchanges the maps of two words.

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::op::{Form, Op};
use crate::site::Site;
use crate::target::{MOST_WORDS, listed_words};

const WORDS: Input =
    Input::text("words", "", "The words that change places with those of the target.").words(MOST_WORDS);

const OP: Op = Op { name: "swap", params: &[], neutral: &[], choices: &[], form: Form::Give { both: true } };

/// Lets two words change places: where the picture attends to one, it attends to the other.
pub const NODE: NodeDef = NodeDef {
    name: "bend.swap",
    title: "Swap words",
    about: "Lets two words change places: where the picture attends to one, it attends to the other.",
    inputs: &[chain::BENDS, chain::TARGET, WORDS, chain::AMOUNT],
    outputs: &[chain::OUT],
    run: |run| {
        let words = listed_words(&run.text(&WORDS));
        chain::with(run, Site::CrossMap, &OP, &[], Some(&words));
    },
    ..NodeDef::BASE
};
