//! MIDI maps: controllers that turn knobs without a cable.

use std::sync::Arc;

use bendrack_nodes::def::Input;
use bendrack_nodes::patch::{Edit, MidiMap, Patch, Port};
use bendrack_nodes::value::Kind;
use eframe::egui::{
    Align, DragValue, Label, Layout, Rect, RichText, Sense, Ui, UiBuilder, WidgetInfo, WidgetType, vec2,
};
use serde_json::Map;

use crate::ui::document::Step;
use crate::ui::document::subpatch::knob;
use crate::ui::panels::snapshots::small;
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// The map that turns a knob of the patch.
pub fn map_of<'p>(patch: &'p Patch, port: &Port) -> Option<&'p MidiMap> {
    patch.maps.iter().rfind(|map| map.to == *port)
}

/// The step that gives a knob to a controller, over the whole travel of the knob, in the place of any that it has.
pub fn mapped(patch: &Patch, to: &Port, input: Option<&Input>, (channel, cc): (u8, u8)) -> Step {
    let mut maps: Vec<MidiMap> = patch.maps.iter().filter(|map| map.to != *to).cloned().collect();
    let range = input.map_or([0.0, 1.0], |input| [input.soft.0, input.soft.1]);
    maps.push(MidiMap { channel, cc, to: to.clone(), range, rest: Map::new() });
    Step::new(format!("map {to}"), vec![Edit::SetMaps { maps }])
}

impl Desk {
    /// The map that turns a knob that is shown; within subpatches there are none.
    pub fn map_of(&self, port: &Port) -> Option<&MidiMap> {
        map_of(&self.document.patch, port).filter(|_| self.inside.path.is_empty())
    }

    /// Where a knob stands: where its controller put it once it was moved, else where it was turned to.
    pub fn stands(&self, port: &Port, input: &Input) -> f64 {
        let turned = self.map_of(port).and_then(|map| {
            let at = self.controls.midi_cc.get(&(map.channel, map.cc))?;
            Some(map.range[0] + (map.range[1] - map.range[0]) * at)
        });
        let turned = turned.filter(|turned| turned.is_finite());
        turned.map_or_else(
            || self.number(&port.node, &port.port, input),
            |turned| turned.clamp(input.hard.0, input.hard.1),
        )
    }

    /// Takes the map of a knob away.
    pub fn unmap(&mut self, to: &Port) {
        let maps: Vec<MidiMap> = self.document.patch.maps.iter().filter(|map| map.to != *to).cloned().collect();
        if maps.len() < self.document.patch.maps.len() {
            self.document.apply(Step::new(format!("unmap {to}"), vec![Edit::SetMaps { maps }]));
        }
    }
}

/// Whether a controller can turn an input.
pub fn can_map(input: &Input) -> bool {
    input.kind == Kind::Number && input.choices.is_empty()
}

/// What is said of a map at its knob.
pub fn said(map: &MidiMap) -> String {
    format!("Controller {} on channel {} turns it, from {} to {}.", map.cc, map.channel, map.range[0], map.range[1])
}

/// The list of maps: channel, number, range, and a way to take each out.
pub fn maps_ui(ui: &mut Ui, desk: &mut Desk) {
    let patch = Arc::clone(&desk.document.patch);
    if patch.maps.is_empty() {
        let text = "None. Right-click a knob and choose “Map to controller”.";
        ui.label(RichText::new(text).size(theme::SMALL).color(theme::WEAK));
    }
    for (index, map) in patch.maps.iter().enumerate() {
        let mut changed = map.clone();
        let live = desk.controls.midi_cc.get(&(map.channel, map.cc)).copied();
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::UNIT / 2.0;
            // A meter of where the controller stands.
            let (rect, _) = ui.allocate_exact_size([4.0, 18.0].into(), Sense::hover());
            ui.painter().rect_filled(rect, 1.0, theme::WELL);
            if let Some(at) = live {
                let mut bar = rect;
                bar.set_top(rect.bottom() - rect.height() * at.clamp(0.0, 1.0) as f32);
                ui.painter().rect_filled(bar, 1.0, theme::ACCENT);
            }
            let room = Rect::from_min_size(ui.cursor().min, vec2(120.0, 20.0));
            ui.advance_cursor_after_rect(room);
            let name =
                Label::new(RichText::new(map.to.to_string()).size(theme::SMALL)).truncate().sense(Sense::click());
            let mut left = ui.new_child(UiBuilder::new().max_rect(room).layout(Layout::left_to_right(Align::Center)));
            if left.add(name).on_hover_text("Selects the node.").clicked() {
                desk.selection = [map.to.node.clone()].into();
            }
            let field = |ui: &mut Ui, value: DragValue<'_>, label: String| {
                let shown = ui.add(value);
                shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, label.as_str()));
                shown.on_hover_text(label.clone());
            };
            let channel = DragValue::new(&mut changed.channel).range(1..=16).prefix("ch ").speed(0.1);
            field(ui, channel, format!("channel of {}", map.to));
            let number = DragValue::new(&mut changed.cc).range(0..=127).prefix("cc ").speed(0.2);
            field(ui, number, format!("controller of {}", map.to));
            let input = knob(&patch, &map.to.node, &map.to.port).map(|(_, input)| input);
            let speed = input.map_or(0.01, |input| (input.soft.1 - input.soft.0).abs() / 200.0);
            for (end, what) in ["low", "high"].into_iter().enumerate() {
                let value = DragValue::new(&mut changed.range[end]).speed(speed);
                // A real minus is as wide as a figure.
                let value = value.custom_formatter(|value, _| format!("{value:.2}").replace('-', "−"));
                let value = value.custom_parser(|text| text.replace('−', "-").replace(',', ".").parse().ok());
                field(ui, value, format!("{what} end of {}", map.to));
            }
            if small(ui, "remove", &format!("remove the map of {}", map.to), "Its controller turns it no longer.") {
                desk.unmap(&map.to);
            }
        });
        if changed != *map && changed.range.iter().all(|end| end.is_finite()) {
            let mut maps = patch.maps.clone();
            maps[index] = changed;
            desk.document.apply(Step::part(format!("change the map of {}", map.to), vec![Edit::SetMaps { maps }]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::document::Document;

    #[test]
    fn a_map_turns_its_knob_once_the_controller_was_moved() {
        let patch = Patch::from_json(include_str!("../../../patches/midi_colour.json")).unwrap();
        let mut desk = Desk::new(Document::new(patch, None, Box::new(|_| ())));
        let port: Port = "fade.gain".parse().unwrap();
        let (_, input) = knob(desk.patch(), "fade", "gain").unwrap();
        assert_eq!(desk.stands(&port, input), 0.25, "nobody has moved it");
        desk.controls.midi_cc.insert((1, 1), 1.0);
        assert_eq!(desk.stands(&port, input), 4.0);
        let step = mapped(desk.patch(), &port, Some(input), (3, 20));
        desk.document.apply(step);
        assert_eq!(desk.document.patch.maps.len(), 1, "a knob has one controller");
        assert_eq!(desk.document.patch.maps[0].range, [input.soft.0, input.soft.1]);
        assert_eq!(desk.stands(&port, input), 0.25);
        desk.unmap(&port);
        assert!(desk.document.patch.maps.is_empty());
        assert!(desk.document.undo() && desk.document.undo());
        assert_eq!(desk.document.patch.maps[0].cc, 1);
    }
}
