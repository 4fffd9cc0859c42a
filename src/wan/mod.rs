//! Wan 2.1 text-to-video on candle, with a hook at every site of a layer.
//!
//! One struct per box of the paper's figures; field names are the checkpoint's. Everything runs on any candle device in
//! f32, f16 or bf16. On the CPU in f32 the heavy operations are our own kernels (see [`ops`]).
//!
//! Errors are candle's: a tensor that does not fit, a file that cannot be read, a device out of memory. The loaders name the key, its
//! shape and the file. [`error::message`] is the text of an error without backtraces.

mod cpu;
pub mod ops;

pub mod linear;
pub mod weights;

pub mod error;
pub mod hooks;
pub mod trace;

pub mod attention;
pub mod checkpoint;
pub mod clip;
pub mod config;
pub mod family;
pub mod fingerprint;
pub mod generator;
pub mod kv_cache;
pub mod layer;
pub mod mini;
pub mod needs;
pub mod noise;
pub mod parts;
pub mod rollout;
pub mod rope;
pub mod stored;
pub mod streaming;
pub mod transformer;

pub mod conv;
pub mod decode;
pub mod taehv;
pub mod vae;

pub mod scheduler;
pub mod text;
