//! Lines of boards as beginners, plotters and boot loaders write them.

use super::*;
use proptest::prelude::*;

fn reads(line: &str) -> Readings {
    read(line.as_bytes()).unwrap_or_else(|problem| panic!("{line}: {problem}"))
}

#[test]
fn every_spelling_of_a_reading_is_read() {
    let one = vec![("a0".to_owned(), vec![0.5])];
    for line in [
        "a0 0.5",
        "a0=0.5",
        "a0: 0.5",
        "a0:0.5",
        "a0\t0.5",
        "a0,0.5",
        " a0 = .5 ",
        "{\"a0\": 0.5}",
        "a0 0.5\r",
        "a0: 0.5V",
        "a0: 0.5 V",
        "a0 0.5 V",
        ">a0:0.5",
        "\"a0\": 0.5",
        "a0 -> 0.5",
        "{\"a0\": \"0.5\"}",
        "a0 (V): 0.5",
        "a0[V] = 0.5",
        "\x1b[0;32ma0\x1b[0m 0.5\x1b[K",
        "a0:0.5,",
        "a0 0.5;",
    ] {
        assert_eq!(reads(line), one, "{line}");
    }
    let two = vec![("a".to_owned(), vec![1.0, -2e-1]), ("b/c".to_owned(), vec![0.0])];
    for line in [
        "a 1 -0.2 b/c 0",
        "a:1,-0.2 b/c:0",
        "{\"a\":[1,-0.2,null],\"b/c\":false,\"text\":\"x\"}",
        "a:1V,-0.2V;b/c:LOW",
        "a = on -0.2 b/c = Off",
        "a 0x1 -0.2 C b/c false",
    ] {
        assert_eq!(reads(line), two, "{line}");
    }
}

#[test]
fn lines_of_beginners_are_read() {
    type Expected = &'static [(&'static str, &'static [f64])];
    let table: [(&str, Expected); 20] = [
        ("512", &[("value", &[512.0])]),
        ("512,300,20", &[("value", &[512.0, 300.0, 20.0])]),
        ("512\t300", &[("value", &[512.0, 300.0])]),
        ("[512, 300]", &[("value", &[512.0, 300.0])]),
        ("21.5 °C", &[("value", &[21.5])]),
        ("HIGH", &[("value", &[1.0])]),
        ("0x1F", &[("value", &[31.0])]),
        ("temp: 21.5 C", &[("temp", &[21.5])]),
        ("Light Level: 0.4", &[("Light_Level", &[0.4])]),
        ("Sensor 1: 512 Sensor 2: 300", &[("Sensor_1", &[512.0]), ("Sensor_2", &[300.0])]),
        ("Humidity: 40.0 %  Temperature: 21.5 *C", &[("Humidity", &[40.0]), ("Temperature", &[21.5])]),
        ("temp 21.5 C hum 40%", &[("temp", &[21.5]), ("hum", &[40.0])]),
        ("a 1 C 2", &[("a", &[1.0]), ("C", &[2.0])]),
        ("button ON led off", &[("button", &[1.0]), ("led", &[0.0])]),
        ("on: 1", &[("on", &[1.0])]),
        ("a:1,b:2", &[("a", &[1.0]), ("b", &[2.0])]),
        ("Température: 21.5", &[("Température", &[21.5])]),
        ("rgb=1,2,3", &[("rgb", &[1.0, 2.0, 3.0])]),
        ("xy=0.5,2", &[("xy", &[0.5, 2.0])]),
        (
            "{\"imu\": {\"acc\": [1, 2], \"t c\": \"21.5 C\"}, \"s\": \"x\", \"n\": \"ON\"}",
            &[("imu.acc", &[1.0, 2.0]), ("n", &[1.0])],
        ),
    ];
    for (line, expected) in table {
        let expected: Readings = expected.iter().map(|(name, of)| ((*name).to_owned(), of.to_vec())).collect();
        assert_eq!(reads(line), expected, "{line}");
    }
}

#[test]
fn a_decimal_comma_is_refused_with_the_next_step() {
    for line in ["knob = 1,5", "knob:1,5", "temp: 21,5 C", "t: -1,25", "a: 1,5 b: 2", "temp: 21,5C"] {
        assert_eq!(read(line.as_bytes()), Err(DECIMAL_COMMA), "{line}");
    }
    assert!(DECIMAL_COMMA.contains("point"));
    assert_eq!(reads("knob: 1, 5")[0].1, [1.0, 5.0]);
}

#[test]
fn boot_messages_have_no_effect() {
    let lines = [
        "ets Jul 29 2019 12:21:46",
        "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
        "rst cause:1, boot mode:(3,6)",
        "configsip: 0, SPIWP:0xee",
        "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00",
        "mode:DIO, clock div:1",
        "load:0x3fff0030,len:1184",
        "load:0x40078000,len:13232",
        "ho 0 tail 12 room 4",
        "tail 12 room 4",
        "entry 0x400805e4",
        "chksum 0xef",
        "csum 0xef",
        "ESP-ROM:esp32s3-20210327",
        "Build:Mar 27 2021",
        "SPIWP:0xee",
        "\x1b[0;32mI (29) boot: compile time 12:21:46\x1b[0m",
        "I (312) heap: 5",
        "Backtrace: 0x400d1234:0x3ffb1f50",
        "PC      : 0x400d1234  PS      : 0x00060030",
        "A2      : 0x00000000  A3      : 0x3ffb1f80",
    ];
    for line in lines {
        assert_eq!(read(line.as_bytes()), Err(BOOT), "{line}");
    }
    assert_eq!((reads("load: 0.5"), reads("mode:1")[0].1[0]), (vec![("load".into(), vec![0.5])], 1.0));
}

#[test]
fn nonsense_is_refused() {
    let lines = [
        "",
        "a",
        "a nan",
        "a inf",
        "a 1e999",
        "a 1 b",
        "a: 12:21:46",
        ": 5",
        "1: 0.5",
        "0.5 touch 0.2",
        "512 widgets",
        "address: 192.168.1.5",
        "a 0xg1",
        "{\"a\": }",
        "{}",
        "[]",
        "{\"a\": \"x\"}",
        "{\"a\": 1e999}",
        "\u{fffd} 1",
    ];
    for line in lines {
        assert!(read(line.as_bytes()).is_err(), "{line}: {:?}", read(line.as_bytes()));
    }
    assert!(read(b"a\xff 1").is_err());
    let deep = format!("{}1{}", "{\"a\":".repeat(9), "}".repeat(9));
    assert!(read(deep.as_bytes()).is_err());
    assert!(read(format!("{} 1", "a".repeat(65)).as_bytes()).is_err());
}

fn cut(lines: &mut Lines, bytes: &[u8]) -> Vec<Option<String>> {
    let mut found = Vec::new();
    lines.push(bytes, |line| found.push(line.ok().map(|line| String::from_utf8_lossy(line).into_owned())));
    found
}

#[test]
fn half_a_line_is_no_line_unless_the_sender_was_silent() {
    let mut lines = Lines::default();
    assert_eq!(cut(&mut lines, b"uch 1\r\ntou"), []);
    assert_eq!(cut(&mut lines, b"ch 2\r\n"), [Some("touch 2".into())]);
    let mut lines = Lines::default();
    lines.begin();
    assert_eq!(cut(&mut lines, b"touch 1\n"), [Some("touch 1".into())]);
}

#[test]
fn a_line_that_never_ends_is_counted_once_and_forgotten() {
    let mut lines = Lines::default();
    lines.begin();
    assert_eq!(cut(&mut lines, &vec![b'x'; 100_000]), [None]);
    assert!(lines.bytes.capacity() < 4 * MAX_LINE);
    assert_eq!(cut(&mut lines, b"\na 1\n"), [Some("a 1".into())]);
}

proptest! {
    #[test]
    fn any_bytes_give_finite_numbers_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (name, numbers) in read(&bytes).unwrap_or_default() {
            prop_assert!(!name.is_empty() && !numbers.is_empty() && numbers.iter().all(|number| number.is_finite()));
        }
    }

    #[test]
    fn text_like_lines_give_finite_numbers_or_an_error(line in "[{a-c]?[\"a-c:=, \t0-9.eE+infxµC°;>()\x1b}\\[\\]-]{0,40}") {
        for (name, numbers) in read(line.as_bytes()).unwrap_or_default() {
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME);
            prop_assert!(!numbers.is_empty() && numbers.iter().all(|number| number.is_finite()));
        }
    }

    #[test]
    fn lines_arrive_however_the_stream_is_cut(values in prop::collection::vec(-1e6..1e6, 1..20), size in 1..30_usize) {
        let text = values.iter().map(|value: &f64| format!("a {value}\r\n")).collect::<Vec<_>>().concat();
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        lines.begin();
        for piece in text.as_bytes().chunks(size) {
            lines.push(piece, |line| found.push(read(line.expect("short")).expect("a reading")[0].1[0]));
        }
        prop_assert_eq!(found, values);
    }
}
