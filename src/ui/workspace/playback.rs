//! The output of the engine: the values, images and warnings of the frame on screen.

use bendrack_nodes::input::Controls;

use super::editor::Editor;
use super::images::Images;
use super::live::Live;
use super::probes::Probes;
use crate::engine::Warning;
use crate::ui::document::missing::Missing;

/// The output of the engine at the frame on screen.
#[derive(Default)]
pub struct Playback {
    /// The numbers on the ports.
    pub live: Live,
    /// The pictures and maps of the frame on screen.
    pub images: Images,
    /// The measurements that panels ask for.
    pub probes: Probes,
    /// The values from devices.
    pub controls: Controls,
    /// True while the picture on screen is held.
    pub is_frozen: bool,
    /// The part that the patch lacks for a picture.
    pub missing: Option<Missing>,
    /// The warnings of the engine.
    pub warnings: Vec<Warning>,
    /// The compilation and the visit that `live` follows.
    followed: Option<(u64, u64)>,
}

impl Playback {
    /// Lets the live values follow the plan of the document and the subpatch on the canvas. Edits of the layout change
    /// neither.
    pub fn follow(&mut self, editor: &Editor) {
        let (compilation, visit) = (editor.document.compilations(), editor.location.visits);
        if self.followed == Some((compilation, visit)) {
            return;
        }
        if self.followed.is_some_and(|(_, before)| before != visit) {
            // Nodes of another subpatch may have the same ids.
            self.live.forget();
        }
        self.followed = Some((compilation, visit));
        self.live.set_plan(editor.document.plan());
        self.live.watch(editor.patch(), &editor.location.path, editor.kinds());
    }
}
