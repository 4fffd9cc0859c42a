//! The nodes and the patch language. `evaluator` and `expression` are programs of their own: each counts allocations.

mod boards;
mod checks;
mod docs;
mod followers;
mod format;
mod graph;
mod grid;
mod hands;
mod help;
mod hostile;
mod lamps;
mod language;
mod library;
mod maps;
mod messages;
mod modulate;
mod numbers;
mod outputs;
mod params;
#[path = "../patching/mod.rs"]
mod patching;
mod picture;
mod prompts;
mod release;
mod sequencer;
mod signals;
mod sound;
#[path = "../style/mod.rs"]
mod style;
mod subpatch;
mod waves;
