//! The hosts of files, and the patience with them.

use std::fmt::{Debug, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use ureq::Proxy;

/// The hosts, and the patience with them.
#[derive(Clone)]
pub struct Settings {
    /// The hub's address, or its mirror's.
    pub endpoint: String,
    /// The address of GitHub's files.
    pub github: String,
    /// The user's token for the hub. Only the endpoint gets it, and only over an encrypted connection or on this machine.
    pub token: Option<String>,
    /// The proxy.
    pub proxy: Option<Proxy>,
    /// Failures in a row, without a byte of progress, before a file is given up.
    pub attempts: u32,
    /// The wait after the first failure; each later one is twice as long.
    pub backoff: Duration,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for the next bytes.
    pub read_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: "https://huggingface.co".to_owned(),
            github: "https://raw.githubusercontent.com".to_owned(),
            token: None,
            proxy: None,
            attempts: 6,
            backoff: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_mins(1),
        }
    }
}

/// The token stays out of logs.
impl Debug for Settings {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "hidden");
        f.debug_struct("Settings").field("endpoint", &self.endpoint).field("token", &token).finish_non_exhaustive()
    }
}

impl Settings {
    /// The settings of the environment: `HF_ENDPOINT`, `HF_TOKEN`, the token file in `HF_HOME` or `~/.cache/huggingface`, and
    /// the usual variables of proxies.
    pub fn from_environment() -> Self {
        let settings = Self::from_variables(|name| std::env::var(name).ok(), std::env::home_dir());
        Self { proxy: Proxy::try_from_env(), ..settings }
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Self {
        let given = |name| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let cache = given("HF_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(home?.join(".cache").join("huggingface")));
        let file = || std::fs::read_to_string(cache?.join("token")).ok();
        let token = given("HF_TOKEN").or_else(|| Some(file()?.trim().to_owned())).filter(|token| !token.is_empty());
        let default = Self::default();
        let endpoint = given("HF_ENDPOINT").map(|endpoint| endpoint.trim_end_matches('/').to_owned());
        Self { endpoint: endpoint.unwrap_or(default.endpoint), token, ..default }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_choose_the_mirror_and_the_token() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join(".cache").join("huggingface");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("token"), "hf_file\n").expect("a token");
        let read = |variables: &[(&str, &str)]| {
            let variable =
                |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
            Settings::from_variables(variable, Some(home.path().to_owned()))
        };
        let none = read(&[]);
        assert_eq!((&*none.endpoint, none.token.as_deref()), ("https://huggingface.co", Some("hf_file")));
        let all = read(&[("HF_ENDPOINT", "https://mirror.example/"), ("HF_TOKEN", " hf_own ")]);
        assert_eq!((&*all.endpoint, all.token.as_deref()), ("https://mirror.example", Some("hf_own")));
        let elsewhere = read(&[("HF_HOME", "/nowhere"), ("HF_ENDPOINT", "")]);
        assert_eq!((&*elsewhere.endpoint, elsewhere.token.as_deref()), ("https://huggingface.co", None));
        assert!(!format!("{all:?}").contains("hf_own"));
    }
}
