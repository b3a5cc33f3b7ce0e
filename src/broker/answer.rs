//! Answers one request: a request in, a reply into the client's outbox, perhaps a change out.

use super::Core;
use super::client::{Client, Input};
use crate::feed::Watcher;
use crate::list::List;
use crate::protocol::command::{Command, Refusal, Request, Version};
use crate::protocol::notice::Change;
use crate::protocol::reply::{Hello, Reply, SERVER, Stat, epoch_text};
use crate::protocol::values::Values;
use crate::protocol::{Dialect, encode_reply, escaped};
use crate::store::{Full, Updated};

/// A reply longer than this is encoded in slices, as it is sent.
const LONG_REPLY_BYTES: usize = 64 * 1024;

/// Answers a request of a client. A change that it made is returned, to be told to others.
pub(super) fn answer(
    core: &mut Core,
    client: &mut Client,
    input: &Input,
    request: Request,
) -> Option<Change> {
    let command = match request {
        Request::Command(command) => command,
        Request::Refused(refusal) | Request::Fatal(refusal) => {
            reply(core, client, &Reply::Refused(&refusal));
            return None;
        }
        Request::Listen => {
            watch(core, client);
            tell_drain(core, client);
            return None;
        }
    };
    let bytes = &input.bytes;
    match command {
        Command::Put { key, value } => {
            let put = core.store.put(key.of(bytes), value.of(bytes));
            changed(core, client, put.map(Some))
        }
        Command::Remove { key, value } => {
            let removed = core.store.remove(key.of(bytes), value.of(bytes));
            changed(core, client, Ok(removed))
        }
        Command::Delete { key } => {
            let deleted = core.store.delete(key.of(bytes));
            changed(core, client, Ok(deleted))
        }
        Command::Update { key, old, new } => {
            match core
                .store
                .update(key.of(bytes), old.of(bytes), new.of(bytes))
            {
                Ok(Some(Updated::Same)) => {
                    reply(core, client, &Reply::Done(core.store.revision()));
                    None
                }
                Ok(Some(Updated::Changed(change))) => changed(core, client, Ok(Some(change))),
                Ok(None) => changed(core, client, Ok(None)),
                Err(full) => changed(core, client, Err(full)),
            }
        }
        Command::Get { key } => {
            match core.store.get(key.of(bytes)) {
                Some(list) => values(core, client, list),
                None => reply(core, client, &Reply::MissingList),
            }
            None
        }
        other => {
            converse(core, client, bytes, other);
            None
        }
    }
}

/// Answers what does not concern the data.
fn converse(core: &mut Core, client: &mut Client, bytes: &[u8], command: Command) {
    match command {
        Command::Ping { message: None } => reply(core, client, &Reply::Pong),
        Command::Ping {
            message: Some(text),
        }
        | Command::Echo { message: text } => {
            reply(core, client, &Reply::Text(text.of(bytes)));
        }
        Command::Hello { version, name } => hello(core, client, version, name.map(|n| n.of(bytes))),
        Command::Watch { .. } => match client.dialect {
            Dialect::Resp2 => refuse(core, client, "use HELLO 3"),
            Dialect::Lines | Dialect::Resp3 => {
                watch(core, client);
                let (epoch, revision) = (core.store.epoch(), core.store.revision());
                reply(core, client, &Reply::Watching { epoch, revision });
                tell_drain(core, client);
            }
        },
        Command::Unwatch { prefix } => {
            // Every watch is for the empty prefix; to end another, that is not there, is no error.
            if prefix.is_none_or(|prefix| prefix.of(bytes).is_empty()) {
                core.feed.unwatch(client.id);
                client.outbox.borrow_mut().take_lost();
            }
            reply(core, client, &Reply::Ok);
        }
        Command::Stats => reply(core, client, &Reply::Stats(&stats(core))),
        Command::Help => reply(core, client, &Reply::Help),
        Command::Quit => reply(core, client, &Reply::Ok),
        Command::Put { .. }
        | Command::Get { .. }
        | Command::Update { .. }
        | Command::Remove { .. }
        | Command::Delete { .. } => unreachable!("answered by the caller"),
    }
}

fn reply(core: &Core, client: &Client, reply: &Reply<'_>) {
    core.stats.answered.add(1);
    client
        .outbox
        .borrow_mut()
        .reply(|out| encode_reply(reply, client.dialect, out));
}

fn refuse(core: &Core, client: &Client, text: &str) {
    reply(core, client, &Reply::Refused(&Refusal::new(text)));
}

/// Replies to a request that changes something, and hands on what it changed.
fn changed(core: &Core, client: &Client, change: Result<Option<Change>, Full>) -> Option<Change> {
    match change {
        Ok(Some(change)) => {
            reply(core, client, &Reply::Done(change.revision));
            Some(change)
        }
        Ok(None) => {
            reply(core, client, &Reply::Missing);
            None
        }
        Err(full) => {
            refuse(core, client, &full.to_string());
            None
        }
    }
}

fn values(core: &Core, client: &Client, list: &List) {
    let in_frames = client.dialect != Dialect::Lines;
    if list.bulk_bytes() > LONG_REPLY_BYTES && (in_frames || list.is_typable()) {
        core.stats.answered.add(1);
        client
            .outbox
            .borrow_mut()
            .reply_values(Values::new(list, client.dialect));
    } else {
        reply(core, client, &Reply::Values(list));
    }
}

/// Tells the client of changes from now on.
fn watch(core: &mut Core, client: &Client) {
    let dialect = client.dialect;
    let echo = dialect == Dialect::Lines && core.echo;
    core.feed.watch(Watcher {
        client: client.id,
        dialect,
        echo,
    });
}

/// Tells a client that has begun to watch what those who did before have been told.
fn tell_drain(core: &Core, client: &Client) {
    if let Some(seconds) = core.draining {
        client.tell_drain(seconds);
    }
}

fn hello(core: &mut Core, client: &mut Client, version: Option<Version>, name: Option<&[u8]>) {
    let wanted = match version {
        Some(Version::Two) => Dialect::Resp2,
        Some(Version::Three) => Dialect::Resp3,
        None => client.dialect,
    };
    if wanted == Dialect::Resp2 && core.feed.is_watching(client.id) {
        return refuse(core, client, "HELLO 2 while watching; UNWATCH first");
    }
    client.dialect = wanted;
    if let Some(name) = name {
        client.set_given_name(&escaped(name));
    }
    let version = if wanted == Dialect::Resp3 {
        Version::Three
    } else {
        Version::Two
    };
    let (epoch, revision) = (core.store.epoch(), core.store.revision());
    reply(
        core,
        client,
        &Reply::Hello(Hello {
            version,
            id: client.id,
            epoch,
            revision,
        }),
    );
}

/// The names and their order are part of the protocol.
fn stats(core: &Core) -> [(&'static str, Stat); 17] {
    let number = |value: u64| Stat::Number(value);
    let amount = |value: usize| Stat::Number(value as u64);
    let (store, stats) = (&core.store, &core.stats);
    [
        ("version", Stat::Text(SERVER.1.to_owned())),
        ("uptime_seconds", number(core.started.elapsed().as_secs())),
        ("epoch", Stat::Text(epoch_text(store.epoch()))),
        ("revision", number(store.revision())),
        ("keys", amount(store.keys())),
        ("values", amount(store.values())),
        ("store_bytes", amount(store.bytes())),
        ("connections_active", number(stats.active.get())),
        ("connections_dropped", number(stats.dropped.get())),
        ("connections_refused", number(stats.refused.get())),
        ("requests", number(stats.answered.get())),
        ("notices_delivered", number(stats.delivered.get())),
        ("notices_lost", number(stats.lost.get())),
        ("watchers", amount(core.feed.watchers().len())),
        ("history_bytes", number(0)),
        ("history_first_revision", number(store.revision() + 1)),
        ("clients_bytes", amount(core.ledger.bytes())),
    ]
}
