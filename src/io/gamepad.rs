//! Gamepads and joysticks.

use clap::ValueEnum;

use super::DeviceContext;
use super::worker::Worker;

/// The gamepads to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Gamepads {
    /// Every one.
    #[default]
    All,
    /// None.
    None,
}

/// Keeps gamepads open. Their lights appear with them.
#[cfg(not(feature = "gamepad"))]
pub(super) fn follow(_: Gamepads, _: &DeviceContext) -> Option<Worker> {
    None
}

#[cfg(feature = "gamepad")]
pub(super) use open::follow;

#[cfg(feature = "gamepad")]
mod open {
    use std::collections::BTreeMap;
    use std::time::Instant;

    use bendrack_nodes::input::{ControlName, Event, GamepadPart};
    use gilrs::{Axis, Button, EventType, Gilrs, GilrsBuilder};

    use super::{DeviceContext, Gamepads, Worker};
    use crate::io::activity::LightHandle;
    use crate::io::light::{Kind, State};
    use crate::io::target::RETRY;
    use crate::io::worker::{Stop, TURN};

    /// Keeps gamepads open. Their lights appear with them.
    pub(in crate::io) fn follow(wanted: Gamepads, context: &DeviceContext) -> Option<Worker> {
        if wanted == Gamepads::None {
            return None;
        }
        let (context, light) = (context.clone(), context.light(Kind::Gamepad, "gamepads"));
        Some(Worker::spawn(&light.clone(), move |stop| {
            loop {
                match GilrsBuilder::new().with_force_feedback(false).build() {
                    Ok(system) => {
                        light.remove();
                        return receive(system, &mut Pads::new(&context), stop);
                    }
                    Err(error) => light.set(State::Failed(format!("gamepads cannot be read: {error}"))),
                }
                if stop.after(RETRY) {
                    return;
                }
            }
        }))
    }

    /// Reads gamepads until the thread must stop.
    fn receive(mut system: Gilrs, pads: &mut Pads, stop: &Stop) {
        let present: Vec<(usize, String)> =
            system.gamepads().map(|(id, gamepad)| (id.into(), gamepad.name().to_owned())).collect();
        for (id, name) in present {
            pads.connect(id, &name);
        }
        while !stop.now() {
            let Some(gilrs::Event { id, event, .. }) = system.next_event_blocking(Some(TURN)) else { continue };
            match event {
                EventType::Connected => {
                    let name = system.gamepad(id).name().to_owned();
                    pads.connect(id.into(), &name);
                }
                EventType::Disconnected => pads.disconnect(id.into()),
                EventType::AxisChanged(axis, number, _) => pads.take(id.into(), axis_part(axis), number),
                EventType::ButtonChanged(button, number, _) => pads.take(id.into(), button_part(button), number),
                _ => {}
            }
        }
        pads.close();
    }

    fn axis_part(axis: Axis) -> Option<GamepadPart> {
        Some(match axis {
            Axis::LeftStickX => GamepadPart::LeftX,
            Axis::LeftStickY => GamepadPart::LeftY,
            Axis::RightStickX => GamepadPart::RightX,
            Axis::RightStickY => GamepadPart::RightY,
            // Triggers and the direction pad arrive as buttons.
            _ => return None,
        })
    }

    fn button_part(button: Button) -> Option<GamepadPart> {
        Some(match button {
            Button::South => GamepadPart::South,
            Button::East => GamepadPart::East,
            Button::North => GamepadPart::North,
            Button::West => GamepadPart::West,
            Button::LeftTrigger => GamepadPart::LeftShoulder,
            Button::LeftTrigger2 => GamepadPart::LeftTrigger,
            Button::RightTrigger => GamepadPart::RightShoulder,
            Button::RightTrigger2 => GamepadPart::RightTrigger,
            Button::Select => GamepadPart::Select,
            Button::Start => GamepadPart::Start,
            Button::Mode => GamepadPart::Mode,
            Button::LeftThumb => GamepadPart::LeftThumb,
            Button::RightThumb => GamepadPart::RightThumb,
            Button::DPadUp => GamepadPart::Up,
            Button::DPadDown => GamepadPart::Down,
            Button::DPadLeft => GamepadPart::Left,
            Button::DPadRight => GamepadPart::Right,
            Button::C | Button::Z | Button::Unknown => return None,
        })
    }

    /// The gamepads so far. One that is plugged in again keeps its number and its name.
    struct Pads {
        context: DeviceContext,
        pads: BTreeMap<usize, Pad>,
    }

    struct Pad {
        light: LightHandle,
        /// The parts that are not at rest.
        moved: BTreeMap<GamepadPart, f64>,
    }

    impl Pads {
        fn new(context: &DeviceContext) -> Self {
            Self { context: context.clone(), pads: BTreeMap::new() }
        }

        fn connect(&mut self, id: usize, name: &str) {
            if !self.pads.contains_key(&id) {
                let is_taken = |name: &str| self.pads.values().any(|pad| **pad.light.name() == *name);
                let numbered = (2..).map(|number| format!("{name} ({number})"));
                let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name));
                let light = self.context.light(Kind::Gamepad, &free.unwrap_or_default());
                self.pads.insert(id, Pad { light, moved: BTreeMap::new() });
            }
            if let Some(pad) = self.pads.get(&id) {
                pad.light.set(State::Open);
            }
        }

        fn take(&mut self, id: usize, part: Option<GamepadPart>, number: f32) {
            let (Some(pad), Some(part)) = (self.pads.get_mut(&id), part) else { return };
            let [low, high] = part.travel();
            let number = if number.is_finite() { f64::from(number).clamp(low, high) } else { 0.0 };
            if number == 0.0 {
                pad.moved.remove(&part);
            } else {
                pad.moved.insert(part, number);
            }
            send(&self.context, pad, part, number);
        }

        /// Puts every part of a lost gamepad at rest.
        fn disconnect(&mut self, id: usize) {
            let Some(pad) = self.pads.get_mut(&id) else { return };
            for part in std::mem::take(&mut pad.moved).into_keys() {
                send(&self.context, pad, part, 0.0);
            }
            pad.light.set(State::Waiting);
        }

        fn close(&mut self) {
            let ids: Vec<usize> = self.pads.keys().copied().collect();
            for id in ids {
                self.disconnect(id);
            }
        }
    }

    fn send(context: &DeviceContext, pad: &Pad, part: GamepadPart, number: f64) {
        let event = Event::new(ControlName::Gamepad { part }, &[number]).on(pad.light.name());
        context.send(&pad.light, Instant::now(), None, &[event]);
    }

    #[cfg(test)]
    mod tests {
        use bendrack_nodes::choice::Choice as _;
        use bendrack_nodes::input::{Control, ControlId};

        use super::*;

        fn number(context: &DeviceContext, part: GamepadPart, device: Option<&str>) -> Option<f64> {
            let control = ControlId { name: ControlName::Gamepad { part }, device: device.map(Into::into) };
            context.inbox.latest().get(&control, 0).and_then(Control::last)
        }

        #[test]
        fn two_pads_of_one_kind_stay_two_and_a_lost_one_comes_to_rest() {
            let context = DeviceContext::default();
            let mut pads = Pads::new(&context);
            pads.connect(0, "Pad");
            pads.connect(1, "Pad");
            pads.take(0, axis_part(Axis::LeftStickX), -0.5);
            pads.take(1, button_part(Button::South), 1.0);
            assert_eq!(number(&context, GamepadPart::LeftX, Some("Pad")), Some(-0.5));
            assert_eq!(number(&context, GamepadPart::South, Some("Pad (2)")), Some(1.0));
            assert_eq!(number(&context, GamepadPart::South, Some("Pad")), None);
            pads.disconnect(1);
            assert_eq!(number(&context, GamepadPart::South, Some("Pad (2)")), Some(0.0));
            let states = || context.activity.lights().into_iter().map(|light| light.state).collect::<Vec<_>>();
            assert_eq!(states(), [State::Open, State::Waiting]);
            pads.connect(1, "Pad");
            assert_eq!(states(), [State::Open, State::Open], "it has its name again");
        }

        #[test]
        fn numbers_stay_within_the_travel_and_unknown_parts_are_ignored() {
            let context = DeviceContext::default();
            let mut pads = Pads::new(&context);
            pads.connect(0, "Pad");
            for (axis, sent, expected) in
                [(Axis::LeftStickY, 3.0, 1.0), (Axis::RightStickX, f32::NAN, 0.0), (Axis::RightStickY, -9.0, -1.0)]
            {
                pads.take(0, axis_part(axis), sent);
                assert_eq!(number(&context, axis_part(axis).expect("a part"), None), Some(expected), "{axis:?}");
            }
            pads.take(0, axis_part(Axis::Unknown), 1.0);
            pads.take(7, axis_part(Axis::LeftStickX), 1.0);
            assert_eq!(context.activity.lights()[0].counts.messages, 3);
        }

        #[test]
        fn every_part_but_the_sticks_is_a_button() {
            let buttons = [
                Button::South,
                Button::East,
                Button::North,
                Button::West,
                Button::LeftTrigger,
                Button::LeftTrigger2,
                Button::RightTrigger,
                Button::RightTrigger2,
                Button::Select,
                Button::Start,
                Button::Mode,
                Button::LeftThumb,
                Button::RightThumb,
                Button::DPadUp,
                Button::DPadDown,
                Button::DPadLeft,
                Button::DPadRight,
            ];
            let axes = [Axis::LeftStickX, Axis::LeftStickY, Axis::RightStickX, Axis::RightStickY];
            let mut found: Vec<GamepadPart> =
                buttons.into_iter().filter_map(button_part).chain(axes.into_iter().filter_map(axis_part)).collect();
            found.sort();
            let mut all = GamepadPart::ALL.to_vec();
            all.sort();
            assert_eq!(found, all);
        }
    }
}
