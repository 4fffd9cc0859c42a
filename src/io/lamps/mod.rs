//! Lamps and LEDs: Art-Net, sACN, DDP and USB DMX widgets. A thread for each device repeats the latest levels at a fixed rate.

mod artnet;
mod ddp;
mod sacn;
mod transport;
mod universes;
mod widget;

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bendrack_nodes::program::light::Channels;

use super::activity::LightHandle;
use super::light::Kind;
use super::message::Message;
use super::target::{Named, Target};
use super::worker::{Stop, Worker};
use super::{DeviceContext, DeviceError};
use transport::{Frame, Transport};

/// Frames of levels a second.
const RATE: u32 = 40;
/// The frames of darkness, or of the end of a source, at the end.
const LAST_FRAMES: usize = 3;

/// Lamps and LEDs: flags of a command.
#[derive(clap::Args, Clone, Debug, PartialEq)]
pub struct LampSettings {
    /// Send light to this Art-Net node, such as 10.0.0.5, wled-wall.local, or 10.255.255.255 for all; may be repeated.
    #[arg(long, value_name = "[NAME=]ADDRESS", help_heading = "Devices")]
    pub artnet: Vec<Named<Host<{ artnet::PORT }>>>,
    /// Send light by sACN: to everyone (multicast), from one address of this machine (multicast@ADDRESS), or to a receiver; may
    /// be repeated.
    #[arg(long, value_name = "[NAME=]multicast|ADDRESS", help_heading = "Devices")]
    pub sacn: Vec<Named<SacnTarget>>,
    /// Priority of sACN, 0 to 200; receivers take the highest.
    #[arg(long, value_name = "N", default_value_t = sacn::PRIORITY, value_parser = clap::value_parser!(u8).range(..=200), help_heading = "Devices")]
    pub sacn_priority: u8,
    /// Send light to this DDP receiver, such as a WLED controller; may be repeated.
    #[arg(long, value_name = "[NAME=]ADDRESS", help_heading = "Devices")]
    pub ddp: Vec<Named<Host<{ ddp::PORT }>>>,
    /// Send light to the USB DMX widget (Enttec Pro or alike) at this serial port; may be repeated.
    #[arg(long, value_name = "[NAME=]PATH", help_heading = "Devices")]
    pub dmx: Vec<Named<SerialPath>>,
    /// Frames of light a second.
    #[arg(long, value_name = "N", default_value_t = RATE, value_parser = clap::value_parser!(u32).range(1..=60), help_heading = "Devices")]
    pub light_rate: u32,
    /// Light when bendrack ends.
    #[arg(long, value_name = "black|hold", default_value = "black", help_heading = "Devices")]
    pub light_end: End,
}

/// Light when bendrack ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum End {
    /// All levels go to 0.
    Black,
    /// The levels stay, as long as the receiver holds them.
    Hold,
}

/// A host with a usual port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<const PORT: u16>(pub Target);

impl<const PORT: u16> FromStr for Host<PORT> {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        Target::read(text, Some(PORT)).map(Self)
    }
}

/// Receivers of sACN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SacnTarget {
    /// The multicast group of each universe, from this address of the machine; without one, as the system chooses.
    Multicast(Option<Ipv4Addr>),
    /// One receiver.
    Unicast(Target),
}

impl FromStr for SacnTarget {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text.strip_prefix("multicast") {
            Some("") => Ok(Self::Multicast(None)),
            Some(from) => match from.strip_prefix('@').map(str::parse) {
                Some(Ok(address)) => Ok(Self::Multicast(Some(address))),
                _ => Err(format!("{text:?} is no form of multicast; write multicast, or multicast@ with an IPv4 address of this machine").into()),
            },
            None => Target::read(text, Some(sacn::PORT)).map(Self::Unicast),
        }
    }
}

impl fmt::Display for SacnTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multicast(None) => f.write_str("multicast"),
            Self::Multicast(Some(address)) => write!(f, "multicast@{address}"),
            Self::Unicast(target) => target.fmt(f),
        }
    }
}

/// The path of a serial port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialPath(pub String);

impl FromStr for SerialPath {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if text.is_empty() {
            return Err("write the path of the widget's port; `bendrack devices` lists serial ports".into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl LampSettings {
    /// Sends nothing.
    pub fn none() -> Self {
        Self {
            artnet: Vec::new(),
            sacn: Vec::new(),
            sacn_priority: sacn::PRIORITY,
            ddp: Vec::new(),
            dmx: Vec::new(),
            light_rate: RATE,
            light_end: End::Black,
        }
    }
}

/// The lamps of a device. Clones are the same.
#[derive(Clone, Debug)]
pub struct LampOut {
    name: Arc<Named<()>>,
    /// The levels of the latest frame, which the thread has not taken yet.
    latest: Arc<Mutex<Option<Vec<Channels>>>>,
}

impl LampOut {
    /// True if a patch means this device: by its name, or every device.
    pub(super) fn is_meant(&self, device: &str) -> bool {
        self.name.is_meant(device)
    }

    /// Takes the levels of a frame that are for this device, without waiting.
    pub fn send(&self, channels: &[Channels]) {
        let mine = channels.iter().filter(|channels| self.is_meant(&channels.device)).cloned().collect();
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(mine);
    }

    fn take(&self) -> Option<Vec<Channels>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Keeps the devices of the settings open, and repeats their levels.
pub(super) fn follow(settings: &LampSettings, context: &DeviceContext) -> Vec<(LampOut, Worker)> {
    let mut lamps = Vec::new();
    let mut start = |name: &str, title: String, mut transport: Transport| {
        let light = context.light(Kind::Lamps, &if name.is_empty() { title } else { format!("{name} ({title})") });
        let name = Named { name: name.to_owned(), device: () };
        let out = LampOut { name: Arc::new(name), latest: Arc::default() };
        let (lamp, rate, end) = (out.clone(), settings.light_rate, settings.light_end);
        let worker = Worker::spawn(&light.clone(), move |stop| run(&lamp, &mut transport, &light, rate, end, stop));
        lamps.push((out, worker));
    };
    for Named { name, device } in &settings.artnet {
        start(name, format!("Art-Net {}", device.0), Transport::artnet(device.0.clone()));
    }
    for Named { name, device } in &settings.sacn {
        let source = sacn::Source { cid: random(), name: source_name(name), priority: settings.sacn_priority };
        start(name, format!("sACN {device}"), Transport::sacn(device.clone(), source));
    }
    for Named { name, device } in &settings.ddp {
        start(name, format!("DDP {}", device.0), Transport::ddp(device.0.clone()));
    }
    for Named { name, device } in &settings.dmx {
        start(name, format!("DMX {}", device.0), Transport::widget(device.0.clone()));
    }
    lamps
}

/// The name of a source of sACN.
fn source_name(name: &str) -> String {
    if name.is_empty() { "bendrack".to_owned() } else { format!("bendrack {name}") }
}

/// A random UUID of version 4.
fn random() -> [u8; 16] {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let half = || RandomState::new().build_hasher().finish().to_be_bytes();
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&half());
    uuid[8..].copy_from_slice(&half());
    uuid[6] = uuid[6] & 0x0F | 0x40;
    uuid[8] = uuid[8] & 0x3F | 0x80;
    uuid
}

/// Repeats the latest levels at a fixed rate until the thread must stop.
fn run(lamp: &LampOut, transport: &mut Transport, light: &LightHandle, rate: u32, end: End, stop: &Stop) {
    let period = Duration::from_secs(1) / rate;
    let mut next = Instant::now();
    loop {
        if !transport.keep_open(light, stop) {
            return;
        }
        if let Some(channels) = lamp.take() {
            let lost = transport.update(&channels);
            if lost > 0 {
                light.count_error(format!(
                    "{lost} levels have no place; use fewer LEDs, or another universe (Art-Net to 32767, sACN 1 to 63999) or channel"
                ));
            }
        }
        send(transport, light, Frame::Now);
        // A late thread makes up for one frame, so that the rate stays, and for no more.
        next += period;
        if next + period < Instant::now() {
            next = Instant::now();
        }
        if stop.after(next.saturating_duration_since(Instant::now())) {
            break;
        }
    }
    if end == End::Black {
        transport.clear();
        // A receiver of sACN ignores the levels of a source's last packets.
        for frame in [Frame::Now, Frame::Last] {
            let count = if frame == Frame::Now || transport.has_end() { LAST_FRAMES } else { 0 };
            (0..count).for_each(|_| send(transport, light, frame));
        }
    }
}

fn send(transport: &mut Transport, light: &LightHandle, frame: Frame) {
    match transport.send(frame, light) {
        Ok(0) => {}
        Ok(levels) => light.count_message(Message::Levels(levels)),
        Err(problem) => light.count_error(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_read() {
        let artnet = |text: &str| text.parse::<Named<Host<6454>>>().map(|named| (named.name, named.device.0));
        assert_eq!(artnet("wall=10.0.0.5"), Ok(("wall".to_owned(), Target::Address(([10, 0, 0, 5], 6454).into()))));
        assert_eq!(artnet("lamp.local:7"), Ok((String::new(), Target::Name("lamp.local".into(), 7))));
        let sacn = |text: &str| text.parse::<SacnTarget>();
        assert_eq!(sacn("multicast"), Ok(SacnTarget::Multicast(None)));
        assert_eq!(sacn("multicast@10.0.0.9"), Ok(SacnTarget::Multicast(Some([10, 0, 0, 9].into()))));
        assert_eq!(sacn("10.0.0.5"), Ok(SacnTarget::Unicast(Target::Address(([10, 0, 0, 5], 5568).into()))));
        for text in ["multicast@", "multicast@::1", "multicast 1", "", "6454"] {
            assert!(sacn(text).is_err(), "{text:?}");
        }
        assert_eq!(sacn("multicast@10.0.0.9").expect("it is read").to_string(), "multicast@10.0.0.9");
        assert!("".parse::<SerialPath>().is_err());
    }

    #[test]
    fn an_identity_is_a_uuid_of_version_4_and_never_the_same() {
        let (a, b) = (random(), random());
        assert_eq!((a[6] >> 4, a[8] >> 6), (4, 2));
        assert_ne!(a, b);
    }
}
