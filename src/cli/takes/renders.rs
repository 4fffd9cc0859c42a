//! The render of a take as a process of its own: `bendrack render --take`. It outlives the window.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::priority;
use crate::cli::render::{Progress, discard};
use crate::output::video::Format;
use crate::ui::{RenderRequest, RenderState};

/// Largest message of a render, in bytes; the rest is dropped.
const MOST_MESSAGE: u64 = 64 << 10;
/// Interval of the checks for the end of the process.
const POLL: Duration = Duration::from_millis(20);

/// The renders of a window, one at a time.
pub(super) struct Renders {
    program: PathBuf,
    job: Arc<Mutex<Job>>,
}

#[derive(Default)]
struct Job {
    state: RenderState,
    child: Option<Child>,
    is_cancelled: bool,
}

impl Renders {
    /// Renders with this executable.
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program, job: Arc::default() }
    }

    /// The state of the render.
    pub(super) fn state(&self) -> RenderState {
        locked(&self.job).state.clone()
    }

    /// Begins a render, unless one runs.
    pub(super) fn start(&self, mut request: RenderRequest) -> Result<(), String> {
        let mut job = locked(&self.job);
        if matches!(job.state, RenderState::Running { .. }) {
            return Err("A render runs already: wait for its end, or cancel it".to_owned());
        }
        request.output = std::path::absolute(&request.output).unwrap_or(request.output);
        let output = request.output.clone();
        *job = Job { state: RenderState::Running { output, pictures: 0, of: 0 }, ..Job::default() };
        let (job, program) = (self.job.clone(), self.program.clone());
        std::thread::spawn(move || {
            let ended = run(&job, &program, &request);
            let mut job = locked(&job);
            (job.state, job.child) = (RenderState::Ended(ended), None);
        });
        Ok(())
    }

    /// Ends the render.
    pub(super) fn cancel(&self) {
        let mut job = locked(&self.job);
        job.is_cancelled = true;
        if let Some(child) = &mut job.child {
            // The process may have ended by itself.
            let _ = child.kill();
        }
    }
}

fn locked(job: &Mutex<Job>) -> MutexGuard<'_, Job> {
    job.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The arguments of a render.
fn arguments(request: &RenderRequest) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["render", "--progress", "--take"].map(Into::into).into();
    arguments.push(request.take.clone().into());
    arguments.push("-o".into());
    arguments.push(request.output.clone().into());
    if request.start > 0.0 {
        arguments.extend(["--start".into(), request.start.to_string().into()]);
    }
    if let Some(secs) = request.secs {
        arguments.extend(["--seconds".into(), secs.to_string().into()]);
    }
    // A window that was closed, or a computer without power, has left it unfinished.
    let is_resumable = Format::of(&request.output).is_ok_and(|format| format.is_resumable());
    arguments.extend(is_resumable.then(|| "--resume".into()));
    arguments.extend(request.is_final.then(|| "--final".into()));
    arguments.extend(request.anyway.then(|| "--anyway".into()));
    arguments
}

/// Runs a render to its end.
fn run(job: &Mutex<Job>, program: &Path, request: &RenderRequest) -> Result<String, String> {
    let output = &request.output;
    if output.symlink_metadata().is_ok() {
        return Err(format!("{} is there already; choose another name", output.display()));
    }
    let mut command = Command::new(program);
    command.args(arguments(request)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    priority::lower(&mut command);
    let failed = |error: std::io::Error| format!("{}: {error}; render the take on the command line", program.display());
    let mut child = command.spawn().map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    {
        let mut job = locked(job);
        if job.is_cancelled {
            // The cancel came before the process.
            let _ = child.kill();
        }
        job.child = Some(child);
    }
    let message = std::thread::spawn(move || {
        let mut text = Vec::new();
        let mut stderr = stderr.map(|stderr| stderr.take(MOST_MESSAGE));
        // An incomplete message is still shown.
        let _ = stderr.as_mut().map(|stderr| stderr.read_to_end(&mut text));
        // A full pipe would stop the render.
        let _ = stderr.map(|stderr| std::io::copy(&mut stderr.into_inner(), &mut std::io::sink()));
        String::from_utf8_lossy(&text).into_owned()
    });
    for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
        if let Ok(Progress { pictures, of }) = serde_json::from_str(&line) {
            locked(job).state = RenderState::Running { output: output.clone(), pictures, of };
        }
    }
    let status = loop {
        let ended = locked(job).child.as_mut().map_or(Ok(None), Child::try_wait).map_err(failed)?;
        match ended {
            Some(status) => break status,
            None => std::thread::sleep(POLL),
        }
    };
    let message = message.join().unwrap_or_default();
    if locked(job).is_cancelled && !status.success() {
        discard(output);
        return Ok("The render was cancelled.".to_owned());
    }
    let warnings: Vec<&str> = message.lines().filter(|line| line.starts_with("warning: ")).collect();
    match message.trim() {
        _ if status.success() => {
            let rendered = format!("Rendered {}", output.display());
            Ok([&[&*rendered], &*warnings].concat().join("\n"))
        }
        "" => Err(format!(
            "the render ended with {status}; run `bendrack render --take FILE -o VIDEO` in a terminal for its messages"
        )),
        message => Err(message.strip_prefix("bendrack: ").unwrap_or(message).replace("\nbendrack: ", "\n")),
    }
}
