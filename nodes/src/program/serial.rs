//! How programs are written.

/// Whether a value is what it is when nobody says anything: it is not written down then.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
