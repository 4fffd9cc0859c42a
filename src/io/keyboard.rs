//! The computer's keyboard, as a device: keys that the window gives to the patch.

use std::collections::BTreeSet;
use std::time::Instant;

use bendrack_nodes::input::{ComputerKey, ControlName, Event};

use super::DeviceContext;
use super::activity::LightHandle;
use super::light::{Kind, State};

/// Sends keys to the engine. Its light appears with the first.
#[derive(Debug)]
pub struct Keyboard {
    context: DeviceContext,
    light: LightHandle,
    held: BTreeSet<ComputerKey>,
}

impl Keyboard {
    pub(super) fn new(context: &DeviceContext) -> Self {
        Self { context: context.clone(), light: context.light(Kind::Keyboard, "keyboard"), held: BTreeSet::new() }
    }

    /// Presses or releases a key. Only a change is sent.
    pub fn set(&mut self, key: ComputerKey, is_down: bool) {
        let is_new = if is_down { self.held.insert(key) } else { self.held.remove(&key) };
        if is_new {
            self.light.set(State::Open);
            let event = Event::new(ControlName::Key { key }, &[f64::from(u8::from(is_down))]);
            self.context.send(&self.light, Instant::now(), None, &[event.on(self.light.name())]);
        }
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::Control;

    use super::*;

    #[test]
    fn a_key_is_sent_once_per_press_and_release() {
        let context = DeviceContext::default();
        let mut keyboard = Keyboard::new(&context);
        assert!(context.activity.lights().is_empty());
        let number = || {
            let name = ControlName::Key { key: ComputerKey::Q };
            context.inbox.latest().get(&name.into(), 0).and_then(Control::last)
        };
        keyboard.set(ComputerKey::Q, false);
        assert_eq!(number(), None, "it was not held");
        for is_down in [true, true, false, false] {
            keyboard.set(ComputerKey::Q, is_down);
            assert_eq!(number(), Some(f64::from(u8::from(is_down))));
        }
        assert_eq!(context.activity.lights()[0].counts.messages, 2);
    }
}
