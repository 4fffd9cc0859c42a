//! Checkpoints of every format: what is read, under which names, and what is refused.
#![allow(clippy::unwrap_used, missing_docs)]
// What is stored has to come back exactly.
#![allow(clippy::float_cmp)]

mod formats;
mod fp8;
mod hostile;
mod hostile_models;
mod layouts;
mod lora;
pub mod make;
mod refusal;
mod stored;
mod torch;
