//! The palette: a search field that adds nodes.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::library::aliases::words_for;
use bendrack_nodes::library::family::FAMILIES;
use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::node::value::Kind;
use eframe::egui::{self, Align2, Area, Frame, Id, Key, Order, Pos2, Rect, Sense, TextEdit, Ui, vec2};

use crate::ui::theme;
use crate::ui::widgets::help;
use crate::ui::workspace::PendingCable;

/// The open palette.
#[derive(Debug)]
pub struct Palette {
    /// The position of the palette and of the new node.
    pub at: Pos2,
    /// The pending cable, which connects to the new node.
    pub pending: Option<PendingCable>,
    query: String,
    chosen: usize,
    /// The family whose nodes alone are listed.
    family: Option<&'static str>,
    /// True in the first frame.
    fresh: bool,
}

/// The response of the palette in one frame.
pub enum PaletteResponse {
    /// It stays open.
    Open,
    /// It was closed.
    Closed,
    /// A node was chosen.
    Chosen(&'static NodeDef),
}

impl Palette {
    /// A palette at this point of the screen.
    pub fn new(at: Pos2, pending: Option<PendingCable>) -> Self {
        Self { at, pending, query: String::new(), chosen: 0, family: None, fresh: true }
    }
}

/// Shows the palette above everything else.
pub fn palette_ui(ui: &Ui, palette: &mut Palette) -> PaletteResponse {
    let mut answer = PaletteResponse::Open;
    let size = vec2(320.0, 360.0);
    let area = Area::new(Id::new("palette")).order(Order::Foreground).fixed_pos(palette.at).constrain(true);
    let shown = area.show(ui.ctx(), |ui| {
        Frame::window(ui.style()).inner_margin(theme::UNIT).show(ui, |ui| {
            ui.set_width(size.x);
            answer = content_ui(ui, palette, size.y);
        });
    });
    let outside = ui.input(|i| {
        i.pointer.any_pressed() && i.pointer.interact_pos().is_some_and(|at| !shown.response.rect.contains(at))
    });
    let left = ui.input(|i| i.key_pressed(Key::Escape)) || (outside && !palette.fresh);
    palette.fresh = false;
    match answer {
        PaletteResponse::Open if left => PaletteResponse::Closed,
        answer => answer,
    }
}

fn content_ui(ui: &mut Ui, palette: &mut Palette, height: f32) -> PaletteResponse {
    // The arrow keys move the choice, not the text cursor, so the field must not see them.
    let (up, down) = ui.input_mut(|i| {
        (i.consume_key(egui::Modifiers::NONE, Key::ArrowUp), i.consume_key(egui::Modifiers::NONE, Key::ArrowDown))
    });
    let hint = match &palette.pending {
        Some(pending) if pending.from_output => format!("Find a node for this {}", pending.kind),
        Some(pending) => format!("Find a source of this {}", pending.kind),
        None => "Find a node".to_owned(),
    };
    let field = TextEdit::singleline(&mut palette.query).hint_text(hint).desired_width(f32::INFINITY);
    let field = ui.add(field);
    // Each search begins at the best hit.
    let is_new = palette.fresh || field.changed();
    field.request_focus();
    if field.changed() {
        palette.chosen = 0;
    }
    let is_other_family = families_ui(ui, palette);
    let is_new = is_new || is_other_family;
    let mut hits = find(&palette.query, palette.pending.as_ref());
    hits.retain(|def| palette.family.is_none_or(|family| def.family() == family));
    let last = hits.len().saturating_sub(1);
    palette.chosen = (palette.chosen + usize::from(down)).saturating_sub(usize::from(up)).min(last);
    let mut answer = PaletteResponse::Open;
    if ui.input(|i| i.key_pressed(Key::Enter))
        && let Some(&def) = hits.get(palette.chosen)
    {
        answer = PaletteResponse::Chosen(def);
    }
    ui.add_space(theme::UNIT / 2.0);
    if hits.is_empty() {
        ui.label(egui::RichText::new("No node matches").color(theme::weak()));
    }
    // The area remembers its size: without a smallest one, a short list would shrink all later ones.
    let list = egui::ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink([false, true]);
    let list = if is_new { list.vertical_scroll_offset(0.0) } else { list };
    list.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (i, &def) in hits.iter().enumerate() {
            let row = hit_ui(ui, def, i == palette.chosen);
            if i == palette.chosen && (up || down) {
                row.scroll_to_me(None);
            }
            if row.clicked() {
                answer = PaletteResponse::Chosen(def);
            }
        }
    });
    answer
}

/// The families, to list the nodes of one alone. True if another one is chosen.
fn families_ui(ui: &mut Ui, palette: &mut Palette) -> bool {
    let before = palette.family;
    ui.add_space(theme::UNIT / 2.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
        ui.spacing_mut().button_padding = vec2(4.0, 1.0);
        for family in FAMILIES {
            let is_on = palette.family == Some(family.name);
            let colour = if is_on { theme::text() } else { theme::kind_colours(family.kind).0 };
            let text = egui::RichText::new(family.title).size(theme::SMALL).color(colour);
            let chip = ui.add(egui::Button::selectable(is_on, text));
            chip.widget_info(|| {
                egui::WidgetInfo::selected(egui::WidgetType::Button, true, is_on, format!("family {}", family.title))
            });
            if chip.clicked() {
                palette.family = (!is_on).then_some(family.name);
            }
        }
    });
    if palette.family != before {
        palette.chosen = 0;
    }
    palette.family != before
}

/// One row: colour of the family, title, name, help.
fn hit_ui(ui: &mut Ui, def: &'static NodeDef, chosen: bool) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, def.title));
    let painter = ui.painter();
    if chosen || response.hovered() {
        painter.rect_filled(rect, 4.0, if chosen { theme::accent().gamma_multiply(0.18) } else { theme::title() });
    }
    let bar = Rect::from_min_size(rect.min + vec2(4.0, 8.0), vec2(3.0, 24.0));
    painter.rect_filled(bar, 1.5, theme::family_colour(def.family()));
    let left = rect.left() + 2.0 * theme::UNIT;
    painter.text(
        egui::pos2(left, rect.top() + 12.0),
        Align2::LEFT_CENTER,
        def.title,
        theme::proportional(theme::BODY),
        theme::text(),
    );
    painter.text(
        rect.right_top() + vec2(-8.0, 12.0),
        Align2::RIGHT_CENTER,
        def.name,
        theme::monospace(theme::SMALL),
        theme::weak(),
    );
    let mut about = help(def.about, theme::SMALL, theme::weak());
    about.wrap = egui::text::TextWrapping::truncate_at_width(rect.right() - 8.0 - left);
    let about = painter.layout_job(about);
    painter.galley(egui::pos2(left, rect.top() + 21.0), about, theme::weak());
    response
}

/// The nodes that match a query and fit a pending cable, best first, then in the order of the library.
pub fn find(query: &str, pending: Option<&PendingCable>) -> Vec<&'static NodeDef> {
    let query = query.trim().to_lowercase();
    let mut hits: Vec<(u32, &'static NodeDef)> = LIBRARY
        .iter()
        .filter(|def| pending.is_none_or(|pending| matching_port(def, pending).is_some()))
        .filter_map(|def| Some((score(def, &query)?, *def)))
        .collect();
    // Nodes with a first port of the kind precede those with another port of it, then those with a convertible port.
    let nearness = |def: &NodeDef| {
        let place = pending.and_then(|pending| {
            if pending.from_output {
                def.inputs.iter().position(|input| input.kind == pending.kind)
            } else {
                def.outputs.iter().position(|output| output.kind == pending.kind)
            }
        });
        place.map_or(2, |place| place.min(1))
    };
    hits.sort_by_key(|(score, def)| (std::cmp::Reverse(*score), nearness(def)));
    hits.into_iter().map(|(_, def)| def).collect()
}

/// The port of a new node for a pending cable.
pub fn matching_port(def: &'static NodeDef, pending: &PendingCable) -> Option<&'static str> {
    if pending.from_output {
        let fits = def.inputs.iter().filter(|input| input.kind.accepts(pending.kind));
        // Reversed, as max_by_key returns the last of equal ports.
        fits.rev()
            .max_by_key(|input| (input.kind == pending.kind, input.direct || !is_number(input.kind)))
            .map(|input| input.name)
    } else {
        let fits = def.outputs.iter().filter(|output| pending.kind.accepts(output.kind));
        fits.rev().max_by_key(|output| output.kind == pending.kind).map(|output| output.name)
    }
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Gate)
}

/// The rank of a node for a query. Best first: equal title, equal name, prefix of a name, prefix of a word. Then: part
/// of a name, word of the help, letters in order.
fn score(def: &NodeDef, query: &str) -> Option<u32> {
    let title = def.title.to_lowercase();
    let name = def.name.rsplit('.').next().unwrap_or(def.name);
    let names = [title.as_str(), name, def.name];
    // Letters within the name of a family are no hit: “ro” in `control.knob`.
    let shown = if query.contains('.') { &names[..] } else { &names[..2] };
    let words = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).any(|word| word.starts_with(query))
    };
    if query.is_empty() {
        Some(0)
    } else if title == query {
        Some(9)
    } else if names.contains(&query) || words_for(def.name).any(|word| word == query) {
        Some(8)
    } else if title.starts_with(query) {
        Some(7)
    } else if name.starts_with(query) {
        Some(6)
    } else if words(def.title) || words(name) {
        Some(5)
    } else if words(def.name) {
        Some(4)
    } else if shown.iter().any(|name| name.contains(query))
        || query.len() >= 3 && words_for(def.name).any(|word| word.starts_with(query))
    {
        Some(3)
    } else if words(def.about) {
        Some(2)
    } else if shown.iter().any(|name| in_order(name, query)) {
        Some(1)
    } else {
        None
    }
}

/// True if `text` contains the letters of `query` in order.
fn in_order(text: &str, query: &str) -> bool {
    let mut letters = text.chars();
    query.chars().all(|wanted| letters.any(|letter| letter == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(query: &str) -> &'static str {
        find(query, None).first().map_or("", |def| def.name)
    }

    #[test]
    fn every_node_is_found_by_its_title_and_its_name() {
        for def in LIBRARY {
            assert_eq!(find(def.name, None)[0].name, def.name);
            assert_eq!(find(&def.title.to_uppercase(), None)[0].title, def.title);
        }
    }

    #[test]
    fn a_few_letters_find_the_node() {
        let queries = [
            ("lfo", "modulate.lfo"),
            ("kno", "control.knob"),
            ("num", "control.number"),
            ("rot", "bend.rotate"),
            ("pro", "prompt.text"),
            ("wan", "model.wan"),
            ("heat", "output.heatmap"),
            ("scr", "output.screen"),
            ("lay", "target.layers"),
            ("ste", "target.steps"),
            ("wor", "target.words"),
            ("slew", "modulate.slew"),
            ("cc", "midi.cc"),
            ("comp", "logic.compare"),
            ("compo", "output.compositor"),
            ("math", "math.math"),
        ];
        for (query, name) in queries {
            assert_eq!(top(query), name, "{query}");
        }
        assert!(find("xyzzy", None).is_empty());
        let of_family = |query| find(query, None).into_iter().filter(|def| def.name.starts_with("control.")).count();
        assert_eq!(of_family("ntro"), 0, "letters within the name of a family");
        assert!(of_family("contr") > 2 && of_family("control.") > 2, "its beginning");
        // Words of other programs, and what testers searched in vain.
        for (query, name) in [
            ("sine", "modulate.lfo"),
            ("wobble", "modulate.lfo"),
            ("oscillator", "modulate.lfo"),
            ("randomise", "modulate.hold"),
            ("random", "modulate.hold"),
            ("mic", "audio.in"),
            ("volume", "audio.in"),
            ("zoom", "bend.scale"),
            ("feedback", "math.delay"),
            ("seed", "model.wan"),
            ("gen", "model.wan"),
            ("arduino", "serial.in"),
            ("touchosc", "osc.in"),
            ("dmx", "light.channel"),
            ("spin", "bend.rotate"),
            ("bpm", "time.tempo"),
        ] {
            assert_eq!(top(query), name, "{query}");
        }
    }

    #[test]
    fn a_pending_cable_finds_only_nodes_that_fit() {
        let port = "map.map".parse().unwrap();
        let pending = PendingCable { port, kind: Kind::Map, from_output: true };
        let hits = find("", Some(&pending));
        assert_eq!(hits[0].name, "output.heatmap", "its own kind first");
        assert!(hits.iter().all(|def| matching_port(def, &pending).is_some()));
        assert!(hits.iter().any(|def| def.name == "output.compositor"), "a map where a picture is wanted");
        assert!(!hits.iter().any(|def| def.name == "modulate.lfo"));

        let angle = PendingCable { port: "rotate.angle".parse().unwrap(), kind: Kind::Number, from_output: false };
        assert_eq!(find("lfo", Some(&angle))[0].name, "modulate.lfo");
        assert!(find("screen", Some(&angle)).is_empty());
    }

    #[test]
    fn a_cable_lands_in_the_first_of_equal_ports() {
        let node = |name: &str| *LIBRARY.iter().find(|def| def.name == name).unwrap();
        let lands = |name: &str, kind, from_output| {
            let pending = PendingCable { port: "a.b".parse().unwrap(), kind, from_output };
            matching_port(node(name), &pending)
        };
        for (name, kind, port) in [
            ("tap.map", Kind::Target, "target"),
            ("output.compositor", Kind::Picture, "a"),
            ("math.math", Kind::Number, "a"),
            ("logic.logic", Kind::Gate, "a"),
        ] {
            assert_eq!(lands(name, kind, true), Some(port), "{name}");
        }
        // The rule for every node: no earlier port of the same kind is passed over.
        for def in LIBRARY {
            for kind in [Kind::Target, Kind::Picture, Kind::Map, Kind::Bend, Kind::Text] {
                let first = def.inputs.iter().find(|input| input.kind == kind).map(|input| input.name);
                if first.is_some() {
                    assert_eq!(lands(def.name, kind, true), first, "{}", def.name);
                }
                let first = def.outputs.iter().find(|output| output.kind == kind).map(|output| output.name);
                if first.is_some() {
                    assert_eq!(lands(def.name, kind, false), first, "{}", def.name);
                }
            }
        }
    }
}
