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
use crate::sound::analyse::RATES;
use crate::sound::channels::ChannelAnalyser;
use crate::sound::resample::Resampler;
use crate::sound::{Channels, Stereo};

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

/// ALSA's plugins that convert sound, and that of JACK, whose library writes to the terminal.
const CONVERTERS: [&str; 8] = ["lavrate", "samplerate", "speexrate", "speex", "upmix", "vdownmix", "usbstream", "jack"];

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
    let names: BTreeSet<String> = devices.iter().filter(|device| is_input(device)).map(name).collect();
    Ok(names.into_iter().collect())
}

/// True for an input of a card, and for a server or a definition of the user that can be opened. ALSA also has plugins that
/// only convert the sound of another input, and some for which nothing is there. A plugin still opens by its name.
fn is_input(device: &Device) -> bool {
    if cfg!(not(target_os = "linux")) || cfg!(feature = "jack") {
        return true;
    }
    let id = id(device);
    let plugin = id.split([':', '_']).next().unwrap_or_default();
    if CONVERTERS.contains(&plugin) {
        return false;
    }
    let can_open = || match device.default_input_config() {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::DeviceBusy,
    };
    id.contains("CARD=") || can_open()
}

/// Keeps the input with this text in its name open; without text, the system's. Analyses these channels of it.
pub(super) fn follow(wanted: String, channels: Channels, context: &DeviceContext, light: &LightHandle) -> Worker {
    let (context, watched) = (context.clone(), light.clone());
    Worker::spawn(light, move |stop| {
        let mut backoff = Backoff::new(POLL, MAX_WAIT);
        loop {
            match open(&wanted) {
                Ok(Some(input)) => {
                    watched.set(State::Open);
                    let received = input.receive(channels, &context, &watched, stop);
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

/// An input that is open.
struct Input {
    /// Closes when dropped.
    _stream: Stream,
    /// Interleaved samples of all channels.
    samples: Consumer<f32>,
    errors: Receiver<cpal::Error>,
    rate: u32,
    channels: usize,
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
        let take = take_for(format).ok_or_else(|| {
            format!("the sample format {format} is not supported; choose another in the system's settings")
        })?;
        let (mut ring, samples) = RingBuffer::new(RING_SECS * rate as usize * channels);
        let (send_error, errors) = mpsc::sync_channel(MAX_ERRORS);
        // Neither waits: without room, samples and errors are lost.
        let receive = move |data: &Data, _: &cpal::InputCallbackInfo| take(data, channels, &mut ring);
        let report = move |error| _ = send_error.try_send(error);
        let stream = device
            .build_input_stream_raw(config.config(), format, receive, report, None)
            .and_then(|stream| stream.play().map(|()| stream))
            .map_err(|error| error.to_string())?;
        Ok(Self { _stream: stream, samples, errors, rate, channels })
    }

    /// Receives until the thread must stop, or the input is gone. True if samples came.
    fn receive(mut self, channels: Channels, context: &DeviceContext, light: &LightHandle, stop: &Stop) -> bool {
        let mut analyser = ChannelAnalyser::new(channels, self.rate, self.channels);
        let (mut frames, mut hops, mut reported) = (Vec::new(), Vec::new(), Vec::new());
        let (mut resampler, mut resampled) = (None, Vec::new());
        let (mut latest, mut came) = (Instant::now(), false);
        while !stop.after(LOOK) && latest.elapsed() < SILENT {
            for error in self.errors.try_iter() {
                light.count_error(error.to_string());
                if !is_passing(error.kind()) {
                    return came;
                }
            }
            // Whole frames: the ring may end within one.
            let count = self.samples.slots() / self.channels * self.channels;
            if let Ok(chunk) = self.samples.read_chunk(count)
                && !chunk.is_empty()
            {
                (latest, came) = (Instant::now(), true);
                frames.clear();
                frames.extend(chunk);
                if context.sound.is_open() {
                    let sides = frames.chunks_exact(self.channels).map(sides);
                    resampler.get_or_insert_with(|| Resampler::new(self.rate)).push(sides, &mut resampled);
                    context.sound.push(latest, &resampled);
                    resampled.clear();
                } else {
                    resampler = None;
                }
                analyser.push(&frames, &mut hops);
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

/// The first two channels of a frame, to be recorded; the same of one channel.
fn sides(frame: &[f32]) -> Stereo {
    let left = frame.first().copied().unwrap_or_default();
    [left, frame.get(1).copied().unwrap_or(left)]
}

/// Takes the frames of some channels into a ring.
type Take = fn(&Data, usize, &mut Producer<f32>);

/// The function for samples of a format.
fn take_for(format: SampleFormat) -> Option<Take> {
    Some(match format {
        SampleFormat::I8 => take::<i8>,
        SampleFormat::I16 => take::<i16>,
        SampleFormat::I24 => take::<cpal::I24>,
        SampleFormat::I32 => take::<i32>,
        SampleFormat::I64 => take::<i64>,
        SampleFormat::U8 => take::<u8>,
        SampleFormat::U16 => take::<u16>,
        SampleFormat::U24 => take::<cpal::U24>,
        SampleFormat::U32 => take::<u32>,
        SampleFormat::U64 => take::<u64>,
        SampleFormat::F32 => take::<f32>,
        SampleFormat::F64 => take::<f64>,
        _ => return None,
    })
}

fn take<T: SizedSample>(data: &Data, channels: usize, ring: &mut Producer<f32>)
where
    f32: FromSample<T>,
{
    for frame in data.as_slice::<T>().unwrap_or_default().chunks_exact(channels) {
        // A full ring has no reader. Frames stay whole.
        if ring.slots() < channels {
            return;
        }
        for sample in frame {
            _ = ring.push(f32::from_sample(*sample));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_stay_whole_and_a_full_ring_is_no_trouble() {
        let (mut ring, mut samples) = RingBuffer::new(5);
        let mut frames = [0.5_f32, -0.25, 1.0, 0.0, 0.25, 0.25];
        // Safety: the pointer is that of six samples which outlive the data.
        let data = unsafe { Data::from_parts(frames.as_mut_ptr().cast(), frames.len(), SampleFormat::F32) };
        take_for(SampleFormat::F32).expect("a format that is supported")(&data, 2, &mut ring);
        let taken: Vec<f32> = std::iter::from_fn(|| samples.pop().ok()).collect();
        assert_eq!(taken, frames[..4], "the third had no room");
        assert_eq!((sides(&frames), sides(&[0.5]), sides(&[])), ([0.5, -0.25], [0.5; 2], [0.0; 2]));
    }

    #[test]
    fn a_level_is_one_for_a_sine_at_full_scale() {
        let mut hop = Hop::default();
        hop.bands[17] = std::f32::consts::FRAC_1_SQRT_2;
        assert!((level(&hop) - 1.0).abs() < 1e-6);
    }
}
