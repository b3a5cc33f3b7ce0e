//! Waits for sockets and runs the tasks that they wake: the loop of the server's one thread.
//!
//! A socket is registered once, edge-triggered, for as long as it is open. So to wait for it costs
//! no system call of its own, and a turn of the loop costs one, however many sockets are ready; a
//! general reactor arms every wait anew. What is rare stays with smol's reactor, which runs on a
//! thread of its own and wakes this one: new connections, and the waits of the accept loop and the
//! drain.
//!
//! What edge-triggered means is said in epoll(7): the kernel tells once that something has come.
//! Who then reads less than there was room for need not read again to find out that there is no
//! more, except at the end of the stream, which may have come with it; [`Socket::readable`] knows.

mod clock;
mod socket;
#[cfg(test)]
mod tests;

use crate::sleepers::Sleepers;
use clock::Clock;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use smol::{LocalExecutor, Task};
pub use socket::Socket;
use socket::{READ, Source};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// How long tasks run before the loop looks for new input. The executor's own loop looks after 200
/// tasks; with one client that pipelines without end that is many milliseconds for all others.
const SLICE: Duration = Duration::from_micros(50);

/// How many tasks run between two looks at the clock.
const TASKS_A_LOOK: usize = 4;

/// How many events one system call brings at most.
const EVENTS_MAX: usize = 1024;

/// What the alarm and the clock are registered as; sockets are numbered from 0.
const ALARM: u64 = u64::MAX;
const CLOCK: u64 = ALARM - 1;

/// What the loop needs of the operating system; unlike the loop itself it can change threads.
#[derive(Debug)]
pub struct Descriptors {
    epoll: OwnedFd,
    alarm: Arc<Alarm>,
    clock: Clock,
}

impl Descriptors {
    /// Opens them.
    ///
    /// # Errors
    ///
    /// The operating system is out of descriptors or memory.
    pub fn open() -> io::Result<Descriptors> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let alarm = Arc::new(Alarm {
            state: AtomicU8::new(AWAKE),
            bell: eventfd(0, flags)?,
        });
        let clock = Clock::open()?;
        // Edge-triggered, they need not be read to be silent again.
        let flags = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &alarm.bell, EventData::new_u64(ALARM), flags)?;
        epoll::add(&epoll, clock.descriptor(), EventData::new_u64(CLOCK), flags)?;
        Ok(Descriptors {
            epoll,
            alarm,
            clock,
        })
    }
}

/// The loop runs.
const AWAKE: u8 = 0;
/// The loop runs, and has something to look at before it may sleep.
const RUNG: u8 = 1;
/// The loop waits in the kernel.
const ASLEEP: u8 = 2;

/// Wakes the loop, from its own thread or another.
#[derive(Debug)]
struct Alarm {
    state: AtomicU8,
    bell: OwnedFd,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, SeqCst) == ASLEEP {
            // It fails only when it has been rung 2^64 times, and then it rings all the same.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }
}

impl Alarm {
    /// Whether the loop may sleep: nobody has rung since it was awake.
    fn permits_sleep(&self) -> bool {
        let changed = self.state.compare_exchange(AWAKE, ASLEEP, SeqCst, SeqCst);
        changed.is_ok()
    }
}

/// The sockets of one thread, and the loop that waits for them.
pub struct Reactor {
    epoll: OwnedFd,
    alarm: Arc<Alarm>,
    clock: Clock,
    sources: RefCell<Sources>,
    sleepers: Rc<Sleepers>,
    events: RefCell<Vec<Event>>,
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("epoll", &self.epoll)
            .finish_non_exhaustive()
    }
}

/// The sockets by their numbers, which are given anew when one is closed.
#[derive(Debug, Default)]
struct Sources {
    all: Vec<Option<Rc<Source>>>,
    free: Vec<usize>,
}

impl Reactor {
    /// A loop that waits for nothing yet.
    pub fn new(descriptors: Descriptors) -> Rc<Reactor> {
        Rc::new(Reactor {
            epoll: descriptors.epoll,
            alarm: descriptors.alarm,
            clock: descriptors.clock,
            sources: RefCell::default(),
            sleepers: Rc::default(),
            events: RefCell::new(Vec::with_capacity(EVENTS_MAX)),
        })
    }

    /// Takes in a socket. It must not block.
    ///
    /// # Errors
    ///
    /// The operating system has no memory for it, or watches as many as it may.
    pub fn register(self: &Rc<Self>, stream: TcpStream) -> io::Result<Socket> {
        let source = Rc::<Source>::default();
        let mut sources = self.sources.borrow_mut();
        let number = sources.free.pop().unwrap_or(sources.all.len());
        if number == sources.all.len() {
            sources.all.push(None);
        }
        sources.all[number] = Some(source.clone());
        drop(sources);
        let socket = Socket::new(stream, source, number, self);
        // If this fails, the socket that is dropped gives its number back.
        epoll::add(&self.epoll, socket.stream(), socket.data(), READ)?;
        Ok(socket)
    }

    /// Runs the executor until this task, one of its own, has ended.
    pub fn run<T>(&self, executor: &LocalExecutor<'_>, main: Task<T>) -> T {
        let waker = Waker::from(self.alarm.clone());
        let mut context = Context::from_waker(&waker);
        let mut main = pin!(main);
        loop {
            if let Poll::Ready(value) = main.as_mut().poll(&mut context) {
                return value;
            }
            if runs_on(executor) {
                self.look(Some(&NOW));
                continue;
            }
            // It runs a task, or sees to it that the alarm is rung when there is one to run.
            let mut tick = pin!(executor.tick());
            if tick.as_mut().poll(&mut context).is_pending() && self.alarm.permits_sleep() {
                self.sleep();
            } else {
                self.alarm.state.store(AWAKE, SeqCst);
            }
        }
    }

    /// Wakes all who wait for something to come, so that they look at what else has happened.
    pub fn wake_readers(&self) {
        let sources = self.sources.borrow();
        let all = sources.all.iter().flatten();
        all.for_each(|source| source.wake_reader());
    }

    /// Those who wait for a time, whom the loop wakes.
    pub fn sleepers(&self) -> &Rc<Sleepers> {
        &self.sleepers
    }

    /// Waits for something to come, or for the next time that somebody waits for.
    fn sleep(&self) {
        if let Some(at) = self.sleepers.next() {
            self.clock.set(at);
        }
        self.look(None);
    }

    /// Takes what the kernel has to tell, after a wait for it, or within this limit if there is
    /// one.
    fn look(&self, limit: Option<&Timespec>) {
        let mut events = self.events.borrow_mut();
        events.clear();
        // It fails only when a signal disturbs it, and then it is done again.
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), limit);
        self.alarm.state.store(AWAKE, SeqCst);
        let sources = self.sources.borrow();
        for event in events.iter() {
            let (flags, number) = (event.flags, event.data.u64());
            if number == CLOCK {
                self.clock.has_gone_off();
            }
            let source = usize::try_from(number)
                .ok()
                .and_then(|at| sources.all.get(at));
            if let Some(Some(source)) = source {
                source.tell(flags);
            }
        }
        self.sleepers.wake_due();
    }
}

/// Runs tasks for a while; false if none is left to run.
fn runs_on(executor: &LocalExecutor<'_>) -> bool {
    let began = Instant::now();
    while (0..TASKS_A_LOOK).all(|_| executor.try_tick()) {
        if began.elapsed() >= SLICE {
            return true;
        }
    }
    false
}

/// No wait at all.
const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
