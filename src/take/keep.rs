//! Takes that a person keeps, names and deletes. No file is replaced.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::folder::{EXTENSION, SESSION};
use super::lock;
use super::read::open;

/// The longest name, in characters.
const LONGEST: usize = 120;
/// The longest title within a name, in characters.
const LONGEST_TITLE: usize = 60;
/// The most takes of one name and minute.
const MOST_COPIES: u32 = 1000;
/// Characters that a name has on no system.
const REFUSED: &str = "/\\:*?\"<>|";

/// A file of a folder that has the name of a take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// The time of its last change.
    pub modified: SystemTime,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The files of a folder that have the name of a take, newest first. A folder that is not there has none.
///
/// # Errors
///
/// Fails if the folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut all: Vec<Found> = paths.filter(|path| is_take(path)).filter_map(|path| found(&path).ok()).collect();
    all.sort_by(|a, b| (b.modified, &b.path).cmp(&(a.modified, &a.path)));
    Ok(all)
}

/// A file as it is now.
///
/// # Errors
///
/// Fails if it is no file, or if it cannot be looked at.
pub fn found(path: &Path) -> io::Result<Found> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(Found { path: path.to_owned(), modified, bytes: meta.len() })
}

fn is_take(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}

/// True if a take stays until a person deletes it; false if it was written by itself.
pub fn is_kept(path: &Path) -> bool {
    path.file_name().is_none_or(|name| !name.to_string_lossy().starts_with(SESSION))
}

/// The time at which a take began: the time in its name, or that of its last change less its length.
pub fn begun(found: &Found, secs: f64) -> Option<Zoned> {
    let stem = found.path.file_stem()?.to_string_lossy();
    if let Some(time) = stem.strip_prefix(SESSION).and_then(|rest| rest.get(..19))
        && let Ok(time) = DateTime::strptime("%Y-%m-%d %H-%M-%S", time)
    {
        return time.to_zoned(TimeZone::system()).ok();
    }
    let end = Timestamp::try_from(found.modified).ok()?;
    let begun = end.checked_sub(Duration::try_from_secs_f64(secs).ok()?).ok()?;
    Some(begun.to_zoned(TimeZone::system()))
}

/// The name of a kept take, without its ending: the title of its patch, and the time.
pub fn name_of(title: &str, begun: &Zoned) -> String {
    let plain: String = title.chars().map(|c| if c.is_control() || REFUSED.contains(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let title: String = words.join(" ").trim_start_matches('.').chars().take(LONGEST_TITLE).collect();
    let is_session = format!("{title} ").to_lowercase().starts_with(SESSION);
    let title = match title.trim() {
        "" => "take".to_owned(),
        title if is_session => format!("take of {title}"),
        title => title.to_owned(),
    };
    format!("{title} {}", begun.strftime("%Y-%m-%d %H-%M"))
}

/// The path of a kept take of this name.
///
/// # Errors
///
/// Fails if no file can have this name, or if takes of this name are deleted by themselves.
pub fn named(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let name = name.trim();
    let name = name.strip_suffix(&format!(".{EXTENSION}")).unwrap_or(name).trim();
    if name.is_empty() {
        return Err("the name is empty; type one".to_owned());
    }
    if name.starts_with('.') || name.ends_with('.') {
        return Err(format!("{name:?} begins or ends with a dot; remove it"));
    }
    if let Some(refused) = name.chars().find(|&c| c.is_control() || REFUSED.contains(c)) {
        return Err(format!("the name contains {refused:?}, which no file name may have; remove it"));
    }
    if name.chars().count() > LONGEST {
        return Err(format!("the name is too long; use at most {LONGEST} characters"));
    }
    if format!("{name} ").to_lowercase().starts_with(SESSION) {
        return Err(
            "names that begin with \"session\" are for takes that bendrack deletes; choose another name".to_owned()
        );
    }
    Ok(folder.join(format!("{name}.{EXTENSION}")))
}

/// Copies a take that is still written, up to its last whole line. The copy has another number if its name is taken.
///
/// # Errors
///
/// Fails if the take cannot be read, or if the copy cannot be written. A part of it is deleted.
pub fn copy_running(from: &Path, folder: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let (path, file) = begin(folder, name)?;
    lock::mark(&file);
    let copied = copy_lines(from, file);
    if let Err(error) = copied {
        // The error of the copy is the one to report.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(path)
}

fn copy_lines(from: &Path, to: File) -> io::Result<()> {
    let modified = fs::metadata(from)?.modified()?;
    let (header, mut lines) = open(from).map_err(io::Error::other)?;
    let mut out = GzEncoder::new(BufWriter::new(to), Compression::default());
    writeln!(out, "{}", serde_json::to_string(&header)?)?;
    while let Some(line) = lines.next_line()? {
        writeln!(out, "{line}")?;
    }
    let file = out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.set_modified(modified)?;
    file.sync_all()
}

/// Begins a file of this name, or of the name with a number.
fn begin(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    for count in 1..MOST_COPIES {
        let number = if count == 1 { String::new() } else { format!(" {count}") };
        let path = named(folder, &format!("{name}{number}")).map_err(io::Error::other)?;
        match File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (path, file)),
        }
    }
    Err(io::Error::other("too many takes of this name; delete some"))
}

/// Gives a take another name in its folder.
///
/// # Errors
///
/// Fails if the name is taken, or if no file can have it.
pub fn rename(path: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let to = named(folder, name)?;
    if to == path {
        return Ok(to);
    }
    let taken = || format!("{} is there already; choose another name", to.display());
    match fs::hard_link(path, &to) {
        Ok(()) => fs::remove_file(path).map_err(|error| format!("{}: {error}", path.display()))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken()),
        // A file system without hard links.
        Err(_) if to.symlink_metadata().is_ok() => return Err(taken()),
        Err(_) => fs::rename(path, &to).map_err(|error| format!("{}: {error}", path.display()))?,
    }
    Ok(to)
}

/// Deletes a take of this folder.
///
/// # Errors
///
/// Fails if the file is no take of this folder, or if the system refuses.
pub fn delete(folder: &Path, path: &Path) -> Result<(), String> {
    let refused = |why: &dyn std::fmt::Display| format!("{}: {why}; delete it by other means", path.display());
    if path.parent() != Some(folder) || path.file_name().is_none() || !is_take(path) {
        return Err(refused(&format_args!("no take of {}", folder.display())));
    }
    // A link is deleted, and not its target.
    fs::remove_file(path).map_err(|error| refused(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Entry;
    use crate::take::tests::{first_bend, header};
    use crate::take::write::TakeFile;
    use crate::take::{Summary, Take};

    fn at(name: &str) -> Zoned {
        let time = DateTime::strptime("%Y-%m-%d %H-%M-%S", name).expect("a time");
        time.to_zoned(TimeZone::UTC).expect("a time of a zone")
    }

    /// A take that is still written: of this many latent frames.
    fn running(path: &Path, frames: usize) -> TakeFile {
        let mut file = TakeFile::begin(path, &header(&first_bend())).expect("a file");
        for _ in 0..frames {
            file.write(&Entry::Make { frames: 1 }).expect("an entry");
            file.write(&Entry::Show { frames: 1 }).expect("an entry");
        }
        file.flush().expect("a flush");
        file
    }

    #[test]
    fn a_running_take_is_copied_whole_lines_only_and_never_over_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let from = folder.path().join("session 2026-11-29 14-03-05.take");
        let mut file = running(&from, 9);
        let first = copy_running(&from, folder.path(), "First bend").expect("a copy");
        // Half a line is on the disk.
        file.write(&Entry::Show { frames: 1 }).expect("an entry");
        let second = copy_running(&from, folder.path(), "First bend").expect("a copy");
        assert!(first.ends_with("First bend.take") && second.ends_with("First bend 2.take"), "{second:?}");
        for copy in [&first, &second] {
            let (take, summary) = (Take::read(copy).expect("a take"), Summary::read(copy).expect("a summary"));
            assert!(!take.is_cut && !summary.is_cut && is_kept(copy));
            assert_eq!((take.entries.len(), take.pictures(), summary.secs), (18, 33, 33.0 / 16.0));
        }
        let summary = Summary::read(&from).expect("a summary");
        assert!(summary.is_cut, "the original is still written");
        assert_eq!((&*summary.title, &*summary.model, summary.size), ("First bend", "mini", [128, 128]));
        assert!(copy_running(&folder.path().join("none.take"), folder.path(), "None").is_err());
        assert!(!folder.path().join("None.take").exists(), "no empty copy stays");
    }

    #[test]
    fn takes_are_listed_newest_first_with_the_time_of_their_beginning() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(list(&folder.path().join("none")).expect("no takes"), []);
        let modified = |name: &str, time: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "no take").expect("a file");
            let file = File::options().write(true).open(&path).expect("the file");
            file.set_modified(at(time).timestamp().into()).expect("a time");
        };
        modified("session 2026-11-29 14-03-05 2.take", "2026-11-29 15-00-00");
        modified("mine.take", "2026-11-29 16-00-00");
        modified("notes.txt", "2026-11-29 16-00-00");
        fs::create_dir(folder.path().join("folder.take")).expect("a folder");
        let found = list(folder.path()).expect("takes");
        let names: Vec<_> = found.iter().map(|found| found.path.file_name().expect("a name")).collect();
        assert_eq!(names, ["mine.take", "session 2026-11-29 14-03-05 2.take"]);
        assert_eq!(found.iter().map(|found| is_kept(&found.path)).collect::<Vec<_>>(), [true, false]);
        let begun = |index: usize| begun(&found[index], 60.0).expect("a time");
        assert_eq!(begun(0).timestamp(), at("2026-11-29 15-59-00").timestamp(), "a minute before its end");
        assert_eq!(begun(1).datetime(), at("2026-11-29 14-03-05").datetime(), "as in its name");
    }

    #[test]
    fn names_are_those_of_files_on_every_system() {
        let time = at("2026-11-29 14-03-05");
        for (title, name) in [
            ("First bend", "First bend 2026-11-29 14-03"),
            ("", "take 2026-11-29 14-03"),
            ("../a/b: \"c\"\n", "a b c 2026-11-29 14-03"),
            ("Session two", "take of Session two 2026-11-29 14-03"),
            ("session", "take of session 2026-11-29 14-03"),
        ] {
            assert_eq!(name_of(title, &time), name);
            assert!(named(Path::new("takes"), &name_of(title, &time)).is_ok());
        }
        assert!(name_of(&"猫".repeat(900), &time).chars().count() < LONGEST);
        assert_eq!(named(Path::new("takes"), " a.take "), Ok(Path::new("takes").join("a.take")));
        for (name, why) in [
            ("", "the name is empty"),
            ("..", "begins or ends with a dot"),
            ("a/b", "the name contains '/'"),
            ("a\u{7}", "the name contains"),
            ("Session 9", "are for takes that bendrack deletes"),
            (&"a".repeat(121), "too long"),
        ] {
            assert!(named(Path::new("takes"), name).expect_err(name).contains(why), "{name}");
        }
    }

    #[test]
    fn a_rename_replaces_nothing_and_only_takes_of_the_folder_are_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["session a.take", "mine.take", "patch.json"] {
            fs::write(path(name), name).expect("a file");
        }
        let refused = rename(&path("session a.take"), "mine").expect_err("a taken name");
        assert!(refused.contains("mine.take is there already"), "{refused}");
        assert_eq!(fs::read(path("mine.take")).expect("a file"), b"mine.take");
        assert_eq!(rename(&path("session a.take"), "best"), Ok(path("best.take")));
        assert_eq!(rename(&path("best.take"), "best"), Ok(path("best.take")), "the same name");
        assert!(!path("session a.take").exists() && path("best.take").exists());
        fs::create_dir(path("below")).expect("a folder");
        fs::write(path("below/other.take"), "").expect("a file");
        for kept in [path("patch.json"), path("below/other.take"), path("below/../best.take"), path("none.take")] {
            assert!(delete(folder.path(), &kept).expect_err("refused").contains("delete it by other means"));
        }
        assert_eq!(delete(folder.path(), &path("best.take")), Ok(()));
        assert!(!path("best.take").exists() && path("below/other.take").exists() && path("patch.json").exists());
    }
}
