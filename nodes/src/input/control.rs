//! A number or key of a device, in one latent frame.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Number at which a gate goes on.
pub(crate) const ON: f64 = 0.5;
/// Number below which a gate goes off.
const OFF: f64 = 0.1;

/// Limit on the numbers of a control, or strikes of a key, in one latent frame. Further ones replace the last.
const MOST: usize = 64;

/// True if a number is on, after it was on or off.
pub(crate) fn is_on(number: f64, was_on: bool) -> bool {
    if was_on { number >= OFF } else { number >= ON }
}

/// A number of a device, in one latent frame: a fader, an argument of an OSC address, a sensor.
///
/// It keeps each number that arrives within the frame, so that a press shorter than the frame counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Number at the beginning of the frame; none before the first.
    start: Option<f64>,
    /// True if the number is on at the beginning of the frame.
    start_on: bool,
    /// Numbers that arrived within the frame, in order.
    #[serde(skip)]
    path: SmallVec<[f64; 2]>,
    /// Count of all numbers so far, for learning.
    count: u32,
}

/// A number in one latent frame, and its state as a gate: on from 0.5 until below 0.1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The last number. After a press that ended within the frame, its highest number.
    pub value: f64,
    /// True while the number is on, and in each frame with a rising edge.
    pub on: bool,
    /// Rising edges within the frame.
    pub hits: u16,
}

impl Control {
    /// A control without a number.
    pub(super) fn new() -> Self {
        Self { start: None, start_on: false, path: SmallVec::new(), count: 0 }
    }

    /// Adds a number to the frame. False if it replaces one.
    pub(super) fn push(&mut self, number: f64) -> bool {
        self.count = self.count.wrapping_add(1);
        push(&mut self.path, number)
    }

    /// Begins the next frame.
    pub(super) fn end_frame(&mut self) {
        self.start_on = self.end_on();
        self.start = self.last();
        self.path.clear();
    }

    /// The last number; none before the first.
    pub fn last(&self) -> Option<f64> {
        self.path.last().copied().or(self.start)
    }

    /// The number in this frame; none before the first.
    pub fn reading(&self) -> Option<Reading> {
        let last = self.last()?;
        let (mut on, mut hits, mut peak) = (self.start_on, 0_u16, last);
        for &number in &self.path {
            let was_on = on;
            on = is_on(number, on);
            if on && !was_on {
                hits = hits.saturating_add(1);
                peak = number;
            }
            if on {
                peak = peak.max(number);
            }
        }
        Some(Reading { value: if on || hits == 0 { last } else { peak }, on: on || hits > 0, hits })
    }

    /// The number in a later frame without events; none before the first.
    pub fn held(&self) -> Option<Reading> {
        self.last().map(|value| Reading { value, on: self.end_on(), hits: 0 })
    }

    /// True if the number is on at the end of the frame.
    fn end_on(&self) -> bool {
        self.path.iter().fold(self.start_on, |on, &number| is_on(number, on))
    }

    /// Count of the numbers so far.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The number at the beginning of the frame; none before the first.
    pub(crate) const fn start(&self) -> Option<f64> {
        self.start
    }

    /// The numbers that arrived within the frame, in order.
    pub(crate) fn path(&self) -> &[f64] {
        &self.path
    }

    /// True if the last number is in a range or any entered it in this frame; and the number of entries.
    pub(crate) fn presses(&self, is_in: impl Fn(f64) -> bool) -> Option<(bool, u16)> {
        let last = self.last()?;
        let mut was_in = self.start.is_some_and(&is_in);
        let mut hits = 0_u16;
        for &number in &self.path {
            let is_in = is_in(number);
            hits = hits.saturating_add(u16::from(is_in && !was_in));
            was_in = is_in;
        }
        Some((is_in(last) || hits > 0, hits))
    }
}

/// A key or pad, in one latent frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Velocity while it is held.
    held: Option<f64>,
    /// Velocities of the strikes within the frame, in order.
    #[serde(skip)]
    struck: SmallVec<[f64; 2]>,
    /// True if events have this very key; false if it only includes those of devices and channels.
    is_direct: bool,
}

/// A key in one latent frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Strike {
    /// True while it is held, and in a frame with a strike.
    pub on: bool,
    /// Strikes within the frame.
    pub hits: u16,
    /// Velocity of the last strike, 0 to 1; 0 while the key is off.
    pub velocity: f64,
}

impl Key {
    /// Strikes the key, or releases it with velocity 0. False if it replaces a strike.
    pub(super) fn push(&mut self, velocity: f64, is_direct: bool) -> bool {
        self.is_direct |= is_direct;
        self.held = (velocity > 0.0).then_some(velocity);
        velocity <= 0.0 || push(&mut self.struck, velocity)
    }

    /// True if events have this very key.
    pub(super) const fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// Begins the next frame. False if the key is off and its state can be removed.
    pub(super) fn end_frame(&mut self) -> bool {
        self.struck.clear();
        self.held.is_some()
    }

    /// The key in this frame.
    pub fn strike(&self) -> Strike {
        let velocity = self.struck.last().copied().or(self.held);
        Strike { on: velocity.is_some(), hits: self.struck.len() as u16, velocity: velocity.unwrap_or(0.0) }
    }

    /// The key in a later frame without events.
    pub fn held(&self) -> Strike {
        Strike { on: self.held.is_some(), hits: 0, velocity: self.held.unwrap_or(0.0) }
    }
}

/// Adds a number, or replaces the last if there are too many. False if it replaces one.
fn push(list: &mut SmallVec<[f64; 2]>, number: f64) -> bool {
    if let (MOST.., Some(last)) = (list.len(), list.last_mut()) {
        *last = number;
        return false;
    }
    list.push(number);
    true
}
