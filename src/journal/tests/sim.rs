//! A folder in memory that can fail, lose its power, and run out of room.

use crate::journal::disk::{File, Folder};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// In what a filesystem notes whether something was ever written there, in bytes.
const BLOCK: usize = 4096;

/// Numbers that look random, and are the same for the same seed.
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % sides as u64) as usize
    }
}

/// How much of the last operation is done when everything ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Nothing,
    Half,
    Everything,
}

#[derive(Debug, Clone)]
enum Unsynced {
    Write(usize, Vec<u8>),
    Len(usize),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Unsynced>,
    /// The blocks in which something was written.
    written: BTreeSet<usize>,
    /// How many writes were the first ones in a block.
    first_writes: usize,
}

impl Inode {
    fn apply(content: &mut Vec<u8>, what: &Unsynced) {
        match what {
            Unsynced::Write(at, bytes) => {
                if content.len() < at + bytes.len() {
                    content.resize(at + bytes.len(), 0);
                }
                content[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Unsynced::Len(len) => content.resize(*len, 0),
        }
    }

    /// What the disk may have: the length and each sector as they were at some moment since the
    /// last sync.
    fn some_version(&self, dice: &mut Dice) -> Vec<u8> {
        let mut versions = vec![self.synced.clone()];
        for what in &self.unsynced {
            let mut next = versions[versions.len() - 1].clone();
            Inode::apply(&mut next, what);
            versions.push(next);
        }
        let mut kept = versions[dice.roll(versions.len())].clone();
        for (at, sector) in kept.chunks_mut(SECTOR).enumerate() {
            let version = &versions[dice.roll(versions.len())];
            let from = version.get(at * SECTOR..).unwrap_or_default();
            let len = from.len().min(sector.len());
            sector[..len].copy_from_slice(&from[..len]);
        }
        kept
    }

    fn change(&mut self, what: Unsynced) {
        Inode::apply(&mut self.now, &what);
        if let Unsynced::Write(at, bytes) = &what {
            let blocks = at / BLOCK..(at + bytes.len()).div_ceil(BLOCK);
            let before = self.written.len();
            self.written.extend(blocks);
            self.first_writes += usize::from(self.written.len() > before);
        }
        self.unsynced.push(what);
    }
}

#[derive(Debug, Clone, Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    boot: u128,
    stamp: u64,
    operations: usize,
    end: Option<(usize, Fate)>,
    room: Option<usize>,
    write_max: Option<usize>,
    syncs_fail: bool,
}

/// A folder in memory.
#[derive(Debug, Clone)]
pub(super) struct Sim(Arc<Mutex<Disk>>);

/// A file in it.
#[derive(Debug)]
pub(super) struct SimFile(Sim, usize);

fn ended() -> io::Error {
    io::Error::other("everything has ended")
}

impl Sim {
    pub(super) fn new() -> Sim {
        let disk = Disk {
            boot: 1,
            ..Disk::default()
        };
        Sim(Arc::new(Mutex::new(disk)))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// Everything ends at this operation from now on.
    pub(super) fn end_at(&self, operation: usize, fate: Fate) {
        let mut disk = self.disk();
        disk.end = Some((disk.operations + operation, fate));
    }

    /// How many operations there have been.
    pub(super) fn operations(&self) -> usize {
        self.disk().operations
    }

    /// At most so many bytes are written at a time.
    pub(super) fn write_at_most(&self, bytes: usize) {
        self.disk().write_max = Some(bytes);
    }

    /// All files together may have so many bytes.
    pub(super) fn set_room(&self, bytes: Option<usize>) {
        self.disk().room = bytes;
    }

    /// How many writes were the first ones in a block, which a filesystem notes.
    pub(super) fn first_writes(&self) -> usize {
        let disk = self.disk();
        disk.inodes.iter().map(|inode| inode.first_writes).sum()
    }

    pub(super) fn fail_syncs(&self) {
        self.disk().syncs_fail = true;
    }

    /// The folder after the process has been killed.
    pub(super) fn killed(&self) -> Sim {
        let disk = Disk {
            end: None,
            ..self.disk().clone()
        };
        Sim(Arc::new(Mutex::new(disk)))
    }

    /// The folder after the power was lost: with what was synced, and with some of what was not.
    pub(super) fn without_power(&self, dice: Option<&mut Dice>) -> Sim {
        let mut disk = self.killed().disk().clone();
        disk.boot += 1;
        let mut none = Dice(0);
        let keeps = dice.is_some();
        let dice = dice.unwrap_or(&mut none);
        if !(keeps && dice.roll(2) == 0) {
            disk.names = disk.synced_names.clone();
        }
        for inode in &mut disk.inodes {
            let kept = match keeps {
                true => inode.some_version(dice),
                false => inode.synced.clone(),
            };
            (inode.synced, inode.now) = (kept.clone(), kept);
            inode.unsynced.clear();
        }
        disk.synced_names = disk.names.clone();
        Sim(Arc::new(Mutex::new(disk)))
    }

    /// The same files in another folder.
    pub(super) fn copied(&self) -> Sim {
        let mut disk = self.killed().disk().clone();
        disk.inodes.insert(0, Inode::default());
        disk.names.values_mut().for_each(|inode| *inode += 1);
        disk.synced_names.values_mut().for_each(|inode| *inode += 1);
        Sim(Arc::new(Mutex::new(disk)))
    }

    /// The folder when the files of an earlier copy of it have been written over its own.
    pub(super) fn written_over(&self, copy: &Sim) -> Sim {
        let mut disk = self.killed().disk().clone();
        disk.stamp += 1;
        let over = Sim(Arc::new(Mutex::new(disk)));
        for name in copy.names().unwrap() {
            over.set_content(&name, copy.content(&name));
        }
        over
    }

    pub(super) fn content(&self, name: &str) -> Vec<u8> {
        let disk = self.disk();
        disk.inodes[disk.names[name]].now.clone()
    }

    pub(super) fn set_content(&self, name: &str, content: Vec<u8>) {
        let mut disk = self.disk();
        let inode = disk.names[name];
        disk.inodes[inode] = Inode {
            now: content.clone(),
            synced: content,
            ..Inode::default()
        };
    }

    pub(super) fn bytes(&self) -> usize {
        let disk = self.disk();
        disk.used()
    }

    /// Does an operation that changes something, unless everything has ended.
    fn operate<T>(&self, work: impl FnOnce(&mut Disk, bool) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.disk();
        disk.operations += 1;
        let now = disk.operations;
        match disk.end {
            Some((end, _)) if now > end => Err(ended()),
            Some((end, Fate::Nothing)) if now == end => Err(ended()),
            Some((end, fate)) if now == end => {
                work(&mut disk, fate == Fate::Half)?;
                Err(ended())
            }
            _ => work(&mut disk, false),
        }
    }
}

impl Disk {
    fn used(&self) -> usize {
        self.names
            .values()
            .map(|at| self.inodes[*at].now.len())
            .sum()
    }

    fn check_room(&self, inode: usize, len: usize) -> io::Result<()> {
        let more = len.saturating_sub(self.inodes[inode].now.len());
        match self.room {
            Some(room) if more > 0 && self.used() + more > room => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        let inode = self.names.get(name).copied();
        inode.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Folder for Sim {
    type File = SimFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.disk().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        Ok(SimFile(self.clone(), self.disk().find(name)?))
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let inode = self.operate(|disk, _| {
            if disk.names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            disk.inodes.push(Inode::default());
            let inode = disk.inodes.len() - 1;
            disk.names.insert(name.to_owned(), inode);
            Ok(inode)
        })?;
        Ok(SimFile(self.clone(), inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|disk, _| {
            let inode = disk.find(from)?;
            disk.names.remove(from);
            disk.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(|disk, _| {
            disk.find(name)?;
            disk.names.remove(name);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.operate(|disk, _| {
            disk.synced_names = disk.names.clone();
            Ok(())
        })
    }

    fn path(&self, name: &str) -> String {
        format!("data/{name}")
    }

    fn boot(&self) -> u128 {
        self.disk().boot
    }

    fn stamp(&self) -> u64 {
        self.disk().stamp
    }
}

impl File for SimFile {
    fn bytes_len(&self) -> io::Result<u64> {
        Ok(self.0.disk().inodes[self.1].now.len() as u64)
    }

    fn number(&self) -> io::Result<u64> {
        Ok(self.1 as u64)
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        let disk = self.0.disk();
        let content = &disk.inodes[self.1].now;
        let content = content.get(at as usize..).unwrap_or_default();
        // Short reads are allowed, and must be.
        let len = content.len().min(out.len()).min(1000);
        out[..len].copy_from_slice(&content[..len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.0.operate(|disk, half| {
            let mut len = bytes.len().min(disk.write_max.unwrap_or(usize::MAX));
            if half {
                len /= 2;
            }
            disk.check_room(self.1, at as usize + len)?;
            let write = Unsynced::Write(at as usize, bytes[..len].to_vec());
            disk.inodes[self.1].change(write);
            Ok(len)
        })
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.0.operate(|disk, _| {
            disk.check_room(self.1, bytes as usize)?;
            disk.inodes[self.1].change(Unsynced::Len(bytes as usize));
            Ok(())
        })
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.operate(|disk, _| {
            disk.inodes[self.1].change(Unsynced::Len(bytes as usize));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.0.operate(|disk, _| {
            if disk.syncs_fail {
                return Err(io::Error::from_raw_os_error(5));
            }
            let inode = &mut disk.inodes[self.1];
            inode.synced = inode.now.clone();
            inode.unsynced.clear();
            Ok(())
        })
    }
}
