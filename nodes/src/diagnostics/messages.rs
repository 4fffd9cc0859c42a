//! Error texts of the JSON readers, without terms of Rust.

use crate::diagnostics::numbers::json_form;

/// Longest quote of a text, in characters.
const SHORT: usize = 40;

/// Message for the error of a reader about a part of a patch.
pub(crate) fn explain(why: &str) -> String {
    let what = why.strip_prefix("invalid type: ").or_else(|| why.strip_prefix("invalid value: "));
    if let Some((found, wanted)) = what.and_then(|what| what.rsplit_once(", expected ")) {
        return wrong_type(found, wanted);
    }
    if let Some((name, known)) = why.strip_prefix("unknown variant `").and_then(|what| what.split_once("`, expected "))
    {
        let known = known.trim_start_matches("one of ").replace('`', "");
        return format!("{:?} is not one of {known}", cut(name));
    }
    if let Some((_, wanted)) = why.strip_prefix("invalid length ").and_then(|what| what.split_once(", expected ")) {
        return format!("the list has the wrong length; write {}", plain(wanted));
    }
    why.to_owned()
}

/// Message for a value of the wrong type.
fn wrong_type(found: &str, wanted: &str) -> String {
    let wanted = plain(wanted);
    let text = found.strip_prefix("string \"").and_then(|text| text.strip_suffix('"'));
    if let Some(text) = text {
        return format!("\"{}\" is not {wanted}{}", cut(text), unquoted(text, wanted));
    }
    let found = match found {
        "map" => "an object in braces",
        "sequence" => "a list in brackets",
        "unit value" => "null",
        other => other.split('`').nth(1).unwrap_or(other),
    };
    format!("{} is not {wanted}", cut(found))
}

/// A type of JSON in plain words.
fn plain(wanted: &str) -> &str {
    match wanted {
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string or map" => "a text",
        "a sequence" => "a list in brackets",
        "a map" => "an object in braces",
        "an array of length 2" => "a list of two numbers",
        other => other,
    }
}

/// Advice for a number, or true and false, in quotes.
pub(crate) fn unquoted(text: &str, wanted: &str) -> String {
    let form = match wanted {
        "true or false" => matches!(text, "true" | "false").then(|| text.to_owned()),
        wanted if wanted.contains("number") => json_form(text).filter(|form| fits(form, wanted)),
        _ => None,
    };
    form.map(|form| format!("; write {form} without quotes")).unwrap_or_default()
}

/// True if a number is of the wanted type: any number, or a whole number within the limit in `wanted`.
fn fits(number: &str, wanted: &str) -> bool {
    let largest = wanted.strip_prefix("a whole number from 0 to ").and_then(|largest| largest.parse::<f64>().ok());
    let is_whole = |number: f64, largest| number.fract() == 0.0 && (0.0..=largest).contains(&number);
    largest.is_none_or(|largest| number.parse().is_ok_and(|number| is_whole(number, largest)))
}

/// A number as text; a large one is shortened.
pub(crate) fn number(x: f64) -> String {
    if x.abs() < 1e12 { x.to_string() } else { format!("{x:e}") }
}

/// The beginning of a long text.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Message for a text that is not JSON. `at` is the character at the error.
pub(crate) fn explain_syntax(why: &str, at: Option<char>) -> String {
    let why = why.split(" at line ").next().unwrap_or(why);
    if matches!(at, Some('/' | '#')) && why != "invalid escape" {
        return "JSON has no comments; remove this one, or keep its text in a key \"x\"".to_owned();
    }
    let plain = match why {
        "trailing comma" => "trailing comma; remove it",
        "key must be a string" => "expected a key in double quotes",
        "expected value" | "expected ident" => {
            "not a JSON value; expected a text in double quotes, a number, true, false or null"
        }
        "trailing characters" => "the patch ends before this; remove the rest",
        "number out of range" => "number out of range; write a smaller one",
        "invalid number" => "not a JSON number; write 0.5, 2 or 1e-3",
        "recursion limit exceeded" => "objects and lists are nested too deep; flatten them",
        "expected `,` or `}`" => "expected a comma or }",
        "expected `,` or `]`" => "expected a comma or ]",
        "expected `:`" => "expected a colon",
        "invalid escape" => "invalid escape; write a backslash as \\\\",
        why if why.starts_with("EOF") => "the file ends inside an object, list or text; close it with }, ] or \"",
        why if why.starts_with("control character") => "a text may not contain a line break; write \\n",
        why => return format!("{why}; correct the JSON here"),
    };
    plain.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_reported_in_plain_words() {
        for (why, reported) in [
            (
                "invalid value: integer `-1`, expected a whole number from 0 to 255",
                "-1 is not a whole number from 0 to 255",
            ),
            (
                "invalid type: string \"07\", expected a whole number from 0 to 255",
                "\"07\" is not a whole number from 0 to 255; write 7 without quotes",
            ),
            (
                "invalid type: string \"256\", expected a whole number from 0 to 255",
                "\"256\" is not a whole number from 0 to 255",
            ),
            ("invalid type: string \"+.5\", expected f64", "\"+.5\" is not a number; write 0.5 without quotes"),
            ("invalid type: string \"NaN\", expected f64", "\"NaN\" is not a number"),
            ("invalid type: string \"0.5\", expected f64", "\"0.5\" is not a number; write 0.5 without quotes"),
            ("invalid type: string \"x\", expected f64", "\"x\" is not a number"),
            ("invalid type: map, expected a string", "an object in braces is not a text"),
            ("invalid type: null, expected a node in braces", "null is not a node in braces"),
            ("unknown variant `x`, expected one of `a`, `b`", "\"x\" is not one of a, b"),
        ] {
            assert_eq!(explain(why), reported);
        }
        assert!(explain_syntax("key must be a string at line 1 column 3", Some('/')).contains("no comments"));
        assert!(
            explain_syntax("EOF while parsing an object at line 1 column 3", None)
                .contains("the file ends inside an object")
        );
    }
}
