//! Lists the keys: the one table from which flags, variables, checks, help and listings come.

use std::net::{Ipv4Addr, SocketAddrV6};

use figment::value::Value;

use crate::flags::Flag;

/// The variable that names the file.
pub const FILE_VARIABLE: &str = "KVMSGD_CONFIG";

/// How many addresses `listen` may name.
const LISTEN_MAX: usize = 64;

/// The values that `log` may have.
pub const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

/// The values that `sync` may have.
pub const SYNCS: [&str; 3] = ["always", "interval", "never"];

/// One key of the settings.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file, with the unit last.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// Its value when nothing sets it, as one would type it behind the flag.
    pub default: &'static str,
    /// What it is for, short enough for one line of the help.
    pub help: &'static str,
}

/// What the value of a key may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// One address or several, each `HOST:PORT`.
    Addresses,
    /// A whole number.
    Number(Range),
    /// true or false.
    Switch,
    /// One of some words, and what help calls it.
    Word(&'static [&'static str], &'static str),
    /// The path of a folder, which can stand in a line, or nothing.
    Folder,
}

/// Which whole numbers a key may have.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The lowest number.
    pub lowest: u64,
    /// The highest number.
    pub highest: u64,
    /// 0 is allowed too, though it lies below `lowest`.
    pub zero: bool,
    /// What it counts, as help calls the value of the flag.
    unit: &'static str,
}

const BYTES: Kind = range(65_536, 1 << 40, false, "BYTES");
const BYTES_OR_ZERO: Kind = range(65_536, 1 << 40, true, "BYTES");
const CLIENTS: Kind = range(1, 100_000, false, "N");
const SECONDS: Kind = range(1, 86_400, false, "SECS");
const MILLIS: Kind = range(10, 3_600_000, false, "MILLIS");
const LEVEL: Kind = Kind::Word(&LEVELS, "LEVEL");
const SYNC: Kind = Kind::Word(&SYNCS, "WHEN");

const fn range(lowest: u64, highest: u64, zero: bool, unit: &'static str) -> Kind {
    Kind::Number(Range {
        lowest,
        highest,
        zero,
        unit,
    })
}

const fn key(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        help,
    }
}

/// All keys, in the order in which help and `--print-config` list them.
#[rustfmt::skip] // a table reads best as one
pub static KEYS: [Key; 18] = [
    key("listen", Kind::Addresses, "127.0.0.1:8080", "where to listen; several by commas"),
    key("clients_max", CLIENTS, "10000", "clients connected at once"),
    key("clients_bytes_max", BYTES, "268435456", "buffers of all clients"),
    key("request_bytes_max", BYTES, "8388608", "longest request"),
    key("values_bytes_max", BYTES, "16777216", "values of one key, together"),
    key("store_bytes_max", BYTES_OR_ZERO, "1073741824", "the whole store; 0: any"),
    key("outbox_bytes_max", BYTES, "1048576", "replies waiting for a client"),
    key("history_bytes", BYTES_OR_ZERO, "67108864", "changes remembered; 0: none"),
    key("data_dir", Kind::Folder, "", "folder to keep the data in; none: memory only"),
    key("sync", SYNC, "interval", "to the disk: always, interval or never"),
    key("sync_interval_ms", MILLIS, "1000", "between two syncs, with interval"),
    key("echo", Kind::Switch, "false", "tell line clients of their own changes"),
    key("write_timeout_secs", SECONDS, "30", "until a client must take replies"),
    key("request_timeout_secs", SECONDS, "30", "until a request must be whole"),
    key("linger_secs", SECONDS, "2", "reading on before closing"),
    key("progress_secs", SECONDS, "15", "of silence before word of progress"),
    key("drain_secs", SECONDS, "10", "for stopping, at most"),
    key("log", LEVEL, "info", "error, warn, info or debug"),
];

impl Key {
    /// The key of that name.
    pub fn named(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Its variable in the environment: `KVMSGD_CLIENTS_MAX`.
    pub fn variable(&self) -> String {
        format!("KVMSGD_{}", self.name.to_uppercase())
    }

    /// Its flag, known to the caller as `id`.
    pub const fn flag<Id: Copy>(&self, id: Id) -> Flag<Id> {
        Flag {
            id,
            long: self.name,
            // Where to listen is said often enough for a short form.
            short: if let Kind::Addresses = self.kind {
                Some('l')
            } else {
                None
            },
            value: Some(self.kind.value_name()),
            help: self.help,
            default: Some(self.default),
            ends: false,
        }
    }
}

impl Kind {
    const fn value_name(&self) -> &'static str {
        match self {
            Kind::Addresses => "ADDRESS",
            Kind::Number(range) => range.unit,
            Kind::Switch => "BOOL",
            Kind::Word(_, name) => name,
            Kind::Folder => "DIR",
        }
    }

    /// What is allowed, in words that follow "must be".
    pub fn allowed(&self) -> String {
        match self {
            Kind::Addresses => format!(
                "HOST:PORT, or a list of 1 to {LISTEN_MAX} of them; \
                 HOST is a name, an IPv4 address or an [IPv6 address], PORT is 0 to 65535"
            ),
            Kind::Number(range) => {
                let or_zero = if range.zero { "0 or " } else { "" };
                let (lowest, highest) = (range.lowest, range.highest);
                format!("{or_zero}a whole number from {lowest} to {highest}")
            }
            Kind::Switch => "true or false".to_string(),
            Kind::Word(words, _) => format!("one of {}", words.join(", ")),
            Kind::Folder => "a folder's path without control characters, or empty".to_string(),
        }
    }

    /// The value that `text`, from a variable or a flag, stands for, if it is allowed.
    ///
    /// Numbers are written as decimal numbers are in TOML: digits, single underscores between
    /// them if wanted, no zero in front. Blanks around the commas of a list do not matter.
    pub(super) fn read_text(&self, text: &str) -> Option<Value> {
        match self {
            Kind::Addresses => addresses(text.split(',').map(|one| Some(one.trim()))),
            Kind::Number(range) => range.value(whole_number(text)?),
            Kind::Switch => text.parse().ok().map(|on: bool| Value::from(on)),
            Kind::Word(words, _) => words.contains(&text).then(|| Value::from(text)),
            Kind::Folder => (!text.contains(char::is_control)).then(|| Value::from(text)),
        }
    }

    /// The value that `value`, from the file, stands for, if it is of the right type and allowed.
    pub(super) fn read_toml(&self, value: &toml::Value) -> Option<Value> {
        match (self, value) {
            (Kind::Addresses, toml::Value::String(one)) => addresses([Some(&**one)]),
            (Kind::Addresses, toml::Value::Array(list)) => {
                addresses(list.iter().map(toml::Value::as_str))
            }
            (Kind::Number(range), toml::Value::Integer(number)) => {
                range.value(u64::try_from(*number).ok()?)
            }
            (Kind::Switch, toml::Value::Boolean(on)) => Some(Value::from(*on)),
            (Kind::Word(..) | Kind::Folder, toml::Value::String(text)) => self.read_text(text),
            _ => None,
        }
    }
}

impl Range {
    fn value(&self, number: u64) -> Option<Value> {
        let within = (self.lowest..=self.highest).contains(&number);
        (within || (self.zero && number == 0)).then(|| Value::from(number))
    }
}

/// A list of addresses; none if one of them is none or no address.
fn addresses<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Option<Value> {
    let address = |text: Option<&'a str>| text.filter(|text| is_address(text));
    let list: Vec<_> = texts.into_iter().map(address).collect::<Option<_>>()?;
    let fits = (1..=LISTEN_MAX).contains(&list.len());
    fits.then(|| Value::from(list))
}

/// Reads digits with single underscores between them, and no zero in front.
fn whole_number(text: &str) -> Option<u64> {
    let digits = text
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let plain = digits && (text == "0" || !text.starts_with('0'));
    if plain {
        text.replace('_', "").parse().ok()
    } else {
        None
    }
}

/// Whether `text` is `HOST:PORT`, with a host that can be looked up or is an address already.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let numeric = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits
        && port.parse::<u16>().is_ok()
        && match host.starts_with('[') {
            true => text.parse::<SocketAddrV6>().is_ok(),
            false if numeric => host.parse::<Ipv4Addr>().is_ok(),
            false => is_name(host),
        }
}

/// Whether `host` can be the name of a host: labels of letters, digits, `-` and `_`.
fn is_name(host: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letter);
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_allowed_in_both_forms() {
        for key in &KEYS {
            assert!(key.kind.read_text(key.default).is_some(), "{}", key.name);
        }
    }

    #[test]
    fn whole_numbers_are_decimal() {
        let read = [("0", 0), ("7", 7), ("8_388_608", 8_388_608), ("1_0", 10)];
        for (text, number) in read {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
        let refused = [
            "",
            "_",
            "_1",
            "1_",
            "1__0",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x10",
            "010",
            "00",
            "1k",
            "64KiB",
            "\u{661}",
            "18446744073709551616",
        ];
        for text in refused {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_are_a_host_and_a_port() {
        let taken = [
            "127.0.0.1:8080",
            "0.0.0.0:0",
            "[::1]:65535",
            "[::]:1",
            "[fe80::1%3]:80",
            "localhost:80",
            "a-b_c.example.:80",
            "1st.example:80",
        ];
        for text in taken {
            assert!(is_address(text), "{text}");
        }
        let long = format!("{}:80", "a".repeat(64));
        let refused = [
            "",
            ":",
            "8080",
            ":8080",
            "localhost",
            "localhost:",
            "localhost:http",
            "localhost:+80",
            "localhost:-1",
            "localhost:65536",
            "localhost:000080",
            "::1:80",
            "[::1]",
            "[]:80",
            "[::1:80",
            "[127.0.0.1]:80",
            "127.1:80",
            "256.0.0.1:80",
            "a..b:80",
            ".:80",
            "*:80",
            "a b:80",
            "a/b:80",
            "h\u{f6}st:80",
            "a:b:80",
            &long,
        ];
        for text in refused {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn lists_have_an_end() {
        let list = |count| vec!["localhost:80"; count].join(", ");
        assert!(Kind::Addresses.read_text(&list(LISTEN_MAX)).is_some());
        assert!(Kind::Addresses.read_text(&list(LISTEN_MAX + 1)).is_none());
    }
}
