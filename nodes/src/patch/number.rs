//! Numbers of a patch: whole numbers in every form that JSON has for them, and finite numbers only.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// 2⁶⁴, the first number that a `u64` does not hold.
const BEYOND: f64 = 18_446_744_073_709_551_616.0;

/// A type of whole numbers from 0.
pub(crate) trait Whole: TryFrom<u64> {
    /// The largest of them.
    const LARGEST: u64;
}

impl Whole for u8 {
    const LARGEST: u64 = Self::MAX as u64;
}

impl Whole for u16 {
    const LARGEST: u64 = Self::MAX as u64;
}

impl Whole for u32 {
    const LARGEST: u64 = Self::MAX as u64;
}

impl Whole for u64 {
    const LARGEST: u64 = Self::MAX;
}

/// Reads a whole number: `7`, `7.0` and `70e-1` are the same, as in JSON Schema.
pub(crate) fn whole<'de, D: Deserializer<'de>, T: Whole>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(WholeVisitor(PhantomData))
}

/// Reads a whole number as [`whole`] does, where a number may be missing.
pub(crate) fn whole_or_none<'de, D: Deserializer<'de>, T: Whole>(deserializer: D) -> Result<Option<T>, D::Error> {
    whole(deserializer).map(Some)
}

/// The whole number in JSON, if a `u64` holds it.
pub(super) fn whole_of(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| json.as_f64().and_then(whole_of_float))
}

fn whole_of_float(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..BEYOND).contains(&number)).then_some(number as u64)
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: Whole> Visitor<'_> for WholeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 0 to {}", T::LARGEST)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let whole = u64::try_from(number).ok().and_then(|number| T::try_from(number).ok());
        whole.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        let whole = whole_of_float(number).and_then(|number| T::try_from(number).ok());
        whole.ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// The number, or 0 if it is not finite, which JSON cannot hold. No file and no edit puts such a number into a patch.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

/// Writes two numbers.
pub(super) fn pair<S: Serializer>(numbers: &[f64; 2], serializer: S) -> Result<S::Ok, S::Error> {
    numbers.map(finite).serialize(serializer)
}

/// Writes numbers by name.
pub(super) fn by_name<S: Serializer>(numbers: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(numbers.iter().map(|(name, number)| (name, finite(*number))))
}
