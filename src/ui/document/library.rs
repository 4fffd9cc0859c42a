//! The patches that come with bendrack: the examples, the works, and a help patch for each node.

use std::sync::OnceLock;

use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::patch::Patch;
use include_dir::{Dir, include_dir};

use super::def_of;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/patches");
/// The folder of the works.
const WORKS: &str = "works";
/// The folder of the help patches.
const HELP: &str = "help";

/// A patch inside the program.
pub struct Bundled {
    /// The title.
    pub title: String,
    /// The description.
    pub about: String,
    /// The tags, then the title of the family of a help patch.
    pub tags: Vec<String>,
    /// The node of a help patch; none for an example or a work.
    pub node: Option<&'static NodeDef>,
    /// The name of the file, without its folder.
    pub file: &'static str,
    text: &'static str,
}

impl Bundled {
    /// The patch.
    pub fn patch(&self) -> Patch {
        Patch::from_json(self.text).unwrap_or_default()
    }

    /// The text of the file.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// True if every word of a query is in the title, the description, the tags or the name of the file.
    fn fits(&self, query: &str) -> bool {
        let own = format!("{} {} {} {}", self.title, self.about, self.tags.join(" "), self.file).to_lowercase();
        query.to_lowercase().split_whitespace().all(|word| own.contains(word))
    }
}

/// All patches: the examples, the works, then the help patches, each in the order of their files. `assets/thumbnails.png` has the same order.
pub fn all() -> &'static [Bundled] {
    static ALL: OnceLock<Vec<Bundled>> = OnceLock::new();
    ALL.get_or_init(|| {
        let folder = |name| FILES.get_dir(name).into_iter().flat_map(Dir::files);
        FILES.files().chain(folder(WORKS)).chain(folder(HELP)).filter_map(bundled).collect()
    })
}

fn bundled(file: &'static include_dir::File<'static>) -> Option<Bundled> {
    let (path, text) = (file.path(), file.contents_utf8()?);
    let name = path.file_name()?.to_str()?;
    let meta = Patch::from_json(text).ok()?.meta;
    let node = path.starts_with(HELP).then(|| def_of(name.strip_suffix(".json")?)).flatten();
    let mut tags = meta.tags;
    tags.extend(node.map(|def| def.family().to_owned()));
    Some(Bundled { title: meta.title, about: meta.description, tags, node, file: name, text })
}

/// The patches that fit a query and have a tag, by their places in [`all`].
pub fn find(query: &str, tag: Option<&str>) -> Vec<usize> {
    let fits = |patch: &Bundled| patch.fits(query) && tag.is_none_or(|tag| patch.tags.iter().any(|own| own == tag));
    all().iter().enumerate().filter(|(_, patch)| fits(patch)).map(|(index, _)| index).collect()
}

/// The tags of the examples, the most frequent first.
pub fn tags() -> Vec<&'static str> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for tag in all().iter().filter(|patch| patch.node.is_none()).flat_map(|patch| &patch.tags) {
        match counts.iter_mut().find(|(known, _)| *known == tag.as_str()) {
            Some((_, count)) => *count += 1,
            None => counts.push((tag.as_str(), 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(tag, _)| tag).collect()
}

/// The help patch of a kind of node, by its place in [`all`].
pub fn help_of(kind: &str) -> Option<usize> {
    all().iter().position(|patch| patch.node.is_some_and(|def| def.name == kind))
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::LIBRARY;

    use super::*;

    #[test]
    fn every_example_and_every_node_has_a_titled_patch() {
        let count = |name: &str| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            std::fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file()).count()
        };
        let (examples, works) = (count("patches"), count("patches/works"));
        let files = examples + works;
        assert_eq!(all().iter().filter(|patch| patch.node.is_none()).count(), files);
        assert_eq!(all().iter().filter(|patch| patch.node.is_some()).count(), LIBRARY.len());
        for patch in all() {
            assert!(!patch.title.is_empty() && !patch.about.is_empty(), "{}", patch.file);
            assert!(!patch.patch().nodes.is_empty(), "{}", patch.file);
        }
        assert!(LIBRARY.iter().all(|def| all()[help_of(def.name).unwrap()].node.unwrap().name == def.name));
        assert!(
            [&all()[..examples], &all()[examples..files], &all()[files..]]
                .iter()
                .all(|part| part.is_sorted_by_key(|patch| patch.file))
        );
    }

    #[test]
    fn a_query_finds_titles_descriptions_and_tags() {
        let titles =
            |query: &str| -> Vec<&str> { find(query, None).into_iter().map(|i| all()[i].title.as_str()).collect() };
        assert!(titles("first bend").contains(&"First bend"));
        assert!(titles("ROTATE").contains(&"Rotate"));
        assert_eq!(titles("quux zzz"), [""; 0]);
        assert_eq!(find("", None).len(), all().len());
        let tag = tags()[0];
        assert!(!find("", Some(tag)).is_empty() && find("", Some(tag)).len() < all().len());
    }
}
