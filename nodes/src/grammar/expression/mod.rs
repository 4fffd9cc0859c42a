#![doc = include_str!("../../../docs/expression.md")]
//!
//! # In the program
//!
//! [`Expression::parse`] checks and compiles an expression, once per edit; [`Expression::value`] evaluates it, once per
//! frame. [`VARIABLES`], [`OPERATORS`] and [`FUNCTIONS`] are the source of the tables above and of the parser.
//!
//! ```
//! use bendrack_nodes::grammar::expression::{Expression, Scope};
//!
//! let wobble = Expression::parse("a + b * sin(tau * t)").expect("an expression");
//! assert!(wobble.uses("a") && !wobble.uses("c"));
//! let scope = Scope { inputs: [0.5, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], secs: 0.25, ..Scope::default() };
//! assert_eq!(wobble.value(&scope), 2.5);
//!
//! let mistake = Expression::parse("sin(t").expect_err("a mistake");
//! assert!(mistake.caret("sin(t").starts_with("sin(t\n     ^ "));
//! ```

mod mistake;
mod names;
mod parse;
mod token;

use std::fmt;

pub use mistake::Mistake;
pub use names::{FUNCTIONS, Function, OPERATORS, Operator, VARIABLES, Variable};
use names::{Kernel, Origin};

/// Limit on the length of an expression, in bytes.
pub const LONGEST: usize = 1024;
/// Limit on the numbers, names, operators and functions of an expression.
pub const MOST_STEPS: usize = 256;
/// Deepest nesting of brackets, functions, `?:`, `^` and signs.
pub const DEEPEST: usize = 32;

/// A random number from 0 to below 1, a function of the stream and the index:
/// [`NodeContext::random`](crate::node::context::NodeContext::random).
pub type Random<'a> = &'a dyn Fn(u64, i64) -> f64;

/// A parsed expression: a flat program for a stack machine.
#[derive(Clone)]
pub struct Expression {
    source: Box<str>,
    steps: Box<[Step]>,
}

/// Values of the variables of an expression.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The values on the inputs `a` to `h`.
    pub inputs: [f64; 8],
    /// Seconds from the beginning of the video: `t`.
    pub secs: f64,
    /// The frame: `frame`.
    pub frame: f64,
    /// Beats from the beginning: `beat`.
    pub beat: f64,
    /// Frames per second: `fps`.
    pub fps: f64,
    /// The source of `rnd` and `noise`.
    pub random: Random<'a>,
}

/// One step of the program.
#[derive(Clone, Copy)]
enum Step {
    /// Puts a number on the stack.
    Number(f64),
    /// Puts the value of a variable on the stack, by its index in [`VARIABLES`].
    Variable(usize),
    /// Replaces the topmost numbers by one.
    Apply(Kernel),
}

impl Expression {
    /// Parses an expression, in bounded time for any source.
    ///
    /// # Errors
    /// Fails with the place of the first mistake and the next step.
    pub fn parse(source: &str) -> Result<Self, Mistake> {
        let steps = parse::steps(source)?.into();
        Ok(Self { source: source.into(), steps })
    }

    /// Its value. It may be infinite or NaN, as for `1 / 0` and `sqrt(-1)`; keep the last finite one then.
    ///
    /// It allocates nothing, and runs each step once.
    pub fn value(&self, scope: &Scope<'_>) -> f64 {
        // Each step puts one number on the stack at most.
        let mut stack = [0.0; MOST_STEPS];
        let mut top = 0;
        for step in &self.steps {
            let (takes, value) = match *step {
                Step::Number(number) => (0, number),
                Step::Variable(index) => (0, VARIABLES[index].origin.value(scope)),
                Step::Apply(kernel) => {
                    let takes = kernel.takes();
                    (takes, kernel.run(&stack[top - takes..top], scope))
                }
            };
            top -= takes;
            stack[top] = value;
            top += 1;
        }
        stack[0]
    }

    /// Source text of the expression.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// True if the value may depend on the variable of this name.
    pub fn uses(&self, name: &str) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Variable(index) if VARIABLES[*index].name == name))
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Default for Scope<'_> {
    /// All 0, except `fps`, which is 1.
    fn default() -> Self {
        Self { inputs: [0.0; 8], secs: 0.0, frame: 0.0, beat: 0.0, fps: 1.0, random: &|_, _| 0.0 }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, secs, frame, beat, fps, random: _ } = self;
        (f.debug_struct("Scope").field("inputs", inputs).field("secs", secs))
            .field("frame", frame)
            .field("beat", beat)
            .field("fps", fps)
            .finish_non_exhaustive()
    }
}

impl Origin {
    fn value(self, scope: &Scope<'_>) -> f64 {
        match self {
            Self::Input(index) => scope.inputs[index],
            Self::Secs => scope.secs,
            Self::Frame => scope.frame,
            Self::Beat => scope.beat,
            Self::Fps => scope.fps,
            Self::Constant(number) => number,
        }
    }
}
