//! Collects the problems of a patch, each once. Suggestions end with the budget for comparisons.

use std::collections::HashSet;

use crate::diagnostics::suggest::{Named, nearest};
use crate::diagnostics::{Problem, Severity};

/// Budget of compared characters for the suggestions of one check. Without it, a file full of wrong names takes
/// minutes.
const MOST_COMPARED: usize = 4_000_000;

/// The problems found so far.
pub(crate) struct Diagnostics {
    problems: Vec<Problem>,
    seen: HashSet<(String, String)>,
    /// Remaining comparisons, in characters.
    budget: usize,
}

impl Diagnostics {
    pub(crate) fn new() -> Self {
        Self { problems: Vec::new(), seen: HashSet::new(), budget: MOST_COMPARED }
    }

    /// Adds a problem. A problem inside a subpatch appears once, not per instance.
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.seen.insert((problem.pointer.clone(), problem.message.clone())) {
            self.problems.push(problem);
        }
    }

    /// Adds a problem with the nearest of these names, if one is near.
    pub(crate) fn suggest<N: Named>(&mut self, problem: Problem, name: &str, names: impl IntoIterator<Item = N>) {
        if self.seen.contains(&(problem.pointer.clone(), problem.message.clone())) {
            return;
        }
        let suggestion = nearest(name, names, &mut self.budget);
        self.push(Problem { suggestion, ..problem });
    }

    /// Adds problems of another check.
    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }

    /// Number of problems.
    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }

    /// Turns the problems after the first `first` into warnings, which do not keep the patch from running.
    pub(crate) fn soften(&mut self, first: usize) {
        self.problems.iter_mut().skip(first).for_each(|problem| problem.severity = Severity::Warning);
    }

    /// Drops the problems after the first `first`.
    pub(crate) fn cut(&mut self, first: usize) {
        self.problems.truncate(first);
    }

    /// True if an error keeps the patch from running.
    pub(crate) fn failed(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}
