//! A layer of Wan 1.3B, the hooks and the KV cache. `items` are floating-point operations.

#[allow(dead_code, reason = "the comparison with PyTorch uses all of it")]
mod common;

use bendrack::wan::hooks::{HookContext, Hooks, Listener};
use bendrack::wan::kv_cache::Frames;
use bendrack_nodes::program::Site;
use candle_core::{Result, Tensor};
use common::{CausalLayer, GRID, WINDOW, random};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

fn main() {
    divan::main();
}

/// The machine's own rate: a matrix product of the size of the feed-forward network's.
#[divan::bench(sample_count = 10)]
fn matmul(bencher: Bencher<'_, '_>) {
    let (m, k, n) = (2160, 1536, 8960);
    let (a, b) = (random(&[m, k], 1.0), random(&[n, k], 1.0));
    bencher.counter(ItemsCount::new(2 * m * k * n)).bench_local(|| b.t().and_then(|b| a.matmul(&b)));
}

#[divan::bench_group(sample_count = 8, sample_size = 1)]
mod causal_layer {
    use super::{Bencher, CausalLayer, Hooks, Identity, ItemsCount};

    #[divan::bench]
    fn hooks_absent(bencher: Bencher<'_, '_>) {
        let mut layer = CausalLayer::new().expect("a layer");
        bencher.counter(ItemsCount::new(CausalLayer::flops())).bench_local(|| layer.forward(Hooks::NONE));
    }

    #[divan::bench]
    fn hooks_empty(bencher: Bencher<'_, '_>) {
        let mut layer = CausalLayer::new().expect("a layer");
        bencher.counter(ItemsCount::new(CausalLayer::flops())).bench_local(|| layer.forward(Hooks::new(&Identity)));
    }
}

/// A chunk of 3 latents at 320×576, streamed, after the first: 12 frames.
#[divan::bench_group(sample_count = 5, sample_size = 1)]
mod chunk_320x576 {
    use std::sync::Arc;

    use bendrack::wan::decode::{DecoderStream, FrameDecoder};
    use bendrack::wan::{taehv, vae};
    use candle_core::Result;

    use super::common::decoders::{flops, random_weights, taehv_positions, taehv_shapes, vae_positions, vae_shapes};
    use super::{Bencher, ItemsCount, random};

    const LATENT: (usize, usize) = (40, 72);
    const CHUNK: u64 = 3;

    fn run(bencher: Bencher<'_, '_>, decoder: Result<Arc<dyn FrameDecoder>>, flops: u64) {
        let mut stream = DecoderStream::new(decoder.expect("a decoder"));
        let latents = random(&[CHUNK as usize, 16, LATENT.0, LATENT.1], 1.0);
        stream.push(&latents).expect("the first chunk");
        bencher.counter(ItemsCount::new(CHUNK * flops)).bench_local(|| stream.push(&latents));
    }

    #[divan::bench]
    fn taehv(bencher: Bencher<'_, '_>) {
        let shapes = taehv_shapes();
        let decoder = || -> Result<Arc<dyn FrameDecoder>> {
            Ok(Arc::new(taehv::Decoder::load(&random_weights(&shapes)?, &taehv::TIME_UPSCALE)?))
        };
        run(bencher, decoder(), flops(&shapes, |name| taehv_positions(name, LATENT.0 * LATENT.1)));
    }

    #[divan::bench(sample_count = 2)]
    fn vae(bencher: Bencher<'_, '_>) {
        let shapes = vae_shapes(96);
        let decoder =
            || -> Result<Arc<dyn FrameDecoder>> { Ok(Arc::new(vae::Decoder::load(&random_weights(&shapes)?)?)) };
        run(bencher, decoder(), flops(&shapes, |name| vae_positions(name, LATENT.0 * LATENT.1)));
    }
}

/// Listens everywhere and changes nothing.
struct Identity;

impl Listener for Identity {
    fn at(&self, _: Site, _: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        Ok(x)
    }
}

/// Cost of a hook alone: nine sites of one layer.
#[divan::bench]
fn nine_hooks_absent(bencher: Bencher<'_, '_>) {
    let x = random(&[1], 1.0);
    bencher.bench_local(|| {
        let hooks = divan::black_box(Hooks::NONE);
        Site::LAYER.iter().try_fold(x.clone(), |x, &site| hooks.at(site, x))
    });
}

/// A new chunk enters a full KV cache: what one layer writes when the window rolls.
#[divan::bench(sample_count = 50)]
fn kv_roll(bencher: Bencher<'_, '_>) {
    let CausalLayer { mut cache, mut first_frame, .. } = CausalLayer::new().expect("a layer");
    let new = random(&[1, GRID.0 * GRID.1 * GRID.2, 12, 128], 1.0);
    let bytes = 2 * new.elem_count() * 4;
    bencher.counter(BytesCount::new(bytes)).bench_local(|| -> Result<()> {
        first_frame += GRID.0;
        cache.begin(Frames::run(first_frame, GRID.0), (GRID.1, GRID.2))?;
        cache.update(0, &new, &new)?;
        cache.commit();
        assert_eq!(cache.len(), WINDOW);
        Ok(())
    });
}
