//! The theme: every colour, size and duration of the window.

use std::sync::Arc;

use bendrack_nodes::library::family::Family;
use bendrack_nodes::node::value::Kind;
use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Vec2, Visuals, vec2,
};

/// The background of the canvas.
pub const CANVAS: Color32 = Color32::from_rgb(0x13, 0x15, 0x19);
/// The dots of the grid.
pub const GRID: Color32 = Color32::from_rgb(0x22, 0x25, 0x2c);
/// The background of the panels.
pub const PANEL: Color32 = Color32::from_rgb(0x19, 0x1c, 0x21);
/// The background of the preview.
pub const PREVIEW: Color32 = Color32::from_rgb(0x0c, 0x0d, 0x10);
/// The body of a node, and menus.
pub const NODE: Color32 = Color32::from_rgb(0x22, 0x26, 0x2d);
/// The title of a node.
pub const TITLE: Color32 = Color32::from_rgb(0x2a, 0x2f, 0x38);
/// The background of fields, knobs and scopes.
pub const WELL: Color32 = Color32::from_rgb(0x17, 0x1a, 0x1f);
/// The paper of notes.
pub const PAPER: Color32 = Color32::from_rgb(0x35, 0x31, 0x27);
/// The edge of the paper and its corner.
pub const PAPER_EDGE: Color32 = Color32::from_rgb(0x57, 0x50, 0x3e);
/// The text on paper.
pub const INK: Color32 = Color32::from_rgb(0xec, 0xe2, 0xc6);
/// One-pixel separators and the edges of nodes.
pub const LINE: Color32 = Color32::from_rgb(0x36, 0x3c, 0x47);
/// Text.
pub const TEXT: Color32 = Color32::from_rgb(0xdd, 0xe1, 0xe8);
/// Secondary text: names of ports, help.
pub const WEAK: Color32 = Color32::from_rgb(0x9a, 0xa3, 0xb1);
/// The accent: selections, travel of knobs, switches that are on.
pub const ACCENT: Color32 = Color32::from_rgb(0x5e, 0xd3, 0xbe);
/// A warning.
pub const WARNING: Color32 = Color32::from_rgb(0xe8, 0xb4, 0x4f);
/// An error.
pub const ERROR: Color32 = Color32::from_rgb(0xf5, 0x7a, 0x7a);
/// A working engine or device.
pub const GOOD: Color32 = Color32::from_rgb(0x79, 0xc9, 0x7d);

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
pub const ZOOM: (f32, f32) = (0.2, 2.0);
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
/// The time that a message is shown, in seconds.
pub const MESSAGE_SECS: f64 = 6.0;
/// The time that a status light stays bright after a message, in seconds.
pub const LIGHT_SECS: f64 = 0.15;

/// The colours of the ports and cables of a kind, bright and dim.
pub const fn kind_colours(kind: Kind) -> (Color32, Color32) {
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
    Family::find(name).map_or(WEAK, |family| kind_colours(family.kind).0)
}

/// The font of numbers: digits of equal width, so that values do not jitter.
pub fn monospace(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// The font of text.
pub fn proportional(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Installs the theme in a context.
pub fn install(ctx: &egui::Context) {
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
    let mut visuals = Visuals::dark();
    let radius = CornerRadius::same((4.0 * zoom).round() as u8);
    visuals.panel_fill = PANEL;
    visuals.window_fill = NODE;
    visuals.window_stroke = Stroke::new(1.0, LINE);
    visuals.window_corner_radius = CornerRadius::same(6);
    visuals.menu_corner_radius = CornerRadius::same(6);
    visuals.window_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(120) };
    visuals.popup_shadow = visuals.window_shadow;
    visuals.extreme_bg_color = WELL;
    visuals.faint_bg_color = WELL;
    visuals.text_edit_bg_color = Some(WELL);
    visuals.warn_fg_color = WARNING;
    visuals.error_fg_color = ERROR;
    visuals.hyperlink_color = ACCENT;
    visuals.selection.bg_fill = ACCENT.gamma_multiply(0.30);
    visuals.selection.stroke = Stroke::new(1.0, ACCENT);
    visuals.weak_text_color = Some(WEAK);
    let widgets = &mut visuals.widgets;
    for (widget, fill, edge, text) in [
        (&mut widgets.noninteractive, PANEL, LINE, TEXT),
        (&mut widgets.inactive, WELL, LINE, TEXT),
        (&mut widgets.hovered, TITLE, WEAK, Color32::WHITE),
        (&mut widgets.active, TITLE, ACCENT, Color32::WHITE),
        (&mut widgets.open, TITLE, WEAK, TEXT),
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
        ("grey", WEAK),
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
    fn text_and_cables_can_be_read() {
        for background in [CANVAS, PANEL, NODE, TITLE, WELL, PREVIEW] {
            for text in [TEXT, WEAK, ACCENT, WARNING, ERROR] {
                assert!(
                    contrast(text, background) >= 4.5,
                    "{text:?} on {background:?}: {}",
                    contrast(text, background)
                );
            }
        }
        assert!(contrast(INK, PAPER) >= 4.5);
        for kind in Kind::ALL {
            let (bright, dim) = kind_colours(kind);
            assert!(contrast(bright, CANVAS) >= 3.0 && contrast(bright, NODE) >= 3.0, "{kind}");
            assert!(contrast(bright, dim) >= 2.0, "{kind}: bright and dim are hard to tell apart");
        }
    }

    #[test]
    fn every_family_has_a_colour() {
        for def in bendrack_nodes::LIBRARY {
            assert_ne!(family_colour(def.family()), WEAK, "{}", def.name);
        }
    }
}
