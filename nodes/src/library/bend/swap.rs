//! Exchanges the maps of two words.

use crate::library::bend::bend_node;
use crate::node::def::{Input, NodeDef};
use crate::program::Site;
use crate::program::op::{Form, Op};
use crate::program::target::{MOST_WORDS, listed_words};

const WORDS: Input =
    Input::text("words", "", "Words to swap with those of the target, separated by commas.").words(MOST_WORDS);

const OP: Op = Op::new("swap", &[], Form::Transfer { both: true });

/// Swaps the attention maps of the target's words with those of other words.
pub const NODE: NodeDef = NodeDef {
    name: "bend.swap",
    title: "Swap words",
    about: "Swaps the attention maps of the target's words with those of other words.",
    inputs: &[bend_node::BENDS, bend_node::TARGET, WORDS, bend_node::AMOUNT],
    outputs: &[bend_node::OUT],
    run: |ctx| {
        let words = listed_words(&ctx.text(&WORDS));
        bend_node::run_with(ctx, Site::CrossMap, &OP, Some(&words));
    },
    ..NodeDef::BASE
};
