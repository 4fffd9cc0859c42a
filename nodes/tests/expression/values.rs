//! What expressions give.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::f64::consts::{E, FRAC_PI_2, PI, TAU};

use bendrack_nodes::grammar::expression::{DEEPEST, Expression, LONGEST, MOST_STEPS, Scope};

use super::{parsed, random, scope, value};

#[test]
fn values_are_those_of_the_same_in_rust() {
    let Scope { inputs: [a, b, c, d, e, f, g, h], secs, frame, beat, fps, .. } = scope();
    let table: &[(&str, f64)] = &[
        ("a + b - c * d / e", a + b - c * d / e),
        ("f % c + g % e", f.rem_euclid(c) + g.rem_euclid(e)),
        ("h", h),
        ("t + frame + beat + fps", secs + frame + beat + fps),
        ("pi + tau", PI + TAU),
        ("1.5e3 + .25 + 2. + 1E-2 + 3e+1", 1500.0 + 0.25 + 2.0 + 0.01 + 30.0),
        ("2e3", 2000.0),
        ("sin(t) + cos(t) * tan(t)", secs.sin() + secs.cos() * secs.tan()),
        ("asin(a) - acos(a) + atan(b)", a.asin() - a.acos() + b.atan()),
        ("atan2(b, c)", b.atan2(c)),
        ("sqrt(c) + exp(1)", c.sqrt() + 1.0_f64.exp()),
        ("ln(exp(1)) + log2(8) + log10(1000)", E.ln() + 3.0 + 3.0),
        ("abs(b)", 1.5),
        ("sign(b) * 100 + sign(h) * 10 + sign(a)", -99.0),
        ("floor(b) * 10 + ceil(b)", -21.0),
        ("round(0.5) + round(1.5) * 10 + round(-2.5) * 100", -180.0),
        ("fract(b) + fract(2.25)", 0.75),
        ("min(a, b)", b),
        ("min(a, b, -2, 5, 7)", -2.0),
        ("max(1, 2, 3) + max(b, a)", 3.0 + a),
        ("clamp(f, 0, 1) + clamp(b, 0, 1) + clamp(a, 0, 1)", 1.0 + a),
        ("clamp(a, 2, 1)", 1.0),
        ("mix(a, b, d)", a + (b - a) * d),
        ("lerp(a, b, 2)", a + (b - a) * 2.0),
        ("step(0.5, 0.5) + step(0.5, 0.49)", 1.0),
        ("smoothstep(0, 2, d)", 0.25 * 0.25 * 2.5),
        ("smoothstep(1, 0, 0.25)", 0.75 * 0.75 * 1.5),
        ("smoothstep(1, 1, 0.9) + smoothstep(1, 1, 1)", 1.0),
        ("mod(b, 4) + -1 % 4", 2.5 + 3.0),
        ("b % -4", 2.5),
        ("pow(c, f) + c ^ f", 2048.0),
        ("hypot(3, 4)", 5.0),
        ("wave(0) + wave(0.5) + wave(7)", 1.0),
        ("wave(t)", 0.5 - 0.5 * (TAU * 0.75).cos()),
        ("tri(0) + tri(0.25) * 10 + tri(0.5) * 100 + tri(0.75) * 1000", 605.0),
        ("saw(-0.25) + saw(3)", 0.75),
        ("sqr(0.49) + sqr(0.5) * 10 + sqr(1) * 100 + sqr(-0.01) * 1000", 1010.0),
        ("rnd(1, floor(beat))", random(1, 3)),
        ("rnd(1.9, beat)", random(1, 3)),
        ("rnd(-1, -0.5)", random(u64::MAX, -1)),
        ("noise(2, 5)", random(2, 5)),
        ("noise(2, 5.5)", f64::midpoint(random(2, 5), random(2, 6))),
        ("a > 0.2 ? f : g", f),
        ("a > 0.3 ? f : g", g),
        ("d ? 1 : 2", 1.0),
        ("0.49 ? 1 : 2", 2.0),
        ("(a < c) + (a <= a) * 10 + (a > c) * 100 + (a >= a) * 1000", 1011.0),
        ("(a == a) + (a != a) * 10", 1.0),
        ("!d + !0.4 * 10", 10.0),
        ("(1 && 0.5) + (1 && 0.4) * 10 + (0 || 0.5) * 100 + (0.4 || 0) * 1000", 101.0),
        ("beat % 1 < 0.5 ? saw(t) : rnd(1, floor(beat))", random(1, 3)),
        ("sin(pi / 2) * atan2(1, 0)", FRAC_PI_2),
        (" \n a\t+\r\n b ", a + b),
    ];
    for (source, expected) in table {
        let value = value(source);
        assert!(
            value == *expected || (value - expected).abs() < 1e-12 * expected.abs(),
            "{source}: {value} {expected}"
        );
    }
}

#[test]
fn operators_bind_as_usual() {
    for (bare, bracketed) in [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("10 - 4 - 3", "(10 - 4) - 3"),
        ("64 / 4 / 2", "(64 / 4) / 2"),
        ("7 * 5 % 4", "(7 * 5) % 4"),
        ("2 ^ 3 ^ 2", "2 ^ (3 ^ 2)"),
        ("-2 ^ 2", "-(2 ^ 2)"),
        ("2 ^ -1 ^ 2", "2 ^ (-(1 ^ 2))"),
        ("-3 % 4", "(-3) % 4"),
        ("2 * -3", "2 * (-3)"),
        ("5 - -3", "5 - (-3)"),
        ("5--3", "5 - (-3)"),
        ("--3", "-(-3)"),
        ("!0 == 0", "(!0) == 0"),
        ("!2 ^ 0", "!(2 ^ 0)"),
        ("1 + 2 < 2 + 2", "(1 + 2) < (2 + 2)"),
        ("0 == 1 && 0", "(0 == 1) && 0"),
        ("1 || 1 && 0", "1 || (1 && 0)"),
        ("0 && 0 || 1", "(0 && 0) || 1"),
        ("0 || 0 ? 1 : 2", "(0 || 0) ? 1 : 2"),
        ("1 ? 2 : 0 ? 3 : 4", "1 ? 2 : (0 ? 3 : 4)"),
        ("0 ? 2 : 0 ? 3 : 4", "0 ? 2 : (0 ? 3 : 4)"),
        ("1 ? 0 ? 2 : 3 : 4", "1 ? (0 ? 2 : 3) : 4"),
        ("1 ? 2 : 3 + 4", "1 ? 2 : (3 + 4)"),
    ] {
        assert_eq!(value(bare).to_bits(), value(bracketed).to_bits(), "{bare}");
    }
    assert_eq!([value("-2 ^ 2"), value("2 ^ 3 ^ 2"), value("1 ? 2 : 3 + 4")], [-4.0, 512.0, 2.0]);
}

#[test]
fn nothing_is_made_of_what_is_no_number() {
    for source in [
        "sqrt(-1)",
        "0 / 0",
        "min(0 / 0, 1)",
        "min(1, 0 / 0)",
        "max(0 / 0, 1)",
        "clamp(0 / 0, 0, 1)",
        "clamp(1, 0 / 0, 1)",
        "tri(1 / 0)",
        "sqr(0 / 0)",
        "step(0 / 0, 1)",
        "smoothstep(1, 1, 0 / 0)",
        "sign(0 / 0)",
        "rnd(1, 1 / 0)",
        "rnd(0 / 0, 1)",
        "noise(1, 1 / 0)",
        "1 % 0",
    ] {
        assert!(value(source).is_nan(), "{source}");
    }
    assert_eq!(value("1 / 0"), f64::INFINITY);
    // NaN is false, and equal to nothing.
    assert_eq!([value("sqrt(-1) ? 1 : 2"), value("!sqrt(-1)"), value("0 / 0 == 0 / 0")], [2.0, 1.0, 0.0]);
}

#[test]
fn waves_stay_below_their_end() {
    for source in ["fract(-1e-20)", "saw(-1e-20)", "tri(-1e-20)", "wave(-1e-20)", "-1e-20 % 4"] {
        assert_eq!(value(source), 0.0, "{source}");
    }
}

#[test]
fn an_expression_lists_its_variables() {
    let expression = parsed("a + sin(beat) * rnd(1, 0)");
    let used: Vec<_> = ["a", "b", "beat", "t", "sin"].into_iter().filter(|name| expression.uses(name)).collect();
    assert_eq!(used, ["a", "beat"]);
    assert_eq!(expression.to_string(), expression.source());
    let is_shared = |_: &(dyn Send + Sync)| true;
    assert!(is_shared(&expression));
    assert!(expression == parsed("a + sin(beat) * rnd(1, 0)") && expression != parsed("a"));
}

#[test]
fn limits_hold() {
    let refused = |source: &str| Expression::parse(source).expect_err("a mistake").message;
    let nested = |open: &str, close: &str, deep: usize| format!("{}a{}", open.repeat(deep), close.repeat(deep));
    for (open, close) in [("(", ")"), ("sin(", ")"), ("-", ""), ("a?a:", ""), ("a^", ""), ("a?", ":a"), ("max(a,", ")")]
    {
        parsed(&nested(open, close, DEEPEST));
        assert!(refused(&nested(open, close, DEEPEST + 1)).contains("more than 32"), "{open}");
    }
    parsed(&format!("{}a", "a+".repeat(MOST_STEPS / 2 - 1)));
    assert!(refused(&format!("{}a", "a+".repeat(MOST_STEPS / 2))).contains("more than 256"));
    assert!(refused(&format!("max({}a)", "a,".repeat(MOST_STEPS / 2))).contains("more than 256"));
    assert!(refused(&format!("sin({}a)", "a,".repeat(MOST_STEPS))).contains("more than 256"));
    parsed(&format!("a{}", " ".repeat(LONGEST - 1)));
    assert!(refused(&format!("a{}", " ".repeat(LONGEST))).contains("longer than 1024"));
}

#[test]
fn a_small_stack_is_enough() {
    let deep = ["(", "-", "a?", "a?a:", "a||a&&a<a+a*-a^(", "max(a,a+a*", "!", "a^"];
    let sources = deep.map(|part| part.repeat(LONGEST / part.len()));
    let tried = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        for source in sources {
            assert!(Expression::parse(&source).is_err());
        }
    });
    tried.expect("a thread").join().expect("no overflow");
}

thread_local! {
    /// How often this thread asked for memory.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's memory, counted.
struct Counted;

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps what the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static MEMORY: Counted = Counted;

#[test]
fn evaluation_allocates_nothing() {
    let count = || ALLOCATIONS.with(Cell::get);
    let before = count();
    let expression = parsed("a > 0 ? max(a, b, noise(1, t), rnd(2, beat)) : smoothstep(0, 1, saw(t)) ^ 2 % fps");
    assert!(count() > before, "memory is counted");
    let before = count();
    let value = expression.value(&scope());
    assert_eq!(count(), before);
    assert!(value.is_finite());
}
