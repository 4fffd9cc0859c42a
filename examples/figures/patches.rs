//! Eight of the included patches at three moments, as their screens show them.

use std::path::Path;

use anyhow::{Context as _, Result};
use bendrack::media::Picture;
use bendrack_nodes::patch::Patch;

use super::page::Page;
use super::rig::Rig;

/// The patches, by name.
const PATCHES: [&str; 8] =
    ["first_bend", "breathing", "step_dance", "echo_of_itself", "storm", "euclid", "held_breath", "two_scenes"];
/// The frames shown.
const MOMENTS: [usize; 3] = [19, 43, 67];

/// Draws the sheet.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let mut page = Page::new("patches at 1.2, 2.7 and 4.2 seconds, each with the attention map of its word");
    for name in PATCHES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("patches/{name}.json"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let patch = Patch::from_json(&text).map_err(|problem| anyhow::anyhow!("{name}: {problem}"))?;
        let frames = rig.play_patch(&patch, MOMENTS[2] as u64 + 1)?;
        let shown: Vec<Option<&Picture>> = MOMENTS.iter().map(|at| Some(&*frames[*at].screen)).collect();
        page.row(name, "", &shown);
    }
    page.save(&folder.join("patches.png"))
}
