//! Tests how many prefixes a connection may watch and how long they may be, in both dialects.

mod common;

use common::talker::{Heard, Talker};
use common::{Daemon, Frame};

/// The most prefixes that one connection may watch.
const PREFIXES_MAX: usize = 1000;

/// The longest that a prefix may be, in bytes.
const LENGTH_MAX: usize = 1024;

/// A refusal for this reason, as the dialect has it.
fn refusal(framed: bool, reason: &str) -> Heard {
    Heard::Reply(match framed {
        true => Frame::Error(format!("ERR {reason}")),
        false => Frame::Status(format!("Error: {reason}")),
    })
}

/// Asks to watch; whether that is granted.
#[track_caller]
fn watch(client: &mut Talker, prefix: &str) -> bool {
    let refused = refusal(
        client.is_framed(),
        "a connection watches at most 1000 prefixes",
    );
    let heard = client.ask(&format!("WATCH:{prefix}"));
    match &heard {
        Heard::Reply(Frame::Array(parts)) => assert_eq!(parts.len(), 2),
        Heard::Reply(Frame::Status(status)) if status == "OK" => {}
        other => assert_eq!(*other, refused),
    }
    heard != refused
}

#[test]
fn a_thousand_prefixes_of_one_connection_each_tell_and_one_more_is_refused() {
    for framed in [false, true] {
        let daemon = Daemon::start(&[]);
        let mut writer = Talker::connect(&daemon, true);
        let mut client = Talker::connect(&daemon, framed);
        for n in 0..PREFIXES_MAX {
            assert!(watch(&mut client, &format!("p{n:03}")), "{n}");
        }
        assert!(!watch(&mut client, "q"));
        assert!(watch(&mut client, "p007"), "it is watched already");
        assert!(writer.stats().get("clients_bytes") > (PREFIXES_MAX * 4) as u64);

        // The key of one that was refused, one that no prefix matches, and one for each of them.
        let keys = (0..PREFIXES_MAX).map(|n| format!("p{n:03}/key"));
        for key in ["q".to_owned(), "p00".to_owned()].into_iter().chain(keys) {
            writer.ask(&format!("PUT:{key}:v"));
        }
        for n in 0..PREFIXES_MAX {
            let heard = client.hear();
            let (key, revision) = heard.change();
            assert_eq!(key, format!("p{n:03}/key"));
            assert_eq!(revision, framed.then_some(n as u64 + 3));
        }

        let ok = Heard::Reply(Frame::Status("OK".to_owned()));
        assert_eq!(
            client.ask(["UNWATCH", "UNWATCH:p500"][usize::from(framed)]),
            ok
        );
        assert!(watch(&mut client, "q"), "there is a place again");
        assert_eq!(watch(&mut client, "r"), !framed);
        for key in ["p500", "q"] {
            writer.ask(&format!("PUT:{key}:v"));
        }
        assert_eq!(client.hear().change().0, "q");
        client.client.end();
        assert_eq!(client.hear_all(), []);
    }
}

#[test]
fn a_prefix_has_up_to_1024_bytes() {
    for framed in [false, true] {
        let daemon = Daemon::start(&[]);
        let mut writer = Talker::connect(&daemon, true);
        let mut client = Talker::connect(&daemon, framed);
        let longest = "x".repeat(LENGTH_MAX);
        client.ask("UNWATCH");
        let refused = refusal(framed, "a prefix has at most 1024 bytes, this one 1025");
        for request in ["WATCH", "LIST"] {
            assert_eq!(client.ask(&format!("{request}:{longest}x")), refused);
        }
        assert_eq!(writer.stats().get("watchers"), 0);

        assert!(watch(&mut client, &longest));
        for key in [&longest[1..], "x", &longest] {
            writer.ask(&format!("PUT:{key}:v"));
        }
        let heard = client.hear();
        assert_eq!(heard.change(), (&longest[..], framed.then_some(3)));
        match framed {
            true => {
                let Heard::Reply(Frame::Array(page)) = client.ask(&format!("LIST:{longest}"))
                else {
                    panic!("no page")
                };
                let values = Frame::Array(vec![Frame::bulk("v")]);
                let key = Frame::Array(vec![Frame::bulk(&longest), values]);
                assert_eq!(page[3], Frame::Array(vec![key]));
            }
            false => client
                .client
                .ask(format!("LIST:{longest}\n"), format!("{longest}\n\n")),
        }
        client.client.end();
        assert_eq!(client.hear_all(), []);
    }
}
