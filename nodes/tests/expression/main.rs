//! The language of expressions: values, errors, and the page.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

mod agreeing;
mod manual;
mod mistakes;
mod values;

use bendrack_nodes::grammar::expression::{Expression, Scope};

/// A deterministic number in place of a random one.
fn random(stream: u64, index: i64) -> f64 {
    (stream as f64 * 0.37 + index as f64 * 0.61).rem_euclid(1.0)
}

/// What the tests evaluate in: every number differs from the others.
fn scope() -> Scope<'static> {
    Scope {
        inputs: [0.25, -1.5, 2.0, 0.5, 3.0, 10.0, -0.75, 0.0],
        secs: 1.75,
        frame: 28.0,
        beat: 3.5,
        fps: 16.0,
        random: &random,
    }
}

fn parsed(source: &str) -> Expression {
    Expression::parse(source).unwrap_or_else(|mistake| panic!("{}", mistake.caret(source)))
}

fn value(source: &str) -> f64 {
    parsed(source).value(&scope())
}
