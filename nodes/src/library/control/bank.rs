//! The bank of maps.

use crate::node::def::{Input, NodeDef, Output, View};
use crate::patch::BANKS;

const BANK: Input = Input::number("bank", 1.0, "Bank, 1 to 16. Maps with another bank have no effect.")
    .soft(1.0, BANKS as f64)
    .hard(1.0, BANKS as f64)
    .unique();
const OUT: Output = Output::number("out", "Bank, in effect from the next latent frame.");

/// Chooses the bank of maps.
pub const NODE: NodeDef = NodeDef {
    name: "control.bank",
    title: "Bank",
    about: "Chooses the bank of maps, so that the same controls turn other knobs.",
    inputs: &[BANK],
    outputs: &[OUT],
    run: |ctx| {
        let bank = ctx.whole(&BANK);
        ctx.request_bank(bank as u8);
        ctx.set(&OUT, bank as f64);
    },
    view: Some(View::Rows),
    ..NodeDef::BASE
};
