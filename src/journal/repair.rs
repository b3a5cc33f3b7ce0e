//! Makes a damaged folder usable again, and throws nothing away.

use super::disk::{File, Folder, write_all_at};
use super::error::{Damage, Error, Remedy};
use super::load::Load;
use super::names;
use super::recovery::{Listing, recover};
use std::fmt;
use std::io;

/// How much is copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// What a repair has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The damage.
    pub damage: Damage,
    /// The files into which was set aside what stood there and behind it.
    pub aside: Vec<String>,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repaired { damage, aside } = self;
        let (path, at, aside) = (&damage.path, damage.at, aside.join(" and "));
        match damage.remedy {
            Remedy::Forget { revision, .. } => write!(
                f,
                "{path} was damaged at byte {at}; it is set aside as {aside}, every key is there, \
                 and the history begins after revision {revision}"
            ),
            _ => write!(
                f,
                "{path} was damaged at byte {at}; from there on it is set aside as {aside}, \
                 everything up to revision {} is there, and the next start begins another epoch",
                damage.revision
            ),
        }
    }
}

/// Sets aside everything from the first damage of the journal on. The next start takes another
/// epoch then, for what is set aside may have been told. Where only the history needs what is
/// damaged, sets aside that, and everything before it. Does nothing if there is no damage.
///
/// # Errors
///
/// Says what cannot be repaired, or what the operating system refuses; nothing is lost then.
pub fn repair<D: Folder>(folder: &D, load: &mut impl Load) -> Result<Option<Repaired>, Error> {
    match recover(folder, load) {
        Ok(_) => Ok(None),
        Err(Error::Damaged(damage)) if damage.remedy != Remedy::None => {
            let aside = match damage.remedy {
                Remedy::Forget { segment, .. } => forget(folder, segment),
                _ => cut(folder, &damage),
            };
            let aside =
                aside.map_err(|error| Error::io("cannot repair", damage.path.clone(), error))?;
            let damage = *damage;
            Ok(Some(Repaired { damage, aside }))
        }
        Err(error) => Err(error),
    }
}

/// Sets aside the segments before this one.
fn forget<D: Folder>(folder: &D, segment: u64) -> io::Result<Vec<String>> {
    let mut aside = Vec::new();
    let segments = Listing::of(folder).map_err(io::Error::other)?.segments;
    for before in segments.into_iter().take_while(|number| *number < segment) {
        let name = names::segment(before);
        let to = free_name(folder, &name)?;
        folder.rename(&name, &to)?;
        aside.push(folder.path(&to));
    }
    folder.sync()?;
    Ok(aside)
}

/// Sets aside everything from the damage on.
fn cut<D: Folder>(folder: &D, damage: &Damage) -> io::Result<Vec<String>> {
    let segments = Listing::of(folder).map_err(io::Error::other)?.segments;
    let to = free_name(folder, &damage.name)?;
    // The copy comes first: for that alone room is needed, and as long as it is there, the next
    // start knows of the repair.
    if damage.at > 0 {
        let file = folder.open(&damage.name)?;
        let copied = folder
            .create(&to)
            .and_then(|to| copy(&file, damage.at, &to));
        if let Err(error) = copied {
            folder.remove(&to)?;
            return Err(error);
        }
        folder.sync()?;
    }
    let mut aside = Vec::new();
    let names = segments.into_iter().map(names::segment);
    // Names of segments sort as their numbers.
    for name in names.rev().take_while(|name| *name > damage.name) {
        let to = free_name(folder, &name)?;
        folder.rename(&name, &to)?;
        aside.push(folder.path(&to));
    }
    aside.push(folder.path(&to));
    if damage.at == 0 {
        folder.rename(&damage.name, &to)?;
    } else {
        let file = folder.open(&damage.name)?;
        let bytes_len = file.bytes_len()?;
        file.truncate(damage.at)?;
        file.truncate(bytes_len)?;
        file.sync()?;
    }
    folder.sync()?;
    aside.reverse();
    Ok(aside)
}

fn free_name<D: Folder>(folder: &D, name: &str) -> io::Result<String> {
    let taken = folder.names()?;
    let mut free = (1..).map(|times| names::damaged(name, times));
    let free = free.find(|name| !taken.contains(name));
    free.ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// Copies a file from a place on, and syncs the copy.
pub(super) fn copy(from: &impl File, at: u64, to: &impl File) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut copied = 0;
    loop {
        match from.read_at(&mut buffer, at + copied) {
            Ok(0) => return to.sync(),
            Ok(count) => {
                write_all_at(to, &buffer[..count], copied)?;
                copied += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
