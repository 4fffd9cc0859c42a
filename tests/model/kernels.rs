//! The CPU kernels give what the plain tensor code gives, over shapes that fit no tile.
//!
//! Inputs are uniform in [-1, 1], and sums have a few hundred products. Rounding stays near 1e-6 of the largest
//! result. A tolerance of 1e-5 allows another order of summation, but no wrong element.

use std::sync::Mutex;

use bendrack::wan::ops::{self, Window, plain};
use candle_core::{D, DType, Device, Result, Tensor};
use proptest::prelude::*;

type Outcome = std::result::Result<(), TestCaseError>;

/// Numbers in [-1, 1] that depend on the shape and the seed only.
fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let numbers = std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    });
    Tensor::from_vec(numbers.take(shape.iter().product()).collect(), shape, &Device::Cpu).expect("a tensor")
}

fn numbers(x: &Tensor) -> Vec<f32> {
    x.flatten_all().and_then(|x| x.to_vec1()).expect("f32 numbers")
}

/// Equal shapes, and elements that differ by 1e-5 of the largest at most.
fn close(kernel: Result<Tensor>, plain: Result<Tensor>) -> Outcome {
    let (kernel, plain) = (kernel.expect("the kernel's result"), plain.expect("the plain result"));
    prop_assert_eq!(kernel.dims(), plain.dims());
    let (kernel, plain) = (numbers(&kernel), numbers(&plain));
    let tolerance = 1e-5 * plain.iter().fold(1.0f32, |max, x| max.max(x.abs()));
    for (i, (a, b)) in kernel.iter().zip(&plain).enumerate() {
        prop_assert!((a - b).abs() <= tolerance, "element {}: {} instead of {}", i, a, b);
    }
    Ok(())
}

fn optional(wanted: bool, x: Tensor) -> Option<Tensor> {
    wanted.then_some(x)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn linear(batch in 1usize..3, rows in 1usize..70, inner in 1usize..90, out in 1usize..90, bias: bool, seed: u64) {
        let x = random(&[batch, rows, inner], seed);
        let (w, b) = (random(&[out, inner], seed ^ 1), optional(bias, random(&[out], seed ^ 2)));
        close(ops::linear(&x, &w, b.as_ref()), plain::linear(&x, &w, b.as_ref()))?;
        // Columns of a wider tensor: not contiguous.
        let x = random(&[rows, inner + 3], seed ^ 3).narrow(1, 2, inner).expect("a view");
        close(ops::linear(&x, &w, b.as_ref()), plain::linear(&x.contiguous().expect("a copy"), &w, b.as_ref()))?;
    }

    #[test]
    fn matmul(
        outer in 1usize..3, heads in 1usize..4, rows in 1usize..50, inner in 1usize..70, columns in 1usize..50, seed: u64,
    ) {
        let x = random(&[outer, heads, rows, inner], seed);
        // Heads behind the tokens, as the KV cache stores them; a matrix that all heads share.
        let y = random(&[outer, inner, heads, columns + 2], seed ^ 1);
        let y = y.narrow(3, 1, columns).and_then(|y| y.transpose(1, 2)).expect("a view");
        close(ops::matmul(&x, &y), plain::matmul(&x, &y))?;
        let shared = random(&[1, 1, columns, inner], seed ^ 2).t().expect("a view");
        let shared = shared.broadcast_as((outer, heads, inner, columns)).expect("a view");
        close(ops::matmul(&x, &shared), plain::matmul(&x, &shared))?;
        prop_assert!(ops::matmul(&x, &x.narrow(2, 0, 1).expect("a view")).is_err() || inner == 1);
    }

    #[test]
    fn means(batch in 1usize..3, frames in 1usize..4, tokens in 1usize..9, size in 1usize..1100, seed: u64) {
        let x = random(&[batch, frames, tokens, size], seed);
        close(ops::mean_abs(&x), plain::mean_abs(&x))?;
        let turned = random(&[batch, frames, size, tokens], seed).t().expect("a view");
        close(ops::mean_abs(&turned), plain::mean_abs(&turned))?;
    }

    #[test]
    fn attention_over_a_cache(
        batch in 1usize..3, queries in 1usize..120, heads in 1usize..4, dim in 1usize..40, value_dim in 1usize..45,
        first in 0usize..9, keys in 1usize..300, bias in 0usize..6, seed: u64,
    ) {
        // q as a projection leaves it, or with the heads first; k and v inside a longer cache.
        let q = if seed % 2 == 0 { random(&[batch, queries, heads, dim], seed) } else {
            random(&[batch, heads, queries, dim], seed).transpose(1, 2).expect("a view")
        };
        let cached = |dim, seed| random(&[batch, keys + 11, heads, dim], seed).narrow(1, first, keys).expect("a view");
        let (k, v) = (cached(dim, seed ^ 1), cached(value_dim, seed ^ 2));
        let bias = match bias {
            0 => None,
            1 => Some(random(&[1, 1, keys], seed ^ 3)),
            2 => Some(random(&[heads, 1, keys], seed ^ 3)),
            3 => Some(random(&[1, queries, keys], seed ^ 3)),
            4 => Some(random(&[heads, queries, 1], seed ^ 3)),
            _ => Some(random(&[heads, queries, keys], seed ^ 3)),
        };
        // Wide enough logits that the weights differ by orders of magnitude.
        let scale = 8.0 / (dim as f64).sqrt();
        let bias = bias.map(|bias| (bias * 20.0).expect("a bias"));
        close(ops::attention(&q, &k, &v, bias.as_ref(), scale), plain::attention(&q, &k, &v, bias.as_ref(), scale))?;
    }

    #[test]
    fn attention_under_a_mask(queries in 1usize..70, keys in 1usize..280, per_key: bool, kept in 0.0f32..1.0, seed: u64) {
        let (heads, dim) = (2, 16);
        let q = random(&[1, queries, heads, dim], seed);
        let (k, v) = (random(&[1, keys, heads, dim], seed ^ 1), random(&[1, keys, heads, dim], seed ^ 2));
        let rows = if per_key { 1 } else { queries };
        // The first row is masked as a whole; so is all of a per-key mask.
        let mask = random(&[heads, rows, keys], seed ^ 3);
        let mask = numbers(&mask).into_iter().enumerate().map(|(i, x)| {
            let masked = i / keys % rows == 0 || x.abs() > kept;
            if masked { f32::NEG_INFINITY } else { x }
        });
        let mask = Tensor::from_vec(mask.collect::<Vec<_>>(), (heads, rows, keys), &Device::Cpu).expect("a mask");
        let out = ops::attention(&q, &k, &v, Some(&mask), 0.25);
        let first = numbers(&out.as_ref().expect("a result").narrow(1, 0, 1).expect("the first row"));
        prop_assert!(first.iter().all(|x| *x == 0.0), "a masked row gave {first:?}");
        close(out, plain::attention(&q, &k, &v, Some(&mask), 0.25))?;
    }

    #[test]
    fn conv(
        frames in 1usize..4, seen in 1usize..4, frame_stride in 1usize..3, channels in 1usize..12, out in 1usize..20,
        height in 1usize..14, width in 1usize..60, kernel in 0usize..4, padding in 0usize..2, stride in 1usize..3,
        bias: bool, seed: u64,
    ) {
        let (rows, columns) = [(1, 1), (3, 3), (2, 2), (1, 3)][kernel];
        prop_assume!(height + 2 * padding >= rows && width + 2 * padding >= columns);
        let x = random(&[frames + seen - 1, channels, height, width], seed);
        let w = random(&[out, seen * channels, rows, columns], seed ^ 1);
        let b = optional(bias, random(&[out], seed ^ 2));
        let window = Window { frames: seen, frame_stride, padding, stride };
        close(ops::conv(&x, &w, b.as_ref(), window), naive_conv(&x, &w, b.as_ref(), window))?;
        if rows == columns {
            close(ops::conv(&x, &w, b.as_ref(), window), plain::conv(&x, &w, b.as_ref(), window))?;
        }
    }

    #[test]
    fn pointwise(rows in 1usize..40, columns in 1usize..70, spread in 0.1f64..30.0, seed: u64) {
        let [x, y] = [seed, seed ^ 1].map(|seed| (random(&[rows, columns], seed) * spread).expect("a tensor"));
        close(ops::gelu_tanh(&x), plain::gelu_tanh(&x))?;
        close(ops::silu(&x), plain::silu(&x))?;
        close(ops::relu(&x), plain::relu(&x))?;
        close(ops::add(&x, &y), plain::add(&x, &y))?;
        close(ops::add_relu(&x, &y), plain::add_relu(&x, &y))?;
        let turned = x.t().expect("a view");
        close(ops::silu(&turned), plain::silu(&turned))?;
    }

    #[test]
    fn norms(batch in 1usize..3, frames in 1usize..4, tokens in 1usize..9, dim in 2usize..90, seed: u64) {
        let x = (random(&[batch, frames, tokens, dim], seed) + 0.5).expect("a tensor");
        let [weight, bias] = [seed ^ 1, seed ^ 2].map(|seed| random(&[dim], seed));
        let [shift, scale] = [seed ^ 3, seed ^ 4].map(|seed| random(&[batch, frames, 1, dim], seed));
        let eps = 1e-6;
        close(ops::rms_norm(&x, &weight, eps), plain::rms_norm(&x, &weight, eps))?;
        close(ops::layer_norm(&x, eps), plain::layer_norm(&x, eps))?;
        close(ops::layer_norm_affine(&x, &weight, &bias, eps), plain::layer_norm_affine(&x, &weight, &bias, eps))?;
        close(ops::layer_norm_modulate(&x, &shift, &scale, eps), plain::layer_norm_modulate(&x, &shift, &scale, eps))?;
        close(ops::gated_residual(&x, &x, &scale), plain::gated_residual(&x, &x, &scale))?;
        // Parameters that all frames share, and parameters of every token.
        let shared = scale.narrow(1, 0, 1).expect("a view");
        close(ops::gated_residual(&x, &x, &shared), plain::gated_residual(&x, &x, &shared))?;
        close(ops::layer_norm_modulate(&x, &x, &x, eps), plain::layer_norm_modulate(&x, &x, &x, eps))?;
    }

    #[test]
    fn rope(batch in 1usize..3, tokens in 1usize..30, heads in 1usize..5, pairs in 1usize..40, seed: u64) {
        let x = random(&[batch, tokens, heads, 2 * pairs], seed);
        let [cos, sin] = [seed ^ 1, seed ^ 2].map(|seed| random(&[tokens, pairs], seed));
        close(ops::rope(&x, &cos, &sin), plain::rope(&x, &cos, &sin))?;
    }

    #[test]
    fn pictures(frames in 1usize..3, channels in 1usize..20, height in 1usize..20, width in 1usize..40, seed: u64) {
        let (x, gamma) = (random(&[frames, channels, height, width], seed), random(&[channels], seed ^ 1));
        close(ops::upsample2x(&x), plain::upsample2x(&x))?;
        close(ops::channel_rms_norm(&x, &gamma), plain::channel_rms_norm(&x, &gamma))?;
        close(ops::channel_rms_norm_silu(&x, &gamma), plain::channel_rms_norm_silu(&x, &gamma))?;
    }
}

/// The definition, product by product, in f64.
fn naive_conv(x: &Tensor, w: &Tensor, b: Option<&Tensor>, window: Window) -> Result<Tensor> {
    let (frames, in_channels, height, width) = x.dims4()?;
    let (out, channels, rows, columns) = w.dims4()?;
    let size = |from: usize, kernel: usize| (from + 2 * window.padding - kernel) / window.stride + 1;
    let (out_height, out_width) = (size(height, rows), size(width, columns));
    let windows = (frames - window.frames) / window.frame_stride + 1;
    let (x, w, b) = (numbers(x), numbers(w), b.map(numbers));
    let at = |frame: usize, channel: usize, y: usize, x_at: usize| {
        let inside = |i: usize, size: usize| i.checked_sub(window.padding).filter(|i| *i < size);
        match (inside(y, height), inside(x_at, width)) {
            (Some(y), Some(x_at)) => f64::from(x[((frame * in_channels + channel) * height + y) * width + x_at]),
            _ => 0.0,
        }
    };
    let mut result = Vec::new();
    for i in 0..windows * out * out_height * out_width {
        let (x_at, y, o) = (i % out_width, i / out_width % out_height, i / out_width / out_height % out);
        let frame = i / out_width / out_height / out * window.frame_stride;
        let mut sum = b.as_ref().map_or(0.0, |b| f64::from(b[o]));
        for k in 0..channels * rows * columns {
            let (dx, dy, c) = (k % columns, k / columns % rows, k / columns / rows);
            let (channel, frame) = (c % in_channels, frame + c / in_channels);
            sum += f64::from(w[o * channels * rows * columns + k])
                * at(frame, channel, y * window.stride + dy, x_at * window.stride + dx);
        }
        result.push(sum as f32);
    }
    Tensor::from_vec(result, (windows, out, out_height, out_width), &Device::Cpu)
}

/// Big enough for many blocks, all threads, and depths beyond one register tile.
#[test]
fn large_ones_agree_and_repeat() {
    let x = random(&[3, 40, 30, 230], 1);
    let (w, b) = (random(&[21, 80, 3, 3], 2), random(&[21], 3));
    let window = Window::over(2, 1);
    close(ops::conv(&x, &w, Some(&b), window), plain::conv(&x, &w, Some(&b), window)).expect("conv");
    let (q, k) = (random(&[1, 500, 3, 48], 4), random(&[1, 700, 3, 48], 5));
    close(ops::attention(&q, &k, &k, None, 0.15), plain::attention(&q, &k, &k, None, 0.15)).expect("attention");
    let (x, w, b) = (random(&[600, 400], 6), random(&[500, 400], 7), random(&[500], 8));
    close(ops::linear(&x, &w, Some(&b)), plain::linear(&x, &w, Some(&b))).expect("linear");
    close(ops::matmul(&x, &w.t().expect("a view")), plain::matmul(&x, &w.t().expect("a view"))).expect("matmul");
    let hidden = random(&[1, 2, 300, 1000], 10);
    close(ops::mean_abs(&hidden), plain::mean_abs(&hidden)).expect("mean_abs");
    let twice = |f: &dyn Fn() -> Result<Tensor>| {
        assert_eq!(numbers(&f().expect("once")), numbers(&f().expect("twice")));
    };
    twice(&|| ops::attention(&q, &k, &k, None, 0.15));
    twice(&|| ops::linear(&x, &w, Some(&b)));
    for f in [ops::gelu_tanh, ops::silu, ops::relu] {
        let x = random(&[700, 500], 9);
        twice(&|| f(&x));
    }
}

/// A row of 100 + noise of 1e-3: naive f32 statistics lose it.
#[test]
fn norms_keep_a_tiny_spread() {
    let noise = (random(&[4, 1536], 1) * 1e-3).expect("noise");
    let x = (&noise + 100.0).expect("a tensor");
    let rows = numbers(&x);
    let exact = rows.chunks(1536).flat_map(|row| {
        let row: Vec<_> = row.iter().map(|x| f64::from(*x)).collect();
        let mean = row.iter().sum::<f64>() / 1536.0;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1536.0;
        row.into_iter().map(move |x| ((x - mean) / (variance + 1e-6).sqrt()) as f32).collect::<Vec<_>>()
    });
    let exact = Tensor::from_vec(exact.collect::<Vec<_>>(), x.shape(), &Device::Cpu);
    close(ops::layer_norm(&x, 1e-6), exact).expect("layer_norm");
}

/// The axes of a bias may be missing from the front or have size 1, whichever code computes.
#[test]
fn a_bias_of_any_rank_is_broadcast() {
    let (queries, keys, heads) = (5, 7, 3);
    let x = |tokens, seed| random(&[2, tokens, heads, 4], seed);
    let (q, k, v) = (x(queries, 1), x(keys, 2), x(keys, 3));
    for shape in [
        &[][..],
        &[1],
        &[keys],
        &[1, keys],
        &[queries, 1],
        &[queries, keys],
        &[1, 1, keys],
        &[heads, 1, 1],
        &[heads, queries, keys],
    ] {
        let bias = random(shape, 4);
        let kernel = ops::attention(&q, &k, &v, Some(&bias), 0.5);
        close(kernel, plain::attention(&q, &k, &v, Some(&bias), 0.5)).unwrap_or_else(|e| panic!("{shape:?}: {e}"));
    }
    assert!(plain::attention(&q, &k, &v, Some(&random(&[queries], 4)), 0.5).is_err());
}

/// A bias in f32 in a model of another dtype.
#[test]
fn a_bias_takes_the_dtype_of_the_rest() {
    let x = |tokens, seed| random(&[1, tokens, 2, 4], seed);
    let (q, k, v, bias) = (x(5, 1), x(7, 2), x(7, 3), random(&[5, 7], 4));
    let expected = numbers(&ops::attention(&q, &k, &v, Some(&bias), 0.5).expect("a result"));
    for dtype in [DType::BF16, DType::F16] {
        let [q, k, v] = [&q, &k, &v].map(|x| x.to_dtype(dtype).expect("another dtype"));
        let y = ops::attention(&q, &k, &v, Some(&bias), 0.5).expect("a result");
        assert_eq!(y.dtype(), dtype);
        let y = numbers(&y.to_dtype(DType::F32).expect("f32"));
        assert!(y.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 0.02), "{y:?} is not {expected:?}");
    }
}

/// In long rows, the correction of the rounded mean exceeds the computed variance.
#[test]
fn rows_that_are_nearly_constant_and_far_from_zero_are_finite() {
    for dim in [1536, 65_537] {
        for step in 0..100 {
            let mut row = vec![1e8 + 7777.0 * step as f32; dim];
            for constant in [true, false] {
                row[step] += if constant { 0.0 } else { 8.0 };
                let x = Tensor::from_slice(&row, (1, dim), &Device::Cpu).expect("a row");
                let y = numbers(&ops::layer_norm(&x, 1e-6).expect("layer_norm"));
                assert!(y.iter().all(|y| y.is_finite()), "{dim} near {}", row[0]);
            }
        }
    }
}

#[test]
fn more_channels_than_a_block_has_room_for() {
    let x = random(&[1, 100_000, 1, 2], 1);
    let gamma = random(&[100_000], 2);
    close(ops::channel_rms_norm(&x, &gamma), plain::channel_rms_norm(&x, &gamma)).expect("the norm");
}

#[test]
fn extremes_stay_finite_and_nan_stays_nan() {
    let x = Tensor::new(&[-1e30f32, -200., -0.0, 0., 200., 1e10, f32::NAN], &Device::Cpu).expect("a tensor");
    for f in [ops::silu, ops::gelu_tanh] {
        let y = numbers(&f(&x).expect("a result"));
        assert!(y[..4].iter().all(|y| y.abs() < 1e-7), "{y:?}");
        assert_eq!(y[4..6], [200.0, 1e10]);
    }
    for f in [ops::silu, ops::gelu_tanh, ops::relu] {
        assert!(numbers(&f(&x).expect("a result"))[6].is_nan());
    }
    // A pixel of zeros has no direction: 0, not 0 / 0.
    let zero = Tensor::zeros((1, 5, 2, 3), DType::F32, &Device::Cpu).expect("zeros");
    assert!(numbers(&ops::channel_rms_norm(&zero, &random(&[5], 1)).expect("norm")).iter().all(|x| *x == 0.0));
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let x = |shape: &[usize]| random(shape, 1);
    assert!(ops::linear(&x(&[2, 3]), &x(&[4, 5]), None).is_err());
    assert!(ops::linear(&x(&[2, 3]), &x(&[4, 3]), Some(&x(&[3]))).is_err());
    assert!(ops::attention(&x(&[1, 2, 3, 4]), &x(&[1, 2, 3, 5]), &x(&[1, 2, 3, 4]), None, 1.0).is_err());
    assert!(ops::attention(&x(&[1, 2, 3, 4]), &x(&[1, 5, 3, 4]), &x(&[1, 4, 3, 4]), None, 1.0).is_err());
    let (k, bias) = (x(&[1, 5, 3, 4]), x(&[3, 2, 4]));
    assert!(ops::attention(&x(&[1, 2, 3, 4]), &k, &k, Some(&bias), 1.0).is_err());
    assert!(ops::conv(&x(&[1, 2, 8, 8]), &x(&[4, 3, 3, 3]), None, Window::of_one(1, 1)).is_err());
    assert!(ops::conv(&x(&[1, 2, 8, 8]), &x(&[4, 4, 3, 3]), None, Window::over(2, 1)).is_err());
    assert!(ops::conv(&x(&[1, 2, 2, 8]), &x(&[4, 2, 3, 3]), None, Window::of_one(0, 1)).is_err());
    for window in [Window::of_one(0, 0), Window::over(0, 1), Window { frame_stride: 0, ..Window::over(1, 1) }] {
        let (x, weight) = (x(&[1, 2, 8, 8]), x(&[4, 2, 3, 3]));
        assert!(ops::conv(&x, &weight, None, window).is_err());
        assert!(plain::conv(&x, &weight, None, window).is_err());
    }
    assert!(plain::conv(&x(&[1, 2, 2, 8]), &x(&[4, 2, 3, 3]), None, Window::of_one(0, 1)).is_err());
    assert!(ops::rms_norm(&x(&[2, 3]), &x(&[4]), 1e-6).is_err());
    assert!(ops::rope(&x(&[1, 2, 3, 4]), &x(&[2, 2]), &x(&[2, 3])).is_err());
    assert!(ops::channel_rms_norm(&x(&[1, 2, 3, 4]), &x(&[3])).is_err());
    assert!(ops::add(&x(&[2]), &x(&[1])).is_err());
    assert_eq!(ops::linear(&x(&[2, 0, 3]), &x(&[4, 3]), None).expect("nothing").dims(), [2, 0, 4]);
}

#[test]
fn blocks_are_parts_of_the_whole_however_it_lies_in_memory() {
    let x = random(&[2, 3, 700, 70], 1);
    let f = |x: &Tensor| x.broadcast_mul(&x.sqr()?.mean_keepdim(D::Minus1)?);
    for x in [x.clone(), x.transpose(2, 3).expect("a view"), x.narrow(2, 1, 650).expect("a part")] {
        let places = Mutex::new(Vec::new());
        let blocks = ops::in_blocks(&x, |x, frame, tokens| {
            assert_eq!(x.dim(2)?, tokens.len());
            places.lock().expect("nobody failed").extend(tokens.map(|token| (frame, token)));
            f(x)
        });
        let apart = (blocks.expect("blocks") - f(&x).expect("all of it")).and_then(|x| x.abs()?.max_all()?.to_scalar());
        assert!(apart.is_ok_and(|apart: f32| apart < 1e-5));
        let mut places = places.into_inner().expect("nobody failed");
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 3 * x.dims()[2]);
    }
}
