//! Maps at work: the messages of a control move a knob from its position, within a latent frame.

use crate::input::{Control, ControlName, Strike};
use crate::node::context::TickContext;
use crate::node::def::{Curve, Input};
use crate::node::value::{Gate, Kind};
use crate::patch::{ControlMap, Law, MapMode, Takeover};
use crate::tick::Lane;

/// Numbers in the memory of a knob with maps, before those of each map.
pub(crate) const KNOB_CELLS: usize = 3;
/// Numbers in the memory of a map.
pub(crate) const MAP_CELLS: usize = 2;
/// Number at which a control counts as pressed.
const PRESSED: f64 = 0.5;
/// Largest distance between hand and knob, as a part of the range, at which the hand takes the knob.
const REACH: f64 = 1.5 / 127.0;
/// Part of the range from which on a move is a jump of a button, which is not smoothed.
const JUMP: f64 = 0.99;
/// Time constants until a move is 90 % complete.
const FOLDS: f64 = std::f64::consts::LN_10;

/// A number of 0 to 1 along a curve of −1 to 1: from x⁸ at −1 over x at 0 to x^⅛ at 1, on either side of zero.
pub(crate) fn curved(x: f64, curve: f64) -> f64 {
    x.abs().powf(8f64.powf(-curve)).copysign(x)
}

/// The position of a knob with maps, and of the hand on its first control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnobState {
    /// Position of the knob.
    pub position: f64,
    /// Position of the hand, 0 to 1 of the map's range; none before its first message.
    pub hand: Option<f64>,
    /// True once the hand moves the knob.
    pub has_knob: bool,
}

impl KnobState {
    /// The state in the memory of a knob; none before its first frame.
    pub(crate) fn of(memory: &[f64]) -> Option<Self> {
        let [_, _, position, hand, has_knob, ..] = *memory else { return None };
        let known = |number: f64| (!number.is_nan()).then_some(number);
        Some(Self { position: known(position)?, hand: known(hand), has_knob: has_knob >= 1.0 })
    }
}

/// The state of a knob with maps, in its memory.
struct Knob<'m> {
    /// Position that the hands reached; NaN before the first move.
    position: &'m mut f64,
    /// Position of the knob in the patch. An edit of it or a snapshot ends what hands reached.
    base: &'m mut f64,
    /// Position after smoothing; NaN before the first frame.
    smoothed: &'m mut f64,
}

/// The state of a map, in its memory.
struct Hand<'m> {
    /// Position of the hand, 0 to 1; NaN before the first message.
    position: &'m mut f64,
    /// 1 once the hand moves the knob, or while the control is pressed.
    has_knob: &'m mut f64,
}

/// The position of a knob at `base` after the messages of this frame, and the time of the frame. A hand lets go of the knob when its
/// bank is left.
pub(crate) fn turn(maps: &[ControlMap], input: &Input, base: f64, tick: &TickContext<'_>, memory: &mut [f64]) -> f64 {
    let (mut knob, hands) = split(memory);
    knob.start(base, hands);
    let mut position = if knob.position.is_nan() { base } else { *knob.position };
    let mut smooth: f64 = 0.0;
    for (map, cells) in maps.iter().zip(hands.chunks_exact_mut(MAP_CELLS)) {
        let mut hand = Hand::of(cells);
        if !map.acts_in(tick.bank) {
            hand.let_go();
            continue;
        }
        // Ends beyond all numbers give no position.
        if let Some(reached) = moved(map, input, position, tick.lane, &mut hand).filter(|reached| !reached.is_nan()) {
            position = reached.clamp(input.hard.0, input.hard.1);
            *knob.position = position;
            smooth = smooth.max(map.smooth);
        } else if !knob.position.is_nan() {
            smooth = smooth.max(map.smooth);
        }
    }
    let range = maps.first().map_or(0.0, |map| (map.range[1] - map.range[0]).abs());
    knob.smooth(position, range, smooth, tick.inputs.dt_secs)
}

/// The state of a button at `base` after the messages of this frame; none before the first.
pub(crate) fn press(maps: &[ControlMap], base: bool, tick: &TickContext<'_>, memory: &mut [f64]) -> Option<Gate> {
    let (mut knob, hands) = split(memory);
    knob.start(f64::from(u8::from(base)), hands);
    let mut state: Option<Gate> = None;
    for map in maps.iter().filter(|map| map.acts_in(tick.bank)) {
        let Some(Pressed { is_on, hits }) = pressed(map, tick.lane) else { continue };
        let gate = match map.mode {
            MapMode::Toggle | MapMode::Cycle => {
                let was_on = if knob.position.is_nan() { base } else { *knob.position >= PRESSED };
                let on = was_on ^ (hits % 2 == 1);
                *knob.position = f64::from(u8::from(on));
                // Two presses in a frame leave the state, and are one rise.
                let rises = if was_on { hits / 2 } else { hits.div_ceil(2) };
                Gate { on: on || rises > 0, hits: rises }
            }
            MapMode::Set => Gate { on: hits > 0, hits },
            _ => Gate { on: is_on, hits },
        };
        state = Some(match state {
            Some(other) => Gate { on: other.on || gate.on, hits: other.hits.saturating_add(gate.hits) },
            None => gate,
        });
    }
    state
}

/// The part of its travel, 0 to 1, that the lamp, ring or motor of a map's control shows for a position of the knob; none for a
/// control that has none.
pub(crate) fn shown(map: &ControlMap, input: &Input, position: f64) -> Option<f64> {
    let is_key = match map.from.name {
        ControlName::Cc { channel: 1.., .. } => false,
        ControlName::Note { channel: 1.., .. } => true,
        _ => return None,
    };
    let place = Travel { map, input }.place(position);
    Some(match map.mode {
        MapMode::Absolute if !is_key => {
            // The way of `Travel::part`, backward.
            let [start, end] = map.input;
            (start + (end - start) * curved(place, -map.curve)).clamp(0.0, 1.0)
        }
        MapMode::Absolute | MapMode::Momentary | MapMode::Toggle | MapMode::Set => f64::from(u8::from(place >= 0.5)),
        _ => place,
    })
}

fn split(memory: &mut [f64]) -> (Knob<'_>, &mut [f64]) {
    let (knob, hands) = memory.split_at_mut(KNOB_CELLS);
    let [position, base, smoothed] = knob else { unreachable!("a knob has three numbers") };
    (Knob { position, base, smoothed }, hands)
}

impl<'m> Hand<'m> {
    fn of(cells: &'m mut [f64]) -> Self {
        let [position, has_knob] = cells else { unreachable!("a map has two numbers") };
        Self { position, has_knob }
    }

    /// The hand must meet the knob again.
    const fn let_go(&mut self) {
        (*self.position, *self.has_knob) = (f64::NAN, 0.0);
    }
}

impl Knob<'_> {
    /// Begins a frame. A changed base is a new position, which the hands must reach first.
    fn start(&mut self, base: f64, hands: &mut [f64]) {
        if *self.base != base {
            if !self.base.is_nan() {
                *self.position = f64::NAN;
                hands.chunks_exact_mut(MAP_CELLS).for_each(|cells| *Hand::of(cells).has_knob = 0.0);
            }
            *self.base = base;
        }
    }

    fn smooth(&mut self, position: f64, range: f64, smooth: f64, dt_secs: f64) -> f64 {
        let distance = position - *self.smoothed;
        let is_smooth = smooth > 0.0 && distance.is_finite() && distance.abs() < JUMP * range;
        let part = if is_smooth { 1.0 - (-dt_secs * FOLDS / smooth).exp() } else { 1.0 };
        *self.smoothed = if part < 1.0 { *self.smoothed + part * distance } else { position };
        *self.smoothed
    }
}

/// The position of the knob after the messages of a map; none if they have no effect.
fn moved(map: &ControlMap, input: &Input, position: f64, lane: Lane<'_>, hand: &mut Hand<'_>) -> Option<f64> {
    let travel = Travel { map, input };
    let is_key = matches!(map.from.name, ControlName::Note { .. });
    match map.mode {
        MapMode::Absolute if is_key => held(map, lane),
        MapMode::Absolute => match map.takeover {
            Takeover::Jump => {
                let control = lane.controls.get(&map.from, map.index as usize)?;
                let reading = if lane.is_held { control.held() } else { control.reading() }?;
                Some(travel.at(travel.part(reading.value)))
            }
            Takeover::Pickup | Takeover::Scale => {
                let mut knob = None;
                let control = lane.controls.get(&map.from, map.index as usize)?;
                if hand.position.is_nan() {
                    *hand.position = control.start().map_or(f64::NAN, |start| travel.part(start));
                }
                for &number in messages(control, lane) {
                    let part = travel.part(number);
                    let at = travel.place(knob.unwrap_or(position));
                    if let Some(new) = take_over(map.takeover, at, part, hand) {
                        knob = Some(travel.at(new));
                    }
                    *hand.position = part;
                }
                knob
            }
        },
        MapMode::TwosComplement | MapMode::BinaryOffset | MapMode::SignedBit | MapMode::SignedBit2 => {
            let control = lane.controls.get(&map.from, map.index as usize)?;
            let steps: i32 = messages(control, lane).iter().map(|number| steps(map.mode, *number)).sum();
            (steps != 0).then(|| travel.at((travel.place(position) + f64::from(steps) * map.step).clamp(0.0, 1.0)))
        }
        MapMode::Momentary => held(map, lane),
        MapMode::Set => pressed(map, lane).filter(|pressed| pressed.hits > 0).map(|_| map.range[1]),
        MapMode::Toggle => {
            let hits = pressed(map, lane)?.hits;
            let [start, end] = map.range;
            let is_at_end = (position - end).abs() < (position - start).abs();
            (hits > 0).then_some(if is_at_end ^ (hits % 2 == 1) { end } else { start })
        }
        MapMode::Cycle => {
            let hits = f64::from(pressed(map, lane)?.hits);
            let ([low, high], step) = (sorted(map.range), travel.cycle_step());
            let count = ((high - low) / step).round() + 1.0;
            let at = ((position - low) / step).round();
            (hits > 0.0).then_some(low + (at + hits).rem_euclid(count) * step)
        }
    }
}

/// The end of the range at which the knob is while the control is pressed, or else its start.
fn held(map: &ControlMap, lane: Lane<'_>) -> Option<f64> {
    pressed(map, lane).map(|pressed| map.range[usize::from(pressed.is_on)])
}

/// The messages of a control in this frame.
fn messages<'c>(control: &'c Control, lane: Lane<'_>) -> &'c [f64] {
    if lane.is_held { &[] } else { control.path() }
}

/// The new position of a knob at `at`, all from 0 to 1, when the hand moves to `part`; none while the hand has no effect.
fn take_over(takeover: Takeover, at: f64, part: f64, hand: &mut Hand<'_>) -> Option<f64> {
    if *hand.has_knob >= 1.0 {
        return Some(part);
    }
    let before = *hand.position;
    let passes = takeover == Takeover::Pickup && (before - at) * (part - at) <= 0.0;
    if passes || (part - at).abs() <= REACH {
        *hand.has_knob = 1.0;
        return Some(part);
    }
    if takeover == Takeover::Pickup || before.is_nan() {
        return None;
    }
    // The rest of the knob's way shrinks as the rest of the hand's.
    let (rest, whole) = if part > before { (1.0 - part, 1.0 - before) } else { (part, before) };
    let left = if whole > 0.0 { rest / whole } else { 1.0 };
    Some(if part > before { 1.0 - (1.0 - at) * left } else { at * left })
}

/// Steps of a relative encoder, from its number of 0 to 1.
fn steps(mode: MapMode, number: f64) -> i32 {
    let byte = (number * 127.0).round() as i32;
    let magnitude = byte & 0x3F;
    match mode {
        MapMode::TwosComplement if byte >= 64 => byte - 128,
        MapMode::BinaryOffset => byte - 64,
        MapMode::SignedBit if byte >= 64 => -magnitude,
        MapMode::SignedBit2 if byte < 64 => -magnitude,
        MapMode::SignedBit2 => magnitude,
        _ => byte,
    }
}

/// The state of a control as a button.
#[derive(Clone, Copy, Debug, Default)]
struct Pressed {
    is_on: bool,
    hits: u16,
}

/// The state of a map's control as a button; none before its first message.
fn pressed(map: &ControlMap, lane: Lane<'_>) -> Option<Pressed> {
    if let ControlName::Note { .. } = map.from.name {
        let key = lane.controls.key(&map.from)?;
        let Strike { on, hits, .. } = if lane.is_held { key.held() } else { key.strike() };
        return Some(Pressed { is_on: on, hits });
    }
    let control = lane.controls.get(&map.from, map.index as usize)?;
    let is_in = |number: f64| presses(map, number);
    if lane.is_held {
        return control.last().map(|number| Pressed { is_on: is_in(number), hits: 0 });
    }
    control.presses(is_in).map(|(is_on, hits)| Pressed { is_on, hits })
}

/// True if a number presses a button: in the half of the control's travel at the larger end of the range.
fn presses(map: &ControlMap, number: f64) -> bool {
    let [start, end] = map.input;
    let part = if start == end { 0.0 } else { (number - start) / (end - start) };
    let [low, high] = map.range;
    if low <= high { part >= PRESSED } else { part <= PRESSED }
}

/// The nearest number from 0 to 1.
fn unit(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(0.0, 1.0) }
}

fn sorted([a, b]: [f64; 2]) -> [f64; 2] {
    if a <= b { [a, b] } else { [b, a] }
}

/// The ways of a control and of its knob.
struct Travel<'a> {
    map: &'a ControlMap,
    input: &'a Input,
}

impl Travel<'_> {
    /// The part of the control's way at a number, 0 to 1.
    fn part(&self, number: f64) -> f64 {
        let [start, end] = self.map.input;
        let part = if start == end { 0.0 } else { (number - start) / (end - start) };
        curved(unit(part), self.map.curve)
    }

    /// True if the knob moves by factors.
    fn is_log(&self) -> bool {
        let [low, high] = self.map.range;
        self.map.law == Law::Knob && matches!(self.input.curve, Curve::Log) && low > 0.0 && high > 0.0
    }

    /// The position of the knob at a part of its range, 0 to 1.
    fn at(&self, part: f64) -> f64 {
        let [low, high] = self.map.range;
        if self.is_log() { low * (high / low).powf(part) } else { low * (1.0 - part) + high * part }
    }

    /// The part of the range at a position of the knob, 0 to 1.
    fn place(&self, position: f64) -> f64 {
        let [low, high] = self.map.range;
        let part = if low == high {
            0.0
        } else if self.is_log() {
            (position.max(f64::MIN_POSITIVE) / low).ln() / (high / low).ln()
        } else {
            (position - low) / (high - low)
        };
        unit(part)
    }

    /// The step of [`MapMode::Cycle`]: one choice, or a part of the range.
    fn cycle_step(&self) -> f64 {
        let [low, high] = sorted(self.map.range);
        let is_choice = self.input.kind == Kind::Number && !self.input.choices.is_empty();
        let step = if is_choice { 1.0 } else { (high - low) * self.map.step };
        if step > 0.0 { step } else { 1.0 }
    }
}
