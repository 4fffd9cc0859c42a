//! Paths inside a model's folder. A server's paths are not trusted.

use super::error::{Error, Result};

/// Names that Windows gives to devices, in any folder and with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Refuses a path that could leave its folder, on any system.
///
/// # Errors
///
/// Fails at absolute paths, `..`, drive letters, backslashes, control characters and names of devices.
pub fn inside(path: &str, from: &str) -> Result<()> {
    if !path.is_empty() && path.split('/').all(is_plain) {
        return Ok(());
    }
    Err(Error::new(format!(
        "{from} offers a file at {path:?}, a path that could leave the model's folder; do not use this source"
    )))
}

/// True if a part of a path is an ordinary name.
fn is_plain(part: &str) -> bool {
    let odd = part.chars().any(|c| c.is_control() || matches!(c, '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*'));
    !part.is_empty() && !odd && !part.ends_with(['.', ' ']) && !is_device(part)
}

/// True if Windows takes a name for a device.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let port = ["com", "lpt"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    });
    port || DEVICES.contains(&stem.as_str())
}

/// The last name in a path.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path in an address: every byte that is not plain becomes `%XX`.
pub fn escape(path: &str, keep_slashes: bool) -> String {
    use std::fmt::Write;
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (keep_slashes && byte == b'/') {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_inside() {
        for path in ["config.json", "google/umt5-xxl/tokenizer.json", "a b/c.gguf", "..a/b", "com.pth"] {
            assert!(inside(path, "hub").is_ok(), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "a/.",
            "C:/a",
            "c:a",
            "a\\b",
            "a\0b",
            "a\nb",
            "NUL",
            "aux.pth",
            "com1.bin",
            "a./b",
            "a /b",
            "..",
            "\\\\host\\a",
        ] {
            assert!(inside(path, "hub").is_err(), "{path:?}");
        }
    }

    #[test]
    fn addresses_are_escaped() {
        assert_eq!(escape("a b/c#1.pt", true), "a%20b/c%231.pt");
        assert_eq!(escape("refs/pr/1", false), "refs%2Fpr%2F1");
    }
}
