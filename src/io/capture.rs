//! Audio inputs: samples to hops as they come. An input is reopened when it comes back.

use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use bendrack_nodes::input::Event;
use bendrack_nodes::node::sound::{HOPS_PER_SEC, Hop};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{Data, Device, ErrorKind, FromSample, Host, Sample, SampleFormat, SizedSample, Stream};
use rtrb::{Consumer, Producer, RingBuffer};

use super::DeviceContext;
use super::activity::LightHandle;
use super::error::NO_JACK;
use super::light::State;
use super::message::Message;
use super::worker::{Backoff, Stop, Worker};
use crate::sound::Stereo;
use crate::sound::analyse::{Analyser, RATES};
use crate::sound::resample::Resampler;

/// The time between two reads of samples.
const LOOK: Duration = Duration::from_millis(10);
/// The length of a hop of sound.
const HOP: Duration = Duration::from_millis(1000 / HOPS_PER_SEC as u64);
/// The time between two scans for an input.
const POLL: Duration = Duration::from_secs(1);
/// The longest wait for an input that cannot be opened.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The time without samples after which an input counts as gone.
const SILENT: Duration = Duration::from_secs(3);
/// The most seconds of samples that wait to be read.
const RING_SECS: usize = 2;
/// The most inputs of a name that are tried.
const MAX_TRIED: usize = 16;
/// The most errors of an input that wait to be read.
const MAX_ERRORS: usize = 16;
/// The hops between two messages of the light.
const REPORTED: usize = 10;
/// Level from which sound turns the light on: −60 dB.
const SOFTEST: f32 = 1e-3;

/// Advice for a machine without an input.
const NO_INPUT: &str = if cfg!(feature = "jack") {
    NO_JACK
} else if cfg!(target_os = "linux") {
    "connect a microphone or an interface, add your user to the group audio, and pass /dev/snd through to a container"
} else {
    "connect a microphone or an interface, and allow this program to record in the system's settings"
};

/// The names of the audio inputs.
pub(super) fn inputs() -> Result<Vec<String>, String> {
    let host = host()?;
    let devices = devices(&host)?;
    let names: BTreeSet<String> = devices.iter().map(name).collect();
    Ok(names.into_iter().collect())
}

/// Keeps the input with this text in its name open; without text, the system's.
pub(super) fn follow(wanted: String, context: &DeviceContext, light: &LightHandle) -> Worker {
    let (context, watched) = (context.clone(), light.clone());
    Worker::spawn(light, move |stop| {
        let mut backoff = Backoff::new(POLL, MAX_WAIT);
        loop {
            match open(&wanted) {
                Ok(Some(input)) => {
                    watched.set(State::Open);
                    let received = input.receive(&context, &watched, stop);
                    watched.set(State::Waiting);
                    // A silent input is opened at longer and longer intervals.
                    if received {
                        backoff.reset();
                    }
                }
                Ok(None) => {
                    watched.set(State::Waiting);
                    backoff.reset();
                }
                Err(problem) => watched.set(State::Failed(problem)),
            }
            if stop.after(backoff.next_wait()) {
                return;
            }
        }
    })
}

/// The system's audio.
fn host() -> Result<Host, String> {
    // ALSA prints errors to the terminal without this.
    #[cfg(target_os = "linux")]
    let _ = alsa::Output::local_error_handler();
    #[cfg(feature = "jack")]
    let host = cpal::host_from_id(cpal::HostId::Jack);
    #[cfg(not(feature = "jack"))]
    let host = Ok::<_, cpal::Error>(cpal::default_host());
    host.map_err(|error| format!("{error}; {NO_INPUT}"))
}

/// The inputs.
fn devices(host: &Host) -> Result<Vec<Device>, String> {
    let devices = host.input_devices().map_err(|error| format!("{error}; {NO_INPUT}"))?;
    // ALSA's `null` is not an input.
    Ok(devices.filter(|device| id(device) != "null").collect())
}

/// The name of an input, as the system shows it.
fn name(device: &Device) -> String {
    match device.description() {
        Ok(description) if !description.name().is_empty() => description.name().to_owned(),
        _ => id(device),
    }
}

fn id(device: &Device) -> String {
    device.id().map(|id| id.id().to_owned()).unwrap_or_default()
}

/// The sound of an input at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sounding {
    /// The mean of all channels, to be analysed.
    mean: f32,
    /// The first two channels, to be recorded; the same of one channel.
    sides: Stereo,
}

/// An input that is open.
struct Input {
    /// Closes when dropped.
    _stream: Stream,
    samples: Consumer<Sounding>,
    errors: Receiver<cpal::Error>,
    rate: u32,
}

/// Opens the first input of this name that can be opened; none if no input has this name.
fn open(wanted: &str) -> Result<Option<Input>, String> {
    let host = host()?;
    let found: Vec<Device> = if wanted.is_empty() {
        host.default_input_device().into_iter().collect()
    } else {
        let fits = |device: &Device| [name(device), id(device)].iter().any(|name| name.to_lowercase().contains(wanted));
        devices(&host)?.into_iter().filter(fits).take(MAX_TRIED).collect()
    };
    let mut problem = None;
    for device in found {
        match Input::open(&device) {
            Ok(input) => return Ok(Some(input)),
            Err(error) => _ = problem.get_or_insert_with(|| format!("{} cannot be opened: {error}", name(&device))),
        }
    }
    match problem {
        Some(problem) => Err(format!("{problem}; {NO_INPUT}")),
        None if wanted.is_empty() => Err(format!("there is no audio input; {NO_INPUT}")),
        None => Ok(None),
    }
}

impl Input {
    fn open(device: &Device) -> Result<Self, String> {
        let config = device.default_input_config().map_err(|error| error.to_string())?;
        let (rate, channels, format) = (config.sample_rate(), usize::from(config.channels()), config.sample_format());
        if !RATES.contains(&rate) || channels == 0 {
            return Err(format!(
                "the input has {rate} Hz and {channels} channels, which is not supported; set it to 48 kHz"
            ));
        }
        let mix_down = mix_down_for(format).ok_or_else(|| {
            format!("the sample format {format} is not supported; choose another in the system's settings")
        })?;
        let (mut ring, samples) = RingBuffer::new(RING_SECS * rate as usize);
        let (send_error, errors) = mpsc::sync_channel(MAX_ERRORS);
        // Neither waits: without room, samples and errors are lost.
        let receive = move |data: &Data, _: &cpal::InputCallbackInfo| mix_down(data, channels, &mut ring);
        let report = move |error| _ = send_error.try_send(error);
        let stream = device
            .build_input_stream_raw(config.config(), format, receive, report, None)
            .and_then(|stream| stream.play().map(|()| stream))
            .map_err(|error| error.to_string())?;
        Ok(Self { _stream: stream, samples, errors, rate })
    }

    /// Receives until the thread must stop, or the input is gone. True if samples came.
    fn receive(mut self, context: &DeviceContext, light: &LightHandle, stop: &Stop) -> bool {
        let (mut analyser, mut hops, mut reported) = (Analyser::new(self.rate), Vec::new(), Vec::new());
        let (mut resampler, mut resampled) = (None, Vec::new());
        let (mut latest, mut came) = (Instant::now(), false);
        while !stop.after(LOOK) && latest.elapsed() < SILENT {
            for error in self.errors.try_iter() {
                light.count_error(error.to_string());
                if !is_passing(error.kind()) {
                    return came;
                }
            }
            if let Ok(chunk) = self.samples.read_chunk(self.samples.slots())
                && !chunk.is_empty()
            {
                (latest, came) = (Instant::now(), true);
                if context.sound.is_open() {
                    let (first, second) = chunk.as_slices();
                    let sides = first.iter().chain(second).map(|sounding| sounding.sides);
                    resampler.get_or_insert_with(|| Resampler::new(self.rate)).push(sides, &mut resampled);
                    context.sound.push(latest, &resampled);
                    resampled.clear();
                } else {
                    resampler = None;
                }
                analyser.push(chunk.into_iter().map(|sounding| sounding.mean), &mut hops);
            }
            if hops.is_empty() {
                continue;
            }
            send(context, latest, &hops);
            reported.append(&mut hops);
            if reported.len() >= REPORTED {
                let loudest = reported.drain(..).map(|hop| level(&hop)).fold(0.0, f32::max);
                if loudest > SOFTEST {
                    light.count_message(Message::Level(loudest));
                }
            }
        }
        came
    }
}

/// Sends hops of sound to the engine. The last one ended at `end`, and each before it a hundredth of a second earlier.
fn send(context: &DeviceContext, end: Instant, hops: &[Hop]) {
    for (hop, age) in hops.iter().zip((0..hops.len() as u32).rev()) {
        let at = end.checked_sub(HOP * age).unwrap_or(end);
        context.inbox.push(at, [Event::Sound(Box::new(*hop))]);
    }
}

/// True if an input continues after an error of this kind.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied)
}

/// The level of a hop; 1 for a sine at full scale.
fn level(hop: &Hop) -> f32 {
    (2.0 * hop.bands.iter().map(|band| band * band).sum::<f32>()).sqrt()
}

/// Mixes the channels of samples down to their mean and to two sides, into a ring.
type MixDown = fn(&Data, usize, &mut Producer<Sounding>);

/// The function for samples of a format.
fn mix_down_for(format: SampleFormat) -> Option<MixDown> {
    Some(match format {
        SampleFormat::I8 => mix_down::<i8>,
        SampleFormat::I16 => mix_down::<i16>,
        SampleFormat::I24 => mix_down::<cpal::I24>,
        SampleFormat::I32 => mix_down::<i32>,
        SampleFormat::I64 => mix_down::<i64>,
        SampleFormat::U8 => mix_down::<u8>,
        SampleFormat::U16 => mix_down::<u16>,
        SampleFormat::U24 => mix_down::<cpal::U24>,
        SampleFormat::U32 => mix_down::<u32>,
        SampleFormat::U64 => mix_down::<u64>,
        SampleFormat::F32 => mix_down::<f32>,
        SampleFormat::F64 => mix_down::<f64>,
        _ => return None,
    })
}

fn mix_down<T: SizedSample>(data: &Data, channels: usize, ring: &mut Producer<Sounding>)
where
    f32: FromSample<T>,
{
    for frame in data.as_slice::<T>().unwrap_or_default().chunks_exact(channels) {
        let channel = |index: usize| frame.get(index).map(|sample| f32::from_sample(*sample));
        let sum: f32 = (0..channels).filter_map(channel).sum();
        let left = channel(0).unwrap_or_default();
        let sides = [left, channel(1).unwrap_or(left)];
        // A full ring has no reader.
        _ = ring.push(Sounding { mean: sum / channels as f32, sides });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_become_one_and_a_full_ring_is_no_trouble() {
        let (mut ring, mut samples) = RingBuffer::new(2);
        let mut frames = [0.5_f32, -0.25, 1.0, 0.0, 0.25, 0.25];
        // Safety: the pointer is that of six samples which outlive the data.
        let data = unsafe { Data::from_parts(frames.as_mut_ptr().cast(), frames.len(), SampleFormat::F32) };
        mix_down_for(SampleFormat::F32).expect("a format that is supported")(&data, 2, &mut ring);
        let wanted = [(0.125, [0.5, -0.25]), (0.5, [1.0, 0.0])].map(|(mean, sides)| Ok(Sounding { mean, sides }));
        assert_eq!([samples.pop(), samples.pop()], wanted);
        assert!(samples.pop().is_err(), "the third had no room");
    }

    #[test]
    fn a_level_is_one_for_a_sine_at_full_scale() {
        let mut hop = Hop::default();
        hop.bands[17] = std::f32::consts::FRAC_1_SQRT_2;
        assert!((level(&hop) - 1.0).abs() < 1e-6);
    }
}
