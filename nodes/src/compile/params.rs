//! Values of the knobs and fields of a node in a patch.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostics::messages::{number as shown, unquoted};
use crate::diagnostics::{Code, Problem, SyntaxError};
use crate::grammar::expression::Expression;
use crate::grammar::keyframes::{self, Curve};
use crate::grammar::layers;
use crate::grammar::prompts::{self, MOST_PROMPTS, Schedule};
use crate::node::def::{DefaultValue, Grammar, Input};
use crate::node::value::{Kind, Value};
use crate::program::target::listed;

/// Default value of an input.
pub(crate) fn preset(input: &Input) -> Option<Value> {
    match input.default {
        DefaultValue::Number(number) => Some(Value::Number(number)),
        DefaultValue::Text(text) => read_text(input.grammar, text).ok().map(|(value, _)| value),
        DefaultValue::Nothing => None,
    }
}

/// Value of a parameter, with a warning if it had to be corrected.
///
/// # Errors
/// Fails for a value of another type, or one without a correction.
pub(crate) fn read(input: &Input, json: &Json, pointer: String) -> Result<(Value, Option<Problem>), Problem> {
    let expected = |what: &str| {
        let quoted = json.as_str().map(|text| unquoted(text, what)).unwrap_or_default();
        Problem::error(Code::BadValue, pointer.clone(), format!("{json} is not {what}{quoted}"))
    };
    match input.kind {
        Kind::Number if !input.choices.is_empty() => {
            let name = json.as_str().ok_or_else(|| expected(&format!("one of {}", input.choices.join(", "))))?;
            match input.choices.iter().position(|choice| *choice == name) {
                Some(choice) => Ok((Value::Number(choice as f64), None)),
                None => Err(expected(&format!("one of {}", input.choices.join(", ")))
                    .suggesting(name, input.choices.iter().copied())),
            }
        }
        Kind::Number => {
            let number = json.as_f64().ok_or_else(|| expected("a number"))?;
            let (low, high) = input.hard;
            let held = number.clamp(low, high);
            let moved = number != held;
            let warning = || {
                Problem::warning(
                    Code::OutOfRange,
                    pointer.clone(),
                    format!("{} is outside {} to {}; {} is used", shown(number), shown(low), shown(high), shown(held)),
                )
            };
            Ok((Value::Number(held), moved.then(warning)))
        }
        Kind::Gate => match json {
            Json::Bool(on) => Ok((Value::Number(f64::from(u8::from(*on))), None)),
            _ => Err(expected("true or false")),
        },
        Kind::Text => {
            let text = json.as_str().ok_or_else(|| expected("a text"))?;
            read_text(input.grammar, text)
                .map_err(|why| Problem::error(Code::BadText, pointer.clone(), why.to_string()))
                .map(|(value, warning)| (value, warning.map(|(code, why)| Problem::warning(code, pointer, why))))
        }
        kind => Err(Problem::error(Code::BadValue, pointer, format!("a {kind} has no field; connect a cable"))),
    }
}

/// Value of a text, with a warning if part of it is unused or it has no effect.
///
/// # Errors
/// Fails with a message if the text has no value.
fn read_text(grammar: Grammar, text: &str) -> Result<(Value, Option<(Code, String)>), SyntaxError> {
    let too_many = |is_so: bool, why: String| is_so.then_some((Code::TooMany, why));
    match grammar {
        Grammar::Free => Ok((Value::Text(text.into()), None)),
        Grammar::Address => {
            let message = || format!("{text:?} is not an OSC address; begin it with /, as in /bend/1");
            let warning = (!text.starts_with('/')).then(|| (Code::NoEffect, message()));
            Ok((Value::Text(text.into()), warning))
        }
        Grammar::Words(most) => {
            let count = listed(text).count();
            let warning = too_many(
                count > most,
                format!("{count} words, the limit is {most}; delete some, as the rest are ignored"),
            );
            Ok((Value::Text(text.into()), warning))
        }
        Grammar::Numbers(most) => {
            let parts = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|part| !part.is_empty());
            let number = |part: &str| {
                keyframes::finite(part).ok_or_else(|| {
                    SyntaxError::new(format!("{part:?} is not a number; write a list such as 0, 0.5, 1"))
                })
            };
            let mut numbers = parts.map(number).collect::<Result<Vec<f64>, _>>()?;
            let count = numbers.len();
            numbers.truncate(most);
            let warning = too_many(
                count > most,
                format!("{count} numbers, the limit is {most}; delete some, as the rest are ignored"),
            );
            Ok((Value::Numbers(numbers.into()), warning))
        }
        Grammar::Prompts => {
            let prompts: Vec<&str> = prompts::entries(text).map(|(_, prompt)| prompt).collect();
            let count = prompts.len();
            let why = format!("{count} prompts, the limit is {MOST_PROMPTS}; delete some, as the rest are ignored");
            let warning = too_many(count > MOST_PROMPTS, why);
            let prompts = prompts.into_iter().take(MOST_PROMPTS).map(Arc::from).collect();
            Ok((Value::Texts(prompts), warning))
        }
        Grammar::Schedule => Ok((Value::Schedule(Arc::new(Schedule::parse(text)?)), None)),
        Grammar::Layers => Ok((Value::Target(Arc::new(layers::parse(text)?)), None)),
        Grammar::Keys => Ok((Value::Curve(Arc::new(Curve::parse(text)?)), None)),
        Grammar::Expression => match Expression::parse(text) {
            Ok(expression) => Ok((Value::Expression(Arc::new(expression)), None)),
            Err(mistake) => Err(SyntaxError::new(format!("{mistake}\n{}", mistake.caret(text)))),
        },
    }
}
