//! Requirements of every streaming decoder.

use std::sync::Arc;

use bendrack::wan::conv::FeatureCache;
use bendrack::wan::decode::{DecoderStream, FrameDecoder};
use candle_core::{DType, Device, Result, Tensor};

use crate::recordings::assert_close;

/// One after the other, in any two parts, through the stream or in one call: the frames are `expected`.
///
/// latents `[latents, 16, h, w]` in the transformer's space, expected `[frames, 3, 8h, 8w]` in 0..1.
pub fn check_cuts(decoder: &Arc<dyn FrameDecoder>, latents: &Tensor, expected: &Tensor, tolerance: f64) -> Result<()> {
    let count = latents.dim(0)?;
    let mut stream = DecoderStream::new(decoder.clone());
    let mut one_by_one = vec![];
    for i in 0..count {
        one_by_one.push(stream.push(&latents.narrow(0, i, 1)?)?);
        let frames = if i == 0 { 1 } else { (expected.dim(0)? - 1) / (count - 1) };
        assert_eq!(one_by_one[i].dim(0)?, frames, "frames of latent {i}");
    }
    let one_by_one = Tensor::cat(&one_by_one, 0)?;
    assert_close("one by one", &one_by_one, expected, tolerance);

    for first in 1..=count {
        stream.reset();
        let mut cache = FeatureCache::default();
        let (mut pushed, mut called) = (vec![], vec![]);
        for (start, len) in [(0, first), (first, count - first)] {
            if len > 0 {
                let part = latents.narrow(0, start, len)?;
                pushed.push(stream.push(&part)?);
                called.push(decoder.next_frames(&part, &mut cache)?);
            }
        }
        assert_close("in two parts", &Tensor::cat(&pushed, 0)?, &one_by_one, 0.0);
        assert_close("several latents in one call", &Tensor::cat(&called, 0)?, &one_by_one, 1e-6);
    }
    Ok(())
}

/// A clone of a stream goes on from the same point, whatever happens to the stream.
pub fn check_clone(decoder: &Arc<dyn FrameDecoder>, latents: &Tensor) -> Result<()> {
    let (first, last) = (latents.narrow(0, 0, 1)?, latents.narrow(0, latents.dim(0)? - 1, 1)?);
    let mut stream = DecoderStream::new(decoder.clone());
    stream.push(&first)?;
    let mut clone = stream.clone();
    let frames = stream.push(&last)?;
    stream.push(&last)?;
    assert_close("a clone", &clone.push(&last)?, &frames, 0.0);
    Ok(())
}

/// Latents that do not fit are an error, which leaves the stream where it was.
pub fn check_errors(decoder: &Arc<dyn FrameDecoder>) -> Result<()> {
    let mut stream = DecoderStream::new(decoder.clone());
    for shape in [&[1, 15, 3, 4][..], &[16, 3, 4], &[0, 16, 3, 4], &[1, 16, 0, 4], &[]] {
        assert!(stream.push(&zeros(shape)?).is_err(), "latents {shape:?}");
    }
    stream.push(&zeros(&[1, 16, 3, 4])?)?;
    let later = stream.clone().push(&zeros(&[1, 16, 3, 4])?)?;
    let error = stream.push(&zeros(&[1, 16, 4, 4])?).expect_err("another size").to_string();
    assert!(error.contains("new stream"), "{error}");
    assert_close("after an error", &stream.push(&zeros(&[1, 16, 3, 4])?)?, &later, 0.0);
    Ok(())
}

/// Zeros in f32.
pub fn zeros(shape: &[usize]) -> Result<Tensor> {
    Tensor::zeros(shape, DType::F32, &Device::Cpu)
}
