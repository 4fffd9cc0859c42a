//! The files that were opened or saved last.

use std::path::{Path, PathBuf};

use super::settings::Stored;

/// The most files in the list.
const MOST: usize = 12;

/// The list of recent files, latest first.
#[derive(Debug, Default)]
pub struct Recent {
    file: Stored,
    paths: Vec<PathBuf>,
}

impl Recent {
    /// The list in a file.
    pub fn read(file: Stored) -> Self {
        Self { paths: file.read().unwrap_or_default(), file }
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
        self.file.write(&self.paths);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let mut recent = Recent::read(Stored::at(list.clone()));
        for index in (0..20).chain([5]) {
            recent.add(&patch(index));
        }
        let again = Recent::read(Stored::at(list.clone()));
        assert_eq!(again.paths().len(), MOST);
        assert_eq!(again.paths()[..2], [patch(5).as_path(), patch(19).as_path()]);
        fs::remove_file(patch(5)).unwrap();
        assert_eq!(again.paths()[0], patch(19), "a file that is gone is not offered");
        fs::write(&list, "damaged").unwrap();
        assert!(Recent::read(Stored::at(list)).paths().is_empty());
    }
}
