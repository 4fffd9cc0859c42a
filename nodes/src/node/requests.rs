//! The requests of running nodes: bends, taps, prompts, pictures and messages, for the program of the call.

use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::smallvec;

use crate::node::context::NodeContext;
use crate::node::value::Chain;
use crate::program::cells::Cells;
use crate::program::light::{Levels, Light};
use crate::program::message::{Content, Wire};
use crate::program::op::Lanes;
use crate::program::prompt::Prompt;
use crate::program::source::Source;
use crate::program::{Bend, Cache, Form, Message, Midi, Program, Tap, To};

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
    /// The bank of maps in the next frame.
    pub(crate) bank: Option<u8>,
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

    /// Requests a bank of maps from the next frame on. Without a request it is the first.
    pub fn request_bank(&mut self, bank: u8) {
        self.requests.bank = Some(bank);
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

    /// Requests a negative prompt; the last request counts.
    pub fn request_negative(&mut self, text: Arc<str>) {
        self.requests.program.negative = text;
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

    /// Requests a number to send by OSC, as the next argument of the node's message to an address.
    pub fn request_message(&mut self, address: Arc<str>, value: f64) {
        self.request_number(To::Osc(Form::Float), address, Arc::default(), value);
    }

    /// Requests an argument of an OSC message. Arguments of one address in a row are one message.
    pub fn request_argument(&mut self, to: &Destination, argument: Requested) {
        let form = match &argument {
            Requested::Number(_, form) | Requested::Cells(_, form) => *form,
            Requested::Text(_) => Form::Text,
        };
        self.request_part(to, To::Osc(form), argument);
    }

    /// Requests the next number of a line to boards, or its picture.
    pub fn request_board(&mut self, to: &Destination, wire: Wire, argument: Requested) {
        self.request_part(to, To::Board(wire), argument);
    }

    fn request_part(&mut self, destination: &Destination, to: To, argument: Requested) {
        let Destination { device, address } = destination;
        let (values, content) = match argument {
            Requested::Number(value, _) => (smallvec![value], Content::Values),
            Requested::Text(text) => (Lanes::new(), Content::Texts(smallvec![text])),
            Requested::Cells(cells, _) => (Lanes::new(), Content::Cells(smallvec![cells])),
        };
        let (node, address, device) = (self.id.clone(), address.clone(), device.clone());
        self.requests.program.messages.push(Message { node, address, device, to, values, content });
    }

    /// Sends the node's OSC message or line this many times in the frame. Without it, a message is sent once.
    pub fn request_times(&mut self, to: &Destination, times: u16) {
        self.request_number(To::Times, to.address.clone(), to.device.clone(), f64::from(times));
    }

    /// Requests a MIDI note, controller value or clock to send. An empty name of a device is every output.
    pub fn request_midi(&mut self, device: &Arc<str>, midi: Midi) {
        for (part, value) in midi.parts() {
            self.request_number(To::Midi(part), self.id.clone(), device.clone(), value);
        }
    }

    /// Requests levels of lamps or LEDs. An empty name of a device is every device.
    pub fn request_light(&mut self, device: Arc<str>, levels: Levels) {
        self.requests.program.lights.push(Light { node: self.id.clone(), device, lanes: smallvec![levels] });
    }

    /// Switches the recorder on or off for this frame; the last request counts.
    pub fn request_record(&mut self, on: bool) {
        self.requests.program.messages.retain(|message| message.to != To::Video);
        self.request_number(To::Video, self.id.clone(), Arc::default(), f64::from(u8::from(on)));
    }

    fn request_number(&mut self, to: To, address: Arc<str>, device: Arc<str>, value: f64) {
        let (node, values, content) = (self.id.clone(), smallvec![value], Content::Values);
        self.requests.program.messages.push(Message { node, address, device, to, values, content });
    }
}

/// Destination of an OSC message.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The name of the device; empty for all.
    pub device: Arc<str>,
    /// The OSC address.
    pub address: Arc<str>,
}

/// A requested argument of an OSC message.
#[derive(Clone, Debug)]
pub enum Requested {
    /// A number, as this type.
    Number(f64, Form),
    /// A text.
    Text(Arc<str>),
    /// A small picture or map, as a list of this type or a blob.
    Cells(Cells, Form),
}
