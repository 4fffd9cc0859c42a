//! Words for nodes that people bring from other programs. The palette finds nodes by them too.

/// A node, and its words.
const ALIASES: &[(&str, &str)] = &[
    ("control.number", "slider fader constant value float"),
    ("control.knob", "dial pot macro position"),
    ("control.button", "on off switch mute click"),
    ("control.key", "keyboard hotkey typing shortcut letter"),
    ("control.gamepad", "joystick xbox playstation controller pad stick"),
    ("control.bank", "page scene layer set"),
    ("modulate.lfo", "sine sin oscillator osc wobble wave triangle saw sawtooth square vibrato tremolo swing cycle"),
    ("modulate.envelope", "adsr attack decay release ar"),
    ("modulate.sequencer", "steps sequence pattern arpeggio seq"),
    ("modulate.curve", "automation keyframe keyframes breakpoint spline ramp timeline line"),
    ("modulate.noise", "perlin drift jitter turbulence organic"),
    ("modulate.walk", "brownian drunk wander"),
    ("modulate.hold", "sample random randomise randomize dice sh chance"),
    ("modulate.shift", "register"),
    ("modulate.slew", "lag glide portamento smooth ease easing inertia lowpass filter"),
    ("modulate.one_euro", "denoise steady stabilise"),
    ("modulate.spring", "bounce elastic physics wobbly"),
    ("modulate.recorder", "loop looper gesture capture"),
    ("math.math", "add subtract multiply divide plus minus times sum calculate arithmetic"),
    ("math.range", "map remap normalise normalize fit rescale limit clamp"),
    ("math.quantise", "round snap stepped"),
    ("math.mix", "blend average lerp interpolate"),
    ("math.delay", "echo feedback"),
    ("math.expression", "formula code script function equation"),
    ("logic.compare", "threshold greater less if equal condition"),
    ("logic.logic", "and or not xor boolean nand"),
    ("logic.toggle", "flip flipflop alternate"),
    ("logic.latch", "sr remember"),
    ("logic.gate", "block allow pass"),
    ("logic.pulse", "trigger oneshot bang tick impulse"),
    ("logic.counter", "count number"),
    ("logic.select", "mux multiplexer choose pick"),
    ("logic.switch", "router route demux"),
    ("time.tempo", "bpm speed"),
    ("time.clock", "metronome beat beats"),
    ("time.divide", "half slower"),
    ("time.multiply", "ratchet faster double"),
    ("time.euclid", "rhythm polyrhythm"),
    ("time.timer", "stopwatch countdown seconds wait"),
    ("view.note", "comment text label annotation"),
    ("view.number", "meter readout"),
    ("view.scope", "oscilloscope graph plot chart"),
    ("view.reroute", "dot knot pin"),
    ("midi.cc", "nanokontrol controller modwheel"),
    ("midi.note", "key pad drum piano"),
    ("midi.clock", "sync midiclock"),
    ("midi.pressure", "aftertouch"),
    ("midi.pitch_bend", "wheel bend"),
    ("midi.program", "preset"),
    ("midi.out", "synth"),
    (
        "audio.in",
        "mic microphone sound music audio volume loudness amplitude bass treble fft spectrum follower onset voice",
    ),
    ("osc.in", "phone touchosc tablet lemur network udp receive"),
    ("osc.out", "resolume touchdesigner send max supercollider puredata"),
    ("serial.in", "arduino esp32 sensor usb teensy touch wire"),
    ("serial.out", "motor actuator"),
    ("light.channel", "dmx lamp dimmer artnet sacn light"),
    ("light.colour", "rgb rgbw par spot"),
    ("light.matrix", "led wled strip pixels"),
    ("prompt.text", "words sentence caption description"),
    ("prompt.list", "playlist cue"),
    ("prompt.schedule", "story script chapters"),
    ("prompt.crossfade", "morph transition"),
    ("model.wan", "diffusion model generator generate gen video ai wan seed"),
    ("cache.reset", "memory forget panic"),
    ("target.layers", "block depth"),
    ("target.schedule", "grid cells paint table layers steps curriculum"),
    ("target.words", "token noun"),
    ("target.steps", "timestep denoise"),
    ("target.region", "area rectangle place where box"),
    ("target.pass", "everything"),
    ("target.invert", "except without"),
    ("target.union", "and both together"),
    ("bend.rotate", "turn spin angle"),
    ("bend.scale", "zoom size enlarge shrink magnify"),
    ("bend.translate", "move pan offset slide"),
    ("bend.flip", "mirror reflect"),
    ("bend.blur", "soft gauss gaussian defocus"),
    ("bend.gain", "amplify boost strength attenuate silence emphasise"),
    ("bend.noise", "grain dirt glitch"),
    ("bend.invert", "negative"),
    ("bend.threshold", "binarise cutoff"),
    ("bend.quantise", "posterise bitcrush crush"),
    ("bend.sharpness", "temperature focus"),
    ("bend.mask", "crop window"),
    ("bend.smear", "motion trail trails ghost"),
    ("bend.reverse", "backwards rewind"),
    ("bend.freeze", "still hold lock"),
    ("bend.swap", "exchange replace"),
    ("bend.copy", "clone paste"),
    ("bend.position", "rope"),
    ("bend.renoise", "evolve"),
    ("bend.tint", "colour color hue paint"),
    ("tap.concept", "attention probe outside word"),
    ("tap.map", "attention probe measure look"),
    ("tap.neurons", "activation neuron"),
    ("tap.picture", "brightness luminance"),
    ("output.screen", "monitor display viewer preview out stage"),
    ("output.heatmap", "overlay colormap heat"),
    ("output.compositor", "composite mixer beside pip"),
    ("output.grid", "tile mosaic split"),
    ("output.record", "save export film"),
];

/// The words for a node, besides its title and name.
pub fn words_for(node: &str) -> impl Iterator<Item = &'static str> {
    ALIASES.iter().filter(move |(name, _)| *name == node).flat_map(|(_, words)| words.split(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LIBRARY;

    #[test]
    fn every_alias_is_of_a_node_and_there_are_many() {
        let mut count = 0;
        for (name, words) in ALIASES {
            assert!(LIBRARY.iter().any(|def| def.name == *name), "{name}");
            assert!(words.split(' ').all(|word| !word.is_empty() && word == word.to_lowercase()), "{words}");
            count += words.split(' ').count();
        }
        assert!(count >= 200, "{count}");
    }
}
