//! `bendrack doctor`: what this system has for bendrack, what is missing, and what to do about it.

mod checks;
mod system;

use std::fmt::Write;

use serde::Serialize;

use self::system::System;
use super::{Failure, print, print_json};

/// Checks this system: graphics, sound, MIDI, boards, fonts, ports, disk, memory, models. The exit code is 1 if there is a problem.
#[derive(clap::Args)]
pub(super) struct Doctor {
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// The state of something that bendrack uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It is there.
    Fine,
    /// It is not there, and few need it.
    Note,
    /// It is missing.
    Problem,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// The thing that was checked.
    name: &'static str,
    state: State,
    /// A sentence about what was found.
    text: String,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_do: Option<String>,
}

impl Finding {
    fn fine(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, state: State::Fine, text: text.into(), to_do: None }
    }

    fn note(name: &'static str, text: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { name, state: State::Note, text: text.into(), to_do: Some(to_do.into()) }
    }

    fn problem(name: &'static str, text: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { name, state: State::Problem, text: text.into(), to_do: Some(to_do.into()) }
    }
}

impl Doctor {
    pub(super) fn run(self) -> Result<(), Failure> {
        let findings = checks::all(&System::read());
        let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
        if self.json {
            let version = env!("CARGO_PKG_VERSION");
            let answer = serde_json::json!({ "version": version, "problems": problems, "findings": findings });
            print_json(&format!("{answer:#}\n"))?;
        } else {
            print(&listed(&findings))?;
        }
        if problems > 0 { Err(Failure::Reported) } else { Ok(()) }
    }
}

/// A message about the problems of this system; none without one.
#[cfg(feature = "ui")]
pub(super) fn problems() -> Option<String> {
    message(&checks::all(&System::read()))
}

/// The problems in a line.
#[cfg_attr(not(feature = "ui"), allow(dead_code, reason = "only the window shows it"))]
fn message(findings: &[Finding]) -> Option<String> {
    let problems: Vec<String> = (findings.iter().filter(|finding| finding.state == State::Problem))
        .map(|finding| format!("{}: {}", finding.name, finding.to_do.as_deref().unwrap_or(&finding.text)))
        .collect();
    let count = match problems.len() {
        0 => return None,
        1 => "This system has a problem".to_owned(),
        count => format!("This system has {count} problems"),
    };
    Some(format!("{count} (bendrack doctor lists all). {}.", problems.join(". ")))
}

/// The findings as text.
fn listed(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.state {
            State::Fine => "ok",
            State::Note => "note",
            State::Problem => "PROBLEM",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{mark:<8} {:<16} {}", finding.name, finding.text);
        if let Some(to_do) = &finding.to_do {
            let _ = writeln!(text, "{:25} → {to_do}", "");
        }
    }
    let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
    let _ = match problems {
        0 => writeln!(text, "\nNothing is missing that bendrack needs."),
        1 => writeln!(text, "\nOne problem; its line with → has the next step."),
        _ => writeln!(text, "\n{problems} problems; the lines with → have the next steps."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_listed_and_problems_counted() {
        let mut findings =
            vec![Finding::fine("memory", "12 GB are free"), Finding::note("MIDI", "no port", "plug one in")];
        let text = listed(&findings);
        assert!(
            text.contains("ok       memory           12 GB are free\n") && text.contains("→ plug one in"),
            "{text}"
        );
        assert!(text.ends_with("Nothing is missing that bendrack needs.\n"));
        assert_eq!(message(&findings), None);
        findings.push(Finding::problem("graphics", "no driver", "install one"));
        assert!(listed(&findings).contains("One problem"));
        assert_eq!(
            message(&findings).as_deref(),
            Some("This system has a problem (bendrack doctor lists all). graphics: install one.")
        );
        findings.push(Finding::problem("serial ports", "no rights", "join a group"));
        assert!(listed(&findings).contains("2 problems"));
        assert!(
            message(&findings).is_some_and(|text| text.ends_with("graphics: install one. serial ports: join a group."))
        );
    }
}
