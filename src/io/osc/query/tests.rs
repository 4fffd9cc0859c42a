//! Requests of other programs, by HTTP and by WebSocket.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Event;
use bendrack_nodes::patch::Patch;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tungstenite::Message as Sent;

use super::http::{FOREIGN, NO_ADDRESS, NO_ATTRIBUTE, NO_METHOD, OK, WRONG};
use super::*;

fn context() -> DeviceContext {
    let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": {
        "lfo": { "type": "modulate.lfo", "params": { "rate": 0.5 } },
        "clock": { "type": "midi.clock" },
        "osc": { "type": "osc.in", "params": { "address": "/1/xy" } } } }"#;
    let patch: Patch = serde_json::from_str(text).expect("a patch");
    let context = DeviceContext::default();
    let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
    context.inbox.know(patch.into(), plan.into());
    context
}

fn read(lines: &str) -> Result<Question, Status> {
    Question::read(format!("{lines}\r\n\r\n").as_bytes())
}

fn answer(target: &str, context: &DeviceContext) -> (Status, Json) {
    let port = Some("9000".parse().expect("a port"));
    let (status, body) = match read(&format!("GET {target} HTTP/1.1")) {
        Ok(Question::Tree { path, attribute }) => super::answer(&path, attribute.as_deref(), port, context),
        Ok(Question::Socket(_)) => panic!("no WebSocket"),
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
    assert_eq!(read("POST / HTTP/1.1"), Err(NO_METHOD));
    let (_, host) = answer("/?HOST_INFO", &context);
    assert_eq!((&host["OSC_PORT"], &host["OSC_IP"]), (&json!(9000), &json!("127.0.0.1")));
    assert_eq!((&host["OSC_TRANSPORT"], &host["EXTENSIONS"]["LISTEN"]), (&json!("UDP"), &json!(true)));
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
    let (worker, free) = open(&context);
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
    let counts = || {
        let counts = context.activity.lights().remove(0).counts;
        (counts.messages, counts.errors)
    };
    let begin = Instant::now();
    while counts() != (2, 1) {
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", counts());
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(worker);
}

#[test]
fn a_page_of_the_web_is_refused() {
    let socket =
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    // The key and its answer are those of RFC 6455.
    let opened = Ok(Question::Socket("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned()));
    for host in ["127.0.0.1:9001", "[::1]:9001", "localhost:9001", "192.168.1.5", "studio", "Studio.local:9001"] {
        assert!(read(&format!("GET / HTTP/1.1\r\nHost: {host}")).is_ok(), "{host}");
        assert_eq!(read(&format!("{socket}\r\nHost: {host}")), opened, "{host}");
        let own = format!("{socket}\r\nHost: {host}\r\nOrigin: http://{host}");
        assert_eq!(read(&own), opened, "{host}");
        for origin in ["https://example.org", "null", "http://10.0.0.9:9001"] {
            let foreign = format!("{socket}\r\nHost: {host}\r\nOrigin: {origin}");
            assert_eq!(read(&foreign), Err(FOREIGN), "{host} {origin}");
        }
    }
    for host in ["example.org:9001", "127.0.0.1.example.org", "local.example.org", "evil.localhost.com"] {
        assert_eq!(read(&format!("GET / HTTP/1.1\r\nHost: {host}")), Err(FOREIGN), "{host}");
        assert_eq!(read(&format!("{socket}\r\nHost: {host}")), Err(FOREIGN), "{host}");
    }
    assert_eq!(read("GET / HTTP/1.1\r\nUpgrade: websocket"), Err(WRONG), "without a key");
}

/// A server that is open, and its address.
fn open(context: &DeviceContext) -> (Worker, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|http| http.local_addr()).expect("a free port");
    let worker = serve(free, None, context);
    let begin = Instant::now();
    while !context.activity.lights().iter().any(|light| light.state == State::Open) {
        assert!(begin.elapsed() < Duration::from_secs(20), "it opens");
        std::thread::sleep(Duration::from_millis(5));
    }
    (worker, free)
}

type Socket = tungstenite::WebSocket<tungstenite::stream::MaybeTlsStream<TcpStream>>;

#[test]
fn a_program_that_listens_hears_changes_and_sends_packets() {
    let context = context();
    let (worker, address) = open(&context);
    let (mut socket, _) = tungstenite::connect(format!("ws://{address}/")).expect("a WebSocket");
    if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_mut() {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    }
    let command = |name: &str, path: &str| Sent::text(json!({ "COMMAND": name, "DATA": path }).to_string());
    let next = |socket: &mut Socket| loop {
        match socket.read().expect("a message") {
            Sent::Binary(packet) => {
                let (_, packet) = rosc::decoder::decode_udp(&packet).expect("a packet");
                let rosc::OscPacket::Message(message) = packet else { panic!("a message") };
                return format!("{} {:?}", message.addr, message.args);
            }
            Sent::Text(text) => return text.to_string(),
            _ => {}
        }
    };
    let set = |rate: f64, is_new: bool| {
        let (patch, _) = context.inbox.running().expect("a patch");
        let mut patch = Patch::clone(&patch);
        let lfo = patch.nodes.get_mut("lfo").expect("the LFO");
        lfo.params.insert("rate".to_owned(), json!(rate));
        if is_new {
            patch.nodes.insert("knob".to_owned(), bendrack_nodes::patch::Node::new("control.knob"));
        }
        let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
        context.inbox.know(patch.into(), plan.into());
    };
    let packet = |address: &str, number: f32| {
        let args = vec![rosc::OscType::Float(number)];
        let message = rosc::OscMessage { addr: address.to_owned(), args };
        Sent::Binary(rosc::encoder::encode(&rosc::OscPacket::Message(message)).expect("a packet").into())
    };
    socket.send(command("LISTEN", "/bend/lfo/rate")).expect("sent");
    assert_eq!(next(&mut socket), "/bend/lfo/rate [Float(0.5)]", "the value so far");
    set(2.0, false);
    assert_eq!(next(&mut socket), "/bend/lfo/rate [Float(2.0)]");
    set(2.0, true);
    assert_eq!(next(&mut socket), r#"{"COMMAND":"PATH_CHANGED","DATA":"/"}"#);
    socket.send(command("IGNORE", "/bend/lfo/rate")).expect("sent");
    socket.send(command("LISTEN", "/1/xy")).expect("sent");
    socket.send(command("DANCE", "/")).expect("sent");
    socket.send(packet("/1/xy", 0.25)).expect("sent");
    assert_eq!(next(&mut socket), "/1/xy [Float(0.25)]", "one that the patch reads");
    set(3.0, true);
    socket.send(packet("/1/xy", 0.75)).expect("sent");
    assert_eq!(next(&mut socket), "/1/xy [Float(0.75)]", "the rate is ignored");
    assert_eq!(context.activity.lights().remove(0).counts.errors, 1);
    drop(worker);
}

#[test]
fn websockets_are_bounded_and_noise_ends_one_alone() {
    let context = context();
    let (worker, address) = open(&context);
    let connect = || tungstenite::connect(format!("ws://{address}/"));
    let mut open: Vec<_> = (0..MOST_SOCKETS).map(|_| connect().expect("a WebSocket").0).collect();
    let mut beyond = connect().expect("a handshake").0;
    assert!(beyond.read().is_err(), "it is closed");
    // Frames of a client are masked; this one is not.
    if let tungstenite::stream::MaybeTlsStream::Plain(stream) = open[0].get_mut() {
        stream.write_all(&[0x82, 1, 0, 0xFF, 0xFF]).expect("written");
    }
    while open[0].read().is_ok() {}
    let begin = Instant::now();
    while connect().is_ok_and(|(mut socket, _)| {
        if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_mut() {
            stream.set_read_timeout(Some(Duration::from_millis(200))).expect("set");
        }
        !matches!(socket.read(), Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock)
    }) {
        assert!(begin.elapsed() < Duration::from_secs(20), "another is accepted");
    }
    drop(worker);
}

#[test]
fn ten_thousand_malformed_requests_have_a_status() {
    for seed in 0..10_000_u32 {
        let noise = |i: u32| (seed.wrapping_mul(2_654_435_761).rotate_left(9 * i) >> 24) as u8;
        let mut bytes: Vec<u8> = b"GET /bend/lfo/rate?VALUE HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
        for i in 0..=seed % 8 {
            let place = seed.wrapping_mul(40_503).rotate_left(3 * i) as usize % bytes.len();
            bytes[place] = noise(i);
        }
        if let Err(status) = Question::read(&bytes) {
            assert!([WRONG, FOREIGN, NO_METHOD].contains(&status), "{status}");
        }
    }
}

proptest! {
    #[test]
    fn any_line_is_a_question_or_has_a_status(line in "(GET )?[ -~]{0,40}( HTTP/1.1)?") {
        if let Ok(Question::Tree { path, attribute }) = read(&line) {
            let (status, _) = super::answer(&path, attribute.as_deref(), None, &DeviceContext::default());
            prop_assert!([OK, NO_ATTRIBUTE, WRONG, NO_ADDRESS].contains(&status));
        }
    }
}
