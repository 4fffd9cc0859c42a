//! UDP sockets: a receiver that counts its losses, and a sender.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::SockRef;

/// Bytes of the receive buffer that the system is asked for: about a second of ten thousand packets.
const BUFFER: usize = 8 << 20;
/// The smallest receive buffer without advice.
const SMALL_BUFFER: usize = 2 << 20;

/// A socket that receives at an address.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: UdpSocket,
    losses: Losses,
}

impl Receiver {
    /// Opens an address. [`Receiver::recv`] then waits for this time at most.
    pub(super) fn open(address: SocketAddr, wait: Duration) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(wait))?;
        // A system that refuses the size gives what it allows, or keeps its own.
        let _ = SockRef::from(&socket).set_recv_buffer_size(BUFFER);
        Ok(Self { socket, losses: Losses::default() })
    }

    /// Receives a packet: its size and its sender.
    pub(super) fn recv(&self, packet: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(packet)
    }

    /// Advice for a receive buffer that is smaller than the one that was asked for.
    pub(super) fn advice(&self) -> Option<String> {
        let size = SockRef::from(&self.socket).recv_buffer_size().ok()?;
        // Linux reports twice the size, for its own bookkeeping.
        advice(if cfg!(target_os = "linux") { size / 2 } else { size })
    }

    /// The packets that the system dropped since the last call. None if it does not count them.
    pub(super) fn lost(&mut self) -> Option<u64> {
        Some(self.losses.since_last(dropped(&self.socket)?))
    }
}

/// Advice for a receive buffer of this many bytes.
fn advice(size: usize) -> Option<String> {
    if size >= SMALL_BUFFER {
        return None;
    }
    let next_step = if cfg!(target_os = "linux") {
        format!("; allow more with sudo sysctl -w net.core.rmem_max={BUFFER}, then restart bendrack")
    } else {
        String::new()
    };
    Some(format!("the system's receive buffer has {} KiB, and a burst of packets may be lost{next_step}", size / 1024))
}

/// The system's count of dropped packets, which begins again after 2³² − 1.
#[derive(Debug, Default)]
struct Losses(u32);

impl Losses {
    fn since_last(&mut self, count: u32) -> u64 {
        u64::from(count.wrapping_sub(std::mem::replace(&mut self.0, count)))
    }
}

/// The packets that the system dropped at a socket since it was opened.
#[cfg(target_os = "linux")]
fn dropped(socket: &UdpSocket) -> Option<u32> {
    use std::os::fd::AsRawFd as _;

    /// The place of the count in the answer: `SK_MEMINFO_DROPS` of `linux/sock_diag.h`.
    const DROPS: usize = 8;
    let mut answer = [0_u32; DROPS + 1];
    let mut size = size_of_val(&answer) as libc::socklen_t;
    let data = answer.as_mut_ptr().cast();
    // SAFETY: the socket is open, `data` points to `size` bytes, and the system writes at most `size` bytes.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, data, &raw mut size) };
    // Before Linux 4.12 the call fails.
    (result == 0 && size as usize == size_of_val(&answer)).then_some(answer[DROPS])
}

/// None: only Linux counts them.
#[cfg(not(target_os = "linux"))]
fn dropped(_: &UdpSocket) -> Option<u32> {
    None
}

/// Opens a socket that sends to an address, which may be a broadcast address. Sending does not wait.
pub(super) fn sender(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_broadcast(true)?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// True if packets to the address of a sender leave from another address than its own: the network changed.
pub(super) fn is_outdated(sender: &UdpSocket) -> bool {
    let (Ok(to), Ok(from)) = (sender.peer_addr(), sender.local_addr()) else { return true };
    // Without a route there is nothing to change to.
    self::sender(to).and_then(|other| other.local_addr()).is_ok_and(|other| other.ip() != from.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_buffer_has_advice_and_a_large_one_none() {
        assert_eq!((advice(BUFFER), advice(SMALL_BUFFER)), (None, None));
        let text = advice(208 << 10).expect("advice");
        assert!(text.contains("208 KiB"), "{text}");
        assert_eq!(text.contains("net.core.rmem_max"), cfg!(target_os = "linux"), "{text}");
    }

    #[test]
    fn losses_are_counted_across_the_end_of_the_systems_count() {
        let mut losses = Losses::default();
        assert_eq!([3, 3, u32::MAX, 4].map(|count| losses.since_last(count)), [3, 0, u64::from(u32::MAX) - 3, 5]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_packet_that_does_not_fit_is_counted() {
        let mut receiver = Receiver::open((Ipv4Addr::LOCALHOST, 0).into(), Duration::from_millis(1)).expect("a port");
        SockRef::from(&receiver.socket).set_recv_buffer_size(1).expect("a size");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let to = receiver.socket.local_addr().expect("an address");
        let sent = 500_u64;
        (0..sent).for_each(|_| _ = sender.send_to(&[0; 100], to).expect("it is sent"));
        let (mut packet, mut arrived) = ([0; 200], 0);
        while receiver.recv(&mut packet).is_ok() {
            arrived += 1;
        }
        let lost = receiver.lost().expect("Linux counts");
        assert!(lost > 0 && arrived > 0);
        assert_eq!((arrived + lost, receiver.lost()), (sent, Some(0)));
    }

    #[test]
    fn a_sender_reaches_a_broadcast_address_and_notices_no_change_without_one() {
        for address in ["127.0.0.1:9", "127.255.255.255:9"] {
            let sender = sender(address.parse().expect("an address")).expect("a socket");
            assert!(sender.send(b"x").is_ok(), "{address}");
            assert!(!is_outdated(&sender), "{address}");
        }
    }
}
