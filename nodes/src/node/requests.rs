//! The requests of running nodes: bends, taps, prompts, pictures and messages, for the program of the call.

use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::smallvec;

use crate::node::context::NodeContext;
use crate::node::value::Chain;
use crate::program::prompt::Prompt;
use crate::program::source::Source;
use crate::program::{Bend, Cache, Message, Midi, Part, Program, Tap, To};

/// Requests of the nodes of a tick.
#[derive(Default)]
pub(crate) struct Requests {
    /// Requests to the model.
    pub(crate) program: Program,
    /// Bends of all nodes of the tick, connected to a model or not.
    pub(crate) links: Vec<Link>,
    /// The tempo of the next frame.
    pub(crate) tempo: Option<f64>,
    /// The beat at the beginning of the next frame.
    pub(crate) beat: Option<f64>,
    /// Warnings of nodes, over all ticks of the call.
    pub(crate) warnings: Vec<(Arc<str>, &'static str)>,
}

/// A bend in a chain.
pub(crate) struct Link {
    /// The bends before it.
    before: Chain,
    bend: Bend,
}

impl NodeContext<'_> {
    /// Appends a bend to a chain.
    pub fn link(&mut self, before: Chain, bend: Bend) -> Chain {
        self.requests.links.push(Link { before, bend });
        Chain(NonZeroU32::new(self.requests.links.len() as u32))
    }

    /// Requests a tempo from the next frame on.
    pub fn request_tempo(&mut self, beats_per_minute: f64) {
        self.requests.tempo = Some(beats_per_minute);
    }

    /// Requests a beat at the beginning of the next frame. Without a request, beats follow the tempo.
    pub fn request_beat(&mut self, beat: f64) {
        self.requests.beat = Some(beat);
    }

    /// Adds a warning; a repeated one has no effect.
    pub fn warn(&mut self, sentence: &'static str) {
        let is_same = |(id, known): &(Arc<str>, &str)| id == self.id && *known == sentence;
        if !self.requests.warnings.iter().any(is_same) {
            self.requests.warnings.push((self.id.clone(), sentence));
        }
    }

    /// Requests a prompt; the last request counts.
    pub fn request_prompt(&mut self, prompt: Prompt) {
        let Prompt { text, blend, switch } = prompt;
        let program = &mut self.requests.program;
        (program.prompt, program.blend, program.switch) = (text, blend, switch);
    }

    /// Requests the bends of a chain, in its order.
    pub fn request_bends(&mut self, chain: Chain) {
        let (links, bends) = (&self.requests.links, &mut self.requests.program.bends);
        let first = bends.len();
        let mut at = chain;
        while let Some(link) = at.0.and_then(|index| links.get(index.get() as usize - 1)) {
            bends.push(link.bend.clone());
            at = link.before;
        }
        bends[first..].reverse();
    }

    /// Requests a measurement.
    pub fn request_tap(&mut self, tap: Tap) {
        self.requests.program.taps.push(tap);
    }

    /// Requests a picture on the screen; the last request counts.
    pub fn request_screen(&mut self, source: Arc<Source>) {
        self.requests.program.screen.clear();
        self.requests.program.screen.push(source);
    }

    /// Requests to the model's KV cache.
    pub fn request_cache(&mut self) -> &mut Cache {
        &mut self.requests.program.cache
    }

    /// Requests a number to send by OSC.
    pub fn request_message(&mut self, address: Arc<str>, value: f64) {
        self.request_number(To::Osc, address, value);
    }

    /// Requests a MIDI note or controller value to send.
    pub fn request_midi(&mut self, midi: Midi) {
        for (part, value) in Part::ALL.into_iter().zip(midi.parts()) {
            self.request_number(To::Midi(part), self.id.clone(), value);
        }
    }

    /// Switches the recorder on or off for this frame; the last request counts.
    pub fn request_record(&mut self, on: bool) {
        self.requests.program.messages.retain(|message| message.to != To::Video);
        self.request_number(To::Video, self.id.clone(), f64::from(u8::from(on)));
    }

    fn request_number(&mut self, to: To, address: Arc<str>, value: f64) {
        let message = Message { node: self.id.clone(), address, to, values: smallvec![value] };
        self.requests.program.messages.push(message);
    }
}
