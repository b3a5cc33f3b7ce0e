//! Lets Ctrl-Z stop the thread that edits a line, and none before it.
//!
//! The editor gives the terminal back, sends itself the signal that stops the process, and takes
//! the terminal again. Where several threads take signals, any of them may be the one that is
//! stopped by it, and that only after the editor has gone on (kill(2)): whoever stops a program
//! would find the terminal taken, and put it back into a state in which nothing can be edited. A
//! signal that only the sender takes comes before it goes on.

use nix::sys::signal::{SigSet, Signal};

/// Keeps the signal from this thread, and from those that it starts.
pub fn keep_from_thread() {
    // It can fail only for a word that nobody says to it.
    let _ = stop().thread_block();
}

/// Lets this thread take the signal.
pub fn take_in_thread() {
    let _ = stop().thread_unblock();
}

fn stop() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTSTP);
    set
}
