//! `bendrack check`: what is wrong with patches.

use std::path::PathBuf;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::error::{Problem, Severity};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::plan::Plan;
use serde_json::json;

use super::{Failure, read};

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
        let mut failed = false;
        for path in &self.patches {
            let problems = problems(&read(path)?);
            failed |= problems.iter().any(|problem| problem.severity == Severity::Error);
            if self.json {
                println!("{}", json!({ "patch": path, "problems": problems }));
            } else if problems.is_empty() {
                println!("{}: no problems", path.display());
            } else {
                for problem in &problems {
                    println!("{}: {problem}", path.display());
                }
            }
        }
        if failed { Err(Failure::InvalidPatch) } else { Ok(()) }
    }
}

/// Everything that is wrong with the text of a patch.
fn problems(text: &str) -> Vec<Problem> {
    match Patch::from_json(text) {
        Ok(patch) => Plan::compile(&patch, LIBRARY).1,
        Err(problem) => vec![problem],
    }
}
