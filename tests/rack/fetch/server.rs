//! A fake hub and a fake store of files, each on its own port of this machine.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A misbehaviour of the store, for one request.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection ends after so many bytes of the body.
    Drop(usize),
    /// The whole file comes, whatever range was asked for.
    IgnoreRange,
    /// The file has another version from now on, with the same bytes.
    NewEtag,
    /// The same, and the store ignores `If-Range`.
    NewEtagIgnored,
    /// One byte is wrong.
    Wrong,
    /// Fewer bytes than published, whole as an answer.
    Few,
    /// More bytes than published.
    Many,
    /// An answer with this status.
    Status(u16),
    /// Some bytes come, then none.
    Stall,
    /// A web page comes instead.
    Page,
    /// A pointer of Git LFS comes instead, as long as the file.
    Pointer,
    /// Nothing is wrong.
    None,
}

/// The path, the bytes, and whether LFS stores them, of each file of each repository.
type Repos = BTreeMap<String, Vec<(String, Vec<u8>, bool)>>;

/// A request that arrived.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub at_hub: bool,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

#[derive(Default)]
pub struct State {
    repos: Repos,
    raw: BTreeMap<String, Vec<u8>>,
    pub faults: VecDeque<Fault>,
    pub always: Option<Fault>,
    /// Statuses of the hub's next answers.
    pub hub_faults: VecDeque<u16>,
    pub seen: Vec<Seen>,
    pub licence: String,
    version: usize,
    store: String,
    page: usize,
}

/// Both servers.
pub struct World {
    pub hub: String,
    pub store: String,
    state: Arc<Mutex<State>>,
}

impl World {
    pub fn new() -> Self {
        let state = Arc::new(Mutex::new(State { page: 3, licence: "apache-2.0".into(), ..State::default() }));
        let store = listen(&state, false);
        let hub = listen(&state, true);
        let world = Self { hub, store, state };
        world.state().store.clone_from(&world.store);
        world
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a state")
    }

    pub fn add(&self, repo: &str, path: &str, bytes: &[u8], lfs: bool) {
        let mut state = self.state();
        let files = state.repos.entry(repo.into()).or_default();
        if !files.iter().any(|(known, ..)| known == path) {
            files.push((path.into(), bytes.into(), lfs));
        }
    }

    pub fn add_raw(&self, path: &str, bytes: &[u8]) {
        self.state().raw.insert(path.into(), bytes.into());
    }

    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// The requests to the store so far, which are forgotten.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state().seen)
    }
}

fn listen(state: &Arc<Mutex<State>>, is_hub: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (state, own) = (Arc::clone(state), address.clone());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (state, own) = (Arc::clone(&state), own.clone());
            thread::spawn(move || answer(stream, &state, is_hub, &own));
        }
    });
    address
}

fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).ok()?;
    let mut lines = text.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Some(Seen { at_hub: false, path, headers })
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, is_hub: bool, own: &str) {
    let Some(seen) = read_request(&mut stream) else { return };
    let mut locked = state.lock().expect("a state");
    locked.seen.push(Seen { at_hub: is_hub, ..seen.clone() });
    if is_hub {
        let (status, headers, body) = at_hub(&mut locked, &seen.path, own);
        drop(locked);
        send(&mut stream, status, &headers, &body, body.len());
    } else {
        at_store(&mut stream, locked, &seen);
    }
}

fn at_hub(state: &mut State, path: &str, own: &str) -> (u16, String, Vec<u8>) {
    if let Some(status) = state.hub_faults.pop_front()
        && status != 200
    {
        return (status, String::new(), b"no".to_vec());
    }
    if let Some(rest) = path.strip_prefix("/api/models/") {
        return match rest.split_once("/tree/main?recursive=true") {
            Some((repo, query)) => tree(state, repo, query, own),
            None if state.repos.contains_key(rest) => {
                let tag = format!("license:{}", state.licence);
                (200, String::new(), json!({ "id": rest, "tags": ["x", tag] }).to_string().into())
            }
            None => (404, String::new(), Vec::new()),
        };
    }
    match path.split_once("/resolve/main/") {
        Some((repo, file)) => (302, format!("Location: {}/cdn{repo}/{file}\r\n", state.store), Vec::new()),
        None => (404, String::new(), Vec::new()),
    }
}

fn tree(state: &State, repo: &str, query: &str, own: &str) -> (u16, String, Vec<u8>) {
    let Some(files) = state.repos.get(repo) else { return (404, String::new(), Vec::new()) };
    let start: usize = query.trim_start_matches("&cursor=").parse().unwrap_or(0);
    let end = (start + state.page).min(files.len());
    let entries: Vec<Value> = files[start..end].iter().map(|(path, bytes, lfs)| entry(path, bytes, *lfs)).collect();
    let mut entries = entries;
    entries.push(json!({ "type": "directory", "path": "folder", "oid": "00", "size": 0 }));
    let next = format!("Link: <{own}/api/models/{repo}/tree/main?recursive=true&cursor={end}>; rel=\"next\"\r\n");
    let next = if end < files.len() { next } else { String::new() };
    (200, next, Value::from(entries).to_string().into())
}

fn entry(path: &str, bytes: &[u8], lfs: bool) -> Value {
    let blob = Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize();
    let mut entry = json!({ "type": "file", "path": path, "size": bytes.len(), "oid": hex(&blob) });
    if lfs {
        entry["lfs"] = json!({ "oid": hex(&Sha256::digest(bytes)), "size": bytes.len(), "pointerSize": 134 });
    }
    entry
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn at_store(stream: &mut TcpStream, mut state: MutexGuard<'_, State>, seen: &Seen) {
    let fault = state.faults.pop_front().or(state.always).unwrap_or(Fault::None);
    let cdn = |repos: &Repos| {
        let path = seen.path.strip_prefix("/cdn/")?;
        repos.iter().find_map(|(repo, files)| {
            let path = path.strip_prefix(repo)?.strip_prefix('/')?;
            files.iter().find(|(known, ..)| known == path).map(|(_, bytes, _)| bytes.clone())
        })
    };
    let Some(mut bytes) = cdn(&state.repos).or_else(|| state.raw.get(&seen.path).cloned()) else {
        return send(stream, 404, "", b"", 0);
    };
    if matches!(fault, Fault::NewEtag | Fault::NewEtagIgnored) {
        state.version += 1;
    }
    let etag = format!("\"v{}\"", state.version);
    drop(state);
    match fault {
        Fault::Status(status) => return send(stream, status, "", b"", 0),
        Fault::Page => bytes = b"<!DOCTYPE html><html>Sign in to this network</html>".to_vec(),
        Fault::Pointer => {
            let length = bytes.len();
            bytes = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n".to_vec();
            bytes.resize(length, b' ');
        }
        Fault::Wrong => bytes[0] ^= 1,
        Fault::Few => bytes.truncate(bytes.len() - 5),
        Fault::Many => bytes.extend_from_slice(b"more"),
        _ => {}
    }
    let asked =
        seen.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let same =
        seen.headers.get("if-range").is_none_or(|known| *known == etag) || matches!(fault, Fault::NewEtagIgnored);
    let start: usize = asked.filter(|_| same && !matches!(fault, Fault::IgnoreRange)).unwrap_or(0);
    if start >= bytes.len() && start > 0 {
        return send(stream, 416, "", b"", 0);
    }
    let (mut status, mut headers) = (200, format!("ETag: {etag}\r\n"));
    if start > 0 {
        status = 206;
        let range = format!("Content-Range: bytes {start}-{}/{}\r\n", bytes.len() - 1, bytes.len());
        headers.push_str(&range);
    }
    let body = &bytes[start..];
    match fault {
        Fault::Drop(at) => send(stream, status, &headers, &body[..at.min(body.len())], body.len()),
        Fault::Stall => {
            send_open(stream, status, &headers, &body[..body.len() / 2], body.len());
            // Nothing more comes until the client gives up.
            let _ = stream.read(&mut [0]);
        }
        // Without a length, more bytes than published can come.
        Fault::Many => {
            let _ = write!(stream, "HTTP/1.1 {status} OK\r\nConnection: close\r\n{headers}\r\n")
                .and_then(|()| stream.write_all(body));
            let _ = stream.shutdown(Shutdown::Write);
        }
        _ => send(stream, status, &headers, body, body.len()),
    }
}

fn send(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8], length: usize) {
    send_open(stream, status, headers, body, length);
    let _ = stream.shutdown(Shutdown::Write);
    // The client's end keeps its bytes from being reset.
    let _ = stream.read(&mut [0]);
}

fn send_open(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8], length: usize) {
    let head = format!("HTTP/1.1 {status} Answer\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
}
