//! A precedence-climbing parser: from the source of an expression to the steps of its program.

use std::ops::Range;

use super::mistake::{Mistake, short};
use super::names::{CHOICE, COMPARISON, FUNCTIONS, Function, OPERATORS, Operator, SIGN, VARIABLES};
use super::token::{Token, token};
use super::{DEEPEST, LONGEST, MOST_STEPS, Step};

type Result<T> = std::result::Result<T, Mistake>;

const VALUE: &str = "a number, a name or (";

/// Words of other languages, each with advice.
const FOREIGN: &[(&str, &str)] = &[
    ("and", "write && for and"),
    ("or", "write || for or"),
    ("not", "write ! for not"),
    ("if", "write condition ? value : otherwise"),
    ("then", "write condition ? value : otherwise"),
    ("else", "write condition ? value : otherwise"),
    ("true", "write 1 for on"),
    ("false", "write 0 for off"),
    ("log", "write ln(x), log2(x) or log10(x)"),
    ("random", "write rnd(seed, n)"),
    ("rand", "write rnd(seed, n)"),
    ("time", "write t for seconds"),
    ("cbrt", "write x ^ (1 / 3)"),
    ("saturate", "write clamp(x, 0, 1)"),
];

/// The steps of an expression, in the order in which they run.
pub(super) fn steps(source: &str) -> Result<Vec<Step>> {
    if source.len() > LONGEST {
        let message = format!("the expression is longer than {LONGEST} bytes: split it over two expression nodes");
        return Err(Mistake::new(source.floor_char_boundary(LONGEST)..source.len(), message));
    }
    let mut parser = Parser { source, token: Token::End, span: 0..0, before: 0..0, depth: 0, steps: Vec::new() };
    parser.advance()?;
    parser.choice()?;
    match parser.token {
        Token::End => Ok(parser.steps),
        _ => Err(parser.misplaced().expecting("an operator or the end")),
    }
}

/// The state of the parser.
struct Parser<'a> {
    source: &'a str,
    /// The next token and its span.
    token: Token,
    span: Range<usize>,
    /// Span of the previous token; empty at the beginning.
    before: Range<usize>,
    /// Current depth of nesting.
    depth: usize,
    steps: Vec<Step>,
}

impl Parser<'_> {
    /// `x ? y : z`, or an expression of a higher level.
    fn choice(&mut self) -> Result<()> {
        self.operation(CHOICE + 1)?;
        if self.token != Token::Sign("?") {
            return Ok(());
        }
        let question = self.span.clone();
        self.advance()?;
        self.within(Self::choice)?;
        if self.token == Token::End {
            let message = "the ? has no matching `:`: write condition ? value : otherwise";
            return Err(Mistake::new(question, message).expecting(":"));
        }
        if self.token != Token::Sign(":") {
            return Err(self.misplaced().expecting("an operator or :"));
        }
        self.advance()?;
        self.within(Self::choice)?;
        let choice = OPERATORS.iter().find(|operator| operator.level == CHOICE);
        choice.map_or(Ok(()), |choice| self.push(Step::Apply(choice.kernel)))
    }

    /// Values with binary operators of at least this level, from left to right.
    fn operation(&mut self, least: u8) -> Result<()> {
        self.signed()?;
        while let Some(operator) = self.between().filter(|operator| operator.level >= least) {
            self.advance()?;
            self.operation(operator.level + 1)?;
            self.push(Step::Apply(operator.kernel))?;
            if let Some(second) = self.between().filter(|next| next.level == COMPARISON && operator.level == COMPARISON)
            {
                let message = format!(
                    "comparisons cannot be chained: write x {} y && y {} z, or ( and ) around the first one",
                    operator.symbol, second.symbol
                );
                return Err(Mistake::new(self.span.clone(), message).expecting("another operator or the end"));
            }
        }
        Ok(())
    }

    /// The binary operator at the next token, if it is one.
    fn between(&self) -> Option<&'static Operator> {
        let Token::Sign(sign) = self.token else { return None };
        OPERATORS.iter().find(|operator| operator.symbol == sign && (CHOICE + 1..SIGN).contains(&operator.level))
    }

    /// A value with any prefix operators.
    fn signed(&mut self) -> Result<()> {
        let Token::Sign(sign) = self.token else { return self.power() };
        let Some(operator) = OPERATORS.iter().find(|operator| operator.symbol == sign && operator.level == SIGN) else {
            return self.power();
        };
        self.advance()?;
        self.within(Self::signed)?;
        self.push(Step::Apply(operator.kernel))
    }

    /// A value, with its exponent if it has one. The exponent may have a sign.
    fn power(&mut self) -> Result<()> {
        self.operand()?;
        let Token::Sign(sign) = self.token else { return Ok(()) };
        let Some(operator) = OPERATORS.iter().find(|operator| operator.symbol == sign && operator.level > SIGN) else {
            return Ok(());
        };
        self.advance()?;
        self.within(Self::signed)?;
        self.push(Step::Apply(operator.kernel))
    }

    /// A number, a name, a call or an expression in parentheses.
    fn operand(&mut self) -> Result<()> {
        match self.token {
            Token::Number(number) => {
                self.advance()?;
                self.push(Step::Number(number))?;
            }
            Token::Name => self.name()?,
            Token::Sign("(") => {
                let open = self.span.clone();
                self.advance()?;
                self.within(Self::choice)?;
                self.close(&open, "an operator or )")?;
            }
            _ => return Err(self.missing()),
        }
        match self.token {
            Token::Number(_) | Token::Name | Token::Sign("(") => Err(self.side_by_side()),
            _ => Ok(()),
        }
    }

    /// A variable or a function with its arguments.
    fn name(&mut self) -> Result<()> {
        let (span, name) = (self.span.clone(), &self.source[self.span.clone()]);
        self.advance()?;
        let is_called = self.token == Token::Sign("(");
        if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
            if is_called {
                return self.call(function, &span);
            }
            let message = format!("{name} is a function: write {}", function.call());
            return Err(Mistake::new(span, message).expecting("( after it"));
        }
        match VARIABLES.iter().position(|variable| variable.name == name) {
            Some(_) if is_called => {
                Err(Mistake::new(span, format!("{name} is a number, not a function: write {name} * ( to multiply")))
            }
            Some(index) => self.push(Step::Variable(index)),
            None => Err(unknown(name, span, is_called)),
        }
    }

    /// The arguments of a function, from its opening parenthesis on.
    fn call(&mut self, function: &Function, name: &Range<usize>) -> Result<()> {
        let open = name.start..self.span.end;
        let mut count = 0;
        self.advance()?;
        while self.token != Token::Sign(")") || count > 0 {
            self.within(Self::choice)?;
            count += 1;
            // A function of any number of arguments takes two at a time.
            if function.more && count > 1 {
                self.push(Step::Apply(function.kernel))?;
            }
            if self.token != Token::Sign(",") {
                break;
            }
            self.advance()?;
        }
        self.close(&open, "an operator, a comma or )")?;
        let takes = function.arguments.len();
        if function.more && count >= takes {
            return Ok(());
        }
        if function.more || count != takes {
            let least = if function.more { "or more " } else { "" };
            let plural = if takes == 1 && !function.more { "" } else { "s" };
            let message = format!(
                "{} takes {takes} {least}argument{plural} and has {count} here: write {}",
                function.name,
                function.call()
            );
            return Err(Mistake::new(name.start..self.before.end, message));
        }
        self.push(Step::Apply(function.kernel))
    }

    /// The closing parenthesis for the one at `open`.
    fn close(&mut self, open: &Range<usize>, expected: &'static str) -> Result<()> {
        match self.token {
            Token::Sign(")") => self.advance(),
            Token::End => {
                let message = format!("{} is not closed: write )", &self.source[open.clone()]);
                Err(Mistake::new(self.span.clone(), message).expecting(expected))
            }
            _ => Err(self.misplaced().expecting(expected)),
        }
    }

    /// Parses a nested part, within the limit of depth.
    fn within(&mut self, inner: fn(&mut Self) -> Result<()>) -> Result<()> {
        if self.depth == DEEPEST {
            let message = format!("nested more than {DEEPEST} deep: split it over two expression nodes");
            return Err(Mistake::new(self.span.clone(), message));
        }
        self.depth += 1;
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn push(&mut self, step: Step) -> Result<()> {
        if self.steps.len() == MOST_STEPS {
            let message =
                format!("more than {MOST_STEPS} numbers, names and operators: split it over two expression nodes");
            return Err(Mistake::new(self.before.clone(), message));
        }
        self.steps.push(step);
        Ok(())
    }

    fn advance(&mut self) -> Result<()> {
        let (token, span) = token(self.source, self.span.end)?;
        self.before = std::mem::replace(&mut self.span, span);
        self.token = token;
        // The end is that of the last token, not of the white space after it.
        if token == Token::End {
            self.span = self.before.end..self.before.end;
        }
        Ok(())
    }

    /// The next token, as written.
    fn next(&self) -> String {
        short(&self.source[self.span.clone()])
    }

    /// The error for a missing value.
    fn missing(&self) -> Mistake {
        let before = short(&self.source[self.before.clone()]);
        let message = match self.token {
            Token::End if self.before.is_empty() => {
                "the expression is empty: write a value, such as a or sin(t)".to_owned()
            }
            Token::End => format!("missing value at the end: write one after {before}"),
            Token::Sign("+") => "a + joins two values: remove this one".to_owned(),
            Token::Sign(")") if before == "(" => "empty parentheses: write a value between ( and )".to_owned(),
            _ => format!("missing value: write one before {}", self.next()),
        };
        Mistake::new(self.span.clone(), message).expecting(VALUE)
    }

    /// The error for two adjacent values.
    fn side_by_side(&self) -> Mistake {
        let (left, right) = (short(&self.source[self.before.clone()]), self.next());
        if let Some(advice) = foreign(&right).filter(|_| self.token == Token::Name) {
            return Mistake::new(self.span.clone(), format!("unknown name {right}: {advice}")).expecting("an operator");
        }
        let message = match self.token {
            Token::Number(_) => format!("missing operator between {left} and {right}: write one, such as *"),
            _ => format!("missing operator: write {left} * {right} to multiply"),
        };
        Mistake::new(self.before.start..self.span.end, message).expecting("an operator")
    }

    /// The error for a token that does not continue the expression.
    fn misplaced(&self) -> Mistake {
        let message = match self.token {
            Token::Sign(",") => "a comma separates function arguments: write decimals with a point, 0.5",
            Token::Sign(")") => "unmatched ): remove it, or add the ( before",
            Token::Sign(":") => "unmatched `:`: write condition ? value : otherwise",
            Token::Sign("!") => "! must precede a value: write != to compare",
            _ => "missing operator before this: write one, such as *",
        };
        Mistake::new(self.span.clone(), message)
    }
}

/// Advice for a word of another language.
fn foreign(name: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(word, _)| word.eq_ignore_ascii_case(name)).map(|(_, advice)| *advice)
}

/// The error for an unknown name.
fn unknown(name: &str, span: Range<usize>, is_called: bool) -> Mistake {
    let shown = short(name);
    if let Some(advice) = foreign(name) {
        return Mistake::new(span, format!("unknown name {shown}: {advice}"));
    }
    let functions = || FUNCTIONS.iter().map(|function| function.name);
    let variables = || VARIABLES.iter().map(|variable| variable.name).filter(|_| !is_called);
    let mistake = Mistake::new(span, format!("unknown name {shown}")).suggesting(name, variables().chain(functions()));
    if mistake.suggestion.is_some() {
        return mistake;
    }
    let list = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>().join(" ");
    let (known, variables, functions) =
        (if is_called { "" } else { "the names " }, list(&mut variables()), list(&mut functions()));
    let and = if is_called { "" } else { ", and " };
    Mistake {
        message: format!("{}; there are {known}{variables}{and}the functions {functions}", mistake.message),
        ..mistake
    }
}
