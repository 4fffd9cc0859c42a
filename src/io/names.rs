//! Names of devices: which port of this machine a name of a patch means, and stable names for ports of one kind.
//!
//! A port has the name of the system. Of several ports with the same name, the second has `(2)` behind it; on Linux the USB socket
//! decides, so that each keeps its name, in whatever order they are plugged in. A person gives a port another name, by a flag or in
//! the window. A patch gives a name to the only port that fits its description. Nodes and maps use these names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bendrack_nodes::patch::{Device, DeviceKind};
use serde::{Deserialize, Serialize};

use super::DeviceError;
use crate::disk;
use crate::files::{self, data_folder};
use crate::terminal;

/// The version of the file.
const VERSION: u64 = 1;
/// Largest file, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Limit on the remembered ports, and on the given names.
const MOST: usize = 256;

/// A name for the port with a text in its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct GivenName {
    /// The name, as patches use it.
    pub name: String,
    /// The text: words of the name of a port, in any case.
    pub port: String,
}

impl GivenName {
    /// True if the name of a port has every word.
    fn fits(&self, port: &str) -> bool {
        let port = port.to_lowercase();
        self.port.to_lowercase().split_whitespace().all(|word| port.contains(word))
    }
}

impl FromStr for GivenName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (name, port) = text.split_once('=').unwrap_or((text, ""));
        let [name, port] = [name.trim(), port.trim()];
        if name.is_empty() || port.is_empty() {
            return Err("write NAME=PORT, such as pads=Launchpad; `bendrack devices` lists the ports".into());
        }
        Ok(Self { name: name.to_owned(), port: port.to_owned() })
    }
}

/// The file of names of this user, if the system has a data folder.
pub(super) fn of_user() -> Option<PathBuf> {
    Some(data_folder()?.join("bendrack").join("devices.json"))
}

/// Vendor and product of a USB device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UsbId {
    pub(super) vid: u16,
    pub(super) pid: u16,
}

/// The names of all devices. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct DeviceNames(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// From flags; they come before those of the window.
    flags: Vec<GivenName>,
    stored: Stored,
    file: Option<PathBuf>,
    saving: Saving,
    /// The devices that the patch describes.
    wanted: Vec<(Arc<str>, Device)>,
    /// The ports that are connected, with the vendor and product of USB.
    ports: BTreeMap<Arc<str>, Option<UsbId>>,
    /// The ports of boards that gave themselves a name.
    greeted: BTreeMap<Arc<str>, Arc<str>>,
    /// The name of each port so far; empty after a change.
    known: BTreeMap<Arc<str>, Arc<str>>,
}

/// The state of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Saving {
    /// It has all names, or there is none.
    #[default]
    Saved,
    /// A thread writes it.
    Writing,
    /// A thread writes it, and names have changed since it began.
    Changed,
}

/// Content of the file.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
struct Stored {
    #[serde(rename = "bendrack-devices")]
    version: u64,
    /// Names that a person gave.
    names: Vec<GivenName>,
    /// Ports of the same system name, by their socket.
    sockets: Vec<SocketName>,
}

/// A USB socket in which a port was seen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct SocketName {
    /// The name of the system.
    system: String,
    /// The socket, such as `usb 1-2.3`.
    usb: String,
    /// The name of the port.
    port: String,
}

impl DeviceNames {
    /// Names from flags and from a file. An unreadable file gives no names, and a warning.
    pub fn open(flags: &[GivenName], file: Option<PathBuf>) -> Self {
        let stored = file.as_deref().map_or_else(|| Ok(Stored::default()), read).unwrap_or_else(|error| {
            let path = file.as_deref().unwrap_or(Path::new("")).display();
            terminal::print_error(format_args!(
                "warning: {path}: {error}; devices have the names of the system: name them again in the window, or by --device"
            ));
            Stored::default()
        });
        Self(Arc::new(Mutex::new(State { flags: flags.to_vec(), stored, file, ..State::default() })))
    }

    /// The name of a port for patches: the given one, that of the patch for the only port that fits, or its own.
    pub fn of(&self, port: &Arc<str>) -> Arc<str> {
        let mut state = self.locked();
        if let Some(name) = state.known.get(port) {
            return name.clone();
        }
        let name = state.name_of(port);
        if state.known.len() < MOST {
            state.known.insert(port.clone(), name.clone());
        }
        name
    }

    /// Gives a port a name, or takes it away, and writes the file in the background.
    pub fn give(&self, port: &str, name: Option<&str>) {
        self.set_given(port, name);
        self.save();
    }

    fn set_given(&self, port: &str, name: Option<&str>) {
        let mut state = self.locked();
        state.stored.names.retain(|given| given.port != port && Some(&*given.name) != name);
        if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty())
            && state.stored.names.len() < MOST
        {
            state.stored.names.push(GivenName { name: name.to_owned(), port: port.to_owned() });
        }
        state.known.clear();
    }

    /// Takes over the descriptions of a patch's devices.
    pub fn set_wanted(&self, devices: &BTreeMap<String, Device>) {
        let mut state = self.locked();
        state.wanted = devices.iter().map(|(name, device)| (name.as_str().into(), device.clone())).collect();
        state.known.clear();
    }

    /// Marks a port as connected.
    pub(super) fn connect(&self, port: &str, usb: Option<UsbId>) {
        let mut state = self.locked();
        if state.ports.insert(port.into(), usb) != Some(usb) {
            state.known.clear();
        }
    }

    /// Marks a port as gone.
    pub(super) fn disconnect(&self, port: &str) {
        let mut state = self.locked();
        if state.ports.remove(port).is_some() {
            state.known.clear();
        }
    }

    /// Notes the name that the board on a port gave itself. A name that a person gave to the port counts more.
    pub(super) fn greet(&self, name: &Arc<str>, port: &Arc<str>) {
        let mut state = self.locked();
        if state.greeted.len() < MOST {
            state.greeted.insert(name.clone(), port.clone());
        }
        state.known.clear();
    }

    /// The name of a port with this name of the system in this USB socket; `taken` has the names of the others. The first port of a
    /// name has no number, and each keeps its name.
    pub(super) fn port_name(&self, system: &str, socket: Option<&str>, taken: impl Fn(&str) -> bool) -> String {
        let mut state = self.locked();
        let sockets = &state.stored.sockets;
        let own = socket.and_then(|socket| sockets.iter().find(|known| known.system == system && known.usb == socket));
        if let Some(own) = own.filter(|own| !taken(&own.port)) {
            return own.port.clone();
        }
        let numbered = (2..).map(|number| format!("{system} ({number})"));
        let is_free =
            |name: &String| !taken(name) && (socket.is_none() || !sockets.iter().any(|known| known.port == *name));
        let name =
            std::iter::once(system.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| system.to_owned());
        if let Some(socket) = socket {
            if state.stored.sockets.len() == MOST {
                state.stored.sockets.remove(0);
            }
            let [system, usb, port] = [system, socket, &name].map(str::to_owned);
            state.stored.sockets.push(SocketName { system, usb, port });
            drop(state);
            self.save();
        }
        name
    }

    /// Writes the file in the background. One thread writes at a time, and goes on until the file has the latest names.
    fn save(&self) {
        let mut state = self.locked();
        let Some(file) = state.file.clone() else { return };
        if std::mem::replace(&mut state.saving, Saving::Changed) != Saving::Saved {
            return;
        }
        let names = self.clone();
        let begun = std::thread::Builder::new().name("names".into()).spawn(move || {
            while let Some(stored) = names.to_write() {
                if let Err(error) = write(&file, &stored) {
                    warn_unsaved(&file, &error);
                }
            }
        });
        if let Err(error) = begun {
            state.saving = Saving::Saved;
            warn_unsaved(state.file.as_deref().unwrap_or(Path::new("")), &error);
        }
    }

    /// The content that the thread writes next; none if the file has it.
    fn to_write(&self) -> Option<Stored> {
        let mut state = self.locked();
        state.saving = if state.saving == Saving::Changed { Saving::Writing } else { Saving::Saved };
        let Stored { names, sockets, .. } = &state.stored;
        let stored = || Stored { version: VERSION, names: names.clone(), sockets: sockets.clone() };
        (state.saving == Saving::Writing).then(stored)
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Each change leaves the names consistent, so a thread that panicked left valid ones.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn name_of(&self, port: &Arc<str>) -> Arc<str> {
        let name = self.renamed(port);
        let greeted = || self.greeted.get(port).and_then(|port| self.renamed(port));
        name.or_else(greeted).unwrap_or_else(|| port.clone())
    }

    /// The name that a person or the patch gives to a port.
    fn renamed(&self, port: &Arc<str>) -> Option<Arc<str>> {
        let given = || self.flags.iter().chain(&self.stored.names);
        let exact = given().find(|given| given.port == **port);
        // Of several, the one with the longest text means this port most.
        let fitting = || given().filter(|given| given.fits(port)).rev().max_by_key(|given| given.port.len());
        if let Some(given) = exact.or_else(fitting) {
            return Some(given.name.as_str().into());
        }
        let fits = |device: &Device, port: &str| {
            let is_input = matches!(device.kind, DeviceKind::MidiIn | DeviceKind::Serial);
            let usb = self.ports.get(port).copied().flatten();
            let name = port.to_lowercase();
            let is_hex = |text: &str, id: fn(UsbId) -> u16| {
                usb.is_some_and(|usb| u16::from_str_radix(text.trim_start_matches("0x"), 16) == Ok(id(usb)))
            };
            is_input
                && !device.known_by.is_empty()
                && device.known_by.iter().all(|(key, text)| match key.as_str() {
                    "vid" => is_hex(text, |usb| usb.vid),
                    "pid" => is_hex(text, |usb| usb.pid),
                    _ => name.contains(&text.to_lowercase()),
                })
        };
        let is_only = |device: &Device| self.ports.keys().filter(|other| fits(device, other)).count() <= 1;
        let wanted = self.wanted.iter().find(|(_, device)| fits(device, port) && is_only(device));
        wanted.map(|(name, _)| name.clone())
    }
}

fn warn_unsaved(file: &Path, error: &io::Error) {
    let path = file.display();
    terminal::print_error(format_args!(
        "warning: {path}: {error}; the names of devices are lost at the end: make the folder writable"
    ));
}

fn read(file: &Path) -> io::Result<Stored> {
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::default()),
        Ok(meta) if meta.len() > MAX_BYTES => return Err(io::Error::other("the file is too long")),
        meta => _ = meta?,
    }
    let mut stored: Stored = serde_json::from_slice(&files::read(file)?)?;
    if stored.version != VERSION {
        let why = format!("a file of version {}; this bendrack reads version {VERSION}", stored.version);
        return Err(io::Error::other(why));
    }
    stored.names.truncate(MOST);
    stored.sockets.truncate(MOST);
    Ok(stored)
}

fn write(file: &Path, stored: &Stored) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    disk::replace(file, &serde_json::to_vec_pretty(stored)?)
}

/// The USB socket of an ALSA port, by the numbers at the end of its full name (`nanoKONTROL2 MIDI 1 20:0`); none for ports of
/// programs, and on other systems.
pub(super) fn alsa_socket(full: &str, sys: &Path) -> Option<String> {
    let (_, address) = full.rsplit_once(' ')?;
    let client: u32 = address.split_once(':')?.0.parse().ok()?;
    // Clients of cards have four numbers each, from 16 on.
    let card = client.checked_sub(16)? / 4;
    let device = fs::canonicalize(sys.join(format!("class/sound/card{card}/device"))).ok()?;
    // The folder of the interface, such as 1-2.3:1.0, lies in that of the socket.
    let interface = device.file_name()?.to_str()?;
    let socket = interface.split_once(':')?.0;
    Some(format!("usb {socket}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str) -> Arc<str> {
        name.into()
    }

    /// True if a condition holds within this time.
    fn within_secs(secs: u64, holds: impl Fn() -> bool) -> bool {
        let begin = std::time::Instant::now();
        while !holds() && begin.elapsed().as_secs() < secs {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        holds()
    }

    fn names(flags: &[&str]) -> DeviceNames {
        let flags: Vec<GivenName> = flags.iter().map(|flag| flag.parse().expect("a name")).collect();
        DeviceNames::open(&flags, None)
    }

    fn wanted(text: &str) -> BTreeMap<String, Device> {
        serde_json::from_str(text).expect("devices")
    }

    #[test]
    fn a_given_name_stands_for_the_port_with_its_text() {
        let names = names(&["pads=launch", "box = nanoKONTROL2 (2)"]);
        let of = |name: &str| names.of(&port(name)).to_string();
        assert_eq!(["Launchpad Mini", "nanoKONTROL2", "nanoKONTROL2 (2)"].map(of), ["pads", "nanoKONTROL2", "box"]);
        names.give("nanoKONTROL2", Some("left"));
        assert_eq!(of("nanoKONTROL2"), "left");
        names.give("nanoKONTROL2", None);
        assert_eq!(of("nanoKONTROL2"), "nanoKONTROL2");
        assert!("pads".parse::<GivenName>().is_err() && "=x".parse::<GivenName>().is_err());
    }

    #[test]
    fn two_ports_of_one_kind_are_told_apart_by_their_words() {
        let names = names(&["left=nanoKONTROL2", "right=nanoKONTROL2 (2)"]);
        let of = |name: &str| names.of(&port(name)).to_string();
        let ports = ["nanoKONTROL2:nanoKONTROL2 MIDI 1", "nanoKONTROL2:nanoKONTROL2 MIDI 1 (2)"];
        assert_eq!(ports.map(of), ["left", "right"]);
    }

    #[test]
    fn a_board_that_gives_itself_a_name_keeps_that_of_its_port() {
        let names = names(&["lamp=CP2102 0001"]);
        let of = |name: &str| names.of(&port(name)).to_string();
        names.greet(&port("bendrack"), &port("CP2102 USB to UART 0001"));
        assert_eq!(of("bendrack"), "lamp");
        names.greet(&port("other"), &port("CP2102 USB to UART 0002"));
        assert_eq!(of("other"), "other");
    }

    #[test]
    fn a_patch_names_the_only_board_with_these_numbers_of_usb() {
        let names = names(&[]);
        names.set_wanted(&wanted(r#"{ "board": { "kind": "serial", "match": { "vid": "10c4", "pid": "EA60" } } }"#));
        names.connect("one", Some(UsbId { vid: 0x10C4, pid: 0xEA60 }));
        names.connect("other", Some(UsbId { vid: 0x10C4, pid: 1 }));
        assert_eq!((&*names.of(&port("one")), &*names.of(&port("other"))), ("board", "other"));
        names.connect("two", Some(UsbId { vid: 0x10C4, pid: 0xEA60 }));
        assert_eq!(&*names.of(&port("one")), "one", "two fit");
    }

    #[test]
    fn a_patch_names_the_only_port_that_fits() {
        let names = names(&[]);
        names.set_wanted(&wanted(
            r#"{ "faders": { "kind": "midi_in", "match": { "name": "nano" } }, "any": { "kind": "midi_in" } }"#,
        ));
        names.connect("nanoKONTROL2", None);
        names.connect("Launchpad", None);
        assert_eq!((&*names.of(&port("nanoKONTROL2")), &*names.of(&port("Launchpad"))), ("faders", "Launchpad"));
        names.connect("nanoKEY", None);
        assert_eq!(&*names.of(&port("nanoKONTROL2")), "nanoKONTROL2", "two fit");
        names.disconnect("nanoKEY");
        assert_eq!(&*names.of(&port("nanoKONTROL2")), "faders");
    }

    #[test]
    fn ports_of_one_name_keep_their_names_in_any_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("devices.json");
        let plug = |names: &DeviceNames, sockets: &[&str]| -> Vec<String> {
            let mut taken = Vec::new();
            for socket in sockets {
                let name = names.port_name("nano", Some(socket), |name| taken.iter().any(|known| known == name));
                taken.push(name);
            }
            taken
        };
        let names = DeviceNames::open(&[], Some(file.clone()));
        assert_eq!(plug(&names, &["usb 1-1"]), ["nano"]);
        assert_eq!(plug(&names, &["usb 1-2", "usb 1-1"]), ["nano (2)", "nano"]);
        assert_eq!(plug(&names, &["usb 1-2"]), ["nano (2)"], "the first is unplugged");
        let written = || read(&file).map_or(0, |stored| stored.sockets.len());
        assert!(within_secs(20, || written() == 2), "{} of 2 sockets are in the file", written());
        let later = DeviceNames::open(&[], Some(file));
        assert_eq!(plug(&later, &["usb 1-2", "usb 1-1"]), ["nano (2)", "nano"], "in the next run");
        // Without a socket, the order decides.
        let mut taken: Vec<String> = Vec::new();
        for expected in ["synth", "synth (2)"] {
            let name = names.port_name("synth", None, |name| taken.iter().any(|known| known == name));
            assert_eq!(name, expected);
            taken.push(name);
        }
    }

    /// Many changes in a row: the file has the last of them.
    #[test]
    fn the_file_has_the_latest_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("devices.json");
        let names = DeviceNames::open(&[], Some(file.clone()));
        for round in 0..50 {
            names.give("nano", Some(&format!("pads {round}")));
        }
        let is_saved = || names.locked().saving == Saving::Saved;
        assert!(within_secs(20, is_saved), "the thread ends");
        let stored = read(&file).expect("names");
        assert_eq!(stored.names, [GivenName { name: "pads 49".into(), port: "nano".into() }]);
    }

    #[test]
    fn a_file_that_cannot_be_read_gives_no_names_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("devices.json");
        for text in ["", "{}", r#"{"bendrack-devices":2,"names":[],"sockets":[]}"#] {
            fs::write(&file, text).expect("a file");
            let names = DeviceNames::open(&[], Some(file.clone()));
            assert_eq!(&*names.of(&port("nano")), "nano");
            assert_eq!(fs::read_to_string(&file).expect("a file"), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_usb_socket_of_an_alsa_port_is_found() {
        let sys = tempfile::tempdir().expect("a folder");
        let device = sys.path().join("devices/usb1/1-2/1-2.3/1-2.3:1.0");
        let card = sys.path().join("class/sound/card1");
        fs::create_dir_all(&device).and_then(|()| fs::create_dir_all(&card)).expect("folders");
        std::os::unix::fs::symlink(&device, card.join("device")).expect("a link");
        let socket = |full: &str| alsa_socket(full, sys.path());
        assert_eq!(socket("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0").as_deref(), Some("usb 1-2.3"));
        assert_eq!(socket("nanoKONTROL2 24:0"), None, "another card");
        assert_eq!((socket("Midi Through 14:0"), socket("system:capture"), socket("x 1:y")), (None, None, None));
    }
}
