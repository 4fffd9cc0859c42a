//! The state file: the last value of each control, for a start after a failure.

use std::fs;
use std::io;
use std::path::Path;

use bendrack_nodes::input::{ControlId, Event};
use serde::{Deserialize, Serialize};

use crate::cli::Failure;
use crate::disk;
use crate::files;
use crate::input::Inbox;
use crate::terminal;

/// The version of the format.
const VERSION: u64 = 2;
/// Largest state file, in bytes.
const MAX_STATE: u64 = 64 << 20;

/// The state file: the last value of each control.
#[derive(Debug, Default, Deserialize, Serialize)]
struct State {
    /// The version of the format.
    #[serde(rename = "bendrack-state")]
    version: u64,
    controls: Vec<Latest>,
}

/// The last numbers of a control.
#[derive(Debug, Deserialize, Serialize)]
struct Latest {
    #[serde(flatten)]
    control: ControlId,
    numbers: Vec<f64>,
}

/// Events of the state file; none before the first file.
pub(super) fn read(path: &Path) -> Result<Vec<Event>, Failure> {
    let failed =
        |why: &str| Failure::Failed(format!("{}: {why}; delete the file, or start without --resume", path.display()));
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error.to_string())),
        Ok(meta) if meta.len() > MAX_STATE => return Err(failed("too long for a state")),
        Ok(_) => {}
    }
    let text = files::read(path).map_err(|error| failed(&error.to_string()))?;
    let state: State = serde_json::from_slice(&text).map_err(|error| failed(&error.to_string()))?;
    if state.version != VERSION {
        return Err(failed(&format!("a state of version {}; this bendrack reads version {VERSION}", state.version)));
    }
    Ok(state.controls.into_iter().map(|Latest { control, numbers }| Event::new(control, &numbers)).collect())
}

/// Writes the latest values of the inbox. A failure is a warning.
pub(super) fn save(path: &Path, inbox: &Inbox) {
    let latest = |event| match event {
        Event::Control { control, numbers } => Some(Latest { control, numbers: numbers.to_vec() }),
        Event::Sound(_) => None,
    };
    let controls = inbox.latest().events().into_iter().filter_map(latest).collect();
    let state = State { version: VERSION, controls };
    let written = serde_json::to_vec(&state).map_err(io::Error::other).and_then(|text| disk::replace(path, &text));
    if let Err(error) = written {
        terminal::print_error(format_args!(
            "warning: {}: {error}; the state is not kept, choose another file for --state",
            path.display()
        ));
    }
}
