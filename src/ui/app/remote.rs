//! Remote control of commands: an OSC address for recordings, and learned MIDI notes and CCs.

use std::collections::BTreeMap;

use bendrack_nodes::patch::LevelEdit;
use eframe::egui::Ui;
use serde::{Deserialize, Serialize};

use super::App;
use super::command::Command;
use super::devices::DeviceLink;
use super::recording::RecordingState;
use crate::io::{Action, ControlName, ControlState, Pressed, RECORD};
use crate::ui::document::Step;
use crate::ui::document::settings::Stored;

/// A command that a MIDI note or CC may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remoted {
    /// Starts and stops recordings.
    Record,
    /// Freeze.
    Freeze,
    /// Blackout.
    Blackout,
    /// Panic.
    Panic,
}

impl Remoted {
    const ALL: [(Self, Command, &str); 4] = [
        (Self::Record, Command::ToggleRecording, "Record"),
        (Self::Freeze, Command::ToggleFreeze, "Freeze"),
        (Self::Blackout, Command::ToggleBlackout, "Blackout"),
        (Self::Panic, Command::Panic, "Panic"),
    ];

    /// The remoted command of a button.
    pub(super) fn of(command: Command) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, of, _)| *of == command).map(|(remoted, ..)| remoted)
    }

    const fn command(self) -> Command {
        Self::ALL[self as usize].1
    }

    const fn name(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

/// Menu entries for the MIDI note or CC of a command, with a note for the tooltip.
pub(super) fn remote_ui(ui: &mut Ui, remoted: Remoted, now: Option<&ControlName>, note: &str) -> Option<Command> {
    let hint =
        format!("Assigns the next MIDI note you play, or the next controller you press, to {}. {note}", remoted.name());
    let learn = ui.button("Learn MIDI note or CC").on_hover_text(hint.trim());
    let learned = learn.clicked().then_some(Command::LearnRemote(remoted));
    let Some(now) = now else { return learned };
    let forgotten = ui.button(format!("Forget {now}")).on_hover_text("Removes the assignment.").clicked();
    learned.or(forgotten.then_some(Command::ForgetRemote(remoted)))
}

/// A request for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Start,
    Stop,
    Toggle,
}

/// The controls of commands, and counts of their messages, by which new ones are detected.
#[derive(Default)]
pub(super) struct Remote {
    assigned: BTreeMap<Remoted, ControlName>,
    /// The file of the assignments.
    file: Stored,
    /// The messages at the address of recordings.
    osc: Option<Pressed>,
    /// The messages of the assigned controls.
    seen: BTreeMap<Remoted, (ControlName, Pressed)>,
    /// During learning, the command, and the MIDI notes and CCs at its start, with their messages.
    learning: Option<(Remoted, Vec<(ControlName, Pressed)>)>,
}

impl Remote {
    /// The assignments of a file.
    pub(super) fn new(file: Stored) -> Self {
        Self { assigned: file.read().unwrap_or_default(), file, ..Self::default() }
    }

    /// The control of a command.
    pub(super) fn of(&self, remoted: Remoted) -> Option<&ControlName> {
        self.assigned.get(&remoted)
    }

    /// Starts learning: the next pressed MIDI note or CC is assigned. Returns a message.
    pub(super) fn learn(&mut self, remoted: Remoted, devices: &dyn DeviceLink) -> String {
        self.learning = Some((remoted, candidates(devices)));
        format!("Play the MIDI note or press the controller for {}. Esc cancels.", remoted.name())
    }

    /// Removes the assignment of a command.
    pub(super) fn forget(&mut self, remoted: Remoted) {
        self.assigned.remove(&remoted);
        self.file.write(&self.assigned);
    }

    /// Ends learning without an assignment.
    pub(super) fn cancel(&mut self) {
        self.learning = None;
    }

    /// Assigns the MIDI note or CC pressed during learning, which ends. A control has one command. Returns a message.
    fn learned(&mut self, devices: &dyn DeviceLink) -> Option<String> {
        let (remoted, before) = self.learning.as_ref()?;
        let is_pressed = |(name, pressed): &(ControlName, Pressed)| {
            let known = before.iter().find(|(known, _)| known == name).map_or(0, |(_, known)| known.presses);
            pressed.presses > known
        };
        let (name, _) = candidates(devices).into_iter().find(is_pressed)?;
        let remoted = *remoted;
        let message = format!("{} is on {name}.", remoted.name());
        self.assigned.retain(|_, other| *other != name);
        self.assigned.insert(remoted, name);
        self.learning = None;
        self.file.write(&self.assigned);
        Some(message)
    }

    /// The commands of the controls pressed since the last call. Messages before the first call have no effect.
    fn pressed(&mut self, devices: &dyn DeviceLink) -> Vec<Remoted> {
        let now = |(remoted, name): (&Remoted, &ControlName)| (*remoted, (name.clone(), devices.pressed(name)));
        let now: BTreeMap<_, _> = self.assigned.iter().map(now).collect();
        let before = std::mem::replace(&mut self.seen, now);
        let is_pressed = |(remoted, (name, now)): (&Remoted, &(ControlName, Pressed))| {
            let known = before.get(remoted).filter(|(known, _)| known == name);
            known.is_some_and(|(_, known)| now.presses > known.presses).then_some(*remoted)
        };
        self.seen.iter().filter_map(is_pressed).collect()
    }

    /// The request at the OSC address since the last call. Messages before the first call have no effect.
    fn request(&mut self, devices: &dyn DeviceLink) -> Option<Request> {
        let osc = devices.pressed(&ControlName::Osc { address: RECORD.into() });
        let before = self.osc.replace(osc).filter(|before| before.messages != osc.messages)?;
        Some(match osc.last {
            last if last >= Pressed::HALF => Request::Start,
            // A message without a number is a press and its release.
            _ if osc.presses != before.presses => Request::Toggle,
            _ => Request::Stop,
        })
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

    /// Runs the commands of learned controls, starts or stops a recording, or ends learning, on new messages of devices.
    pub(super) fn poll_remote(&mut self, ui: &Ui) {
        let devices = &*self.devices;
        if let Some(message) = self.remote.learned(devices) {
            self.message.show(ui, message);
        }
        let (pressed, request) = (self.remote.pressed(devices), self.remote.request(devices));
        for remoted in pressed {
            self.run(ui, remoted.command());
        }
        match (request, self.recordings.state()) {
            (Some(Request::Start | Request::Toggle), RecordingState::Off)
            | (Some(Request::Stop | Request::Toggle), RecordingState::On { .. }) => self.toggle_recording(ui),
            _ => {}
        }
    }
}
