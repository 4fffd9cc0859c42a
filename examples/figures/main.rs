//! The figures of the papers on the small model: contact sheets, and the numbers behind them.
//!
//! `cargo run --release --example figures -- [FOLDER] [NAME..]` writes them to a folder (default `docs/figures`). It
//! prints the numbers as tables. The names of the sheets are: sites, amplitude, depth, words,
//! sweep, patches, thumbnails, works. The last two write `assets/thumbnails.png` and `docs/works`.

#![allow(clippy::missing_errors_doc)] // Every function fails as the model does.

pub mod amplitude;
pub mod depth;
pub mod label;
pub mod measure;
pub mod page;
pub mod patches;
pub mod rig;
pub mod sites;
pub mod sweep;
pub mod thumbnails;
pub mod words;
pub mod works;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rig::Rig;

type Draw = fn(&mut Rig, &Path) -> Result<()>;

/// The sheets, by name.
const SHEETS: [(&str, Draw); 8] = [
    ("sites", sites::draw),
    ("amplitude", amplitude::draw),
    ("depth", depth::draw),
    ("words", words::draw),
    ("sweep", sweep::draw),
    ("patches", patches::draw),
    ("thumbnails", thumbnails::draw),
    ("works", works::draw),
];

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/figures"), PathBuf::from);
    let wanted: Vec<String> = args.collect();
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut rig = Rig::new()?;
    for (name, draw) in SHEETS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            println!("\n## {name}");
            draw(&mut rig, &folder)?;
        }
    }
    Ok(())
}
