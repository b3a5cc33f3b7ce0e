//! A data folder, and the lives of daemons on it.

use crate::check::{self, Loss, Violation};
use crate::clients::{self, PATIENCE, Progress};
use crate::common::until;
use crate::dice::Dice;
use crate::power;
use crate::process::{Process, Start};
use crate::record::{Answer, Audit, Change, Heard, Life, Place, Sent};
use kvmsg::client::{Client, Error, Op};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How many clients change things at a time.
const WRITERS: usize = 4;
/// How many watch.
const WATCHERS: usize = 2;

/// How long it may take a daemon to come to a point that it need not come to.
const POINT_PATIENCE: Duration = Duration::from_millis(1500);

/// Where a daemon may be told to die.
pub const POINTS: [&str; 8] = [
    "before-write",
    "half-write",
    "after-write",
    "before-sync",
    "after-sync",
    "before-rename",
    "after-rename",
    "snapshot",
];

/// What is the same in all lives of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    pub sync: &'static str,
    /// Long values and a short history, so that there are snapshots.
    pub snapshots: bool,
    /// Whether it is power that fails, and not the process alone.
    pub power: bool,
}

impl Habits {
    fn history_bytes(self) -> u64 {
        if self.snapshots { 3 << 20 } else { 64 << 20 }
    }

    fn value_bytes(self) -> usize {
        if self.snapshots { 16 << 10 } else { 100 }
    }

    fn loss(self) -> Loss {
        match self.power && self.sync != "always" {
            true => Loss::Unsynced,
            false => Loss::Nothing,
        }
    }
}

/// How a life ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// Somebody kills it after so many answers.
    Kill(u64),
    /// It dies when it passes this point for the so-manieth time.
    Point(&'static str, usize),
    /// The same, but it may be killed before.
    Perhaps(&'static str, usize),
}

pub struct World {
    pub habits: Habits,
    dice: Dice,
    place: TempDir,
    lives: u64,
    /// What the last daemon held, and where each watcher is.
    pub audit: Audit,
    watchers: Vec<Place>,
}

impl World {
    pub fn new(habits: Habits, seed: u64) -> World {
        let place = tempfile::tempdir().expect("a folder can be made");
        std::fs::create_dir(place.path().join("synced")).expect("there is room");
        let mut world = World {
            habits,
            dice: Dice(seed),
            place,
            lives: 0,
            audit: Audit::default(),
            watchers: Vec::new(),
        };
        world.audit = world.look(0, |_| {});
        world.watchers = vec![world.present(); WATCHERS];
        world
    }

    pub fn folder(&self) -> PathBuf {
        self.place.path().join("data")
    }

    fn synced(&self) -> PathBuf {
        self.place.path().join("synced")
    }

    fn present(&self) -> Place {
        Place {
            epoch: self.audit.epoch.clone(),
            revision: self.audit.revision,
        }
    }

    fn start(&self, point: Option<(&str, usize)>) -> Process {
        let (folder, synced) = (self.folder(), self.synced());
        Process::start(&Start {
            folder: &folder,
            sync: self.habits.sync,
            history_bytes: self.habits.history_bytes(),
            synced: Some(&*synced).filter(|_| self.habits.power),
            point,
        })
    }

    /// An end at random.
    pub fn any_end(&mut self) -> End {
        let answers = 1 + self
            .dice
            .below(if self.habits.snapshots { 900 } else { 400 });
        match self.dice.one_in(2) {
            true => End::Kill(answers as u64),
            false => {
                let point = *self.dice.pick(&POINTS);
                let most = if point.ends_with("write") { 100 } else { 6 };
                End::Perhaps(point, 1 + self.dice.below(most))
            }
        }
    }

    /// Lets a daemon live and die, and holds the next one to the record. `spoil` may do something
    /// to the folder in between.
    pub fn live(&mut self, end: End, spoil: impl FnOnce(&World)) -> (Life, Vec<Violation>) {
        self.lives += 1;
        let life = self.run(end);
        if self.habits.power {
            power::cut(&self.folder(), &self.synced()).expect("the folder can be cut back");
        }
        spoil(self);
        let known = life.heard.iter().map(|heard| heard.told.last());
        let known = known.flatten().map(|(revision, _)| *revision).max();
        let mut heard = Vec::new();
        let watchers = self.watchers.clone();
        let after = self.look(known.unwrap_or(0), |address| {
            heard = self.resume(address, &watchers);
        });
        let mut life = life;
        life.heard.extend(heard);
        let violations = check::check(&self.audit, &life, &after, self.habits.loss());
        self.audit = after;
        self.watchers = vec![self.present(); WATCHERS];
        (life, violations)
    }
}

impl World {
    /// Lets clients loose on a daemon until it is dead.
    fn run(&mut self, end: End) -> Life {
        let point = match end {
            End::Point(name, count) | End::Perhaps(name, count) => Some((name, count)),
            End::Kill(_) => None,
        };
        let mut process = self.start(point);
        let Some(address) = process.address.clone() else {
            process.kill();
            return Life {
                died: true,
                ..Life::default()
            };
        };
        let (progress, is_dead) = (Progress::default(), AtomicBool::new(false));
        let mut life = Life::default();
        std::thread::scope(|scope| {
            let (progress, is_dead, address) = (&progress, &is_dead, &address[..]);
            let watchers: Vec<_> = (self.watchers.iter())
                .map(|since| scope.spawn(move || clients::watch(address, since, None, |_| false)))
                .collect();
            let writers: Vec<_> = (0..WRITERS)
                .map(|number| {
                    let name = format!("life{}-{number}", self.lives);
                    let (seed, bytes) = (self.dice.next(), self.habits.value_bytes());
                    let is_over = move || is_dead.load(SeqCst);
                    scope.spawn(move || {
                        clients::write(address, &name, seed, bytes, progress, is_over)
                    })
                })
                .collect();
            self.await_end(end, &mut process, progress);
            life.died = process.is_dead();
            let marked = self.mark(end, &mut process, address);
            process.kill();
            is_dead.store(true, SeqCst);
            let wrote = writers.into_iter().map(|writer| writer.join().unwrap());
            for wrote in wrote {
                life.sent.push(wrote.sent);
                life.read.extend(wrote.read);
            }
            if let Some((sent, is_synced)) = marked {
                if let (Some(Answer::Revision(revision)), true) = (&sent.answer, is_synced) {
                    life.synced = *revision;
                }
                life.sent.push(vec![sent]);
            }
            life.heard = watchers.into_iter().map(|it| it.join().unwrap()).collect();
        });
        for (watcher, heard) in self.watchers.iter_mut().zip(&life.heard) {
            let told = heard.told.last().map_or(0, |(revision, _)| *revision);
            let lost = heard.lost.last().map_or(0, |(_, last)| *last);
            watcher.revision = watcher.revision.max(told).max(lost);
        }
        life
    }

    /// Waits for as many answers as there are to be, or until it is dead by itself.
    fn await_end(&self, end: End, process: &mut Process, progress: &Progress) {
        let begun = Instant::now();
        until("enough answers", || {
            let is_enough = match end {
                End::Kill(count) => progress.answered.load(SeqCst) >= count,
                End::Point(..) => false,
                End::Perhaps(..) => begun.elapsed() > POINT_PATIENCE,
            };
            (is_enough || process.is_dead()).then_some(())
        });
    }

    /// Where syncs go on by themselves, and power will fail: makes a change and waits until it is
    /// on the disk. Returns it, and whether it is.
    fn mark(&self, end: End, process: &mut Process, address: &str) -> Option<(Sent, bool)> {
        let waits = self.habits.power && self.habits.sync == "interval";
        if !waits || !matches!(end, End::Kill(_)) {
            return None;
        }
        let value = format!("marker{}.1 ", self.lives);
        let change = Change {
            op: Op::Put,
            key: "marker".to_owned(),
            values: vec![value.clone()],
        };
        let answer = smol::block_on(async {
            let mut client = Client::connect(address, PATIENCE).await.ok()?;
            client.put(b"marker", value.as_bytes()).await.ok()
        });
        let sent = Sent {
            change,
            answer: answer.map(Answer::Revision),
        };
        let synced = self.synced();
        until("the change to be synced", || {
            let is_synced = power::has(&synced, value.as_bytes());
            (is_synced || process.is_dead()).then_some(is_synced)
        });
        let is_synced = power::has(&synced, value.as_bytes());
        Some((sent, is_synced))
    }

    /// Starts a daemon that is left alone, looks at all it holds, and kills it. `known` is the last
    /// revision that a watcher was told.
    fn look(&self, known: u64, resume: impl FnOnce(&str)) -> Audit {
        let process = self.start(None);
        let Some(address) = process.address.clone() else {
            panic!("the daemon does not start: {:#?}", process.kill());
        };
        let audit = smol::block_on(audit(&address)).expect("the daemon answers");
        let tell = |revision| {
            let since = Place {
                epoch: self.audit.epoch.clone(),
                revision,
            };
            clients::watch(&address, &since, Some(PATIENCE), |last| {
                last >= audit.revision
            })
        };
        let mut told = Vec::new();
        if self.audit.epoch == audit.epoch {
            let mut heard = tell(self.audit.revision);
            // A short history may begin later; it holds all that the watchers lack.
            if heard.gone && self.habits.snapshots {
                heard = tell(known);
            }
            told = heard.told;
        }
        resume(&address);
        process.kill();
        Audit { told, ..audit }
    }

    /// Lets the watchers go on where they were.
    fn resume(&self, address: &str, watchers: &[Place]) -> Vec<Heard> {
        let revision = smol::block_on(async {
            let client = Client::connect(address, PATIENCE).await;
            client.expect("the daemon answers").greeting().revision
        });
        let go_on = |since: &Place| {
            let heard = clients::watch(address, since, Some(PATIENCE), |last| last >= revision);
            Heard {
                end: Some(revision),
                ..heard
            }
        };
        watchers.iter().map(go_on).collect()
    }
}

/// Everything that a daemon holds, but its history.
async fn audit(address: &str) -> Result<Audit, Error> {
    let mut client = Client::connect(address, PATIENCE).await?;
    let mut audit = Audit {
        epoch: client.greeting().epoch.clone(),
        revision: client.greeting().revision,
        ..Audit::default()
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut after = None;
    loop {
        let page = client.list(b"", after.as_deref(), None).await?;
        for (key, values) in page.keys {
            let values = values.into_iter().map(text).collect();
            audit.state.insert(text(key), values);
        }
        after = page.next;
        if after.is_none() {
            return Ok(audit);
        }
    }
}
