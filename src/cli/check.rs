//! `bendrack check`: the problems of patches.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::diagnostics::{Problem, Severity};
use bendrack_nodes::patch::Patch;
use serde_json::json;

use super::cost::Cost;
use super::{Failure, print, print_json, printed};
use crate::provenance;
use crate::terminal::{self, escaped, in_line};
use crate::wan::error::message;

/// Largest number of problems printed for one patch, without --json.
const MOST: usize = 50;

#[derive(clap::Args)]
pub(super) struct Check {
    /// Patch files, or PNG and MP4 files with an embedded patch.
    #[arg(required = true, value_name = "PATCH")]
    patches: Vec<PathBuf>,
    /// Print problems as JSON, one object per patch.
    #[arg(long)]
    json: bool,
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
    /// Measure the cost of each valid patch on the small model: calls, bends, taps, and the time of a call.
    #[arg(long)]
    cost: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (mut worst, mut is_unread) = (None, false);
        for path in &self.patches {
            match provenance::read(path).map(|found| found.text) {
                Ok(bytes) => {
                    let problems = check(&bytes, LIBRARY);
                    worst = worst.max(problems.iter().map(|problem| problem.severity).max());
                    self.report(path, &String::from_utf8_lossy(&bytes), &problems)?;
                }
                Err(why) => {
                    is_unread = true;
                    terminal::print_error(format_args!("bendrack: {why}"));
                }
            }
        }
        match worst {
            Some(Severity::Error) => Err(Failure::InvalidPatch),
            Some(Severity::Warning) if self.strict => Err(Failure::Reported),
            _ if is_unread => Err(Failure::Reported),
            _ => Ok(()),
        }
    }

    /// Prints the problems of a patch.
    fn report(&self, path: &Path, text: &str, problems: &[Problem]) -> Result<(), Failure> {
        let cost = if self.cost { measured(text)? } else { None };
        if self.json {
            let mut report = json!({ "patch": path, "problems": problems });
            if let Some(cost) = cost {
                report["cost"] = json!(cost);
            }
            return print_json(&format!("{report}\n"));
        }
        if problems.is_empty() {
            print(&format!("{}: no problems\n", path.display()))?;
        } else {
            printed(terminal::print_coloured(&for_people(path, text, problems)))?;
        }
        cost.map_or(Ok(()), |cost| print(&format!("{}: {}\n", path.display(), cost.sentence())))
    }
}

/// The cost of a patch; none if it has errors.
fn measured(text: &str) -> Result<Option<Cost>, Failure> {
    let Ok(patch) = Patch::from_slice(text.as_bytes()) else { return Ok(None) };
    Cost::of(&patch).map_err(|error| Failure::Failed(message(&error)))
}

/// Each problem with its lines of the file.
fn for_people(path: &Path, text: &str, problems: &[Problem]) -> String {
    let renderer = if std::io::stdout().is_terminal() { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Unicode);
    let path = in_line(&path.display().to_string()).into_owned();
    // Spans do not count a byte-order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let shown = escaped(text);
    let mut report = String::new();
    for problem in problems.iter().take(MOST) {
        report += &renderer.render(&[group(&path, text, &shown, &escaped_problem(problem))]);
        report += "\n\n";
    }
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let more = if problems.len() > MOST { format!(", of which {MOST} are shown") } else { String::new() };
    report + &format!("{path}: {}, {}{more}\n", counted(errors, "error"), counted(warnings, "warning"))
}

pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The problem, escaped for a terminal.
fn escaped_problem(problem: &Problem) -> Problem {
    let mut problem = problem.clone();
    problem.message = escaped(&problem.message).into_owned();
    problem.pointer = in_line(&problem.pointer).into_owned();
    problem.expected = problem.expected.map(|expected| in_line(&expected).into_owned());
    problem
}

/// A problem under the lines of `shown`, which is `text` escaped.
fn group<'a>(path: &'a str, text: &str, shown: &'a str, problem: &'a Problem) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (title, note) = problem.message.split_once('\n').map_or((&*problem.message, None), |(a, b)| (a, Some(b)));
    let mut group = Group::with_title(level.primary_title(title).id(problem.code.name()));
    if problem.span.is_none() {
        group = group.element(Origin::path(path));
    }
    if let Some(span) = &problem.span {
        let label = (!problem.pointer.is_empty()).then_some(&*problem.pointer);
        // Escapes are longer than their characters, so spans move.
        let moved = |at: usize| text.get(..at).map_or(shown.len(), |before| escaped(before).len());
        let annotation = AnnotationKind::Primary.span(moved(span.bytes.start)..moved(span.bytes.end)).label(label);
        group = group.element(Snippet::source(shown).path(path).annotation(annotation));
    }
    if let Some(note) = note {
        group = group.element(Level::NOTE.message(note));
    }
    if let Some(expected) = &problem.expected {
        group = group.element(Level::NOTE.message(format!("expected {expected}")));
    }
    if let Some(suggestion) = &problem.suggestion {
        group = group.element(Level::HELP.message(format!("did you mean {suggestion:?}?")));
    }
    group
}
