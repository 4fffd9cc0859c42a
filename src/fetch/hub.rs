//! The protocol of the Hugging Face hub: listings, addresses and licences.

use serde_json::Value;

use super::error::{Error, Result};
use super::http::{Answer, Client, origin};
use super::paths::escape;
use super::sums::Sum;

/// Tries for a page of a listing.
const ATTEMPTS: u32 = 4;
const MOST_PAGES: usize = 1000;
const MOST_BYTES: u64 = 64 << 20;
const LONGEST_LICENCE: usize = 80;

/// A file in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sum: Sum,
}

impl Entry {
    /// An entry of a listing. Folders are none. The path is not checked here.
    fn from_json(json: &Value) -> Option<Self> {
        if json["type"] != "file" {
            return None;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let path = text(&json["path"])?;
        let stored = &json["lfs"];
        if let Some(sum) = text(&stored["oid"]) {
            let size = stored["size"].as_u64().or_else(|| json["size"].as_u64())?;
            let sum = sum.trim_start_matches("sha256:").to_ascii_lowercase();
            return Some(Self { path, size, sum: Sum::Sha256(sum) });
        }
        let sum = text(&json["oid"])?.to_ascii_lowercase();
        Some(Self { path, size: json["size"].as_u64()?, sum: Sum::GitBlob(sum) })
    }
}

/// Every file of a repository.
pub(super) fn list(client: &Client, repo: &str, revision: &str) -> Result<Vec<Entry>> {
    let endpoint = &client.settings.endpoint;
    let mut url = format!("{endpoint}/api/models/{repo}/tree/{}?recursive=true", escape(revision, false));
    let mut entries = Vec::new();
    for _ in 0..MOST_PAGES {
        let answer = client.get_patiently(&url, repo, ATTEMPTS)?;
        let next = next_page(endpoint, answer.header("link"));
        let page = json(answer, repo)?;
        let Some(page) = page.as_array() else {
            return Err(Error::new(format!("{repo}: {endpoint} sends no list of files; check HF_ENDPOINT")));
        };
        entries.extend(page.iter().filter_map(Entry::from_json));
        match next {
            Some(next) => url = next,
            None => return Ok(entries),
        }
    }
    Err(Error::new(format!("{repo}: its list of files has no end; name a smaller repository")))
}

/// The licence on a repository's card, such as `apache-2.0`. A hub that does not answer states none.
pub(super) fn licence(client: &Client, repo: &str) -> Option<String> {
    let url = format!("{}/api/models/{repo}", client.settings.endpoint);
    let card = json(client.get_patiently(&url, repo, 1).ok()?, repo).ok()?;
    let mut tags = card["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let tagged = tags.find_map(|tag| tag.strip_prefix("license:"));
    let own = &card["cardData"];
    let named = own["license_name"].as_str().filter(|_| matches!(tagged, None | Some("other")));
    let stated = named.or(tagged).or_else(|| own["license"].as_str())?;
    // A terminal shows this text of a stranger.
    Some(stated.chars().filter(char::is_ascii_graphic).take(LONGEST_LICENCE).collect())
}

/// The address of a file.
pub(super) fn file_url(endpoint: &str, repo: &str, revision: &str, path: &str) -> String {
    format!("{endpoint}/{repo}/resolve/{}/{}", escape(revision, false), escape(path, true))
}

fn json(answer: Answer, repo: &str) -> Result<Value> {
    let mut body = answer.body;
    let text = body.with_config().limit(MOST_BYTES).read_to_vec();
    let text = text.map_err(|e| Error::new(format!("{repo}: its description does not arrive ({e}); try again")))?;
    serde_json::from_slice(&text).map_err(|_| {
        Error::new(format!("{repo}: the hub sends something else than JSON; check HF_ENDPOINT and the network"))
    })
}

/// The next page in a header `Link: <…>; rel="next"`. A mirror may name the hub itself; the page is still fetched from the mirror.
fn next_page(endpoint: &str, header: &str) -> Option<String> {
    let link = header.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (_, link) = link.split_once('<')?;
    let (link, _) = link.split_once('>')?;
    if origin(link) == origin(endpoint) {
        return Some(link.to_owned());
    }
    let path = link.split_once("://").map_or(link, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    path.starts_with("/api/").then(|| format!("{endpoint}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_stays_on_the_mirror() {
        let link = r#"<https://huggingface.co/api/models/a/b/tree/main?cursor=x>; rel="next""#;
        let next = next_page("https://mirror.example", link);
        assert_eq!(next.as_deref(), Some("https://mirror.example/api/models/a/b/tree/main?cursor=x"));
        assert_eq!(next_page("https://huggingface.co", "").as_deref(), None);
        assert_eq!(next_page("https://huggingface.co", "<ftp://x>; rel=\"next\""), None);
    }
}
