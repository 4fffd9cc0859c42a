//! The files of a plan, from the hub's listings or from a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::catalogue::{Home, Licence, Source};
use super::error::{Error, Result};
use super::folder::{self, Wanted};
use super::http::Client;
use super::hub::{self, Entry};
use super::part::Remote;
use super::paths;
use super::plan::{PlannedFile, State};
use super::sums::Sum;

/// The files with the hub's sizes and sums.
pub(super) fn published_files(client: &Client, sources: &[Source]) -> Result<Vec<PlannedFile>> {
    let mut listings: BTreeMap<&str, BTreeMap<String, Entry>> = BTreeMap::new();
    let mut files = Vec::new();
    for source in sources {
        let repo = match source.home {
            Home::Hub(repo) => repo,
            Home::GitHub { repo, commit } => {
                let github = &client.settings.github;
                let url = format!("{github}/{repo}/{commit}/{}", paths::escape(source.path, true));
                files.push(unsummed(source, repo, Some(url)));
                continue;
            }
        };
        if !listings.contains_key(repo) {
            let entries = hub::list(client, repo, "main")?;
            listings.insert(repo, entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect());
        }
        let entry = listings.get(repo).and_then(|entries| entries.get(source.path)).cloned();
        let Some(entry) = entry else {
            return Err(Error::new(format!(
                "{repo}/{}: the hub has no such file now; look for its new name on {}/{repo}",
                source.path, client.settings.endpoint
            )));
        };
        files.push(planned(Some(client), repo, "main", entry, source.to));
    }
    Ok(files)
}

/// The files in the folder of `--from`.
pub(super) fn local_files(model: &str, sources: &[Source], from: &Path) -> Result<Vec<PlannedFile>> {
    let mut files = Vec::new();
    let mut missing = Vec::new();
    for source in sources {
        let (Home::Hub(repo) | Home::GitHub { repo, .. }) = source.home;
        let Some(path) = folder::find(from, &Wanted { model, repo, path: source.path, to: source.to }) else {
            missing.push(format!("{repo}/{}", source.path));
            continue;
        };
        let mut file = unsummed(source, repo, None);
        let noted = folder::sum(&path, source.to);
        let listed = source.sha256.map(|sum| Sum::Sha256(sum.to_owned()));
        file.remote.sum = noted.or(listed).unwrap_or(Sum::Unknown);
        file.size = fs::metadata(&path).ok().map(|found| found.len());
        // Git's sum includes the size.
        file.remote.size = file.size;
        file.local = Some(path);
        files.push(file);
    }
    if missing.is_empty() {
        return Ok(files);
    }
    let missing = missing.join(", ");
    Err(Error::new(format!("{}: this folder lacks {missing}; copy them there, or run without --from", from.display())))
}

/// A file without a published size and sum.
fn unsummed(source: &Source, repo: &str, url: Option<String>) -> PlannedFile {
    let subject = format!("{repo}/{}", source.path);
    let remote = Remote { url, subject: subject.clone(), size: None, sum: Sum::Unknown };
    let path = source.to.to_owned();
    PlannedFile { path, origin: subject, size: source.bytes, state: State::Missing, remote, local: None }
}

/// A file with the hub's size and sum.
pub(super) fn planned(online: Option<&Client>, repo: &str, revision: &str, entry: Entry, to: &str) -> PlannedFile {
    let url = online.map(|client| hub::file_url(&client.settings.endpoint, repo, revision, &entry.path));
    let subject = format!("{repo}/{}", entry.path);
    let remote = Remote { url, subject: subject.clone(), size: Some(entry.size), sum: entry.sum };
    let size = Some(entry.size);
    PlannedFile { path: to.to_owned(), origin: subject, size, state: State::Missing, remote, local: None }
}

/// A line about a licence. The card on the hub decides if it differs.
pub(super) fn licence_line(client: &Client, licence: &Licence, offline: bool) -> String {
    let card = licence.repo.filter(|_| !offline).and_then(|repo| hub::licence(client, repo));
    let id = card.filter(|card| !card.eq_ignore_ascii_case(licence.id)).unwrap_or_else(|| licence.id.to_owned());
    let limit = if id.to_ascii_lowercase().contains("-nc") { " (no commercial use)" } else { "" };
    format!("{}: {id}{limit}, {}", licence.of, licence.page)
}
