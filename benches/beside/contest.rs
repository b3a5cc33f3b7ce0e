//! Servers that take turns at the same load, many times in a round.
//!
//! A machine that others use is now fast and now slow, for a tenth of a second or for many.
//! Servers that are measured one after the other meet different machines; those that take turns
//! every few hundredths of a second meet the same.

use crate::bench::Bench;
use crate::folder::Folder;
use crate::redis_benchmark::Load;
use crate::server::{Kind, Server};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

/// Makes the requests of these numbers, and returns how long they took.
type Ask<'a> = Box<dyn FnMut(Range<u64>) -> Result<Duration, String> + 'a>;

/// What a round came to for one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speed {
    /// Requests a second.
    pub(crate) throughput: f64,
    /// The server's processor time for a request, in microseconds.
    pub(crate) cpu_us: f64,
}

/// A server, and who asks it.
pub(crate) struct Contender<'a> {
    server: Rc<Server>,
    ask: Ask<'a>,
    /// Whether its clients stay connected from turn to turn. To connect them takes as long as some
    /// hundred requests.
    stays: bool,
    /// The server's data, which goes after it.
    _folder: Option<Folder>,
    took: Duration,
    /// The processor time of the server when the round began.
    used_before: Duration,
}

impl<'a> Contender<'a> {
    /// Asked by clients that stay.
    pub(crate) fn new(
        server: Rc<Server>,
        ask: impl FnMut(Range<u64>) -> Result<Duration, String> + 'a,
    ) -> Contender<'a> {
        Contender {
            server,
            ask: Box::new(ask),
            stays: true,
            _folder: None,
            took: Duration::ZERO,
            used_before: Duration::ZERO,
        }
    }

    /// Asked by redis-benchmark.
    pub(crate) fn by_redis_benchmark(server: Rc<Server>, kind: Kind, load: Load) -> Contender<'a> {
        let port = server.port;
        let count = |numbers: Range<u64>| numbers.end - numbers.start;
        let ask = move |numbers| load.run(count(numbers), kind, port);
        Contender {
            stays: false,
            ..Contender::new(server, ask)
        }
    }

    /// With its data in that folder.
    pub(crate) fn with(self, folder: Folder) -> Contender<'a> {
        Contender {
            _folder: Some(folder),
            ..self
        }
    }

    fn begin(&mut self) -> Result<(), String> {
        self.used_before = self.server.cpu()?;
        Ok(())
    }

    fn take_turn(&mut self, numbers: Range<u64>) -> Result<(), String> {
        self.took += (self.ask)(numbers)?;
        Ok(())
    }

    /// With all the time that the server used in the round: it may do something by the clock while
    /// others have their turn.
    fn speed(&self, requests: u64) -> Result<Speed, String> {
        let used = self.server.cpu()? - self.used_before;
        Ok(Speed {
            throughput: requests as f64 / self.took.as_secs_f64(),
            cpu_us: used.as_secs_f64() * 1e6 / requests as f64,
        })
    }
}

/// What so many requests of each come to, round by round. All who take part in a round are there
/// before the first is asked; another goes first in each round and at each turn.
///
/// # Errors
///
/// Returns the first of `start`, or says that a request failed.
pub(crate) fn contest<'a, const N: usize>(
    bench: &Bench,
    requests: u64,
    mut start: impl FnMut(usize) -> Result<Contender<'a>, String>,
) -> Result<Vec<[Speed; N]>, String> {
    let round = |round| {
        let contenders: Result<Vec<Contender>, String> = (0..N).map(&mut start).collect();
        let mut contenders = contenders?;
        contenders.iter_mut().try_for_each(Contender::begin)?;
        let all_stay = contenders.iter().all(|contender| contender.stays);
        let count = if all_stay { bench.form.turns } else { 1 };
        for (at, numbers) in turns(requests, count, round, N) {
            contenders[at].take_turn(numbers)?;
        }
        let speeds = contenders.iter().map(|one| one.speed(requests));
        let speeds: Vec<Speed> = speeds.collect::<Result<_, String>>()?;
        Ok(std::array::from_fn(|at| speeds[at]))
    };
    (0..bench.form.rounds).map(round).collect()
}

/// Who takes a turn after whom in a round, with which requests: of so many each, in so many turns.
pub(crate) fn turns(
    requests: u64,
    turns: u64,
    round: usize,
    contenders: usize,
) -> impl Iterator<Item = (usize, Range<u64>)> {
    (0..turns).flat_map(move |turn| {
        let numbers = requests * turn / turns..requests * (turn + 1) / turns;
        let first = round + turn as usize;
        (first..first + contenders).map(move |at| (at % contenders, numbers.clone()))
    })
}
