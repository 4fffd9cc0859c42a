//! The facts about a system that the checks judge.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::cli::{memory, models};
use crate::files::data_folder;
use crate::io::{audio, midi, serial};
use crate::output::video::encoder_problem;

/// The time that a question to drivers may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// Libraries that the window opens by their names when it starts, on X11 and on Wayland.
const OF_X11: [&str; 6] =
    ["libX11.so.6", "libX11-xcb.so.1", "libXcursor.so.1", "libXi.so.6", "libxkbcommon.so.0", "libxkbcommon-x11.so.0"];
const OF_WAYLAND: [&str; 2] = ["libwayland-client.so.0", "libxkbcommon.so.0"];
/// The port of OSC in the examples.
pub(super) const OSC_PORT: u16 = 9000;

/// The display of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Display {
    /// A window, by this system or protocol.
    X11,
    /// See X11.
    Wayland,
    /// macOS or Windows.
    Native,
    /// Nothing.
    None,
}

/// A graphics card or a driver, and whether the processor draws.
pub(super) type Adapter = (String, bool);

/// The drivers that draw a window.
pub(super) enum Graphics {
    /// This build has no window.
    #[cfg_attr(feature = "ui", allow(dead_code, reason = "only a build without a window has it"))]
    NoWindow,
    /// The drivers do not answer.
    Silent,
    /// These adapters.
    Found(Vec<Adapter>),
}

/// Facts about a system. An answer that did not come in time is none.
pub(super) struct System {
    /// Instructions of the processor that the kernels use, and its cores.
    pub(super) instructions: Vec<&'static str>,
    pub(super) cores: usize,
    pub(super) free_memory: Option<u64>,
    /// The user's folder for takes and settings, and the free space on its disk.
    pub(super) folder: Option<(PathBuf, Option<u64>)>,
    /// True if the folder, or the nearest one above it, can be written.
    pub(super) can_write: bool,
    pub(super) display: Display,
    pub(super) missing_libraries: Vec<&'static str>,
    pub(super) graphics: Graphics,
    pub(super) has_portal: bool,
    /// The number of font files; none where they were not searched.
    pub(super) fonts: Option<usize>,
    pub(super) audio: Option<Result<Vec<String>, String>>,
    pub(super) midi: Option<Result<Vec<String>, String>>,
    /// Serial ports of USB, and whether each can be opened.
    pub(super) serial: Option<Result<Vec<(String, bool)>, String>>,
    /// The problem of the port of OSC.
    pub(super) osc: Result<(), String>,
    /// The problem of the encoder of MP4.
    pub(super) mp4: Result<(), String>,
    pub(super) has_ffmpeg: bool,
    /// Models by name, each with the problem of its files.
    pub(super) models: Option<Vec<(String, Option<String>)>>,
}

impl System {
    /// This system. Devices are listed, not opened.
    pub(super) fn read() -> Self {
        let graphics = graphics();
        let sound = patiently(|| audio::inputs().map_err(|problem| problem.to_string()));
        let ports = patiently(|| {
            let inputs = midi::inputs().map_err(|problem| problem.to_string())?;
            let outputs = midi::outputs().map_err(|problem| problem.to_string())?;
            Ok([inputs, outputs].concat())
        });
        let boards = patiently(|| {
            let ports = serial::ports().map_err(|problem| problem.to_string())?;
            // Boards come by USB; a PC has ports of its own that nothing is connected to.
            let boards = ports.into_iter().filter(|port| port.usb.is_some());
            Ok(boards.map(|port| (port.path.clone(), can_open(Path::new(&port.path)))).collect())
        });
        let models = patiently(|| models::list().into_iter().map(|(name, about)| (name, about.err())).collect());
        let display = display();
        let folder = data_folder().map(|folder| folder.join("bendrack"));
        let existing = folder.as_deref().and_then(|folder| folder.ancestors().find(|folder| folder.is_dir()));
        Self {
            instructions: instructions(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            free_memory: memory::room(),
            can_write: existing.is_some_and(|folder| tempfile_in(folder).is_ok()),
            folder: folder.as_ref().map(|path| (path.clone(), existing.and_then(|at| fs4::available_space(at).ok()))),
            missing_libraries: libraries(display).iter().filter(|name| !is_library(name)).copied().collect(),
            display,
            graphics,
            has_portal: has_portal(),
            fonts: fonts(),
            audio: sound,
            midi: ports,
            serial: boards,
            osc: UdpSocket::bind(("127.0.0.1", OSC_PORT)).map(drop).map_err(|error| error.to_string()),
            mp4: encoder_problem().map_or(Ok(()), Err),
            has_ffmpeg: in_path("ffmpeg"),
            models,
        }
    }
}

/// The answer to a question, if it comes in time. A driver that hangs keeps its thread.
fn patiently<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (send, receive) = channel();
    thread::spawn(move || send.send(ask()));
    receive.recv_timeout(PATIENCE).ok()
}

#[cfg(feature = "ui")]
fn graphics() -> Graphics {
    let ask = || crate::ui::adapters().into_iter().map(|adapter| (adapter.name, adapter.is_software)).collect();
    patiently(ask).map_or(Graphics::Silent, Graphics::Found)
}

#[cfg(not(feature = "ui"))]
const fn graphics() -> Graphics {
    Graphics::NoWindow
}

#[cfg(feature = "ui")]
fn fonts() -> Option<usize> {
    patiently(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_system_fonts();
        fonts.len()
    })
}

#[cfg(not(feature = "ui"))]
const fn fonts() -> Option<usize> {
    None
}

fn display() -> Display {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !cfg!(target_os = "linux") {
        Display::Native
    } else if is_set("WAYLAND_DISPLAY") {
        Display::Wayland
    } else if is_set("DISPLAY") {
        Display::X11
    } else {
        Display::None
    }
}

/// The libraries that a window needs.
const fn libraries(display: Display) -> &'static [&'static str] {
    match display {
        Display::X11 => &OF_X11,
        Display::Wayland => &OF_WAYLAND,
        Display::Native | Display::None => &[],
    }
}

/// True if the system's loader finds a library.
#[cfg(target_os = "linux")]
fn is_library(name: &str) -> bool {
    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: these are libraries of X11 and Wayland, which do nothing when they are loaded. The name ends in a zero.
    !unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY) }.is_null()
}

/// Other systems have their own window.
#[cfg(not(target_os = "linux"))]
const fn is_library(_: &str) -> bool {
    true
}

/// True if a service gives file dialogs to programs.
fn has_portal() -> bool {
    let name = "org.freedesktop.portal.Desktop.service";
    ["/usr/share/dbus-1/services", "/usr/local/share/dbus-1/services"]
        .iter()
        .any(|at| Path::new(at).join(name).exists())
}

/// True if a port can be opened for reading and writing. It is not opened: some boards start again when that happens.
#[cfg(target_os = "linux")]
fn can_open(port: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(port.as_os_str().as_bytes()) else { return false };
    // SAFETY: the path is a string that ends in a zero.
    unsafe { libc::access(path.as_ptr(), libc::R_OK | libc::W_OK) == 0 }
}

/// True if a port can be opened for reading and writing.
#[cfg(not(target_os = "linux"))]
const fn can_open(_: &Path) -> bool {
    true
}

/// Makes a file in a folder, and removes it.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".bendrack-{}", std::process::id()));
    std::fs::File::create_new(&path)?;
    std::fs::remove_file(path)
}

/// True if a program is in the path of programs.
fn in_path(program: &str) -> bool {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(&name).is_file()))
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> Vec<&'static str> {
    let known = [
        ("AVX2", is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
        ("AVX-512 BF16", is_x86_feature_detected!("avx512bf16")),
    ];
    known.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}

#[cfg(target_arch = "aarch64")]
fn instructions() -> Vec<&'static str> {
    vec!["Neon"]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instructions() -> Vec<&'static str> {
    Vec::new()
}
