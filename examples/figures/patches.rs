//! Eight of the included patches at three moments, as their screens show them.

use std::path::Path;

use anyhow::{Context as _, Result};
use bendrack::media::Picture;
use bendrack_nodes::patch::Patch;

use super::page::Page;
use super::rig::Rig;

/// The patches, by name, each with three frames that show its bends.
const PATCHES: [(&str, [usize; 3]); 8] = [
    ("first_bend", MOMENTS),
    ("breathing", MOMENTS),
    ("step_dance", MOMENTS),
    ("echo_of_itself", [3, 31, 67]),
    ("storm", MOMENTS),
    ("euclid", [27, 31, 47]),
    ("held_breath", MOMENTS),
    ("two_scenes", MOMENTS),
];
/// The frames of most patches.
const MOMENTS: [usize; 3] = [19, 43, 67];

/// Draws the sheet.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let mut page = Page::new("patches at three moments, each with the attention map of its word");
    for (name, moments) in PATCHES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("patches/{name}.json"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let patch = Patch::from_json(&text).map_err(|problem| anyhow::anyhow!("{name}: {problem}"))?;
        let frames = rig.play_patch(&patch, moments[2] as u64 + 1)?;
        let shown: Vec<Option<&Picture>> = moments.iter().map(|at| Some(&*frames[*at].screen)).collect();
        page.row(name, "", &shown);
    }
    page.save(&folder.join("patches.png"))
}
