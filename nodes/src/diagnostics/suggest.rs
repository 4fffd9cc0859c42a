//! Suggestions: the nearest known name.

/// Longest name with a suggestion, in bytes.
const LONGEST: usize = 64;
/// Largest difference in length of two near names, in bytes.
const APART: usize = 8;
/// Shortest prefix that counts as near, in bytes.
const SHORTEST_PREFIX: usize = 3;
/// Largest edit distance of two near names.
const LARGEST_DISTANCE: usize = 2;

/// An item with a name.
pub trait Named {
    /// The name.
    fn name(&self) -> &str;

    /// A second name, such as the title of a node.
    fn title(&self) -> Option<&str> {
        None
    }
}

impl Named for &str {
    fn name(&self) -> &str {
        self
    }
}

/// The nearest of these names, if one is near. `budget` has the remaining characters to compare; at 0, the result is
/// none.
pub fn nearest<N: Named>(name: &str, known: impl IntoIterator<Item = N>, budget: &mut usize) -> Option<String> {
    if name.is_empty() || name.len() > LONGEST || *budget == 0 {
        return None;
    }
    let mut best: Option<((usize, usize), String)> = None;
    for item in known {
        let Some(far) = far(name, &item, budget) else { continue };
        let far = (far, item.name().len().abs_diff(name.len()));
        let is_nearer = best.as_ref().is_none_or(|(least, known)| (far, item.name()) < (*least, known.as_str()));
        if is_nearer {
            best = Some((far, item.name().to_owned()));
        }
        if *budget == 0 {
            break;
        }
    }
    best.map(|(_, known)| known)
}

/// Distance of a name to an item: to its name, to the part after the dot, or to its title.
fn far<N: Named>(name: &str, item: &N, budget: &mut usize) -> Option<usize> {
    let whole = between(name, item.name(), budget);
    let Some((_, behind)) = item.name().rsplit_once('.') else { return whole };
    let others = [Some(behind), item.title()].into_iter().flatten();
    let others = match name.rsplit_once('.') {
        // In another family, only the equal word is near.
        Some((_, own)) => others.filter(|other| other.eq_ignore_ascii_case(own)).map(|_| 1).min(),
        None => others.filter_map(|other| between(name, other, budget)).min(),
    };
    whole.into_iter().chain(others).min()
}

/// Distance of two names: 0 for equal letters, 1 for a prefix, else the edit distance plus 1. None if they are not
/// near.
fn between(name: &str, known: &str, budget: &mut usize) -> Option<usize> {
    let (short, apart) = (name.len().min(known.len()), name.len().abs_diff(known.len()));
    // Names of very different lengths cost a single comparison.
    *budget = budget.saturating_sub(if apart > APART { 1 } else { LONGEST / 4 });
    if apart > APART {
        return None;
    }
    let (name, known) = (name.to_lowercase(), known.to_lowercase());
    if name == known {
        return Some(0);
    }
    if short >= SHORTEST_PREFIX && (name.starts_with(&known) || known.starts_with(&name)) {
        return Some(1);
    }
    if apart > LARGEST_DISTANCE {
        return None;
    }
    *budget = budget.saturating_sub(name.len() * known.len());
    let (distance, short) = (distance(&name, &known), name.chars().count().min(known.chars().count()));
    (distance <= LARGEST_DISTANCE && distance < short).then_some(distance + 1)
}

/// Insertions, deletions and replacements of one character that turn `a` into `b`.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LIBRARY;

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let suggested = |name: &str| nearest(name, ["sine", "square", "saw", "a", "b"], &mut 10_000);
        for (name, known) in [("sin", "sine"), ("SINE", "sine"), ("sqaure", "square"), ("sawtooth", "saw"), ("A", "a")]
        {
            assert_eq!(suggested(name).as_deref(), Some(known), "{name}");
        }
        for name in ["triangle", "x", "c", "", "ab"] {
            assert_eq!(suggested(name), None, "{name}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_node_is_known_by_what_is_behind_the_dot_and_by_its_title() {
        let suggested = |name: &str| nearest(name, LIBRARY.iter().copied(), &mut 1_000_000);
        for (name, known) in [
            ("lfo", "modulate.lfo"),
            ("LFO", "modulate.lfo"),
            ("modulate.lof", "modulate.lfo"),
            ("bend.rotat", "bend.rotate"),
            ("tap.attention map", "tap.map"),
            ("rotate", "bend.rotate"),
        ] {
            assert_eq!(suggested(name).as_deref(), Some(known), "{name}");
        }
        assert_eq!(suggested("future.node"), None);
    }

    #[test]
    fn nothing_is_suggested_when_the_budget_is_spent() {
        let mut budget = 100;
        let names: Vec<String> = (0..1000).map(|n| format!("name{n:04}")).collect();
        nearest("nome5000", names.iter().map(String::as_str), &mut budget);
        assert_eq!(budget, 0);
        assert_eq!(nearest("name000", names.iter().map(String::as_str), &mut budget), None);
    }
}
