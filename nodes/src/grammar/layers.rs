//! Layers by denoising step, such as `0-1: 4-7 | 2: 0-3 | cache: all`.

use std::str::FromStr;

use crate::diagnostics::SyntaxError;
use crate::grammar::prompts::entries;
use crate::program::set::Set;
use crate::program::target::{MOST_PARTS, Passes, Selection, Target};

/// The text of nothing.
const NOTHING: &str = "none";
/// Name of the cache pass in a text.
pub const CACHE: &str = "cache";

/// Reads a text: entries of steps, a colon and layers, one per line or separated by `|`. An empty text is everything.
///
/// # Errors
/// Fails for an invalid entry, and for too many entries.
pub fn parse(text: &str) -> Result<Selection, SyntaxError> {
    if text.trim() == NOTHING {
        return Ok(Selection::default().not());
    }
    let parts = entries(text).map(|(line, entry)| parsed(line, entry)).collect::<Result<Vec<_>, _>>()?;
    if parts.len() > MOST_PARTS {
        return Err(SyntaxError::new(format!(
            "too many entries: {}, the limit is {MOST_PARTS}; join some",
            parts.len()
        )));
    }
    let union = parts.into_iter().map(Selection::from).reduce(|all, part| all.or(&part));
    Ok(union.unwrap_or_default())
}

fn parsed(line: usize, entry: &str) -> Result<Target, SyntaxError> {
    let advice = "write steps, a colon and layers, such as 0-1: 4-7";
    let wrong = |what: &str| SyntaxError::new(format!("line {line}, {entry:?}: {what}; {advice}"));
    let (steps, layers) = entry.split_once(':').ok_or_else(|| wrong("missing colon"))?;
    let set = |text: &str| {
        if text.trim().is_empty() {
            return Err(wrong("missing range"));
        }
        Set::from_str(text).map_err(|why| SyntaxError::new(format!("line {line}, {entry:?}: {why}")))
    };
    let layers = set(layers)?;
    if steps.trim() == CACHE {
        return Ok(Target { layers, pass: Passes::CACHE, ..Target::default() });
    }
    Ok(Target { steps: set(steps)?, layers, pass: Passes::DENOISE, ..Target::default() })
}

/// The text of cells: the layers of each of `steps` denoising steps, then those of the cache pass. All `layers` of a model become `all`.
pub fn text(steps: usize, layers: usize, contains: impl Fn(Option<usize>, usize) -> bool) -> String {
    let row = |step: Option<usize>| -> Set {
        let set: Set = (0..layers).filter(|&layer| contains(step, layer)).collect();
        if (0..layers).all(|layer| set.contains(layer)) { Set::ALL } else { set }
    };
    let mut rows: Vec<(Set, Set)> = Vec::new();
    for step in 0..steps {
        let set = row(Some(step));
        if set.is_empty() {
            continue;
        }
        match rows.iter_mut().find(|(_, other)| *other == set) {
            Some((of, _)) => *of = (0..steps).filter(|&other| of.contains(other) || other == step).collect(),
            None => rows.push((Set::range(step, step), set)),
        }
    }
    let mut entries: Vec<String> = rows.iter().map(|(steps, layers)| format!("{steps}: {layers}")).collect();
    let cache = row(None);
    if !cache.is_empty() {
        entries.push(format!("{CACHE}: {cache}"));
    }
    if entries.is_empty() { NOTHING.to_owned() } else { entries.join(" | ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::program::Pass;

    /// True if a selection contains a cell; without a step, one of the cache pass.
    fn contains(selection: &Selection, step: Option<usize>, layer: usize) -> bool {
        selection.contains(if step.is_some() { Pass::Denoise } else { Pass::Cache }, step.unwrap_or(4), layer)
    }

    proptest! {
        #[test]
        fn painted_cells_are_the_cells_of_their_text(cells in prop::collection::vec(any::<bool>(), 5 * 6)) {
            let painted = |step: Option<usize>, layer: usize| cells[step.unwrap_or(4) * 6 + layer];
            let text = text(4, 6, painted);
            let read = parse(&text).expect("a text of its own");
            for step in (0..4).map(Some).chain([None]) {
                for layer in 0..6 {
                    prop_assert_eq!(contains(&read, step, layer), painted(step, layer), "{}", text);
                }
            }
        }
    }

    #[test]
    fn a_text_is_short_and_a_wrong_one_is_named() {
        assert_eq!(text(4, 6, |step, layer| step == Some(1) || (step == Some(3) && layer < 2)), "1: all | 3: 0-1");
        assert_eq!(text(4, 6, |_, layer| layer == 2), "0-3: 2 | cache: 2");
        assert_eq!(text(4, 6, |_, _| false), "none");
        assert_eq!(parse(" \n").expect("everything"), Selection::default());
        assert!(parse("0: none").expect("nothing").parts().is_empty());
        for (text, named) in [
            ("0-1 4-7", "missing colon"),
            ("0:", "missing range"),
            ("0: 4-7\nlast: 2", "line 2, \"last: 2\": \"last\" is not a number"),
            ("3-1: all", "reversed"),
        ] {
            let why = parse(text).expect_err("a mistake").to_string();
            assert!(why.contains(named) && why.contains("write"), "{text}: {why}");
        }
        assert!(parse(&"0: 1|".repeat(65)).expect_err("a mistake").to_string().contains("64"));
    }
}
