//! Gives a word the map of another.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op};
use crate::program::target::{MOST_WORDS, listed_words};

const WORDS: Input = Input::text("words", "", "The words whose place is copied.").words(MOST_WORDS);

const OP: Op = Op { name: "copy", params: &[], neutral: &[], choices: &[], form: Form::Transfer { both: false } };

/// Gives the words of the target the place of others: where the picture attends to these, it attends to them as well.
pub const NODE: NodeDef = NodeDef {
    name: "bend.copy",
    title: "Copy word",
    about: "Gives the words of the target the place of others: where the picture attends to these, it attends to them as well.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, WORDS, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let words = listed_words(&ctx.text(&WORDS));
        bend_node::with(ctx, Site::CrossMap, &OP, &[], Some(&words));
    },
    ..NodeDef::BASE
};
