//! Reads what the command line says of bench.

use super::table::Id;
use super::{OptionsError, number, wrong};
use crate::verbs::{self, Name};
use kvmsg::flags::Given;
use std::str::FromStr;

/// How many bytes of requests may be in flight over all connections: 1 GiB.
pub(super) const IN_FLIGHT_BYTES_MAX: u128 = 1 << 30;

/// The most connections, and as many again that watch.
const CLIENTS_MAX: u64 = 10_000;

/// The most requests in flight on one connection.
const PIPELINE_MAX: u64 = 10_000;

/// The longest value, in bytes.
const VALUE_BYTES_MAX: u64 = 1 << 30;

/// The most keys: as many as ten digits can name.
pub const KEYSPACE_MAX: u64 = 10_000_000_000;

/// The largest share of a verb in a mix.
const SHARE_MAX: u64 = 1_000_000;

/// What a request has beside its value, in bytes, at most.
const AROUND_BYTES: u64 = 64;

/// What bench does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benching {
    /// How many connections ask.
    pub clients: u64,
    /// How many requests there are in all.
    pub requests: u64,
    /// How many requests are in flight on each connection.
    pub pipeline: u64,
    /// How long a value is, in bytes.
    pub value_bytes: u64,
    /// How many keys there are.
    pub keyspace: u64,
    /// What is asked.
    pub mix: Mix,
    /// How many connections watch meanwhile.
    pub watchers: u64,
    /// Whether all keys of bench are deleted in the end.
    pub cleanup: bool,
}

impl Default for Benching {
    fn default() -> Benching {
        Benching {
            clients: 50,
            requests: 100_000,
            pipeline: 1,
            value_bytes: 3,
            keyspace: 100_000,
            mix: Mix(vec![(Name::Put, 1)]),
            watchers: 0,
            cleanup: false,
        }
    }
}

impl Benching {
    /// Takes one of its flags.
    pub(super) fn take(&mut self, flag: &Given<Id>) -> Result<(), OptionsError> {
        match flag.id {
            Id::Clients => self.clients = number(flag, 1..=CLIENTS_MAX)?,
            Id::Requests => self.requests = number(flag, 1..=u64::MAX)?,
            Id::Pipeline => self.pipeline = number(flag, 1..=PIPELINE_MAX)?,
            Id::ValueBytes => self.value_bytes = number(flag, 0..=VALUE_BYTES_MAX)?,
            Id::Keyspace => self.keyspace = number(flag, 1..=KEYSPACE_MAX)?,
            Id::Watchers => self.watchers = number(flag, 0..=CLIENTS_MAX)?,
            Id::Cleanup => self.cleanup = true,
            Id::Mix => {
                let mix = flag.value.to_str().and_then(|text| text.parse().ok());
                self.mix = mix.ok_or_else(|| {
                    let allowed = "VERB=N,... of put, get, update, remove, delete and ping, \
                                   each once, N from 1 to 1000000";
                    wrong(flag, allowed)
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses what would take more memory than it should.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        // An update holds two values.
        let each = 2 * u128::from(self.value_bytes + AROUND_BYTES);
        let bytes = u128::from(self.clients) * u128::from(self.pipeline) * each;
        match bytes {
            ..=IN_FLIGHT_BYTES_MAX => Ok(()),
            _ => Err(OptionsError::InFlight(bytes)),
        }
    }
}

/// Verbs, each with its share of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix(pub Vec<(Name, u64)>);

/// A text that is no mix.
#[derive(Debug, PartialEq, Eq)]
pub struct MixError;

impl FromStr for Mix {
    type Err = MixError;

    /// Reads `put=1,get=9`; no verb comes twice.
    fn from_str(text: &str) -> Result<Mix, MixError> {
        let mut shares: Vec<(Name, u64)> = Vec::new();
        for part in text.split(',') {
            let (word, share) = part.split_once('=').ok_or(MixError)?;
            let verb = verbs::find(word.as_bytes()).ok_or(MixError)?;
            let share = share.parse().map_err(|_| MixError)?;
            let is_asked = matches!(
                verb.name,
                Name::Put | Name::Get | Name::Update | Name::Remove | Name::Delete | Name::Ping
            );
            let is_new = shares.iter().all(|(name, _)| *name != verb.name);
            if !is_asked || !is_new || !(1..=SHARE_MAX).contains(&share) {
                return Err(MixError);
            }
            shares.push((verb.name, share));
        }
        Ok(Mix(shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_names_each_of_its_verbs_once() {
        let mix = |text: &str| text.parse::<Mix>().ok().map(|mix| mix.0);
        assert_eq!(mix("put=1"), Some(vec![(Name::Put, 1)]));
        assert_eq!(
            mix("PUT=1,get=9"),
            Some(vec![(Name::Put, 1), (Name::Get, 9)])
        );
        for wrong in [
            "",
            "put",
            "put=",
            "put=0",
            "put=-1",
            "put=x",
            "put=1,",
            "put=1,put=1",
            "list=1",
            "put=1 ",
            "gte=1",
            "put=1000001",
        ] {
            assert_eq!(mix(wrong), None, "{wrong:?}");
        }
    }
}
