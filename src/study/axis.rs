//! Axes: the points that a study combines.

use bendrack_nodes::patch::Patch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{Error, Result, Setting, repeated};

/// Most points of an axis.
pub const MOST_POINTS: usize = 10_000;

/// An axis: named points, each with values of knobs.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<Point>,
}

/// A point of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its name, such as the value.
    pub name: String,
    /// The values that it sets.
    pub values: Vec<(Setting, Json)>,
}

impl Point {
    /// Sets the values in a patch.
    ///
    /// # Errors
    ///
    /// Fails if the patch lacks a knob: the reason.
    pub fn set(&self, patch: &mut Patch) -> std::result::Result<(), String> {
        self.values.iter().try_for_each(|(setting, value)| setting.set(patch, value))
    }
}

/// An axis as the file has it: one of `values`, `range`, `bands` and `points`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<Settings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Json>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bands: Option<Bands>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    points: Option<Vec<WrittenPoint>>,
}

/// One setting, or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Settings {
    One(String),
    Several(Vec<String>),
}

/// Numbers from one to another, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    #[serde(default = "one")]
    step: f64,
}

/// Equal parts of `of` items: the first and the last index of each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bands {
    of: u64,
    count: u64,
}

/// A point with values of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPoint {
    name: String,
    set: Map<String, Json>,
}

const fn one() -> f64 {
    1.0
}

impl Written {
    /// The axis; each of its points can be set in the patch.
    pub(super) fn read(&self, patch: &Patch) -> Result<Axis> {
        let place = format!("axis {:?}", self.name);
        let axis = Axis { name: self.name.clone(), points: self.points().map_err(|why| Error::at(&place, why))? };
        if axis.points.is_empty() || axis.points.len() > MOST_POINTS {
            let count = axis.points.len();
            return Err(Error::at(place, format!("it has {count} points; give 1 to {MOST_POINTS}")));
        }
        let names: Vec<&str> = axis.points.iter().map(|point| &*point.name).collect();
        if let Some(twice) = repeated(&names) {
            return Err(Error::at(place, format!("the point {twice:?} stands twice; each needs its own name")));
        }
        for point in &axis.points {
            point.set(&mut patch.clone()).map_err(|why| Error::at(&place, why))?;
        }
        Ok(axis)
    }

    fn points(&self) -> std::result::Result<Vec<Point>, String> {
        match (&self.values, self.range, self.bands, &self.points) {
            (Some(values), None, None, None) => self.each(values.iter().cloned()),
            (None, Some(range), None, None) => self.each(range.values()?),
            (None, None, Some(bands), None) => self.bands(bands),
            (None, None, None, Some(points)) if self.set.is_none() => points.iter().map(WrittenPoint::read).collect(),
            (None, None, None, Some(_)) => {
                Err("each of its points has its own \"set\"; delete that of the axis".into())
            }
            _ => Err("give one of \"values\", \"range\", \"bands\" and \"points\"".into()),
        }
    }

    fn settings(&self) -> std::result::Result<Vec<Setting>, String> {
        let names = match &self.set {
            Some(Settings::One(name)) => std::slice::from_ref(name),
            Some(Settings::Several(names)) if !names.is_empty() => names,
            _ => return Err("give \"set\": a knob such as \"bend.gain\", or a list of knobs".into()),
        };
        names.iter().map(|name| name.parse()).collect()
    }

    /// A point for each value, which all settings take.
    fn each(&self, values: impl IntoIterator<Item = Json>) -> std::result::Result<Vec<Point>, String> {
        let settings = self.settings()?;
        let point = |value: Json| Point {
            name: name_of(&value),
            values: settings.iter().map(|setting| (setting.clone(), value.clone())).collect(),
        };
        Ok(values.into_iter().map(point).collect())
    }

    fn bands(&self, Bands { of, count }: Bands) -> std::result::Result<Vec<Point>, String> {
        let settings = self.settings()?;
        let [first, last] = settings.as_slice() else {
            return Err("bands set two knobs, the first and the last index; list both under \"set\"".into());
        };
        if count == 0 || of < count {
            return Err(format!("{of} items have 1 to {of} bands, not {count}"));
        }
        // At most one more than fits, so that the axis is refused with its number of points.
        let edge = |band: u64| (u128::from(band) * u128::from(of) / u128::from(count)) as u64;
        let bands = (0..count.min(MOST_POINTS as u64 + 1)).map(|band| (edge(band), edge(band + 1) - 1));
        let point = |(from, to): (u64, u64)| Point {
            name: format!("{from}–{to}"),
            values: vec![(first.clone(), json!(from)), (last.clone(), json!(to))],
        };
        Ok(bands.map(point).collect())
    }
}

impl Range {
    fn values(self) -> std::result::Result<Vec<Json>, String> {
        let Self { from, to, step } = self;
        let steps = (to - from) / step;
        if !steps.is_finite() || steps < 0.0 {
            return Err(format!("no number lies from {from} to {to} in steps of {step}"));
        }
        // A last number that rounding moved beyond the end still counts.
        let count = (steps + 1e-9).floor().min(MOST_POINTS as f64) as usize + 1;
        Ok((0..count).map(|index| rounded(from + step * index as f64)).collect())
    }
}

impl WrittenPoint {
    fn read(&self) -> std::result::Result<Point, String> {
        let value = |(name, value): (&String, &Json)| Ok((name.parse::<Setting>()?, value.clone()));
        Ok(Point {
            name: self.name.clone(),
            values: self.set.iter().map(value).collect::<std::result::Result<_, String>>()?,
        })
    }
}

/// A number of a range without the noise of its sum: a whole one as such, others to twelve digits.
fn rounded(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return json!(number as i64);
    }
    json!(format!("{number:.12e}").parse().unwrap_or(number))
}

/// The name of a value: a text without quotes.
fn name_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "on".into(),
        Json::Bool(false) => "off".into(),
        other => other.to_string(),
    }
}
