//! Places of widgets, noted under a name in each frame, so that other parts of the window can point at them.

use eframe::egui::{Context, Id, Rect, Ui};

/// Notes the place of a widget, if any of it is in sight.
pub fn mark(ui: &Ui, name: &str, rect: Rect) {
    let seen = rect.intersect(ui.clip_rect());
    if seen.is_positive() {
        let pass = ui.ctx().cumulative_pass_nr();
        ui.data_mut(|data| data.insert_temp(id(name), (pass, seen)));
    }
}

/// The place of a widget that is in sight in this frame.
pub fn marked(ctx: &Context, name: &str) -> Option<Rect> {
    let (pass, rect) = ctx.data(|data| data.get_temp::<(u64, Rect)>(id(name)))?;
    (pass == ctx.cumulative_pass_nr()).then_some(rect)
}

fn id(name: &str) -> Id {
    Id::new(("mark", name))
}
