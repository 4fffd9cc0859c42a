//! Choices: enums whose variants have names in patches.

use serde::de::{Deserialize, Deserializer, Error};

/// An enum whose variants are the choices of an input.
pub trait Choice: Copy + Sized + 'static {
    /// The names in patches, in the order of [`Self::ALL`].
    const CHOICES: &'static [&'static str];
    /// Every variant.
    const ALL: &'static [Self];

    /// The name of a variant in patches.
    fn name(self) -> &'static str;
}

/// Reads a choice by its name.
///
/// # Errors
/// Fails for any other name.
pub fn read<'de, C: Choice, D: Deserializer<'de>>(deserializer: D) -> Result<C, D::Error> {
    let name = String::deserialize(deserializer)?;
    let named = C::ALL.iter().copied().find(|choice| choice.name() == name);
    named.ok_or_else(|| D::Error::unknown_variant(&name, C::CHOICES))
}

/// The schema of a choice: its names.
pub(crate) fn schema_of<C: Choice>(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "enum": C::CHOICES })
}

/// Declares an enum with the names of its variants, for patches and for Serde.
macro_rules! choices {
    ($(#[$attribute:meta])* $visibility:vis enum $type:ident { $($(#[$about:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $type {
            $($(#[$about])* $variant,)+
        }

        impl $crate::choice::Choice for $type {
            const CHOICES: &'static [&'static str] = &[$($name),+];
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::choice::Choice::name(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                $crate::choice::read(deserializer)
            }
        }
    };
}

pub(crate) use choices;

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        /// A direction.
        enum Direction {
            Forward = "forward",
            BackAndForth = "back_and_forth",
        }
    }

    #[test]
    fn a_choice_is_serialised_by_its_name() {
        for direction in Direction::ALL {
            let json = serde_json::to_string(direction).expect("plain data");
            assert_eq!(json, format!("\"{}\"", direction.name()));
            assert_eq!(serde_json::from_str::<Direction>(&json).expect("a name"), *direction);
        }
        let error = serde_json::from_str::<Direction>("\"back\"").expect_err("no name").to_string();
        assert!(error.starts_with("unknown variant `back`, expected `forward` or `back_and_forth`"), "{error}");
    }
}
