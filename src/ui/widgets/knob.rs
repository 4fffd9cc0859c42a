//! Knobs, number fields and switches. A knob follows relative drags and never jumps to the pointer.

use std::f32::consts::PI;

use bendrack_nodes::node::def::Input;
use eframe::egui::{
    self, Align2, CursorIcon, EventFilter, Id, Key, Modifiers, Pos2, Rect, Response, Sense, Shape, Stroke, TextEdit,
    Ui, WidgetInfo, vec2,
};

use crate::ui::theme;
use crate::ui::widgets::{number, select_all};

/// The start and end of the travel, clockwise from the right, with a gap at the bottom.
const FROM: f32 = 0.75 * PI;
const TO: f32 = 2.25 * PI;

/// Values and declaration of a knob.
pub struct Knob<'a> {
    /// The declaration of the input.
    pub input: &'a Input,
    /// The accessible name.
    pub label: String,
    /// The value of the knob.
    pub base: f64,
    /// The value with the modulation of a cable.
    pub live: Option<f64>,
    /// The modulation depth of a cable.
    pub depth: Option<f64>,
    /// The position of a hand that does not move the knob yet.
    pub ghost: Option<f64>,
    /// The scroll of the wheel, if the caller consumes it; otherwise the knob does.
    pub wheel: Option<f32>,
}

/// A change of a knob.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KnobChange {
    /// To a value.
    Set(f64),
    /// Back to its default.
    Reset,
}

/// A knob in `rect`. Drag vertically, scroll, or press the arrow keys; Ctrl is finer, Shift coarser; a double-click
/// resets.
pub fn knob_ui(ui: &mut Ui, id: Id, rect: Rect, knob: &Knob<'_>) -> (Response, Option<KnobChange>) {
    let response = ui.interact(rect, id, Sense::click_and_drag()).on_hover_and_drag_cursor(CursorIcon::ResizeVertical);
    response.widget_info(|| WidgetInfo::slider(true, knob.base, &knob.label));
    let turn = turned(ui, &response, knob.input.part_at(knob.base), knob.wheel);
    let turn = turn.map(|place| match place {
        Some(place) => KnobChange::Set(knob.input.step_at(place)),
        None => KnobChange::Reset,
    });
    if ui.is_rect_visible(rect) {
        paint(ui, rect, knob, response.hovered() || response.dragged(), response.has_focus());
    }
    // A value beyond the travel stays until the knob turns.
    let turn = turn.filter(|turn| *turn != KnobChange::Set(knob.base));
    (response, turn)
}

/// The knob of a modulation depth, −1 to 1.
pub fn depth_ui(ui: &mut Ui, id: Id, rect: Rect, label: &str, depth: f64) -> (Response, Option<Option<f64>>) {
    let response = ui.interact(rect, id, Sense::click_and_drag()).on_hover_and_drag_cursor(CursorIcon::ResizeVertical);
    response.widget_info(|| WidgetInfo::slider(true, depth, label));
    let turn = turned(ui, &response, f64::midpoint(depth, 1.0), Some(0.0));
    let turn = turn.map(|place| place.map(|place| ((place * 2.0 - 1.0) * 1000.0).round() / 1000.0));
    let (centre, radius) = (rect.center(), rect.width() / 2.0);
    let hue = theme::kind_colours(bendrack_nodes::node::value::Kind::Number).0;
    let hue = if response.hovered() || response.dragged() { theme::bright() } else { hue };
    let painter = ui.painter();
    painter.circle_filled(centre, radius * 0.62, theme::well());
    arc(ui, centre, radius * 0.82, (0.0, 1.0), Stroke::new(radius * 0.2, theme::line()));
    let position = f64::midpoint(depth, 1.0) as f32;
    arc(ui, centre, radius * 0.82, (0.5, position), Stroke::new(radius * 0.25, hue));
    painter.line_segment([centre, on_circle(centre, radius * 0.6, position)], Stroke::new(radius * 0.2, hue));
    (response, turn)
}

/// The change of a knob at `place` of its travel: none, to a place, or to the default.
#[expect(clippy::option_option, reason = "untouched, reset, or turned to a place")]
fn turned(ui: &Ui, response: &Response, place: f64, wheel: Option<f32>) -> Option<Option<f64>> {
    if response.double_clicked() {
        return Some(None);
    }
    if response.clicked() {
        response.request_focus();
    }
    let (fine, coarse) = ui.input(|i| (i.modifiers.command || i.modifiers.ctrl, i.modifiers.shift));
    let speed = match (fine, coarse) {
        (true, true) => 0.01,
        (true, false) => 0.1,
        (false, true) => 4.0,
        (false, false) => 1.0,
    };
    if response.drag_started() {
        ui.data_mut(|data| data.insert_temp(response.id, place));
    }
    if response.dragged() {
        // The distance before the drag threshold counts too.
        let origin = ui.input(|i| if response.drag_started() { i.pointer.press_origin() } else { None });
        let moved = match (origin, response.interact_pointer_pos()) {
            (Some(from), Some(to)) => to.y - from.y,
            _ => response.drag_delta().y,
        };
        // The unrounded position, so that small steps of an integer knob add up.
        let step = f64::from(-moved / theme::TRAVEL) * speed;
        let position = ui.data_mut(|data| {
            let position = data.get_temp_mut_or(response.id, place);
            *position = (*position + step).clamp(0.0, 1.0);
            *position
        });
        return (step != 0.0).then_some(Some(position));
    }
    let mut step = 0.0;
    if response.hovered() {
        let wheel = wheel.unwrap_or_else(|| ui.input_mut(|i| std::mem::take(&mut i.smooth_scroll_delta.y)));
        step += f64::from(wheel) / 2000.0 * speed;
    }
    if response.has_focus() {
        let filter = EventFilter { vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let (up, down) = ui.input(|i| (i.num_presses(Key::ArrowUp), i.num_presses(Key::ArrowDown)));
        step += (up as f64 - down as f64) / 100.0 * speed;
    }
    (step != 0.0).then(|| Some((place + step).clamp(0.0, 1.0)))
}

fn paint(ui: &Ui, rect: Rect, knob: &Knob<'_>, hovered: bool, focused: bool) {
    let (centre, radius) = (rect.center(), rect.width() / 2.0);
    let place = |value: f64| knob.input.part_at(value) as f32;
    let base = place(knob.base);
    // A bipolar knob fills from 0.
    let zero = if knob.input.soft.0 < 0.0 { place(0.0) } else { 0.0 };
    let body = if hovered { theme::line() } else { theme::title() };
    ui.painter().circle(centre, radius * 0.66, body, Stroke::new(1.0, theme::line()));
    arc(ui, centre, radius * 0.9, (0.0, 1.0), Stroke::new(radius * 0.16, theme::line()));
    arc(ui, centre, radius * 0.9, (zero, base), Stroke::new(radius * 0.2, theme::accent()));
    let hue = theme::kind_colours(bendrack_nodes::node::value::Kind::Number).0;
    if let Some(depth) = knob.depth {
        let reach = knob.base + depth * (knob.input.soft.1 - knob.input.soft.0);
        let ring = Stroke::new((radius * 0.1).max(1.0), hue.gamma_multiply(0.6));
        arc(ui, centre, radius * 1.14, (base, place(reach)), ring);
    }
    let pointer = Stroke::new((radius * 0.16).max(1.0), if hovered { theme::bright() } else { theme::text() });
    ui.painter().line_segment([on_circle(centre, radius * 0.2, base), on_circle(centre, radius * 0.6, base)], pointer);
    if let Some(ghost) = knob.ghost {
        // A mark across the ring, where the hand stands.
        let at = |distance: f32| on_circle(centre, radius * distance, place(ghost));
        ui.painter().line_segment([at(0.72), at(1.2)], Stroke::new((radius * 0.14).max(1.5), theme::warning()));
    }
    if let Some(live) = knob.live {
        ui.painter().circle_filled(on_circle(centre, radius * 0.9, place(live)), (radius * 0.2).max(1.5), hue);
    }
    if focused {
        ui.painter().circle_stroke(centre, radius * 1.25, Stroke::new(1.0, theme::accent()));
    }
}

/// The point on a circle at a position of the travel.
fn on_circle(centre: Pos2, radius: f32, place: f32) -> Pos2 {
    let angle = FROM + (TO - FROM) * place;
    centre + vec2(angle.cos(), angle.sin()) * radius
}

/// An arc along the travel.
fn arc(ui: &Ui, centre: Pos2, radius: f32, (from, to): (f32, f32), stroke: Stroke) {
    let steps = ((to - from).abs() * 28.0).ceil().max(1.0) as usize;
    let points = (0..=steps).map(|i| on_circle(centre, radius, from + (to - from) * i as f32 / steps as f32));
    ui.painter().add(Shape::line(points.collect(), stroke));
}

/// A number that opens as a field on a click. Enter applies it, Esc cancels, an empty field resets.
pub fn value_ui(ui: &mut Ui, id: Id, rect: Rect, input: &Input, value: f64, size: f32) -> Option<KnobChange> {
    let draft: Option<String> = ui.data(|data| data.get_temp(id));
    let Some(mut draft) = draft else {
        let response = ui.interact(rect, id, Sense::click()).on_hover_cursor(CursorIcon::Text);
        let shown = number::show(input, value);
        response.widget_info(|| WidgetInfo::labeled(egui::WidgetType::Button, true, &shown));
        let colour = if response.hovered() { theme::bright() } else { theme::text() };
        ui.painter().text(rect.right_center(), Align2::RIGHT_CENTER, shown, theme::monospace(size), colour);
        if response.clicked() {
            ui.data_mut(|data| data.insert_temp(id, number::show(input, value)));
        }
        return None;
    };
    let field =
        TextEdit::singleline(&mut draft).font(theme::monospace(size)).margin(vec2(2.0, 1.0)).id(id.with("field"));
    let field = ui.place(rect, field);
    let fresh = !ui.data(|data| data.get_temp(id.with("open")).unwrap_or(false));
    if fresh {
        field.request_focus();
        // The first letter replaces the number.
        select_all(ui, field.id, &draft);
        ui.data_mut(|data| data.insert_temp(id.with("open"), true));
    }
    if field.lost_focus() {
        ui.data_mut(|data| {
            data.remove::<String>(id);
            data.remove::<bool>(id.with("open"));
        });
        let left = ui.input(|i| i.key_pressed(Key::Escape));
        return if left { None } else { typed(input, &draft).filter(|turn| *turn != KnobChange::Set(value)) };
    }
    ui.data_mut(|data| data.insert_temp(id, draft));
    None
}

fn typed(input: &Input, text: &str) -> Option<KnobChange> {
    if text.trim().is_empty() { Some(KnobChange::Reset) } else { number::read(input, text).map(KnobChange::Set) }
}

/// A switch in `rect`.
pub fn switch_ui(ui: &mut Ui, id: Id, rect: Rect, label: &str, on: bool) -> (Response, bool) {
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(egui::WidgetType::Checkbox, true, on, label));
    let key = response.has_focus() && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Space));
    let pill = Rect::from_center_size(rect.center(), vec2(rect.width(), rect.width() * 0.56));
    let radius = pill.height() / 2.0;
    let (fill, edge) =
        if on { (theme::accent().gamma_multiply(0.45), theme::accent()) } else { (theme::well(), theme::line()) };
    let edge = if response.hovered() || response.has_focus() { theme::bright() } else { edge };
    ui.painter().rect(pill, radius, fill, Stroke::new(1.0, edge), egui::StrokeKind::Inside);
    let x = if on { pill.right() - radius } else { pill.left() + radius };
    let thumb = if on { theme::accent() } else { theme::weak() };
    ui.painter().circle_filled(egui::pos2(x, pill.center().y), radius * 0.62, thumb);
    let clicked = response.clicked() || key;
    (response, clicked)
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::LIBRARY;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;

    struct Bench {
        input: Input,
        value: f64,
        turns: usize,
    }

    fn bench(node: &str, name: &str) -> Harness<'static, Bench> {
        let def = LIBRARY.iter().find(|def| def.name == node).unwrap();
        let input = *def.input(name).unwrap().1;
        let value = input.default_number();
        Harness::builder().with_step_dt(1.0 / 60.0).with_size(vec2(200.0, 400.0)).build_ui_state(
            |ui, bench: &mut Bench| {
                let rect = Rect::from_center_size(Pos2::new(100.0, 200.0), vec2(32.0, 32.0));
                let knob = Knob {
                    input: &bench.input,
                    label: "knob".into(),
                    base: bench.value,
                    live: None,
                    ghost: None,
                    depth: None,
                    wheel: None,
                };
                match knob_ui(ui, Id::new("knob"), rect, &knob).1 {
                    Some(KnobChange::Set(value)) => bench.value = value,
                    Some(KnobChange::Reset) => bench.value = bench.input.default_number(),
                    None => return,
                }
                bench.turns += 1;
            },
            Bench { input, value, turns: 0 },
        )
    }

    fn drag(harness: &mut Harness<'_, Bench>, up: f32, modifiers: Modifiers) {
        let from = Pos2::new(100.0, 200.0);
        harness.hover_at(from);
        harness.drag_at(from);
        harness.run();
        harness.input_mut().modifiers = modifiers;
        for i in 1..=10_u8 {
            harness.hover_at(from - vec2(0.0, up * f32::from(i) / 10.0));
            harness.step();
        }
        harness.drop_at(from - vec2(0.0, up));
        harness.input_mut().modifiers = Modifiers::NONE;
        harness.run();
    }

    #[test]
    fn a_drag_turns_by_its_length_and_fine_by_a_tenth_of_it() {
        let mut harness = bench("bend.rotate", "angle");
        drag(&mut harness, theme::TRAVEL / 4.0, Modifiers::NONE);
        let whole = harness.state().value;
        assert!((whole - 90.0).abs() < 1.0, "a quarter of the travel of −180° to 180°: {whole}");
        drag(&mut harness, -theme::TRAVEL / 4.0, Modifiers::CTRL);
        let back = whole - harness.state().value;
        assert!((back - 9.0).abs() < 1.0, "a tenth of it: {back}");
    }

    #[test]
    fn an_integer_knob_adds_small_steps_up() {
        let mut harness = bench("midi.cc", "number");
        drag(&mut harness, theme::TRAVEL / 4.0, Modifiers::CTRL);
        assert_eq!(harness.state().value, 4.0, "1 and a fortieth of 127");
    }

    #[test]
    fn a_double_click_resets_and_arrows_turn() {
        let mut harness = bench("modulate.lfo", "rate");
        drag(&mut harness, 60.0, Modifiers::NONE);
        let turned = harness.state().value;
        assert!(turned > 0.3, "{turned}");
        harness.get_by_label("knob").focus();
        harness.run();
        harness.key_press(Key::ArrowUp);
        harness.run();
        assert!(harness.state().value > turned);
        let knob = harness.get_by_label("knob");
        knob.click();
        knob.click();
        harness.run();
        assert_eq!(harness.state().value, 0.25);
    }
}
