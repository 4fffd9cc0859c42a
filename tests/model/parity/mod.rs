//! Parity with recordings of the peers' own implementations.
//!
//! The recordings lie in `tests/fixtures`, or in the folder that `BENDRACK_FIXTURES` names: the same files at other sizes
//! and seeds. No test assumes the sizes of the checked-in ones.

mod causal;
mod causvid;
mod clips;
mod dit;
mod krea;
mod lora;
mod micro;
mod micro_text;
mod real_size;
mod scheduler;
mod stream;
mod taehv;
mod umt5;
mod vae;
