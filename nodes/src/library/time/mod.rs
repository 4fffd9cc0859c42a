//! Tempo, clocks and rhythm.

pub mod clock;
pub mod divide;
pub mod division;
pub mod euclid;
pub mod multiply;
pub mod step;
pub mod tempo;
pub mod timer;

/// Largest rounding error of a number of cycles, or of a time in frames. Both are sums over frames.
pub const ROUNDED_CYCLES: f64 = 1e-6;
/// Largest rounding error of a number or of a time in seconds.
pub const ROUNDED: f64 = 1e-9;
