//! The families of nodes, each declared once.

use crate::node::value::Kind;

/// A family: the nodes whose names share the part before the first dot.
#[derive(Debug)]
pub struct Family {
    /// The name: the first part of its nodes' names.
    pub name: &'static str,
    /// The title.
    pub title: &'static str,
    /// Kind of its nodes' main value; it sets their colour.
    pub kind: Kind,
    /// A description for the documentation.
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
    Family { name: "control", title: "Control", kind: Kind::Number, about: "Values set by hand or controller." },
    Family { name: "modulate", title: "Modulate", kind: Kind::Number, about: "Modulators: sources of changing numbers, and their shaping." },
    Family { name: "math", title: "Math", kind: Kind::Number, about: "Arithmetic, mapping and smoothing of numbers." },
    Family { name: "logic", title: "Logic", kind: Kind::Gate, about: "Gates, triggers and switches. Several triggers in one latent frame all count. A reset acts before other inputs of its latent frame, unless its help states otherwise." },
    Family { name: "time", title: "Time", kind: Kind::Gate, about: "Tempo, clocks and rhythm. Several triggers may fall into one latent frame; all of them count." },
    Family { name: "view", title: "View", kind: Kind::Number, about: "Displays and notes on the canvas." },
    Family { name: "midi", title: "MIDI", kind: Kind::Gate, about: "MIDI CCs and notes, in and out, and MIDI clock out. [devices.md](devices.md) describes how to open ports." },
    Family { name: "audio", title: "Audio", kind: Kind::Gate, about: "An audio input or file, as numbers. [devices.md](devices.md) describes how to open inputs." },
    Family { name: "osc", title: "OSC", kind: Kind::Gate, about: "Numbers from and to other applications and phones; texts and pictures to them. [devices.md](devices.md) describes how to open ports." },
    Family { name: "serial", title: "Serial", kind: Kind::Gate, about: "Sensors of boards, such as an ESP32, and numbers and pictures to them. [devices.md](devices.md) describes the line protocol." },
    Family { name: "light", title: "Light", kind: Kind::Gate, about: "Levels of lamps and LEDs, by Art-Net, sACN, DDP or a DMX widget. Later nodes replace the levels of earlier ones. [devices.md](devices.md#light) describes how to reach devices." },
    Family { name: "prompt", title: "Prompt", kind: Kind::Text, about: "Prompts and their changes. A text cable may carry a mix of two prompts. The model uses the mix, every other node the nearer prompt. A chunk uses the prompt of its first latent frame." },
    Family { name: "model", title: "Model", kind: Kind::Picture, about: "The video model." },
    Family { name: "cache", title: "Cache", kind: Kind::Gate, about: "The KV cache: the model's memory of past latent frames. Resets and recaches wait for the next chunk." },
    Family { name: "target", title: "Target", kind: Kind::Target, about: "Limits of bends and taps: layers, heads, words, neurons, steps, latent frames, regions. Targets chained by `within` intersect. A target may move from latent frame to latent frame. A tap uses that of the chunk's first latent frame." },
    Family { name: "bend", title: "Bend", kind: Kind::Bend, about: "Operations inside the model. A chain of bends acts first to last." },
    Family { name: "tap", title: "Tap", kind: Kind::Map, about: "Measurements inside the model, as maps and numbers. A tap reads after the bends. The picture tap measures the decoded picture." },
    Family { name: "output", title: "Output", kind: Kind::Picture, about: "Pictures for the screen and the video file." },
];
