//! The files of a command, compared before any of them is written.
//!
//! An output replaces no input, no other output, and no file of another kind.

use std::ffi::OsString;
use std::fs::{self};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::Failure;
use crate::files::{self, is_same, resolved};
use crate::output::video::{Format, is_numbered};

/// Largest report or state that may be replaced, in bytes.
const MAX_REPORT: u64 = 64 << 20;

/// Content of an output. It replaces an older file of the same content, unless noted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Content {
    Mp4,
    Gif,
    /// A video in a QuickTime, Matroska or WebM file.
    Container,
    Png,
    Svg,
    /// The report of a study, as HTML.
    Page,
    /// The statistics of a study, as JSON.
    Statistics,
    /// The report of a render, as JSON.
    Report,
    /// A patch. It replaces nothing, so that no other patch is lost.
    Patch,
    /// A take. It replaces nothing.
    Take,
    /// The last values of controls, as JSON.
    State,
    /// The record beside a video. [`write_sidecar`](super::record::write_sidecar) never replaces another file with it.
    Record,
}

enum Place {
    File(PathBuf),
    /// `folder/prefix000000.png`, …
    Numbered {
        folder: PathBuf,
        prefix: OsString,
    },
}

enum Role {
    Input,
    Output(Content),
    /// Numbered pictures. Their writer refuses existing ones.
    Pictures,
}

struct Named {
    /// Its role on the command line: `the patch`, `--report`.
    name: &'static str,
    place: Place,
    role: Role,
}

/// The files of a command.
#[derive(Default)]
pub(super) struct Files(Vec<Named>);

impl Files {
    /// Adds an input.
    pub(super) fn input(mut self, name: &'static str, path: &Path) -> Self {
        self.0.push(Named { name, place: Place::File(path.to_owned()), role: Role::Input });
        self
    }

    /// Adds an output.
    pub(super) fn output(mut self, name: &'static str, path: &Path, kind: Content) -> Self {
        self.0.push(Named { name, place: Place::File(path.to_owned()), role: Role::Output(kind) });
        self
    }

    /// Adds an output video, in the format of its name.
    pub(super) fn video(mut self, name: &'static str, path: &Path) -> Result<Self, Failure> {
        let inner = path.extension().and_then(|_| Path::new(path.file_stem()?).extension());
        if inner.is_some_and(|inner| inner.eq_ignore_ascii_case("part")) {
            return Err(refused(name, path, "names with .part are those of unfinished videos"));
        }
        match Format::of(path).map_err(|error| Failure::Failed(error.to_string()))? {
            Format::Mp4 => Ok(self.output(name, path, Content::Mp4)),
            Format::Gif => Ok(self.output(name, path, Content::Gif)),
            Format::Apng => Ok(self.output(name, path, Content::Png)),
            Format::Ffmpeg(_) => Ok(self.output(name, path, Content::Container)),
            Format::Stdout => Ok(self),
            Format::Pictures { folder, prefix } => {
                self.0.push(Named { name, place: Place::Numbered { folder, prefix }, role: Role::Pictures });
                Ok(self)
            }
        }
    }

    /// An error if an output would replace another file.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for (index, file) in self.0.iter().enumerate() {
            let Role::Output(kind) = file.role else { continue };
            let Place::File(path) = &file.place else { continue };
            let others = self.0.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
            for other in others.filter(|other| kind != Content::Record || !matches!(other.role, Role::Input)) {
                if other.place.contains_path(path) {
                    return Err(refused(file.name, path, &format!("this is also {}", other.name)));
                }
            }
            if kind != Content::Record {
                check_replaced(file.name, path, kind)?;
            }
        }
        let numbered = self.0.iter().filter(|file| matches!(file.role, Role::Pictures));
        for pictures in numbered {
            for input in self.0.iter().filter(|file| matches!(file.role, Role::Input)) {
                if let Place::File(path) = &input.place
                    && pictures.place.contains_path(path)
                {
                    let why = format!("this is {} and the name of one of the numbered pictures", input.name);
                    return Err(refused(pictures.name, path, &why));
                }
            }
        }
        Ok(())
    }

    /// Name of the input at a path.
    pub(super) fn input_at(&self, path: &Path) -> Option<&'static str> {
        let inputs = self.0.iter().filter(|file| matches!(file.role, Role::Input));
        inputs.into_iter().find(|file| file.place.contains_path(path)).map(|file| file.name)
    }
}

impl Place {
    /// True if a path is this file, or one of the numbered pictures or their folder.
    fn contains_path(&self, path: &Path) -> bool {
        match self {
            Self::File(file) => is_same(file, path),
            Self::Numbered { folder, prefix } => {
                let path = resolved(path);
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                let is_inside = path.parent().is_some_and(|parent| is_same(parent, folder));
                is_same(&path, folder) || is_inside && path.file_name().is_some_and(|name| is_numbered(name, prefix))
            }
        }
    }
}

fn refused(name: &str, path: &Path, why: &str) -> Failure {
    Failure::Usage(format!("{name} {}: {why}; give another name", path.display()))
}

/// An error if a file of this kind must not replace the file at a path.
pub(super) fn check_replaced(name: &str, path: &Path, kind: Content) -> Result<(), Failure> {
    let Ok(there) = fs::metadata(path) else { return Ok(()) };
    let why = if there.is_dir() {
        "this is a folder"
    } else if !there.is_file() {
        // A report may go to a terminal or a pipe.
        if kind == Content::Report {
            return Ok(());
        }
        "this is not a regular file"
    } else if there.len() == 0 || is_of(path, kind) {
        return Ok(());
    } else {
        match kind {
            Content::Mp4 => "the existing file is not an MP4",
            Content::Gif => "the existing file is not a GIF",
            Content::Container => "the existing file is not a video",
            Content::Png => "the existing file is not a PNG",
            Content::Svg => "the existing file is not an SVG",
            Content::Page => "the existing file is not a report of a study",
            Content::Statistics => "the existing file has no statistics of a study",
            Content::Report => "the existing file is not a report of a render",
            Content::Patch | Content::Take => "the file exists already",
            Content::State => "the existing file is not a state of `bendrack play`",
            Content::Record => "the existing file is not a record of a render",
        }
    };
    Err(refused(name, path, why))
}

/// True if the bytes of a file have this content.
fn is_of(path: &Path, kind: Content) -> bool {
    let head = |length: u64| {
        let mut bytes = Vec::new();
        let read = files::open(path).and_then(|file| file.take(length).read_to_end(&mut bytes));
        read.map(|_| bytes).unwrap_or_default()
    };
    match kind {
        Content::Mp4 => head(8).get(4..) == Some(b"ftyp"),
        Content::Gif => head(4) == b"GIF8",
        Content::Container => head(4) == [0x1a, 0x45, 0xdf, 0xa3] || head(8).get(4..) == Some(b"ftyp"),
        Content::Png => head(8) == b"\x89PNG\r\n\x1a\n",
        Content::Svg => head(4) == b"<svg",
        Content::Page => String::from_utf8_lossy(&head(512)).contains("<meta name=\"generator\" content=\"bendrack\">"),
        Content::Statistics => {
            let statistics: Option<Json> = serde_json::from_slice(&head(MAX_REPORT)).ok();
            statistics.is_some_and(|it| ["facts", "measures", "parts"].iter().all(|key| it.get(key).is_some()))
        }
        Content::Report => {
            let report: Option<Json> = serde_json::from_slice(&head(MAX_REPORT)).ok();
            report.is_some_and(|report| ["bendrack", "program_sha256"].iter().all(|key| report.get(key).is_some()))
        }
        Content::Patch | Content::Take => false,
        Content::State => {
            let state: Option<Json> = serde_json::from_slice(&head(MAX_REPORT)).ok();
            state.is_some_and(|state| state.get("bendrack-state").is_some())
        }
        Content::Record => crate::output::sidecar::is_sidecar(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = include_str!("../../patches/first_bend.json");
    const REPORT: &str = r#"{ "bendrack": "0", "program_sha256": "" }"#;

    #[expect(clippy::needless_pass_by_value, reason = "a builder ends here")]
    fn message(files: Files) -> Option<String> {
        match files.check() {
            Ok(()) => None,
            Err(Failure::Usage(message)) => Some(message),
            Err(Failure::Failed(_) | Failure::InvalidPatch | Failure::Reported) => panic!("a failure, not a wrong use"),
        }
    }

    /// Ways to write one path: names in `folder` that all lead to `name`, which is made if `is_there`.
    fn spellings(folder: &Path, name: &str, is_there: Option<&[u8]>) -> Vec<PathBuf> {
        fs::create_dir_all(folder.join("sub")).expect("a folder");
        let path = folder.join(name);
        let mut all = vec![path.clone(), folder.join("sub/..").join(name), folder.join(".").join(name)];
        let extension = path.extension().expect("an extension").to_owned();
        match is_there {
            Some(bytes) => {
                fs::write(&path, bytes).expect("a file");
                let hard = folder.join("hard").with_extension(&extension);
                fs::hard_link(&path, &hard).expect("a hard link");
                all.push(hard);
            }
            None => all.push(folder.join(name.to_uppercase())),
        }
        #[cfg(unix)]
        {
            let soft = folder.join("soft").with_extension(&extension);
            std::os::unix::fs::symlink(name, &soft).expect("a link");
            all.push(soft);
        }
        all
    }

    /// Every pair of the paths of `render`, `extract` and `bench`, in every spelling.
    #[test]
    fn no_output_takes_the_place_of_an_input_or_of_another_output() {
        type Add = (&'static str, &'static [u8], fn(Files, &Path) -> Files);
        let inputs: [Add; 3] = [
            ("the patch", PATCH.as_bytes(), |files, path| files.input("the patch", path)),
            ("--audio", b"RIFF", |files, path| files.input("--audio", path)),
            ("the file that is read", PATCH.as_bytes(), |files, path| files.input("the file that is read", path)),
        ];
        let outputs: [Add; 7] = [
            ("-o", b"\0\0\0\x18ftypmp42", |files, path| files.output("-o", path, Content::Mp4)),
            ("-o", b"GIF89a", |files, path| files.output("-o", path, Content::Gif)),
            ("--report", REPORT.as_bytes(), |files, path| files.output("--report", path, Content::Report)),
            ("--sheet", b"\x89PNG\r\n\x1a\n", |files, path| files.output("--sheet", path, Content::Png)),
            ("--plot", b"<svg", |files, path| files.output("--plot", path, Content::Svg)),
            ("-o", b"", |files, path| files.output("-o", path, Content::Patch)),
            ("--state", br#"{ "bendrack-state": 1 }"#, |files, path| files.output("--state", path, Content::State)),
        ];
        for (_, bytes, output) in &outputs {
            for (name, _, other) in inputs.iter().chain(&outputs) {
                for is_there in [Some(*bytes), None] {
                    let folder = tempfile::tempdir().expect("a folder");
                    for path in spellings(folder.path(), "a.json", is_there) {
                        let files = output(other(Files::default(), &folder.path().join("a.json")), &path);
                        let message = message(files).unwrap_or_else(|| panic!("{name}: {}", path.display()));
                        assert!(message.contains("this is also"), "{name}: {message}");
                    }
                }
            }
            let folder = tempfile::tempdir().expect("a folder");
            let at = |name: &str| folder.path().join(name);
            fs::write(at("a"), PATCH).expect("a file");
            fs::write(at("b"), bytes).expect("a file");
            for place in ["b", "c"] {
                let files = output(Files::default().input("the patch", &at("a")), &at(place));
                assert_eq!(message(files), None, "an older file of the kind is replaced");
            }
        }
    }

    #[test]
    fn numbered_pictures_take_no_place_either() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let video = |path: &str| Files::default().video("-o", &at(path)).unwrap_or_default();
        fs::write(at("a_00005.png"), PATCH).expect("a file");
        for name in ["a_00005.png", "a_00006.png", "A_00006.PNG"] {
            let read = video("a.png").input("the patch", &at(name));
            assert!(message(read).is_some_and(|why| why.contains("numbered pictures")), "{name}");
            let report = video("a.png").output("--report", &at(name), Content::Report);
            assert!(message(report).is_some_and(|why| why.contains("this is also -o")), "{name}");
        }
        let report = video("takes/").output("--report", &at("takes"), Content::Report);
        assert!(message(report).is_some_and(|why| why.contains("this is also -o")));
        let beside =
            video("a.png").input("the patch", &at("a_5.png")).output("--report", &at("a.json"), Content::Report);
        assert_eq!(message(beside), None);
    }

    #[test]
    fn somebodys_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (name, bytes) in [("a", PATCH.as_bytes()), ("b", b"\xff\xd8\xff"), ("c", b"{}"), ("d", b"[1, 2]")] {
            fs::write(at(name), bytes).expect("a file");
            let kinds = [
                Content::Mp4,
                Content::Gif,
                Content::Png,
                Content::Svg,
                Content::Page,
                Content::Statistics,
                Content::Report,
                Content::Patch,
                Content::Take,
                Content::State,
            ];
            for kind in kinds {
                let why = message(Files::default().output("-o", &at(name), kind)).expect("a refusal");
                assert!(why.contains(name) && why.ends_with("give another name"), "{kind:?}: {why}");
            }
        }
        for kind in [Content::Mp4, Content::Report, Content::Patch] {
            let why = message(Files::default().output("-o", folder.path(), kind)).expect("a refusal");
            assert!(why.contains("this is a folder"), "{why}");
        }
    }

    /// The record beside a video is left out if it would replace an input. It is refused if it would replace an output.
    #[test]
    fn a_record_gives_way_to_inputs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.bend.json");
        fs::write(&path, PATCH).expect("a file");
        let files = Files::default().input("the patch", &path).output("the record", &path, Content::Record);
        assert_eq!((files.input_at(&path), message(files)), (Some("the patch"), None));
        let files =
            Files::default().output("--report", &path, Content::Report).output("the record", &path, Content::Record);
        assert!(message(files).is_some());
    }
}
