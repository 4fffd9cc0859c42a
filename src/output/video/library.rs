//! OpenH264, the encoder of MP4: compiled into the program, or Cisco's library, loaded when it is needed.

use openh264::OpenH264API;

/// The encoder; a sentence about what to do where there is none.
#[cfg(feature = "h264")]
#[allow(clippy::unnecessary_wraps, reason = "without the feature h264 it fails")]
pub fn openh264() -> Result<OpenH264API, String> {
    Ok(OpenH264API::from_source())
}

/// The encoder; a sentence about what to do where there is none.
#[cfg(not(feature = "h264"))]
pub fn openh264() -> Result<OpenH264API, String> {
    loaded::find(std::env::var_os(loaded::VARIABLE).as_deref(), loaded::OF_SYSTEM, loaded::place().as_deref())
}

#[cfg(any(not(feature = "h264"), test))]
mod loaded {
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};

    use openh264::OpenH264API;

    use crate::files::data_folder;

    /// A variable with the path of Cisco's library.
    pub(super) const VARIABLE: &str = "BENDRACK_OPENH264";
    /// The name of Cisco's file for this system, the only one that is loaded from a path or from the user's folder.
    pub(super) const CISCO: &str = if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        "libopenh264-2.6.0-mac-arm64.dylib"
    } else if cfg!(target_os = "macos") {
        "libopenh264-2.6.0-mac-x64.dylib"
    } else if cfg!(all(windows, target_arch = "aarch64")) {
        "openh264-2.6.0-win-arm64.dll"
    } else if cfg!(windows) {
        "openh264-2.6.0-win64.dll"
    } else if cfg!(target_arch = "aarch64") {
        "libopenh264-2.6.0-linux-arm64.8.so"
    } else {
        "libopenh264-2.6.0-linux64.8.so"
    };
    /// The library of the system, in the version whose interface this program has. Its number is part of the name on Linux only.
    pub(super) const OF_SYSTEM: Option<&str> = if cfg!(target_os = "linux") { Some("libopenh264.so.8") } else { None };

    /// The library in `file`, or else that of the system, or else that at `place`.
    pub(super) fn find(
        file: Option<&OsStr>,
        of_system: Option<&str>,
        place: Option<&Path>,
    ) -> Result<OpenH264API, String> {
        if let Some(path) = file {
            return OpenH264API::from_blob_path(path).map_err(|error| {
                let path = Path::new(path).display();
                format!("{path}, from {VARIABLE}, is not Cisco's OpenH264 2.6.0 for this system: {error}")
            });
        }
        // SAFETY: the name contains the version of the interface, and the system's loader refuses another kind of processor.
        let loaded = of_system.map(|name| unsafe { OpenH264API::from_blob_path_unchecked(name) });
        if let Some(Ok(api)) = loaded {
            return Ok(api);
        }
        if let Some(Ok(api)) = place.map(OpenH264API::from_blob_path) {
            return Ok(api);
        }
        let place = place.unwrap_or(Path::new(CISCO)).display();
        let of_system = of_system.map_or("", |_| "install the package libopenh264-8 of your system, or ");
        Err(format!(
            "MP4 needs Cisco's OpenH264, which this package has no right to contain: {of_system}unpack \
             http://ciscobinary.openh264.org/{CISCO}.bz2 to {place}; .gif, .apng and .png need nothing"
        ))
    }

    /// The place of Cisco's library in the user's folder.
    pub(super) fn place() -> Option<PathBuf> {
        data_folder().map(|folder| folder.join("bendrack").join(CISCO))
    }
}

#[cfg(test)]
mod tests {
    use super::loaded::{CISCO, OF_SYSTEM, VARIABLE, find, place};

    #[test]
    fn a_missing_library_is_named_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(CISCO);
        let find = || find(None, Some("libopenh264-of-nobody.so.8"), Some(&file)).err().expect("there is none");
        let message = find();
        for part in ["libopenh264-8", CISCO, &file.display().to_string(), ".gif"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(OF_SYSTEM.is_none_or(|name| name.ends_with(".so.8")), "the version of the interface");
        // Any other file of the name is passed over.
        std::fs::write(&file, "not a library").expect("a file");
        assert_eq!(find(), message);
        assert!(place().is_none_or(|path| path.ends_with(CISCO)));
    }

    #[test]
    fn only_cisco_s_own_file_is_loaded_from_the_variable() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(CISCO);
        let find = || find(Some(file.as_os_str()), None, None).err().expect("it is refused");
        let missing = find();
        assert!(missing.contains(VARIABLE) && missing.contains(&file.display().to_string()), "{missing}");
        std::fs::write(&file, "not a library").expect("a file");
        let other = find();
        assert!(other.contains("Invalid hash") && other != missing, "{other}");
    }
}
