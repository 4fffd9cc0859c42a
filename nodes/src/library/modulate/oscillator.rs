//! A damped harmonic oscillator, solved exactly for steps of any length.

/// State of a mass on a spring: displacement and speed. The speed is divided by the angular frequency, so that a change
/// of stiffness changes the pace without a kick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swing {
    /// Displacement from rest.
    pub away: f64,
    /// Speed, divided by the angular frequency.
    pub speed: f64,
}

/// Largest |1 − damping²| of critical damping.
const CRITICAL: f64 = 1e-8;

impl Swing {
    /// The state later by `angle` radians of the undamped oscillation. From a damping ratio of 1 it does not oscillate.
    #[must_use]
    pub fn after(self, angle: f64, damping: f64) -> Self {
        let Self { away, speed } = self;
        // `even` is the decaying cosine of the solution (cosh if overdamped), `odd` its sine over the angular
        // frequency.
        let square = 1.0 - damping * damping;
        let (even, odd) = if square > CRITICAL {
            let (own, fade) = (square.sqrt(), (-damping * angle).exp());
            (fade * (own * angle).cos(), fade * (own * angle).sin() / own)
        } else if square < -CRITICAL {
            let own = (-square).sqrt();
            let (slow, fast) = ((-angle / (damping + own)).exp(), (-angle * (damping + own)).exp());
            (0.5 * (slow + fast), 0.5 * (slow - fast) / own)
        } else {
            let fade = (-angle).exp();
            (fade, fade * angle)
        };
        Self {
            away: away * even + (speed + damping * away) * odd,
            speed: speed * even - (away + damping * speed) * odd,
        }
    }
}
