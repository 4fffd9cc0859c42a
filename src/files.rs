//! Files by their paths: whether two paths are one file, and what goes wrong with one.

use std::fmt::{Display, Formatter};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// A result of reading or writing a file.
pub type Result<T> = std::result::Result<T, Error>;

/// A file that could not be read or written: which one, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// The problem and the next step.
    pub message: String,
}

impl Error {
    /// An error about a file.
    pub fn new(path: &Path, message: impl Display) -> Self {
        Self { path: path.to_owned(), message: message.to_string() }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for Error {}

/// Opens a file to read. A pipe or a device is an error: reading one might wait without end.
///
/// # Errors
///
/// Fails if it is no ordinary file or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let found = fs::metadata(path)?;
    if !found.is_file() && !found.is_dir() {
        return Err(io::Error::other("this is a pipe or a device; give an ordinary file"));
    }
    File::open(path)
}

/// The bytes of a file: see [`open`].
///
/// # Errors
///
/// Fails if it is no ordinary file or cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The folder in a variable of the environment.
fn folder(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The data folder of the user on this system.
pub fn data_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library").join("Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local").join("share")))
    }
}

/// The folder of the user for files that can be made again.
pub fn cache_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library").join("Caches"))
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    }
}

/// Links that are followed before a path is given up.
const MAX_LINKS: usize = 40;

/// Target of a path, through links and `..`, even without a file there.
pub fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(found) = path.canonicalize() {
            return found;
        }
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return path,
    };
    let mut place = resolved(folder);
    match path.components().next_back() {
        Some(Component::ParentDir) => {
            place.pop();
        }
        Some(Component::Normal(name)) => place.push(name),
        _ => {}
    }
    place
}

/// True if two paths lead to one file, by any spelling or link. Paths without a file are compared without case, as some
/// file systems do.
pub fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(_), Ok(_)) => is_same_file(a, b),
        // On a file system without case, both spellings would lead to the file that is there.
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        (Err(_), Err(_)) => folded(a) == folded(b),
    }
}

/// Target of a path, in lower case.
fn folded(path: &Path) -> String {
    resolved(path).to_string_lossy().to_lowercase()
}

/// True if two existing files are the same. Neither is opened, as opening a pipe waits.
#[cfg(unix)]
fn is_same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((identity(a), identity(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn is_same_file(a: &Path, b: &Path) -> bool {
    same_file::is_same_file(a, b).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_many_paths() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).expect("a folder");
        for name in ["there", "other"] {
            fs::write(at(name), name).expect("a file");
        }
        fs::hard_link(at("there"), at("hard")).expect("a hard link");
        let mut same = vec![("there", "sub/../there"), ("there", "./there"), ("there", "hard")];
        same.extend([("new", "sub/../new"), ("new", "NEW"), ("none/new", "none/x/../NEW")]);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("there", at("soft")).expect("a link");
            std::os::unix::fs::symlink("../new", at("sub/dangling")).expect("a link");
            std::os::unix::fs::symlink("loop", at("loop")).expect("a link");
            same.extend([("there", "soft"), ("hard", "soft"), ("new", "sub/dangling"), ("loop", "loop")]);
        }
        for (a, b) in same {
            assert!(is_same(&at(a), &at(b)) && is_same(&at(b), &at(a)), "{a} {b}");
        }
        for (a, b) in [("there", "other"), ("there", "new"), ("new", "newer"), ("sub", "there")] {
            assert!(!is_same(&at(a), &at(b)) && !is_same(&at(b), &at(a)), "{a} {b}");
        }
    }
}
