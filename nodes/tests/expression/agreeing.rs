//! Any expression, against an evaluator that walks its tree; any text at all.

use bendrack_nodes::grammar::expression::{Expression, FUNCTIONS, LONGEST, OPERATORS, Scope, VARIABLES};
use proptest::prelude::*;
use proptest::sample::select;
use unicode_width::UnicodeWidthChar;

use super::{parsed, random, scope};

/// An expression as a tree.
#[derive(Clone, Debug)]
enum Tree {
    Number(f64),
    Name(&'static str),
    Before(&'static str, Box<Tree>),
    Between(&'static str, Box<[Tree; 2]>),
    Choice(Box<[Tree; 3]>),
    Call(&'static str, Vec<Tree>),
}

const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h", "t", "frame", "beat", "fps", "pi", "tau"];
/// Binary operators by precedence, lowest first.
const BETWEEN: &[&[&str]] =
    &[&["||"], &["&&"], &["<", "<=", ">", ">=", "==", "!="], &["+", "-"], &["*", "/", "%"], &[], &["^"]];
const CALLS: &[(&str, usize)] = &[
    ("sin", 1),
    ("cos", 1),
    ("atan", 1),
    ("atan2", 2),
    ("sqrt", 1),
    ("exp", 1),
    ("ln", 1),
    ("abs", 1),
    ("sign", 1),
    ("floor", 1),
    ("ceil", 1),
    ("round", 1),
    ("fract", 1),
    ("min", 2),
    ("min", 4),
    ("max", 3),
    ("clamp", 3),
    ("mix", 3),
    ("step", 2),
    ("mod", 2),
    ("pow", 2),
    ("hypot", 2),
    ("tri", 1),
    ("saw", 1),
    ("sqr", 1),
    ("rnd", 2),
];

impl Tree {
    fn value(&self, scope: &Scope<'_>) -> f64 {
        let is_on = |x: f64| x >= 0.5;
        let number = |is_on: bool| if is_on { 1.0 } else { 0.0 };
        match self {
            Self::Number(x) => *x,
            Self::Name(name) => match *name {
                "t" => scope.secs,
                "frame" => scope.frame,
                "beat" => scope.beat,
                "fps" => scope.fps,
                "pi" => std::f64::consts::PI,
                "tau" => std::f64::consts::TAU,
                input => scope.inputs[usize::from(input.as_bytes()[0] - b'a')],
            },
            Self::Before("-", x) => -x.value(scope),
            Self::Before(_, x) => number(!is_on(x.value(scope))),
            Self::Choice(parts) => parts[if is_on(parts[0].value(scope)) { 1 } else { 2 }].value(scope),
            Self::Between(sign, sides) => {
                let [x, y] = [sides[0].value(scope), sides[1].value(scope)];
                match *sign {
                    "||" => number(is_on(x) || is_on(y)),
                    "&&" => number(is_on(x) && is_on(y)),
                    "<" => number(x < y),
                    "<=" => number(x <= y),
                    ">" => number(x > y),
                    ">=" => number(x >= y),
                    "==" => number(x == y),
                    "!=" => number(x != y),
                    "+" => x + y,
                    "-" => x - y,
                    "*" => x * y,
                    "/" => x / y,
                    "%" => rest(x, y),
                    _ => x.powf(y),
                }
            }
            Self::Call(name, arguments) => {
                let x: Vec<f64> = arguments.iter().map(|argument| argument.value(scope)).collect();
                call(name, &x)
            }
        }
    }

    /// Writes the expression, in brackets if its precedence is below `level`. Level 9 brackets every operation.
    fn write(&self, level: u8, text: &mut String) {
        let (own, all) = (self.level(), level == 9);
        let bracket = own < level;
        let inner = |level: u8| if all { 9 } else { level };
        *text += if bracket { "(" } else { "" };
        match self {
            Self::Number(x) => text.extend([format!("{x:?}")]),
            Self::Name(name) => *text += name,
            Self::Before(sign, x) => {
                *text += sign;
                x.write(inner(6), text);
            }
            Self::Between(sign, sides) => {
                // Comparisons are not chained; a power goes from right to left, and may have a sign.
                let (left, right) = match own {
                    3 => (4, 4),
                    7 => (8, 6),
                    own => (own, own + 1),
                };
                sides[0].write(inner(left), text);
                text.extend([" ", *sign, " "]);
                sides[1].write(inner(right), text);
            }
            Self::Choice(parts) => {
                parts[0].write(inner(1), text);
                *text += " ? ";
                parts[1].write(inner(0), text);
                *text += " : ";
                parts[2].write(inner(0), text);
            }
            Self::Call(name, arguments) => {
                *text += name;
                for (argument, before) in arguments.iter().zip(std::iter::once("(").chain(std::iter::repeat(", "))) {
                    *text += before;
                    argument.write(0, text);
                }
                *text += ")";
            }
        }
        *text += if bracket { ")" } else { "" };
    }

    fn level(&self) -> u8 {
        match self {
            Self::Choice(_) => 0,
            Self::Between(sign, _) => {
                1 + BETWEEN.iter().position(|signs| signs.contains(sign)).expect("an operator") as u8
            }
            Self::Before(..) => 6,
            Self::Number(_) | Self::Name(_) | Self::Call(..) => 9,
        }
    }
}

fn rest(x: f64, y: f64) -> f64 {
    let rest = x.rem_euclid(y);
    if rest == y.abs() { 0.0 } else { rest }
}

fn call(name: &str, x: &[f64]) -> f64 {
    let fraction = |x: f64| if x - x.floor() == 1.0 { 0.0 } else { x - x.floor() };
    // The first NaN, else the extreme value; of equal values, the last.
    let pick = |x: &[f64], is_before: fn(f64, f64) -> bool| {
        let mut best = x[0];
        for y in &x[1..] {
            best = if best.is_nan() || is_before(best, *y) { best } else { *y };
        }
        best
    };
    let is_less: fn(f64, f64) -> bool = |x, y| x < y;
    let is_more: fn(f64, f64) -> bool = |x, y| x > y;
    match name {
        "sin" => x[0].sin(),
        "cos" => x[0].cos(),
        "atan" => x[0].atan(),
        "atan2" => x[0].atan2(x[1]),
        "sqrt" => x[0].sqrt(),
        "exp" => x[0].exp(),
        "ln" => x[0].ln(),
        "abs" => x[0].abs(),
        "sign" if x[0] == 0.0 => 0.0,
        "sign" => x[0].signum(),
        "floor" => x[0].floor(),
        "ceil" => x[0].ceil(),
        "round" => x[0].round_ties_even(),
        "fract" | "saw" => fraction(x[0]),
        "min" => pick(x, is_less),
        "max" => pick(x, is_more),
        "clamp" => pick(&[pick(&x[..2], is_more), x[2]], is_less),
        "mix" => x[0] + (x[1] - x[0]) * x[2],
        "step" if x[0].is_nan() || x[1].is_nan() || x[0] == x[1] && x[0].is_infinite() => f64::NAN,
        "step" => f64::from(u8::from(x[1] >= x[0])),
        "mod" => rest(x[0], x[1]),
        "pow" => x[0].powf(x[1]),
        "hypot" => x[0].hypot(x[1]),
        "tri" => 1.0 - (2.0 * fraction(x[0]) - 1.0).abs(),
        "sqr" if !x[0].is_finite() => f64::NAN,
        "sqr" => f64::from(u8::from(fraction(x[0]) >= 0.5)),
        _ if x[0].is_finite() && x[1].is_finite() => random(x[0].floor() as i64 as u64, x[1].floor() as i64),
        _ => f64::NAN,
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let numbers = prop_oneof![select(vec![0.0, 0.5, 1.0, 2.0, 3.5, 10.0]), 0.0..1e3, any::<f64>().prop_map(f64::abs)];
    let leaf = prop_oneof![
        numbers.prop_filter("finite", |x| x.is_finite()).prop_map(Tree::Number),
        select(NAMES).prop_map(Tree::Name),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let signs: Vec<&str> = BETWEEN.concat();
        prop_oneof![
            (select(vec!["-", "!"]), inner.clone()).prop_map(|(sign, x)| Tree::Before(sign, Box::new(x))),
            (select(signs), [inner.clone(), inner.clone()]).prop_map(|(sign, x)| Tree::Between(sign, Box::new(x))),
            [inner.clone(), inner.clone(), inner.clone()].prop_map(|x| Tree::Choice(Box::new(x))),
            (select(CALLS), prop::collection::vec(inner, 4)).prop_map(|((name, takes), mut x)| {
                x.truncate(takes);
                Tree::Call(name, x)
            }),
        ]
    })
}

/// Texts that are nearly expressions.
fn soup() -> impl Strategy<Value = String> {
    let names = FUNCTIONS.iter().map(|function| function.name).chain(VARIABLES.iter().map(|variable| variable.name));
    let mut parts: Vec<&str> = names.chain(OPERATORS.iter().map(|operator| operator.symbol)).collect();
    parts.extend([
        "(", "(", ")", ")", ",", "?", ":", " ", "\n", "1", "0.5", "2e", "9e999", ".", "=", "ä", "名前", "−", "\u{301}",
    ]);
    prop::collection::vec(select(parts), 0..60).prop_map(|parts| parts.concat())
}

/// Any text parses, or its error has a valid span and a caret.
fn withstands(source: &str) -> Result<(), TestCaseError> {
    let mistake = match Expression::parse(source) {
        Ok(expression) => {
            expression.value(&scope());
            return Ok(());
        }
        Err(mistake) => mistake,
    };
    let (start, end) = (mistake.span.start, mistake.span.end);
    prop_assert!(start <= end && end <= source.len(), "{start} {end}");
    prop_assert!(source.is_char_boundary(start) && source.is_char_boundary(end), "{start} {end}");
    let picture = mistake.caret(source);
    let lines: Vec<&str> = picture.split('\n').collect();
    prop_assert_eq!(lines.len(), 2, "{}", &picture);
    prop_assert!(lines[1].trim_start().starts_with('^'), "{}", &picture);
    prop_assert!(
        lines[0].chars().filter_map(UnicodeWidthChar::width).sum::<usize>() <= 74 && mistake.message.len() < 500,
        "{}",
        &picture
    );
    Ok(())
}

proptest! {
    #[test]
    fn the_program_gives_what_the_tree_gives(tree in trees(), inputs in prop::array::uniform8(-4.0..4.0)) {
        let scope = Scope { inputs, ..scope() };
        let expected = tree.value(&scope);
        for level in [9, 0] {
            let mut source = String::new();
            tree.write(level, &mut source);
            prop_assume!(source.len() <= LONGEST);
            let value = parsed(&source).value(&scope);
            let same = value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan();
            prop_assert!(same, "{source}: {value} {expected}");
        }
    }

    #[test]
    fn any_text_is_withstood(source in any::<String>()) {
        withstands(&source)?;
    }

    #[test]
    fn what_is_nearly_an_expression_is_withstood(source in soup()) {
        withstands(&source)?;
    }

    #[test]
    fn an_expression_that_is_cut_off_is_withstood(tree in trees(), cut in 0..LONGEST, with in any::<char>()) {
        let mut source = String::new();
        tree.write(9, &mut source);
        let cut = source.floor_char_boundary(cut);
        withstands(&source[..cut])?;
        source.insert(cut, with);
        withstands(&source)?;
    }
}
