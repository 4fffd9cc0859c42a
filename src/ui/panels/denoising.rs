//! The settings of denoising: the steps of a chunk; the length, scheduler, shift and guidance of clips.

use std::ops::RangeInclusive;

use bendrack_nodes::choice::Choice;
use bendrack_nodes::compile::plan::{CLIP_PICTURES, DENOISING_STEPS, GUIDANCE_SCALES, SHIFTS};
use bendrack_nodes::patch::{ClipSettings, Edit};
use bendrack_nodes::program::Scheduler;
use eframe::egui::emath::Numeric;
use eframe::egui::{CollapsingHeader, ComboBox, DragValue, RichText, Ui, WidgetInfo, WidgetType};

use crate::ui::document::Step;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// The numbers that a setting begins with when it gets a value of its own: those of Wan.
const LENGTH: u64 = 81;
const SHIFT: f64 = 5.0;
const GUIDANCE: f64 = 5.0;

/// Shows the settings.
pub fn denoising_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let now = workspace.editor.document.patch.engine.steps;
    let of_model = workspace.playback.probes.model.map_or(4, |model| model.steps as u64);
    let hint = "Denoising steps of a chunk, from the next chunk on. Without a number of its own, the patch has those of the model.";
    let mut steps = now;
    setting_ui(ui, ("denoising steps", hint), &mut steps, (of_model, true), whole(DENOISING_STEPS));
    if steps != now {
        workspace.editor.document.apply(Step::merging("denoising steps", vec![Edit::SetSteps { steps }]));
    }
    let header = CollapsingHeader::new(RichText::new("Clips").size(theme::SMALL).color(theme::weak()));
    header.default_open(false).show(ui, |ui| clip_ui(ui, workspace));
}

/// The settings of clips.
fn clip_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let now = workspace.editor.document.patch.engine.clip();
    let mut clip = now;
    let hint = "Pictures of a clip, one more than a multiple of four. Checked, the patch makes whole clips on every model; unchecked, only Wan itself does. A change takes effect with Restart.";
    setting_ui(ui, ("length of clips", hint), &mut clip.length, (LENGTH, false), whole(CLIP_PICTURES));
    ui.horizontal(|ui| {
        ui.label(RichText::new("scheduler").size(theme::SMALL));
        let chosen = clip.scheduler.unwrap_or_default();
        ComboBox::from_id_salt("scheduler of clips").selected_text(chosen.name()).show_ui(ui, |ui| {
            for scheduler in Scheduler::ALL {
                if ui.selectable_label(*scheduler == chosen, scheduler.name()).clicked() {
                    clip.scheduler = (*scheduler != Scheduler::default()).then_some(*scheduler);
                }
            }
        });
    });
    let hint = "Timestep shift of clips: above 1, more steps at high noise. Unchecked, that of the model: 8 for CausVid, 5 for others.";
    setting_ui(ui, ("timestep shift", hint), &mut clip.shift, (SHIFT, false), SHIFTS.0..=SHIFTS.1);
    let hint = "Guidance scale (CFG) of clips: 1 is the prompt alone. Unchecked, that of the model: 5 for Wan, 1 for others. A bend of guidance changes it in parts of the picture, and per step.";
    setting_ui(
        ui,
        ("guidance scale", hint),
        &mut clip.guidance,
        (GUIDANCE, false),
        GUIDANCE_SCALES.0..=GUIDANCE_SCALES.1,
    );
    if clip != now {
        workspace.editor.document.apply(Step::merging(name_of(now, clip), vec![Edit::SetClip { clip }]));
    }
}

/// The name of a change, for the history.
fn name_of(before: ClipSettings, after: ClipSettings) -> &'static str {
    match () {
        () if before.length != after.length => "length of clips",
        () if before.scheduler != after.scheduler => "scheduler",
        () if before.shift != after.shift => "timestep shift",
        () => "guidance scale",
    }
}

fn whole((low, high): (u64, u64)) -> RangeInclusive<u64> {
    low..=high
}

/// A setting that is the model's, or a number of the patch. It begins with `first`, which is the model's own if that is `shown`.
fn setting_ui<N: Numeric>(
    ui: &mut Ui,
    (name, hint): (&str, &str),
    setting: &mut Option<N>,
    (first, shown): (N, bool),
    range: RangeInclusive<N>,
) {
    ui.horizontal(|ui| {
        let mut is_own = setting.is_some();
        let own = ui.checkbox(&mut is_own, RichText::new(name).size(theme::SMALL)).on_hover_text(hint);
        if own.changed() {
            *setting = is_own.then_some(first);
        }
        let mut number = setting.unwrap_or(first);
        let field = DragValue::new(&mut number).range(range).speed(0.1).clamp_existing_to_range(false);
        let field = if is_own || shown { field } else { field.custom_formatter(|_, _| "model".to_owned()) };
        let field = ui.add_enabled(is_own, field.update_while_editing(false));
        field.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, is_own, format!("number of {name}")));
        if field.changed() {
            *setting = Some(number);
        }
    });
}
