//! Audio inputs: samples as they come, to hops. An input that goes away is followed.

use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use bendrack_nodes::node::sound::Hop;
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{Data, Device, ErrorKind, FromSample, Host, Sample, SampleFormat, SizedSample, Stream};
use rtrb::{Consumer, Producer, RingBuffer};

use super::Desk;
use super::activity::{Lamp, State};
use super::worker::{Stop, Worker};
use crate::sound::analyse::{Analyser, RATES};

/// How often samples are looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often an input is looked for.
const POLL: Duration = Duration::from_secs(1);
/// The longest wait for one that cannot be opened.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// An input that gives no samples for so long is gone.
const SILENT: Duration = Duration::from_secs(3);
/// Seconds of samples that wait to be looked at.
const RING_SECS: usize = 2;
/// Inputs of a name that are tried.
const MAX_TRIED: usize = 16;
/// Complaints of an input that wait to be looked at.
const MAX_COMPLAINTS: usize = 16;
/// Hops from one message of the light to the next.
const TOLD: usize = 10;
/// Sound that is softer does not light it: −60 dB.
const SOFTEST: f32 = 1e-3;

/// What to do when there is no input.
const NO_INPUT: &str = if cfg!(feature = "jack") {
    "the JACK server does not answer; start it (jackd, or PipeWire's pw-jack)"
} else if cfg!(target_os = "linux") {
    "connect a microphone or an interface; in a container, pass /dev/snd through; your user has to be in the group audio"
} else {
    "connect a microphone or an interface, and allow this program to listen in the system's settings"
};

/// The names of the audio inputs.
pub(super) fn inputs() -> Result<Vec<String>, String> {
    let host = host()?;
    let devices = devices(&host)?;
    let names: BTreeSet<String> = devices.iter().map(name).collect();
    Ok(names.into_iter().collect())
}

/// Keeps the input open that has this text in its name; without text, the system's.
pub(super) fn follow(wanted: String, desk: &Desk, lamp: &Lamp) -> Worker {
    let (desk, watched) = (desk.clone(), lamp.clone());
    Worker::spawn(lamp, move |stop| {
        let mut wait = POLL;
        loop {
            match open(&wanted) {
                Ok(Some(input)) => {
                    watched.set(State::Open);
                    let heard = input.listen(&desk, &watched, stop);
                    watched.set(State::Waiting);
                    // One that is there and gives nothing is not opened again and again.
                    wait = if heard { POLL } else { (wait * 2).min(MAX_WAIT) };
                }
                Ok(None) => {
                    watched.set(State::Waiting);
                    wait = POLL;
                }
                Err(problem) => {
                    watched.set(State::Failed(problem));
                    wait = (wait * 2).min(MAX_WAIT);
                }
            }
            if stop.after(wait) {
                return;
            }
        }
    })
}

/// The system's audio.
fn host() -> Result<Host, String> {
    // ALSA complains on the terminal each time.
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
    // ALSA's `null` is none.
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
    /// Held for its drop.
    _stream: Stream,
    samples: Consumer<f32>,
    complaints: Receiver<cpal::Error>,
    rate: u32,
}

/// Opens the first input of this name that lets itself be opened; nothing, if there is none of this name.
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
            return Err(format!("it gives {rate} samples a second in {channels} channels"));
        }
        let take = taker(format).ok_or_else(|| format!("it gives samples as {format}"))?;
        let (mut ring, samples) = RingBuffer::new(RING_SECS * rate as usize);
        let (complain, complaints) = mpsc::sync_channel(MAX_COMPLAINTS);
        // Neither waits: what has no room is lost.
        let hear = move |data: &Data, _: &cpal::InputCallbackInfo| take(data, channels, &mut ring);
        let complain = move |error| _ = complain.try_send(error);
        let stream = device
            .build_input_stream_raw(config.config(), format, hear, complain, None)
            .and_then(|stream| stream.play().map(|()| stream))
            .map_err(|error| error.to_string())?;
        Ok(Self { _stream: stream, samples, complaints, rate })
    }

    /// Hears until it is time to stop, or the input is gone. Whether anything came.
    fn listen(mut self, desk: &Desk, lamp: &Lamp, stop: &Stop) -> bool {
        let (mut analyser, mut hops, mut told) = (Analyser::new(self.rate), Vec::new(), Vec::new());
        let (mut latest, mut came) = (Instant::now(), false);
        while !stop.after(LOOK) && latest.elapsed() < SILENT {
            for complaint in self.complaints.try_iter() {
                lamp.fault(&complaint.to_string());
                if !is_passing(complaint.kind()) {
                    return came;
                }
            }
            if let Ok(chunk) = self.samples.read_chunk(self.samples.slots())
                && !chunk.is_empty()
            {
                (latest, came) = (Instant::now(), true);
                analyser.hear(chunk, &mut hops);
            }
            if hops.is_empty() {
                continue;
            }
            desk.controls().hear(&hops);
            told.append(&mut hops);
            if told.len() >= TOLD {
                let loudest = told.drain(..).map(|hop| level(&hop)).fold(0.0, f32::max);
                if loudest > SOFTEST {
                    lamp.pass(&format!("{:.0} dB", 20.0 * loudest.log10()));
                }
            }
        }
        came
    }
}

/// Whether an input goes on after it said so.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied)
}

/// How loud a hop is; a sine at full scale is 1.
fn level(hop: &Hop) -> f32 {
    (2.0 * hop.bands.iter().map(|band| band * band).sum::<f32>()).sqrt()
}

/// Puts the mean of all channels into a ring.
type Taker = fn(&Data, usize, &mut Producer<f32>);

/// What takes samples of a format.
fn taker(format: SampleFormat) -> Option<Taker> {
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
        let sum: f32 = frame.iter().map(|sample| f32::from_sample(*sample)).sum();
        // A ring that is full has nobody who listens.
        _ = ring.push(sum / channels as f32);
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
        taker(SampleFormat::F32).expect("a taker")(&data, 2, &mut ring);
        assert_eq!((samples.pop(), samples.pop()), (Ok(0.125), Ok(0.5)));
        assert!(samples.pop().is_err(), "the third had no room");
    }

    #[test]
    fn a_level_is_one_for_a_sine_at_full_scale() {
        let mut hop = Hop::default();
        hop.bands[17] = std::f32::consts::FRAC_1_SQRT_2;
        assert!((level(&hop) - 1.0).abs() < 1e-6);
    }
}
