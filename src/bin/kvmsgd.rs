//! Runs the daemon: settings, log, addresses, signals, service, report.

#![forbid(unsafe_code)]

use futures_lite::StreamExt;
use kvmsg::config::{self, Command, Config};
use kvmsg::flags::text::shown;
use kvmsg::folder;
use kvmsg::server::{Handle, Report, Server};
use kvmsg::stats::Counts;
use log::{Level, LevelFilter};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook_async_std::Signals;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long ending may take after the drain.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// How long the server may take to hear that it is to end at once.
const CUT_MARGIN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match config::load(std::env::args_os().skip(1), std::env::vars_os()) {
        Ok(Command::Print(text)) => print(&text),
        Ok(Command::Serve(config)) => serve(config),
        Ok(Command::Repair(path)) => match folder::repair(&path) {
            Ok(repair) => print(&repair.to_string()),
            Err(error) => fail(1, &error),
        },
        Ok(Command::Restore { folder, backup }) => match folder::restore(&folder, &backup) {
            Ok(contents) => {
                let (folder, backup) = (shown(&folder), shown(&backup));
                print(&format!("{folder} is made of {backup}: {contents}\n"))
            }
            Err(error) => fail(1, &error),
        },
        Err(error) => fail(2, &error),
    }
}

fn serve(config: Config) -> ExitCode {
    start_log(config.log);
    let signals = match Signals::new([SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGXFSZ]) {
        Ok(signals) => signals,
        Err(error) => return fail(1, &format!("cannot listen to signals: {error}")),
    };
    let drain = Duration::from_secs(config.drain_secs);
    let server = match Server::bind(config) {
        Ok(server) => server,
        Err(error) => return fail(1, &error),
    };
    let handle = server.handle();
    let obeyed = handle.clone();
    std::thread::spawn(move || smol::block_on(obey(signals, obeyed, drain)));
    let server = match server.open() {
        Ok(server) => server,
        Err(error) if error.is_stop() => return end_before_serving(&handle, &error),
        Err(error) => return fail(1, &error),
    };
    for address in handle.addresses() {
        say(
            &mut io::stderr(),
            &format!("kvmsgd: listening on {address}"),
        );
    }
    notify(&[sd_notify::NotifyState::Ready]);
    report(server.run())
}

/// Obeys signals: the first SIGINT or SIGTERM begins to drain, the second ends at once. On a thread
/// of its own, so that they are heard whatever the server does.
async fn obey(mut signals: Signals, handle: Handle, drain: Duration) {
    let mut first = None;
    while let Some(signal) = signals.next().await {
        match signal {
            SIGUSR1 => log::info!("{}", handle.counts().to_string().replace('\n', ", ")),
            SIGINT | SIGTERM => {
                if let Some(at_first) = first {
                    end_at_once(&handle, at_first);
                }
                first = Some(handle.counts());
                say(&mut io::stdout(), &"Shutting down server...");
                handle.stop();
                notify_stopping(drain);
            }
            // SIGHUP, which has no settings to read again, and SIGXFSZ, which would end the
            // process: that a file may not be so long is said by who makes it so.
            _ => {}
        }
    }
}

/// Says that it was told to stop before it had its data, and so had nothing to drain.
fn end_before_serving(handle: &Handle, why: &dyn Display) -> ExitCode {
    say(&mut io::stderr(), &format!("kvmsgd: {why}"));
    report(Report {
        counts: handle.counts(),
        complete: true,
    })
}

/// Ends the server; if it hangs and does not hear that, in its place.
fn end_at_once(handle: &Handle, at_first: Counts) -> ! {
    handle.cut();
    std::thread::sleep(CUT_MARGIN);
    report(Report {
        counts: handle.counts().with_connections_of(at_first),
        complete: false,
    });
    std::process::exit(1)
}

/// Says what was done. If both the server's thread and that of the signals come to this, the
/// second waits for the end that the first brings about.
fn report(report: Report) -> ExitCode {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    while IS_SAID.swap(true, Ordering::SeqCst) {
        std::thread::park();
    }
    say(&mut io::stdout(), &report.counts);
    say(&mut io::stdout(), &"Server shutdown complete");
    if report.complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Tells the service manager, if there is one. That it does not listen is no reason to stop.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("cannot notify the service manager: {error}");
    }
}

/// Tells the service manager that the daemon stops, and to give it the time for that.
fn notify_stopping(drain: Duration) {
    let micros = u32::try_from((drain + STOP_MARGIN).as_micros()).unwrap_or(u32::MAX);
    let extend = sd_notify::NotifyState::ExtendTimeoutUsec(micros);
    notify(&[sd_notify::NotifyState::Stopping, extend]);
}

/// Logs to standard error: with the journal's priorities if that is the journal, which keeps the
/// time itself, and with the time otherwise.
fn start_log(level: LevelFilter) {
    let to_journal = is_journal(&io::stderr());
    env_logger::Builder::new()
        .filter_level(level)
        .format(move |out, record| {
            let (time, args) = (out.timestamp_seconds(), record.args());
            match (to_journal, record.level()) {
                (true, Level::Error) => writeln!(out, "<3>{args}"),
                (true, Level::Warn) => writeln!(out, "<4>{args}"),
                (true, Level::Info) => writeln!(out, "<6>{args}"),
                (true, Level::Debug | Level::Trace) => writeln!(out, "<7>{args}"),
                (false, level) => writeln!(out, "{time} {level:<5} {args}"),
            }
        })
        .init();
}

/// Whether a stream is the journal: `JOURNAL_STREAM` holds its device and inode, see
/// systemd.exec(5).
fn is_journal(stream: &impl AsFd) -> bool {
    let Ok(journal) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let metadata = stream
        .as_fd()
        .try_clone_to_owned()
        .and_then(|fd| File::from(fd).metadata());
    metadata.is_ok_and(|data| journal == format!("{}:{}", data.dev(), data.ino()))
}

/// Prints what was asked for; a reader that has gone away has seen enough.
fn print(text: &str) -> ExitCode {
    let mut output = io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(1, &format_args!("cannot write standard output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says in one line why the daemon ends.
fn fail(code: u8, error: &dyn Display) -> ExitCode {
    say(&mut io::stderr(), &format!("kvmsgd: {error}"));
    ExitCode::from(code)
}

/// Writes a line. A stream that is closed hears nothing; the daemon does not depend on it.
fn say(stream: &mut dyn Write, line: &dyn Display) {
    let _ = writeln!(stream, "{line}").and_then(|()| stream.flush());
}
