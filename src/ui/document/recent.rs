//! The files that were opened or saved last.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::replace;
use crate::files::data_folder;

/// The most files in the list.
const MOST: usize = 12;

/// The list of recent files, latest first.
#[derive(Debug, Default)]
pub struct Recent {
    /// The file of the list; none keeps it for this window only.
    file: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

impl Recent {
    /// The list of the user.
    pub fn of_user() -> Self {
        data_folder().map_or_else(Self::default, |folder| Self::read(folder.join("bendrack").join("recent.json")))
    }

    /// The list in a file. A file that is missing or damaged is an empty list.
    pub fn read(file: PathBuf) -> Self {
        let paths = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { file: Some(file), paths }
    }

    /// The files that are still there, latest first.
    pub fn paths(&self) -> Vec<&Path> {
        self.paths.iter().map(PathBuf::as_path).filter(|path| path.is_file()).collect()
    }

    /// Puts a file on top.
    pub fn add(&mut self, path: &Path) {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.paths.retain(|other| *other != path);
        self.paths.insert(0, path);
        self.paths.truncate(MOST);
        if let (Some(file), Ok(text)) = (&self.file, serde_json::to_vec(&self.paths)) {
            // The list is a convenience: without a folder for it, it lives as long as the window.
            let _ = file.parent().map(fs::create_dir_all);
            let _ = replace(file, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_file_is_first_and_the_list_survives() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("deep/recent.json");
        let patch = |index: usize| {
            let path = folder.path().join(format!("{index}.json"));
            fs::write(&path, "{}").unwrap();
            path.canonicalize().unwrap()
        };
        let mut recent = Recent::read(list.clone());
        for index in (0..20).chain([5]) {
            recent.add(&patch(index));
        }
        let again = Recent::read(list.clone());
        assert_eq!(again.paths().len(), MOST);
        assert_eq!(again.paths()[..2], [patch(5).as_path(), patch(19).as_path()]);
        fs::remove_file(patch(5)).unwrap();
        assert_eq!(again.paths()[0], patch(19), "a file that is gone is not offered");
        fs::write(&list, "damaged").unwrap();
        assert!(Recent::read(list).paths().is_empty());
    }
}
