//! Options and timed reads of the sockets of the mesh.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use super::config::MeshTiming;

/// How long a control message may wait for room in the socket's buffer. They are tiny: only a peer that has stopped
/// reading for long makes one wait.
const CONTROL_WRITE_TIMEOUT: Duration = Duration::from_millis(200);

/// Sets what both kinds of connections need. Heartbeats find a lost peer first; keep-alive and the user timeout are
/// there so that the kernel never holds a dead connection for hours.
fn tune(stream: &TcpStream, timing: &MeshTiming) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let probe = timing.heartbeat_timeout.max(Duration::from_secs(1));
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(probe).with_interval(probe))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(3 * probe))?;
    Ok(())
}

/// Prepares a connection that timely's threads will block on.
pub(super) fn tune_data(stream: &TcpStream, timing: &MeshTiming) -> io::Result<()> {
    tune(stream, timing)?;
    stream.set_read_timeout(None)?;
    stream.set_write_timeout(None)
}

/// Prepares a connection on which the silence of the peer is noticed.
///
/// The timeout is the kernel's: it ends a read only when nothing has arrived, so a process that was stopped itself
/// does not accuse its peers when it goes on.
pub(super) fn tune_control(stream: &TcpStream, timing: &MeshTiming) -> io::Result<()> {
    tune(stream, timing)?;
    stream.set_read_timeout(Some(timing.heartbeat_timeout))?;
    stream.set_write_timeout(Some(CONTROL_WRITE_TIMEOUT))
}

/// Fills `buffer`, giving up at `deadline` however slowly bytes drip in.
pub(super) fn read_before(mut stream: &TcpStream, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => buffer = buffer.get_mut(read..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {},
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a read ended because nothing came in time; the kind differs by platform.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
