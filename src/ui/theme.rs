//! The theme: every colour, size and duration of the window.

use std::cell::Cell;
use std::sync::Arc;

use bendrack_nodes::library::family::Family;
use bendrack_nodes::node::value::Kind;
use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Vec2, Visuals, vec2,
};
use serde::{Deserialize, Serialize};

/// The colours of a theme.
struct Palette {
    canvas: Color32,
    grid: Color32,
    panel: Color32,
    preview: Color32,
    node: Color32,
    title: Color32,
    well: Color32,
    paper_edge: Color32,
    paper: Color32,
    ink: Color32,
    line: Color32,
    text: Color32,
    weak: Color32,
    accent: Color32,
    warning: Color32,
    error: Color32,
    good: Color32,
}

/// Dark, for a dark room.
const DARK: Palette = Palette {
    canvas: Color32::from_rgb(0x13, 0x15, 0x19),
    grid: Color32::from_rgb(0x22, 0x25, 0x2c),
    panel: Color32::from_rgb(0x19, 0x1c, 0x21),
    preview: Color32::from_rgb(0x0c, 0x0d, 0x10),
    node: Color32::from_rgb(0x22, 0x26, 0x2d),
    title: Color32::from_rgb(0x2a, 0x2f, 0x38),
    well: Color32::from_rgb(0x17, 0x1a, 0x1f),
    paper_edge: Color32::from_rgb(0x57, 0x50, 0x3e),
    paper: Color32::from_rgb(0x35, 0x31, 0x27),
    ink: Color32::from_rgb(0xec, 0xe2, 0xc6),
    line: Color32::from_rgb(0x36, 0x3c, 0x47),
    text: Color32::from_rgb(0xdd, 0xe1, 0xe8),
    weak: Color32::from_rgb(0x9a, 0xa3, 0xb1),
    accent: Color32::from_rgb(0x5e, 0xd3, 0xbe),
    warning: Color32::from_rgb(0xe8, 0xb4, 0x4f),
    error: Color32::from_rgb(0xf5, 0x7a, 0x7a),
    good: Color32::from_rgb(0x79, 0xc9, 0x7d),
};

/// Light, for daylight.
const LIGHT: Palette = Palette {
    canvas: Color32::from_rgb(0xec, 0xee, 0xf2),
    grid: Color32::from_rgb(0xd3, 0xd7, 0xde),
    panel: Color32::from_rgb(0xf6, 0xf7, 0xf9),
    preview: Color32::from_rgb(0x0c, 0x0d, 0x10),
    node: Color32::from_rgb(0xff, 0xff, 0xff),
    title: Color32::from_rgb(0xe2, 0xe6, 0xec),
    well: Color32::from_rgb(0xe9, 0xec, 0xf1),
    paper_edge: Color32::from_rgb(0xd9, 0xc4, 0x8a),
    paper: Color32::from_rgb(0xff, 0xf4, 0xd4),
    ink: Color32::from_rgb(0x4a, 0x3b, 0x12),
    line: Color32::from_rgb(0xa9, 0xb0, 0xbc),
    text: Color32::from_rgb(0x14, 0x17, 0x1c),
    weak: Color32::from_rgb(0x47, 0x50, 0x5d),
    accent: Color32::from_rgb(0x00, 0x5f, 0x50),
    warning: Color32::from_rgb(0x7a, 0x4a, 0x00),
    error: Color32::from_rgb(0xa1, 0x1a, 0x1a),
    good: Color32::from_rgb(0x1c, 0x6b, 0x22),
};

/// High contrast, for a projector and for weak eyes.
const HIGH_CONTRAST: Palette = Palette {
    canvas: Color32::from_rgb(0x00, 0x00, 0x00),
    grid: Color32::from_rgb(0x2e, 0x2e, 0x2e),
    panel: Color32::from_rgb(0x00, 0x00, 0x00),
    preview: Color32::from_rgb(0x00, 0x00, 0x00),
    node: Color32::from_rgb(0x12, 0x14, 0x18),
    title: Color32::from_rgb(0x2c, 0x31, 0x3a),
    well: Color32::from_rgb(0x00, 0x00, 0x00),
    paper_edge: Color32::from_rgb(0xb5, 0xa9, 0x7e),
    paper: Color32::from_rgb(0x2c, 0x28, 0x1c),
    ink: Color32::from_rgb(0xff, 0xf9, 0xe6),
    line: Color32::from_rgb(0xc9, 0xce, 0xd6),
    text: Color32::from_rgb(0xff, 0xff, 0xff),
    weak: Color32::from_rgb(0xf0, 0xf2, 0xf5),
    accent: Color32::from_rgb(0x8d, 0xff, 0xe6),
    warning: Color32::from_rgb(0xff, 0xe4, 0x8f),
    error: Color32::from_rgb(0xff, 0xe2, 0xdf),
    good: Color32::from_rgb(0xa6, 0xff, 0xab),
};

/// A theme of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Dark, for a dark room.
    #[default]
    Dark,
    /// Light, for daylight.
    Light,
    /// High contrast, for a projector and for weak eyes.
    HighContrast,
}

impl Theme {
    /// All themes, with their names.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Dark, "Dark"), (Self::Light, "Light"), (Self::HighContrast, "High contrast")];

    const fn palette(self) -> &'static Palette {
        match self {
            Self::Dark => &DARK,
            Self::Light => &LIGHT,
            Self::HighContrast => &HIGH_CONTRAST,
        }
    }
}

thread_local! {
    /// The theme of the window on this thread.
    static CHOSEN: Cell<Theme> = const { Cell::new(Theme::Dark) };
}

/// The theme of the window.
pub fn chosen() -> Theme {
    CHOSEN.get()
}

fn palette() -> &'static Palette {
    chosen().palette()
}

/// The background of the canvas.
pub fn canvas() -> Color32 {
    palette().canvas
}

/// The dots of the grid.
pub fn grid() -> Color32 {
    palette().grid
}

/// The background of the panels.
pub fn panel() -> Color32 {
    palette().panel
}

/// The background of the preview.
pub fn preview() -> Color32 {
    palette().preview
}

/// The body of a node, and menus.
pub fn node() -> Color32 {
    palette().node
}

/// The title of a node.
pub fn title() -> Color32 {
    palette().title
}

/// The background of fields, knobs and scopes.
pub fn well() -> Color32 {
    palette().well
}

/// The edge of the paper and its corner.
pub fn paper_edge() -> Color32 {
    palette().paper_edge
}

/// The paper of notes.
pub fn paper() -> Color32 {
    palette().paper
}

/// The text on paper.
pub fn ink() -> Color32 {
    palette().ink
}

/// One-pixel separators and the edges of nodes.
pub fn line() -> Color32 {
    palette().line
}

/// Text.
pub fn text() -> Color32 {
    palette().text
}

/// The strongest text: a message that just came, a knob under the pointer, the take that runs.
pub fn bright() -> Color32 {
    if chosen() == Theme::Light { Color32::BLACK } else { Color32::WHITE }
}

/// Secondary text: names of ports, help.
pub fn weak() -> Color32 {
    palette().weak
}

/// The accent: selections, travel of knobs, switches that are on.
pub fn accent() -> Color32 {
    palette().accent
}

/// A warning.
pub fn warning() -> Color32 {
    palette().warning
}

/// An error.
pub fn error() -> Color32 {
    palette().error
}

/// A working engine or device.
pub fn good() -> Color32 {
    palette().good
}

/// Text on a picture, which is dark in every theme.
pub const ON_PICTURE: Color32 = DARK.text;
/// Secondary text on a picture.
pub const ON_PICTURE_WEAK: Color32 = DARK.weak;

/// The unit of spacing and of the grid of the canvas.
pub const UNIT: f32 = 8.0;
/// Small text: ports, values, the status bar.
pub const SMALL: f32 = 11.0;
/// Body text.
pub const BODY: f32 = 13.0;
/// Headings.
pub const LARGE: f32 = 16.0;

/// The width of a node at 100 %, fixed by the crate of the canvas.
pub const NODE_WIDTH: f32 = 200.0;
/// The height of a node's title at 100 %.
pub const TITLE_HEIGHT: f32 = 24.0;
/// The height of a row of a node at 100 %.
pub const ROW: f32 = 24.0;
/// The height of the trace of a node at 100 %.
pub const TRACE: f32 = 32.0;
/// The height of the picture on a node at 100 %.
pub const THUMB: f32 = 96.0;
/// The gap between arranged nodes.
pub const GAP: [f64; 2] = [48.0, 24.0];
/// The radius of a port at 100 %.
pub const PORT: f32 = 5.0;
/// The distance at which a port attracts a cable, in points of the screen.
pub const SNAP: f32 = 24.0;
/// The distance at which the pointer is over a cable.
pub const CABLE_NEAR: f32 = 7.0;
/// The width of a cable at 100 %.
pub const CABLE: f32 = 2.0;
/// The dashes of a muted cable and the gaps between them at 100 %.
pub const DASH: (f32, f32) = (7.0, 6.0);
/// The knob of a node.
pub const KNOB: f32 = 18.0;
/// The knob of the inspector.
pub const LARGE_KNOB: f32 = 32.0;
/// The drag distance of the whole travel of a knob.
pub const TRAVEL: f32 = 240.0;
/// The smallest and largest zoom.
pub const ZOOM: (f32, f32) = (0.1, 4.0);
/// The zoom below which text is hidden.
pub const NO_TEXT_BELOW: f32 = 0.4;
/// The zoom below which ports are hidden.
pub const NO_PORTS_BELOW: f32 = 0.25;
/// The width of a menu.
pub const MENU: f32 = 248.0;
/// The width of the right column as a share of the window.
pub const SIDE_SHARE: f32 = 0.36;
/// The largest height of the preview as a share of the column.
pub const PREVIEW_SHARE: f32 = 0.6;
/// The aspect ratio of the preview before the first frame.
pub const PREVIEW_ASPECT: f32 = 16.0 / 9.0;
/// The height of the top bar.
pub const TOP: f32 = 36.0;
/// Initial and smallest height of the monitor of devices.
pub const MONITOR: (f32, f32) = (296.0, 120.0);
/// The height of the status bar.
pub const STATUS: f32 = 28.0;

/// The opacity of ports that do not fit the pending cable.
pub const FADED: f32 = 0.33;
/// The smallest size of a frame at 100 %.
pub const MIN_FRAME: Vec2 = vec2(96.0, 64.0);
/// The height of a scope below its rows at 100 %.
pub const SCOPE: f32 = 56.0;
/// The radius of a reroute at 100 %.
pub const DOT: f32 = 10.0;
/// The font size of a number display.
pub const DISPLAY: f32 = 30.0;
/// The pause that ends a gesture without a button, in seconds.
pub const QUIET_SECS: f64 = 0.7;
/// Interval between repaints without a frame of the video, in seconds.
pub const IDLE_SECS: f32 = 0.25;
/// The interval between recovery copies, in seconds.
pub const RECOVERY_SECS: f64 = 1.0;
/// The time in which the third step of panic follows the second, in seconds.
pub const PANIC_SECS: f64 = 10.0;
/// The time after which a resting pointer hides what covers the large picture, in seconds.
pub const REST_SECS: f32 = 1.5;
/// The time that a message is shown, in seconds.
pub const MESSAGE_SECS: f64 = 6.0;
/// The time that a status light stays bright after a message, in seconds.
pub const LIGHT_SECS: f64 = 0.15;

/// The colours of the ports and cables of a kind, bright and dim.
pub fn kind_colours(kind: Kind) -> (Color32, Color32) {
    let (bright, dim) = dark_kind_colours(kind);
    match chosen() {
        Theme::Dark => (bright, dim),
        Theme::Light => {
            let bright = bright.lerp_to_gamma(Color32::BLACK, 0.55);
            (bright, bright.lerp_to_gamma(Color32::WHITE, 0.6))
        }
        Theme::HighContrast => (bright.lerp_to_gamma(Color32::WHITE, 0.2), bright.lerp_to_gamma(Color32::BLACK, 0.45)),
    }
}

/// The colours of a kind in the dark theme, bright and dim.
const fn dark_kind_colours(kind: Kind) -> (Color32, Color32) {
    match kind {
        Kind::Number => (Color32::from_rgb(0xd8, 0xb0, 0x98), Color32::from_rgb(0x6f, 0x5b, 0x50)),
        Kind::Gate => (Color32::from_rgb(0xe5, 0x7f, 0x7f), Color32::from_rgb(0x77, 0x45, 0x46)),
        Kind::Text => (Color32::from_rgb(0xd6, 0xd0, 0x86), Color32::from_rgb(0x6d, 0x6a, 0x47)),
        Kind::Target => (Color32::from_rgb(0x86, 0xc0, 0x7c), Color32::from_rgb(0x46, 0x63, 0x43)),
        Kind::Bend => (Color32::from_rgb(0xc3, 0x8f, 0xe0), Color32::from_rgb(0x63, 0x4a, 0x73)),
        Kind::Map => (Color32::from_rgb(0xee, 0x9a, 0x4d), Color32::from_rgb(0x79, 0x50, 0x2c)),
        Kind::Picture => (Color32::from_rgb(0x6f, 0xb3, 0xe6), Color32::from_rgb(0x3b, 0x5c, 0x75)),
        Kind::Any => (Color32::from_rgb(0xb8, 0xb8, 0xb8), Color32::from_rgb(0x5c, 0x5c, 0x5c)),
    }
}

/// The colour of a family of nodes.
pub fn family_colour(name: &str) -> Color32 {
    Family::find(name).map_or(weak(), |family| kind_colours(family.kind).0)
}

/// The font of numbers: digits of equal width, so that values do not jitter.
pub fn monospace(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// The font of text.
pub fn proportional(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Installs the dark theme in a context.
pub fn install(ctx: &egui::Context) {
    choose(ctx, Theme::Dark);
}

/// Chooses the theme of a window.
pub fn choose(ctx: &egui::Context, theme: Theme) {
    CHOSEN.set(theme);
    // One style of egui's serves all themes: its colours are ours.
    ctx.set_theme(egui::Theme::Dark);
    let animation_time = ctx.global_style().animation_time;
    ctx.set_style_of(egui::Theme::Dark, Arc::new(Style { animation_time, ..style(1.0) }));
}

/// The style at a zoom. The style of the canvas crate rounds margins and radii to 0 below 100 %.
pub fn style(zoom: f32) -> Style {
    let mut style = Style { visuals: visuals(zoom), ..Style::default() };
    let text = [
        (TextStyle::Small, proportional(SMALL * zoom)),
        (TextStyle::Body, proportional(BODY * zoom)),
        (TextStyle::Button, proportional(BODY * zoom)),
        (TextStyle::Heading, proportional(LARGE * zoom)),
        (TextStyle::Monospace, monospace(SMALL * zoom)),
    ];
    style.text_styles = text.into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(UNIT, UNIT / 2.0) * zoom;
    spacing.button_padding = vec2(UNIT, UNIT / 4.0) * zoom;
    spacing.interact_size = vec2(40.0, ROW - 4.0) * zoom;
    spacing.icon_width *= zoom;
    spacing.icon_width_inner *= zoom;
    spacing.icon_spacing *= zoom;
    spacing.combo_width *= zoom;
    spacing.menu_margin = Margin::same(UNIT as i8 / 2);
    spacing.window_margin = Margin::same(UNIT as i8);
    spacing.scroll = egui::style::ScrollStyle::thin();
    style.interaction.tooltip_delay = 0.4;
    style.interaction.selectable_labels = false;
    style
}

fn visuals(zoom: f32) -> Visuals {
    let mut visuals = if chosen() == Theme::Light { Visuals::light() } else { Visuals::dark() };
    let radius = CornerRadius::same((4.0 * zoom).round() as u8);
    visuals.panel_fill = panel();
    visuals.window_fill = node();
    visuals.window_stroke = Stroke::new(1.0, line());
    visuals.window_corner_radius = CornerRadius::same(6);
    visuals.menu_corner_radius = CornerRadius::same(6);
    visuals.window_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(120) };
    visuals.popup_shadow = visuals.window_shadow;
    visuals.extreme_bg_color = well();
    visuals.faint_bg_color = well();
    visuals.text_edit_bg_color = Some(well());
    visuals.warn_fg_color = warning();
    visuals.error_fg_color = error();
    visuals.hyperlink_color = accent();
    visuals.selection.bg_fill = accent().gamma_multiply(0.30);
    visuals.selection.stroke = Stroke::new(1.0, accent());
    visuals.weak_text_color = Some(weak());
    let widgets = &mut visuals.widgets;
    for (widget, fill, edge, text) in [
        (&mut widgets.noninteractive, panel(), line(), text()),
        (&mut widgets.inactive, well(), line(), text()),
        (&mut widgets.hovered, title(), weak(), text()),
        (&mut widgets.active, title(), accent(), text()),
        (&mut widgets.open, title(), weak(), text()),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::new(1.0, edge);
        widget.fg_stroke = Stroke::new(1.0, text);
        widget.corner_radius = radius;
        widget.expansion = 0.0;
    }
    visuals
}

/// The palette of frame colours.
pub fn frame_colours() -> [(&'static str, Color32); 8] {
    let kind = |kind| kind_colours(kind).0;
    [
        ("grey", weak()),
        ("clay", kind(Kind::Number)),
        ("red", kind(Kind::Gate)),
        ("straw", kind(Kind::Text)),
        ("leaf", kind(Kind::Target)),
        ("violet", kind(Kind::Bend)),
        ("orange", kind(Kind::Map)),
        ("blue", kind(Kind::Picture)),
    ]
}

/// The size of a new window: with a title bar and a panel, it fits on a screen of 1600×900.
pub const OPENING: Vec2 = vec2(1440.0, 800.0);
/// The smallest size of the window.
pub const SMALLEST: Vec2 = vec2(960.0, 600.0);
/// The size of windows in tests and pictures.
pub const WINDOW: Vec2 = vec2(1680.0, 1000.0);

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours as WCAG 2 defines it.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |colour: Color32| {
            let linear = egui::Rgba::from(colour);
            0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_cables_can_be_read_in_every_theme() {
        for (theme, name) in Theme::ALL {
            CHOSEN.set(theme);
            for background in [canvas(), panel(), node(), title(), well()] {
                for colour in [text(), weak(), accent(), warning(), error()] {
                    let contrast = contrast(colour, background);
                    assert!(contrast >= 4.5, "{name}: {colour:?} on {background:?}: {contrast}");
                }
            }
            assert!(contrast(ON_PICTURE, preview()) >= 4.5 && contrast(ON_PICTURE_WEAK, preview()) >= 4.5);
            assert!(contrast(ink(), paper()) >= 4.5, "{name}");
            for kind in Kind::ALL {
                let (bright, dim) = kind_colours(kind);
                assert!(contrast(bright, canvas()) >= 3.0, "{name}, {kind}: {}", contrast(bright, canvas()));
                assert!(contrast(bright, node()) >= 3.0, "{name}, {kind}: {}", contrast(bright, node()));
                assert!(contrast(bright, dim) >= 2.0, "{name}, {kind}: bright and dim are hard to tell apart");
            }
        }
        CHOSEN.set(Theme::HighContrast);
        for background in [canvas(), panel(), node(), title(), well()] {
            for colour in [text(), weak(), accent(), warning(), error(), line()] {
                let contrast = contrast(colour, background);
                assert!(contrast >= 7.0, "high contrast: {colour:?} on {background:?}: {contrast}");
            }
        }
        CHOSEN.set(Theme::Dark);
    }

    #[test]
    fn every_family_has_a_colour() {
        for def in bendrack_nodes::LIBRARY {
            assert_ne!(family_colour(def.family()), weak(), "{}", def.name);
        }
    }
}
