//! The place of a problem as a part of a patch, so that the window can mark nodes.

use std::borrow::Cow;

use crate::diagnostics::Problem;
use crate::diagnostics::pointer::keys;

/// The part of a patch that a problem concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<'p> {
    /// A part of the patch itself.
    Patch(Part<'p>),
    /// A part of the subpatch of this id.
    Definition(Cow<'p, str>, Part<'p>),
}

/// A part of one level: of the patch itself, or of a subpatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'p> {
    /// The node of this id, or a value of it.
    Node(Cow<'p, str>),
    /// The cable of this index, at this end.
    Cable(usize, End),
    /// A part that belongs to no node: metadata, layout, the ports of a subpatch.
    Other,
}

/// An end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its output.
    From,
    /// Its input; a problem of the whole cable is a problem of its input.
    To,
}

impl Problem {
    /// The part of the patch at the pointer.
    pub fn place(&self) -> Place<'_> {
        let keys: Vec<Cow<'_, str>> = keys(&self.pointer).collect();
        match keys.split_first() {
            Some((first, [id, rest @ ..])) if first == "definitions" => Place::Definition(id.clone(), Part::of(rest)),
            _ => Place::Patch(Part::of(&keys)),
        }
    }
}

impl<'p> Part<'p> {
    /// The part at these keys.
    fn of(keys: &[Cow<'p, str>]) -> Self {
        let [list, key, rest @ ..] = keys else { return Self::Other };
        match (list.as_ref(), key.parse()) {
            ("nodes", _) => Self::Node(key.clone()),
            ("cables", Ok(index)) => {
                let is_output = rest.first().is_some_and(|end| end == "from");
                Self::Cable(index, if is_output { End::From } else { End::To })
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LIBRARY;
    use crate::check::check;
    use crate::diagnostics::Code;

    fn place(pointer: &str) -> Place<'static> {
        match Problem::error(Code::BadValue, pointer, "").place() {
            Place::Patch(part) => Place::Patch(owned(part)),
            Place::Definition(id, part) => Place::Definition(id.into_owned().into(), owned(part)),
        }
    }

    fn owned(part: Part<'_>) -> Part<'static> {
        match part {
            Part::Node(id) => Part::Node(id.into_owned().into()),
            Part::Cable(index, end) => Part::Cable(index, end),
            Part::Other => Part::Other,
        }
    }

    #[test]
    fn pointers_lead_to_nodes_and_cables_on_both_levels() {
        let node = |id: &'static str| Part::Node(id.into());
        let within = |id: &'static str, part| Place::Definition(id.into(), part);
        for (pointer, expected) in [
            ("", Place::Patch(Part::Other)),
            ("/nodes", Place::Patch(Part::Other)),
            ("/nodes/lfo", Place::Patch(node("lfo"))),
            ("/nodes/a~1b/params/x~0y", Place::Patch(node("a/b"))),
            ("/nodes/~01", Place::Patch(node("~1"))),
            ("/cables/3", Place::Patch(Part::Cable(3, End::To))),
            ("/cables/3/to", Place::Patch(Part::Cable(3, End::To))),
            ("/cables/3/from", Place::Patch(Part::Cable(3, End::From))),
            ("/cables/x", Place::Patch(Part::Other)),
            ("/layout/lfo", Place::Patch(Part::Other)),
            ("/definitions", Place::Patch(Part::Other)),
            ("/definitions/a~1b", within("a/b", Part::Other)),
            ("/definitions/wobble/inputs/0", within("wobble", Part::Other)),
            ("/definitions/wobble/nodes/a~1b/type", within("wobble", node("a/b"))),
            ("/definitions/wobble/cables/1/from", within("wobble", Part::Cable(1, End::From))),
        ] {
            assert_eq!(place(pointer), expected, "{pointer}");
        }
    }

    #[test]
    fn warnings_of_ids_with_a_slash_are_at_their_nodes() {
        let text = r#"{ "format": "bendrack-patch", "version": 1,
            "nodes": { "a/b": { "type": "modulate.lfo", "params": { "width": 9.0 } } },
            "definitions": { "c/d": { "nodes": { "e~f": { "type": "modulate.lfo", "params": { "width": 9.0 } } } } } }"#;
        let here = Place::Patch(Part::Node("a/b".into()));
        let within = Place::Definition("c/d".into(), Part::Node("e~f".into()));
        let problems = check(text.as_bytes(), LIBRARY);
        let places = |code| {
            let of_code = problems.iter().filter(move |problem| problem.code == code);
            of_code.map(Problem::place).filter(|place| *place != Place::Definition("c/d".into(), Part::Other))
        };
        for code in [Code::BadId, Code::OutOfRange] {
            assert!(places(code).eq([&here, &within].into_iter().cloned()), "{problems:?}");
        }
    }
}
