//! The nodes: one node, one file; one family, one folder.

pub mod audio;
pub mod bend;
pub mod cache;
pub mod control;
pub mod family;
pub mod light;
pub mod logic;
pub mod math;
pub mod midi;
pub mod model;
pub mod modulate;
pub mod osc;
pub mod output;
pub mod prompt;
pub mod serial;
pub mod tap;
pub mod target;
pub mod time;
pub mod view;

use crate::node::def::NodeDef;

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
    &midi::output::NODE,
    &midi::clock_out::NODE,
    &audio::input::NODE,
    &osc::input::NODE,
    &osc::output::NODE,
    &osc::picture::NODE,
    &serial::input::NODE,
    &light::channel::NODE,
    &light::colour::NODE,
    &light::matrix::NODE,
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
    &bend::timestep::NODE,
    &bend::renoise::NODE,
    &bend::tint::NODE,
    &tap::map::NODE,
    &tap::self_map::NODE,
    &tap::neurons::NODE,
    &tap::neuron_map::NODE,
    &tap::picture::NODE,
    &output::screen::NODE,
    &output::heatmap::NODE,
    &output::spectrum::NODE,
    &output::compositor::NODE,
    &output::grid::NODE,
    &output::channels::NODE,
    &output::record::NODE,
];
