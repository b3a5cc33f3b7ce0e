//! Makes JSON of replies and notices.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kvmsg::client::{Notice, Position, Reply, Stat};
use serde_json::{Value, json};

/// A value or a key: text, or `{"base64": ...}` where it is no UTF-8.
pub fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

pub fn list(values: &[Vec<u8>]) -> Value {
    values.iter().map(|value| bytes(value)).collect()
}

/// What a reply is as JSON; not found is `null`.
pub fn reply(reply: &Reply) -> Value {
    match reply {
        Reply::Revision(revision) => json!({ "revision": revision }),
        Reply::NotFound => Value::Null,
        Reply::Values(values) => list(values),
        Reply::Text(text) => bytes(text),
        Reply::Done => Value::Bool(true),
        Reply::Watching(position) => json!({
            "epoch": position.epoch,
            "revision": position.revision,
        }),
        Reply::Gone { .. } => json!({ "error": super::GONE }),
        Reply::Page(page) => page.keys.iter().map(|(key, _)| bytes(key)).collect(),
        Reply::Stats(stats) => {
            let pair = |(name, stat): &(String, Stat)| match stat {
                Stat::Number(number) => (name.clone(), Value::from(*number)),
                Stat::Text(text) => (name.clone(), Value::from(text.as_str())),
            };
            stats.iter().map(pair).collect()
        }
        Reply::Refused(why) => json!({ "error": why }),
    }
}

pub fn notice(notice: &Notice) -> Value {
    match notice {
        Notice::Change {
            op,
            key,
            revision,
            values,
        } => json!({
            "op": op.word(),
            "key": bytes(key),
            "revision": revision,
            "values": list(values),
        }),
        Notice::Lost { first, last } => json!({ "lost": [first, last] }),
        Notice::Progress { revision } => json!({ "progress": revision }),
        Notice::Drain { seconds } => json!({ "drain": seconds }),
    }
}

/// A key with its values.
pub fn entry(key: &[u8], values: &[Vec<u8>]) -> Value {
    json!({ "key": bytes(key), "values": list(values) })
}

/// That a watch could not go on: where it was to, what the server still holds, where it goes on.
pub fn gone(since: &Position, oldest: u64, from: &Position) -> Value {
    json!({ "gone": {
        "since": since.to_string(),
        "oldest": oldest,
        "from": from.to_string(),
    } })
}
