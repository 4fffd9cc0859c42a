//! Copies the map of one word to another.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op};
use crate::program::target::{MOST_WORDS, listed_words};

const WORDS: Input = Input::text(
    "words",
    "",
    "Source words, separated by commas. Their attention is added, and shared evenly among the target's tokens.",
)
.words(MOST_WORDS);

const OP: Op = Op::new("copy", &[], Form::Transfer { both: false });

/// Replaces the attention of the target's words with that of other words.
pub const NODE: NodeDef = NodeDef {
    name: "bend.copy",
    title: "Copy word",
    about: "Replaces the attention of the target's words with that of other words.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, WORDS, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let words = listed_words(&ctx.text(&WORDS));
        bend_node::run_with(ctx, Site::CrossMap, &OP, Some(&words));
    },
    ..NodeDef::BASE
};
