//! OSCQuery: the addresses of the patch as a tree in JSON, over HTTP. Only requests of a value or the tree; nothing changes.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bendrack_nodes::address::{self, Knob, Range};
use bendrack_nodes::input::{Control, Controls};
use serde_json::{Map, Value as Json, json};

use super::OscPort;
use super::input::CLOSED;
use crate::io::DeviceContext;
use crate::io::activity::LightHandle;
use crate::io::light::{Kind, State};
use crate::io::message::Message;
use crate::io::request::COMMANDS;
use crate::io::target::RETRY;
use crate::io::worker::{Stop, TURN, Worker};

/// The longest time until a connection is accepted.
const ACCEPT: Duration = Duration::from_millis(20);
/// The longest time of a request, and of the way of its answer.
const LONGEST: Duration = Duration::from_secs(2);
/// The most bytes of a request.
const MOST: usize = 8192;
/// The attributes that an address may have.
const ATTRIBUTES: [&str; 7] = ["FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "RANGE", "VALUE", "DESCRIPTION"];
/// Access to a value: only by sending one; by both.
const WRITE: u8 = 2;
const BOTH: u8 = 3;

/// Answers requests at an address. `port` is the first one that receives OSC.
pub(in crate::io) fn serve(address: SocketAddr, port: Option<OscPort>, context: &DeviceContext) -> Worker {
    let (context, light) = (context.clone(), context.light(Kind::OscIn, &format!("OSCQuery {address}")));
    Worker::spawn(&light.clone(), move |stop| {
        loop {
            match TcpListener::bind(address).and_then(|http| http.set_nonblocking(true).map(|()| http)) {
                Ok(http) => {
                    light.set(State::Open);
                    return accept(&http, port, &context, &light, stop);
                }
                Err(error) => light.set(State::Failed(format!("{address} cannot be opened: {error}; {CLOSED}"))),
            }
            if stop.after(RETRY) {
                return;
            }
        }
    })
}

/// Answers one request after the other.
fn accept(http: &TcpListener, port: Option<OscPort>, context: &DeviceContext, light: &LightHandle, stop: &Stop) {
    while !stop.after(ACCEPT) {
        while !stop.now()
            && let Ok((stream, _)) = http.accept()
        {
            if let Err(error) = exchange(stream, port, context, light, stop) {
                light.count_error(error.to_string());
            }
        }
    }
}

fn exchange(
    mut stream: TcpStream,
    port: Option<OscPort>,
    context: &DeviceContext,
    light: &LightHandle,
    stop: &Stop,
) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TURN))?;
    stream.set_write_timeout(Some(LONGEST))?;
    let (begin, mut request, mut bytes) = (Instant::now(), Vec::new(), [0; 1024]);
    while !has_end(&request) {
        if request.len() > MOST || begin.elapsed() > LONGEST || stop.now() {
            return Err(std::io::Error::other("an HTTP request without an end"));
        }
        match stream.read(&mut bytes) {
            Ok(0) => return Err(std::io::Error::other("an HTTP request that is cut off")),
            Ok(size) => request.extend_from_slice(&bytes[..size]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    let line = request.split(|&byte| byte == b'\r').next().unwrap_or_default();
    light.count_message(Message::line(line));
    let (status, body) = match Question::read(&String::from_utf8_lossy(line)) {
        Ok(question) => question.answer(port, context),
        Err(status) => (status, None),
    };
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn has_end(request: &[u8]) -> bool {
    request.windows(4).any(|window| window == b"\r\n\r\n")
}

type Status = &'static str;

const OK: Status = "200 OK";
const NO_ATTRIBUTE: Status = "204 No Content";
const WRONG: Status = "400 Bad Request";
const NO_ADDRESS: Status = "404 Not Found";
const NO_METHOD: Status = "405 Method Not Allowed";

/// A request.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    path: String,
    attribute: Option<String>,
}

impl Question {
    /// Reads the first line of a request.
    fn read(line: &str) -> Result<Self, Status> {
        let mut words = line.split(' ');
        let [Some(method), Some(target), Some(version), None] =
            [words.next(), words.next(), words.next(), words.next()]
        else {
            return Err(WRONG);
        };
        if !version.starts_with("HTTP/1.") {
            return Err(WRONG);
        }
        if method != "GET" {
            return Err(NO_METHOD);
        }
        let (path, attribute) = target.split_once('?').map_or((target, None), |(path, after)| (path, Some(after)));
        let path = decoded(path).filter(|path| path.starts_with('/')).ok_or(WRONG)?;
        let path = if path == "/" { path } else { path.trim_end_matches('/').to_owned() };
        Ok(Self { path, attribute: attribute.filter(|name| !name.is_empty()).map(str::to_owned) })
    }

    fn answer(&self, port: Option<OscPort>, context: &DeviceContext) -> (Status, Option<Json>) {
        let attribute = self.attribute.as_deref();
        if attribute == Some("HOST_INFO") {
            return (OK, Some(host(port)));
        }
        let Some(found) = tree(&self.path, context) else { return (NO_ADDRESS, None) };
        match attribute {
            None => (OK, Some(found)),
            Some(name) if !ATTRIBUTES.contains(&name) => (WRONG, None),
            Some(name) => match found.get(name) {
                Some(value) => (OK, Some(json!({ name: value }))),
                None => (NO_ATTRIBUTE, None),
            },
        }
    }
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

fn host(port: Option<OscPort>) -> Json {
    let names = ["ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TYPE"].map(|name| (name.to_owned(), json!(true)));
    let no = ["LISTEN", "PATH_CHANGED"].map(|name| (name.to_owned(), json!(false)));
    let extensions: Map<String, Json> = names.into_iter().chain(no).collect();
    let mut host = json!({ "NAME": "bendrack", "EXTENSIONS": extensions });
    if let (Some(port), Some(host)) = (port, host.as_object_mut()) {
        // The address "every one of this machine" is no address to send to: then it is that of the HTTP request.
        if !port.address.ip().is_unspecified() {
            host.insert("OSC_IP".into(), json!(port.address.ip()));
        }
        host.insert("OSC_PORT".into(), json!(port.address.port()));
        host.insert("OSC_TRANSPORT".into(), json!(if port.is_tcp { "TCP" } else { "UDP" }));
    }
    host
}

/// A part of the tree.
#[derive(Default)]
struct Branch {
    attributes: Map<String, Json>,
    contents: BTreeMap<String, Branch>,
}

impl Branch {
    fn insert(&mut self, address: &str, attributes: Map<String, Json>) {
        let mut branch = self;
        for part in address.split('/').filter(|part| !part.is_empty()) {
            branch = branch.contents.entry(part.to_owned()).or_default();
        }
        branch.attributes = attributes;
    }

    fn find(&self, path: &str) -> Option<&Self> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self, |branch, part| branch.contents.get(part))
    }

    fn json(&self, path: &str) -> Json {
        let mut json = self.attributes.clone();
        json.insert("FULL_PATH".into(), json!(if path.is_empty() { "/" } else { path }));
        if !self.contents.is_empty() || self.attributes.is_empty() {
            let inner =
                self.contents.iter().map(|(name, branch)| (name.clone(), branch.json(&format!("{path}/{name}"))));
            json.insert("CONTENTS".into(), Json::Object(inner.collect()));
        }
        Json::Object(json)
    }
}

/// The tree at a path; none if it has nothing.
fn tree(path: &str, context: &DeviceContext) -> Option<Json> {
    let base = path.trim_end_matches('/');
    let is_within =
        |address: &str| address.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut root = Branch::default();
    for (address, about) in COMMANDS.into_iter().filter(|(address, _)| is_within(address)) {
        root.insert(address, leaf("f", WRITE, about));
    }
    if let Some(plan) = context.inbox.plan() {
        for knob in address::knobs(&plan).filter(|knob| is_within(&knob.address)) {
            root.insert(&knob.address, knob_leaf(&knob));
        }
        let controls = context.inbox.latest();
        for address in plan.osc_addresses().into_iter().filter(|address| is_within(address)) {
            root.insert(&address, read_leaf(&address, &controls));
        }
    }
    let found =
        root.find(path).filter(|found| path == "/" || !found.attributes.is_empty() || !found.contents.is_empty());
    found.map(|found| found.json(base))
}

fn leaf(kind: &str, access: u8, about: &str) -> Map<String, Json> {
    let pairs = [("TYPE", json!(kind)), ("ACCESS", json!(access)), ("DESCRIPTION", json!(about))];
    pairs.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

fn knob_leaf(knob: &Knob<'_>) -> Map<String, Json> {
    let (kind, range) = match &knob.range {
        Range::Numbers(low, high) => ("f", Some(json!({ "MIN": low, "MAX": high }))),
        Range::Choices(choices) => ("s", Some(json!({ "VALS": choices }))),
        Range::Switch => (if knob.value == Some(json!(true)) { "T" } else { "F" }, None),
        Range::Text => ("s", None),
    };
    let mut leaf = leaf(kind, BOTH, knob.about);
    leaf.extend(range.map(|range| ("RANGE".to_owned(), json!([range]))));
    leaf.extend(knob.value.as_ref().map(|value| ("VALUE".to_owned(), json!([value]))));
    leaf
}

/// An address that a node or map reads, with the numbers of its last message.
fn read_leaf(address: &str, controls: &Controls) -> Map<String, Json> {
    let numbers: Vec<f64> = (0..).map_while(|index| controls.osc(address, index)).filter_map(Control::last).collect();
    let mut leaf = leaf(&"f".repeat(numbers.len().max(1)), WRITE, "An address that the patch reads.");
    if !numbers.is_empty() {
        leaf.insert("VALUE".into(), json!(numbers));
        leaf.insert("ACCESS".into(), json!(BOTH));
    }
    leaf
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::input::Event;
    use bendrack_nodes::patch::Patch;
    use proptest::prelude::*;

    use super::*;

    fn context() -> DeviceContext {
        let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": {
            "lfo": { "type": "modulate.lfo", "params": { "rate": 0.5 } },
            "clock": { "type": "midi.clock" },
            "osc": { "type": "osc.in", "params": { "address": "/1/xy" } } } }"#;
        let patch: Patch = serde_json::from_str(text).expect("a patch");
        let context = DeviceContext::default();
        context.inbox.know(Arc::new(Plan::compile(&patch, LIBRARY).0.expect("a plan")));
        context
    }

    fn answer(target: &str, context: &DeviceContext) -> (Status, Json) {
        let question = Question::read(&format!("GET {target} HTTP/1.1"));
        let (status, body) = match question {
            Ok(question) => question.answer(Some("9000".parse().expect("a port")), context),
            Err(status) => (status, None),
        };
        (status, body.unwrap_or_default())
    }

    #[test]
    fn the_tree_has_knobs_commands_and_addresses_of_the_patch() {
        let context = context();
        let (status, tree) = answer("/", &context);
        assert_eq!((status, &tree["FULL_PATH"]), (OK, &json!("/")));
        let lfo = &tree["CONTENTS"]["bend"]["CONTENTS"]["lfo"];
        let rate = &lfo["CONTENTS"]["rate"];
        assert_eq!((&rate["FULL_PATH"], &rate["TYPE"]), (&json!("/bend/lfo/rate"), &json!("f")));
        assert_eq!((&rate["VALUE"], &rate["ACCESS"]), (&json!([0.5]), &json!(3)));
        assert!(rate["RANGE"][0]["MAX"].as_f64() > rate["RANGE"][0]["MIN"].as_f64(), "{rate}");
        assert!(rate["DESCRIPTION"].as_str().is_some_and(|text| !text.is_empty()));
        let shape = &lfo["CONTENTS"]["shape"];
        assert!(shape["RANGE"][0]["VALS"].as_array().is_some_and(|choices| choices.contains(&shape["VALUE"][0])));
        let part = &answer("/bend/n/lfo/rate", &context).1;
        assert!(part["VALUE"][0].as_f64().is_some_and(|part| part > 0.0 && part < 1.0), "{part}");
        assert_eq!(part["RANGE"], json!([{ "MIN": 0.0, "MAX": 1.0 }]));
        assert_eq!(answer("/bend/clock/sync", &context).1["TYPE"], json!("T"));
        assert_eq!(answer("/bendrack/panic", &context).1["ACCESS"], json!(2));
    }

    #[test]
    fn attributes_and_paths_are_answered_alone() {
        let context = context();
        assert_eq!(answer("/bend/lfo/rate?VALUE", &context), (OK, json!({ "VALUE": [0.5] })));
        assert_eq!(answer("/bend/lfo/rate/", &context).1["VALUE"], json!([0.5]));
        assert_eq!(answer("/bend/%6Cfo/rate?TYPE", &context), (OK, json!({ "TYPE": "f" })));
        assert_eq!(answer("/bend/lfo?VALUE", &context).0, NO_ATTRIBUTE);
        assert_eq!(answer("/bend/lfo?NONSENSE", &context).0, WRONG);
        assert_eq!(answer("/bend/no", &context).0, NO_ADDRESS);
        assert_eq!(answer("/ben", &context).0, NO_ADDRESS);
        assert_eq!(answer("/%zz", &context).0, WRONG);
        assert_eq!(Question::read("POST / HTTP/1.1"), Err(NO_METHOD));
        let (_, host) = answer("/?HOST_INFO", &context);
        assert_eq!((&host["OSC_PORT"], &host["OSC_IP"]), (&json!(9000), &json!("127.0.0.1")));
        assert_eq!((&host["OSC_TRANSPORT"], &host["EXTENSIONS"]["LISTEN"]), (&json!("UDP"), &json!(false)));
    }

    #[test]
    fn an_address_that_the_patch_reads_has_its_last_numbers() {
        let context = context();
        assert_eq!(answer("/1/xy", &context).1["ACCESS"], json!(2));
        context.inbox.push(Instant::now(), [Event::osc("/1/xy", &[0.25, 0.5])]);
        let xy = answer("/1/xy", &context).1;
        assert_eq!((&xy["VALUE"], &xy["TYPE"]), (&json!([0.25, 0.5]), &json!("ff")));
    }

    #[test]
    fn a_client_of_http_gets_an_answer_and_a_bad_one_an_error() {
        let context = context();
        let free = TcpListener::bind("127.0.0.1:0").and_then(|http| http.local_addr()).expect("a free port");
        let worker = serve(free, None, &context);
        let begin = Instant::now();
        while !context.activity.lights().iter().any(|light| light.state == State::Open) {
            assert!(begin.elapsed() < Duration::from_secs(20), "it opens");
            std::thread::sleep(Duration::from_millis(5));
        }
        let ask = |request: &[u8]| {
            let mut stream = TcpStream::connect(free).expect("a connection");
            stream.write_all(request).expect("written");
            stream.shutdown(std::net::Shutdown::Write).expect("shut");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer).unwrap_or_default()
        };
        let good = ask(b"GET /bend/lfo/rate?VALUE HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(good.starts_with("HTTP/1.1 200 OK\r\n") && good.ends_with("\r\n\r\n{\"VALUE\":[0.5]}"), "{good}");
        assert!(ask(b"\x16\x03\x01 nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
        assert_eq!(ask(b"GET / HTT"), "");
        let counts = context.activity.lights().remove(0).counts;
        assert_eq!((counts.messages, counts.errors), (2, 1));
        drop(worker);
    }

    proptest! {
        #[test]
        fn any_line_is_a_question_or_has_a_status(line in "(GET )?[ -~]{0,40}( HTTP/1.1)?") {
            if let Ok(question) = Question::read(&line) {
                let (status, _) = question.answer(None, &DeviceContext::default());
                prop_assert!([OK, NO_ATTRIBUTE, WRONG, NO_ADDRESS].contains(&status));
            }
        }
    }
}
