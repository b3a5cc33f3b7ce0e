//! Holds the client's watch and mirror to their word where a server breaks off, forgets, is
//! replaced or says what nobody has heard of.

#![forbid(unsafe_code)]

#[path = "../common/mod.rs"]
mod common;
mod copies;
mod script;

use futures_lite::future;
use kvmsg::client::{Error, Event, Position, Watch};
use script::{EPOCH, Step, half_a_push, hears, play, push, watching};
use smol::Timer;
use std::time::Duration;

const OTHER: &str = "fedcba9876543210";

/// Runs a test, which fails if it waits in vain.
pub(crate) fn in_time<T>(test: impl Future<Output = T>) -> T {
    let late = async {
        Timer::after(common::PATIENCE).await;
        panic!("it waits in vain");
    };
    smol::block_on(future::or(test, late))
}

/// An event in a few words. How long a pause is, is left to chance.
pub(crate) fn shown(event: &Event) -> String {
    match event {
        Event::Connected { from } => format!("from {from}"),
        Event::Change { op, revision, .. } => format!("{} {revision}", op.word()),
        Event::Lost { first, last } => format!("lost {first} {last}"),
        Event::Gone {
            since,
            oldest,
            from,
        } => format!("gone {since} {oldest} {from}"),
        Event::Progress { revision } => format!("progress {revision}"),
        Event::Drain { seconds } => format!("drain {seconds}"),
        Event::Disconnected { .. } => "closed".to_owned(),
    }
}

fn position(text: &str) -> Position {
    text.parse().expect("it is a position")
}

#[test]
fn a_watch_goes_on_behind_what_it_has_handed_out_wherever_the_connection_breaks() {
    let resumes = |revision| hears(&format!("WATCH p SINCE {EPOCH} {revision}"));
    let gone = || Step::Says(format!("-GONE oldest 30 epoch {OTHER}\r\n").into());
    let (address, playing) = play(vec![
        // Before the first reply there is nothing to go on from.
        vec![hears("WATCH p")],
        vec![
            hears("WATCH p"),
            watching(EPOCH, 5),
            push("notify PUT p 7 v"),
            push("moved elsewhere 8"),
            half_a_push("notify PUT p 9 v"),
        ],
        vec![resumes(7)],
        vec![resumes(7), Step::Says(b"*2\r\n$16\r\n01234".to_vec())],
        vec![
            resumes(7),
            watching(EPOCH, 7),
            push("notify PUT p 9 v"),
            push("progress 12"),
        ],
        vec![
            resumes(12),
            watching(EPOCH, 12),
            push("lost 13 20"),
            push("drain 3"),
        ],
        // As long as it does not know from where to go on, it goes on from where it was.
        vec![resumes(20), gone(), hears("WATCH p")],
        vec![
            resumes(20),
            gone(),
            hears("WATCH p"),
            watching(OTHER, 40),
            push("notify DELETE p 41"),
        ],
    ]);
    let expected = [
        "closed".to_owned(),
        format!("from {EPOCH}:5"),
        "PUT 7".to_owned(),
        "closed".to_owned(),
        "closed".to_owned(),
        "closed".to_owned(),
        format!("from {EPOCH}:7"),
        "PUT 9".to_owned(),
        "progress 12".to_owned(),
        "closed".to_owned(),
        format!("from {EPOCH}:12"),
        "lost 13 20".to_owned(),
        "drain 3".to_owned(),
        "closed".to_owned(),
        "closed".to_owned(),
        format!("gone {EPOCH}:20 30 {OTHER}:40"),
        "DELETE 41".to_owned(),
    ];
    in_time(async {
        let mut watch = Watch::new(&address, b"p");
        assert_eq!(watch.position(), None);
        for expected in expected {
            assert_eq!(shown(&watch.next().await.unwrap()), expected);
        }
        let reached = position(&format!("{OTHER}:41"));
        assert_eq!(watch.position(), Some(&reached));
    });
    playing.join().unwrap();
}

#[test]
fn nothing_is_told_twice_though_a_server_says_it_twice() {
    let (address, playing) = play(vec![vec![
        hears(&format!("WATCH  SINCE {EPOCH} 7")),
        watching(EPOCH, 7),
        push("notify PUT p 7 v"),
        push("notify PUT p 8 v"),
        push("lost 8 8"),
        push("notify PUT p 9 v"),
    ]]);
    in_time(async {
        let mut watch = Watch::new(&address, b"").since(position(&format!("{EPOCH}:7")));
        for expected in [&format!("from {EPOCH}:7"), "PUT 8", "PUT 9"] {
            assert_eq!(shown(&watch.next().await.unwrap()), expected);
        }
    });
    playing.join().unwrap();
}

#[test]
fn what_no_other_attempt_would_mend_is_an_error() {
    let since = format!("WATCH p SINCE {EPOCH} 7");
    let refusal = || Step::Says(b"-ERR no such thing\r\n".to_vec());
    let cases: Vec<(Vec<Step>, &str)> = vec![
        (vec![hears(&since), refusal()], "no such thing"),
        (vec![hears(&since), watching(EPOCH, 8)], "resumes elsewhere"),
        (
            vec![
                hears(&since),
                watching(EPOCH, 7),
                Step::Says(b"+OK\r\n".to_vec()),
            ],
            "nobody asked",
        ),
        (
            vec![hears(&since), watching(EPOCH, 7), push("notify RENAME p 8")],
            "unknown change",
        ),
    ];
    for (steps, expected) in cases {
        let (address, playing) = play(vec![steps]);
        in_time(async {
            let mut watch = Watch::new(&address, b"p").since(position(&format!("{EPOCH}:7")));
            let error = loop {
                match watch.next().await {
                    Ok(Event::Connected { .. }) => {}
                    Ok(event) => panic!("{event:?}"),
                    Err(error) => break error,
                }
            };
            assert!(error.to_string().contains(expected), "{error}");
        });
        playing.join().unwrap();
    }
}

#[test]
fn a_server_that_is_not_there_is_tried_again_after_growing_pauses() {
    let (address, _held) = common::free_address();
    in_time(async {
        let mut watch = Watch::new(&address.to_string(), b"").timeout(Duration::from_secs(30));
        let mut longest = Duration::ZERO;
        for _ in 0..4 {
            match watch.next().await.unwrap() {
                Event::Disconnected {
                    error: Error::Connect { .. },
                    pause,
                } => {
                    assert!(pause * 2 > longest && pause <= Duration::from_secs(1));
                    longest = longest.max(pause);
                }
                event => panic!("{event:?}"),
            }
        }
        assert!(longest > Duration::from_millis(150), "{longest:?}");
    });
}

#[test]
fn a_full_server_is_tried_again() {
    let daemon = common::Daemon::start(&["--clients-max", "1"]);
    let only = daemon.connect_resp3();
    in_time(async {
        let mut watch = Watch::new(&daemon.address.to_string(), b"");
        match watch.next().await.unwrap() {
            Event::Disconnected { error, .. } => assert!(matches!(error, Error::Refused(_))),
            event => panic!("{event:?}"),
        }
        drop(only);
        let end = std::time::Instant::now() + common::PATIENCE;
        while !matches!(watch.next().await.unwrap(), Event::Connected { .. }) {
            assert!(std::time::Instant::now() < end, "it gets in");
        }
    });
}
