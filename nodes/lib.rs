//! The node library and the patch language of bendrack: no model, no user interface, no input or output.
//!
//! So far it holds the vocabulary that a program and the model share: see [`program`].

pub mod program;
