//! Remote control of recordings: an OSC address, and a learned MIDI note or CC.

use bendrack_nodes::patch::LevelEdit;
use eframe::egui::Ui;

use super::App;
use super::command::Command;
use super::devices::DeviceLink;
use super::recording::RecordingState;
use crate::io::{Action, ControlName, ControlState, Pressed, RECORD};
use crate::ui::document::Step;

/// A command from a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Start,
    Stop,
    Toggle,
}

/// Counts of the messages that control recordings, by which new ones are detected.
#[derive(Default)]
pub(super) struct Remote {
    /// The messages at the address.
    osc: Option<Pressed>,
    /// The learned control, and its messages.
    learned: Option<(ControlName, Pressed)>,
    /// During learning, the MIDI notes and CCs at its start, with their messages.
    learning: Option<Vec<(ControlName, Pressed)>>,
}

impl Remote {
    /// Starts learning: the next pressed MIDI note or CC is assigned.
    pub(super) fn learn(&mut self, devices: &dyn DeviceLink) {
        self.learning = Some(candidates(devices));
    }

    /// Ends learning without an assignment.
    pub(super) fn cancel(&mut self) {
        self.learning = None;
    }

    /// The MIDI note or CC pressed during learning. It ends learning.
    fn learned(&mut self, devices: &dyn DeviceLink) -> Option<ControlName> {
        let before = self.learning.as_ref()?;
        let is_pressed = |(name, pressed): &(ControlName, Pressed)| {
            let known = before.iter().find(|(known, _)| known == name).map_or(0, |(_, known)| known.presses);
            pressed.presses > known
        };
        let (name, _) = candidates(devices).into_iter().find(is_pressed)?;
        self.learning = None;
        Some(name)
    }

    /// Request since the last call. Messages before the first call have no effect.
    fn request(&mut self, devices: &dyn DeviceLink, assigned: Option<ControlName>) -> Option<Request> {
        let osc = devices.pressed(&ControlName::Osc { address: RECORD.into() });
        let before = self.osc.replace(osc);
        let by_osc = before.filter(|before| before.messages != osc.messages).map(|before| match osc.last {
            last if last >= Pressed::HALF => Request::Start,
            // A message without a number is a press and its release.
            _ if osc.presses != before.presses => Request::Toggle,
            _ => Request::Stop,
        });
        let now = assigned.map(|name| {
            let pressed = devices.pressed(&name);
            (name, pressed)
        });
        let before = std::mem::replace(&mut self.learned, now.clone());
        let is_pressed = matches!((&before, &now), (Some((before, then)), Some((name, now)))
            if before == name && now.presses > then.presses);
        by_osc.or(is_pressed.then_some(Request::Toggle))
    }
}

/// The MIDI notes and CCs, with their messages so far.
fn candidates(devices: &dyn DeviceLink) -> Vec<(ControlName, Pressed)> {
    let is_midi = |name: &ControlName| matches!(name, ControlName::Cc { .. } | ControlName::Note { .. });
    let names = devices.controls().into_iter().map(|ControlState { name, .. }| name).filter(is_midi);
    let with_messages = |name: ControlName| {
        let pressed = devices.pressed(&name);
        (name, pressed)
    };
    names.map(with_messages).collect()
}

impl App {
    /// Applies the messages to knobs and the commands of devices. Those of one look are one step; steps without a pause are one in the
    /// undo history.
    pub(super) fn poll_requests(&mut self, ui: &Ui) {
        let mut edits = Vec::new();
        let mut fade = None;
        for request in self.devices.take_requests() {
            let action = match request.action(&self.workspace.editor.document.patch) {
                Ok(action) => action,
                Err(why) => {
                    request.refuse(why);
                    continue;
                }
            };
            match action {
                Action::Edit(new) => edits.extend(new),
                // Of several positions of a fader, the last one counts.
                Action::Fade(part) => fade = Some(part),
                Action::Nothing => {}
                other => {
                    // A message acts after those before it.
                    self.turn_knobs(&mut edits);
                    self.act(ui, &other);
                }
            }
        }
        self.turn_knobs(&mut edits);
        if let Some(part) = fade {
            self.workspace.editor.crossfade(part);
        }
    }

    fn turn_knobs(&mut self, edits: &mut Vec<LevelEdit>) {
        if !edits.is_empty() {
            self.workspace.editor.document.apply(Step::merging("turn knobs by OSC", std::mem::take(edits)));
        }
    }

    fn act(&mut self, ui: &Ui, action: &Action) {
        match *action {
            Action::Recall(index) => self.run(ui, Command::Recall(index)),
            Action::Master(master) => self.set_master(master),
            Action::Freeze(is_on) => self.stage.is_frozen = is_on.unwrap_or(!self.stage.is_frozen),
            Action::Blackout(is_on) => self.stage.is_black = is_on.unwrap_or(!self.stage.is_black),
            Action::Tap => self.run(ui, Command::Tap),
            Action::Panic => self.run(ui, Command::Panic),
            Action::Edit(_) | Action::Fade(_) | Action::Nothing => {}
        }
    }

    /// Starts or stops a recording, or ends learning, on new messages of devices.
    pub(super) fn poll_remote(&mut self, ui: &Ui) {
        let devices = &*self.devices;
        if let Some(name) = self.remote.learned(devices) {
            self.message.show(ui, format!("Recordings start and stop with {name}."));
            self.recordings.set_remote(Some(name));
        }
        let request = self.remote.request(devices, self.recordings.remote());
        match (request, self.recordings.state()) {
            (Some(Request::Start | Request::Toggle), RecordingState::Off)
            | (Some(Request::Stop | Request::Toggle), RecordingState::On { .. }) => self.toggle_recording(ui),
            _ => {}
        }
    }
}
