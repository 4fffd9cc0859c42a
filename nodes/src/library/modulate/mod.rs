//! Modulators: sources of changing numbers, and their shaping.

pub mod curve;
pub mod envelope;
pub mod hold;
pub mod lfo;
pub mod noise;
pub mod one_euro;
pub(crate) mod oscillator;
pub(crate) mod polarity;
pub(crate) mod random;
pub mod recorder;
pub mod sequencer;
pub mod shift;
pub mod slew;
pub mod spring;
pub mod walk;
