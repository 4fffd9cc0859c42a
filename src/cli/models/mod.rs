//! `bendrack models`: the models on this machine.

mod fit;
mod get;
#[cfg(feature = "ui")]
mod shelf;

use std::path::{Path, PathBuf};

use candle_core::{Result, bail};

use self::fit::Fit;
pub(super) use self::fit::strain;
use self::get::Get;
#[cfg(feature = "ui")]
pub(super) use self::shelf::Shelf;
use super::{Failure, print, print_json};
use crate::engine::Model;
use crate::fetch;
use crate::terminal::in_line;
use crate::wan::checkpoint::Checkpoint;
use crate::wan::config::Config;
use crate::wan::error::message;
use crate::wan::family::Family;
use crate::wan::parts::Choice;

/// The variable that names the folder of models.
const VARIABLE: &str = "BENDRACK_MODELS";

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Models {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print the models as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Downloads a model, and checks each file. A stopped download goes on where it ended.
    Get(Get),
    /// Prints the memory that a model needs on the CPU, and whether it fits.
    Fit(Fit),
}

impl Models {
    pub(super) fn run(self) -> std::result::Result<(), Failure> {
        match self.command {
            Some(Command::Get(get)) => return get.run(),
            Some(Command::Fit(fit)) => return fit.run(),
            None => {}
        }
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
        print(&format!("{lines}\n{more}\n`bendrack models get` lists the models to download.\n"))
    }
}

/// Every model by name, with its description or its error.
pub(super) fn list() -> Vec<(String, std::result::Result<String, String>)> {
    let mini = "the small model inside the program: moving things, 128x128".to_owned();
    let mut models = vec![(Family::Mini.name().to_owned(), Ok(mini))];
    let entries = folder().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        models.push((name, about(&path).map_err(|error| message(&error))));
    }
    models.extend(cached());
    models
}

/// The Wan models in the cache of the hub's own programs; other models there are passed over.
fn cached() -> Vec<(String, std::result::Result<String, String>)> {
    let entries = hub_cache().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut found: Vec<(String, std::result::Result<String, String>)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().strip_prefix("models--")?.replacen("--", "/", 1);
            Some((name, Ok(about(&entry.path()).ok()?)))
        })
        .collect();
    found.sort();
    found
}

/// Description of the model in a folder, without loading it.
fn about(path: &Path) -> Result<String> {
    let checkpoint = Checkpoint::find(path)?;
    let sizes = checkpoint.sizes()?;
    let warnings = checkpoint.warnings()?;
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
    let (family, Config { layers, dim, .. }) = (checkpoint.family, sizes);
    let loras = match checkpoint.loras.len() {
        0 => String::new(),
        1 => " and a LoRA".to_owned(),
        count => format!(" and {count} LoRAs"),
    };
    let about = format!("{family}, {layers} layers of width {dim}{loras}{lacks}{stream}");
    Ok([vec![about], warnings].concat().join("; "))
}

/// Loads a model by its name, or by the path of its folder or file, with some parts chosen.
pub(super) fn open(name: &str, choice: Choice) -> Result<Model> {
    if name == Family::Mini.name() {
        if choice != Choice::default() {
            bail!(
                "the small model inside the program has no parts to choose; give --part, --lora and --products with another --model"
            )
        }
        return Model::mini();
    }
    let (path, choice) = find(name, choice)?;
    Model::open(&path, &choice)
}

/// The files of a model by its name or path.
pub(super) fn checkpoint(name: &str, choice: Choice) -> Result<Checkpoint> {
    let (path, choice) = find(name, choice)?;
    Checkpoint::find_with(&path, &choice)
}

/// The folder or file of a model by its name or path, and the chosen parts where they are.
fn find(name: &str, choice: Choice) -> Result<(PathBuf, Choice)> {
    let path = Path::new(name);
    let named = folder().map(|folder| folder.join(name)).filter(|path| path.is_dir());
    let given = || path.exists().then(|| path.to_owned());
    if let Some(path) = named.or_else(given).or_else(|| in_hub_cache(name)) {
        let working = Path::new("");
        let folder = if path.is_dir() { &path } else { path.parent().unwrap_or(working) };
        let choice = choice.found(&[working, folder])?;
        return Ok((path, choice));
    }
    if let Some(known) = fetch::Model::named(name) {
        bail!("the model {name} is not on this machine; `bendrack models get {}` downloads it", known.name)
    }
    let typo = folder().filter(|folder| std::env::var_os(VARIABLE).is_some() && !folder.is_dir());
    let more = typo.map_or_else(String::new, |folder| format!(". {}", absent(&folder)));
    bail!("there is no model {name:?}: it is neither a name that `bendrack models` lists nor a folder or file{more}")
}

/// The folder of a model in the cache of the hub's own programs, by its name there: `owner/name`.
fn in_hub_cache(name: &str) -> Option<PathBuf> {
    let (owner, rest) = name.split_once('/')?;
    let is_word = |word: &str| !word.is_empty() && !word.starts_with('.') && !word.contains(['/', '\\']);
    if !is_word(owner) || !is_word(rest) {
        return None;
    }
    Some(hub_cache()?.join(format!("models--{owner}--{rest}"))).filter(|path| path.is_dir())
}

/// The cache of the hub's own programs.
fn hub_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || folder("HF_HOME").or_else(|| Some(folder("HOME")?.join(".cache/huggingface")));
    folder("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub")))
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
