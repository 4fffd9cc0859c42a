//! The English of docs, comments and help texts follows `docs/style.md`.

use std::fs;
use std::path::{Path, PathBuf};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::library::family::FAMILIES;

use style::MOST_WORDS;

#[path = "../../nodes/tests/style/mod.rs"]
mod style;

/// Words that turn a noun phrase into a question. A help text begins with none of them.
const QUESTIONS: [&str; 6] = ["What", "How", "Which", "Where", "Whether", "Who"];

/// The docs that are not checked.
const EXEMPT: [&str; 1] = [
    // Lists the retired words.
    "docs/style.md",
];

/// Nodes with a title that lacks a word of their name.
const TITLES: [(&str, &str); 1] = [
    // The prompt itself; every other node of the family changes one.
    ("prompt.text", "Prompt"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder with this ending, sorted. Fixtures and build folders are left out.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let is_left_out = ["fixtures", "migrations", "target"].contains(&&*name);
            if path.is_dir() && !is_left_out {
                folders.push(path);
            } else if path.extension().is_some_and(|known| known == ending) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no files in .{ending}");
    found.sort();
    found
}

/// Path from the root, with `/`.
fn name(path: &Path) -> String {
    path.strip_prefix(root()).expect("a path in the project").to_string_lossy().replace('\\', "/")
}

/// A text without code: spans in backticks are blank.
fn prose(line: &str) -> String {
    line.split('`').enumerate().map(|(index, part)| if index % 2 == 0 { part } else { " " }).collect()
}

/// The comments of Rust code, each with the number of its first line.
fn comments(code: &str) -> Vec<(usize, String)> {
    let mut comments: Vec<(usize, String)> = Vec::new();
    let (mut before, mut is_example) = ("", false);
    for (index, line) in code.lines().enumerate() {
        let line = line.trim_start();
        let mark = ["///", "//!", "//"].into_iter().find(|mark| line.starts_with(mark)).unwrap_or_default();
        let text = line[mark.len()..].trim();
        if mark.is_empty() {
            is_example = false;
        } else if text.starts_with("```") {
            is_example = !is_example;
        } else if !is_example && mark == before {
            let (_, comment) = comments.last_mut().expect("a comment");
            comment.push('\n');
            comment.push_str(text);
        } else if !is_example {
            comments.push((index + 1, text.to_owned()));
        }
        before = if is_example { "" } else { mark };
    }
    comments
}

/// The retired words of a text, as sentences with a place.
fn retired(file: &str, first: usize, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (word, better) in style::retired(&prose(line)) {
            found.push(format!("{file}:{}: \"{word}\"; write {better}", first + index));
        }
    }
    found
}

/// The faults of a help text.
fn faults(place: &str, text: &str) -> Vec<String> {
    let mut found = retired(place, 1, text);
    // A full stop within a number or a name has no space after it.
    for sentence in text.split(". ").filter(|sentence| !sentence.is_empty()) {
        let words = style::words(sentence);
        if words > MOST_WORDS {
            found.push(format!("{place}: {words} words, at most {MOST_WORDS}: {sentence:?}"));
        }
        if let Some(question) = question(sentence) {
            found.push(format!("{place}: begins with {question:?}; begin with the thing: {sentence:?}"));
        }
    }
    found
}

/// The question word that a text begins with.
fn question(text: &str) -> Option<&'static str> {
    let first = text.split_whitespace().next()?;
    QUESTIONS.into_iter().find(|word| *word == first)
}

/// Fails with the faults, one per line.
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults, see docs/style.md:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn language_of_docs_has_no_retired_words() {
    let mut pages = files("docs", "md");
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| root().join(page)));
    let mut faults = Vec::new();
    for page in pages.into_iter().filter(|page| !EXEMPT.contains(&&*name(page))) {
        let text = fs::read_to_string(&page).expect("a page");
        let mut is_code = false;
        for (index, line) in text.lines().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            if !is_code {
                faults.extend(retired(&name(&page), index + 1, line));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn language_of_comments_has_no_retired_words() {
    let mut faults = Vec::new();
    for folder in ["src", "nodes/src", "nodes/benches", "nodes/tests", "tests", "benches", "examples"] {
        for file in files(folder, "rs") {
            let code = fs::read_to_string(&file).expect("a file");
            for (line, comment) in comments(&code) {
                faults.extend(retired(&name(&file), line, &comment));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn language_of_comments_begins_with_the_thing() {
    let mut faults = Vec::new();
    // Comments in tests are exempt: they explain an expectation more often than they name a thing.
    for folder in ["src", "nodes/src", "benches", "examples"] {
        for file in files(folder, "rs").into_iter().filter(|file| !name(file).ends_with("tests.rs")) {
            let code = fs::read_to_string(&file).expect("a file");
            let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for (line, comment) in comments(code) {
                if let Some(word) = question(&comment) {
                    faults.push(format!("{}:{line}: begins with {word:?}: {comment:?}", name(&file)));
                }
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn language_of_help_is_short_and_begins_with_the_thing() {
    let mut found = Vec::new();
    for family in FAMILIES {
        found.extend(faults(&format!("nodes/src/library/family.rs ({})", family.name), family.about));
    }
    for def in LIBRARY {
        found.extend(faults(def.name, def.about));
        let ports = def.inputs.iter().map(|input| (input.name, input.about));
        for (port, about) in ports.chain(def.outputs.iter().map(|output| (output.name, output.about))) {
            found.extend(faults(&format!("{}.{port}", def.name), about));
        }
    }
    assert_none(&found);
}

#[test]
fn language_of_titles_has_the_words_of_the_names() {
    for def in LIBRARY {
        let words: Vec<String> = def.title.split(' ').map(str::to_lowercase).collect();
        let (_, own) = def.name.split_once('.').expect("a family and a name");
        let is_title = own.split('_').all(|part| words.iter().any(|word| word == part));
        let is_exempt = TITLES.contains(&(def.name, def.title));
        assert!(is_title != is_exempt, "{}: the title {:?} lacks a word of the name", def.name, def.title);
    }
}

#[test]
fn language_checks_find_faults() {
    let code = "/// What a node\n/// is told.\nfn a() {}\n// A `film` is a\n// film.\n/// ```\n/// film\n/// ```\nlet x = \"film\";\n";
    let comments = comments(code);
    assert_eq!(comments, [(1, "What a node\nis told.".to_owned()), (4, "A `film` is a\nfilm.".to_owned())]);
    let found: Vec<String> = comments.iter().flat_map(|(line, text)| retired("a.rs", *line, text)).collect();
    assert_eq!(found, ["a.rs:2: \"told\"; write reported", "a.rs:5: \"film\"; write video"]);
    assert_eq!((question(&comments[0].1), question("Inputs of a node.")), (Some("What"), None));
    let long = "word ".repeat(MOST_WORDS + 1);
    assert_eq!(faults("a.b", &format!("Short. How far. {long}")).len(), 2);
    assert_eq!(faults("a.b", &format!("{}Short.", "word ".repeat(MOST_WORDS - 1))).len(), 0);
}
