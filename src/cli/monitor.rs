//! `bendrack devices --monitor`: the messages of devices, as they arrive.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Failure;
use crate::input::Inbox;
use crate::io::{Colour, Dated, Devices, Kind, Light, Settings};
use crate::terminal::{self, in_line};

/// Interval of the output.
const SECOND: Duration = Duration::from_secs(1);

/// Opens the devices and prints their activity each second, for `seconds` or until Ctrl+C.
pub(super) fn run(settings: &Settings, seconds: Option<f64>, is_json: bool) -> Result<(), Failure> {
    if (Settings { names: None, ..settings.clone() }) == Settings::none() {
        return Err(Failure::Usage("no device is chosen; choose one, such as --osc-in 9000".to_owned()));
    }
    let inbox = Inbox::default();
    let devices = Devices::open(settings, &inbox);
    let begin = Instant::now();
    let end = seconds.and_then(|seconds| begin.checked_add(Duration::try_from_secs_f64(seconds).ok()?));
    let mut report = Report::default();
    loop {
        let rest = end.map_or(SECOND, |end| end.saturating_duration_since(Instant::now()));
        thread::sleep(rest.min(SECOND));
        // No engine takes the events, and no patch has knobs.
        inbox.take(Instant::now());
        devices.activity().take_requests();
        let secs = begin.elapsed().as_secs_f64();
        let lights = devices.activity().lights();
        let written = if is_json {
            let recent = |secs_ago: f64| secs_ago <= SECOND.as_secs_f64();
            let mut controls = devices.activity().controls();
            controls.retain(|control| recent(control.secs_ago));
            terminal::print_json(&format!("{}\n", json!({ "secs": secs, "devices": lights, "controls": controls })))
        } else {
            terminal::print(&report.lines(secs, &lights))
        };
        if !goes_on(written)? || end.is_some_and(|end| end <= Instant::now()) {
            return Ok(());
        }
    }
}

/// False if the reader closed the output.
fn goes_on(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::Failed(format!("the output cannot be written: {error}"))),
    }
}

/// Last printed line of each device, and its count of messages.
#[derive(Default)]
struct Report(BTreeMap<(Kind, String), (String, u64)>);

impl Report {
    /// A line for each device whose line changed.
    fn lines(&mut self, secs: f64, lights: &[Light]) -> String {
        let mut changed = |light: &Light| {
            let (line, count) = (line(light), light.counts.messages);
            let before = self.0.insert((light.kind, light.name.clone()), (line.clone(), count));
            if before.as_ref().is_some_and(|(before, _)| *before == line) {
                return None;
            }
            // A reconnected device counts from 0.
            let new = count.saturating_sub(before.map_or(0, |(_, count)| count));
            Some(format!("{secs:5.0} s  {line} (+{new})\n"))
        };
        lights.iter().filter_map(&mut changed).collect()
    }
}

/// The line of a device: light, name, counts; then the reason for a light that is not green, the last message and
/// error.
fn line(light: &Light) -> String {
    let quoted =
        |name: &str, dated: &Option<Dated>| dated.as_ref().map(|dated| format!("{name}: {}", in_line(&dated.text)));
    let parts = [
        (light.colour != Colour::Green).then(|| in_line(&light.reason).into_owned()),
        quoted("last", &light.last_message),
        Some(light.counted()),
        quoted("last error", &light.last_error),
        light.advice.as_ref().map(|advice| in_line(advice).into_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{:<6}  {}: {}", light.colour.name(), in_line(&light.title()), parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Counts, State};

    fn light(counts: Counts, last_error: Option<&str>) -> Light {
        Light {
            kind: Kind::Serial,
            name: "board\u{1b}[2J".to_owned(),
            colour: Colour::Yellow,
            state: State::Open,
            reason: "open, and every line so far is invalid".to_owned(),
            advice: None,
            counts,
            last_message: None,
            last_error: last_error.map(|text| Dated { text: text.to_owned(), secs_ago: 0.1 }),
        }
    }

    #[test]
    fn a_line_is_printed_when_it_changes_and_holds_no_control_character() {
        let mut report = Report::default();
        let silent = light(Counts::default(), None);
        assert_eq!(report.lines(1.0, std::slice::from_ref(&silent)).lines().count(), 1);
        assert_eq!(report.lines(2.0, &[silent]), "");
        let bad = light(Counts { errors: 2, ..Counts::default() }, Some("no number: 5\u{9b}1\n2"));
        let text = report.lines(3.0, &[bad]);
        assert_eq!(
            text,
            "    3 s  yellow  board\\u{1b}[2J: open, and every line so far is invalid; 0 lines, 2 errors; \
             last error: no number: 5\\u{9b}1\\n2 (+0)\n"
        );
    }

    #[test]
    fn new_messages_are_counted_since_the_line_before() {
        let mut report = Report::default();
        let mut good = light(Counts { messages: 5, ..Counts::default() }, None);
        good.colour = Colour::Green;
        good.last_message = Some(Dated { text: "touch 0.5".to_owned(), secs_ago: 0.0 });
        assert!(report.lines(1.0, &[good.clone()]).ends_with("last: touch 0.5; 5 lines (+5)\n"));
        good.counts.messages = 12;
        assert!(report.lines(2.0, &[good]).ends_with("12 lines (+7)\n"));
    }
}
