//! A connection that does not wait for a client who does not read.
//!
//! Invariants:
//! - while what was written waits for the client, nothing more is read from it: answers don't pile up in memory;
//! - while more than its share of what it asked for waits in memory ([`super::load`]), nothing more is read from it either;
//! - if the client takes nothing for the stall time, the connection fails;
//! - what is held with the connection (its place, its count) lives as long as it, also after an upgrade to WebSocket.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::load::Load;

/// How long until a connection that asked for too much is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How much is read from a connection before others have a turn.
const TURN_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Guarded<H> {
    stream: TcpStream,
    stall_time: Duration,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Who wanted to read meanwhile.
    reader: Option<Waker>,
    load: Arc<Load>,
    /// Runs while the load is full.
    look_again: Option<Pin<Box<Sleep>>>,
    /// Bytes read since others had a turn.
    in_turn: usize,
    _held: H,
}

impl<H> Guarded<H> {
    pub(super) fn new(stream: TcpStream, stall_time: Duration, load: Arc<Load>, held: H) -> Self {
        Self {
            stream,
            stall_time,
            stalled: None,
            reader: None,
            load,
            look_again: None,
            in_turn: 0,
            _held: held,
        }
    }

    fn wrote<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stalled = None;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
            return done;
        }
        let stall_time = self.stall_time;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall_time)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => {
                if let Some(reader) = self.reader.take() {
                    reader.wake();
                }
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<H: Unpin> AsyncRead for Guarded<H> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(stalled) = &this.stalled {
            if stalled.is_elapsed() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if this.in_turn >= TURN_BYTES {
            // What came is weighed by tasks that run when this one does not.
            this.in_turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while this.load.is_full() {
            let look_again = this.look_again.get_or_insert_with(|| Box::pin(sleep(LOOK_AGAIN)));
            ready!(look_again.as_mut().poll(cx));
            this.look_again = None;
        }
        let before = buffer.filled().len();
        let done = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        this.in_turn = this.in_turn.saturating_add(read);
        done
    }
}

impl<H: Unpin> AsyncWrite for Guarded<H> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(cx, done)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket has nothing of its own to flush.
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.wrote(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
