//! The table of arrows in `docs/architecture.md` and the paths in the code agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::library::family::FAMILIES;

/// Which modules each module uses, by path from the root of the crate: `wan`, `wan::ops`.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The arrows as the page has them.
fn on_page(page: &str) -> Arrows {
    let rows = page.lines().skip_while(|line| !line.starts_with("## Arrows")).skip(1);
    let rows = rows.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| `"));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [module, uses] = cells[..] else { panic!("a row has a module and what it uses: {line}") };
        (names(module).pop_first().expect("a module"), names(uses))
    };
    rows.map(row).collect()
}

/// The Rust files of a module, without its test modules.
fn files(module: &str) -> Vec<PathBuf> {
    let base = match module.split_once("::") {
        None if module == "nodes" => root().join("nodes"),
        Some(("nodes", inner)) => root().join("nodes/src").join(inner.replace("::", "/")),
        _ => root().join("src").join(module.replace("::", "/")),
    };
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    found.extend(Some(base.with_extension("rs")).filter(|file| file.is_file()));
    folders.extend(Some(base).filter(|folder| folder.is_dir()));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let is_test = ["tests", "benches"].contains(&&*name) || name.ends_with("_tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{module} of docs/architecture.md has no files");
    found
}

/// The code of a file: no comments, no tests at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a file");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The names that follow `prefix` in the code: `a` of `prefix::a::b`, `a` and `b` of `prefix::{a::c, b}`.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let name = |text: &str| text.chars().take_while(|&c| is_name(c)).collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        if code[..at].chars().next_back().is_some_and(|c| is_name(c) || c == ':') {
            continue;
        }
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut is_first) = (1, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_first = true,
                c if is_first && !c.is_whitespace() => {
                    is_first = false;
                    found.insert(name(&group[at..]));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.remove("");
    found
}

/// The arrows of a module in the code.
fn in_code(module: &str) -> BTreeSet<String> {
    let (top, parent) = match module.rsplit_once("::") {
        Some((parent, _)) => (module.split("::").next().unwrap_or_default(), Some(parent)),
        None => (module, None),
    };
    let mut uses = BTreeSet::new();
    for file in files(module) {
        let code = code(&file);
        assert!(!code.contains("super::super::"), "{}: name the module from crate:: on", file.display());
        match parent {
            None => {
                assert!(module != "nodes" || !code.contains("bendrack::"), "{} uses bendrack", file.display());
                if module != "nodes" {
                    uses.extend(names_after(&code, "crate::"));
                    uses.extend(code.contains("bendrack_nodes::").then(|| "nodes".to_owned()));
                }
            }
            Some(parent) => {
                let prefix = if top == "nodes" { "crate::".to_owned() } else { format!("crate::{parent}::") };
                uses.extend(names_after(&code, &prefix).into_iter().map(|name| format!("{parent}::{name}")));
                // The file `a/b.rs` or `a/b/mod.rs` of a module `a::b`, whose `super` is `a`.
                let folder =
                    file.parent().filter(|_| file.ends_with("mod.rs")).map_or(&*file, |folder| folder).parent();
                if folder.is_some_and(|folder| folder.ends_with(parent.replace("::", "/"))) {
                    uses.extend(names_after(&code, "super::").into_iter().map(|name| format!("{parent}::{name}")));
                }
            }
        }
    }
    uses.remove(module);
    uses
}

#[test]
fn modules_use_one_another_as_on_the_page() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).expect("the page");
    let page = on_page(&page);
    for module in ["nodes", "wan", "bend", "io", "sound", "output", "provenance", "engine", "ui", "cli"] {
        assert!(page.contains_key(module), "docs/architecture.md has no arrows of {module}");
    }
    let code: Arrows = page.keys().map(|module| (module.clone(), in_code(module))).collect();
    for (module, uses) in &code {
        assert_eq!(uses, &page[module], "{module} uses (left), and docs/architecture.md says (right)");
    }
}

#[test]
fn every_module_of_the_crate_has_a_row() {
    let page = on_page(&fs::read_to_string(root().join("docs/architecture.md")).expect("the page"));
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs");
    let modules = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules {
        assert!(page.contains_key(module), "docs/architecture.md has no arrows of {module}");
    }
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let code = "use crate::output::video;\nuse crate::{disk, media::{Map, Picture}, wan as model};\nlet x = crate::io::open();\n\
                use other_crate::sound;\n";
    let names: Vec<String> = names_after(code, "crate::").into_iter().collect();
    assert_eq!(names, ["disk", "io", "media", "output", "wan"]);
}

/// The code before a string that selects a port: `.input("low")`, `port: "out"`, `port_kind(id, "out", true)`.
const BEFORE_PORTS: [&str; 8] = [".input(", ".output(", ".get(", "port: ", "name: ", "id, ", "== ", "!= "];

/// The nodes and ports that code names in quotes.
fn quoted_names(code: &str) -> Vec<String> {
    let ports: BTreeSet<&str> = LIBRARY
        .iter()
        .flat_map(|def| def.inputs.iter().map(|input| input.name).chain(def.outputs.iter().map(|output| output.name)))
        .collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices('"') {
        let (before, text) = (&code[..at], code[at + 1..].split('"').next().unwrap_or_default());
        if ports.contains(text) && BEFORE_PORTS.iter().any(|end| before.ends_with(end)) {
            found.push(text.to_owned());
        }
        let families = FAMILIES.iter().map(|family| format!("{}.", family.name));
        found.extend(families.filter(|family| code[at + 1..].starts_with(family.as_str())));
    }
    found
}

#[test]
fn the_window_names_no_nodes_and_no_ports() {
    assert_eq!(quoted_names(r#"def.input("low"); kind.starts_with("view."); Id::new("low")"#), ["low", "view."]);
    for file in files("ui") {
        let names = quoted_names(&code(&file));
        assert!(names.is_empty(), "{}: read {names:?} from a field of `NodeDef`", file.display());
    }
}
