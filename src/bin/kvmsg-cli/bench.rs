//! Measures how fast a server answers: what redis-benchmark is to Redis.
//!
//! All connections are tasks on one thread. What is done for one request is kept small, for the
//! generator must be no slower than the server: requests are copied or stand ready (`batch`),
//! replies are counted and not kept (`scan`), and the clock is read once a write and once a read.

mod asker;
mod batch;
mod link;
mod report;
mod scan;
mod tally;
mod watcher;

use crate::failure::Failure;
use crate::list;
use crate::options::{Benching, Options};
use crate::print;
use crate::progress::Progress;
use batch::Batch;
use futures_lite::future;
use indicatif::HumanCount;
use kvmsg::client::{Client, Error, Request};
use link::Link;
use report::Report;
use signal_hook::consts::SIGINT;
use signal_hook::flag;
use smol::{LocalExecutor, Timer};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tally::Tally;
use watcher::{Told, Watcher};

/// How often the line of progress is written anew, and late replies are looked for.
const TICK: Duration = Duration::from_millis(200);

/// How many requests of the clean-up may wait for their replies.
const AHEAD_MAX: usize = 1000;

/// Does it; returns the exit status.
///
/// # Errors
///
/// [`Failure::Server`] if a connection breaks, [`Failure::Bench`] if the server refused requests,
/// [`Failure::Output`].
pub async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let failure = |error| Failure::server(options, error);
    link::raise_limit();
    let interrupted = Arc::new(AtomicBool::new(false));
    catch(&interrupted);
    // Makes sure of a server of ours, and cleans up in the end.
    let client = Client::connect(&options.server, options.timeout).await;
    let client = client.map_err(failure)?;
    let bench = Bench {
        options,
        asked: &options.benching,
        tally: Tally::new(options.benching.requests, options.benching.clients as usize),
        told: Told::default(),
        interrupted,
    };
    let measured = bench.measure().await;
    let refused = bench.refused();
    match measured {
        // It may have closed the connection with that.
        Err(_) if refused.is_some() => {}
        measured => {
            let (took, watched) = measured.map_err(failure)?;
            bench.print(took, watched)?;
        }
    }
    if options.benching.cleanup {
        clean_up(client).await.map_err(failure)?;
    }
    refused.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// A benchmark on its way.
struct Bench<'a> {
    options: &'a Options,
    asked: &'a Benching,
    tally: Tally,
    told: Told,
    /// Whether somebody wants to see what there is so far.
    interrupted: Arc<AtomicBool>,
}

/// Lets the first interrupt end it in order. The next one has its usual effect.
fn catch(interrupted: &Arc<AtomicBool>) {
    // A signal cannot be caught only if that is forbidden, as it is not for this one. Without it
    // every interrupt has its usual effect.
    let _ = flag::register_conditional_default(SIGINT, interrupted.clone());
    let _ = flag::register(SIGINT, interrupted.clone());
}

impl Bench<'_> {
    /// Asks everything; returns how long that took, and how long the watchers were told of it.
    async fn measure(&self) -> Result<(Duration, Duration), Error> {
        let address = self.within(link::address(&self.options.server)).await?;
        let mut links = Vec::new();
        for _ in 0..self.asked.clients {
            links.push((self.open(address).await?, Batch::new(self.asked)));
        }
        let mut watchers = Vec::new();
        for _ in 0..self.asked.watchers {
            let link = self.open(address).await?;
            watchers.push(self.within(Watcher::begin(link)).await?);
        }
        // The tasks, which borrow, must not outlive it.
        let executor = LocalExecutor::new();
        let begun = Instant::now();
        let asking: Vec<_> = (0..)
            .zip(links)
            .map(|(number, (link, batch))| {
                let pipeline = self.asked.pipeline;
                executor.spawn(asker::ask(number, link, batch, pipeline, &self.tally))
            })
            .collect();
        let (ended, end) = async_channel::bounded::<()>(1);
        let listening: Vec<_> = watchers
            .into_iter()
            .map(|watcher| executor.spawn(watcher.listen(&self.told, &self.tally, end.clone())))
            .collect();
        let work = async {
            for task in asking {
                task.await?;
            }
            let took = begun.elapsed();
            drop(ended);
            for task in listening {
                task.await?;
            }
            let last = self.told.last.get();
            Ok((took, last.map_or(Duration::ZERO, |last| last - begun)))
        };
        executor.run(future::or(work, self.watch_over())).await
    }

    async fn open(&self, address: SocketAddr) -> Result<Link, Error> {
        self.within(Link::open(&self.options.server, address)).await
    }

    /// Does it, within the time-out.
    async fn within<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let timeout = self.options.timeout;
        let late = async {
            Timer::after(timeout).await;
            Err(Error::Timeout(timeout))
        };
        future::or(work, late).await
    }

    /// Shows how far it is, until a reply, or what watchers are to be told in the end, is late.
    async fn watch_over(&self) -> Result<(Duration, Duration), Error> {
        let progress = match self.options.form.quiet {
            true => Progress::hidden(),
            false => Progress::of_count(self.asked.requests),
        };
        let (mut seen, mut since) = (0, Instant::now());
        // Since when all is answered, but not all told, or the last notice came.
        let mut told = None;
        loop {
            Timer::after(TICK).await;
            if let Some(late) = self.tally.late(self.options.timeout) {
                return Err(late);
            }
            if self.interrupted.load(Ordering::Relaxed) {
                self.tally.stop();
            }
            let answered = self.tally.answered.get();
            if self.tally.is_done() {
                let now = Instant::now();
                let last = self.told.last.get().max(*told.get_or_insert(Some(now)));
                if last.is_some_and(|last| now - last > self.options.timeout) {
                    return Err(Error::Timeout(self.options.timeout));
                }
            }
            if progress.is_shown() {
                let rate = (answered - seen) as f64 / since.elapsed().as_secs_f64();
                progress.say(format!("{} requests/s", HumanCount(rate as u64)));
                progress.reach(answered);
                (seen, since) = (answered, Instant::now());
            }
        }
    }

    fn print(&self, took: Duration, watched: Duration) -> Result<(), Failure> {
        let report = Report {
            asked: self.asked,
            tally: &self.tally,
            told: &self.told,
            took,
            watched,
        };
        let mut bytes = Vec::new();
        report.print(self.options.form, &mut bytes);
        print::out(&bytes)
    }

    /// The failure that refusals are, if there were any.
    fn refused(&self) -> Option<Failure> {
        let refused = self.tally.refused.get();
        let failure = || {
            let text = self.tally.refusal.borrow().clone();
            Failure::Bench(refused, self.tally.answered.get(), text)
        };
        (refused > 0).then(failure)
    }
}

/// Deletes every key that a benchmark can have made.
async fn clean_up(mut client: Client) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = list::page(&mut client, batch::PREFIX, after).await?;
        for (key, _) in page.keys.iter().filter(|(key, _)| batch::is_ours(key)) {
            client.send(&Request::Delete { key }).await?;
            while client.outstanding() > AHEAD_MAX {
                client.receive().await?;
            }
        }
        while client.outstanding() > 0 {
            client.receive().await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
