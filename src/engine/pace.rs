//! The pace of a live video: how often a chunk is made, and how long before its time.

use std::collections::VecDeque;
use std::time::Duration;

use super::model::LATENT_SECS;

/// The number of measurements that are kept of each kind.
const KEPT: usize = 8;
/// The share of a chunk's time that its makes may take.
const BUDGET: f64 = 0.9;
/// The share below which one make more is tried.
const ROOM: f64 = 0.78;
/// The share by which a make may take longer than the usual longest of late.
const MARGIN: f64 = 0.1;
/// The time that a make is early, besides.
const EARLY: Duration = Duration::from_millis(4);

/// Durations of late, in seconds.
#[derive(Clone, Debug, Default)]
struct Recent(VecDeque<f64>);

impl Recent {
    fn add(&mut self, secs: f64) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(secs);
    }

    fn mean(&self) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.0.iter().sum::<f64>() / self.0.len() as f64 }
    }

    /// The longest but one: a single stall does not delay the touches of the next two seconds.
    fn usual_longest(&self) -> f64 {
        let mut secs: Vec<f64> = self.0.iter().copied().collect();
        secs.sort_by(f64::total_cmp);
        secs.iter().rev().nth(1).or(secs.last()).copied().unwrap_or_default()
    }
}

/// The durations of the parts of a chunk, and what follows from them.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// The denoising steps.
    make: Recent,
    /// The pictures of a latent frame.
    show: Recent,
    /// The cache pass.
    cache: Recent,
    /// The makes of the chunk under way.
    makes: usize,
}

impl Pace {
    /// Forgets the durations of makes: the next ones have another number of steps.
    pub(super) fn forget_makes(&mut self) {
        self.make = Recent::default();
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { make: Recent::default(), show: Recent::default(), cache: Recent::default(), makes: 1 }
    }
}

impl Pace {
    /// Adds the duration of a make.
    pub(super) fn add_make(&mut self, secs: f64) {
        self.make.add(secs);
    }

    /// Adds the duration of showing a latent frame.
    pub(super) fn add_show(&mut self, secs: f64) {
        self.show.add(secs);
    }

    /// Adds the duration of a cache pass.
    pub(super) fn add_cache(&mut self, secs: f64) {
        self.cache.add(secs);
    }

    /// Seconds of work on a chunk of so many latent frames that is made once.
    pub(super) fn chunk_secs(&self, frames: usize) -> f64 {
        self.secs(1, frames)
    }

    fn secs(&self, makes: usize, frames: usize) -> f64 {
        makes as f64 * self.make.mean() + self.cache.mean() + frames as f64 * self.show.mean()
    }

    /// Chooses how often the next chunk is made, up to `most` times. A chunk that is not measured yet is made once. Falls at once, and
    /// rises by one make for each chunk.
    pub(super) fn begin_chunk(&mut self, frames: usize, most: usize) {
        let share = |makes: usize| self.secs(makes, frames) / (frames as f64 * LATENT_SECS);
        let most = most.clamp(1, frames.max(1));
        let fits = (1..=self.makes.min(most)).rev().find(|&makes| share(makes) <= BUDGET).unwrap_or(1);
        let is_measured = !self.make.0.is_empty();
        self.makes = if is_measured && fits < most && share(fits + 1) <= ROOM { fits + 1 } else { fits };
    }

    /// The makes of the chunk under way, if events come.
    pub(super) const fn makes(&self) -> usize {
        self.makes
    }

    /// The latent frames that are shown from one make to the next, in a chunk of so many.
    pub(super) fn frames_per_make(&self, frames: usize) -> usize {
        frames.div_ceil(self.makes).max(1)
    }

    /// The time before a latent frame is due at which its make begins.
    pub(super) fn lead(&self) -> Duration {
        let secs = self.make.usual_longest() + self.show.usual_longest();
        Duration::from_secs_f64(secs * (1.0 + MARGIN)) + EARLY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(make: f64, show: f64, cache: f64) -> Pace {
        let mut pace = Pace::default();
        for _ in 0..KEPT {
            pace.add_make(make);
            pace.add_show(show);
            pace.add_cache(cache);
        }
        pace
    }

    /// The makes of five chunks of three frames.
    fn makes(pace: &mut Pace, most: usize) -> Vec<usize> {
        let next = |_| {
            pace.begin_chunk(3, most);
            pace.makes()
        };
        (0..5).map(next).collect()
    }

    #[test]
    fn a_fast_model_is_made_for_each_frame_and_a_slow_one_once() {
        assert_eq!(makes(&mut pace(0.1, 0.02, 0.03), 3), [2, 3, 3, 3, 3]);
        assert_eq!(makes(&mut pace(0.1, 0.02, 0.03), 2), [2; 5]);
        assert_eq!(makes(&mut pace(0.2, 0.03, 0.05), 3), [2; 5], "three makes would take 0.99 of the time");
        assert_eq!(makes(&mut pace(40.0, 1.0, 10.0), 3), [1; 5]);
        assert_eq!(makes(&mut Pace::default(), 3), [1; 5], "nothing is measured");
    }

    #[test]
    fn makes_fall_at_once_when_the_model_slows_down_and_do_not_flap() {
        let mut fast = pace(0.1, 0.02, 0.03);
        makes(&mut fast, 3);
        (0..KEPT).for_each(|_| fast.add_make(0.21));
        fast.begin_chunk(3, 3);
        assert_eq!(fast.makes(), 2);
        // Between room and budget, the number stays as it is.
        let mut even = pace(0.18, 0.01, 0.03);
        assert_eq!(makes(&mut even, 3), [2; 5]);
        even.makes = 3;
        assert_eq!(makes(&mut even, 3), [3; 5]);
    }

    #[test]
    fn the_lead_covers_the_usual_make_and_not_a_single_stall() {
        let mut pace = pace(0.1, 0.02, 0.03);
        let usual = pace.lead();
        assert!((usual.as_secs_f64() - (0.12 * 1.1 + 0.004)).abs() < 1e-9, "{usual:?}");
        pace.add_make(0.5);
        assert_eq!(pace.lead(), usual);
        pace.add_make(0.4);
        assert!((pace.lead().as_secs_f64() - (0.42 * 1.1 + 0.004)).abs() < 1e-9, "the model is slower now");
        let mut first = Pace::default();
        first.add_make(0.2);
        assert!(first.lead() > Duration::from_millis(200), "one measurement counts");
    }

    #[test]
    fn frames_are_shared_out_among_makes() {
        let mut pace = Pace::default();
        let shares = [1, 2, 3].map(|makes| {
            pace.makes = makes;
            pace.frames_per_make(3)
        });
        assert_eq!(shares, [3, 2, 1]);
        assert_eq!(pace.frames_per_make(1), 1);
    }
}
