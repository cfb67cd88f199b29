//! What the kernel knows of a connection: `TCP_INFO`, with the newer fields that the C library's struct lacks on some
//! systems.

use std::{
    mem::offset_of,
    os::fd::{AsFd, AsRawFd as _},
};

/// `struct tcp_info` of Linux 4.9 and newer, `include/uapi/linux/tcp.h`, as far as it is used. The kernel fills in as much
/// as it has and says how much that was.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Raw {
    states_and_flags: [u8; 8],
    rto_ato: [u32; 2],
    snd_mss: u32,
    rcv_mss: u32,
    unacked: u32,
    sacked_to_fackets: [u32; 4],
    last_times: [u32; 4],
    pmtu_and_rcv_ssthresh: [u32; 2],
    rtt_us: u32,
    rttvar_to_reordering: [u32; 5],
    rcv_rtt_and_space: [u32; 2],
    total_retrans: u32,
    pacing_rates: [u64; 2],
    bytes_acked: u64,
    bytes_received: u64,
    segments: [u32; 2],
    notsent_bytes: u32,
    min_rtt_us: u32,
    data_segments: [u32; 2],
    delivery_rate: u64,
}

/// The state of a connection's sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TcpInfo {
    /// Bytes the peer has acknowledged since the connection began.
    pub(crate) acked_bytes: u64,
    /// Bytes on their way, to the next whole segment.
    pub(crate) unacked_bytes: u64,
    /// Bytes taken and not sent yet.
    pub(crate) notsent_bytes: u64,
    /// Round-trip time, smoothed.
    pub(crate) rtt_us: u32,
    /// The shortest of the last minutes.
    pub(crate) min_rtt_us: u32,
    /// What arrived lately, bytes per second; too low where there was nothing more to send.
    pub(crate) delivery_rate: u64,
}

/// Asks the kernel; `None` where it does not know all of it, or this is no TCP.
#[expect(
    unsafe_code,
    reason = "no crate in use has this option with these fields"
)]
pub(crate) fn tcp_info(socket: &impl AsFd) -> Option<TcpInfo> {
    let mut raw = Raw::default();
    let mut len = libc::socklen_t::try_from(size_of::<Raw>()).ok()?;
    // SAFETY: the descriptor is borrowed for the call; the kernel writes at most `len` bytes into `raw`, which is so large
    // and consists of integers, for which any bits are a value.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut raw).cast(),
            &raw mut len,
        )
    };
    let needed = offset_of!(Raw, delivery_rate) + size_of::<u64>();
    if result != 0 || usize::try_from(len).ok()? < needed {
        return None;
    }
    Some(TcpInfo {
        acked_bytes: raw.bytes_acked,
        unacked_bytes: u64::from(raw.unacked) * u64::from(raw.snd_mss),
        notsent_bytes: raw.notsent_bytes.into(),
        rtt_us: raw.rtt_us,
        // Without a sample it is all ones.
        min_rtt_us: raw.min_rtt_us.min(raw.rtt_us),
        delivery_rate: raw.delivery_rate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
    };

    #[test]
    fn the_kernel_counts_what_was_sent_and_what_waits() {
        assert_eq!(size_of::<Raw>(), 168, "as the kernel lays it out");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let before = tcp_info(&near).unwrap();
        near.write_all(&[7; 10_000]).unwrap();
        far.read_exact(&mut [0; 10_000]).unwrap();
        // The acknowledgement may come a little later.
        let after = std::iter::repeat_with(|| tcp_info(&near).unwrap())
            .find(|info| info.unacked_bytes == 0)
            .unwrap();
        assert_eq!(after.acked_bytes - before.acked_bytes, 10_000);
        assert!(after.rtt_us > 0 && after.min_rtt_us <= after.rtt_us);
        // A peer that does not read: the rest waits here.
        near.set_nonblocking(true).unwrap();
        while near.write(&[7; 10_000]).is_ok() {}
        assert!(tcp_info(&near).unwrap().notsent_bytes > 0);
        assert_eq!(tcp_info(&std::fs::File::open("/dev/null").unwrap()), None);
    }
}
