use proptest::prelude::*;

use super::*;

const HEAD_DIM: usize = 6;
const GRID: (usize, usize) = (1, 2);

fn config() -> Config {
    Config {
        dim: HEAD_DIM,
        ffn_dim: 4,
        heads: 1,
        layers: 1,
        in_channels: 4,
        out_channels: 4,
        text_dim: 4,
        text_len: 4,
        freq_dim: 4,
    }
}

fn cache(policy: CachePolicy) -> Result<KvCache> {
    KvCache::new(&config(), policy, 1, GRID, DType::F32, &Device::Cpu)
}

/// Keys or values of consecutive frames, each filled with its label.
fn frames(labels: &[f32]) -> Tensor {
    let tokens = GRID.0 * GRID.1;
    let data: Vec<f32> = labels.iter().flat_map(|&label| vec![label; tokens * HEAD_DIM]).collect();
    Tensor::from_vec(data, (1, labels.len() * tokens, 1, HEAD_DIM), &Device::Cpu).expect("frames")
}

/// The label of each frame.
fn labels(x: &Tensor) -> Vec<f32> {
    let all = x.flatten_all().and_then(|x| x.to_vec1::<f32>()).expect("values");
    all.chunks(GRID.0 * GRID.1 * HEAD_DIM).map(|frame| frame[0]).collect()
}

/// The peers' algorithm on a plain list: shift the window left, append.
#[derive(Default)]
struct Shifted {
    held: Vec<f32>,
    end: usize,
}

impl Shifted {
    fn write(&mut self, policy: &CachePolicy, first: usize, new: &[f32]) {
        let end = first + new.len();
        if end > self.end {
            let grow = end - self.end;
            self.held.resize(self.held.len() + grow, f32::NAN);
            while self.held.len() > policy.window {
                self.held.remove(policy.sink);
            }
        }
        let start = self.held.len() - new.len();
        let protected = if policy.sink_is_final && end <= self.end && first > 0 { policy.sink } else { 0 };
        for (i, &label) in new.iter().enumerate().filter(|(i, _)| start + i >= protected) {
            self.held[start + i] = label;
        }
        self.end = end;
    }
}

proptest! {
    /// Over any run of chunks, each passed several times, the ring holds the frames of the reference's shifting cache.
    /// A layer attends to every held frame once.
    #[test]
    fn ring_holds_what_shifting_holds(
        chunk in 1usize..4, room in 0usize..6, sink in 0usize..4, chunks in 1usize..9, passes in 1usize..4,
        sink_is_final: bool,
    ) {
        let window = sink + chunk + room;
        let policy = CachePolicy { window, sink, rolls: true, sink_is_final, positions: Positions::Absolute };
        let (mut cache, mut shifted) = (cache(policy).expect("a cache"), Shifted::default());
        let bytes = cache.bytes();
        for (i, pass) in (0..chunks).flat_map(|i| (0..passes).map(move |pass| (i, pass))) {
            let new: Vec<f32> = (0..chunk).map(|f| ((i * chunk + f) * 10 + pass) as f32).collect();
            cache.begin(Frames::run(i * chunk, chunk), GRID).expect("room");
            let (_, seen) = cache.update(0, &frames(&new), &frames(&new)).expect("an exchange");
            cache.commit();
            shifted.write(&policy, i * chunk, &new);
            let (_, held) = cache.contents(0).expect("contents");
            prop_assert_eq!(labels(&held), shifted.held.clone());
            let sorted = |mut labels: Vec<f32>| { labels.sort_by(f32::total_cmp); labels };
            prop_assert_eq!(sorted(labels(&seen)), sorted(shifted.held.clone()));
            prop_assert_eq!(cache.end(), shifted.end);
            let held: Vec<f32> = cache.frames().map(|number| number as f32).collect();
            prop_assert_eq!(held, shifted.held.iter().map(|label| (label / 10.0).floor()).collect::<Vec<_>>());
        }
        prop_assert_eq!(cache.bytes(), bytes);
    }
}

fn policy(window: usize, sink: usize, rolls: bool) -> CachePolicy {
    CachePolicy { window, sink, rolls, sink_is_final: false, positions: Positions::Absolute }
}

fn pass(cache: &mut KvCache, first: usize, count: usize) -> Result<()> {
    cache.begin(Frames::run(first, count), GRID)?;
    let new = frames(&vec![first as f32; count]);
    cache.update(0, &new, &new)?;
    cache.commit();
    Ok(())
}

#[test]
fn impossible_calls_are_refused() -> Result<()> {
    assert!(cache(policy(3, 3, true)).is_err());
    let mut full = cache(policy(6, 0, false))?;
    pass(&mut full, 0, 3)?;
    pass(&mut full, 3, 3)?;
    let error = pass(&mut full, 6, 3).expect_err("the video does not fit").to_string();
    assert!(error.contains("full"), "{error}");
    let mut rolling = cache(policy(6, 2, true))?;
    assert!(pass(&mut rolling, 0, 7).is_err());
    for chunk in 0..4 {
        pass(&mut rolling, 3 * chunk, 3)?;
    }
    assert!(pass(&mut rolling, 3, 3).is_err(), "evicted frames are gone");
    assert!(rolling.begin(Frames::run(12, 3), (2, 2)).is_err(), "another grid");
    assert!(rolling.update(0, &frames(&[0.0]), &frames(&[0.0])).is_err(), "outside a call");
    assert!(pass(&mut rolling, 13, 3).is_err(), "a gap");
    rolling.begin(Frames::run(12, 3), GRID)?;
    let error = pass(&mut rolling, 15, 3).expect_err("a call is unfinished").to_string();
    assert!(error.contains("again or reset"), "{error}");
    pass(&mut rolling, 12, 3)?;
    rolling.reset();
    pass(&mut rolling, 40, 3)?;
    assert_eq!(rolling.frames().collect::<Vec<_>>(), [40, 41, 42]);
    Ok(())
}

#[test]
fn past_bias_spares_the_first_frame_and_the_call_itself() -> Result<()> {
    let mut cache = cache(policy(6, 0, true))?;
    cache.set_past_bias(-1.5);
    pass(&mut cache, 0, 3)?;
    cache.begin(Frames::run(3, 2), GRID)?;
    let bias = cache.bias().expect("a bias").flatten_all()?.to_vec1::<f32>()?;
    assert_eq!(bias, [0.0, 0.0, -1.5, -1.5, -1.5, -1.5, 0.0, 0.0, 0.0, 0.0]);
    cache.set_past_bias(0.0);
    cache.begin(Frames::run(3, 2), GRID)?;
    assert!(cache.bias().is_none());
    Ok(())
}

#[test]
fn visibility_is_frame_by_frame_and_costs_nothing_where_nothing_is_hidden() -> Result<()> {
    let mut cache = cache(policy(6, 0, true))?;
    pass(&mut cache, 0, 3)?;
    let bias = |cache: &mut KvCache, visibility: PastVisibility| -> Result<Option<Vec<f32>>> {
        cache.set_past_visibility(visibility);
        cache.begin(Frames::run(3, 2), GRID)?;
        cache.bias().map(|bias| bias.flatten_all()?.to_vec1::<f32>()).transpose()
    };
    let staleness = BTreeMap::from([(0, 0.5), (2, 2.0)]);
    let stale = |strength: [f64; 2]| PastVisibility {
        strength: strength.into(),
        staleness: staleness.clone(),
        ..PastVisibility::default()
    };
    let even = bias(&mut cache, stale([3.0, 3.0]))?.expect("a bias");
    assert_eq!(even, [-1.5, -1.5, 0.0, 0.0, -6.0, -6.0, 0.0, 0.0, 0.0, 0.0], "one row for all queries");
    let uneven = bias(&mut cache, stale([1.0, 0.0]))?.expect("a bias");
    assert_eq!((uneven.len(), uneven[0], uneven[10], uneven[20]), (4 * 10, -0.5, -0.5, 0.0));
    assert_eq!(bias(&mut cache, stale([0.0, 0.0]))?, None);
    assert_eq!(
        bias(&mut cache, PastVisibility { strength: vec![4.0; 2], ..PastVisibility::default() })?,
        None,
        "nothing is stale"
    );
    let first =
        bias(&mut cache, PastVisibility { off: vec![true, false], ..PastVisibility::default() })?.expect("a bias");
    assert_eq!((first[5], first[6], first[25]), (f32::NEG_INFINITY, 0.0, 0.0));
    assert_eq!(cache.key_frames()?.len(), 5);
    assert_eq!(bias(&mut cache, PastVisibility { off: vec![true; 2], ..PastVisibility::default() })?, None);
    assert_eq!(*cache.key_frames()?, [3, 4], "past keys are not even looked at");
    let (keys, values) = cache.update(0, &frames(&[7.0, 8.0]), &frames(&[7.0, 8.0]))?;
    assert_eq!((keys.dim(1)?, labels(&values)), (4, vec![7.0, 8.0]));
    cache.commit();
    assert_eq!(labels(&cache.contents(0)?.1), [0.0, 0.0, 0.0, 7.0, 8.0], "and nothing is forgotten");
    Ok(())
}

#[test]
fn causal_chunks_hide_what_comes_after() -> Result<()> {
    let mut cache = cache(policy(8, 0, true))?;
    pass(&mut cache, 0, 1)?;
    cache.set_causal_chunk(NonZeroUsize::new(2));
    cache.begin(Frames::run(1, 4), GRID)?;
    let bias = cache.bias().expect("a mask");
    assert_eq!(bias.dims(), [1, 4 * 2, 5 * 2]);
    let visible = |query: usize| -> Result<usize> {
        Ok(bias.get(0)?.get(query)?.to_vec1::<f32>()?.iter().filter(|&&b| b == 0.0).count())
    };
    assert_eq!((visible(0)?, visible(3)?, visible(4)?, visible(7)?), (6, 6, 10, 10));
    Ok(())
}
