//! One file over the network: continued where it was, checked, and named only when it is right.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Progress;
use super::error::{Error, Result};
use super::http::{Answer, Client, Trouble, host};
use super::part::{self, Part, Remote};
use super::paths::name;
use super::sums::{self, BLOCK, Sum};

/// A part that takes a while to check.
const LONG: u64 = 256 << 20;

/// A file to be downloaded.
pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) remote: &'a Remote,
    pub(super) target: &'a Path,
    /// The path in the model's folder, for the progress.
    pub(super) label: &'a str,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancelled: &'a AtomicBool,
}

/// The end of an attempt that need not be repeated.
enum End {
    Whole,
    /// The server offers another file.
    Wrong(String),
}

impl Download<'_> {
    /// Downloads the file and gives it its name; the result is the number of bytes that came. Wrong bytes get one more chance.
    pub(super) fn run(&self) -> Result<u64> {
        let url = self.url()?;
        let mut came = 0;
        let mut first_problem = None;
        loop {
            if part::bytes(self.target, self.remote) >= LONG {
                self.progress.note(&format!("{}: checking the part that is here", self.label));
            }
            let mut part = Part::open(self.target, self.remote, self.cancelled)?;
            self.progress.begin(self.label, self.remote.size, part.have);
            let problem = match self.fill(&mut part, &mut came) {
                Ok(End::Whole) => self.problem(&part)?,
                Ok(End::Wrong(problem)) => Some(problem),
                Err(error) => {
                    // The bytes so far serve the next run.
                    part.sync()?;
                    return Err(error);
                }
            };
            let Some(problem) = problem else {
                part.finish(self.target)?;
                self.progress.done();
                return Ok(came);
            };
            part.delete()?;
            if first_problem.replace(problem.clone()).is_some() {
                return Err(Error::new(format!(
                    "{}: two downloads from {} are wrong: {problem}; {}",
                    self.remote.subject,
                    host(url),
                    self.client.advice(url)
                )));
            }
            self.progress.note(&format!("{}: {problem}; the download starts again", self.label));
        }
    }

    fn url(&self) -> Result<&str> {
        let nowhere = || Error::new(format!("{}: no address is known; run without --from", self.remote.subject));
        self.remote.url.as_deref().ok_or_else(nowhere)
    }

    /// Adds bytes until the file is whole. Faults in a row without progress end it.
    fn fill(&self, part: &mut Part, came: &mut u64) -> Result<End> {
        let mut failures = 0;
        let mut best = part.have;
        loop {
            if self.remote.size == Some(part.have) {
                return Ok(End::Whole);
            }
            let (problem, wait) = match self.attempt(part, came) {
                Ok(end) => return Ok(end),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(problem, wait)) => (problem, wait),
            };
            if part.have > best {
                best = part.have;
                failures = 0;
            }
            failures += 1;
            if failures >= self.client.settings.attempts {
                return Err(Error::new(format!(
                    "{}: {problem}, {failures} times in a row; {} bytes are kept, and the same command continues there",
                    self.remote.subject, part.have
                )));
            }
            self.progress.note(&format!("{}: {problem}; trying again", self.label));
            self.client.wait(failures, wait, self.cancelled)?;
        }
    }

    /// One request, and the bytes of its answer.
    fn attempt(&self, part: &mut Part, came: &mut u64) -> Result<End, Trouble> {
        let lasting = Trouble::Lasting;
        self.stop_if_cancelled().map_err(lasting)?;
        let url = self.url().map_err(lasting)?;
        let range = format!("bytes={}-", part.have);
        let etag = part.etag.clone();
        let mut headers = Vec::new();
        if part.have > 0 {
            headers.push(("Range", range.as_str()));
            if part::is_strong(&etag) && part.url == url {
                headers.push(("If-Range", etag.as_str()));
            }
        }
        let answer = self.client.get(url, &headers, &self.remote.subject)?;
        let total = self.place(part, &answer)?;
        if let (Some(size), Some(total)) = (self.remote.size, total)
            && size != total
        {
            return Ok(End::Wrong(wrong_size(answer, size, total)));
        }
        part.set_origin(url, answer.header("etag")).map_err(lasting)?;
        self.read(part, answer, self.remote.size.or(total), came)
    }

    /// Makes the part fit the start of an answer's bytes; the result is the size of the whole file.
    fn place(&self, part: &mut Part, answer: &Answer) -> Result<Option<u64>, Trouble> {
        let restart = |part: &mut Part| {
            part.restart().map_err(Trouble::Lasting)?;
            self.progress.begin(self.label, self.remote.size, 0);
            Ok(())
        };
        if answer.status == 200 {
            if part.have > 0 {
                self.progress.note(&format!("{}: the server starts this file again", self.label));
                restart(part)?;
            }
            return Ok(answer.header("content-length").parse().ok());
        }
        let range = answer.header("content-range");
        let (start, total) = range.strip_prefix("bytes ").and_then(|range| range.split_once('/')).unwrap_or_default();
        let start = start.split('-').next().and_then(|start| start.parse::<u64>().ok());
        let etag = answer.header("etag");
        let same =
            part.etag.is_empty() || etag.is_empty() || self.remote.url.as_ref() != Some(&part.url) || part.etag == etag;
        if answer.status == 206 && start == Some(part.have) && same {
            return Ok(total.parse().ok());
        }
        restart(part)?;
        Err(Trouble::Passing("the server cannot continue this file, or has another version of it".to_owned(), None))
    }

    /// Moves an answer's bytes into the part.
    fn read(&self, part: &mut Part, answer: Answer, size: Option<u64>, came: &mut u64) -> Result<End, Trouble> {
        let mut reader = answer.body.into_reader();
        let mut block = vec![0; BLOCK];
        loop {
            self.stop_if_cancelled().map_err(Trouble::Lasting)?;
            let n = sums::read(&mut reader, &mut block);
            let n = n.map_err(|e| Trouble::Passing(format!("the connection breaks off ({e})"), None))?;
            if n == 0 {
                break;
            }
            *came += n as u64;
            part.write(&block[..n]).map_err(Trouble::Lasting)?;
            self.progress.advance(n as u64);
            if let Some(size) = size.filter(|size| part.have > *size) {
                return Ok(End::Wrong(format!("more than its {size} bytes come")));
            }
        }
        match size {
            Some(size) if part.have < size => {
                Err(Trouble::Passing(format!("the connection ends after {} of {size} bytes", part.have), None))
            }
            _ => Ok(End::Whole),
        }
    }

    /// The problem with a whole part, if any.
    fn problem(&self, part: &Part) -> Result<Option<String>> {
        part.sync()?;
        let shape = sums::misshapen(&part.path, name(self.label)).map_err(|e| Error::file(&part.path, &e))?;
        if self.remote.sum == Sum::Unknown {
            return Ok(shape);
        }
        Ok(difference(&self.remote.sum, &part.sum()).map(|problem| match shape {
            Some(shape) => format!("{problem}; {shape}"),
            None => problem,
        }))
    }

    fn stop_if_cancelled(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::cancelled()) } else { Ok(()) }
    }
}

/// Both sums, if they differ.
pub(super) fn difference(wanted: &Sum, found: &Sum) -> Option<String> {
    (wanted != found).then(|| format!("the sum is {}, but {} is published", found.to_text(), wanted.to_text()))
}

/// A sentence about an answer with a wrong size. A web page is named as such.
fn wrong_size(answer: Answer, size: u64, total: u64) -> String {
    let mut head = Vec::new();
    // The sentence is right without the head, too.
    let _ = answer.body.into_reader().take(64).read_to_end(&mut head);
    let kind = sums::stranger(&head).map(|kind| format!("; {kind}")).unwrap_or_default();
    format!("it has {total} bytes, but {size} are published{kind}")
}
