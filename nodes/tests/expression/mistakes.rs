//! Refused expressions and their messages.

use bendrack_nodes::grammar::expression::{DEEPEST, Expression, LONGEST, Mistake};

fn mistake(source: &str) -> Mistake {
    match Expression::parse(source) {
        Err(mistake) => mistake,
        Ok(expression) => panic!("{expression} is understood"),
    }
}

/// Sources, and the line below each; a list of all names is cut off.
const PICTURES: &[(&str, &str)] = &[
    ("", "^ the expression is empty: write a value, such as a or sin(t)"),
    ("  ", "^ the expression is empty: write a value, such as a or sin(t)"),
    ("sin(t", "     ^ sin( is not closed: write )"),
    ("sin(t ", "     ^ sin( is not closed: write )"),
    ("(a + b", "      ^ ( is not closed: write )"),
    ("a +", "   ^ missing value at the end: write one after +"),
    ("a + ", "   ^ missing value at the end: write one after +"),
    ("a + * b", "    ^ missing value: write one before *"),
    ("+a", "^ a + joins two values: remove this one"),
    ("()", " ^ empty parentheses: write a value between ( and )"),
    ("sin()", "^^^^^ sin takes 1 argument and has 0 here: write sin(x)"),
    ("min(a)", "^^^^^^ min takes 2 or more arguments and has 1 here: write min(x, y, …)"),
    ("sin(a, b)", "^^^^^^^^^ sin takes 1 argument and has 2 here: write sin(x)"),
    ("atan2(a)", "^^^^^^^^ atan2 takes 2 arguments and has 1 here: write atan2(y, x)"),
    ("clamp(a, 0)", "^^^^^^^^^^^ clamp takes 3 arguments and has 2 here: write clamp(x, low, high)"),
    ("sin", "^^^ sin is a function: write sin(x)"),
    ("sin a", "^^^ sin is a function: write sin(x)"),
    ("t(3)", "^ t is a number, not a function: write t * ( to multiply"),
    ("2t", "^^ missing operator: write 2 * t to multiply"),
    ("2 (a)", "^^^ missing operator: write 2 * ( to multiply"),
    ("(a)(b)", "  ^^ missing operator: write ) * ( to multiply"),
    ("2 3", "^^^ missing operator between 2 and 3: write one, such as *"),
    ("a b", "^^^ missing operator: write a * b to multiply"),
    ("a and b", "  ^^^ unknown name and: write && for and"),
    ("not a", "^^^ unknown name not: write ! for not"),
    ("if(a, b, c)", "^^ unknown name if: write condition ? value : otherwise"),
    ("log(a)", "^^^ unknown name log: write ln(x), log2(x) or log10(x)"),
    ("sinn(a)", "^^^^ unknown name sinn; did you mean sin?"),
    ("Sin(a)", "^^^ unknown name Sin; did you mean sin?"),
    ("foo(a)", "^^^ unknown name foo; there are …"),
    ("foo", "^^^ unknown name foo; there are …"),
    ("bete * 2", "^^^^ unknown name bete; did you mean beat?"),
    ("x", "^ unknown name x; there are …"),
    ("a = b", "  ^ unexpected =: assignment is not supported; write == to compare"),
    ("a == = b", "     ^ unexpected =: assignment is not supported; write == to compare"),
    ("a & b", "  ^ unexpected &: write && for and"),
    ("a | b", "  ^ unexpected |: write || for or"),
    ("a ** 2", "  ^^ unexpected **: write ^ for a power"),
    ("1 < a < 3", "      ^ comparisons cannot be chained: write x < y && y < z, or ( and ) around the first one"),
    ("a ? b", "  ^ the ? has no matching `:`: write condition ? value : otherwise"),
    ("a ? b)", "     ^ unmatched ): remove it, or add the ( before"),
    ("a : b", "  ^ unmatched `:`: write condition ? value : otherwise"),
    ("a, b", " ^ a comma separates function arguments: write decimals with a point, 0.5"),
    ("0,5 * a", " ^ a comma separates function arguments: write decimals with a point, 0.5"),
    ("max(a, 0,5) + ", "             ^ missing value at the end: write one after +"),
    ("a)", " ^ unmatched ): remove it, or add the ( before"),
    ("a ! b", "  ^ ! must precede a value: write != to compare"),
    ("a.b", " ^ a point needs a digit after it, such as 0.5"),
    ("1.2.3", "   ^ a number has only one point: remove the second"),
    ("1e999", "^^^^^ 1e999 is too large: write a number below 1e308"),
    ("1_000", " ^ unexpected _: names begin with a letter; write numbers without it"),
    ("a; b", " ^ unexpected ;: remove it: a formula is a single expression"),
    ("\"x\"", "^ unexpected \": texts are not supported, only numbers"),
    ("a − b", "  ^ unexpected −: write - to subtract"),
    ("größe * 2", "^^^^^ unknown name größe; there are …"),
    ("größe", "^^^^^ unknown name größe; there are …"),
    ("名前 + 1", "^^^^ unknown name 名前; there are …"),
    ("\"名\"", "^ unexpected \": texts are not supported, only numbers"),
    ("max(名前, 1)", "    ^^^^ unknown name 名前; there are …"),
    ("a\u{301}", " ^ combining or invisible character U+0301: delete it"),
    ("π * 2", "^ unexpected π: write pi"),
    ("a?a", " ^ the ? has no matching `:`: write condition ? value : otherwise"),
    ("min(1,)", "      ^ missing value: write one before )"),
    ("sin(,)", "    ^ missing value: write one before ,"),
    ("a[1]", " ^ unexpected [: write ( and ) to group"),
    ("2 * sin(t) pi", "         ^^^^ missing operator: write ) * pi to multiply"),
    ("90°", "  ^ unexpected °: angles are in radians: write * tau / 360 for degrees"),
    ("100e", "^^^^ missing operator: write 100 * e to multiply"),
    ("-", " ^ missing value at the end: write one after -"),
];

#[test]
fn a_shown_mistake_is_marked_with_a_next_step() {
    for (source, line) in PICTURES {
        let picture = mistake(source).caret(source);
        let expected = format!("{source}\n{line}");
        match expected.strip_suffix('…') {
            Some(begins) => {
                assert!(
                    picture.starts_with(begins) && picture.ends_with("clamp mix lerp step smoothstep"),
                    "{picture}"
                );
            }
            None => assert_eq!(picture, expected),
        }
    }
}

#[test]
fn the_picture_shows_one_line_and_no_more_than_fits() {
    let picture = |source: &str| mistake(source).caret(source);
    assert_eq!(picture("a\n+ sinn(b)\n+ c"), "+ sinn(b)\n  ^^^^ unknown name sinn; did you mean sin?");
    // What would move the mark is shown as a space.
    assert_eq!(picture("\ta\r+ 2t"), " a + 2t\n     ^^ missing operator: write 2 * t to multiply");
    let [zero, turn] = ["a + \0 b", "a + \u{202e}b"].map(picture);
    assert_eq!(zero, "a +   b\n    ^ combining or invisible character U+0000: delete it");
    assert_eq!(turn, "a +  b\n    ^ combining or invisible character U+202E: delete it");
    let long = format!("{}2t{}", "a + ".repeat(20), " + 名".repeat(20));
    assert_eq!(
        picture(&long),
        "…a + a + a + a + a + a + a + a + a + 2t + 名 + 名 + 名 + 名 + 名 + 名 + …\n                                     \
         ^^ missing operator: write 2 * t to multiply"
    );
    let word = "ä".repeat(LONGEST / 2);
    let [shown, reported] = [0, 1].map(|line| picture(&word).lines().nth(line).expect("two lines").to_owned());
    assert_eq!(shown, format!("{}…", "ä".repeat(72)));
    assert!(
        reported.starts_with(&format!("{} unknown name {}…; there are ", "^".repeat(72), "ä".repeat(24))),
        "{reported}"
    );
    // A picture of another source does not panic.
    assert!(mistake("a + a + foo").caret("名").starts_with("名\n"));
}

#[test]
fn a_mistake_has_a_span_and_an_expected_token() {
    let named = mistake("1 + wvae(t)");
    assert_eq!((named.span.clone(), named.suggestion), (4..8, Some("wave")));
    assert_eq!(named.to_string(), "unknown name wvae; did you mean wave?");
    for (source, span, expected) in [
        ("sin(t", 5..5, "an operator, a comma or )"),
        ("(t", 2..2, "an operator or )"),
        ("t +  ", 3..3, "a number, a name or ("),
        ("t ? 1", 2..3, ":"),
        ("名 2", 0..3, ""),
        ("1 名", 0..5, "an operator"),
        ("1 )", 2..3, "an operator or the end"),
        ("sin + 1", 0..3, "( after it"),
    ] {
        let mistake = mistake(source);
        assert_eq!((mistake.span, mistake.expected.unwrap_or_default()), (span, expected), "{source}");
    }
}

#[test]
fn a_limit_is_reported_at_its_place() {
    let deep = format!("{}a", "(".repeat(DEEPEST + 4));
    assert_eq!(mistake(&deep).span, DEEPEST + 1..DEEPEST + 2);
    let long = "ä".repeat(LONGEST);
    assert_eq!(mistake(&long).span, LONGEST..2 * LONGEST);
    assert_eq!(mistake(&format!("a{long}")).span, LONGEST - 1..2 * LONGEST + 1);
}
