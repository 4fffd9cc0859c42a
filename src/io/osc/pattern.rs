//! Patterns in addresses: those of OSC 1.0, and `//` of OSC 1.1.
//!
//! A pattern is a program for all of its places at once, so that its time grows with its length and with that of the address alone.

/// Steps that the patterns of a packet may take together: some tens of milliseconds.
pub(super) const MOST_STEPS: usize = 1 << 22;

/// A pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    program: Vec<Op>,
}

#[derive(Debug)]
enum Op {
    /// One byte of a set.
    One(Set),
    /// Goes on at each of these places.
    Split(Vec<usize>),
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Set([u128; 2]);

impl Set {
    fn of(byte: u8) -> Self {
        let mut set = Self::default();
        set.add(byte, byte);
        set
    }

    /// Every byte, also `/`.
    const fn all() -> Self {
        Self([u128::MAX; 2])
    }

    fn add(&mut self, from: u8, to: u8) {
        (from.min(to)..=from.max(to)).for_each(|byte| self.0[usize::from(byte >> 7)] |= 1 << (byte & 0x7F));
    }

    fn has(self, byte: u8) -> bool {
        (self.0[usize::from(byte >> 7)] >> (byte & 0x7F)) & 1 == 1
    }

    /// The bytes of another set, or those outside it, without `/`.
    fn within_part(self, inverted: bool) -> Self {
        let Self([low, high]) = if inverted { Self([!self.0[0], !self.0[1]]) } else { self };
        Self([low & !(1 << b'/'), high])
    }
}

/// True if an address has characters of a pattern.
pub(super) fn is_pattern(address: &str) -> bool {
    address.contains(['?', '*', '[', ']', '{', '}']) || address.contains("//")
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Fails with the problem of the pattern.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pattern = Self { program: Vec::new() };
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            rest = match byte {
                b'?' => pattern.one(Set::default().within_part(true), after),
                b'*' => {
                    pattern.any_run(Set::default().within_part(true));
                    after
                }
                b'[' => {
                    let end = after.iter().position(|&byte| byte == b']').ok_or("a pattern with [ and without ]")?;
                    pattern.one(set(&after[..end]), &after[end + 1..])
                }
                b'{' => {
                    let end = after.iter().position(|&byte| byte == b'}').ok_or("a pattern with { and without }")?;
                    pattern.alternatives(&after[..end]);
                    &after[end + 1..]
                }
                b']' | b'}' => return Err("a pattern with a closing bracket and without an opening one"),
                b'/' if after.first() == Some(&b'/') => {
                    pattern.any_parts();
                    let end = after.iter().position(|&byte| byte != b'/').unwrap_or(after.len());
                    &after[end..]
                }
                byte => pattern.one(Set::of(byte), after),
            };
        }
        Ok(pattern)
    }

    fn one<'a>(&mut self, set: Set, after: &'a [u8]) -> &'a [u8] {
        self.program.push(Op::One(set));
        after
    }

    /// Any number of bytes of a set.
    fn any_run(&mut self, set: Set) {
        let at = self.program.len();
        self.program.extend([Op::Split(vec![at + 1, at + 3]), Op::One(set), Op::Split(vec![at])]);
    }

    /// A slash; or two, with any parts between them.
    fn any_parts(&mut self) {
        let slash = || Op::One(Set::of(b'/'));
        let at = self.program.len();
        self.program.extend([slash(), Op::Split(vec![at + 2, at + 6])]);
        self.any_run(Set::all());
        self.program.push(slash());
    }

    fn alternatives(&mut self, list: &[u8]) {
        let texts: Vec<&[u8]> = list.split(|&byte| byte == b',').collect();
        let mut starts = Vec::new();
        let mut at = self.program.len() + 1;
        for text in &texts {
            starts.push(at);
            at += text.len() + 1;
        }
        self.program.push(Op::Split(starts));
        for text in texts {
            self.program.extend(text.iter().map(|&byte| Op::One(Set::of(byte))));
            self.program.push(Op::Split(vec![at]));
        }
    }

    /// True if the pattern matches an address. None when no steps are left.
    pub(super) fn matches(&self, address: &str, steps: &mut usize) -> Option<bool> {
        let mut now = Places::new(self.program.len());
        let mut next = Places::new(self.program.len());
        now.add(&self.program, 0, steps)?;
        for byte in address.bytes() {
            for index in 0..now.places.len() {
                let place = now.places[index];
                if matches!(self.program.get(place), Some(Op::One(set)) if set.has(byte)) {
                    next.add(&self.program, place + 1, steps)?;
                }
            }
            if next.places.is_empty() {
                return Some(false);
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
        }
        Some(now.has[self.program.len()])
    }
}

/// The bytes of a set, as between its brackets.
fn set(text: &[u8]) -> Set {
    let (inverted, mut text) = match text.strip_prefix(b"!") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut set = Set::default();
    while let Some((&from, after)) = text.split_first() {
        let (to, after) = if let [b'-', to, after @ ..] = after { (*to, after) } else { (from, after) };
        set.add(from, to);
        text = after;
    }
    set.within_part(inverted)
}

/// Places in a program, each once.
struct Places {
    places: Vec<usize>,
    has: Vec<bool>,
}

impl Places {
    fn new(length: usize) -> Self {
        Self { places: Vec::new(), has: vec![false; length + 1] }
    }

    fn clear(&mut self) {
        self.places.drain(..).for_each(|place| self.has[place] = false);
    }

    /// Adds a place, and those to which it goes on without a byte. None when no steps are left.
    fn add(&mut self, program: &[Op], place: usize, steps: &mut usize) -> Option<()> {
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            *steps = steps.checked_sub(1)?;
            if std::mem::replace(&mut self.has[place], true) {
                continue;
            }
            self.places.push(place);
            if let Some(Op::Split(places)) = program.get(place) {
                open.extend(places);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, address: &str) -> bool {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        pattern.matches(address, &mut MOST_STEPS.clone()).expect("few steps")
    }

    #[test]
    fn patterns_match_addresses_as_in_the_specification() {
        for (pattern, yes, no) in [
            ("/pa?", "/pat", "/pa"),
            ("/pa?", "/pa1", "/pa/"),
            ("/ty/*", "/ty/a", "/ty/a/b"),
            ("/*/x", "/abc/x", "/a/b/x"),
            ("/*", "/", "/a/b"),
            ("/a*c*", "/abcd", "/abd"),
            ("/p[a-c]t", "/pbt", "/pdt"),
            ("/p[c-a-]t", "/p-t", "/pdt"),
            ("/p[!a-c]t", "/pdt", "/pbt"),
            ("/p[!a]t", "/pbt", "/p/t"),
            ("/{pat,foo}", "/foo", "/fo"),
            ("/{pat,foo}/1", "/pat/1", "/pat"),
            ("/{a,}b", "/b", "/aab"),
            ("//pat", "/pat", "/spat"),
            ("//pat", "/a/b/pat", "/a/b/pat/c"),
            ("/a//z", "/a/z", "/az"),
            ("/a//z", "/a/b/c/z", "/b/a/z"),
            ("//*", "/a/b", "a"),
        ] {
            assert!(is_pattern(pattern), "{pattern}");
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
        assert!(!is_pattern("/1/fader1,-!"));
        for wrong in ["/[a", "/{a,b", "/a]", "/a}"] {
            assert!(is_pattern(wrong) && Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let address = format!("/{}", "a".repeat(255));
        for pattern in ["*a".repeat(127), format!("/{}b", "*".repeat(250)), "//a".repeat(80), "{a,aa}".repeat(42)] {
            let pattern = Pattern::parse(&format!("/{pattern}")).expect("a pattern");
            let mut steps = MOST_STEPS;
            assert!(pattern.matches(&address, &mut steps).is_some(), "{pattern:?}");
            assert!(MOST_STEPS - steps < 1 << 19, "{}", MOST_STEPS - steps);
            assert_eq!(pattern.matches(&address, &mut 100), None);
        }
    }

    /// The definition of a pattern without `//`, by all ways to match.
    fn by_definition(pattern: &[u8], address: &[u8]) -> bool {
        let Some((&first, rest)) = pattern.split_first() else { return address.is_empty() };
        let one = |is_in: &dyn Fn(u8) -> bool, rest: &[u8]| {
            address.split_first().is_some_and(|(&byte, after)| is_in(byte) && by_definition(rest, after))
        };
        match first {
            b'?' => one(&|byte| byte != b'/', rest),
            b'*' => by_definition(rest, address) || one(&|byte| byte != b'/', pattern),
            b'{' => {
                let end = rest.iter().position(|&byte| byte == b'}').expect("a bracket");
                rest[..end]
                    .split(|&byte| byte == b',')
                    .any(|text| address.strip_prefix(text).is_some_and(|after| by_definition(&rest[end + 1..], after)))
            }
            byte => one(&|other| other == byte, rest),
        }
    }

    proptest! {
        #[test]
        fn the_program_matches_as_the_definition(
            parts in prop::collection::vec(prop::sample::select(vec!["a", "b", "/a", "?", "*", "{a,bb}", "{,a}"]), 0..8),
            address in "[ab/]{0,8}",
        ) {
            let pattern = parts.concat();
            prop_assert_eq!(matches(&pattern, &address), by_definition(pattern.as_bytes(), address.as_bytes()));
        }

        #[test]
        fn any_text_is_a_pattern_or_a_problem(text in r"[ab/?*\[\]{},!-]{0,40}", address in "[ab/]{0,40}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let mut steps = MOST_STEPS;
                prop_assert!(pattern.matches(&address, &mut steps).is_some());
                prop_assert!(MOST_STEPS - steps <= 20 * (text.len() + 1) * (address.len() + 2));
            }
        }
    }
}
