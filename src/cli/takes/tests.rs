//! The takes of a window, with files: real takes in temporary folders, and programs in the place of renders.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use tempfile::TempDir;

use super::*;
use crate::engine::{Engine, Entry, Journal, Model, Phase, Session};
use crate::sound::Channels;
use crate::take::{SoundFile, TakeWriter, processor};

const SIZE: (usize, usize) = (32, 32);

fn session() -> Session {
    let mut patch = Patch::default();
    patch.meta.title = "Blank".to_owned();
    let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
    let engine = Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan), SIZE)).expect("an engine");
    Session::new(engine, Arc::new(patch))
}

/// Plays a chunk, so that nine pictures are shown.
fn play(session: &mut Session, journal: &mut TakeWriter) {
    let mut act = |session: &mut Session, entry: Entry| {
        session.execute(&entry).expect("an entry");
        journal.record(&entry);
    };
    act(session, Entry::Make { frames: 3 });
    while session.engine().phase() == Phase::Denoise {
        act(session, Entry::Call);
    }
    act(session, Entry::Show { frames: 3 });
    let checksum = session.checksum();
    act(session, Entry::Check(checksum));
}

/// Takes of a folder, and the writer of one that runs.
struct Rig {
    folder: TempDir,
    takes: Takes,
    session: Session,
    writer: TakeWriter,
}

fn rig(program: &Path) -> Rig {
    rig_with(program, None)
}

fn rig_with(program: &Path, sound: Option<SoundFile>) -> Rig {
    let folder = tempfile::tempdir().expect("a folder");
    let takes = folder.path().join("takes");
    let next = takes.clone();
    let writer = TakeWriter::new(move || crate::take::folder::next_session(&next), sound);
    let session = session();
    let model = session.engine().model();
    let made = Render {
        bendrack: "0".to_owned(),
        model: model.short_name(),
        family: "mini".to_owned(),
        model_sha256: model.sha256().expect("a fingerprint"),
        seed: 0,
        size: SIZE.into(),
        zoom: 1,
        exact: false,
        steps: None,
        looped: None,
        take: None,
        start: None,
        is_final: false,
        sound: None,
        frames: 0,
        frame_rate: 16.0,
    };
    let parts = TakeFolder {
        folder: Some(takes),
        videos: folder.path().to_owned(),
        program: program.to_owned(),
        running: Box::new(writer.state()),
        made: Box::new(move || Some(made.clone())),
    };
    Rig { takes: Takes::new(parts), folder, session, writer }
}

impl Rig {
    /// A rig whose take runs, with a chunk that is shown.
    fn running(self) -> Self {
        let mut rig = self;
        rig.writer.begin(&rig.session);
        play(&mut rig.session, &mut rig.writer);
        let state = rig.writer.state();
        until(|| state().path);
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("takes").join(name)
    }

    fn outcome(&self) -> String {
        until(|| self.takes.outcome())
    }

    /// The rows, once all are read and `done`.
    fn rows(&self, done: impl Fn(&[TakeRow]) -> bool) -> Arc<[TakeRow]> {
        until(|| {
            let rows = self.takes.rows();
            (rows.iter().all(|row| row.summary.is_some()) && done(&rows)).then_some(rows)
        })
    }
}

/// The first answer.
fn until<T>(mut answer: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "no answer");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_folder_is_listed_while_a_take_is_written_and_foreign_files_have_a_reason() {
    let rig = rig(Path::new("none")).running();
    fs::write(rig.path("foreign.take"), "no gzip").expect("a file");
    fs::write(rig.path("notes.txt"), "no take").expect("a file");
    let rows = rig.rows(|rows| rows.len() == 2);
    let row = |is_running| rows.iter().find(|row| row.is_running == is_running).expect("a row");
    let running = row(true).summary.clone().expect("read").expect("a take");
    assert_eq!((&*running.title, &*running.model, running.size, running.is_cut), ("Blank", "mini", [32, 32], true));
    assert!(!row(true).is_kept && row(true).begun.is_some());
    let problem = row(false).summary.clone().expect("read").expect_err("no take");
    assert!(problem.ends_with("foreign.take: not a take of bendrack; give a .take file"), "{problem}");
    // A file that changes is read again.
    let Rig { mut writer, takes, folder: _folder, .. } = rig;
    writer.end();
    let length = |rows: &[TakeRow]| {
        let secs = |row: &TakeRow| row.summary.as_ref()?.as_ref().ok().map(|summary| (summary.secs, summary.is_cut));
        rows.iter().find_map(secs)
    };
    let wanted = Some((9.0 / 16.0, false));
    until(|| (length(&takes.rows()) == wanted).then_some(()));
}

#[test]
fn the_running_take_is_kept_while_it_goes_on_and_is_neither_renamed_nor_deleted() {
    let mut rig = rig(Path::new("none"));
    rig.takes.keep();
    assert!(rig.outcome().starts_with("No take is kept: a take is played back, or the model loads"));
    rig = rig.running();
    rig.takes.keep();
    let outcome = rig.outcome();
    assert!(outcome.starts_with("Kept 0.6 s as Blank 20"), "{outcome}");
    let rows = rig.rows(|rows| rows.iter().any(|row| row.is_kept));
    let path = |is_kept| rows.iter().find(|row| row.is_kept == is_kept).expect("a row").path.clone();
    let kept = crate::take::Take::read(&path(true)).expect("a take");
    assert_eq!((kept.pictures(), kept.is_cut), (9, false));
    let refused: [fn(&Takes, &Path); 2] = [|takes, path| takes.rename(path, "mine"), |takes, path| takes.delete(path)];
    for refused in refused {
        refused(&rig.takes, &path(false));
        assert!(rig.outcome().ends_with("the take is written now; restart the video first"));
    }
    rig.takes.rename(&path(true), "se/ssion");
    assert!(rig.outcome().contains("which no file name may have"));
    assert_eq!(rig.takes.renamed(), None, "a refused name");
    rig.takes.rename(&path(true), "mine");
    assert_eq!(rig.outcome(), "Renamed to mine.take");
    assert_eq!(rig.takes.renamed(), Some((path(true), rig.path("mine.take"))));
    assert_eq!(rig.takes.renamed(), None, "once");
    rig.takes.delete(&rig.path("../outside.take"));
    assert!(rig.outcome().contains("no take of "));
    rig.takes.delete(&rig.path("mine.take"));
    assert_eq!(rig.outcome(), "Deleted mine.take");
    assert!(!rig.path("mine.take").exists() && path(false).exists());
}

#[test]
fn a_take_that_another_bendrack_records_is_neither_renamed_nor_deleted_until_its_end() {
    let (rig, mut other) = (rig(Path::new("none")).running(), session());
    let path = rig.path("session other.take");
    let next = path.clone();
    let mut writer = TakeWriter::new(move || Ok(next.clone()), None);
    writer.begin(&other);
    play(&mut other, &mut writer);
    let is_recording = |row: &TakeRow| matches!(&row.summary, Some(Ok(summary)) if summary.is_recording);
    let recorded = |rows: &[TakeRow]| rows.iter().find(|row| row.path == path).map(is_recording);
    let rows = rig.rows(|rows| recorded(rows) == Some(true));
    assert!(rows.iter().any(|row| row.is_running && row.path != path), "the take of this window is another");
    let refused: [fn(&Takes, &Path); 2] = [|takes, path| takes.rename(path, "mine"), |takes, path| takes.delete(path)];
    for refused in refused {
        refused(&rig.takes, &path);
        assert!(rig.outcome().ends_with("another bendrack records the take; end its video first"));
    }
    drop(writer);
    rig.rows(|rows| recorded(rows) == Some(false));
    rig.takes.delete(&path);
    assert_eq!(rig.outcome(), "Deleted session other.take");
}

#[test]
fn a_list_without_takes_has_its_reason() {
    let rig = rig(Path::new("none"));
    rig.rows(<[TakeRow]>::is_empty);
    assert_eq!(rig.takes.problem(), None, "a folder that is not there yet has no takes");
    fs::write(rig.folder.path().join("takes"), "no folder").expect("a file");
    let why = until(|| {
        rig.takes.rows();
        rig.takes.problem()
    });
    assert!(why.contains("takes: ") && why.ends_with("; make the folder readable"), "{why}");
    let parts = TakeFolder {
        folder: None,
        videos: PathBuf::new(),
        program: PathBuf::new(),
        running: Box::new(TakeState::default),
        made: Box::new(|| None),
    };
    let why = Takes::new(parts).problem().expect("a reason");
    assert_eq!(
        why,
        "No takes are written: the system names no data folder; set HOME, on Windows APPDATA, and start bendrack again."
    );
}

#[test]
fn a_take_of_another_model_size_or_processor_is_refused_in_one_sentence() {
    let rig = rig(Path::new("none")).running();
    let path = rig.rows(|rows| rows.len() == 1)[0].path.clone();
    drop(rig.writer);
    let replay = |takes: &Takes, path: &Path| {
        takes.read(path);
        until(|| takes.replay())
    };
    let good = replay(&rig.takes, &path).expect("a take to play");
    assert_eq!((good.pictures, good.video.plan.seed()), (9, 0));
    assert!(good.name.starts_with("session ") && good.entries.len() > 4);
    let text = || -> String {
        let mut text = String::new();
        let mut file = flate2::read::MultiGzDecoder::new(fs::File::open(&path).expect("a file"));
        std::io::Read::read_to_string(&mut file, &mut text).expect("text");
        text
    };
    let here = format!("\"processor\":\"{}\"", processor());
    let write = |from: &str, to: &str| {
        let changed = rig.folder.path().join("changed.take");
        let mut out =
            flate2::write::GzEncoder::new(fs::File::create(&changed).expect("a file"), flate2::Compression::fast());
        std::io::Write::write_all(&mut out, text().replacen(from, to, 1).as_bytes()).expect("written");
        out.finish().expect("written");
        changed
    };
    let huge = replay(&rig.takes, &write("\"zoom\":", "\"zoom\":9999")).expect("a take to play");
    assert_eq!(huge.video.zoom, 16, "a hostile scale");
    for (from, to, why) in [
        (
            "\"size\":[32,32]",
            "\"size\":[64,48]",
            "it was played at 64x48, and this window runs at 32x32; render it, or start",
        ),
        (
            "\"model_sha256\":\"",
            "\"model_sha256\":\"9",
            "it was played on mini, and this window runs mini; render it, or",
        ),
        (&*here, "\"processor\":\"other\"", "it was played on other, and this is "),
    ] {
        let refused = replay(&rig.takes, &write(from, to)).expect_err(to);
        assert!(refused.starts_with("changed: ") && refused.contains(why), "{refused}");
    }
    assert!(replay(&rig.takes, &rig.folder.path().join("none.take")).expect_err("no file").contains("none.take"));
}

#[test]
fn a_take_whose_sound_is_gone_is_not_played() {
    let sound = SoundFile { path: "/no/such.wav".to_owned(), sha256: "12".to_owned(), channels: Channels::Mean };
    let rig = rig_with(Path::new("none"), Some(sound)).running();
    let path = rig.rows(|rows| rows.len() == 1)[0].path.clone();
    drop(rig.writer);
    rig.takes.read(&path);
    let refused = until(|| rig.takes.replay()).expect_err("no sound");
    assert!(refused.contains("/no/such.wav, the sound of the take: "), "{refused}");
}

fn request(rig: &Rig, output: &str) -> RenderRequest {
    RenderRequest {
        take: rig.path("a.take"),
        output: rig.folder.path().join(output),
        start: 1.5,
        secs: Some(2.0),
        is_final: true,
        anyway: false,
    }
}

fn ended(takes: &Takes) -> Result<String, String> {
    until(|| match takes.render_state() {
        RenderState::Ended(ended) => Some(ended),
        RenderState::Off | RenderState::Running { .. } => None,
    })
}

#[test]
fn a_render_replaces_no_file_and_a_missing_program_is_a_sentence() {
    let rig = rig(Path::new("/no/such/program"));
    fs::write(rig.folder.path().join("there.mp4"), "mine").expect("a file");
    rig.takes.render(request(&rig, "there.mp4"));
    let refused = ended(&rig.takes).expect_err("a file that is there");
    assert!(refused.ends_with("there.mp4 is there already; choose another name"), "{refused}");
    assert_eq!(fs::read(rig.folder.path().join("there.mp4")).expect("a file"), b"mine");
    rig.takes.render(request(&rig, "new.mp4"));
    let refused = ended(&rig.takes).expect_err("no program");
    assert!(refused.starts_with("/no/such/program: ") && refused.contains("on the command line"), "{refused}");
}

/// A script in the place of `bendrack`.
#[cfg(unix)]
fn script(folder: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("program");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    path
}

#[test]
#[cfg(unix)]
fn a_render_shows_progress_and_gives_its_result_or_its_whole_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let prints = "echo '{\"pictures\":8,\"of\":32}'; echo warning: the take breaks off >&2; echo \"$@\" > \"$0.args\"";
    let rig_of = |end: &str| rig(&script(folder.path(), &format!("{prints}; {end}")));
    let rig = rig_of("while [ ! -e \"$0.go\" ]; do sleep 0.01; done; echo other >&2");
    rig.takes.render(request(&rig, "a.mp4"));
    let running = until(|| match rig.takes.render_state() {
        RenderState::Running { of: 32, pictures, output } => Some((pictures, output)),
        _ => None,
    });
    assert_eq!(running, (8, rig.folder.path().join("a.mp4")));
    assert_eq!(rig.takes.rendering(), Some(running.1));
    rig.takes.render(request(&rig, "b.mp4"));
    assert!(rig.outcome().contains("A render runs already"));
    fs::write(folder.path().join("program.go"), "").expect("a sign");
    let result = ended(&rig.takes).expect("a render");
    assert!(result.starts_with("Rendered ") && result.ends_with("a.mp4\nwarning: the take breaks off"), "{result}");
    let arguments = fs::read_to_string(folder.path().join("program.args")).expect("arguments");
    let ends = "/a.mp4 --start 1.5 --seconds 2 --resume --final\n";
    assert!(arguments.starts_with("render --progress --take ") && arguments.ends_with(ends), "{arguments}");
    let rig = rig_of("echo 'bendrack: it was played on longlive;' >&2; echo 'add --anyway' >&2; exit 1");
    rig.takes.render(request(&rig, "a.mp4"));
    let why = ended(&rig.takes).expect_err("a failure");
    assert_eq!(why, "warning: the take breaks off\nit was played on longlive;\nadd --anyway");
}

/// The live video has the cores first.
#[test]
#[cfg(unix)]
fn a_render_runs_at_a_lower_priority_than_the_window() {
    let niceness = |text: &[u8]| -> i32 { String::from_utf8_lossy(text).trim().parse().expect("a number") };
    let here = std::process::Command::new("nice").output().expect("a niceness").stdout;
    let folder = tempfile::tempdir().expect("a folder");
    let rig = rig(&script(folder.path(), "nice > \"$0.nice\""));
    rig.takes.render(request(&rig, "a.mp4"));
    ended(&rig.takes).expect("a render");
    let there = fs::read(folder.path().join("program.nice")).expect("a niceness");
    assert_eq!(niceness(&there), (niceness(&here) + 10).min(19));
}

#[test]
#[cfg(unix)]
fn a_cancelled_render_leaves_nothing_of_its_video() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "cd \"${6%/*}\"; touch a.part.mp4 a.mp4.checkpoint; echo '{\"pictures\":8,\"of\":32}'; exec sleep 60";
    let rig = rig(&script(folder.path(), text));
    let is_there = |name: &str| rig.folder.path().join(name).exists();
    fs::write(rig.folder.path().join("b.part.mp4"), "of another render").expect("a file");
    rig.takes.render(request(&rig, "a.mp4"));
    until(|| matches!(rig.takes.render_state(), RenderState::Running { of: 32, .. }).then_some(()));
    assert!(is_there("a.part.mp4") && is_there("a.mp4.checkpoint"));
    rig.takes.cancel_render();
    assert_eq!(ended(&rig.takes).as_deref(), Ok("The render was cancelled."));
    assert!(!is_there("a.part.mp4") && !is_there("a.mp4.checkpoint") && is_there("b.part.mp4"));
}
