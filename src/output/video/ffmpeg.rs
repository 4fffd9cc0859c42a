//! Formats that the program ffmpeg writes: ProRes, HEVC, VP9, AV1.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::media::Picture;
use crate::output::raw::{FrameFormat, Frames};
use crate::output::video::growing::Growing;
use crate::output::video::part::Part;
use crate::output::video::{End, Position, VideoWriter};
use crate::output::{Error, Result};
use crate::provenance::Provenance;
use crate::sound::{RATE, Stereo};

/// A codec of ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Apple ProRes 422 HQ, in a .mov.
    ProRes,
    /// HEVC, in a .mkv.
    Hevc,
    /// VP9, in a .webm.
    Vp9,
    /// AV1, in a .av1.mkv or .av1.webm.
    Av1,
}

impl Codec {
    /// The codec by the name of a file.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = |path: &Path| path.extension().map(OsStr::to_ascii_lowercase);
        let inner = path.file_stem().and_then(|stem| ending(Path::new(stem)));
        let is_av1 = inner.is_some_and(|it| it == "av1");
        match ending(path)?.to_str()? {
            "mov" => Some(Self::ProRes),
            "mkv" | "webm" if is_av1 => Some(Self::Av1),
            "mkv" => Some(Self::Hevc),
            "webm" => Some(Self::Vp9),
            _ => None,
        }
    }

    /// The arguments of ffmpeg for the pictures.
    const fn pictures(self) -> &'static [&'static str] {
        match self {
            Self::ProRes => &["-c:v", "prores_ks", "-profile:v", "3", "-pix_fmt", "yuv422p10le"],
            Self::Hevc => &["-c:v", "libx265", "-crf", "18", "-pix_fmt", "yuv420p", "-x265-params", "log-level=error"],
            Self::Vp9 => &["-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-row-mt", "1", "-pix_fmt", "yuv420p"],
            Self::Av1 => &["-c:v", "libaom-av1", "-crf", "24", "-cpu-used", "6", "-row-mt", "1", "-pix_fmt", "yuv420p"],
        }
    }

    /// The arguments of ffmpeg for the sound.
    const fn sound(self) -> &'static [&'static str] {
        match self {
            Self::ProRes => &["-c:a", "pcm_s24le"],
            Self::Hevc | Self::Vp9 | Self::Av1 => &["-c:a", "libopus", "-b:a", "160k"],
        }
    }
}

/// A video that ffmpeg writes beside its place. It cannot go on after an end.
pub struct Ffmpeg {
    place: PathBuf,
    codec: Codec,
    frame_rate: f64,
    /// The file of the pictures.
    file: Growing,
    running: Option<Running>,
    /// The sound, as samples without a header.
    sound: Option<(Growing, Vec<u8>)>,
}

/// A running ffmpeg. Dropping it ends it.
struct Running {
    child: Child,
    /// Its input; none once it is closed.
    frames: Option<Frames<BufWriter<ChildStdin>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is ended already, or its file is to be deleted.
        let _ = self.child.kill();
        self.frames = None;
        let _ = self.child.wait();
    }
}

impl Ffmpeg {
    /// Begins a video.
    pub fn open(place: &Path, frame_rate: f64, codec: Codec) -> Result<Self> {
        drop(Part::create(place)?);
        let found = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_err() {
            return Err(Error::new(place, "this format needs the program ffmpeg: install it, or choose .mp4"));
        }
        let file = Growing::beside(place)?;
        // The sound of a program that was killed.
        let _ = fs::remove_file(sound_path(file.path()));
        Ok(Self { place: place.to_owned(), codec, frame_rate, file, running: None, sound: None })
    }

    fn begin(&mut self, picture: &Picture) -> Result<()> {
        let mut command = ffmpeg();
        command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-color_range", "pc", "-s"]);
        command.arg(format!("{}x{}", picture.width, picture.height));
        command.args(["-r", &self.frame_rate.to_string(), "-i", "-"]);
        // Players read the matrix and the range from the stream. Codecs need even sides.
        command.args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv"]);
        command.args(["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"]);
        command.args(self.codec.pictures()).arg(named(self.file.path())).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Error::new(&self.place, format!("ffmpeg: {error}")))?;
        let input = child.stdin.take().ok_or_else(|| Error::new(&self.place, "ffmpeg takes no input"))?;
        let frames = Some(Frames::new(FrameFormat::Rawvideo, BufWriter::new(input)));
        self.running = Some(Running { child, frames });
        Ok(())
    }

    /// The failure of ffmpeg, by its own last line.
    fn failed(&self, child: &mut Child) -> Error {
        let mut text = String::new();
        if let Some(errors) = &mut child.stderr {
            // A text that breaks off is better than none.
            let _ = errors.read_to_string(&mut text);
        }
        let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it ended without a message");
        Error::new(&self.place, format!("ffmpeg: {line}; choose another format, or another ffmpeg"))
    }

    /// Ends the pictures.
    fn end_pictures(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else {
            return Err(Error::new(&self.place, "no picture was recorded, so there is no file"));
        };
        let ended = running.frames.take().map_or(Ok(()), |mut frames| frames.flush());
        let status = running.child.wait().map_err(|error| Error::new(&self.place, format!("ffmpeg: {error}")))?;
        if ended.is_err() || !status.success() { Err(self.failed(&mut running.child)) } else { Ok(()) }
    }

    /// Joins pictures and sound into a file beside the place.
    fn with_sound(&mut self, mut sound: Growing, rest: &[u8]) -> Result<()> {
        sound.write(rest)?;
        let joined = Part::create(&self.place)?;
        let mut command = ffmpeg();
        command.arg("-i").arg(named(self.file.path())).args([
            "-f",
            "f32le",
            "-ac",
            "2",
            "-ar",
            &RATE.to_string(),
            "-i",
        ]);
        command.arg(named(sound.path())).args(["-c:v", "copy"]).args(self.codec.sound());
        let is_webm = self.place.extension().is_some_and(|it| it.eq_ignore_ascii_case("webm"));
        let container = if is_webm { "webm" } else { "matroska" };
        command.args(["-f", if self.codec == Codec::ProRes { "mov" } else { container }]);
        command.arg(named(joined.temporary())).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Error::new(&self.place, format!("ffmpeg: {error}")))?;
        let status = child.wait().map_err(|error| Error::new(&self.place, format!("ffmpeg: {error}")))?;
        if status.success() { joined.keep() } else { Err(self.failed(&mut child)) }
    }
}

/// A path for ffmpeg, which takes a colon in a name for a protocol.
fn named(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// The file of the sound, beside that of the pictures.
fn sound_path(pictures: &Path) -> PathBuf {
    let mut name = pictures.as_os_str().to_owned();
    name.push(".pcm");
    name.into()
}

/// ffmpeg without a banner, in place of the file that it writes.
fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostats", "-y"]).stdout(Stdio::null());
    // Ctrl+C in a terminal reaches the whole group of this program. ffmpeg ends with its input instead.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

impl VideoWriter for Ffmpeg {
    fn set_provenance(&mut self, _: &Provenance) -> Result<()> {
        Ok(())
    }

    fn set_sound(&mut self) -> Result<()> {
        self.sound = Some((Growing::helper(&sound_path(self.file.path()))?, Vec::new()));
        Ok(())
    }

    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        let Some((file, waiting)) = &mut self.sound else { return Ok(()) };
        waiting.extend(samples.as_flattened().iter().flat_map(|sample| sample.to_le_bytes()));
        if waiting.len() > 1 << 20 {
            file.write(&std::mem::take(waiting))?;
        }
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        if self.running.is_none() {
            self.begin(picture)?;
        }
        let frames = self.running.as_mut().and_then(|running| running.frames.as_mut());
        if frames.is_some_and(|frames| frames.push(picture).is_err())
            && let Some(mut running) = self.running.take()
        {
            running.frames = None;
            return Err(self.failed(&mut running.child));
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<Position> {
        Ok(Position::Elsewhere)
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<()> {
        self.end_pictures()?;
        if end == End::Beside {
            self.file.keep();
            return Ok(());
        }
        match self.sound.take() {
            Some((sound, rest)) => self.with_sound(sound, &rest),
            None => self.file.move_to(&self.place),
        }
    }
}

/// Pictures on standard output, for another program.
pub struct Piped(Frames<std::io::Stdout>);

impl Piped {
    /// Begins YUV4MPEG2 on standard output.
    pub fn open() -> Self {
        Self(Frames::new(FrameFormat::Y4m, std::io::stdout()))
    }
}

impl VideoWriter for Piped {
    fn set_provenance(&mut self, _: &Provenance) -> Result<()> {
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        self.0.push(picture).map_err(|error| Error::new(Path::new("-"), format!("standard output: {error}")))
    }

    fn settle(&mut self) -> Result<Position> {
        Ok(Position::Elsewhere)
    }

    fn finish(self: Box<Self>, _: End) -> Result<()> {
        let flushed = std::io::stdout().flush();
        flushed.map_err(|error| Error::new(Path::new("-"), format!("standard output: {error}")))
    }
}
