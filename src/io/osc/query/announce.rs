//! The announcement of OSCQuery in the local network, by DNS-SD over multicast DNS.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::SocketAddr;

use mdns_sd::{Error, ServiceDaemon, ServiceInfo};

use crate::io::osc::OscPort;

/// The kinds of service: the tree over HTTP, and the port of OSC.
const QUERY: &str = "_oscjson._tcp.local.";
const OSC: [&str; 2] = ["_osc._udp.local.", "_osc._tcp.local."];

/// An announcement, which ends when dropped.
pub(super) struct Announcement {
    daemon: ServiceDaemon,
    names: Vec<String>,
}

impl Announcement {
    /// Announces the address of HTTP and the port of OSC, under a name of this run. An address of this machine alone is not
    /// announced.
    ///
    /// # Errors
    ///
    /// Fails if the system has no sockets for it.
    pub(super) fn new(http: SocketAddr, osc: Option<OscPort>) -> Result<Option<Self>, Error> {
        if http.ip().is_loopback() {
            return Ok(None);
        }
        // Two of these programs in a network have two names.
        let mark = RandomState::new().build_hasher().finish() as u16;
        let (name, host) = (format!("bendrack {mark:04x}"), format!("bendrack-{mark:04x}.local."));
        let daemon = ServiceDaemon::new()?;
        let mut this = Self { daemon, names: Vec::new() };
        this.register(QUERY, &name, &host, http)?;
        if let Some(osc) = osc.filter(|osc| !osc.address.ip().is_loopback()) {
            this.register(OSC[usize::from(osc.is_tcp)], &name, &host, osc.address)?;
        }
        Ok(Some(this))
    }

    fn register(&mut self, kind: &str, name: &str, host: &str, address: SocketAddr) -> Result<(), Error> {
        let no_properties: &[(&str, &str)] = &[("txtvers", "1")];
        let service = if address.ip().is_unspecified() {
            ServiceInfo::new(kind, name, host, "", address.port(), no_properties)?.enable_addr_auto()
        } else {
            ServiceInfo::new(kind, name, host, address.ip(), address.port(), no_properties)?
        };
        self.names.push(service.get_fullname().to_owned());
        self.daemon.register(service)
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Others forget it after a while, whether or not this arrives.
        for name in &self.names {
            let _ = self.daemon.unregister(name);
        }
        let _ = self.daemon.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use mdns_sd::ServiceEvent;

    use super::*;

    #[test]
    fn this_machine_alone_is_not_announced() {
        assert!(Announcement::new(([127, 0, 0, 1], 9001).into(), None).expect("nothing").is_none());
    }

    #[test]
    fn another_program_finds_the_port() {
        let Some(local) = crate::io::osc::local_address() else {
            return eprintln!("skipped: this machine has no network");
        };
        let (http, osc) = (SocketAddr::new(local, 59_001), SocketAddr::new(local, 59_000));
        let announcement = Announcement::new(http, Some(osc.into())).expect("sockets").expect("an announcement");
        let other = ServiceDaemon::new().expect("sockets");
        let found = other.browse(QUERY).expect("a search");
        let begin = Instant::now();
        let port = loop {
            let left = Duration::from_secs(10).saturating_sub(begin.elapsed());
            let Ok(event) = found.recv_timeout(left) else {
                return eprintln!("skipped: this network carries no multicast");
            };
            if let ServiceEvent::ServiceResolved(service) = event
                && service.get_fullname() == announcement.names[0]
            {
                break service.get_port();
            }
        };
        assert_eq!(port, 59_001);
        assert_eq!(announcement.names.len(), 2);
    }
}
