//! Activations, norms and distance buckets against `micro`.

use bendrack::wan::ops;
use bendrack::wan::text::relative_bucket;
use candle_core::{Result, Tensor};

use crate::recordings::{Recording, max_abs_difference};

/// Of every row's largest value.
const TOLERANCE: f64 = 1e-6;

const EPS: f64 = 1e-6;

fn recording() -> Recording {
    Recording::load("micro/io.safetensors")
}

/// Compares row by row, so that small rows count as much as large ones.
#[track_caller]
fn check_rows(recording: &Recording, name: &str, actual: &Tensor) -> Result<()> {
    let expected = recording.get(name);
    assert_eq!(actual.dims(), expected.dims(), "{name}: shape");
    let width = expected.dims().last().copied().unwrap_or(1);
    let (actual, expected) = (actual.reshape(((), width))?, expected.reshape(((), width))?);
    for row in 0..expected.dim(0)? {
        let (actual, expected) = (actual.get(row)?, expected.get(row)?);
        let scale = f64::from(expected.abs()?.max(0)?.to_scalar::<f32>()?);
        let difference = max_abs_difference(&actual, &expected);
        assert!(difference <= TOLERANCE * scale, "{name}, row {row}: differs by {difference:.1e} at {scale:.1e}");
    }
    Ok(())
}

#[test]
fn activations_are_the_originals() -> Result<()> {
    let recording = recording();
    let x = recording.get("act.x");
    check_rows(&recording, "act.gelu_tanh", &ops::gelu_tanh(&x)?)?;
    check_rows(&recording, "act.t5_gelu", &ops::gelu_tanh(&x)?)?;
    check_rows(&recording, "act.silu", &x.silu()?)?;
    // The other GELU fails.
    assert!(max_abs_difference(&ops::gelu_tanh(&x)?, &recording.get("act.gelu_erf")) > 1e-4);
    Ok(())
}

#[test]
fn norms_are_the_originals() -> Result<()> {
    let recording = recording();
    let (x, weight, bias) = (recording.get("norm.x"), recording.get("norm.w"), recording.get("norm.b"));
    check_rows(&recording, "norm.rms", &ops::rms_norm(&x, &weight, EPS)?)?;
    check_rows(&recording, "norm.t5rms", &ops::rms_norm(&x, &weight, EPS)?)?;
    check_rows(&recording, "norm.layernorm_noaffine", &ops::layer_norm(&x, EPS)?)?;
    check_rows(&recording, "norm.layernorm_affine", &ops::layer_norm_affine(&x, &weight, &bias, EPS)?)
}

#[test]
fn distance_buckets_survive_any_size() {
    for buckets in [0, 1, 2, 3, 4, 32, 512, 4096] {
        for distance in [0, 1, 128] {
            for offset in [i64::MIN, -129, -128, -1, 0, 1, 128, 129, i64::MAX] {
                let bucket = relative_bucket(offset, buckets, distance) as usize;
                assert!(bucket < buckets.max(1), "{offset} is in bucket {bucket} of {buckets}");
            }
        }
    }
}

#[test]
fn distance_buckets_are_t5s() -> Result<()> {
    let recording = recording();
    let offsets = recording.get("t5.rel").to_vec1::<i64>()?;
    for name in recording.names().filter(|name| name.starts_with("t5.bucket_")) {
        let sizes: Vec<usize> = name.split('_').skip(1).map(|size| size.parse().expect("a size")).collect();
        let &[buckets, distance] = sizes.as_slice() else { panic!("{name} does not give two sizes") };
        let actual: Vec<i64> =
            offsets.iter().map(|&offset| relative_bucket(offset, buckets, distance).into()).collect();
        assert_eq!(actual, recording.get(name).to_vec1::<i64>()?, "{name}");
    }
    Ok(())
}
