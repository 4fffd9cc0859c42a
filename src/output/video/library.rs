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
    loaded::find()
}

#[cfg(not(feature = "h264"))]
mod loaded {
    use std::path::{Path, PathBuf};

    use openh264::OpenH264API;

    use crate::files::data_folder;

    /// A variable with the path of Cisco's library.
    const VARIABLE: &str = "BENDRACK_OPENH264";
    /// The names of Cisco's files for this system, the only ones that are loaded from a path or from the user's folder.
    const CISCO: &[&str] = if cfg!(target_os = "macos") {
        &["libopenh264-2.6.0-mac-arm64.dylib", "libopenh264-2.6.0-mac-x64.dylib"]
    } else if cfg!(windows) {
        &["openh264-2.6.0-win64.dll", "openh264-2.6.0-win-arm64.dll"]
    } else {
        &["libopenh264-2.6.0-linux64.8.so", "libopenh264-2.6.0-linux-arm64.8.so"]
    };
    /// The library of the system, in the version whose interface this program has. Its number is part of the name on Linux only.
    const OF_SYSTEM: Option<&str> = if cfg!(target_os = "linux") { Some("libopenh264.so.8") } else { None };

    pub(super) fn find() -> Result<OpenH264API, String> {
        if let Some(path) = std::env::var_os(VARIABLE) {
            let load = OpenH264API::from_blob_path(&path);
            return load.map_err(|error| format!("{}, from {VARIABLE}: {error}", Path::new(&path).display()));
        }
        // SAFETY: the name contains the version of the interface, and the system's loader refuses another kind of processor.
        let of_system = OF_SYSTEM.map(|name| unsafe { OpenH264API::from_blob_path_unchecked(name) });
        if let Some(Ok(api)) = of_system {
            return Ok(api);
        }
        for path in places() {
            if let Ok(api) = OpenH264API::from_blob_path(&path) {
                return Ok(api);
            }
        }
        let place = places().next().map_or_else(|| CISCO[0].into(), |path| path.display().to_string());
        let of_system = OF_SYSTEM.map_or("", |_| "install the package libopenh264-8 of your system, or ");
        Err(format!(
            "MP4 needs Cisco's OpenH264, which this package has no right to contain: {of_system}unpack http://ciscobinary.openh264.org/{}.bz2 to {place}; \
             .gif, .apng and .png need nothing",
            CISCO[0]
        ))
    }

    /// The places of Cisco's library in the user's folder.
    fn places() -> impl Iterator<Item = PathBuf> {
        data_folder().into_iter().flat_map(|folder| CISCO.iter().map(move |name| folder.join("bendrack").join(name)))
    }
}
