//! Settings of the window on this machine, in small files of the user's data folder.

use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::disk::replace;
use crate::files::{self, data_folder};
use crate::ui::theme::Theme;

/// The smallest and the largest scale of the window.
pub const SCALES: (f32, f32) = (0.75, 2.0);

/// Settings of the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The theme.
    pub theme: Theme,
    /// The scale of everything but the picture.
    pub scale: f32,
    /// True once the tour was offered.
    pub is_tour_offered: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { theme: Theme::default(), scale: 1.0, is_tour_offered: false }
    }
}

/// A file of the user's data folder; none keeps its content for this window only.
#[derive(Clone, Debug, Default)]
pub struct Stored(Option<PathBuf>);

impl Stored {
    /// The file of this name.
    pub fn of_user(name: &str) -> Self {
        Self(data_folder().map(|folder| folder.join("bendrack").join(name)))
    }

    /// True if the content outlives the window.
    pub const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// A file at a path.
    pub const fn at(path: PathBuf) -> Self {
        Self(Some(path))
    }

    /// The content; none of a file that is missing or damaged.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&files::read(self.0.as_ref()?).ok()?).ok()
    }

    /// Writes the content. Settings are a convenience: without a folder for them, they live as long as the window.
    pub fn write<T: Serialize>(&self, content: &T) {
        if let (Some(file), Ok(text)) = (&self.0, serde_json::to_vec(content)) {
            let _ = file.parent().map(fs::create_dir_all);
            let _ = replace(file, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_a_damaged_file_is_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let stored = Stored::at(folder.path().join("deep/settings.json"));
        assert_eq!(stored.read::<Settings>(), None);
        let settings = Settings { theme: Theme::HighContrast, scale: 1.5, is_tour_offered: true };
        stored.write(&settings);
        assert_eq!(stored.read(), Some(settings));
        fs::write(folder.path().join("deep/settings.json"), "{ \"theme\": \"light\" }").unwrap();
        assert_eq!(
            stored.read(),
            Some(Settings { theme: Theme::Light, ..Settings::default() }),
            "of an earlier version"
        );
        fs::write(folder.path().join("deep/settings.json"), "no").unwrap();
        assert_eq!(stored.read::<Settings>(), None);
        Stored::default().write(&settings);
    }
}
