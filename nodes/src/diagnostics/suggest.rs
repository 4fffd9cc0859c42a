//! Suggestions: the nearest known name.

/// Longer names have no suggestion, in bytes.
const LONGEST: usize = 64;
/// Names that are longer or shorter by more are not near, in bytes.
const APART: usize = 8;
/// The shortest beginning of a name that is taken for it.
const BEGINNING: usize = 3;
/// The most insertions, deletions and replacements between names that are near.
const NEAR: usize = 2;

/// An item with a name.
pub trait Words {
    /// The name.
    fn name(&self) -> &str;

    /// A second name, such as the title of a node.
    fn title(&self) -> Option<&str> {
        None
    }
}

impl Words for &str {
    fn name(&self) -> &str {
        self
    }
}

/// The nearest of these names, if one is near. `budget` counts the characters left to compare; without any, the result
/// is none.
pub fn nearest<W: Words>(name: &str, known: impl IntoIterator<Item = W>, budget: &mut usize) -> Option<String> {
    if name.is_empty() || name.len() > LONGEST || *budget == 0 {
        return None;
    }
    let mut best: Option<((usize, usize), String)> = None;
    for words in known {
        let Some(far) = far(name, &words, budget) else { continue };
        let far = (far, words.name().len().abs_diff(name.len()));
        let is_nearer = best.as_ref().is_none_or(|(least, known)| (far, words.name()) < (*least, known.as_str()));
        if is_nearer {
            best = Some((far, words.name().to_owned()));
        }
        if *budget == 0 {
            break;
        }
    }
    best.map(|(_, known)| known)
}

/// Distance of a name to an item: to its name, to the part after the dot, or to its title.
fn far<W: Words>(name: &str, words: &W, budget: &mut usize) -> Option<usize> {
    let whole = between(name, words.name(), budget);
    let Some((_, behind)) = words.name().rsplit_once('.') else { return whole };
    let others = [Some(behind), words.title()].into_iter().flatten();
    let others = match name.rsplit_once('.') {
        // In another family, only the equal word is near.
        Some((_, own)) => others.filter(|other| other.eq_ignore_ascii_case(own)).map(|_| 1).min(),
        None => others.filter_map(|other| between(name, other, budget)).min(),
    };
    whole.into_iter().chain(others).min()
}

/// Distance of two names: least for equal letters, then for a common beginning; none if they are not near.
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
    if short >= BEGINNING && (name.starts_with(&known) || known.starts_with(&name)) {
        return Some(1);
    }
    if apart > NEAR {
        return None;
    }
    *budget = budget.saturating_sub(name.len() * known.len());
    let (distance, short) = (distance(&name, &known), name.chars().count().min(known.chars().count()));
    (distance <= NEAR && distance < short).then_some(distance + 1)
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
