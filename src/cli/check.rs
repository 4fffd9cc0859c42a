//! `bendrack check`: what is wrong with patches.

use std::path::{Path, PathBuf};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::error::{Problem, Severity};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::plan::Plan;
use serde_json::json;

use super::{Failure, print};
use crate::provenance;

#[derive(clap::Args)]
pub(super) struct Check {
    /// Patch files.
    #[arg(required = true, value_name = "PATCH")]
    patches: Vec<PathBuf>,
    /// Print problems as JSON, one object per patch.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (mut is_invalid, mut is_unread) = (false, false);
        for path in &self.patches {
            match provenance::read(path).map(|found| found.text) {
                Ok(bytes) => {
                    let problems = problems(&bytes);
                    is_invalid |= problems.iter().any(|problem| problem.severity == Severity::Error);
                    print(&self.said(path, &problems))?;
                }
                Err(why) => {
                    is_unread = true;
                    eprintln!("bendrack: {why}");
                }
            }
        }
        match (is_invalid, is_unread) {
            (true, _) => Err(Failure::InvalidPatch),
            (false, true) => Err(Failure::Said),
            (false, false) => Ok(()),
        }
    }

    /// What is printed of a patch.
    fn said(&self, path: &Path, problems: &[Problem]) -> String {
        if self.json {
            format!("{}\n", json!({ "patch": path, "problems": problems }))
        } else if problems.is_empty() {
            format!("{}: no problems\n", path.display())
        } else {
            let lines: Vec<String> = problems.iter().map(|problem| format!("{}: {problem}", path.display())).collect();
            lines.join("\n") + "\n"
        }
    }
}

/// Everything that is wrong with what a file holds.
fn problems(bytes: &[u8]) -> Vec<Problem> {
    match Patch::from_slice(bytes) {
        Ok(patch) => Plan::compile(&patch, LIBRARY).1,
        Err(problem) => vec![problem],
    }
}
