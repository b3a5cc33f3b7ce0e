//! A socket of the loop: reads and writes it, and waits for it.

use super::Reactor;
use crate::bell::Bell;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};
use std::cell::Cell;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;

/// What the kernel has said of a socket, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct Source {
    read: Bell,
    write: Bell,
    /// The peer sends nothing more, or the connection is broken. The end that a reader then finds
    /// is not told again.
    has_ended: Cell<bool>,
}

/// What is always told of a socket.
pub(super) const READ: EventFlags = EventFlags::IN
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);

/// What is told once a writer has had to wait.
const WRITE: EventFlags = READ.union(EventFlags::OUT);

impl Source {
    /// Hears what the kernel says.
    pub(super) fn tell(&self, flags: EventFlags) {
        let is_broken = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        if is_broken || flags.contains(EventFlags::RDHUP) {
            self.has_ended.set(true);
        }
        if is_broken || flags.intersects(EventFlags::IN | EventFlags::RDHUP) {
            self.read.ring();
        }
        if is_broken || flags.contains(EventFlags::OUT) {
            self.write.ring();
        }
    }

    /// Wakes who waits for something to come, to look at something else.
    pub(super) fn wake_reader(&self) {
        self.read.ring();
    }
}

/// A socket that can be waited for.
///
/// It is read and written by system calls without the C library, which makes each a point where a
/// thread can be cancelled; that took some 60 instructions of each.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    source: Rc<Source>,
    pub(super) number: usize,
    reactor: Rc<Reactor>,
}

impl Socket {
    /// One of this loop, by its number there.
    pub(super) fn new(
        stream: TcpStream,
        source: Rc<Source>,
        number: usize,
        reactor: &Rc<Reactor>,
    ) -> Socket {
        Socket {
            stream,
            source,
            number,
            reactor: reactor.clone(),
        }
    }

    /// The socket itself, for its addresses and to shut it.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Waits until something has come since the last wait ended: bytes, an end, an error; or, in
    /// vain, until all readers are woken. For one task at a time, and only after a read that took
    /// less than there was room for.
    pub async fn readable(&self) {
        if !self.source.has_ended.get() {
            self.source.read.rung().await;
        }
    }

    /// Waits until the socket takes more, or is broken. For one task at a time.
    ///
    /// # Errors
    ///
    /// The operating system has no memory for it.
    pub async fn writable(&self) -> io::Result<()> {
        self.source.write.silence();
        // Also tells if it is so already.
        epoll::modify(&self.reactor.epoll, &self.stream, self.data(), WRITE)?;
        self.source.write.rung().await;
        Ok(())
    }

    /// What the kernel says with each of its events.
    pub(super) fn data(&self) -> EventData {
        EventData::new_u64(self.number as u64)
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (length, _) = rustix::net::recv(&self.stream, buffer, RecvFlags::empty())?;
        Ok(length)
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.stream, bytes, SendFlags::NOSIGNAL)?)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(&self.stream, slices)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Not registered, if that is why it is dropped.
        let _ = epoll::delete(&self.reactor.epoll, &self.stream);
        let mut sources = self.reactor.sources.borrow_mut();
        sources.all[self.number] = None;
        sources.free.push(self.number);
    }
}
