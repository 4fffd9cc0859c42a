//! Choices: enums whose variants have names in patches.

/// An enum whose variants are the choices of an input.
pub trait Choice: Copy + Sized + 'static {
    /// The names in patches, in the order of [`Self::ALL`].
    const CHOICES: &'static [&'static str];
    /// Every variant.
    const ALL: &'static [Self];

    /// The name of a variant in patches.
    fn name(self) -> &'static str;
}

/// Declares an enum with the names of its variants: the only place where they are written.
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
    };
}

pub(crate) use choices;
