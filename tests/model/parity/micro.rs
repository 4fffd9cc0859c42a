//! Primitives run in the peers' own code, at sizes and values where a small mistake shows.

use bendrack::wan::config::PATCH;
use bendrack::wan::ops;
use bendrack::wan::rope::Rope;
use bendrack::wan::transformer::{patches, sinusoid, unpatchify};
use candle_core::{DType, Device, Result, Tensor};

use crate::recordings::{Recording, assert_close};

fn io() -> Recording {
    Recording::load("micro/io.safetensors")
}

/// Asserts agreement within `1e-6` of the recording's largest value.
fn check(io: &Recording, name: &str, actual: &Tensor) {
    let largest = |x: Tensor| x.abs()?.flatten_all()?.max(0)?.to_dtype(DType::F64)?.to_scalar::<f64>();
    let largest = largest(io.get(name)).expect("a recording reads back");
    io.check(name, actual, 1e-6 * largest);
}

#[test]
fn rope_matches_at_every_start_frame() -> Result<()> {
    let io = io();
    let q = io.get("rope.q");
    let grid = io.get("rope.grid").flatten_all()?.to_vec1::<i64>()?;
    let (frames, rows, columns) = (grid[0] as usize, grid[1] as usize, grid[2] as usize);
    let turned = |positions: &[f64]| Rope::new(q.dim(3)?, positions, (rows, columns), &Device::Cpu)?.apply(&q);
    for name in io.names().filter(|name| name.starts_with("rope.")) {
        let positions: Vec<f64> = if let Some(start) = name.strip_prefix("rope.start") {
            let start: usize = start.parse().expect("a frame number");
            (start..start + frames).map(|f| f as f64).collect()
        } else if let Some(list) = name.strip_prefix("rope.rel_frames_") {
            list.split('_').map(|f| f.parse().expect("a frame number")).collect()
        } else {
            continue;
        };
        check(&io, name, &turned(&positions)?);
    }
    Ok(())
}

#[test]
fn time_embedding_matches_the_original_in_double_precision() -> Result<()> {
    let io = io();
    let timesteps = io.get("time.t").to_dtype(DType::F64)?.to_vec1::<f64>()?;
    let expected = io.get("time.sinusoid256_f64").to_dtype(DType::F32)?;
    let actual = sinusoid(&timesteps, expected.dim(1)?, &Device::Cpu)?;
    assert_close("time.sinusoid256_f64", &actual, &expected, 1e-7);
    Ok(())
}

#[test]
fn patches_go_in_channel_first_and_come_out_channel_last() -> Result<()> {
    let io = io();
    let (x, weight) = (io.get("patch.x"), io.get("patch.w"));
    let weight = weight.flatten_from(1)?;
    check(&io, "patch.tokens", &ops::linear(&patches(&x)?, &weight, Some(&io.get("patch.b")))?);

    let (_, _, frames, height, width) = io.get("unpatch.out").dims5()?;
    let out = unpatchify(&io.get("unpatch.tokens"), (frames, height / PATCH, width / PATCH))?;
    io.check("unpatch.out", &out, 0.0);
    Ok(())
}
