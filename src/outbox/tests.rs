//! Holds the outbox to its promises, with a sink that takes only so much.

use super::*;
use crate::ledger::{Account, Ledger};
use crate::list::{List, Many, Value};
use crate::protocol::notice::{Change, Held, Notice, Op};
use crate::protocol::reply::Reply;
use crate::protocol::{Dialect, encode_notice, encode_reply};
use futures_lite::future::{block_on, poll_once};
use std::io::{self, Write};

const BYTES_MAX: usize = 64 * 1024;

/// Takes as many bytes as it has room for, then would block.
#[derive(Default)]
struct Sink {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room -= taken;
        self.taken.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn outbox() -> (Outbox, Rc<Bell>, Account) {
    let account = Account::new(&Ledger::new(usize::MAX));
    let bell = Rc::<Bell>::default();
    let outbox = Outbox::new(BYTES_MAX, bell.clone(), account.charge(0));
    (outbox, bell, account)
}

fn notice(revision: u64, value: &[u8]) -> Encoded {
    let change = Change {
        revision,
        op: Op::Put,
        key: b"key"[..].into(),
        old: None,
        new: Some(Held::Shared(Value::from(value))),
    };
    encode_notice(&Notice::Change(&change), Dialect::Resp3)
}

fn flatten(notice: &Encoded) -> Vec<u8> {
    let bytes = |part: &Part| match part {
        Part::Bytes(bytes) => bytes.clone(),
        Part::Value(value) => value.to_vec(),
    };
    notice.parts().iter().flat_map(bytes).collect()
}

/// Empties the outbox in steps of `room` bytes; returns what came and what was delivered.
fn drain(outbox: &mut Outbox, room: usize) -> (Vec<u8>, u64) {
    let mut sink = Sink::default();
    let mut delivered = 0;
    while !outbox.is_empty() {
        sink.room = room;
        delivered += outbox.flush(&mut sink).unwrap().delivered;
    }
    (sink.taken, delivered)
}

#[test]
fn a_flush_is_a_slice_however_long_a_value_is() {
    let (mut outbox, _, _) = outbox();
    let value = vec![b'v'; 300_000];
    outbox.tell(&notice(1, &value));
    outbox.tell(&notice(2, b"short"));
    let mut sink = Sink {
        room: usize::MAX,
        ..Sink::default()
    };
    let mut flushes = 0;
    while !outbox.is_empty() {
        let flushed = outbox.flush(&mut sink).unwrap();
        assert!(flushed.bytes <= 72 * 1024 && !flushed.blocked);
        flushes += 1;
    }
    assert_eq!(flushes, 5);
    let told = [flatten(&notice(1, &value)), flatten(&notice(2, b"short"))];
    assert!(sink.taken == told.concat());
}

#[test]
fn replies_and_notices_leave_in_the_order_in_which_they_came() {
    let long: Vec<u8> = (0..300_000).map(|n| n as u8).collect();
    let mut list = Many::default();
    list.push(Value::from(&long[..]));
    list.push(Value::from(&b"second"[..]));
    for room in [1 << 20, 4096, 333] {
        let (mut outbox, _rung, account) = outbox();
        let mut expected = b"one".to_vec();
        outbox.reply(|out| out.extend_from_slice(b"one"));
        for (revision, value) in [(1, &long[..9000]), (2, b"short")] {
            assert!(outbox.offer(&notice(revision, value)));
            expected.extend(flatten(&notice(revision, value)));
        }
        outbox.reply_values(Values::new(&list, Dialect::Resp3));
        let values = Reply::Values(List::Many(&list));
        encode_reply(&values, Dialect::Resp3, &mut expected);
        outbox.reply(|out| out.extend_from_slice(b"last"));
        expected.extend_from_slice(b"last");
        assert_eq!(account.bytes(), expected.len());
        let (taken, delivered) = drain(&mut outbox, room);
        assert!(taken == expected, "in steps of {room}");
        assert_eq!((delivered, account.bytes()), (2, 0));
    }
}

#[test]
fn a_notice_counts_as_delivered_when_its_last_byte_has_left() {
    let (mut outbox, _rung, _account) = outbox();
    let length = notice(1, b"v").bytes_len();
    outbox.offer(&notice(1, b"v"));
    outbox.offer(&notice(2, b"v"));
    let mut sink = Sink {
        room: 2 * length - 1,
        ..Sink::default()
    };
    let flushed = outbox.flush(&mut sink).unwrap();
    assert_eq!((flushed.delivered, flushed.blocked), (1, true));
    sink.room = 1;
    assert_eq!(outbox.flush(&mut sink).unwrap().delivered, 1);
}

#[test]
fn a_notice_that_does_not_fit_is_refused_and_the_bell_rings_when_half_is_free() {
    let (mut outbox, _rung, _account) = outbox();
    let length = notice(1, b"").bytes_len();
    let most = NOTICE_BYTES_MAX / length;
    for _ in 0..most {
        assert!(outbox.offer(&notice(1, b"")));
    }
    assert!(!outbox.takes_room(), "nobody was refused");
    assert!(!outbox.offer(&notice(1, b"")));
    assert!(!outbox.is_full(), "notices never make a client wait");
    let mut sink = Sink {
        room: most / 4 * length,
        ..Sink::default()
    };
    outbox.flush(&mut sink).unwrap();
    assert!(!outbox.takes_room(), "a quarter is not half");
    assert!(!outbox.has_room_for_notices() && outbox.has_notices());
    sink.room = most / 2 * length;
    outbox.flush(&mut sink).unwrap();
    assert!(
        outbox.takes_room() && !outbox.takes_room(),
        "the bell rings once"
    );
    assert!(outbox.has_room_for_notices() && outbox.offer(&notice(1, b"")));
}

#[test]
fn one_notice_always_fits_however_long() {
    let (mut outbox, _rung, _account) = outbox();
    let huge = vec![b'x'; 4 * NOTICE_BYTES_MAX];
    assert!(outbox.offer(&notice(1, &huge)));
    assert!(!outbox.offer(&notice(2, b"")));
    drain(&mut outbox, 1 << 20);
    assert!(!outbox.has_notices());
    assert!(outbox.offer(&notice(3, &huge[..NOTICE_BYTES_MAX / 2])));
    assert!(!outbox.offer(&notice(4, &huge[..NOTICE_BYTES_MAX / 2])));
}

#[test]
fn replies_are_never_dropped_and_ring_for_room_at_half() {
    let (mut outbox, _rung, _account) = outbox();
    outbox.reply(|out| out.resize(BYTES_MAX, 0));
    assert!(!outbox.is_full(), "up to the limit is not beyond it");
    outbox.reply(|out| out.push(0));
    assert!(outbox.is_full() && outbox.has_replies());
    outbox.want_room();
    let mut sink = Sink {
        room: BYTES_MAX / 2,
        ..Sink::default()
    };
    outbox.flush(&mut sink).unwrap();
    assert!(!outbox.takes_room());
    sink.room = 1;
    outbox.flush(&mut sink).unwrap();
    assert!(outbox.takes_room());
    assert_eq!(drain(&mut outbox, 1000).0.len(), BYTES_MAX / 2);
}

#[test]
fn the_writer_is_rung_once_until_it_looks_and_always_at_the_end() {
    let (mut outbox, bell, account) = outbox();
    let is_rung = || block_on(poll_once(bell.rung())).is_some();
    outbox.reply(|out| out.push(b'a'));
    outbox.reply(|out| out.push(b'b'));
    assert!(is_rung() && !is_rung());
    outbox.answer_bell();
    outbox.reply(|out| out.push(b'c'));
    assert!(is_rung());
    outbox.kill();
    assert!(
        is_rung(),
        "also a writer that waits for the socket wakes up"
    );
    outbox.reply(|out| out.push(b'd'));
    assert!(outbox.offer(&notice(1, b"")));
    assert!(outbox.is_empty() && outbox.is_dead());
    assert_eq!(account.bytes(), 0);
}

#[test]
fn a_reply_counts_to_the_byte_also_behind_a_notice_that_is_partly_written() {
    let (mut outbox, _rung, _account) = outbox();
    let long = notice(1, &[b'x'; 1000]);
    outbox.offer(&long);
    outbox.reply(|out| out.push(b'a'));
    for _ in 0..long.bytes_len() {
        let mut sink = Sink {
            room: 1,
            ..Sink::default()
        };
        assert!(outbox.has_replies());
        outbox.flush(&mut sink).unwrap();
    }
    assert!(outbox.has_replies());
    assert_eq!(drain(&mut outbox, 1000), (b"a".to_vec(), 0));
    assert!(!outbox.has_replies());
}

#[test]
fn a_long_reply_to_a_client_that_was_given_up_is_freed_in_parts() {
    let (mut outbox, _rung, account) = outbox();
    let value = Value::from(&b"value"[..]);
    let mut list = Many::default();
    list.push(value.clone());
    (0..20_000).for_each(|_| list.push(value.clone()));
    outbox.reply_values(Values::new(&list, Dialect::Lines));
    drop(list);
    outbox.kill();
    assert!(outbox.is_empty() && account.bytes() == 0);
    let mut held = value.holders();
    while outbox.tidy() {
        let left = value.holders();
        assert!((1..5000).contains(&(held - left)), "{held} and then {left}");
        held = left;
    }
    assert_eq!(value.holders(), 1);
}

#[test]
fn what_is_held_is_written_when_its_batch_is_released_and_only_what_stands_before_it_until_then() {
    let (mut outbox, bell, _account) = outbox();
    let is_rung = || block_on(poll_once(bell.rung())).is_some();
    let long = notice(1, &[b'x'; 10_000]);
    outbox.reply(|out| out.extend(b"free"));
    let at = outbox.queued();
    assert!(!outbox.hold(at, 1), "there is nothing to hold yet");
    outbox.reply(|out| out.extend(b"one"));
    assert!(outbox.hold(at, 1) && !outbox.hold(at, 1));
    let at = outbox.queued();
    outbox.offer(&long);
    assert!(outbox.hold(at, 2));
    // What comes behind waits too, and for no longer.
    let at = outbox.queued();
    outbox.reply(|out| out.extend(b"behind"));
    assert!(!outbox.hold(at, 1));

    let written = |outbox: &mut Outbox, room: usize| {
        let mut sink = Sink::default();
        while outbox.has_released() {
            sink.room = room;
            outbox.flush(&mut sink).unwrap();
        }
        sink.taken
    };
    for room in [1, 1000, 1 << 20] {
        let end = [&flatten(&long)[..], b"behind"].concat();
        if room == 1 {
            assert_eq!(written(&mut outbox, room), b"free");
            assert!(is_rung() && outbox.is_held() && !outbox.has_replies());
            outbox.answer_bell();
            outbox.ring_for_release();
            assert!(!is_rung(), "there is nothing to write");
            outbox.release(1);
            assert!(outbox.has_replies());
            outbox.ring_for_release();
            assert!(is_rung());
            assert_eq!(written(&mut outbox, room), b"one");
            assert!(outbox.is_held() && !outbox.is_empty());
        }
        outbox.release(2);
        assert_eq!(written(&mut outbox, room), end);
        assert!(outbox.is_empty() && !outbox.is_held());
        let at = outbox.queued();
        outbox.offer(&long);
        outbox.reply(|out| out.extend(b"behind"));
        assert!(outbox.hold(at, 2));
        assert_eq!(written(&mut outbox, room), b"");
    }
    outbox.kill();
    assert!(!outbox.is_held());
}

#[test]
fn what_waits_for_long_takes_hardly_more_room_than_it_is_long() {
    let (mut outbox, ..) = outbox();
    let room = |outbox: &Outbox| -> usize {
        let bytes = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.capacity(),
            _ => 0,
        };
        outbox.pieces.iter().map(bytes).sum()
    };
    let large = || spare::BYTES.with(|spare| spare.keep(Vec::with_capacity(200 * 1024)));
    large();
    outbox.reply(|bytes| bytes.extend_from_slice(b"short"));
    assert!(room(&outbox) > 100 * 1024, "it took the used buffer");
    assert!(outbox.flush(&mut Sink::default()).unwrap().blocked);
    assert!(room(&outbox) < 4096, "{}", room(&outbox));
    // Also what comes later, when a piece is full.
    large();
    let reply = [b'r'; 1000];
    (0..PIECE_BYTES / 1000 + 2).for_each(|_| outbox.reply(|bytes| bytes.extend(reply)));
    assert_eq!(outbox.pieces.len(), 2);
    assert!(room(&outbox) < 3 * PIECE_BYTES, "{}", room(&outbox));
}
