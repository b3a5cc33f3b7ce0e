//! Mirrors of scripted servers: what breaks off between two pages, and what is lost there.

use crate::in_time;
use crate::script::{EPOCH, Step, hears, page, play, push, watching};
use kvmsg::client::{Mirror, Update};

/// The keys of a mirror and its position, after so many updates; and these in a few words.
fn after(address: &str, updates: usize) -> (Vec<String>, String) {
    in_time(async {
        let mut mirror = Mirror::new(address, b"p").page_keys(1);
        let mut shown = Vec::new();
        for _ in 0..updates {
            let empty = mirror.map().is_empty();
            shown.push(match mirror.next().await.unwrap() {
                Update::Listed { changed } => format!("listed {}", changed.len()),
                Update::Changed { revision, .. } => format!("changed {revision}"),
                Update::Progress { revision } => format!("progress {revision}"),
                Update::Connected => "connected".to_owned(),
                Update::Disconnected { .. } => "closed".to_owned(),
            });
            let is_first = shown.iter().any(|shown| shown.starts_with("listed"));
            assert!(is_first || empty && mirror.map().is_empty());
        }
        let pairs = mirror.map().iter().map(|(key, values)| {
            let values: Vec<_> = values
                .iter()
                .map(|value| String::from_utf8_lossy(value))
                .collect();
            format!("{}={}", String::from_utf8_lossy(key), values.join(","))
        });
        let position = mirror.position().expect("it has been listed");
        (
            shown,
            format!("{} at {position}", pairs.collect::<Vec<_>>().join(" ")),
        )
    })
}

#[test]
fn a_listing_that_breaks_off_goes_on_with_the_page_that_did_not_come() {
    let (address, playing) = play(vec![
        vec![
            hears("WATCH p"),
            watching(EPOCH, 5),
            hears("LIST p COUNT 1"),
            page(6, Some("pb"), &["pb"]),
            push("notify PUT pb 7 x"),
            hears("LIST p AFTER pb COUNT 1"),
        ],
        vec![
            hears(&format!("WATCH p SINCE {EPOCH} 7")),
            watching(EPOCH, 7),
            hears("LIST p AFTER pb COUNT 1"),
            push("notify PUT pd 8 pd"),
            push("notify PUT pa 9 y"),
            page(9, None, &["pd"]),
            push("notify REMOVE pb 10 x"),
        ],
    ]);
    let (shown, map) = after(&address, 5);
    let expected = ["connected", "closed", "connected", "listed 3", "changed 10"];
    assert_eq!(shown, expected);
    assert_eq!(map, format!("pa=y pb=pb pd=pd at {EPOCH}:10"));
    playing.join().unwrap();
}

#[test]
fn a_loss_between_two_pages_begins_the_listing_anew() {
    let (address, playing) = play(vec![vec![
        hears("WATCH p"),
        watching(EPOCH, 5),
        hears("LIST p COUNT 1"),
        page(6, Some("pb"), &["pb"]),
        hears("LIST p AFTER pb COUNT 1"),
        push("lost 7 9"),
        // Of the listing that is given up.
        page(9, None, &["stale"]),
        hears("LIST p COUNT 1"),
        page(10, None, &["pc"]),
        push("progress 11"),
    ]]);
    let (shown, map) = after(&address, 3);
    assert_eq!(shown, ["connected", "listed 1", "progress 11"]);
    assert_eq!(map, format!("pc=pc at {EPOCH}:11"));
    playing.join().unwrap();
}

#[test]
fn the_old_map_stays_until_the_new_one_is_complete() {
    let (address, playing) = play(vec![vec![
        hears("WATCH p"),
        watching(EPOCH, 5),
        hears("LIST p COUNT 1"),
        page(5, None, &["pa", "pb"]),
        push("lost 6 9"),
        hears("LIST p COUNT 1"),
        page(12, Some("pb"), &["pb"]),
        // Neither the old map nor the page is to show these again.
        push("notify PUT pa 10 pa"),
        push("notify DELETE pa 11"),
        hears("LIST p AFTER pb COUNT 1"),
        page(12, None, &["pc"]),
        push("notify PUT pb 13 x"),
    ]]);
    let (shown, map) = after(&address, 4);
    assert_eq!(shown, ["connected", "listed 2", "listed 2", "changed 13"]);
    assert_eq!(map, format!("pb=pb,x pc=pc at {EPOCH}:13"));
    playing.join().unwrap();
}

#[test]
fn another_epoch_and_changes_that_do_not_fit_list_everything_anew() {
    let (address, playing) = play(vec![
        vec![
            hears("WATCH p"),
            watching(EPOCH, 5),
            hears("LIST p COUNT 1"),
            page(5, None, &["pa"]),
            push("notify REMOVE pa 6 never"),
            hears("LIST p COUNT 1"),
            page(7, None, &["pb"]),
        ],
        vec![
            hears(&format!("WATCH p SINCE {EPOCH} 6")),
            Step::Says(format!("-GONE oldest 1 epoch {EPOCH}\r\n").into()),
            hears("WATCH p"),
            watching(EPOCH, 2),
            hears("LIST p COUNT 1"),
            page(2, None, &["pb", "pc"]),
        ],
    ]);
    let (shown, map) = after(&address, 6);
    let expected = [
        "connected",
        "listed 1",
        "listed 2",
        "closed",
        "connected",
        "listed 1",
    ];
    assert_eq!(shown, expected);
    assert_eq!(map, format!("pb=pb pc=pc at {EPOCH}:2"));
    playing.join().unwrap();
}
