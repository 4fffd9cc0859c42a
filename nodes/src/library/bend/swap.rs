//! Exchanges the maps of two words.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op};
use crate::program::target::{MOST_WORDS, listed_words};

const WORDS: Input =
    Input::text("words", "", "The words that change places with those of the target.").words(MOST_WORDS);

const OP: Op = Op { name: "swap", params: &[], neutral: &[], choices: &[], form: Form::Transfer { both: true } };

/// Lets two words change places: where the picture attends to one, it attends to the other.
pub const NODE: NodeDef = NodeDef {
    name: "bend.swap",
    title: "Swap words",
    about: "Lets two words change places: where the picture attends to one, it attends to the other.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, WORDS, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let words = listed_words(&ctx.text(&WORDS));
        bend_node::with(ctx, Site::CrossMap, &OP, &[], Some(&words));
    },
    ..NodeDef::BASE
};
