//! Downloads of model files: planned, continued after a break, checked, and never in the way of other files.

mod catalogue;
mod download;
mod error;
mod folder;
mod http;
mod hub;
mod marker;
mod origins;
mod part;
mod paths;
mod place;
mod plan;
mod published;
mod repo;
mod run;
mod settings;
mod sums;

pub use catalogue::{Home, Licence, Model, Source, TextEncoder};
pub use error::{Error, Result};
pub use marker::MARKER;
pub use plan::{Place, Plan, PlannedFile, State};
pub use published::MODELS;
pub use repo::Repo;
pub use run::Report;
pub use settings::Settings;

/// The view of a run. Files come one after the other.
pub trait Progress {
    /// A file begins, with `already` bytes here. The same file begins again if its bytes start again.
    fn begin(&self, file: &str, total: Option<u64>, already: u64);
    /// More bytes of this file are here.
    fn advance(&self, bytes: u64);
    /// This file is whole.
    fn done(&self);
    /// A line for the user.
    fn note(&self, text: &str);
}

/// No view.
impl Progress for () {
    fn begin(&self, _: &str, _: Option<u64>, _: u64) {}
    fn advance(&self, _: u64) {}
    fn done(&self) {}
    fn note(&self, _: &str) {}
}
