//! Answers one request: a request in, a reply into the client's outbox, perhaps a change out.

use super::Core;
use super::client::{Client, Input};
use super::durable::Figures;
use crate::feed::{Denied, PREFIXES_MAX, Wish};
use crate::list::{List, NOTICE_WORD};
use crate::protocol::command::{Command, Refusal, Request, Version};
use crate::protocol::line::NOTICE_LIKE;
use crate::protocol::notice::Change;
use crate::protocol::reply::{Hello, Reply, SERVER, Stat, epoch_text};
use crate::protocol::values::Values;
use crate::protocol::{Dialect, encode_reply, escaped};
use crate::store::{Full, Updated};

/// A reply longer than this is encoded in slices, as it is sent.
const LONG_REPLY_BYTES: usize = 64 * 1024;

/// How long a page of LIST is in frames, unless it holds one key alone.
const LIST_BYTES_MAX: usize = 256 * 1024;

/// Answers a request of a client. A change that it made is returned, to be told to others.
pub(super) fn answer<'a>(
    core: &mut Core,
    client: &mut Client,
    input: &'a Input,
    request: &Request,
) -> Option<Change<'a>> {
    let command = match request {
        Request::Command(command) => *command,
        Request::Refused(refusal) | Request::Fatal(refusal) => {
            reply(core, client, &Reply::Refused(refusal));
            return None;
        }
        Request::Listen => {
            core.feed.listen(client.id, core.echo);
            begin_to_watch(core, client);
            return None;
        }
    };
    let bytes = &input.bytes;
    if client.watches && client.dialect == Dialect::Resp2 && !is_for_resp2_watchers(&command) {
        refuse(core, client, "use HELLO 3");
        return None;
    }
    match command {
        Command::Put { key, value } => {
            let put = core.store.put(key.of(bytes), value.of(bytes));
            changed(core, client, put.map(Some))
        }
        Command::Remove { key, value } => {
            client.took_long = true;
            let removed = core.store.remove(key.of(bytes), value.of(bytes));
            changed(core, client, Ok(removed))
        }
        Command::Delete { key } => {
            client.took_long = true;
            let deleted = core.store.delete(key.of(bytes));
            changed(core, client, Ok(deleted))
        }
        Command::Update { key, old, new } => {
            client.took_long = true;
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
        Command::List {
            prefix,
            after,
            count,
        } => {
            client.took_long = true;
            let after = after.map_or(&b""[..], |after| after.of(bytes));
            list(core, client, prefix.of(bytes), after, count);
            None
        }
        Command::Get { key } => {
            match core.store.get(key.of(bytes)) {
                Some(list) => {
                    core.stats.answered.add(1);
                    client.took_long = matches!(list, List::Many(_));
                    add_values(client, list);
                }
                None => reply(core, client, &Reply::MissingList),
            }
            None
        }
        other => {
            client.took_long = !matches!(other, Command::Ping { .. } | Command::Echo { .. });
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
        Command::Watch {
            prefix,
            since,
            echo,
        } => {
            let prefix = prefix.of(bytes);
            let wish = Wish {
                prefix,
                since,
                echo: echo || (client.dialect == Dialect::Lines && core.echo),
            };
            watch(core, client, &wish);
        }
        Command::Unwatch { prefix } => {
            core.feed
                .unwatch(client.id, prefix.map(|prefix| prefix.of(bytes)));
            note_watches(core, client);
            reply(core, client, &Reply::Ok);
        }
        Command::Stats => reply(core, client, &Reply::Stats(&stats(core))),
        Command::Help => reply(core, client, &Reply::Help),
        Command::Quit => reply(core, client, &Reply::Ok),
        Command::Put { .. }
        | Command::Get { .. }
        | Command::Update { .. }
        | Command::Remove { .. }
        | Command::Delete { .. }
        | Command::List { .. } => unreachable!("answered by the caller"),
    }
}

fn reply(core: &Core, client: &Client, reply: &Reply<'_>) {
    core.stats.answered.add(1);
    add(client, reply);
}

fn add(client: &Client, reply: &Reply<'_>) {
    let mut outbox = client.outbox.borrow_mut();
    outbox.reply(|out| encode_reply(reply, client.dialect, out));
}

/// Adds the values of a key; many or long ones are encoded as they are sent.
fn add_values(client: &Client, list: List<'_>) {
    let in_frames = client.dialect != Dialect::Lines;
    match list {
        List::Many(many)
            if many.bulk_bytes() > LONG_REPLY_BYTES && (in_frames || many.is_typable()) =>
        {
            let values = Values::new(many, client.dialect);
            client.outbox.borrow_mut().reply_values(values);
        }
        short => add(client, &Reply::Values(short)),
    }
}

/// Answers with an error.
pub(super) fn refuse(core: &Core, client: &Client, text: &str) {
    reply(core, client, &Reply::Refused(&Refusal::new(text)));
}

/// Replies to a request that changes something, and hands on what it changed.
fn changed<'a>(
    core: &Core,
    client: &Client,
    change: Result<Option<Change<'a>>, Full>,
) -> Option<Change<'a>> {
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

/// Answers with a page, all of it as the store is now.
fn list(core: &mut Core, client: &Client, prefix: &[u8], after: &[u8], count: usize) {
    let in_lines = client.dialect == Dialect::Lines;
    let bytes_max = if in_lines { usize::MAX } else { LIST_BYTES_MAX };
    let (epoch, revision) = (core.store.epoch(), core.store.revision());
    core.stats.answered.add(1);
    let page = core.store.page(prefix, after, count, bytes_max);
    if in_lines
        && page
            .keys
            .iter()
            .any(|(key, _)| key.starts_with(NOTICE_WORD))
    {
        return add(client, &Reply::Refused(&Refusal::new(NOTICE_LIKE)));
    }
    let last = page.keys.last().map(|(key, _)| *key);
    let head = Reply::Page {
        epoch,
        revision,
        next: last.filter(|_| page.more),
        keys: page.keys.len(),
    };
    add(client, &head);
    for (key, list) in &page.keys {
        add(client, &Reply::Key(key));
        if !in_lines {
            add_values(client, *list);
        }
    }
    add(client, &Reply::PageEnd);
}

/// Whether a watcher in RESP2 may send this. What it is told are arrays there, as many replies
/// are, so it may ask only what is answered otherwise.
fn is_for_resp2_watchers(command: &Command) -> bool {
    matches!(
        command,
        Command::Watch { .. }
            | Command::Unwatch { .. }
            | Command::Ping { .. }
            | Command::Hello { .. }
            | Command::Quit
    )
}

fn watch(core: &mut Core, client: &mut Client, wish: &Wish<'_>) {
    let epoch = core.store.epoch();
    let refusal = match core.feed.watch(client.id, wish, epoch) {
        Ok(revision) => {
            reply(core, client, &Reply::Watching { epoch, revision });
            return begin_to_watch(core, client);
        }
        Err(Denied::Watching) => {
            Refusal::new("SINCE is for a connection that watches nothing; UNWATCH first")
        }
        Err(Denied::TooMany) => Refusal::new(format!(
            "a connection watches at most {PREFIXES_MAX} prefixes"
        )),
        Err(Denied::Gone(oldest)) => Refusal {
            code: "GONE",
            text: format!("oldest {oldest} epoch {}", epoch_text(epoch)),
        },
    };
    reply(core, client, &Reply::Refused(&refusal));
}

/// Notes whether a client watches, so that not every request has to ask the feed, and charges it
/// for that.
fn note_watches(core: &Core, client: &mut Client) {
    client.watches = core.feed.is_watching(client.id);
    client.watch_charge.set(core.feed.bytes(client.id));
}

/// Notes that a client watches, and tells it what those who did before have been told.
fn begin_to_watch(core: &Core, client: &mut Client) {
    note_watches(core, client);
    client.is_new = true;
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
    if version == Some(Version::Two) && client.watches {
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
fn stats(core: &Core) -> [(&'static str, Stat); 22] {
    let number = |value: u64| Stat::Number(value);
    let amount = |value: usize| Stat::Number(value as u64);
    let (store, stats) = (&core.store, &core.stats);
    let durable = core.durable.as_ref();
    let disk = durable.map_or_else(Figures::default, |disk| disk.figures(store.revision()));
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
        ("watchers", amount(core.feed.watchers())),
        ("history_bytes", amount(core.feed.history().bytes())),
        (
            "history_first_revision",
            number(core.feed.history().first()),
        ),
        ("clients_bytes", amount(core.ledger.bytes())),
        ("sync", Stat::Text(disk.sync.to_owned())),
        ("last_sync_seconds", number(disk.last_sync_seconds)),
        ("data_bytes", number(disk.data_bytes)),
        ("commits", number(disk.commits)),
        ("commits_waiting", number(disk.commits_waiting)),
    ]
}
