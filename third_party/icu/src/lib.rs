//! A stand-in for the crate `icu` 1.5: the four normalization forms that `plsfix` asks for, and none of the calendars,
//! collations and time zones that come with them there.

/// Unicode normalization forms.
pub mod normalizer {
    use unicode_normalization::UnicodeNormalization;

    /// NFC or NFKC.
    #[derive(Clone, Copy, Debug)]
    pub struct ComposingNormalizer {
        is_compatible: bool,
    }

    impl ComposingNormalizer {
        /// Canonical composition.
        #[must_use]
        pub const fn new_nfc() -> Self {
            Self { is_compatible: false }
        }

        /// Compatibility composition.
        #[must_use]
        pub const fn new_nfkc() -> Self {
            Self { is_compatible: true }
        }

        /// A text in this form.
        #[must_use]
        pub fn normalize(&self, text: &str) -> String {
            if self.is_compatible { text.nfkc().collect() } else { text.nfc().collect() }
        }
    }

    /// NFD or NFKD.
    #[derive(Clone, Copy, Debug)]
    pub struct DecomposingNormalizer {
        is_compatible: bool,
    }

    impl DecomposingNormalizer {
        /// Canonical decomposition.
        #[must_use]
        pub const fn new_nfd() -> Self {
            Self { is_compatible: false }
        }

        /// Compatibility decomposition.
        #[must_use]
        pub const fn new_nfkd() -> Self {
            Self { is_compatible: true }
        }

        /// A text in this form.
        #[must_use]
        pub fn normalize(&self, text: &str) -> String {
            if self.is_compatible { text.nfkd().collect() } else { text.nfd().collect() }
        }
    }
}
