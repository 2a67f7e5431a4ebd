//! The stream under one HTTP/1 connection, with every wait bounded.
//!
//! hyper's own header timeout makes a timer for each request and counts the pause between two requests as
//! part of the second one. Here one timer serves the whole life of a connection: it is moved only when it
//! fires too early, and it knows three phases:
//!
//! ```text
//! Idle --first byte--> Head --head complete--> Busy --answer made--> Idle
//!   |                    |                       |
//!   idle timeout: close  header timeout: 408     (the server loop's deadline)
//! ```
//!
//! A write that makes no progress is bounded too. Closing is gentle: after the last answer, what the client
//! still sends is read and dropped for a moment. Without that the system would reset the connection, and a
//! refusal (413 in the middle of a large body) would be lost on its way.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, sleep_until},
};

const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The answer to a head that takes too long; there is no request yet that a router could answer.
const HEAD_TIMEOUT_ANSWER: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: application/json; charset=utf-8\r\ncontent-length: 103\r\nconnection: close\r\n\r\n\
    {\"error\":{\"code\":\"invalidRequest\",\"message\":\"the head of the request was not complete in time; retry\"}}";

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Between requests.
    Idle = 0,
    /// Part of a head has come.
    Head = 1,
    /// A request is being answered.
    Busy = 2,
    /// The connection is to break without a word; only a fault asks for that.
    Cut = 3,
}

/// The phase, shared by the stream and the server loop.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedPhase(Arc<AtomicU8>);

impl SharedPhase {
    pub(super) fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    fn get(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            3 => Phase::Cut,
            _ => Phase::Busy,
        }
    }
}

/// A body that keeps its connection busy until it ends, or is dropped.
pub(super) struct BusyBody {
    body: Body,
    phase: SharedPhase,
}

impl BusyBody {
    pub(super) fn new(body: Body, phase: SharedPhase) -> Self {
        Self { body, phase }
    }
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

impl Drop for BusyBody {
    fn drop(&mut self) {
        if self.phase.get() != Phase::Cut {
            self.phase.set(Phase::Idle);
        }
    }
}

/// How long each wait may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) idle: Duration,
    pub(super) head: Duration,
    pub(super) write: Duration,
}

/// A socket with every wait bounded.
#[derive(Debug)]
pub(super) struct BoundedStream {
    socket: TcpStream,
    phase: SharedPhase,
    timeouts: Timeouts,
    /// The phase that is waited in, and until when.
    waiting: Option<(Phase, Instant)>,
    read_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl BoundedStream {
    pub(super) fn new(socket: TcpStream, phase: SharedPhase, timeouts: Timeouts) -> Self {
        Self { socket, phase, timeouts, waiting: None, read_timer: None, write_timer: None, linger: None }
    }

    fn note_bytes(&mut self) {
        match self.phase.get() {
            Phase::Idle => {
                self.phase.set(Phase::Head);
                self.waiting = None;
            }
            // More of the same head: its deadline stands.
            Phase::Head => (),
            Phase::Busy | Phase::Cut => self.waiting = None,
        }
    }

    /// Waits for bytes. Ready when the phase has lasted too long.
    fn poll_read_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.get();
        let limit = match phase {
            Phase::Idle => self.timeouts.idle,
            Phase::Head => self.timeouts.head,
            Phase::Busy | Phase::Cut => return Poll::Pending,
        };
        let deadline = match self.waiting {
            Some((waiting, deadline)) if waiting == phase => deadline,
            _ => Instant::now() + limit,
        };
        self.waiting = Some((phase, deadline));
        let timer = self.read_timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                break;
            }
            timer.as_mut().reset(deadline);
        }
        if phase == Phase::Idle {
            // No bytes means the end: the connection closes without an error.
            return Poll::Ready(Ok(()));
        }
        // Best effort: the socket is about to be closed whether the answer fits or not.
        let _ = self.socket.try_write(HEAD_TIMEOUT_ANSWER);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn bound_write<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.write_timer = None;
            return outcome;
        }
        let limit = self.timeouts.write;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads and drops what still comes, until the client closes, the time is up or it is too much.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 16 * 1024];
        let Some((timer, bytes)) = &mut self.linger else { return Poll::Ready(Ok(())) };
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Pending => return timer.as_mut().poll(cx).map(Ok),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => *bytes += buffer.filled().len(),
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
            }
            if *bytes > LINGER_BYTES_MAX {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Drop for BoundedStream {
    fn drop(&mut self) {
        if self.phase.get() == Phase::Cut {
            // Closing is a reset then; where that cannot be had, the end of the stream comes too early all the same.
            let _ = self.socket.set_zero_linger();
        }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.socket).poll_read(cx, buffer) {
            Poll::Ready(outcome) => {
                if buffer.filled().len() > before {
                    self.note_bytes();
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => self.poll_read_timeout(cx),
        }
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.bound_write(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.bound_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        // hyper does not read again after an answer until something wakes it: the timer must be the one to.
        if self.phase.get() == Phase::Idle && self.waiting.is_none_or(|(phase, _)| phase != Phase::Idle) {
            let _ = self.poll_read_timeout(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            self.linger = Some((Box::pin(sleep(LINGER)), 0));
        }
        self.poll_linger(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::HEAD_TIMEOUT_ANSWER;

    #[test]
    fn the_fixed_answer_announces_its_own_length() {
        let text = std::str::from_utf8(HEAD_TIMEOUT_ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();

        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
