//! The travel of a knob: from its lowest value at 0 to its highest at 1.

use crate::node::input::{Curve, Input};

impl Input {
    /// The number at a part of the travel, 0 to 1.
    pub fn along(&self, part: f64) -> f64 {
        let (low, high) = self.soft;
        match self.curve {
            Curve::Log if low > 0.0 => low * (high / low).powf(part),
            Curve::Log | Curve::Linear => low * (1.0 - part) + high * part,
        }
    }

    /// The part of the travel at a number, clamped; the inverse of [`Input::along`].
    pub fn part_at(&self, number: f64) -> f64 {
        let (low, high) = self.soft;
        let part = match self.curve {
            Curve::Log if low > 0.0 => (number.max(low) / low).ln() / (high / low).ln(),
            Curve::Log | Curve::Linear => (number - low) / (high - low),
        };
        if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The number at a part of the travel with the decimals that a hand sets: a ten-thousandth of the travel, or an integer.
    pub fn step_at(&self, part: f64) -> f64 {
        let value = self.along(part);
        if self.is_integer() {
            return value.round();
        }
        let fine = match self.curve {
            Curve::Linear => (self.soft.1 - self.soft.0).abs() / 10_000.0,
            Curve::Log => value.abs() / 1000.0,
        };
        if fine <= 0.0 || !fine.is_finite() {
            return value;
        }
        let decimals = (-fine.log10().floor()).clamp(0.0, 12.0) as usize;
        format!("{value:.decimals$}").parse().unwrap_or(value)
    }

    /// True for an integer, such as a channel or layer: integer limits, at least 8 apart, no unit.
    pub fn is_integer(&self) -> bool {
        let (low, high) = self.soft;
        self.curve == Curve::Linear
            && self.unit.is_empty()
            && low.fract() == 0.0
            && high.fract() == 0.0
            && high - low >= 8.0
    }
}

#[cfg(test)]
mod tests {
    use crate::LIBRARY;
    use crate::node::value::Kind;

    #[test]
    fn parts_and_numbers_of_every_knob_convert_both_ways() {
        for def in LIBRARY {
            let knobs = def.inputs.iter().filter(|input| input.kind == Kind::Number && input.choices.is_empty());
            for input in knobs {
                for step in 0..=10 {
                    let part = f64::from(step) / 10.0;
                    let number = input.step_at(part);
                    let near = if input.is_integer() { 0.5 / (input.soft.1 - input.soft.0) } else { 0.001 };
                    let back = input.part_at(number);
                    let name = (def.name, input.name);
                    assert!((back - part).abs() <= near + 1e-9, "{name:?}: {part} → {number} → {back}");
                }
                let (low, high) = (input.step_at(0.0), input.step_at(1.0));
                assert!((low - input.soft.0).abs() < 1e-9 && (high - input.soft.1).abs() < 1e-9, "{}", def.name);
            }
        }
    }
}
