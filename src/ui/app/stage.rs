//! The stage: a window for a projector with the picture alone, and what saves a show: freeze, blackout, master depth.

use bendrack_nodes::patch::Edit;
use eframe::egui::{
    CentralPanel, Color32, CursorIcon, Frame, Key, Modifiers, Sense, Ui, ViewportBuilder, ViewportCommand, ViewportId,
    vec2,
};

use super::App;
use super::command::Command;
use super::mapping::Mapping;
use super::top_bar::StageLights;
use crate::ui::document::Step;
use crate::ui::panels::preview::fitted;
use crate::ui::theme;

/// The state of the stage.
#[derive(Default)]
pub(super) struct Stage {
    /// The window for a projector, once it is open.
    output: Option<Output>,
    /// The mapping of the output, once it was open.
    mapping: Option<Mapping>,
    /// True in perform mode.
    pub(super) is_performing: bool,
    /// True while the picture is held.
    pub(super) is_frozen: bool,
    /// True while the output and the preview are black.
    pub(super) is_black: bool,
    /// The time of the second step of panic.
    forgot: Option<f64>,
}

/// The window for a projector.
#[derive(Clone, Copy)]
struct Output {
    is_full: bool,
    /// The index of its monitor in full screen; none is the one where the window is.
    monitor: Option<usize>,
    /// True while the corners of the picture are dragged.
    is_mapping: bool,
}

impl Stage {
    /// Opens the output, or closes it.
    pub(super) fn toggle(&mut self) {
        let open = Output { is_full: false, monitor: None, is_mapping: false };
        self.output = if self.output.is_some() { None } else { Some(open) };
    }

    /// The states that the buttons show.
    pub(super) const fn lights(&self) -> StageLights {
        StageLights { is_output: self.output.is_some(), is_frozen: self.is_frozen, is_black: self.is_black }
    }
}

impl App {
    /// Sets the master depth.
    pub(super) fn set_master(&mut self, master: f64) {
        let step = Step::merging("master depth", vec![Edit::SetMaster { master }]);
        self.workspace.editor.document.apply(step);
    }

    /// The first press takes all bends away. The second, within a while, empties the KV cache; the third begins the video again.
    pub(super) fn panic(&mut self, ui: &Ui) {
        self.stage.is_black = false;
        self.stage.is_frozen = false;
        let now = ui.input(|i| i.time);
        let is_second = self.stage.forgot.is_none_or(|at| now - at > theme::PANIC_SECS);
        let message = if self.workspace.editor.document.patch.engine.master > 0.0 {
            let step = Step::new("panic", vec![Edit::SetMaster { master: 0.0 }]);
            self.workspace.editor.document.apply(step);
            self.stage.forgot = None;
            "All bends are off. Ctrl+Z brings them back; Ctrl+P again empties the KV cache."
        } else if is_second {
            self.engine.forget_past();
            self.stage.forgot = Some(now);
            "The next chunk begins with an empty KV cache. Ctrl+P again restarts the video."
        } else {
            self.engine.restart();
            self.stage.forgot = None;
            "The video begins again, without bends. Ctrl+Z brings them back."
        };
        self.message.show(ui, message.to_owned());
    }

    /// Shows the output in a window of its own: the picture, black around it, no pointer. F or a double-click fills the screen, Esc
    /// ends that, then closes the window; a number chooses the monitor; C drags the corners. Panic, freeze and blackout have their keys here too.
    pub(super) fn output_ui(&mut self, ui: &Ui) {
        let Some(mut output) = self.stage.output else { return };
        let builder = ViewportBuilder::default().with_title("bendrack output").with_inner_size(vec2(768.0, 768.0));
        let builder = match output.monitor.filter(|_| output.is_full) {
            Some(monitor) => builder.with_monitor(monitor),
            None => builder.with_fullscreen(output.is_full),
        };
        let texture = self.workspace.playback.images.screen.clone().filter(|_| !self.stage.is_black);
        let file = self.files_of_user.mapping.clone();
        let mut mapping = *self.stage.mapping.get_or_insert_with(|| Mapping::read(&file));
        let (mut is_closed, mut command) = (false, None);
        ui.ctx().show_viewport_immediate(ViewportId::from_hash_of("output"), builder, |ui, _| {
            let black = Frame::new().fill(Color32::BLACK);
            CentralPanel::default().frame(black).show(ui, |ui| {
                let rect = ui.max_rect();
                let response = ui.interact(rect, ui.id().with("output"), Sense::click_and_drag());
                if response.hovered() && !output.is_mapping {
                    ui.ctx().set_cursor_icon(CursorIcon::None);
                }
                if let Some(texture) = &texture {
                    let place = fitted(texture, rect);
                    ui.painter().add(mapping.mesh(texture.id(), place));
                    if output.is_mapping {
                        mapping.edit_ui(ui, &response, place, &file);
                    }
                }
                for (key, of_key) in [
                    (Key::P, Command::Panic),
                    (Key::F, Command::ToggleFreeze),
                    (Key::B, Command::ToggleBlackout),
                    (Key::U, Command::ToggleOutput),
                ] {
                    if ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, key)) {
                        command = Some(of_key);
                    }
                }
                output.is_mapping ^= ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::C));
                // The first Esc ends the mapping.
                if output.is_mapping && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
                    output.is_mapping = false;
                }
                let (toggles, escapes, closes, number) = ui.input(|i| {
                    let number = NUMBERS.iter().position(|key| i.key_pressed(*key));
                    (i.key_pressed(Key::F), i.key_pressed(Key::Escape), i.viewport().close_requested(), number)
                });
                if let Some(number) = number {
                    output = Output { is_full: true, monitor: Some(number), ..output };
                }
                if toggles || (response.double_clicked() && !output.is_mapping) {
                    output = Output { is_full: !output.is_full, monitor: None, ..output };
                    ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(output.is_full));
                }
                if escapes && output.is_full {
                    output = Output { is_full: false, monitor: None, ..output };
                    ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(false));
                } else {
                    is_closed = escapes || closes;
                }
            });
        });
        self.stage.mapping = Some(mapping);
        self.stage.output = (!is_closed).then_some(output);
        if let Some(command) = command {
            self.run(ui, command);
        }
    }

    /// The words over the preview while it does not show the live picture.
    pub(super) const fn stage_mark(&self) -> Option<&'static str> {
        if self.stage.is_black {
            Some("Blackout: Ctrl+B ends it")
        } else if self.stage.is_frozen {
            Some("Frozen: Ctrl+F ends it")
        } else {
            None
        }
    }
}

/// The room right of the slider that its whole label needs, beside tempo, seed and view.
const ROOM: f32 = 300.0;

/// The keys of the monitors.
const NUMBERS: [Key; 4] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4];

/// The master depth, always in sight. Returns the new one.
pub(super) fn master_ui(ui: &mut Ui, master: f64) -> Option<f64> {
    use eframe::egui::{Slider, WidgetInfo, WidgetType};
    let mut depth = master;
    ui.spacing_mut().slider_width = 72.0;
    let slider = Slider::new(&mut depth, 0.0..=1.0).show_value(false).trailing_fill(true);
    let shown = ui.add(slider);
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::Slider, true, format!("master depth {master:.2}")));
    let hint = format!("Master depth: {:.0} %. At 0 the model runs as without bends.", 100.0 * master);
    let changed = shown.on_hover_text(hint).changed();
    let colour = if master < 1.0 { theme::warning() } else { theme::weak() };
    // A narrow bar has room for the number alone.
    let name = if ui.available_width() < ROOM { "" } else { "bends " };
    let text = format!("{name}{:.0} %", 100.0 * depth);
    ui.label(eframe::egui::RichText::new(text).size(theme::SMALL).color(colour));
    changed.then_some(depth)
}
