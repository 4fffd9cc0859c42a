//! The node library and the patch language of bendrack: no model, no user interface, no input or output.
//!
//! A [`patch::Patch`] is what people edit and save. [`plan::Plan::compile`] checks and sorts it once per edit;
//! [`plan::Plan::program`] evaluates it for one model call; the result is a [`program::Program`], plain data that says where and
//! how the model is bent. Every node is one file with one constant, listed in [`LIBRARY`].

#![allow(
    clippy::float_cmp,
    reason = "controls are compared for identity: a knob at its neutral value is there exactly"
)]

pub mod aim;
mod cable;
pub mod chain;
pub mod check;
mod compile;
pub mod curve;
pub mod def;
mod distance;
pub mod division;
pub mod edit;
pub mod error;
pub mod expression;
pub mod flat;
mod follow;
pub mod grid;
mod limits;
pub mod listen;
mod memory;
pub mod message;
pub mod migrate;
pub mod mix;
pub mod op;
pub mod oscillator;
mod params;
pub mod patch;
pub mod pick;
pub mod places;
mod plain;
pub mod plan;
mod pointer;
mod ports;
pub mod program;
pub mod random;
pub mod read;
pub mod region;
pub mod run;
mod said;
pub mod schedule;
pub mod schema;
pub mod set;
mod settings;
mod sift;
pub mod site;
pub mod sound;
pub mod source;
pub mod suggest;
pub mod target;
pub mod tick;
pub mod value;
mod write;

/// What is set by hand.
pub mod control {
    pub mod button;
    pub mod knob;
    pub mod number;
}

/// What moves by itself.
pub mod modulate {
    pub mod curve;
    pub mod envelope;
    pub mod hold;
    pub mod lfo;
    pub mod noise;
    pub mod one_euro;
    pub mod recorder;
    pub mod sequencer;
    pub mod shift;
    pub mod slew;
    pub mod spring;
    pub mod walk;
}

/// Numbers from numbers.
pub mod math {
    pub mod delay;
    pub mod expression;
    #[expect(clippy::module_inception, reason = "the node is called Math")]
    pub mod math;
    pub mod mix;
    pub mod quantise;
    pub mod range;
    pub mod smooth_switch;
}

/// Gates from gates, and what triggers choose.
pub mod logic {
    pub mod compare;
    pub mod counter;
    pub mod gate;
    pub mod latch;
    #[expect(clippy::module_inception, reason = "the node is called Logic")]
    pub mod logic;
    pub mod pulse;
    pub mod select;
    pub mod switch;
    pub mod toggle;
}

/// Tempo and triggers in time.
pub mod time {
    pub mod clock;
    pub mod divide;
    pub mod euclid;
    pub mod multiply;
    pub mod tempo;
    pub mod timer;
}

/// What is shown on the canvas.
pub mod view {
    pub mod note;
    pub mod number;
    pub mod reroute;
    pub mod scope;
}

/// MIDI.
pub mod midi {
    pub mod cc;
    pub mod note;
    pub mod output;
}

/// Sound.
pub mod audio {
    pub mod input;
}

/// OSC.
pub mod osc {
    pub mod input;
    pub mod output;
}

/// Boards on serial lines.
pub mod esp32 {
    pub mod input;
}

/// Prompts.
pub mod prompt {
    pub mod change;
    pub mod crossfade;
    pub mod list;
    pub mod schedule;
    pub mod text;
}

/// The video model.
pub mod model {
    #[expect(clippy::module_inception, reason = "the node is called model")]
    pub mod model;
}

/// What is done at a site.
pub mod bend {
    pub mod blur;
    pub mod copy;
    pub mod flip;
    pub mod freeze;
    pub mod gain;
    pub mod invert;
    pub mod mask;
    pub mod noise;
    pub mod position;
    pub mod quantise;
    pub mod renoise;
    pub mod reverse;
    pub mod roll;
    pub mod rotate;
    pub mod scale;
    pub mod sharpen;
    pub mod sharpness;
    pub mod shift;
    pub mod smear;
    pub mod swap;
    pub mod threshold;
    pub mod time;
    pub mod tint;
    pub mod translate;
}

/// What is measured.
pub mod tap {
    pub mod activity;
    pub mod map;
    pub mod neurons;
    pub mod picture;
    pub mod self_map;
}

/// What is shown.
pub mod output {
    pub mod channels;
    pub mod compositor;
    pub mod grid;
    pub mod heatmap;
    pub mod picture;
    pub mod record;
    pub mod spectrum;
}

/// The model's memory of past frames.
pub mod cache {
    pub mod off;
    pub mod recache;
    pub mod reset;
    pub mod stale;
}

use def::NodeDef;

/// Every node, in the order of the menu.
pub static LIBRARY: &[&NodeDef] = &[
    &control::number::NODE,
    &control::knob::NODE,
    &control::button::NODE,
    &modulate::lfo::NODE,
    &modulate::envelope::NODE,
    &modulate::sequencer::NODE,
    &modulate::curve::NODE,
    &modulate::noise::NODE,
    &modulate::walk::NODE,
    &modulate::hold::NODE,
    &modulate::shift::NODE,
    &modulate::slew::NODE,
    &modulate::one_euro::NODE,
    &modulate::spring::NODE,
    &modulate::recorder::NODE,
    &math::math::NODE,
    &math::range::NODE,
    &math::quantise::NODE,
    &math::mix::NODE,
    &math::smooth_switch::NODE,
    &math::delay::NODE,
    &math::expression::NODE,
    &logic::compare::NODE,
    &logic::logic::NODE,
    &logic::toggle::NODE,
    &logic::latch::NODE,
    &logic::gate::NODE,
    &logic::pulse::NODE,
    &logic::counter::NODE,
    &logic::select::NODE,
    &logic::switch::NODE,
    &time::tempo::NODE,
    &time::clock::NODE,
    &time::divide::NODE,
    &time::multiply::NODE,
    &time::euclid::NODE,
    &time::timer::NODE,
    &view::number::NODE,
    &view::scope::NODE,
    &view::note::NODE,
    &view::reroute::NODE,
    &midi::cc::NODE,
    &midi::note::NODE,
    &audio::input::NODE,
    &osc::input::NODE,
    &esp32::input::NODE,
    &prompt::text::NODE,
    &prompt::list::NODE,
    &prompt::schedule::NODE,
    &prompt::crossfade::NODE,
    &prompt::change::NODE,
    &model::model::NODE,
    &cache::reset::NODE,
    &cache::off::NODE,
    &cache::recache::NODE,
    &cache::stale::NODE,
    &target::steps::NODE,
    &target::layers::NODE,
    &target::heads::NODE,
    &target::words::NODE,
    &target::neurons::NODE,
    &target::frames::NODE,
    &target::region::NODE,
    &target::pass::NODE,
    &target::union::NODE,
    &target::invert::NODE,
    &bend::gain::NODE,
    &bend::noise::NODE,
    &bend::invert::NODE,
    &bend::threshold::NODE,
    &bend::quantise::NODE,
    &bend::sharpness::NODE,
    &bend::rotate::NODE,
    &bend::scale::NODE,
    &bend::translate::NODE,
    &bend::flip::NODE,
    &bend::blur::NODE,
    &bend::sharpen::NODE,
    &bend::mask::NODE,
    &bend::shift::NODE,
    &bend::smear::NODE,
    &bend::reverse::NODE,
    &bend::freeze::NODE,
    &bend::swap::NODE,
    &bend::copy::NODE,
    &bend::roll::NODE,
    &bend::position::NODE,
    &bend::time::NODE,
    &bend::renoise::NODE,
    &bend::tint::NODE,
    &tap::map::NODE,
    &tap::self_map::NODE,
    &tap::neurons::NODE,
    &tap::activity::NODE,
    &tap::picture::NODE,
    &output::picture::NODE,
    &output::heatmap::NODE,
    &output::spectrum::NODE,
    &output::compositor::NODE,
    &output::grid::NODE,
    &output::channels::NODE,
    &output::record::NODE,
    &midi::output::NODE,
    &osc::output::NODE,
];
