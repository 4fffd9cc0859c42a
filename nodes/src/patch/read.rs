//! Reads patches: bounded in size, strict where readers of JSON differ. It reports all problems at once.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use crate::diagnostics::messages::explain_syntax;
use crate::diagnostics::numbers::{Malformed, malformed};
use crate::diagnostics::spans;
use crate::diagnostics::{Code, Problem, Severity};
use crate::patch::lenient::{Gaps, read_lenient};
use crate::patch::migrate;
use crate::patch::number::whole_of;
use crate::patch::{FORMAT, Patch, VERSION};

/// Largest file of a patch, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// First keys of a patch, as advice.
const HEAD: &str = "write \"format\": \"bendrack-patch\", \"version\": 1";

impl Patch {
    /// Reads a patch from the bytes of a file, and migrates one of an earlier version. Returns all problems, and the patch if
    /// none of them is an error.
    ///
    /// ```
    /// use bendrack_nodes::patch::Patch;
    ///
    /// let (patch, problems) = Patch::read(br#"{ "format": "bendrack-patch", "version": 1, "nodes": {} }"#);
    /// assert!(patch.is_some() && problems.is_empty());
    /// let (patch, problems) = Patch::read(b"{}");
    /// assert!(patch.is_none() && !problems.is_empty());
    /// ```
    pub fn read(bytes: &[u8]) -> (Option<Self>, Vec<Problem>) {
        let Salvaged { patch, problems, .. } = salvage(bytes);
        let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
        (patch.filter(|_| !failed), problems)
    }

    /// [`Self::read`], with the first problem as the error.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are no patch, or if a problem of severity error is found.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Problem> {
        let (patch, problems) = Self::read(bytes);
        let why = problems.into_iter().next();
        patch.ok_or_else(|| {
            why.unwrap_or_else(|| Problem::error(Code::NotAPatch, "", "not a patch; give the path of a patch"))
        })
    }

    /// [`Self::from_slice`] for a text.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::from_slice`] does.
    pub fn from_json(text: &str) -> Result<Self, Problem> {
        Self::from_slice(text.as_bytes())
    }
}

/// The readable rest of a file.
#[derive(Default)]
pub(crate) struct Salvaged {
    /// The patch without its unreadable parts.
    pub(crate) patch: Option<Patch>,
    /// Problems of the file.
    pub(crate) problems: Vec<Problem>,
    /// Places of the removed parts.
    pub(crate) gaps: Gaps,
}

/// Reads the readable parts of a patch.
pub(crate) fn salvage(bytes: &[u8]) -> Salvaged {
    match text_of(bytes).and_then(json_of) {
        Ok((json, problems)) => of_json(json, problems),
        Err(problems) => Salvaged { problems, ..Salvaged::default() },
    }
}

/// Text of a file's bytes.
///
/// # Errors
///
/// Fails if the bytes are not UTF-8 or exceed [`MAX_BYTES`].
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, Vec<Problem>> {
    if bytes.len() > MAX_BYTES {
        let message =
            format!("the file exceeds {} MiB, the limit of a patch; give the path of a patch", MAX_BYTES >> 20);
        return Err(vec![Problem::error(Code::TooMany, "", message)]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| vec![no_text(bytes, error.valid_up_to())])?;
    // Some editors begin a file with a byte-order mark.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The problem of a file that is not text from this byte on.
fn no_text(bytes: &[u8], at: usize) -> Problem {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let span = spans::byte(before.strip_prefix('\u{feff}').unwrap_or(&before), usize::MAX);
    let message = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16, not UTF-8; save it as UTF-8".to_owned(),
        _ => format!("line {}: byte {} is not UTF-8; save the file as UTF-8", span.line, at + 1),
    };
    Problem { span: Some(Box::new(span)), ..Problem::error(Code::NotAPatch, "", message) }
}

/// The text as JSON within the limits. Duplicate keys are reported; the last one counts.
fn json_of(text: &str) -> Result<(Json, Vec<Problem>), Vec<Problem>> {
    if text.trim().is_empty() {
        let problem = Problem::error(Code::NotAPatch, "", "the file is empty; give the path of a patch");
        return Err(vec![Problem { span: Some(Box::new(spans::byte(text, 0))), ..problem }]);
    }
    let json = serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        let span = spans::at(text, error.line(), error.column());
        let is_at = |bytes: &Range<usize>| {
            span.as_ref().is_some_and(|span| (bytes.start..=bytes.end).contains(&span.bytes.start))
        };
        let numbers = malformed(text);
        if numbers.iter().any(|number| is_at(&number.bytes)) {
            return numbers.into_iter().map(|number| not_json(text, number)).collect();
        }
        let at = span.as_ref().and_then(|span| text[span.bytes.start..].chars().next());
        let comma = || text[..span.as_ref()?.bytes.start].rfind(',').map(|comma| Box::new(spans::byte(text, comma)));
        let comma = if why.starts_with("trailing comma") { comma() } else { None };
        let problem = Problem::error(Code::NotAPatch, "", explain_syntax(&why, at));
        vec![Problem { span: comma.or(span), ..problem }]
    })?;
    let problems = spans::check(text);
    let is_minor = |problem: &Problem| problem.code == Code::DuplicateKey || problem.severity == Severity::Warning;
    if problems.iter().all(is_minor) { Ok((json, problems)) } else { Err(problems) }
}

/// The problem of a number that is not JSON.
fn not_json(text: &str, Malformed { pointer, bytes, message }: Malformed) -> Problem {
    let span = Some(Box::new(spans::range(text, bytes)));
    Problem { span, ..Problem::error(Code::NotAPatch, pointer, message) }
}

fn of_json(mut json: Json, mut problems: Vec<Problem>) -> Salvaged {
    let Some(object) = json.as_object_mut() else {
        let problem = Problem::error(Code::NotAPatch, "", "not a patch: expected a JSON object");
        return Salvaged { problems: vec![problem], ..Salvaged::default() };
    };
    if !check_head(object, &mut problems) {
        return Salvaged { problems, ..Salvaged::default() };
    }
    let (mut patch, gaps) = read_lenient(&mut json, &mut problems);
    problems.extend(patch.as_mut().map(migrate::migrate).unwrap_or_default());
    Salvaged { patch, problems, gaps }
}

/// Checks format and version, and corrects them. True if the rest can be checked.
fn check_head(patch: &mut Map<String, Json>, problems: &mut Vec<Problem>) -> bool {
    let (format, version) = (patch.get("format"), patch.get("version"));
    let mut refuse = |pointer: &str, message: String| problems.push(Problem::error(Code::NotAPatch, pointer, message));
    match (format, version) {
        (None, _) => refuse("/format", format!("not a patch: `format` is missing; {HEAD}")),
        (Some(format), _) if format != FORMAT => {
            refuse(
                "/format",
                format!("not a patch: `format` is {format}, expected {FORMAT:?}; give the path of a patch"),
            );
            return false;
        }
        (_, None) => refuse("/version", format!("`version` is missing; {HEAD}")),
        (_, Some(version)) => match whole_of(version) {
            Some(VERSION) => {}
            Some(later) if later > VERSION => {
                let message = format!(
                    "the patch has format version {later}; this bendrack reads up to {VERSION}; update bendrack"
                );
                problems.push(Problem::error(Code::LaterVersion, "/version", message));
                return false;
            }
            _ => refuse("/version", format!("{version} is not a format version; write \"version\": {VERSION}")),
        },
    }
    let is_patch = format.is_some() || patch.contains_key("nodes");
    patch.insert("format".to_owned(), Json::from(FORMAT));
    patch.insert("version".to_owned(), Json::from(VERSION));
    is_patch
}
