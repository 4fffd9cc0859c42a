//! What is refused, and how it is said.

use bendrack_nodes::grammar::expression::{DEEPEST, Expression, LONGEST, Mistake};

fn mistake(source: &str) -> Mistake {
    match Expression::parse(source) {
        Err(mistake) => mistake,
        Ok(expression) => panic!("{expression} is understood"),
    }
}

/// Sources, and the line below each; a list of all names is cut off.
const PICTURES: &[(&str, &str)] = &[
    ("", "^ there is nothing here: write a value, such as a or sin(t)"),
    ("  ", "^ there is nothing here: write a value, such as a or sin(t)"),
    ("sin(t", "     ^ sin( is not closed: write )"),
    ("sin(t ", "     ^ sin( is not closed: write )"),
    ("(a + b", "      ^ ( is not closed: write )"),
    ("a +", "   ^ a value is missing at the end: write one behind +"),
    ("a + ", "   ^ a value is missing at the end: write one behind +"),
    ("a + * b", "    ^ a value is missing: write one before *"),
    ("+a", "^ a + stands between two values: leave this one away"),
    ("()", " ^ there is nothing between ( and ): write a value there"),
    ("sin()", "^^^^^ sin takes 1 argument and has 0 here: write sin(x)"),
    ("min(a)", "^^^^^^ min takes 2 or more arguments and has 1 here: write min(x, y, …)"),
    ("sin(a, b)", "^^^^^^^^^ sin takes 1 argument and has 2 here: write sin(x)"),
    ("atan2(a)", "^^^^^^^^ atan2 takes 2 arguments and has 1 here: write atan2(y, x)"),
    ("clamp(a, 0)", "^^^^^^^^^^^ clamp takes 3 arguments and has 2 here: write clamp(x, low, high)"),
    ("sin", "^^^ sin is a function: write sin(x)"),
    ("sin a", "^^^ sin is a function: write sin(x)"),
    ("t(3)", "^ t is a number and not a function: write t * ( to multiply"),
    ("2t", "^^ an operator is missing: write 2 * t to multiply"),
    ("2 (a)", "^^^ an operator is missing: write 2 * ( to multiply"),
    ("(a)(b)", "  ^^ an operator is missing: write ) * ( to multiply"),
    ("2 3", "^^^ an operator is missing between 2 and 3: write one, such as *"),
    ("a b", "^^^ an operator is missing: write a * b to multiply"),
    ("a and b", "  ^^^ there is no and: write && for and"),
    ("not a", "^^^ there is no not: write ! for not"),
    ("if(a, b, c)", "^^ there is no if: write condition ? value : otherwise"),
    ("log(a)", "^^^ there is no log: write ln(x), log2(x) or log10(x)"),
    ("sinn(a)", "^^^^ there is no sinn; did you mean sin?"),
    ("Sin(a)", "^^^ there is no Sin; did you mean sin?"),
    ("foo(a)", "^^^ there is no foo; there are …"),
    ("foo", "^^^ there is no foo; there are …"),
    ("bete * 2", "^^^^ there is no bete; did you mean beat?"),
    ("x", "^ there is no x; there are …"),
    ("a = b", "  ^ = means nothing here: nothing can be kept in a name; write == to compare"),
    ("a == = b", "     ^ = means nothing here: nothing can be kept in a name; write == to compare"),
    ("a & b", "  ^ & means nothing here: write && for and"),
    ("a | b", "  ^ | means nothing here: write || for or"),
    ("a ** 2", "  ^^ ** means nothing here: write ^ for a power"),
    ("1 < a < 3", "      ^ comparisons cannot be chained: write x < y && y < z, or ( and ) around the first one"),
    ("a ? b", "  ^ the ? has no : that says what it is otherwise: write condition ? value : otherwise"),
    ("a ? b)", "     ^ this ) closes nothing: leave it away, or write its ( before"),
    ("a : b", "  ^ this : has no ? before it: write condition ? value : otherwise"),
    ("a, b", " ^ a comma stands between the arguments of a function: write numbers with a point, 0.5"),
    ("0,5 * a", " ^ a comma stands between the arguments of a function: write numbers with a point, 0.5"),
    ("max(a, 0,5) + ", "             ^ a value is missing at the end: write one behind +"),
    ("a)", " ^ this ) closes nothing: leave it away, or write its ( before"),
    ("a ! b", "  ^ a ! stands before a value: write != to compare"),
    ("a.b", " ^ a point stands in a number, such as 0.5: write a digit behind it"),
    ("1.2.3", "   ^ a number has one point: leave the second one away"),
    ("1e999", "^^^^^ 1e999 is too large: write a number below 1e308"),
    ("1_000", " ^ _ means nothing here: names begin with a letter, and numbers are written without it"),
    ("a; b", " ^ ; means nothing here: leave it away, as this is one expression"),
    ("\"x\"", "^ \" means nothing here: there are no texts here, only numbers"),
    ("a − b", "  ^ − means nothing here: write - to subtract"),
    ("größe * 2", "^^^^^ there is no größe; there are …"),
    ("größe", "^^^^^ there is no größe; there are …"),
    ("名前 + 1", "^^^^ there is no 名前; there are …"),
    ("\"名\"", "^ \" means nothing here: there are no texts here, only numbers"),
    ("max(名前, 1)", "    ^^^^ there is no 名前; there are …"),
    ("a\u{301}", " ^ a character that does not stand by itself is here (U+0301): delete it"),
    ("π * 2", "^ π means nothing here: write pi"),
    ("a?a", " ^ the ? has no : that says what it is otherwise: write condition ? value : otherwise"),
    ("min(1,)", "      ^ a value is missing: write one before )"),
    ("sin(,)", "    ^ a value is missing: write one before ,"),
    ("a[1]", " ^ [ means nothing here: write ( and ) around what comes first"),
    ("2 * sin(t) pi", "         ^^^^ an operator is missing: write ) * pi to multiply"),
    ("90°", "  ^ ° means nothing here: angles are in radians: write * tau / 360 for degrees"),
    ("100e", "^^^^ an operator is missing: write 100 * e to multiply"),
    ("-", " ^ a value is missing at the end: write one behind -"),
];

#[test]
fn the_picture_of_a_mistake_marks_it_and_says_what_to_do() {
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
    assert_eq!(picture("a\n+ sinn(b)\n+ c"), "+ sinn(b)\n  ^^^^ there is no sinn; did you mean sin?");
    // What would move the mark is shown as a space.
    assert_eq!(picture("\ta\r+ 2t"), " a + 2t\n     ^^ an operator is missing: write 2 * t to multiply");
    let [zero, turn] = ["a + \0 b", "a + \u{202e}b"].map(picture);
    assert_eq!(zero, "a +   b\n    ^ a character that does not stand by itself is here (U+0000): delete it");
    assert_eq!(turn, "a +  b\n    ^ a character that does not stand by itself is here (U+202E): delete it");
    let long = format!("{}2t{}", "a + ".repeat(20), " + 名".repeat(20));
    assert_eq!(
        picture(&long),
        "…a + a + a + a + a + a + a + a + a + 2t + 名 + 名 + 名 + 名 + 名 + 名 + …\n                                     \
         ^^ an operator is missing: write 2 * t to multiply"
    );
    let word = "ä".repeat(LONGEST / 2);
    let [shown, said] = [0, 1].map(|line| picture(&word).lines().nth(line).expect("two lines").to_owned());
    assert_eq!(shown, format!("{}…", "ä".repeat(72)));
    assert!(said.starts_with(&format!("{} there is no {}…; there are ", "^".repeat(72), "ä".repeat(24))), "{said}");
    // A picture of another source does not panic.
    assert!(mistake("a + a + foo").caret("名").starts_with("名\n"));
}

#[test]
fn a_mistake_says_where_it_is_and_what_could_stand_there() {
    let named = mistake("1 + wvae(t)");
    assert_eq!((named.span.clone(), named.suggestion), (4..8, Some("wave")));
    assert_eq!(named.to_string(), "there is no wvae; did you mean wave?");
    for (source, span, expected) in [
        ("sin(t", 5..5, "an operator, a comma or )"),
        ("(t", 2..2, "an operator or )"),
        ("t +  ", 3..3, "a number, a name or ("),
        ("t ? 1", 2..3, ":"),
        ("名 2", 0..3, ""),
        ("1 名", 0..5, "an operator"),
        ("1 )", 2..3, "an operator or the end"),
        ("sin + 1", 0..3, "( behind it"),
    ] {
        let mistake = mistake(source);
        assert_eq!((mistake.span, mistake.expected.unwrap_or_default()), (span, expected), "{source}");
    }
}

#[test]
fn a_limit_is_said_where_it_is_reached() {
    let deep = format!("{}a", "(".repeat(DEEPEST + 4));
    assert_eq!(mistake(&deep).span, DEEPEST + 1..DEEPEST + 2);
    let long = "ä".repeat(LONGEST);
    assert_eq!(mistake(&long).span, LONGEST..2 * LONGEST);
    assert_eq!(mistake(&format!("a{long}")).span, LONGEST - 1..2 * LONGEST + 1);
}
