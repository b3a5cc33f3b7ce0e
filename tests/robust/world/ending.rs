//! Brings a run to its end: everybody reads everything, and the last figures are asked for.

use super::World;
use crate::peer::{LAST, Peer};
use crate::record::{Dialect, Event, Record, Reply};
use crate::world::WRITERS;
use rustix::process::Signal;

/// How many long values are put before the server is told to stop, and how long they are: more
/// than the kernel holds for one who does not read.
const BURST: usize = 150;
const LONG_BYTES: usize = 60_000;

impl World {
    /// Ends the run: by itself, or by telling the server to stop in the midst of it.
    pub fn end(mut self) -> Record {
        match self.drains {
            true => self.drain(),
            false => {
                self.finish();
                self.record
            }
        }
    }

    /// Stops the server while writers write, and some who watch are behind. Some of these read
    /// when it is told to stop, the others when the writers are gone.
    fn drain(mut self) -> Record {
        self.peers[WRITERS..]
            .iter_mut()
            .for_each(|peer| peer.pauses_until = u64::MAX);
        for _ in 0..BURST {
            let (writer, key) = (self.dice.below(WRITERS), self.key().into_bytes());
            let value = vec![b'b'; LONG_BYTES];
            self.peers[writer].send(&mut self.record, &[b"PUT".to_vec(), key, value]);
            self.pump();
        }
        self.pump_until("half of the burst", |world| {
            let waiting = world.peers[..WRITERS].iter().map(|peer| peer.asked.len());
            waiting.sum::<usize>() < BURST / 2
        });
        self.daemon.signal(Signal::TERM);
        self.record.push(self.peers[0].id, Event::Stopped);
        for place in WRITERS..self.peers.len() {
            if self.dice.one_in(2) {
                self.peers[place].pauses_until = 0;
            }
        }
        self.pump_until("the writers' end", |world| {
            world.peers[..WRITERS].iter().all(|peer| peer.ended)
        });
        self.peers.iter_mut().for_each(|peer| peer.pauses_until = 0);
        self.pump_until("everybody's end", |world| {
            world.peers.iter().all(|peer| peer.ended)
        });
        let (writer, ended) = (self.peers[0].id, self.daemon.wait());
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let figure = |name: &str, said: &str| (name.to_owned(), ended.figure(said));
        let figures = [
            figure("requests", "Requests answered"),
            figure("notices_delivered", "Notices delivered"),
            figure("notices_lost", "Notices lost"),
        ];
        self.record
            .push(writer, Event::Reported(figures.into_iter().collect()));
        self.record
    }

    /// Lets everybody read everything: lines up to a last change made for them, frames up to the
    /// progress that says so. Then looks at the store and the figures.
    fn finish(&mut self) {
        self.peers.iter_mut().for_each(|peer| peer.pauses_until = 0);
        let answered = |peer: &Peer| peer.ended || (peer.asked.is_empty() && !peer.halved);
        self.pump_until("all replies", |world| world.peers.iter().all(answered));
        let mut last = Vec::new();
        for place in 0..self.peers.len() {
            let peer = &self.peers[place];
            if peer.dialect == Dialect::Lines && peer.is_open() {
                let prefixes = peer.prefixes.iter();
                last.extend(
                    prefixes
                        .last()
                        .map(|prefix| (place, format!("{prefix}{LAST}{place}"))),
                );
            }
        }
        for (_, key) in &last {
            self.peers[0].ask(&mut self.record, &["PUT", key, "end"]);
        }
        self.pump_until("the last changes", |world| !world.peers[0].is_writing());
        let end = self.known();
        self.pump_until("everybody's last word", |world| {
            let mut lines = last.iter().map(|(place, key)| (&world.peers[*place], key));
            let told = lines.all(|(peer, key)| peer.last_key == *key || peer.told >= end);
            told && world.peers.iter().all(|peer| {
                let marked = peer.dialect == Dialect::Lines || peer.marked >= end;
                let is_whole = peer.mirror.as_ref().is_none_or(|mirror| mirror.is_whole());
                !peer.is_open() || peer.prefixes.is_empty() || (marked && is_whole)
            })
        });
        self.probe();
        self.peers[0].ask(&mut self.record, &["LIST", "", "COUNT", "10000"]);
        self.peers[0].ask(&mut self.record, &["STATS"]);
        self.pump_until("the figures", |world| world.peers[0].asked.is_empty());
    }

    /// Resumes at the edges of what the history holds, and of what there is, now that both stand
    /// still.
    fn probe(&mut self) {
        self.peers[0].ask(&mut self.record, &["STATS"]);
        self.pump_until("the edges", |world| world.peers[0].asked.is_empty());
        let oldest = self
            .record
            .entries
            .iter()
            .rev()
            .find_map(|(_, event)| match event {
                Event::Replied(Reply::Stats(stats)) => stats.get("history_first_revision").copied(),
                _ => None,
            });
        let (oldest, end) = (oldest.expect("it was just asked for"), self.known());
        let edges = [
            oldest.checked_sub(3),
            oldest.checked_sub(2),
            oldest.checked_sub(1),
        ];
        let first = self.peers.len();
        for since in edges.into_iter().flatten().chain([end, end + 1]) {
            let place = self.open(Dialect::Resp3, None, false);
            let (epoch, since) = (self.epoch.clone(), since.to_string());
            let (peer, record) = (&mut self.peers[place], &mut self.record);
            peer.ask(record, &["WATCH", "", "SINCE", &epoch, &since]);
        }
        self.pump_until("the end from the edges", |world| {
            world.peers[first..]
                .iter()
                .all(|peer| peer.asked.is_empty() && peer.marked >= end)
        });
    }
}
