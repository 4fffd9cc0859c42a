//! The notices of other people's work that a binary contains: `docs/third-party.txt`, which `bendrack --licences` prints.
//!
//! `make bless` rewrites the file. It asks cargo for the packages of each system, so it needs the network once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// The systems that binaries are built for.
const SYSTEMS: [&str; 5] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
];
/// Licences that may be chosen, in this order; all that bind are also in `deny.toml`.
const CHOICES: [&str; 14] = [
    "MIT",
    "MIT-0",
    "0BSD",
    "Zlib",
    "ISC",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "Apache-2.0",
    "Unicode-3.0",
    "CC0-1.0",
    "MPL-2.0",
    "OFL-1.1",
    "Ubuntu-font-1.0",
];
/// A sentence of each licence that no other has.
const MARKS: [(&str, &str); 13] = [
    ("MIT", "Permission is hereby granted, free of charge, to any person obtaining"),
    ("Zlib", "This software is provided 'as-is'"),
    ("ISC", "Permission to use, copy, modify, and/or distribute"),
    ("0BSD", "Permission to use, copy, modify, and/or distribute"),
    ("BSD-2-Clause", "Redistribution and use in source and binary forms"),
    ("BSD-3-Clause", "Redistribution and use in source and binary forms"),
    ("BSL-1.0", "Boost Software License - Version 1.0"),
    ("Apache-2.0", "Apache License Version 2.0, January 2004"),
    ("Unicode-3.0", "UNICODE LICENSE V3"),
    ("CC0-1.0", "CC0 1.0 Universal"),
    ("MPL-2.0", "Mozilla Public License Version 2.0"),
    ("OFL-1.1", "SIL OPEN FONT LICENSE Version 1.1"),
    ("Ubuntu-font-1.0", "UBUNTU FONT LICENCE Version 1.0"),
];

/// A package, by name and version.
type Id = (String, String);

struct Package {
    folder: PathBuf,
    licence: String,
    authors: String,
    repository: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The packages whose code is in a binary for a system.
fn packages(system: &str, is_offline: bool) -> BTreeMap<Id, Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", system]).current_dir(root());
    // JACK can be built in; on Linux only, where its crate is there in any case.
    cargo.args(if is_offline { &["--offline"][..] } else { &["--features", "jack"] });
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let nodes: BTreeMap<String, Json> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let mut reached = BTreeSet::new();
    let mut left = vec![text(&metadata["resolve"]["root"])];
    while let Some(id) = left.pop() {
        if reached.insert(id.clone()) {
            // Not what builds or tests it alone.
            let is_in = |dep: &Json| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            left.extend(list(&nodes[&id]["deps"]).iter().filter(|dep| is_in(dep)).map(|dep| text(&dep["pkg"])));
        }
    }
    let found = list(&metadata["packages"]).into_iter().filter(|package| reached.contains(&text(&package["id"])));
    // The code of others in third_party has its own licence.
    let foreign = found.filter(|package| !package["source"].is_null() || package["license"] != "MIT OR Apache-2.0");
    foreign
        .map(|package| {
            let authors: Vec<String> = list(&package["authors"]).iter().map(text).collect();
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let about = Package {
                folder: manifest.parent().expect("a folder").to_owned(),
                licence: text(&package["license"]).replace('/', " OR ").replace("  ", " "),
                authors: authors.join(", "),
                repository: text(&package["repository"]),
            };
            ((text(&package["name"]), text(&package["version"])), about)
        })
        .collect()
}

/// The licences in use, of an expression such as `(MIT OR Apache-2.0) AND Unicode-3.0`: of each choice, the first in
/// [`CHOICES`].
fn chosen(expression: &str) -> Vec<&'static str> {
    expression
        .split(" AND ")
        .map(|choice| {
            let names: Vec<&str> = choice.trim_matches(['(', ')', ' ']).split(" OR ").map(str::trim).collect();
            // An exception only permits more.
            let is_offered = |licence: &&&str| names.iter().any(|name| name.split(" WITH ").next() == Some(**licence));
            *CHOICES.iter().find(is_offered).unwrap_or_else(|| panic!("{expression}: no licence of it is allowed"))
        })
        .collect()
}

/// The texts of a package's own files that have the mark of a licence.
fn texts(package: &Package, licence: &str) -> Vec<String> {
    let mark = MARKS.iter().find(|(name, _)| *name == licence).map_or(licence, |(_, mark)| mark);
    let mark = mark.to_lowercase();
    let mut paths = Vec::new();
    let mut folders = vec![package.folder.clone()];
    let inside = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    folders.extend(inside(&package.folder).filter(|path| path.is_dir()));
    for folder in folders {
        paths.extend(inside(&folder).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            path.is_file()
                && ["licen", "copying", "notice", "unlicense", "ofl", "ufl"].iter().any(|part| name.starts_with(part))
        }));
    }
    paths.sort();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let read = paths.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let mut texts: Vec<String> = read.filter(|text| words(text).contains(&mark)).collect();
    // One is enough where a package has copies.
    texts.truncate(1);
    texts
}

/// The whole file.
fn notices() -> String {
    let mut packages = BTreeMap::new();
    for system in SYSTEMS {
        packages.extend(self::packages(system, false));
    }
    let mut text = "Bendrack contains work of other people, under these licences. Some packages are in the binaries of one system only.\n\
         H.264 is encoded by OpenH264, Copyright (c) Cisco Systems, built from source. `make bless` writes this list.\n\n"
        .to_owned();
    // Licence and text; who shares them.
    let mut groups: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    let mut general: BTreeMap<&str, String> = BTreeMap::new();
    for ((name, version), package) in &packages {
        let licences = chosen(&package.licence);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name} {version} ({})", licences.join(", "));
        for licence in licences {
            for found in texts(package, licence) {
                general.entry(licence).or_insert_with(|| found.clone());
                let is_general = ["Apache-2.0", "MPL-2.0", "CC0-1.0", "Unicode-3.0", "BSL-1.0"].contains(&licence);
                let found = if is_general { general[licence].clone() } else { found };
                let lines: Vec<&str> = found.lines().map(str::trim_end).collect();
                groups.entry((licence, lines.join("\n").trim().to_owned())).or_default().push(name.clone());
            }
        }
    }
    let named: BTreeSet<&String> = groups.values().flatten().collect();
    let _ = writeln!(text, "\n\nThese packages come without the text of their licence; it is as below.\n");
    for ((name, _), package) in packages.iter().filter(|((name, _), _)| !named.contains(name)) {
        let who = if package.authors.is_empty() { &package.repository } else { &package.authors };
        let _ = writeln!(text, "{name}: {}, {who}", chosen(&package.licence).join(", "));
    }
    for ((licence, wording), mut names) in groups {
        names.dedup();
        let _ = write!(text, "\n\n{}\n{licence}: {}\n\n{wording}\n", "-".repeat(80), names.join(", "));
    }
    text
}

#[test]
fn the_notices_are_those_of_what_is_built() {
    let path = root().join("docs/third-party.txt");
    if std::env::var_os("BENDRACK_BLESS").is_some() {
        std::fs::write(&path, notices()).expect("the notices can be written");
    }
    let text = std::fs::read_to_string(&path).expect("docs/third-party.txt: `make bless` writes it");
    let list: BTreeMap<Id, &str> = (text.lines().skip(3).take_while(|line| !line.is_empty()))
        .map(|line| {
            let (id, licence) = line.split_once(" (").expect("a licence in brackets");
            let (name, version) = id.split_once(' ').expect("a version");
            ((name.to_owned(), version.to_owned()), licence.trim_end_matches(')'))
        })
        .collect();
    let advice = "make bless rewrites docs/third-party.txt";
    // Of this system, as the others' packages may not be here.
    let host = SYSTEMS.into_iter().find(|system| {
        system.starts_with(std::env::consts::ARCH)
            && system.contains(match std::env::consts::OS {
                "macos" => "darwin",
                os => os,
            })
    });
    let host = host.expect("a system that binaries are built for");
    for ((name, version), package) in packages(host, true) {
        let licence = chosen(&package.licence).join(", ");
        assert_eq!(list.get(&(name.clone(), version)).copied(), Some(&*licence), "{name}: {advice}");
    }
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    for (name, version) in list.keys() {
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"");
        assert!(lock.contains(&entry), "{name} {version} is no longer used: {advice}");
    }
    // CC0 waives all conditions, that of a copy of its text as well.
    for (licence, _) in MARKS.into_iter().filter(|(licence, _)| *licence != "CC0-1.0") {
        let is_used = list.values().any(|licences| licences.split(", ").any(|name| name == licence));
        let is_given = text.contains(&format!("\n{licence}: "));
        assert!(!is_used || is_given, "the text of {licence} is missing: {advice}");
    }
    let deny = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    for licence in list.values().flat_map(|licences| licences.split(", ")) {
        assert!(deny.contains(&format!("\"{licence}\"")), "{licence} is not allowed by deny.toml");
    }
}
