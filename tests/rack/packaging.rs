//! The files of packages: what the program writes about itself, and what desktops read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bendrack_nodes::patch::Patch;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file(name: &str) -> String {
    fs::read_to_string(root().join("packaging").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn bendrack(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bendrack")).args(arguments).output().expect("it starts")
}

/// The commands in `bendrack --help`.
fn commands() -> Vec<String> {
    let help = String::from_utf8(bendrack(&["--help"]).stdout).expect("text");
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list of commands");
    let names: Vec<String> = listed
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(names.len() > 12 && names.contains(&"render".to_owned()), "{names:?}");
    names
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("share/man1");
    let output = bendrack(&["manual", pages.to_str().expect("a path")]);
    assert!(output.status.success(), "{output:?}");
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let first = page("bendrack.1");
    for command in commands().iter().filter(|command| *command != "help") {
        let text = page(&format!("bendrack-{command}.1"));
        assert!(text.contains(".SH SYNOPSIS") && text.contains(".SH OPTIONS"), "{command}");
        assert!(first.contains(command), "bendrack.1 leaves out {command}");
    }
    assert!(page("bendrack-render.1").contains("seconds"));

    let taken = folder.path().join("file");
    fs::write(&taken, "").expect("a file");
    let output = bendrack(&["manual", taken.to_str().expect("a path")]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("file"), "{message}");
}

#[test]
fn each_shell_completes_all_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = String::from_utf8(bendrack(&["completions", shell]).stdout).expect("text");
        for command in commands() {
            assert!(script.contains(&command), "{shell} leaves out {command}");
        }
        assert!(script.contains("seconds"), "{shell} has no flags");
    }
    let output = bendrack(&["completions", "csh"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("bash"), "{message}");
}

/// The value of a key of the desktop entry.
fn entry(key: &str) -> String {
    let text = file("bendrack.desktop");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
    line.unwrap_or_else(|| panic!("there is no {key}")).to_owned()
}

/// One type in the desktop entry, the MIME file and the metadata; one name of the window, the icon and the entry.
#[test]
fn desktops_find_the_program_its_icon_and_its_patches() {
    let kind = entry("MimeType");
    let kind = kind.trim_end_matches(';');
    assert!(file("bendrack-mime.xml").contains(&format!("type=\"{kind}\"")));
    assert!(file("bendrack.metainfo.xml").contains(&format!("<mediatype>{kind}</mediatype>")));
    assert!(file("bendrack-mime.xml").contains("pattern=\"*.bend.json\""));
    assert_eq!(
        (entry("Exec"), entry("Icon"), entry("StartupWMClass")),
        ("bendrack %f".into(), "bendrack".into(), "bendrack".into())
    );
    let window = fs::read_to_string(root().join("src/ui/mod.rs")).expect("a file");
    assert!(window.contains(".with_app_id(\"bendrack\")"), "the window has another name than the desktop entry");
    for key in ["Categories", "Keywords", "MimeType"] {
        assert!(entry(key).ends_with(';'), "{key}");
    }
    for size in [16, 22, 24, 32, 48, 64, 128, 256, 512] {
        let icon = image::open(root().join(format!("packaging/icons/{size}.png"))).expect("an icon");
        assert_eq!((icon.width(), icon.height()), (size, size));
    }
}

/// cargo-packager and Flatpak repeat what other files have.
#[test]
fn other_systems_have_the_same_version_type_and_icons() {
    let (packager, flatpak) = (file("Packager.toml"), file("org.bendrack.bendrack.yml"));
    assert!(packager.contains(&format!("version = \"{}\"", env!("CARGO_PKG_VERSION"))));
    assert!(packager.contains(&format!("mime-type = \"{}\"", entry("MimeType").trim_end_matches(';'))));
    for name in packager.split('"').filter(|name| name.starts_with("icons/") || name.starts_with("../LICENSE")) {
        assert!(root().join("packaging").join(name).exists(), "{name}");
    }
    for name in flatpak.lines().filter_map(|line| line.strip_prefix("rename-")?.split_once("-file: ")) {
        assert!(root().join("packaging").join(name.1).exists(), "{}", name.1);
    }
}

/// The magic of the MIME type is in the first bytes of every patch that the program writes.
#[test]
fn patches_are_known_by_their_first_bytes() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("patches")).expect("a folder").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(entry.path()).expect("a patch");
            let at = text.find("\"bendrack-patch\"").expect("the format");
            assert!(at <= 256, "{}: {at}", entry.path().display());
            Patch::from_json(&text).expect("a patch");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// Notes of a version, in a project with this changelog.
fn notes(changelog: &str, version: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let script: PathBuf = folder.path().join("packaging/release_notes");
    fs::create_dir(folder.path().join("packaging")).expect("a folder");
    fs::copy(root().join("packaging/release_notes"), &script).expect("the script");
    fs::write(folder.path().join("CHANGELOG.md"), changelog).expect("a changelog");
    Command::new("bash").arg(&script).arg(version).output().expect("bash starts")
}

#[cfg(unix)]
#[test]
fn notes_of_a_release_are_its_section_of_the_changelog() {
    let changelog = "# Changelog\n\n## [Unreleased]\n\n- Later.\n\n## [0.2.0] - 2027-01-01\n\n### Added\n\n- A bend.\n\n## [0.1.0]\n\n## [0.0.1]\n\n- Old.\n";
    for (version, expected) in [
        ("0.2.0", "### Added\n\n- A bend.\n"),
        ("v0.2.0", "### Added\n\n- A bend.\n"),
        ("Unreleased", "- Later.\n"),
        ("0.0.1", "- Old.\n"),
    ] {
        let output = notes(changelog, version);
        assert!(output.status.success(), "{version}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), expected.trim_end(), "{version}");
    }
    for version in ["0.1.0", "0.3.0", "2.0"] {
        let output = notes(changelog, version);
        assert!(!output.status.success(), "{version}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("[{version}]")), "{output:?}");
    }
}

/// The scripts of packages name files that exist, and each is a program.
#[cfg(unix)]
#[test]
fn scripts_are_programs_that_explain_themselves() {
    use std::os::unix::fs::PermissionsExt;
    for script in ["appimage", "check_deb", "deb", "release_notes", "tree"] {
        let path = root().join("packaging").join(script);
        let mode = fs::metadata(&path).expect("a script").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} cannot be executed");
        let output = Command::new("bash").arg(&path).output().expect("bash starts");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && message.contains(&format!("usage: packaging/{script}")),
            "{message}"
        );
    }
}
