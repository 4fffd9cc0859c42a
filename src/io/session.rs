//! The connection to a board: its name, its messages and its heartbeat, and the lines that wait for it.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bendrack_nodes::input::{ControlName, Event};

use super::DeviceContext;
use super::activity::LightHandle;
use super::board::{Board, Item, QUESTION};
use super::light::{Kind, State};
use super::line::Readings;
use super::message::{Message, Problem};

/// The longest silence of a board that greets. Its program sends something every second; the rest is for a slow port.
const HEARTBEAT: Duration = Duration::from_millis(1500);
/// The silence after which an unfinished frame is over.
const FRAME: Duration = Duration::from_millis(100);
/// The time between two lines to a board: at most 60 a second.
const BETWEEN: Duration = Duration::from_micros(16_600);
/// The most lines that wait for a board.
const MOST_LINES: usize = 64;

/// The boards that are open, with the lines that wait for them. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Boards(Arc<Mutex<Queues>>);

/// A queue for each board, by name.
type Queues = Vec<(Arc<str>, Queue)>;

/// Lines that wait for a board.
#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Arc<[u8]>>,
    /// Lines that lost their place.
    dropped: u64,
}

impl Boards {
    /// Adds a line to the queues of the chosen boards. A full queue drops its oldest line. False without any.
    pub(super) fn send(&self, is_chosen: impl Fn(&Arc<str>) -> bool, line: &Arc<[u8]>) -> bool {
        let mut is_known = false;
        for (_, queue) in self.locked().iter_mut().filter(|(name, _)| is_chosen(name)) {
            is_known = true;
            if queue.lines.len() == MOST_LINES {
                queue.lines.pop_front();
                queue.dropped += 1;
            }
            queue.lines.push_back(line.clone());
        }
        is_known
    }

    /// Opens a queue for a board. False if another one has its name.
    fn open(&self, name: &Arc<str>) -> bool {
        let mut boards = self.locked();
        let is_free = boards.iter().all(|(other, _)| other != name);
        if is_free {
            boards.push((name.clone(), Queue::default()));
        }
        is_free
    }

    /// True if a board with this name is open.
    fn has(&self, name: &Arc<str>) -> bool {
        self.locked().iter().any(|(other, _)| other == name)
    }

    fn close(&self, name: &Arc<str>) {
        self.locked().retain(|(other, _)| other != name);
    }

    /// The next line for a board, and the count of lines that were dropped since the last call.
    fn next(&self, name: &Arc<str>) -> (Option<Arc<[u8]>>, u64) {
        let mut boards = self.locked();
        let queue = boards.iter_mut().find(|(other, _)| other == name).map(|(_, queue)| queue);
        queue.map_or((None, 0), |queue| (queue.lines.pop_front(), std::mem::take(&mut queue.dropped)))
    }

    fn locked(&self) -> MutexGuard<'_, Queues> {
        // Each change leaves the queues consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A board, connected or awaited.
pub(super) struct Session {
    context: DeviceContext,
    light: LightHandle,
    /// The name of the port or address, which the board has until it greets.
    port: Arc<str>,
    board: Board,
    /// The time of the last bytes.
    last: Instant,
    is_open: bool,
    /// True after a greeting on this connection.
    greets: bool,
    /// True if the engine has the board as connected.
    is_online: bool,
    /// The line that is being written, from the bytes on that are not yet written.
    line: Option<(Arc<[u8]>, usize)>,
    /// The time from which on the next line may be written.
    next_line: Option<Instant>,
}

impl Session {
    /// A board that is not connected yet.
    pub(super) fn new(context: DeviceContext, light: LightHandle) -> Self {
        let port = light.name().clone();
        let (board, last) = (Board::default(), Instant::now());
        Self {
            context,
            light,
            port,
            board,
            last,
            is_open: false,
            greets: false,
            is_online: false,
            line: None,
            next_line: None,
        }
    }

    /// Begins a connection: the board is asked for its greeting.
    pub(super) fn open(&mut self) {
        self.board = Board::default();
        (self.last, self.greets, self.next_line) = (Instant::now(), false, None);
        self.line = Some((QUESTION.into(), 0));
        if !self.context.boards.open(self.light.name()) {
            // Another board took the name meanwhile.
            self.light = self.context.light(Kind::Serial, &self.port);
            self.context.boards.open(&self.port);
        }
        self.is_open = true;
        self.light.set(State::Open);
    }

    /// Ends the connection.
    pub(super) fn close(&mut self, state: State) {
        self.set_online(false);
        if std::mem::take(&mut self.is_open) {
            self.context.boards.close(self.light.name());
        }
        // The light may be that of another board by now, which has the same name.
        if !self.context.boards.has(self.light.name()) {
            self.light.set(state);
        }
    }

    /// Marks the beginning of a line: nothing came before it.
    pub(super) fn begin(&mut self) {
        self.board.begin();
    }

    /// Takes bytes of the board.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.last = Instant::now();
        self.set_online(true);
        let mut board = std::mem::take(&mut self.board);
        board.push(bytes, |item| self.take_item(item));
        self.board = board;
        if self.greets {
            self.light.set(State::Open);
        }
    }

    fn take_item(&mut self, item: Item<'_>) {
        match item {
            Item::Greeting(name) => self.greet(name),
            Item::Readings(readings, line) => self.send(readings, line),
            Item::Problem(problem, line) => self.light.count_error(Problem::of(problem, line)),
        }
    }

    /// Gives the board its own name, with that of the port if another board has it.
    fn greet(&mut self, name: &str) {
        self.greets = true;
        let own: Arc<str> = name.into();
        if *self.light.name() != own && !self.light.name().starts_with(&format!("{name} (")) {
            let name = if self.context.boards.open(&own) { own } else { format!("{name} ({})", self.port).into() };
            self.set_online(false);
            self.context.boards.close(self.light.name());
            self.context.boards.open(&name);
            self.light.remove();
            self.context.names.greet(&name, &self.port);
            self.light = self.context.light(Kind::Serial, &name);
            self.light.set(State::Open);
            self.set_online(true);
        }
        self.light.count_message(Message::line(format!("bendrack 1 {name}").as_bytes()));
    }

    fn send(&self, readings: Readings, line: &[u8]) {
        let event = |(name, numbers): (String, Vec<f64>)| Event::sensor(name, &numbers).on(self.light.name());
        let events: Vec<Event> = readings.into_iter().map(event).collect();
        self.context.send(&self.light, Instant::now(), Some(Message::line(line)), &events);
    }

    /// Notices silence.
    pub(super) fn check(&mut self, now: Instant) {
        if self.silence(now) > FRAME {
            let mut board = std::mem::take(&mut self.board);
            board.idle(|item| self.take_item(item));
            self.board = board;
        }
        if self.is_silent(now) && self.is_online {
            self.light.set(State::Silent);
            self.set_online(false);
        }
    }

    /// The time since the last bytes.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last)
    }

    /// True if the board should have sent something.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.greets && self.silence(now) > HEARTBEAT
    }

    /// Expects something every second, whether the board greets or not: nothing else shows that it is there.
    pub(super) const fn expect_heartbeat(&mut self) {
        self.greets = true;
    }

    /// Leaves the current line out.
    pub(super) fn skip_line(&mut self) {
        self.line = None;
        self.light.count_lost(Some(1));
    }

    /// Ends the connection, and removes its light.
    pub(super) fn forget(mut self) {
        self.close(State::Waiting);
        self.light.remove();
    }

    /// Sends an event to the engine if the board comes or goes.
    fn set_online(&mut self, is_online: bool) {
        if self.is_online != is_online {
            self.is_online = is_online;
            let event = Event::new(ControlName::Online, &[f64::from(u8::from(is_online))]).on(self.light.name());
            self.context.inbox.push(Instant::now(), self.context.named(&[event]));
        }
    }

    /// Writes what waits, as far as `write` takes it now. False if the connection is lost.
    pub(super) fn write(&mut self, now: Instant, mut write: impl FnMut(&[u8]) -> Result<usize, Error>) -> bool {
        if self.line.is_none() && self.next_line.is_none_or(|next| now >= next) {
            let (line, dropped) = self.context.boards.next(self.light.name());
            if dropped > 0 {
                self.light.count_lost(Some(dropped));
            }
            self.line = line.map(|line| (line, 0));
        }
        let Some((line, from)) = &mut self.line else { return true };
        match write(&line[*from..]) {
            Ok(size) if *from + size >= line.len() => {
                self.line = None;
                self.next_line = Some(now + BETWEEN);
            }
            Ok(size) => *from += size,
            Err(error) => {
                return matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::{Control, ControlId};

    use super::*;
    use crate::io::Colour;

    fn session(context: &DeviceContext, port: &str) -> Session {
        let mut session = Session::new(context.clone(), context.light(Kind::Serial, port));
        session.open();
        session.begin();
        session
    }

    fn online(context: &DeviceContext, device: &str) -> Option<f64> {
        let control = ControlId { name: ControlName::Online, device: Some(device.into()) };
        context.inbox.latest().get(&control, 0).and_then(Control::last)
    }

    fn written(session: &mut Session, now: Instant) -> String {
        let mut bytes = Vec::new();
        assert!(session.write(now, |line| {
            bytes.extend(line);
            Ok(line.len())
        }));
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_board_gets_its_own_name_and_two_boards_stay_two() {
        let context = DeviceContext::default();
        let mut one = session(&context, "port 1");
        assert_eq!(written(&mut one, Instant::now()), "?\n");
        one.take(b"touch 0.5\nbendrack 1 lamp\ntouch 0.75\n");
        let mut two = session(&context, "port 2");
        two.take(b"bendrack 1 lamp\ntouch 0.25\n");
        one.take(b"bendrack 1 lamp\n");
        two.take(b"bendrack 1 lamp\n");
        let names: Vec<String> = context.activity.lights().into_iter().map(|light| light.name).collect();
        assert_eq!(names, ["lamp", "lamp (port 2)"]);
        let touch = |device: &str| {
            let control = ControlId { name: ControlName::Sensor { name: "touch".into() }, device: Some(device.into()) };
            context.inbox.latest().get(&control, 0).and_then(Control::last)
        };
        assert_eq!((touch("port 1"), touch("lamp"), touch("lamp (port 2)")), (Some(0.5), Some(0.75), Some(0.25)));
        assert_eq!((online(&context, "port 1"), online(&context, "lamp")), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn a_board_on_another_port_takes_its_name_with_it() {
        let context = DeviceContext::default();
        let mut before = session(&context, "port 1");
        before.take(b"bendrack 1 lamp\n");
        before.close(State::Waiting);
        let mut after = session(&context, "port 2");
        after.take(b"bendrack 1 lamp\ntouch 1\n");
        before.close(State::Waiting);
        let lights = || -> Vec<(String, Colour)> {
            context.activity.lights().into_iter().map(|light| (light.name, light.colour)).collect()
        };
        assert_eq!(lights(), [("lamp".to_owned(), Colour::Green)]);
        assert!(context.boards.send(|name| **name == *"lamp", &b"led 1\n"[..].into()));
        before.open();
        before.begin();
        before.take(b"touch 1\n");
        assert_eq!(lights(), [("lamp".to_owned(), Colour::Green), ("port 1".to_owned(), Colour::Green)]);
    }

    #[test]
    fn a_board_that_greets_and_stops_is_yellow_until_it_sends_again() {
        let context = DeviceContext::default();
        let mut board = session(&context, "port");
        let colour = || context.activity.lights().remove(0).colour;
        board.take(b"touch 1\n");
        board.check(Instant::now() + 10 * HEARTBEAT);
        assert_eq!((colour(), online(&context, "port")), (Colour::Green, Some(1.0)), "no greeting, no heartbeat");
        board.take(b"bendrack 1 lamp\ntouch 1\n");
        board.check(Instant::now() + Duration::from_secs(1));
        assert_eq!((colour(), online(&context, "lamp")), (Colour::Green, Some(1.0)));
        board.check(Instant::now() + Duration::from_millis(1600));
        assert_eq!((colour(), online(&context, "lamp")), (Colour::Yellow, Some(0.0)));
        board.take(b"\n");
        assert_eq!((colour(), online(&context, "lamp")), (Colour::Green, Some(1.0)));
        board.close(State::Waiting);
        assert_eq!((colour(), online(&context, "lamp")), (Colour::Yellow, Some(0.0)));
    }

    #[test]
    fn ten_thousand_malformed_lines_and_frames_leave_a_board_that_reads() {
        let context = DeviceContext::default();
        let mut board = session(&context, "port");
        for seed in 0..10_000_u32 {
            let noise = |i: u32| (seed.wrapping_mul(2_654_435_761).rotate_left(7 * i) >> 24) as u8;
            // Zeros begin and end frames; the others are parts of lines.
            let length = if seed % 100 == 0 { 3000 } else { seed % 40 };
            let bytes: Vec<u8> = (0..length).map(noise).chain(if seed % 2 == 0 { *b"\n" } else { [0] }).collect();
            board.take(&bytes);
        }
        // An unfinished frame or line is over after a moment of silence.
        board.check(Instant::now() + 2 * FRAME);
        board.take(b"\ntouch 0.25\n");
        let touch = context.inbox.latest().sensor("touch", 0).and_then(Control::last);
        let light = context.activity.lights().remove(0);
        assert_eq!((touch, light.state), (Some(0.25), State::Open));
        assert!(light.counts.errors > 5000, "{:?}", light.counts);
        assert!(context.activity.controls().len() <= bendrack_nodes::input::MOST_NAMES);
    }

    #[test]
    fn lines_to_a_board_keep_their_rate_and_the_oldest_are_dropped_and_counted() {
        let context = DeviceContext::default();
        let mut board = session(&context, "lamp");
        let start = Instant::now();
        assert_eq!(written(&mut board, start), "?\n");
        for count in 0..MOST_LINES + 5 {
            assert!(context.boards.send(|_| true, &format!("{count}\n").into_bytes().into()));
        }
        assert!(!context.boards.send(|name| **name == *"other", &Arc::from(&b"x\n"[..])));
        let second = (0..1000).map(|ms| written(&mut board, start + Duration::from_millis(ms)));
        let lines: Vec<String> = second.filter(|line| !line.is_empty()).collect();
        assert!((50..=60).contains(&lines.len()) && lines[0] == "5\n", "{lines:?}");
        assert_eq!(context.activity.lights()[0].counts.lost, Some(5));
    }

    #[test]
    fn a_line_is_written_in_parts_and_an_error_ends_the_connection() {
        let context = DeviceContext::default();
        let mut board = session(&context, "lamp");
        let mut bytes = Vec::new();
        for _ in 0..2 {
            assert!(board.write(Instant::now(), |line| {
                bytes.push(line[0]);
                Ok(1)
            }));
        }
        assert_eq!(bytes, QUESTION);
        context.boards.send(|_| true, &Arc::from(&b"a 1\n"[..]));
        let later = Instant::now() + BETWEEN;
        assert!(board.write(later, |_| Err(ErrorKind::TimedOut.into())));
        assert!(!board.write(later, |_| Err(ErrorKind::BrokenPipe.into())));
    }
}
