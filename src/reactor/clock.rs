//! Wakes the loop at a time.
//!
//! epoll_wait(2) has a limit of its own, in milliseconds; what is waited for here may be a tenth of
//! one, as a commit to the disk is. (epoll_pwait2(2) counts in nanoseconds, but is there
//! from Linux 5.11 on only.)

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A clock of the kernel, and what it is set to.
#[derive(Debug)]
pub(super) struct Clock {
    timer: OwnedFd,
    at: Cell<Option<Instant>>,
}

impl Clock {
    pub(super) fn open() -> io::Result<Clock> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Clock {
            timer: timerfd_create(TimerfdClockId::Monotonic, flags)?,
            at: Cell::default(),
        })
    }

    /// What tells that the time has come: it can be read then.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }

    /// Notes that it has gone off.
    pub(super) fn has_gone_off(&self) {
        self.at.set(None);
    }

    /// Sets it to a time, and to no other; it goes off once. A time that is no more waited for need
    /// not be taken back: a loop that wakes up in vain sleeps again.
    pub(super) fn set(&self, at: Instant) {
        if self.at.replace(Some(at)) == Some(at) {
            return;
        }
        // None at all would stop it.
        let left = at.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_nanos(1));
        let Ok(left) = Timespec::try_from(left) else {
            // Longer than anything runs.
            return;
        };
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: left,
        };
        // It fails only with what is no clock, or no time.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
    }
}
