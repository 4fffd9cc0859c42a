//! Tempo and triggers in time.

pub mod clock;
pub mod divide;
pub mod division;
pub mod euclid;
pub mod multiply;
pub mod tempo;
pub mod timer;
