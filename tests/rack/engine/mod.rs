//! The engine: deterministic, edited while it runs, and never without a picture.

mod clips;
mod events;
mod live;
mod past;
mod probes;
mod sound;
mod stored;
mod taps;
mod twin;
mod video;

use bendrack_nodes::program::Program;

/// Lanes of the gain of the first bend.
fn lanes(program: &Program) -> &[f64] {
    program.bends[0].params.iter().next().expect("the gain").1
}
