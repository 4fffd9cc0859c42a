//! The CPU kernels at the sizes of Wan 1.3B and of its small decoder; "item" is a floating-point operation.
//!
//! Compare within a run: `machine` is what a large square f32 product reaches here. An elementwise operation counts one
//! item per element.

use bendrack::wan::ops::{self, Window};
use candle_core::{Device, Result, Tensor};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn random(shape: &[usize]) -> Tensor {
    Tensor::randn(0f32, 1., shape, &Device::Cpu).expect("random numbers")
}

fn run(bencher: Bencher<'_, '_>, operations: usize, f: impl Fn() -> Result<Tensor> + Sync) {
    bencher.counter(ItemsCount::new(operations)).bench(|| black_box(f().expect("a result")));
}

#[divan::bench]
fn machine(bencher: Bencher<'_, '_>) {
    let (x, w) = (random(&[2048, 2048]), random(&[2048, 2048]));
    run(bencher, 2 * 2048 * 2048 * 2048, || ops::linear(&x, &w, None));
}

#[divan::bench(args = [(720, 1536, 1536), (2160, 1536, 1536), (2160, 1536, 8960), (2160, 8960, 1536)])]
fn linear(bencher: Bencher<'_, '_>, (rows, inner, out): (usize, usize, usize)) {
    let (x, w, b) = (random(&[rows, inner]), random(&[out, inner]), random(&[out]));
    run(bencher, 2 * rows * inner * out, || ops::linear(&x, &w, Some(&b)));
}

/// Queries, keys, heads, dimensions of a head: self-attention, cross-attention, the miniature.
#[divan::bench(args = [(2160, 8640, 12, 128), (2160, 512, 12, 128), (192, 512, 4, 32)])]
fn attention(bencher: Bencher<'_, '_>, (queries, keys, heads, dim): (usize, usize, usize, usize)) {
    let (q, kv) = (random(&[1, queries, heads, dim]), random(&[1, keys, heads, dim]));
    let scale = 1.0 / (dim as f64).sqrt();
    run(bencher, 4 * queries * keys * heads * dim, || ops::attention(&q, &kv, &kv, None, scale));
}

/// Channels, height, width, kernel.
#[divan::bench(args = [
    (256, 40, 72, 3), (384, 40, 72, 3), (128, 80, 144, 3), (96, 160, 288, 3), (64, 160, 288, 3), (64, 320, 576, 3),
    (64, 320, 576, 1),
])]
fn conv(bencher: Bencher<'_, '_>, (channels, height, width, kernel): (usize, usize, usize, usize)) {
    let x = random(&[3, channels, height, width]);
    let (w, b) = (random(&[channels, channels, kernel, kernel]), random(&[channels]));
    let window = Window::of_one(kernel / 2, 1);
    run(bencher, 6 * height * width * channels * channels * kernel * kernel, || ops::conv(&x, &w, Some(&b), window));
}

#[divan::bench(args = ["gelu_tanh", "layer_norm", "layer_norm_modulate", "gated_residual", "rms_norm", "rope"])]
fn tokens(bencher: Bencher<'_, '_>, name: &str) {
    let dim = if name == "gelu_tanh" { 8960 } else { 1536 };
    let (x, row) = (random(&[1, 3, 720, dim]), random(&[1, 3, 1, dim]));
    let (weight, heads, angles) = (random(&[dim]), random(&[1, 2160, 12, 128]), random(&[2160, 64]));
    run(bencher, x.elem_count(), || match name {
        "gelu_tanh" => ops::gelu_tanh(&x),
        "layer_norm" => ops::layer_norm(&x, 1e-6),
        "layer_norm_modulate" => ops::layer_norm_modulate(&x, &row, &row, 1e-6),
        "gated_residual" => ops::gated_residual(&x, &x, &row),
        "rms_norm" => ops::rms_norm(&x, &weight, 1e-6),
        _ => ops::rope(&heads, &angles, &angles),
    });
}

#[divan::bench(args = ["relu", "add", "add_relu", "silu", "upsample2x", "channel_rms_norm_silu"])]
fn pictures(bencher: Bencher<'_, '_>, name: &str) {
    let (x, gamma) = (random(&[1, 64, 320, 576]), random(&[64]));
    run(bencher, x.elem_count(), || match name {
        "relu" => ops::relu(&x),
        "add" => ops::add(&x, &x),
        "add_relu" => ops::add_relu(&x, &x),
        "silu" => ops::silu(&x),
        "upsample2x" => ops::upsample2x(&x),
        _ => ops::channel_rms_norm_silu(&x, &gamma),
    });
}
