//! The families of nodes, each declared once.

use crate::node::value::Kind;

/// A family of nodes: those whose names begin with its own.
#[derive(Debug)]
pub struct Family {
    /// The name: the part of the names of its nodes before the first dot.
    pub name: &'static str,
    /// The title.
    pub title: &'static str,
    /// The kind of value that its nodes are about, which gives their colour.
    pub kind: Kind,
    /// The nodes of the family, for the documentation.
    pub about: &'static str,
}

impl Family {
    /// The family of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }
}

/// Every family, in the order of the menu.
#[rustfmt::skip]
pub static FAMILIES: &[Family] = &[
    Family { name: "control", title: "Control", kind: Kind::Number, about: "What is set by hand." },
    Family { name: "modulate", title: "Modulate", kind: Kind::Number, about: "What moves by itself." },
    Family { name: "math", title: "Math", kind: Kind::Number, about: "Numbers from numbers." },
    Family { name: "logic", title: "Logic", kind: Kind::Gate, about: "Gates from gates, and what triggers choose. A trigger that comes several times in a latent frame counts each time; a reset comes before what else arrives in its latent frame, unless it says otherwise." },
    Family { name: "time", title: "Time", kind: Kind::Gate, about: "Tempo, and triggers in time. Several triggers may fall into one latent frame, and all of them count." },
    Family { name: "view", title: "View", kind: Kind::Number, about: "What is shown on the canvas." },
    Family { name: "midi", title: "MIDI", kind: Kind::Gate, about: "Controllers and keyboards, and what is played on other instruments; [devices.md](devices.md) says how they are opened." },
    Family { name: "audio", title: "Audio", kind: Kind::Gate, about: "What is heard, from an audio input or a file; [devices.md](devices.md) says how they are opened." },
    Family { name: "osc", title: "OSC", kind: Kind::Gate, about: "Numbers from and to other programs and phones; [devices.md](devices.md) says how ports are opened." },
    Family { name: "esp32", title: "ESP32", kind: Kind::Gate, about: "Sensors on boards; [devices.md](devices.md) says what they send." },
    Family { name: "prompt", title: "Prompt", kind: Kind::Text, about: "What the video shows. A text cable may carry a mix of two prompts: the model shows the mix, and every other node reads the nearer prompt. A chunk has the prompt of its first frame." },
    Family { name: "model", title: "Model", kind: Kind::Picture, about: "The video model." },
    Family { name: "cache", title: "Cache", kind: Kind::Gate, about: "The model's memory of past frames, which is kept as it is unless one of these says otherwise. Resetting it and computing it anew wait for the next chunk." },
    Family { name: "target", title: "Target", kind: Kind::Target, about: "What a bend or a tap is aimed at. Targets that follow one another by `within` narrow what is meant: only what is in all of them. A target that moves from latent frame to latent frame moves its bends with it; a tap keeps that of the chunk's first one." },
    Family { name: "bend", title: "Bend", kind: Kind::Bend, about: "What is done inside of the model. Bends follow one another, first to last, into the model." },
    Family { name: "tap", title: "Tap", kind: Kind::Map, about: "What is measured inside of the model, as a map and as numbers. A tap listens after the bends, so it sees what they did. The picture tap measures what came out of it." },
    Family { name: "output", title: "Output", kind: Kind::Picture, about: "What is shown and recorded." },
];
