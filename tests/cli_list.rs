//! Lists keys with the client, in each of the forms that it prints.

mod common;

use common::Daemon;

#[test]
fn keys_are_listed_in_order_by_prefix_with_their_values_or_without() {
    let daemon = Daemon::start(&[]);
    daemon.cli(&["list"]).prints("");
    let requests = "put b 1\nput b \"2\\n3\"\nput ab 4\nput a 5\nput \"\\xff\" 6\n";
    daemon.cli_fed(&["-q"], requests).prints("");
    daemon.cli(&["list"]).prints(b"a\nab\nb\n\xff\n");
    daemon.cli(&["list", "a"]).prints("a\nab\n");
    daemon.cli(&["list", "x"]).prints("");
    daemon.cli(&["-0", "list", "a"]).prints("a\0ab\0");
    daemon
        .cli(&["--json", "list"])
        .prints("\"a\"\n\"ab\"\n\"b\"\n{\"base64\":\"/w==\"}\n");
    let values = daemon.cli(&["list", "--values"]);
    values.prints(b"a\t5\nab\t4\nb\t1\nb\t2\n3\n\xff\t6\n");
    let values = daemon.cli(&["list", "--values", "-0", "b"]);
    values.prints("b\t1\0b\t2\n3\0");
    let documents = "{\"key\":\"a\",\"values\":[\"5\"]}\n{\"key\":\"ab\",\"values\":[\"4\"]}\n";
    daemon
        .cli(&["list", "--values", "--json", "a"])
        .prints(documents);
}

#[test]
fn more_keys_than_a_page_holds_are_listed_whole() {
    let daemon = Daemon::start(&[]);
    let keys: Vec<String> = (0..5000).map(|n| format!("k{n:05}")).collect();
    let requests = |keys: &[String]| {
        let puts = keys.iter().map(|key| format!("put {key} v\n"));
        puts.collect::<String>()
    };
    daemon.cli_fed(&["-q"], requests(&keys)).prints("");
    let expected = keys.join("\n") + "\n";
    daemon.cli(&["list"]).prints(&expected);
    daemon.cli(&["list", "k00"]).prints(&expected[..7 * 1000]);
    // And through a pipe, as one reply.
    daemon
        .cli_fed(&[""; 0], "list k\nping\n")
        .prints(expected + "\nPONG\n");
}
