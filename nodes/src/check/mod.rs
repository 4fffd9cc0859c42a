//! Checks of a patch file: all problems at once.

mod keys;
mod knobs;
pub mod schema;

use crate::compile::plan::Plan;
use crate::diagnostics::Diagnostics;
use crate::diagnostics::Problem;
use crate::diagnostics::spans;
use crate::node::def::NodeDef;
use crate::patch::read::{Salvaged, salvage, text_of};

/// Limit on the problems with a line and a column.
const MOST_PLACES: usize = 1000;

/// All problems of a file, each with its place, in the order of the file. An invalid part does not prevent the check
/// of the others.
pub fn check(bytes: &[u8], library: &[&'static NodeDef]) -> Vec<Problem> {
    let Salvaged { patch, mut problems, gaps } = salvage(bytes);
    if let Some(patch) = patch {
        let mut diagnostics = Diagnostics::new();
        Plan::compile_into(&patch, library, &mut diagnostics);
        keys::look(&patch, &mut diagnostics);
        knobs::look(&patch, library, &mut diagnostics);
        problems.extend(diagnostics.into_problems().into_iter().filter_map(|problem| gaps.relocate(problem)));
    }
    if let Ok(text) = text_of(bytes) {
        let count = problems.len().min(MOST_PLACES);
        spans::locate(text, &mut problems[..count]);
    }
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.bytes.start));
    problems
}
