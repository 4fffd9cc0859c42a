//! The palette: type a few letters, get a node.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::NodeDef;
use bendrack_nodes::value::Kind;
use eframe::egui::{self, Align2, Area, Frame, Id, Key, Order, Pos2, Rect, Sense, TextEdit, Ui, vec2};

use crate::ui::theme;

/// The free end of a cable: what is to be added has to take it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loose {
    /// The port at the other end.
    pub port: bendrack_nodes::patch::Port,
    /// What flows.
    pub kind: Kind,
    /// The port at the other end is an output.
    pub from_output: bool,
}

/// The open palette.
#[derive(Debug)]
pub struct Palette {
    /// Where it stands, and the node will.
    pub at: Pos2,
    /// The cable that was let go.
    pub loose: Option<Loose>,
    query: String,
    chosen: usize,
    fresh: bool,
}

/// What came of a frame of the palette.
pub enum Answer {
    /// It stays open.
    Open,
    /// It was left.
    Closed,
    /// This was chosen.
    Chosen(&'static NodeDef),
}

impl Palette {
    /// A palette at this point of the screen.
    pub fn new(at: Pos2, loose: Option<Loose>) -> Self {
        Self { at, loose, query: String::new(), chosen: 0, fresh: true }
    }
}

/// Shows the palette above everything else.
pub fn palette_ui(ui: &Ui, palette: &mut Palette) -> Answer {
    let mut answer = Answer::Open;
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
        Answer::Open if left => Answer::Closed,
        answer => answer,
    }
}

fn content_ui(ui: &mut Ui, palette: &mut Palette, height: f32) -> Answer {
    // The arrows move the choice, not the cursor of the field.
    let (up, down) = ui.input_mut(|i| {
        (i.consume_key(egui::Modifiers::NONE, Key::ArrowUp), i.consume_key(egui::Modifiers::NONE, Key::ArrowDown))
    });
    let hint = match &palette.loose {
        Some(loose) if loose.from_output => format!("where does the {} go?", loose.kind),
        Some(loose) => format!("where does a {} come from?", loose.kind),
        None => "add a node".to_owned(),
    };
    let field = TextEdit::singleline(&mut palette.query).hint_text(hint).desired_width(f32::INFINITY);
    let field = ui.add(field);
    field.request_focus();
    if field.changed() {
        palette.chosen = 0;
    }
    let hits = find(&palette.query, palette.loose.as_ref());
    let last = hits.len().saturating_sub(1);
    palette.chosen = (palette.chosen + usize::from(down)).saturating_sub(usize::from(up)).min(last);
    let mut answer = Answer::Open;
    if ui.input(|i| i.key_pressed(Key::Enter))
        && let Some(&def) = hits.get(palette.chosen)
    {
        answer = Answer::Chosen(def);
    }
    ui.add_space(theme::UNIT / 2.0);
    if hits.is_empty() {
        ui.label(egui::RichText::new("nothing of that name").color(theme::WEAK));
    }
    egui::ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (i, &def) in hits.iter().enumerate() {
            let row = hit_ui(ui, def, i == palette.chosen);
            if i == palette.chosen && (up || down) {
                row.scroll_to_me(None);
            }
            if row.clicked() {
                answer = Answer::Chosen(def);
            }
        }
    });
    answer
}

/// One row: the family's hue, the title, the sentence.
fn hit_ui(ui: &mut Ui, def: &'static NodeDef, chosen: bool) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, def.title));
    let painter = ui.painter();
    if chosen || response.hovered() {
        painter.rect_filled(rect, 4.0, if chosen { theme::ACCENT.gamma_multiply(0.18) } else { theme::TITLE });
    }
    let bar = Rect::from_min_size(rect.min + vec2(4.0, 8.0), vec2(3.0, 24.0));
    painter.rect_filled(bar, 1.5, theme::family_colour(def.family()));
    let left = rect.left() + 2.0 * theme::UNIT;
    painter.text(
        egui::pos2(left, rect.top() + 12.0),
        Align2::LEFT_CENTER,
        def.title,
        theme::words(theme::BODY),
        theme::TEXT,
    );
    painter.text(
        rect.right_top() + vec2(-8.0, 12.0),
        Align2::RIGHT_CENTER,
        def.name,
        theme::figures(theme::SMALL),
        theme::WEAK,
    );
    let about = egui::text::LayoutJob::simple_singleline(def.about.to_owned(), theme::words(theme::SMALL), theme::WEAK);
    let mut about = about;
    about.wrap = egui::text::TextWrapping::truncate_at_width(rect.right() - 8.0 - left);
    let about = painter.layout_job(about);
    painter.galley(egui::pos2(left, rect.top() + 21.0), about, theme::WEAK);
    response
}

/// The nodes that fit a query and a loose cable, best first; of equal ones in the order of the library.
pub fn find(query: &str, loose: Option<&Loose>) -> Vec<&'static NodeDef> {
    let query = query.trim().to_lowercase();
    let mut hits: Vec<(u32, &'static NodeDef)> = LIBRARY
        .iter()
        .filter(|def| loose.is_none_or(|loose| joint(def, loose).is_some()))
        .filter_map(|def| Some((score(def, &query)?, *def)))
        .collect();
    // What a node is about, its first port, goes before a port among others, and that before a kind that has to be turned into
    // this one.
    let nearness = |def: &NodeDef| {
        let place = loose.and_then(|loose| {
            if loose.from_output {
                def.inputs.iter().position(|input| input.kind == loose.kind)
            } else {
                def.outputs.iter().position(|output| output.kind == loose.kind)
            }
        });
        place.map_or(2, |place| place.min(1))
    };
    hits.sort_by_key(|(score, def)| (std::cmp::Reverse(*score), nearness(def)));
    hits.into_iter().map(|(_, def)| def).collect()
}

/// The port of a node that a loose cable is plugged into.
pub fn joint(def: &'static NodeDef, loose: &Loose) -> Option<&'static str> {
    if loose.from_output {
        let fits = def.inputs.iter().filter(|input| input.kind.accepts(loose.kind));
        fits.max_by_key(|input| (input.kind == loose.kind, input.signal || !is_number(input.kind)))
            .map(|input| input.name)
    } else {
        let fits = def.outputs.iter().filter(|output| loose.kind.accepts(output.kind));
        // Of equal ones the first: max_by_key gives the last.
        fits.rev().max_by_key(|output| output.kind == loose.kind).map(|output| output.name)
    }
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Gate)
}

/// How well a node fits a query: its title, its whole name, how a name begins, how a word begins, what is in a name, what is in the sentence,
/// letters in their order.
fn score(def: &NodeDef, query: &str) -> Option<u32> {
    let title = def.title.to_lowercase();
    let name = def.name.rsplit('.').next().unwrap_or(def.name);
    let names = [title.as_str(), name, def.name];
    let words = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).any(|word| word.starts_with(query))
    };
    if query.is_empty() {
        Some(0)
    } else if title == query {
        Some(8)
    } else if names.contains(&query) {
        Some(7)
    } else if title.starts_with(query) || name.starts_with(query) {
        Some(6)
    } else if words(def.title) || words(name) {
        Some(5)
    } else if words(def.name) {
        Some(4)
    } else if names.iter().any(|name| name.contains(query)) {
        Some(3)
    } else if words(def.about) {
        Some(2)
    } else if in_order(&title, query) || in_order(def.name, query) {
        Some(1)
    } else {
        None
    }
}

/// Whether the letters of `query` stand in `text` in their order.
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
    fn few_letters_find_what_is_meant() {
        let queries = [
            ("lfo", "modulate.lfo"),
            ("kno", "control.knob"),
            ("num", "control.number"),
            ("rot", "bend.rotate"),
            ("pro", "prompt.text"),
            ("wan", "model.wan"),
            ("heat", "output.heatmap"),
            ("scr", "output.picture"),
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
    }

    #[test]
    fn a_loose_cable_finds_only_what_takes_it() {
        let port = "map.map".parse().unwrap();
        let loose = Loose { port, kind: Kind::Map, from_output: true };
        let hits = find("", Some(&loose));
        assert_eq!(hits[0].name, "output.heatmap", "its own kind first");
        assert!(hits.iter().all(|def| joint(def, &loose).is_some()));
        assert!(hits.iter().any(|def| def.name == "output.compositor"), "a map where a picture is wanted");
        assert!(!hits.iter().any(|def| def.name == "modulate.lfo"));

        let angle = Loose { port: "rotate.angle".parse().unwrap(), kind: Kind::Number, from_output: false };
        assert_eq!(find("lfo", Some(&angle))[0].name, "modulate.lfo");
        assert!(find("screen", Some(&angle)).is_empty());
    }
}
