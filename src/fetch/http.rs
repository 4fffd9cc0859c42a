//! Requests: redirects, retries, and a token that no other host sees.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::http::header::{HeaderMap, LOCATION, RETRY_AFTER};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use super::error::{Error, Result};
use super::settings::Settings;

const REDIRECTS: usize = 10;
const LONGEST_WAIT: Duration = Duration::from_mins(1);
const MOST_DOUBLINGS: u32 = 5;
const SLICE: Duration = Duration::from_millis(20);

/// A failed request: worth another one, or not.
pub(super) enum Trouble {
    /// A passing fault, with the time to wait if the server names one.
    Passing(String, Option<Duration>),
    /// A fault that stays.
    Lasting(Error),
}

/// An answer with a body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Answer {
    /// A header as text; empty if it is missing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A client of the hub and of the hosts to which it redirects.
pub(super) struct Client {
    agent: Agent,
    pub(super) settings: Settings,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .proxy(settings.proxy.clone())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .redirect_auth_headers(RedirectAuthHeaders::Never)
            .http_status_as_error(false)
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_recv_response(Some(settings.read_timeout))
            .timeout_per_read(Some(settings.read_timeout))
            .user_agent(concat!("bendrack/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity");
        Self { agent: agent.build().into(), settings: settings.clone() }
    }

    /// Sends one request, and follows its redirects. `subject` is the file or the repository, for messages.
    pub(super) fn get(&self, first: &str, headers: &[(&str, &str)], subject: &str) -> Result<Answer, Trouble> {
        let mut url = first.to_owned();
        for _ in 0..=REDIRECTS {
            let at_home = origin(&url) == origin(&self.settings.endpoint);
            let mut request = self.agent.get(&url);
            if let Some(token) = self.settings.token.as_ref().filter(|_| at_home && is_private(&url)) {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let response = request.call().map_err(|e| passing(host(&url), &e))?;
            match response.status().as_u16() {
                200 | 206 | 416 => return Ok(answer(response)),
                301 | 302 | 303 | 307 | 308 => url = redirected(&url, &response).map_err(Trouble::Lasting)?,
                status => return Err(self.refusal(status, &response, &url, first, subject)),
            }
        }
        Err(Trouble::Lasting(Error::new(format!("{subject}: {} redirects in a circle; try again later", host(&url)))))
    }

    /// An answer that is no file.
    fn refusal(&self, status: u16, response: &Response<Body>, url: &str, first: &str, subject: &str) -> Trouble {
        let at_home = origin(url) == origin(&self.settings.endpoint);
        let host = host(url);
        let page = self.page(subject, first);
        // A signed address of a store expires; the hub gives another one.
        if status == 408 || status == 429 || status >= 500 || (!at_home && matches!(status, 401 | 403)) {
            let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
            return Trouble::Passing(format!("{host} answers with status {status}"), wait.map(Duration::from_secs));
        }
        Trouble::Lasting(Error::new(match status {
            401 | 403 => format!(
                "{subject}: {host} refuses access (status {status}); check the name on {page}, accept the licence there with your \
                 account, then give its token in HF_TOKEN"
            ),
            404 => format!("{subject}: {host} has no such file or repository; check its name on {page}"),
            _ => format!("{subject}: {host} answers with status {status}; open {page} in a browser to see why"),
        }))
    }

    /// The page of a subject's repository.
    fn page(&self, subject: &str, url: &str) -> String {
        let is_hub = origin(url) == origin(&self.settings.endpoint);
        let site = if is_hub { self.settings.endpoint.as_str() } else { "https://github.com" };
        format!("{site}/{}", repository(subject))
    }

    /// The next step after a host's faults.
    pub(super) fn advice(&self, url: &str) -> &'static str {
        if origin(url) == origin(&self.settings.endpoint) {
            "try again later, or set HF_ENDPOINT to a mirror"
        } else {
            "try again later, or give a folder that has the file with --from"
        }
    }

    /// Sends a request until it succeeds, fails for good, or the attempts run out. Nobody sees these waits, so they are few.
    pub(super) fn get_patiently(&self, url: &str, subject: &str, attempts: u32) -> Result<Answer> {
        let mut failures = 0;
        loop {
            match self.get(url, &[], subject) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(problem, wait)) => {
                    failures += 1;
                    if failures >= attempts.min(self.settings.attempts) {
                        return Err(Error::new(format!("{subject}: {problem}; {}", self.advice(url))));
                    }
                    self.wait(failures, wait, &AtomicBool::new(false))?;
                }
            }
        }
    }

    /// Waits after a number of failures in a row.
    pub(super) fn wait(&self, failures: u32, asked: Option<Duration>, cancelled: &AtomicBool) -> Result<()> {
        let own = self.settings.backoff * 2_u32.pow(failures.saturating_sub(1).min(MOST_DOUBLINGS));
        let mut left = asked.unwrap_or(own).min(LONGEST_WAIT);
        while !left.is_zero() {
            if cancelled.load(Ordering::Relaxed) {
                return Err(Error::cancelled());
            }
            sleep(left.min(SLICE));
            left = left.saturating_sub(SLICE);
        }
        Ok(())
    }
}

fn passing(host: &str, problem: &impl Display) -> Trouble {
    Trouble::Passing(format!("{host} does not answer as it should ({problem})"), None)
}

fn answer(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// The address that a redirect leads to.
fn redirected(url: &str, response: &Response<Body>) -> Result<String> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
    let next = join(url, location);
    match next {
        Some(next) if !url.starts_with("https:") || next.starts_with("https:") => Ok(next),
        _ => Err(Error::new(format!(
            "{} redirects to {location:?}, which is no safe address; check HF_ENDPOINT and the network",
            host(url)
        ))),
    }
}

/// An address relative to another.
pub(super) fn join(url: &str, location: &str) -> Option<String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Some(location.to_owned());
    }
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if location.starts_with("//") {
        return Some(format!("{scheme}:{location}"));
    }
    location.starts_with('/').then(|| format!("{scheme}://{authority}{location}"))
}

/// The scheme, host and port of an address.
pub(super) fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let usual = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(usual).unwrap_or(authority)).to_ascii_lowercase()
}

/// True if nobody on the way can read a request.
fn is_private(url: &str) -> bool {
    let host = host(url);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    url.starts_with("https://") || matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// The host of an address, for messages.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// The repository at the start of a subject.
fn repository(subject: &str) -> &str {
    let end = subject.match_indices('/').nth(1).map_or(subject.len(), |(at, _)| at);
    &subject[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_with_their_ports() {
        assert_eq!(origin("https://Hub.example/a"), origin("https://hub.example:443"));
        assert_ne!(origin("https://hub.example"), origin("http://hub.example"));
        assert_ne!(origin("https://hub.example"), origin("https://hub.example.evil.com"));
        assert_ne!(origin("https://hub.example"), origin("https://hub.example@evil.com/"));
        assert!(
            is_private("https://hub.example/")
                && is_private("http://127.0.0.1:80/")
                && !is_private("http://hub.example/")
        );
    }

    #[test]
    fn redirects_are_absolute_or_from_the_root() {
        assert_eq!(join("https://a.b/c/d?e", "/f").as_deref(), Some("https://a.b/f"));
        assert_eq!(join("https://a.b/c", "//x.y/f").as_deref(), Some("https://x.y/f"));
        assert_eq!(join("https://a.b/c", "http://x.y/f").as_deref(), Some("http://x.y/f"));
        assert_eq!(join("https://a.b/c", "file:///etc/passwd"), None);
    }
}
