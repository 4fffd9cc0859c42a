//! `bendrack models`: the models on this machine.

use std::path::{Path, PathBuf};

use candle_core::{Result, bail};

use super::{Failure, print, print_json};
use crate::engine::Model;
use crate::terminal::in_line;
use crate::wan::checkpoint::Checkpoint;
use crate::wan::error::message;
use crate::wan::family::Family;

/// The variable that names the folder of models.
const VARIABLE: &str = "BENDRACK_MODELS";

#[derive(clap::Args)]
pub(super) struct Models {
    /// Print the models as JSON.
    #[arg(long)]
    json: bool,
}

impl Models {
    pub(super) fn run(self) -> std::result::Result<(), Failure> {
        let found = list();
        if self.json {
            let models: Vec<_> = found
                .iter()
                .map(|(name, about)| match about {
                    Ok(about) => serde_json::json!({ "name": name, "about": about }),
                    Err(error) => serde_json::json!({ "name": name, "error": error }),
                })
                .collect();
            return print_json(&format!("{:#}\n", serde_json::Value::from(models)));
        }
        let line = |(name, about): &(String, std::result::Result<String, String>)| match about {
            Ok(about) => format!("{:<24} {about}\n", in_line(name)),
            Err(error) => format!("{:<24} cannot be used: {error}\n", in_line(name)),
        };
        let lines: String = found.iter().map(line).collect();
        let more = match folder() {
            Some(folder) if folder.is_dir() => {
                format!("Models are read from the folders in {} ({VARIABLE}).", folder.display())
            }
            Some(folder) => absent(&folder),
            None => format!("Set {VARIABLE} to a folder of models, or give --model the path of one."),
        };
        print(&format!("{lines}\n{more}\n"))
    }
}

/// Every model by name, with its description or its error.
fn list() -> Vec<(String, std::result::Result<String, String>)> {
    let mini = "the small model inside the program: moving things, 128x128".to_owned();
    let mut models = vec![(Family::Mini.name().to_owned(), Ok(mini))];
    let entries = folder().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        models.push((name, about(&path).map_err(|error| message(&error))));
    }
    models
}

/// Description of the model in a folder, without loading it.
fn about(path: &Path) -> Result<String> {
    let checkpoint = Checkpoint::find(path)?;
    let sizes = checkpoint.sizes()?;
    let missing = [
        (checkpoint.text_encoder.is_none(), "a text encoder"),
        (checkpoint.vae.is_none() && checkpoint.taehv.is_none(), "a decoder"),
    ];
    let missing: Vec<&str> = missing.into_iter().filter(|(missing, _)| *missing).map(|(_, what)| what).collect();
    let lacks = if missing.is_empty() { String::new() } else { format!("; lacks {}", missing.join(" and ")) };
    let stream = if checkpoint.family.streaming().is_some() {
        ""
    } else {
        "; makes whole clips. If it is a streaming model, put longlive, self-forcing, causvid or krea into the folder's name"
    };
    Ok(format!("{}, {} layers of width {}{lacks}{stream}", checkpoint.family, sizes.layers, sizes.dim))
}

/// Loads a model by its name or its folder's path.
pub(super) fn open(name: &str) -> Result<Model> {
    if name == Family::Mini.name() {
        return Model::mini();
    }
    let named = folder().map(|folder| folder.join(name)).filter(|path| path.is_dir());
    if let Some(path) = named.or_else(|| Some(PathBuf::from(name)).filter(|path| path.is_dir())) {
        return Model::open(&path);
    }
    let typo = folder().filter(|folder| std::env::var_os(VARIABLE).is_some() && !folder.is_dir());
    let more = typo.map_or_else(String::new, |folder| format!(". {}", absent(&folder)));
    bail!("there is no model {name:?}: it is neither a name that `bendrack models` lists nor a folder{more}")
}

/// The sentence about a folder of models that does not exist.
fn absent(folder: &Path) -> String {
    format!("The folder of models {} ({VARIABLE}) does not exist.", folder.display())
}

/// The folder of models: that of [`VARIABLE`], or `bendrack/models` in the user's data folder.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    named.or_else(|| {
        let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
        let data = data.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share")))?;
        Some(data.join("bendrack/models"))
    })
}
