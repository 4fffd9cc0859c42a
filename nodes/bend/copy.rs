//! Gives a word the map of another.

use crate::chain;
use crate::def::{Input, NodeDef};
use crate::op::{Form, Op};
use crate::site::Site;
use crate::target::{MOST_WORDS, listed_words};

const WORDS: Input = Input::text("words", "", "The words whose place is copied.").words(MOST_WORDS);

const OP: Op = Op { name: "copy", params: &[], neutral: &[], choices: &[], form: Form::Give { both: false } };

/// Gives the words of the target the place of others: where the picture attends to these, it attends to them as well.
pub const NODE: NodeDef = NodeDef {
    name: "bend.copy",
    title: "Copy word",
    about: "Gives the words of the target the place of others: where the picture attends to these, it attends to them as well.",
    inputs: &[chain::BENDS, chain::TARGET, WORDS, chain::AMOUNT],
    outputs: &[chain::OUT],
    run: |run| {
        let words = listed_words(&run.text(&WORDS));
        chain::with(run, Site::CrossMap, &OP, &[], Some(&words));
    },
    ..NodeDef::BASE
};
