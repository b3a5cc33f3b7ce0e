//! Holds the client to its own limits.

use super::*;

#[test]
fn notices_that_are_not_asked_for_are_bounded_and_none_goes_unsaid() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut client = Client::new(Async::new(socket).unwrap(), TIMEOUT);
    let change = |revision| Notice::Change {
        op: Op::Delete,
        key: b"k".to_vec(),
        revision,
        values: Vec::new(),
    };
    let kept = NOTICES_MAX as u64;
    (1..=kept + 5).for_each(|revision| client.keep(change(revision)));
    client.keep(Notice::Lost {
        first: kept + 6,
        last: kept + 9,
    });
    client.keep(change(kept + 10));
    client.keep(Notice::Drain { seconds: 1 });
    assert_eq!(client.notices.len(), NOTICES_MAX + 2);
    let lost = Notice::Lost {
        first: kept + 1,
        last: kept + 10,
    };
    assert_eq!(client.notices[NOTICES_MAX], lost);
    assert_eq!(client.notices[NOTICES_MAX - 1], change(kept));
}
