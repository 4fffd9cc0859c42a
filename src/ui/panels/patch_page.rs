//! The patch page of the inspector: metadata, problems, snapshots, maps, keys.

use bendrack_nodes::patch::{Edit, Meta};
use eframe::egui::{CollapsingHeader, Frame, Grid, Id, RichText, TextEdit, Ui, WidgetInfo, WidgetType, vec2};

use crate::ui::document::Step;
use crate::ui::panels::denoising::denoising_ui;
use crate::ui::panels::layer_grid::layer_grid_ui;
use crate::ui::panels::maps::{MapsChoice, maps_ui};
use crate::ui::panels::snapshots::snapshots_ui;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// The keys and gestures.
const KEYS: [(&str, &str); 32] = [
    ("N, Tab, double-click", "add a node"),
    ("drag from a port", "connect; drop on a port, a node, or the canvas"),
    ("drag a knob", "turn it; Ctrl finer, Shift coarser, double-click resets"),
    ("Ctrl+A", "select all"),
    ("Delete   B   Ctrl+D", "delete, bypass, duplicate"),
    ("M   R   X", "mute, reroute, disconnect the cable under the pointer"),
    ("Tab", "with a selected node: its first knob, then the next one; Esc leaves them"),
    ("C   /   arrows", "connect the selected node, find a node, select the next one"),
    ("K and drag", "cut cables"),
    ("Alt and drag", "from a knob: link it to another knob"),
    ("Ctrl+arrows", "move the selection"),
    ("G", "frame the selection"),
    ("Ctrl+G   Ctrl+Shift+G", "make a subpatch of the selection, dissolve one"),
    ("Enter   U", "open a subpatch, go up one level"),
    ("1 … 9", "recall a snapshot"),
    ("T", "tap tempo"),
    ("H", "cover the picture with the heatmap of the next tap"),
    ("Ctrl+Z   Ctrl+Shift+Z", "undo, redo"),
    ("F   Home   wheel", "zoom to the selection, zoom to all, zoom"),
    ("Ctrl+0", "zoom to 100 %"),
    ("Space and drag", "move the view"),
    ("F11", "preview only, like a double-click on it"),
    ("Esc", "cancel learning, leave the preview"),
    ("Ctrl+C   Ctrl+X   Ctrl+V", "copy, cut, paste nodes as text"),
    ("Ctrl+P   Ctrl+B   Ctrl+F", "panic, blackout, freeze"),
    ("Ctrl+U   Ctrl+E", "output window for a projector, perform mode"),
    ("Ctrl+M", "learn maps, knob after knob"),
    ("Ctrl+R   Ctrl+T   Ctrl+K", "record, show the takes, keep a take"),
    ("L   F1", "patches: examples, recent files; help for the selected node"),
    ("Ctrl+N   Ctrl+O", "new patch, open"),
    ("Ctrl+S   Ctrl+Q", "save, close the window"),
    ("Ctrl+Shift+S", "save under a new name"),
];

/// Shows the page. Returns the choice of a button of the list of maps.
pub fn patch_page_ui(ui: &mut Ui, workspace: &mut Workspace) -> Option<MapsChoice> {
    title_ui(ui, workspace);
    for problem in &workspace.editor.document.problems {
        ui.label(RichText::new(problem.to_string()).size(theme::SMALL).color(theme::warning()));
    }
    section(ui, "Snapshots");
    snapshots_ui(ui, &mut workspace.editor);
    section(ui, "Layers and steps");
    denoising_ui(ui, workspace);
    layer_grid_ui(ui, workspace, None);
    section(ui, "Maps");
    let choice = maps_ui(ui, workspace);
    ui.add_space(theme::UNIT);
    folded("About this patch").show(ui, |ui| meta_ui(ui, workspace));
    folded("Keys").show(ui, |ui| {
        Grid::new("keys").num_columns(2).spacing(vec2(2.0 * theme::UNIT, theme::UNIT / 2.0)).show(ui, |ui| {
            for (keys, what) in KEYS {
                ui.label(RichText::new(keys).size(theme::SMALL).color(theme::text()));
                ui.label(RichText::new(what).size(theme::SMALL).color(theme::weak()));
                ui.end_row();
            }
        });
    });
    choice
}

/// A section that is folded until a click.
fn folded(name: &str) -> CollapsingHeader {
    CollapsingHeader::new(RichText::new(name).color(theme::weak())).default_open(false)
}

fn section(ui: &mut Ui, name: &str) {
    ui.add_space(theme::UNIT);
    ui.separator();
    ui.label(RichText::new(name).color(theme::weak()));
}

/// The title and the description.
fn title_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let meta = workspace.editor.document.patch.meta.clone();
    let mut changed = meta.clone();
    let title = wide(&mut changed.title).font(theme::proportional(theme::LARGE)).hint_text(hint("Untitled patch"));
    let title = title.frame(Frame::NONE);
    field(ui, title, "title of the patch");
    let lines = TextEdit::multiline(&mut changed.description).desired_rows(2).desired_width(f32::INFINITY);
    let lines = lines.hint_text(hint("Description")).text_color(theme::weak()).frame(Frame::NONE);
    field(ui, lines, "description of the patch");
    apply(workspace, &meta, changed);
}

/// The other metadata: author, licence, tags.
fn meta_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let meta = workspace.editor.document.patch.meta.clone();
    let mut changed = meta.clone();
    Grid::new("meta").num_columns(2).spacing(vec2(2.0 * theme::UNIT, theme::UNIT / 2.0)).show(ui, |ui| {
        let name = |ui: &mut Ui, text: &str| ui.label(RichText::new(text).size(theme::SMALL).color(theme::weak()));
        name(ui, "author");
        field(ui, wide(&mut changed.author), "author of the patch");
        ui.end_row();
        name(ui, "licence");
        field(ui, wide(&mut changed.license).hint_text(hint("for example CC-BY-4.0")), "licence of the patch");
        ui.end_row();
        name(ui, "tags");
        tags_ui(ui, &mut changed);
        ui.end_row();
    });
    apply(workspace, &meta, changed);
}

fn apply(workspace: &mut Workspace, meta: &Meta, changed: Meta) {
    if changed != *meta {
        let what = match () {
            () if changed.title != meta.title => "title",
            () if changed.description != meta.description => "description",
            () if changed.author != meta.author => "author",
            () if changed.license != meta.license => "licence",
            () => "tags",
        };
        let edit = Edit::SetMeta { meta: Box::new(changed) };
        workspace.editor.document.apply(Step::merging(format!("{what} of the patch"), vec![edit]));
    }
}

/// The hint of an empty field, weaker than its text.
fn hint(text: &str) -> RichText {
    RichText::new(text).color(theme::weak().gamma_multiply(0.6))
}

/// A field of the available width.
fn wide(text: &mut String) -> TextEdit<'_> {
    TextEdit::singleline(text).desired_width(f32::INFINITY)
}

fn field(ui: &mut Ui, edit: TextEdit<'_>, label: &str) {
    let id = Id::new(label);
    let shown = ui.add(edit.id(id));
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, label));
}

/// The tags, separated by commas. The text stays as typed until the field loses the focus.
fn tags_ui(ui: &mut Ui, meta: &mut Meta) {
    let id = Id::new("tags of the patch");
    let draft: Option<String> = ui.data(|data| data.get_temp(id));
    let mut text = draft.unwrap_or_else(|| meta.tags.join(", "));
    let edit =
        TextEdit::singleline(&mut text).id(id).desired_width(f32::INFINITY).hint_text(hint("separated by commas"));
    let shown = ui.add(edit);
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "tags of the patch"));
    if shown.changed() {
        meta.tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    }
    let writing = shown.has_focus();
    ui.data_mut(|data| {
        if writing {
            data.insert_temp(id, text);
        } else {
            data.remove::<String>(id);
        }
    });
}
