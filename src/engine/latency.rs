//! The time from a touch to the first picture that is made under it.

use std::collections::VecDeque;
use std::time::Instant;

/// The number of latencies that are kept.
const KEPT: usize = 100;

/// The latency of touches and edits, in seconds; 0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// That of the last one.
    pub last: f64,
    /// The median of the last hundred.
    pub median: f64,
    /// The 99th percentile of the last hundred.
    pub p99: f64,
}

/// Touches that are not seen yet, and the latencies of those that are.
#[derive(Debug, Default)]
pub(super) struct Touches {
    /// Latent frame and time of arrival.
    unseen: Vec<(u64, Instant)>,
    /// The time of an edit that no make has yet.
    edit: Option<Instant>,
    latencies: VecDeque<f64>,
}

impl Touches {
    /// Adds an event that acts in a latent frame. Of many in one frame, the first counts.
    pub(super) fn add(&mut self, frame: u64, at: Instant) {
        if self.unseen.last().is_none_or(|(last, _)| *last != frame) {
            self.unseen.push((frame, at));
        }
    }

    /// Adds an edit of the patch. Of many before one make, the first counts.
    pub(super) fn edit(&mut self, at: Instant) {
        self.edit.get_or_insert(at);
    }

    /// True if an edit waits for a make.
    pub(super) const fn has_edit(&self) -> bool {
        self.edit.is_some()
    }

    /// Begins a make whose first frame is `frame`: an edit acts there.
    pub(super) fn begin_make(&mut self, frame: u64) {
        self.unseen.extend(self.edit.take().map(|at| (frame, at)));
    }

    /// Forgets touches that are not seen yet.
    pub(super) fn clear(&mut self) {
        self.unseen.clear();
        self.edit = None;
    }

    /// Adds the latencies of the touches that act in a latent frame whose first picture is shown at this time.
    pub(super) fn show(&mut self, frame: u64, at: Instant) {
        let seen = self.unseen.iter().filter(|(acts, _)| *acts <= frame);
        self.latencies.extend(seen.map(|(_, touched)| at.saturating_duration_since(*touched).as_secs_f64()));
        self.unseen.retain(|(acts, _)| *acts > frame);
        while self.latencies.len() > KEPT {
            self.latencies.pop_front();
        }
    }

    /// The latency of the touches of late.
    pub(super) fn latency(&self) -> Latency {
        let mut sorted: Vec<f64> = self.latencies.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get((share * (sorted.len().max(1) - 1) as f64).round() as usize).copied();
        let (median, p99) = (at(0.5).unwrap_or_default(), at(0.99).unwrap_or_default());
        Latency { last: self.latencies.back().copied().unwrap_or_default(), median, p99 }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_touch_is_seen_with_the_first_picture_of_its_frame() {
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        let mut touches = Touches::default();
        assert_eq!(touches.latency(), Latency::default());
        touches.add(4, after(0));
        touches.add(4, after(10));
        touches.add(5, after(20));
        touches.edit(after(30));
        assert!(touches.has_edit());
        touches.begin_make(5);
        assert!(!touches.has_edit());
        touches.show(3, after(50));
        assert_eq!(touches.latency(), Latency::default());
        touches.show(4, after(100));
        touches.show(4, after(160));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(touches.latency().last, 0.1) && close(touches.latency().median, 0.1));
        touches.show(5, after(350));
        let Latency { last, median, p99 } = touches.latency();
        assert!(close(last, 0.32) && close(median, 0.32) && close(p99, 0.33), "{last} {median} {p99}");
        touches.add(6, after(400));
        touches.clear();
        touches.show(6, after(900));
        assert!(close(touches.latency().p99, 0.33));
    }
}
