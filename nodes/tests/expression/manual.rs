//! `docs/expression.md` equals the tables of the language.
//!
//! `make bless` rewrites it: review it before you keep it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use bendrack_nodes::grammar::expression::{DEEPEST, FUNCTIONS, LONGEST, MOST_STEPS, OPERATORS, VARIABLES};

use super::parsed;

const INTRO: &str = "\
# Expressions

The node [Expression](nodes.md#expression-mathexpression) has a formula, such as `a + b * sin(tau * t)`. It makes a number from up to eight
inputs, time and random numbers.

| result | formula |
|---|---|
| a swing of 0.2 about 0.5, once in four seconds | `0.5 + 0.2 * sin(tau * t / 4)` |
| the same from 0 to 1 | `wave(t / 4)` |
| a ramp on every beat | `saw(beat)` |
| on in the first half of every bar of four | `beat % 4 < 2` |
| a random number, new on every beat | `rnd(1, beat)` |
| the first input while the second is on, else the third | `b ? a : c` |
| a curve of an input | `clamp(a, 0, 1) ^ 2` |
| a wander between two inputs | `mix(a, b, noise(1, t))` |

## Rules

- All values are numbers. On is 1, off is 0. A number is on from 0.5. There is no hysteresis: a gate, by contrast, goes off below 0.1.
- Numbers are `2`, `0.5`, `.5` or `1.5e-3`. White space has no effect. Names are in lower case.
- Angles are in radians: `tau` is a turn. `wave`, `tri`, `saw` and `sqr` count in cycles: 1 is a turn.
- A product needs its sign: `2 * t`, not `2t`. Comparisons do not chain: `1 < a && a < 3`, not `1 < a < 3`.
- All parts of `?:`, `&&` and `||` are evaluated.
- A result that is not finite has no effect: the node keeps its last value. `sqrt(-1)` and `0 / 0` are not a number (NaN), nor is any result made from
  them; `1 / 0` is infinite. NaN is off, and its comparisons are off, except `!=`.
";

/// A text in which nothing ends a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn page() -> String {
    let mut text = INTRO.to_owned();
    let _ = write!(
        text,
        "- An expression has at most {LONGEST} bytes and {MOST_STEPS} numbers, names, operators and functions.\n- Brackets, functions, \
         signs, `^` and `?:` nest at most {DEEPEST} levels deep.\n\n"
    );
    text += "## Names\n\n| name | |\n|---|---|\n";
    for variable in VARIABLES {
        let _ = writeln!(text, "| `{}` | {} |", variable.name, variable.about);
    }
    text += "\n## Operators\n\nOperators by precedence, highest first; within a level, left to right.\n\n";
    text += "| level | operator | |\n|---|---|---|\n";
    for operator in OPERATORS {
        let _ = writeln!(text, "| {} | `{}` | {} |", operator.level, cell(operator.symbol), cell(operator.about));
    }
    text += "\n## Functions\n\n| function | |\n|---|---|\n";
    for function in FUNCTIONS {
        let _ = writeln!(text, "| `{}` | {} |", function.call(), cell(function.about));
    }
    text + GRAMMAR + SOURCE
}

const GRAMMAR: &str = "
## Grammar

```text
choice    = operation [ \"?\" choice \":\" choice ]
operation = signed { operator signed }           by levels; one comparison at most
signed    = ( \"-\" | \"!\" ) signed | power
power     = value [ \"^\" signed ]
value     = number | name | name \"(\" choice { \",\" choice } \")\" | \"(\" choice \")\"
number    = digits [ \".\" [ digits ] ] [ exponent ] | \".\" digits [ exponent ]
exponent  = ( \"e\" | \"E\" ) [ \"+\" | \"-\" ] digits
```
";

const SOURCE: &str = "
A test writes this page from the tables in [names.rs](../nodes/src/grammar/expression/names.rs): change those, and run `make bless`.
";

#[test]
fn the_page_equals_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/expression.md");
    let page = page();
    if std::env::var_os("BENDRACK_BLESS").is_some() {
        return std::fs::write(path, page).expect("the page is written");
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == page,
        "docs/expression.md differs from the tables; \
         make bless rewrites it"
    );
}

#[test]
fn what_the_page_tells_to_write_is_understood() {
    let examples = INTRO.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('`').nth(1));
    assert_eq!(examples.map(parsed).count(), 8);
}

#[test]
fn every_name_is_known_once_and_explained() {
    let names: BTreeSet<_> = FUNCTIONS.iter().map(|f| f.name).chain(VARIABLES.iter().map(|v| v.name)).collect();
    assert_eq!(names.len(), FUNCTIONS.len() + VARIABLES.len());
    let about = FUNCTIONS.iter().map(|f| f.about).chain(VARIABLES.iter().map(|v| v.about));
    for text in about.chain(OPERATORS.iter().map(|operator| operator.about)) {
        assert!(text.ends_with('.') && text.len() > 3, "{text:?}");
    }
    for variable in VARIABLES {
        assert!(parsed(variable.name).uses(variable.name));
    }
    for function in FUNCTIONS {
        assert!(function.arguments.iter().all(|name| !name.is_empty()));
        parsed(&format!("{}({})", function.name, vec!["a"; function.arguments.len()].join(", ")));
    }
    let levels: Vec<u8> = OPERATORS.iter().map(|operator| operator.level).collect();
    assert!(levels.is_sorted_by(|a, b| a >= b), "from what binds most");
}
