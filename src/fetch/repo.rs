//! A repository in the command, and the files in it that a model needs.

use std::str::FromStr;

use super::error::Error;
use super::hub::Entry;
use super::paths::name;

const PICKLES: [&str; 4] = ["pt", "pth", "bin", "ckpt"];
const WEIGHTS: [&str; 2] = ["safetensors", "gguf"];
const OTHERS: [&str; 4] = ["config.json", "tokenizer.json", "spiece.model", "tokenizer.model"];
/// Names of files that training leaves behind.
const LEFTOVERS: [&str; 6] = ["optimizer", "optim_states", "scheduler", "rng_state", "training_args", "scaler"];

/// `owner/name`, with a revision and a path if given: `owner/name@revision:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repo {
    /// `owner/name`.
    pub name: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// A folder or a file in it; all of it if empty.
    pub path: String,
}

impl FromStr for Repo {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (rest, path) = text.split_once(':').unwrap_or((text, ""));
        let (name, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let good = |part: &str| !part.is_empty() && plain(part) && !part.starts_with('.') && !part.contains("..");
        let revised = !revision.is_empty() && revision.split('/').all(good);
        let path = path.trim_matches('/');
        match name.split_once('/') {
            Some((owner, own)) if good(owner) && good(own) && revised => {
                Ok(Self { name: name.to_owned(), revision: revision.to_owned(), path: path.to_owned() })
            }
            _ => Err(Error::new(format!(
                "{text:?} is no repository; write owner/name, owner/name@revision or owner/name:folder"
            ))),
        }
    }
}

impl Repo {
    /// The files that a model needs, with their paths in the model's folder.
    pub(super) fn select(&self, entries: Vec<Entry>) -> Vec<(Entry, String)> {
        let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
        let within = entries.into_iter().filter_map(|entry| Some((self.within(&entry.path)?, entry)));
        let needed = within.filter(|(to, entry)| entry.path == self.path || needs(to, &entry.path, &paths));
        needed.map(|(to, entry)| (entry, to)).collect()
    }

    /// The path in the model's folder, if the file lies under [`Self::path`].
    fn within(&self, path: &str) -> Option<String> {
        if self.path.is_empty() {
            return Some(path.to_owned());
        }
        if path == self.path {
            return Some(name(path).to_owned());
        }
        path.strip_prefix(&self.path)?.strip_prefix('/').map(str::to_owned)
    }
}

/// True if a model needs a file.
fn needs(to: &str, path: &str, all: &[String]) -> bool {
    let file = name(to).to_ascii_lowercase();
    let hidden = to.split('/').any(|part| part.starts_with('.') && part != "..");
    let (stem, extension) = file.rsplit_once('.').unwrap_or((&file, ""));
    if hidden || LEFTOVERS.iter().any(|leftover| stem.starts_with(leftover) || stem.ends_with(leftover)) {
        return false;
    }
    OTHERS.contains(&file.as_str())
        || file.ends_with(".index.json")
        || WEIGHTS.contains(&extension)
        || (PICKLES.contains(&extension) && !has_twin(path, all))
}

/// True if the same weights lie in the same folder as safetensors.
fn has_twin(path: &str, all: &[String]) -> bool {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    // `pytorch_model.bin` is `model.safetensors`; shards keep their numbers.
    let other = format!("{}{}", &stem[..stem.len() - name(stem).len()], name(stem).trim_start_matches("pytorch_"));
    all.iter().any(|twin| twin.strip_suffix(".safetensors").is_some_and(|twin| twin == stem || twin == other))
}

#[cfg(test)]
mod tests {
    use super::super::sums::Sum;
    use super::*;

    fn chosen(repo: &str, paths: &[&str]) -> Vec<String> {
        let entry = |path: &&str| Entry { path: (*path).to_owned(), size: 1, sum: Sum::Unknown };
        let repo: Repo = repo.parse().expect("a repository");
        repo.select(paths.iter().map(entry).collect()).into_iter().map(|(_, to)| to).collect()
    }

    #[test]
    fn a_repository_has_a_revision_and_a_path() {
        let repo: Repo = "Wan-AI/Wan2.1@refs/pr/1:models/a.pt".parse().expect("a repository");
        assert_eq!((&*repo.name, &*repo.revision, &*repo.path), ("Wan-AI/Wan2.1", "refs/pr/1", "models/a.pt"));
        for bad in ["longlive", "a/b/c", "a/..", "../b", "a b/c", "a/b@", "https://x/y", "a/b?x"] {
            assert!(bad.parse::<Repo>().is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_and_their_descriptions_are_chosen() {
        let all = [
            "README.md",
            ".gitattributes",
            "config.json",
            "model.safetensors",
            "pytorch_model.bin",
            "model.pt",
            "lora.pt",
            "optimizer.pt",
            "x/optimizer_state.pt",
            "scheduler.pt",
            "rng_state_0.pth",
            "x/dit-00001-of-00002.safetensors",
            "x/dit.safetensors.index.json",
            "tokenizer.json",
            "spiece.model",
            "demo.mp4",
            "u.gguf",
            ".cache/a.pt",
        ];
        let wanted = [
            "config.json",
            "model.safetensors",
            "lora.pt",
            "x/dit-00001-of-00002.safetensors",
            "x/dit.safetensors.index.json",
            "tokenizer.json",
            "spiece.model",
            "u.gguf",
        ];
        assert_eq!(chosen("a/b", &all), wanted);
        assert_eq!(chosen("a/b:x", &all), ["dit-00001-of-00002.safetensors", "dit.safetensors.index.json"]);
        assert_eq!(chosen("a/b:demo.mp4", &all), ["demo.mp4"]);
    }
}
