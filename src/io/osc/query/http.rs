//! Requests of HTTP: a path and an attribute, or the way to a WebSocket.

use std::net::IpAddr;

use serde_json::{Value as Json, json};
use tungstenite::handshake::derive_accept_key;

use super::tree::{host, tree};
use crate::io::DeviceContext;
use crate::io::osc::OscPort;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// The attributes that an address may have.
const ATTRIBUTES: [&str; 7] = ["FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "RANGE", "VALUE", "DESCRIPTION"];

pub(super) type Status = &'static str;

pub(super) const OK: Status = "200 OK";
pub(super) const NO_ATTRIBUTE: Status = "204 No Content";
pub(super) const WRONG: Status = "400 Bad Request";
pub(super) const FOREIGN: Status = "403 Forbidden";
pub(super) const NO_ADDRESS: Status = "404 Not Found";
pub(super) const NO_METHOD: Status = "405 Method Not Allowed";

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// A part of the tree.
    Tree { path: String, attribute: Option<String> },
    /// A WebSocket, by the answer to its key.
    Socket(String),
}

impl Question {
    /// Reads the head of a request.
    ///
    /// # Errors
    ///
    /// Fails with a status for a head of another form. A page of the web that another site's name leads here, or that opens a
    /// WebSocket across sites, is refused: nothing else protects the patch from a browser on this machine.
    pub(super) fn read(head: &[u8]) -> Result<Self, Status> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(head).ok().filter(httparse::Status::is_complete).ok_or(WRONG)?;
        let header = |name: &str| {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok()
        };
        let own = header("Host").map(name_of);
        if own.is_some_and(|name| !is_local(name)) {
            return Err(FOREIGN);
        }
        let target = request.path.ok_or(WRONG)?;
        if request.method != Some("GET") {
            return Err(NO_METHOD);
        }
        if header("Upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
            let origin =
                header("Origin").map(|origin| name_of(origin.split_once("://").map_or(origin, |(_, name)| name)));
            if origin.is_some() && origin != own {
                return Err(FOREIGN);
            }
            let key = header("Sec-WebSocket-Key").ok_or(WRONG)?;
            return Ok(Self::Socket(derive_accept_key(key.as_bytes())));
        }
        let (path, attribute) = target.split_once('?').map_or((target, None), |(path, after)| (path, Some(after)));
        let path = decoded(path).filter(|path| path.starts_with('/')).ok_or(WRONG)?;
        let path = if path == "/" { path } else { path.trim_end_matches('/').to_owned() };
        Ok(Self::Tree { path, attribute: attribute.filter(|name| !name.is_empty()).map(str::to_owned) })
    }
}

/// The answer to a request of a part of the tree.
pub(super) fn answer(
    path: &str,
    attribute: Option<&str>,
    port: Option<OscPort>,
    context: &DeviceContext,
) -> (Status, Option<Json>) {
    if attribute == Some("HOST_INFO") {
        return (OK, Some(host(port)));
    }
    let Some(found) = tree(path, context) else { return (NO_ADDRESS, None) };
    match attribute {
        None => (OK, Some(found)),
        Some(name) if !ATTRIBUTES.contains(&name) => (WRONG, None),
        Some(name) => match found.get(name) {
            Some(value) => (OK, Some(json!({ name: value }))),
            None => (NO_ATTRIBUTE, None),
        },
    }
}

/// The name in `name:port`, or the address in `[address]:port`.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

/// True for an address, and for a name that no server of the internet's names has: a word alone, or one of `.local`.
fn is_local(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || !name.contains('.') || name.to_ascii_lowercase().ends_with(".local")
}

/// A path without its %-codes; none if one is wrong.
fn decoded(path: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (code, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}
