//! The works of `patches/works`: some of their pictures, for the pages of `docs/works`.

use std::path::Path;

use anyhow::{Context as _, Result};
use bendrack::media::Picture;
use bendrack::output::sheet::sheet;
use bendrack_nodes::patch::Patch;

use super::page::write;
use super::rig::Rig;

/// A row of a picture: a patch and its frames.
type Row = (&'static str, &'static [usize]);

/// The pages: the name of the picture, and its rows.
const PAGES: [(&str, &[Row]); 3] = [
    ("attention_of_a_kiss", &[("attention_of_a_kiss", &[4, 40])]),
    ("multi_head_attention", &[("multi_head_attention", &[80, 176])]),
    ("collision", &[("collision_kiss", &[4, 16, 28, 40]), ("collision_planets", &[4, 16, 28, 40])]),
];

/// Draws one picture for each page, into `docs/works` beside the folder of the figures.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let folder = folder.parent().unwrap_or(folder).join("works");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (page, rows) in PAGES {
        let mut shown: Vec<Vec<Picture>> = Vec::new();
        for (name, moments) in rows {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("patches/works/{name}.json"));
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let patch = Patch::from_json(&text).map_err(|problem| anyhow::anyhow!("{name}: {problem}"))?;
            let last = moments.iter().max().copied().unwrap_or(0);
            let frames = rig.play_patch(&patch, last as u64 + 1)?;
            shown.push(moments.iter().map(|at| Picture::clone(&frames[*at].screen)).collect());
        }
        let rows: Vec<Vec<&Picture>> = shown.iter().map(|row| row.iter().collect()).collect();
        let picture = sheet(&rows, [0; 3]).context("a work has pictures")?;
        write(&folder.join(format!("{page}.png")), &picture)?;
    }
    Ok(())
}
