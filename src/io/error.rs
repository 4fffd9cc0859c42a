//! Errors of devices.

use std::fmt;

/// The advice for a build with JACK whose server does not answer.
pub(super) const NO_JACK: &str = "the JACK server does not answer; start it (jackd, or PipeWire's pw-jack)";

/// A device that cannot be used, or a name that is not one: the reason, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct DeviceError(String);

impl From<String> for DeviceError {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

impl From<&str> for DeviceError {
    fn from(sentence: &str) -> Self {
        Self(sentence.to_owned())
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DeviceError {}
