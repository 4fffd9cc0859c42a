//! Variables, operators and functions of expressions: the tables behind the parser and the manual.

use std::f64::consts::{PI, TAU};

use super::{Random, Scope};

/// A name with a number as its value.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Help: one sentence.
    pub about: &'static str,
    pub(super) origin: Origin,
}

/// Source of a variable's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Input(usize),
    Secs,
    Frame,
    Beat,
    Fps,
    Constant(f64),
}

/// An operator: a sign with one to three operands.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// Symbol, between its operands or before its only one.
    pub symbol: &'static str,
    /// Precedence: a higher one binds more tightly.
    pub level: u8,
    /// Help: one sentence.
    pub about: &'static str,
    pub(super) kernel: Kernel,
}

/// A function: a name with arguments.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Names of the arguments.
    pub arguments: &'static [&'static str],
    /// True if it takes any number of further arguments, all like the last.
    pub more: bool,
    /// Help with units: one sentence.
    pub about: &'static str,
    pub(super) kernel: Kernel,
}

/// Operation on the topmost numbers of the stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    Three(fn(f64, f64, f64) -> f64),
    Random(fn(Random<'_>, f64, f64) -> f64),
}

impl Kernel {
    /// Number of arguments, from the stack.
    pub fn takes(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Two(_) | Self::Random(_) => 2,
            Self::Three(_) => 3,
        }
    }

    /// Result for the arguments; `x` has [`Self::takes`] numbers.
    pub fn run(self, x: &[f64], scope: &Scope<'_>) -> f64 {
        match self {
            Self::One(run) => run(x[0]),
            Self::Two(run) => run(x[0], x[1]),
            Self::Three(run) => run(x[0], x[1], x[2]),
            Self::Random(run) => run(scope.random, x[0], x[1]),
        }
    }
}

impl Function {
    /// A call as text: `atan2(y, x)`, `min(x, y, …)`.
    pub fn call(&self) -> String {
        format!("{}({}{})", self.name, self.arguments.join(", "), if self.more { ", …" } else { "" })
    }
}

const fn input(index: usize, name: &'static str, about: &'static str) -> Variable {
    Variable { name, about, origin: Origin::Input(index) }
}

/// Every variable.
pub const VARIABLES: &[Variable] = &[
    input(0, "a", "First input."),
    input(1, "b", "Second input."),
    input(2, "c", "Third input."),
    input(3, "d", "Fourth input."),
    input(4, "e", "Fifth input; Euler's number is `exp(1)`."),
    input(5, "f", "Sixth input."),
    input(6, "g", "Seventh input."),
    input(7, "h", "Eighth input."),
    Variable { name: "t", about: "Seconds since the beginning of the video.", origin: Origin::Secs },
    Variable { name: "frame", about: "Number of the latent frame, from 0.", origin: Origin::Frame },
    Variable { name: "beat", about: "Beats from the beginning of the video, with fractions.", origin: Origin::Beat },
    Variable { name: "fps", about: "Latent frames per second: 4.", origin: Origin::Fps },
    Variable { name: "pi", about: "3.14159…, half a turn in radians.", origin: Origin::Constant(PI) },
    Variable { name: "tau", about: "6.28318…, a turn in radians.", origin: Origin::Constant(TAU) },
];

/// The level of `?:`.
pub(super) const CHOICE: u8 = 0;
/// The level of comparisons, which cannot be chained.
pub(super) const COMPARISON: u8 = 3;
/// The level of signs before a number. Binary operators are below it, and `^` is above.
pub(super) const SIGN: u8 = 6;

const fn between(level: u8, symbol: &'static str, about: &'static str, run: fn(f64, f64) -> f64) -> Operator {
    Operator { symbol, level, about, kernel: Kernel::Two(run) }
}

const fn before(symbol: &'static str, about: &'static str, run: fn(f64) -> f64) -> Operator {
    Operator { symbol, level: SIGN, about, kernel: Kernel::One(run) }
}

/// Every operator, from the highest to the lowest level.
pub const OPERATORS: &[Operator] = &[
    between(SIGN + 1, "^", "Power, from right to left: `2 ^ 3 ^ 2` is 512 and `-2 ^ 2` is −4.", f64::powf),
    before("-", "Negative of its operand.", |x| -x),
    before("!", "1 if its operand is off, else 0.", |x| number(!is_on(x))),
    between(5, "*", "Product.", |x, y| x * y),
    between(5, "/", "Quotient.", |x, y| x / y),
    between(5, "%", "Remainder of a division, never negative: `-1 % 4` is 3.", modulo),
    between(4, "+", "Sum.", |x, y| x + y),
    between(4, "-", "Difference.", |x, y| x - y),
    between(COMPARISON, "<", "1 if less, else 0.", |x, y| number(x < y)),
    between(COMPARISON, "<=", "1 if less or equal, else 0.", |x, y| number(x <= y)),
    between(COMPARISON, ">", "1 if greater, else 0.", |x, y| number(x > y)),
    between(COMPARISON, ">=", "1 if greater or equal, else 0.", |x, y| number(x >= y)),
    between(COMPARISON, "==", "1 if equal, else 0.", |x, y| number(x == y)),
    between(COMPARISON, "!=", "1 if not equal, else 0.", |x, y| number(x != y)),
    between(2, "&&", "1 if both are on, else 0.", |x, y| number(is_on(x) && is_on(y))),
    between(1, "||", "1 if one or both are on, else 0.", |x, y| number(is_on(x) || is_on(y))),
    Operator {
        symbol: "?:",
        level: CHOICE,
        about: "`x ? y : z` is y if x is on, else z; from right to left.",
        kernel: Kernel::Three(|x, y, z| if is_on(x) { y } else { z }),
    },
];

const fn one(name: &'static str, about: &'static str, run: fn(f64) -> f64) -> Function {
    Function { name, arguments: &["x"], more: false, about, kernel: Kernel::One(run) }
}

const fn two(
    name: &'static str,
    arguments: &'static [&'static str; 2],
    about: &'static str,
    run: fn(f64, f64) -> f64,
) -> Function {
    Function { name, arguments, more: false, about, kernel: Kernel::Two(run) }
}

const fn three(
    name: &'static str,
    arguments: &'static [&'static str; 3],
    about: &'static str,
    run: fn(f64, f64, f64) -> f64,
) -> Function {
    Function { name, arguments, more: false, about, kernel: Kernel::Three(run) }
}

const fn more(name: &'static str, about: &'static str, run: fn(f64, f64) -> f64) -> Function {
    Function { name, arguments: &["x", "y"], more: true, about, kernel: Kernel::Two(run) }
}

const fn random(
    name: &'static str,
    arguments: &'static [&'static str; 2],
    about: &'static str,
    run: fn(Random<'_>, f64, f64) -> f64,
) -> Function {
    Function { name, arguments, more: false, about, kernel: Kernel::Random(run) }
}

/// Every function.
pub const FUNCTIONS: &[Function] = &[
    one("wave", "A sine wave, 0 to 1, x in cycles; 0 at 0 and 1 at 0.5.", |x| 0.5 - 0.5 * (TAU * fract(x)).cos()),
    one("tri", "A triangle wave, 0 to 1, x in cycles; 0 at 0 and 1 at 0.5.", |x| 1.0 - (2.0 * fract(x) - 1.0).abs()),
    one("saw", "A rising saw wave, 0 to 1, x in cycles; 0 at 0.", fract),
    one("sqr", "A square wave, 0 or 1, x in cycles; 0 in the first half and 1 in the second.", |x| {
        keep_nan(fract(x), |x| number(x >= 0.5))
    }),
    random("rnd", &["seed", "n"], "A random number, 0 to 1, the same for the same seed and n, both rounded down.", rnd),
    random(
        "noise",
        &["seed", "x"],
        "Smooth random numbers, 0 to 1: `rnd(seed, x)` at whole x, interpolated between.",
        noise,
    ),
    one("sin", "Sine, x in radians.", f64::sin),
    one("cos", "Cosine, x in radians.", f64::cos),
    one("tan", "Tangent, x in radians.", f64::tan),
    one("asin", "The angle with this sine, −π/2 to π/2 radians.", f64::asin),
    one("acos", "The angle with this cosine, 0 to π radians.", f64::acos),
    one("atan", "The angle with this tangent, −π/2 to π/2 radians.", f64::atan),
    two("atan2", &["y", "x"], "The angle of the point (x, y), −π to π radians.", f64::atan2),
    two("hypot", &["x", "y"], "The distance of the point (x, y) from 0.", f64::hypot),
    one("sqrt", "The square root.", f64::sqrt),
    two("pow", &["x", "y"], "x to the power of y, as `x ^ y`.", f64::powf),
    one("exp", "Euler's number to the power of x.", f64::exp),
    one("ln", "The natural logarithm.", f64::ln),
    one("log2", "The logarithm to base 2.", f64::log2),
    one("log10", "The logarithm to base 10.", f64::log10),
    one("abs", "Absolute value of x.", f64::abs),
    one("sign", "Sign of x: −1, 0 or 1.", |x| if x == 0.0 { 0.0 } else { x.signum() }),
    one("floor", "Largest whole number that is not above x.", f64::floor),
    one("ceil", "Smallest whole number that is not below x.", f64::ceil),
    one("round", "Nearest whole number; ties go to the even one.", f64::round_ties_even),
    one("fract", "Fractional part of x: x − floor(x), 0 to below 1.", fract),
    two("mod", &["x", "y"], "Remainder of x / y, never negative, same as `x % y`.", modulo),
    more("min", "Smallest argument.", least),
    more("max", "Largest argument.", greatest),
    three("clamp", &["x", "low", "high"], "x, limited to low and high.", clamp),
    three(
        "mix",
        &["x", "y", "amount"],
        "Interpolation: x at amount 0, y at amount 1; amount may exceed both ends.",
        mix,
    ),
    three("lerp", &["x", "y", "amount"], "Same as `mix`.", mix),
    two("step", &["edge", "x"], "0 if x is below edge, else 1.", |edge, x| keep_nan(x - edge, |x| number(x >= 0.0))),
    three("smoothstep", &["low", "high", "x"], "0 below low, 1 above high, a smooth curve between.", smoothstep),
];

/// True for a number that is on, as a gate.
fn is_on(x: f64) -> bool {
    x >= 0.5
}

fn number(is_on: bool) -> f64 {
    f64::from(u8::from(is_on))
}

/// NaN for NaN, else the result of `run`.
fn keep_nan(x: f64, run: impl Fn(f64) -> f64) -> f64 {
    if x.is_nan() { x } else { run(x) }
}

fn fract(x: f64) -> f64 {
    let fract = x - x.floor();
    // Just below an integer, the difference rounds up to 1.
    if fract == 1.0 { 0.0 } else { fract }
}

fn modulo(x: f64, y: f64) -> f64 {
    let rest = x.rem_euclid(y);
    if rest == y.abs() { 0.0 } else { rest }
}

/// The smaller number, or NaN if one is NaN. (`f64::min` ignores NaN, and may return 0 or −0 for the two.)
fn least(x: f64, y: f64) -> f64 {
    if x.is_nan() || x < y { x } else { y }
}

fn greatest(x: f64, y: f64) -> f64 {
    if x.is_nan() || x > y { x } else { y }
}

fn clamp(x: f64, low: f64, high: f64) -> f64 {
    least(greatest(x, low), high)
}

fn mix(x: f64, y: f64, amount: f64) -> f64 {
    x + (y - x) * amount
}

fn smoothstep(low: f64, high: f64, x: f64) -> f64 {
    // An empty interval is a step at its end.
    let place = if low == high { keep_nan(x - low, |x| number(x >= 0.0)) } else { (x - low) / (high - low) };
    ease(clamp(place, 0.0, 1.0))
}

fn ease(x: f64) -> f64 {
    x * x * (3.0 - 2.0 * x)
}

fn rnd(random: Random<'_>, seed: f64, n: f64) -> f64 {
    if seed.is_finite() && n.is_finite() { random(seed.floor() as i64 as u64, n.floor() as i64) } else { f64::NAN }
}

fn noise(random: Random<'_>, seed: f64, x: f64) -> f64 {
    let cell = x.floor();
    mix(rnd(random, seed, cell), rnd(random, seed, cell + 1.0), ease(x - cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_take_their_declared_arguments() {
        for function in FUNCTIONS {
            assert_eq!(function.kernel.takes(), function.arguments.len(), "{}", function.name);
            assert!(!function.more || function.arguments.len() == 2, "{}", function.name);
        }
    }
}
