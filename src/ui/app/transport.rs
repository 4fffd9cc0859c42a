//! Seed and tempo of the patch, at the top of the window.

use bendrack_nodes::patch::Edit;
use eframe::egui::{DragValue, Ui, WidgetInfo, WidgetType};

use crate::ui::app::{App, flat};
use crate::ui::document::Step;

/// The tempi that can be set, in beats per minute: those that a check of a file finds in order.
const TEMPI: (f64, f64) = (1.0, 1000.0);
/// Seconds after which a tap is the first of others.
const PAUSE_SECS: f64 = 2.0;
/// Taps that count at most.
const TAPS: usize = 9;

/// The beat, as a hand taps it.
#[derive(Default)]
pub struct Taps(Vec<f64>);

impl Taps {
    /// A tap at a time; the tempo, from the second tap on: the mean of what lies between taps, to a tenth.
    pub fn tap(&mut self, now: f64) -> Option<f64> {
        if self.0.last().is_some_and(|last| now - last > PAUSE_SECS || now <= *last) {
            self.0.clear();
        }
        self.0.push(now);
        if self.0.len() > TAPS {
            self.0.remove(0);
        }
        let (first, last) = (self.0.first()?, self.0.last()?);
        let beats = self.0.len() - 1;
        let tempo = 60.0 * beats as f64 / (last - first);
        (beats > 0).then(|| ((tempo * 10.0).round() / 10.0).clamp(TEMPI.0, TEMPI.1))
    }
}

impl App {
    /// The seed: typed, dragged, or the next one at a click. New noise comes with the next chunk, a new video with Restart.
    pub(in crate::ui) fn seed_ui(&mut self, ui: &mut Ui) {
        let mut seed = self.desk.document.patch.engine.seed;
        if ui.add(flat("New seed")).on_hover_text("Another video from the same patch, from its beginning.").clicked() {
            let edit = Edit::SetSeed { seed: seed.wrapping_add(1) };
            self.desk.document.apply(Step::new("set the seed", vec![edit]));
            self.restart();
        }
        let value = DragValue::new(&mut seed).prefix("seed ").speed(0.1);
        if ui.add(value).on_hover_text("The seed of the video and of everything random in the patch").changed() {
            self.desk.document.apply(Step::part("set the seed", vec![Edit::SetSeed { seed }]));
        }
    }

    /// The tempo: typed, dragged, or tapped.
    pub(in crate::ui) fn tempo_ui(&mut self, ui: &mut Ui) {
        if ui.add(flat("Tap")).on_hover_text("Tap the beat: here, or with the key T.").clicked() {
            self.tap(ui.input(|i| i.time));
        }
        let before = self.desk.document.patch.engine.tempo;
        let mut tempo = before;
        let value = DragValue::new(&mut tempo).suffix(" bpm").speed(0.25).range(TEMPI.0..=TEMPI.1).max_decimals(1);
        let shown = ui.add(value.clamp_existing_to_range(false).update_while_editing(false));
        shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, format!("tempo {before}")));
        let asked = self.desk.live.tempo().filter(|asked| (asked - tempo).abs() > 0.05);
        let shown = shown.on_hover_text(match asked {
            Some(asked) => format!("The tempo of the patch. A node asks for another: {asked:.1} beats per minute."),
            None => "The tempo that all nodes in the beat keep. Drag, type, or tap it.".to_owned(),
        });
        if shown.changed() && tempo.is_finite() {
            self.desk.document.apply(Step::part("set the tempo", vec![Edit::SetTempo { tempo }]));
        }
    }

    /// A tap of the beat.
    pub(in crate::ui) fn tap(&mut self, now: f64) {
        if let Some(tempo) = self.taps.tap(now) {
            self.desk.document.apply(Step::part("tap the tempo", vec![Edit::SetTempo { tempo }]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_become_a_tempo_and_a_pause_begins_anew() {
        let mut taps = Taps::default();
        assert_eq!(taps.tap(10.0), None);
        assert_eq!(taps.tap(10.5), Some(120.0));
        assert_eq!(taps.tap(11.02), Some(117.6), "the mean of both");
        assert_eq!(taps.tap(20.0), None, "a pause");
        assert_eq!(taps.tap(20.0), None, "no time between them is no tempo");
        assert_eq!(taps.tap(21.0), Some(60.0));
        for i in 0..100 {
            assert_eq!(taps.tap(22.0 + f64::from(i)), Some(60.0));
        }
    }
}
