//! The engine, devices and commands around the model.
//!
//! Apart from the model's tests, as some of these wait for things to happen in time.

mod architecture;
mod attend;
mod cli;
mod devices;
mod doctor;
mod engine;
mod fetch;
mod files;
mod language;
mod makes;
mod notices;
mod packaging;
mod play;
mod renders;
mod rig;
#[cfg(target_os = "linux")]
mod share;
mod soak;
mod sweep;
mod takes;
mod terminal;
