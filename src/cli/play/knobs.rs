//! The knobs of a patch that plays: messages to their addresses, and commands of devices.

use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::fade::crossfade;
use bendrack_nodes::patch::{Edit, LevelEdit, Patch};

use crate::engine::EngineHandle;
use crate::io::{Action, Request};

/// The patch, with the knobs where the messages moved them.
pub(super) struct Knobs(Arc<Patch>);

impl Knobs {
    pub(super) fn new(patch: Arc<Patch>) -> Self {
        Self(patch)
    }

    /// Applies requests, in order. The new patch, if any, goes to the engine.
    pub(super) fn apply(&mut self, engine: &EngineHandle, requests: impl IntoIterator<Item = Request>) {
        let before = self.0.clone();
        for request in requests {
            if let Err(why) = self.take(engine, &request) {
                request.refuse(why);
            }
        }
        if Arc::ptr_eq(&before, &self.0) {
            return;
        }
        match Plan::compile(&self.0, LIBRARY).0 {
            Some(plan) => engine.set_patch(self.0.clone(), plan),
            // Each value fits its input, so that no plan can be missing.
            None => self.0 = before,
        }
    }

    fn edit(&mut self, edits: Vec<LevelEdit>) -> Result<(), String> {
        let patch = Arc::make_mut(&mut self.0);
        for edit in edits {
            patch.apply(edit).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn take(&mut self, engine: &EngineHandle, request: &Request) -> Result<(), String> {
        match request.action(&self.0)? {
            Action::Edit(edits) => self.edit(edits)?,
            Action::Recall(index) => {
                let snapshot = self.0.snapshots.get(index);
                let edits = snapshot.map(|snapshot| self.0.recall(snapshot)).unwrap_or_default();
                self.edit(edits)?;
            }
            Action::Fade(part) => self.edit(crossfade(&self.0, part).unwrap_or_default())?,
            Action::Master(master) => {
                let patch = Arc::make_mut(&mut self.0);
                patch.apply(Edit::SetMaster { master }).map_err(|error| error.to_string())?;
            }
            Action::Freeze(_) | Action::Blackout(_) => {
                return Err("bendrack play has no window to freeze or darken; send it to the window".to_owned());
            }
            Action::Panic => engine.restart(),
            Action::Tap => return Err("bendrack play taps no tempo; send /bend/tempo".to_owned()),
            Action::Nothing => {}
        }
        Ok(())
    }
}
