//! What the window asks of the engine. Tests have one without a model.

use std::sync::Arc;

use bendrack_nodes::plan::Plan;
use bendrack_nodes::tick::Controls;

use crate::engine::{Frame, Rack, Status};

/// Something that makes frames from plans. None of its answers is waited for.
pub trait Engine {
    /// Runs this plan from the next step on.
    fn set_plan(&self, plan: Plan);
    /// The frame that is to be seen now.
    fn frame(&self) -> Option<Arc<Frame>>;
    /// How it fares.
    fn status(&self) -> Status;
    /// What came in from outside by now.
    fn controls(&self) -> Controls;
    /// Begins the video again.
    fn restart(&self);
}

impl Engine for Rack {
    fn set_plan(&self, plan: Plan) {
        Self::set_plan(self, plan);
    }

    fn frame(&self) -> Option<Arc<Frame>> {
        Self::frame(self)
    }

    fn status(&self) -> Status {
        Self::status(self)
    }

    fn controls(&self) -> Controls {
        // A device that died while it wrote leaves the values it had written.
        Self::controls(self).lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn restart(&self) {
        Self::restart(self);
    }
}
