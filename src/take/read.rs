//! Reading a take. Nothing in it is trusted: a damaged take ends where it is damaged, a wrong line is named.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{ControlId, Event};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::patch::read::MAX_BYTES;
use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;

use super::line::{Line, event};
use super::lock::is_recording;
use super::{Header, OLDEST, TakeError, VERSION};
use crate::engine::Entry;
use crate::files;

/// The longest line: a patch, and a little more.
const MAX_LINE: u64 = MAX_BYTES as u64 + (64 << 10);
/// The most model calls in one line.
pub(super) const MAX_CALLS: usize = 1 << 10;
/// The most entries of a take: some days of calls, many hours of eight faders.
pub(super) const MAX_ENTRIES: usize = 1 << 24;

/// A take.
#[derive(Clone, Debug)]
pub struct Take {
    /// Its beginning.
    pub header: Header,
    /// The patch of its beginning.
    pub patch: Arc<Patch>,
    /// The plan of that patch.
    pub plan: Arc<Plan>,
    /// Entries, with the numbers of their lines.
    pub entries: Vec<(usize, Entry)>,
    /// True if the file breaks off: its last second may be missing.
    pub is_cut: bool,
    /// True if it breaks off because a bendrack records it at this moment.
    pub is_recording: bool,
}

impl Take {
    /// Reads a take.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, if it is no take, or one of a later version. Fails at the first line that is wrong.
    pub fn read(path: &Path) -> Result<Self, TakeError> {
        // First: the recording may end while the file is read.
        let is_recording = is_recording(path);
        let (header, mut lines) = open(path)?;
        let (patch, plan) = compiled(&header.patch).map_err(|why| TakeError::at(path, 1, why))?;
        let mut reader = Reader { patch: header.patch.clone(), names: Vec::new(), frame: 0, entries: Vec::new() };
        let mut number = 1;
        while let Some(text) = lines.next_line().map_err(|error| TakeError::at(path, number + 1, error))? {
            number += 1;
            let wrong = |why: String| {
                let before = number - 1;
                let keep = format_args!("to keep the lines before: gzip -dc FILE | head -n {before} | gzip > NEW.take");
                TakeError::at(path, number, format_args!("{why}; {keep}"))
            };
            let line = Line::read(&text).map_err(wrong)?;
            reader.add(number, line).map_err(wrong)?;
        }
        let is_cut = lines.is_cut;
        Ok(Self { header, patch, plan, entries: reader.entries, is_cut, is_recording: is_recording && is_cut })
    }

    /// The number of pictures that are shown.
    pub fn pictures(&self) -> u64 {
        let frames: usize =
            self.entries.iter().map(|(_, entry)| if let Entry::Show { frames } = entry { *frames } else { 0 }).sum();
        self.header.pictures(frames)
    }
}

/// Opens a take: its header, and the lines after it.
pub(super) fn open(path: &Path) -> Result<(Header, Lines<impl Read + use<>>), TakeError> {
    let file = files::open(path).map_err(|error| TakeError::new(path, format_args!("{error}; give a .take file")))?;
    let mut lines = Lines { from: BufReader::new(MultiGzDecoder::new(BufReader::new(file))), is_cut: false };
    let no_take = || TakeError::new(path, "not a take of bendrack; give a .take file");
    let first = lines.next_line().map_err(|_| no_take())?.ok_or_else(no_take)?;
    let first: Json = serde_json::from_str(&first).map_err(|_| no_take())?;
    match first.get("bendrack-take").and_then(Json::as_u64) {
        None => return Err(no_take()),
        Some(OLDEST..=VERSION) => {}
        Some(version) => {
            let why = format!(
                "a take of version {version}; this bendrack reads versions {OLDEST} to {VERSION}, install a later one"
            );
            return Err(TakeError::new(path, why));
        }
    }
    let header: Header = serde_json::from_value(first)
        .map_err(|error| TakeError::at(path, 1, format_args!("{error}; the take cannot be used without it")))?;
    Ok((header, lines))
}

/// Reads the lines after the header.
struct Reader {
    patch: Json,
    names: Vec<ControlId>,
    frame: u64,
    entries: Vec<(usize, Entry)>,
}

impl Reader {
    fn add(&mut self, number: usize, line: Line) -> Result<(), String> {
        if self.entries.len() >= MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} entries"));
        }
        let entry = match line {
            Line::At(frame) => {
                self.frame = frame;
                return Ok(());
            }
            Line::Name(name) => {
                self.names.push(name);
                return Ok(());
            }
            Line::Event(name, numbers) => {
                let known = self.names.len();
                let name = self
                    .names
                    .get(name)
                    .ok_or_else(|| format!("control {name} has no name; {known} names are known"))?;
                Entry::Event { frame: self.frame, event: event(name, &numbers)? }
            }
            Line::Sound(hop) => Entry::Event { frame: self.frame, event: Event::Sound(hop) },
            Line::Patch(difference) => {
                json_patch::patch(&mut self.patch, &difference)
                    .map_err(|error| format!("the patch cannot change so ({error})"))?;
                let (patch, plan) = compiled(&self.patch)?;
                Entry::Patch { patch, plan }
            }
            Line::Make(frames) => Entry::Make { frames },
            Line::Call(calls) if calls <= MAX_CALLS => {
                self.entries.extend((0..calls).map(|_| (number, Entry::Call)));
                return Ok(());
            }
            Line::Call(calls) => return Err(format!("{calls} model calls in one line; {MAX_CALLS} is the most")),
            Line::Fail => Entry::Fail,
            Line::Forget => Entry::Forget,
            Line::Show(frames) if frames <= MAX_CALLS => Entry::Show { frames },
            Line::Show(frames) => return Err(format!("{frames} latent frames in one line; {MAX_CALLS} is the most")),
            Line::Check(checksum) => Entry::Check(checksum),
        };
        self.entries.push((number, entry));
        Ok(())
    }
}

/// The patch of a JSON value, and its plan.
fn compiled(patch: &Json) -> Result<(Arc<Patch>, Arc<Plan>), String> {
    let patch = Patch::from_json(&patch.to_string()).map_err(|problem| format!("the patch: {problem}"))?;
    let (plan, problems) = Plan::compile(&patch, LIBRARY);
    let plan = plan.ok_or_else(|| {
        format!("the patch does not run: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    Ok((Arc::new(patch), Arc::new(plan)))
}

/// The whole lines of a compressed text, up to its first damage.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    /// True after the end of a file that breaks off.
    pub(super) is_cut: bool,
}

impl<R: Read> Lines<R> {
    /// The next line; none at the end, or where the file breaks off.
    pub(super) fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        match (&mut self.from).take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(None),
            Ok(_) if line.last() == Some(&b'\n') => {}
            Ok(length) if length as u64 >= MAX_LINE => {
                return Err(io::Error::other("the line is too long; cut the take there"));
            }
            // Half a line, or a damaged end.
            Ok(_) => {
                self.is_cut = true;
                return Ok(None);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
                ) =>
            {
                self.is_cut = true;
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        line.pop();
        String::from_utf8(line)
            .map(Some)
            .map_err(|_| io::Error::other("the line is not UTF-8; mend it, or cut the take there"))
    }
}
