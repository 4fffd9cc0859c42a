//! Numbers as text, and back.

use bendrack_nodes::node::def::Input;

/// A number as text: more decimals for smaller numbers, and the unit.
pub fn show(input: &Input, value: f64) -> String {
    if input.is_integer() && value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let decimals = match value.abs() {
        x if x >= 1000.0 => 0,
        x if x >= 100.0 => 1,
        x if x >= 10.0 => 1,
        x if x < 0.1 && x > 0.0 => 3,
        _ => 2,
    };
    let unit = if input.unit.is_empty() { String::new() } else { unit_after(input.unit) };
    // A minus sign is as wide as a digit.
    format!("{value:.decimals$}{unit}").replace('-', "−")
}

fn unit_after(unit: &str) -> String {
    if unit == "°" || unit == "%" { unit.to_owned() } else { format!(" {unit}") }
}

/// Parses a number or fraction, with `%`, `ms`, the unit of the input, or no unit.
pub fn read(input: &Input, text: &str) -> Option<f64> {
    let text = text.trim().replace('−', "-").replace(',', ".");
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-./ eE".contains(c))).unwrap_or(text.len());
    let (number, unit) = (text[..end].trim(), text[end..].trim());
    let scale = match unit {
        "" => 1.0,
        unit if unit == input.unit => 1.0,
        "%" => 0.01,
        "ms" => 0.001,
        _ => return None,
    };
    let value = match number.split_once('/') {
        Some((above, below)) => above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?,
        None => number.parse().ok()?,
    };
    let value = value * scale;
    value.is_finite().then(|| value.clamp(input.hard.0, input.hard.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_numbers_are_parsed() {
        let secs = Input::number("time", 0.0, "").hard(0.0, 10.0).unit("s");
        assert_eq!(read(&secs, "0.25"), Some(0.25));
        assert_eq!(read(&secs, " 250 ms"), Some(0.25));
        assert_eq!(read(&secs, "250ms"), Some(0.25));
        assert_eq!(read(&secs, "1/8 s"), Some(0.125));
        assert_eq!(read(&secs, "30%"), Some(0.3));
        assert_eq!(read(&secs, "0,5"), Some(0.5));
        assert_eq!(read(&secs, "99"), Some(10.0), "clamped");
        for wrong in ["", "abc", "1/0", "3 parsec", "inf"] {
            assert_eq!(read(&secs, wrong), None, "{wrong:?}");
        }
        let angle = Input::number("angle", 0.0, "").hard(-360.0, 360.0).unit("°");
        assert_eq!(read(&angle, "−90°"), Some(-90.0));
    }

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        let rate = Input::number("rate", 0.0, "").unit("Hz");
        assert_eq!(show(&rate, 0.25), "0.25 Hz");
        assert_eq!(show(&rate, 0.013), "0.013 Hz");
        let angle = Input::number("angle", 0.0, "").unit("°");
        assert_eq!(show(&angle, -90.0), "−90.0°");
        let channel = Input::number("channel", 1.0, "").soft(1.0, 16.0);
        assert_eq!(show(&channel, 3.0), "3");
    }
}
