//! Lists faults that are planted in the good record, each with the promise that it breaks.

/// What is planted: the promise it breaks, a part of what the validator says, and replacements of
/// text that stands in the good record once.
pub type Fault = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// The faults, several a promise.
pub const FAULTS: &[Fault] = &[
    (
        "Ordered",
        "comes after",
        &[(
            "a ! notify PUT k/a 1 1\na ! notify PUT k/b 2 1",
            "a ! notify PUT k/b 2 1\na ! notify PUT k/a 1 1",
        )],
    ),
    (
        "Ordered",
        "lost range of 7..8 comes after",
        &[
            ("a ! lost 7 8\n", ""),
            (
                "a ! notify REMOVE k/c 9 1",
                "a ! notify REMOVE k/c 9 1\na ! lost 7 8",
            ),
        ],
    ),
    (
        "Unique",
        "second time",
        &[(
            "a ! notify PUT x 5 7",
            "a ! notify PUT x 5 7\na ! notify PUT x 5 7",
        )],
    ),
    (
        "Unique",
        "revision 4 is told a second time",
        &[(
            "l ! notify UPDATE k/a",
            "l ! notify UPDATE k/a\nl ! notify UPDATE k/a",
        )],
    ),
    (
        "Unique",
        "resumed after 4",
        &[(
            "c < watching e 4",
            "c < watching e 4\nc ! notify UPDATE k/a 4 1 2",
        )],
    ),
    (
        "Atomic",
        "told UPDATE",
        &[("a ! notify PUT x 5 7", "a ! notify UPDATE x 5 7")],
    ),
    (
        "Atomic",
        "told PUT y",
        &[("a ! notify PUT x 5 7", "a ! notify PUT y 5 7")],
    ),
    (
        "Atomic",
        "[\"8\"]",
        &[("a ! notify PUT x 5 7", "a ! notify PUT x 5 8")],
    ),
    (
        "Atomic",
        "[]",
        &[("a ! notify PUT x 5 7", "a ! notify PUT x 5")],
    ),
    (
        "Atomic",
        "nobody has made",
        &[("a ! progress 5", "a ! notify PUT x 99 7\na ! progress 5")],
    ),
    (
        "Atomic",
        "nobody has made",
        &[(
            "l ! notify UPDATE k/a",
            "l ! notify UPDATE k/a\nl ! notify DELETE k/a",
        )],
    ),
    (
        "Filtered",
        "does not concern",
        &[("b cut", "b ! notify PUT x 5 7\nb cut")],
    ),
    (
        "Filtered",
        "does not concern",
        &[(
            "m < watching e 9",
            "m < watching e 9\nm ! notify REMOVE k/c 9 1",
        )],
    ),
    (
        "Filtered",
        "its own",
        &[("a > WATCH \"\" ECHO", "a > WATCH \"\"")],
    ),
    (
        "Filtered",
        "watches nothing",
        &[("c < ok", "c < ok\nc ! notify DELETE k/b 10")],
    ),
    (
        "Filtered",
        "watches nothing",
        &[("w < done 9", "w < done 9\nw ! progress 9")],
    ),
    (
        "Filtered",
        "no progress",
        &[(
            "l ! notify UPDATE k/a",
            "l ! notify UPDATE k/a\nl ! progress 4",
        )],
    ),
    (
        "Filtered",
        "does not concern",
        &[(
            "l ! notify UPDATE k/a",
            "l ! notify UPDATE k/a\nl ! notify PUT x",
        )],
    ),
    (
        "Reliable",
        "revision 2",
        &[("a ! notify PUT k/b 2 1\n", "")],
    ),
    ("Reliable", "revision 4", &[("l ! notify UPDATE k/a\n", "")]),
    (
        "Reliable",
        "revision 11",
        &[("a ! notify PUT k/a 11 4\na ! progress 11\n", "")],
    ),
    (
        "Reliable",
        "revision 11",
        &[("g ! notify PUT k/a 11 4\n", "")],
    ),
    (
        "Reliable",
        "revision 8",
        &[("a ! lost 7 8", "a ! lost 7 7")],
    ),
    (
        "Resumable",
        "revision 6",
        &[("c ! notify PUT k/c 6 1\n", "")],
    ),
    (
        "Resumable",
        "answered with e 5",
        &[("c < watching e 4", "c < watching e 5")],
    ),
    (
        "Resumable",
        "answered with f 4",
        &[("c < watching e 4", "c < watching f 4")],
    ),
    (
        "Resumable",
        "the epoch is e",
        &[("c > WATCH k/ SINCE e 4", "c > WATCH k/ SINCE f 4")],
    ),
    (
        "Resumable",
        "began at 9",
        &[("SINCE e 8\ng < watching e 8", "SINCE e 7\ng < watching e 7")],
    ),
    (
        "Resumable",
        "at most 11",
        &[(
            "w > LIST",
            "h opens resp3\nh > WATCH k/ SINCE e 50\nh < watching e 50\nw > LIST",
        )],
    ),
    (
        "Resumable",
        "while it watches",
        &[("g > WATCH o", "g > WATCH o SINCE e 11")],
    ),
    (
        "Resumable",
        "refused",
        &[("SINCE e 2\ng < gone 9 e", "SINCE e 2\ng < refused why")],
    ),
    ("Resumable", "9 is held", &[("SINCE e 2", "SINCE e 8")]),
    (
        "Resumable",
        "names the epoch f",
        &[("SINCE e 2\ng < gone 9 e", "SINCE e 2\ng < gone 9 f")],
    ),
    (
        "Resumable",
        "between 9 and 9",
        &[("SINCE e 2\ng < gone 9 e", "SINCE e 2\ng < gone 4 e")],
    ),
    (
        "Bookmarkable",
        "told after",
        &[(
            "a ! notify PUT x 5 7\na ! progress 5",
            "a ! progress 5\na ! notify PUT x 5 7",
        )],
    ),
    (
        "Bookmarkable",
        "lost after",
        &[("a ! lost 7 8", "a ! progress 8\na ! lost 7 8")],
    ),
    (
        "Bookmarkable",
        "at most 11",
        &[("a ! progress 11", "a ! progress 12")],
    ),
    (
        "Bookmarkable",
        "after progress 11",
        &[("a ! progress 11", "a ! progress 11\na ! progress 10")],
    ),
    (
        "Bookmarkable",
        "revision 6",
        &[(
            "b cut\nw > PUT k/c 1\n",
            "w > PUT k/c 1\nb ! progress 6\nb cut\n",
        )],
    ),
    (
        "Accounted",
        "is told, and lost",
        &[("a ! lost 7 8", "a ! lost 6 8")],
    ),
    (
        "Accounted",
        "overlaps",
        &[("a ! lost 7 8", "a ! lost 7 8\na ! lost 8 8")],
    ),
    (
        "Accounted",
        "no range",
        &[("a ! lost 7 8", "a ! lost 7 8\na ! lost 9 8")],
    ),
    (
        "Accounted",
        "still to come",
        &[("b cut", "b ! lost 5 7\nb cut")],
    ),
    (
        "Accounted",
        "still holds 7",
        &[("revision=9 revision=8", "revision=7 revision=8")],
    ),
    (
        "ReplyOrder",
        "revision 3 is told before",
        &[(
            "a < done 3\na ! notify PUT o 3 5",
            "a ! notify PUT o 3 5\na < done 3",
        )],
    ),
    (
        "ReplyOrder",
        "revision 10 is told before",
        &[(
            "m < page 9 k/a k/a=2,3\nm ! notify DELETE k/b 10",
            "m ! notify DELETE k/b 10\nm < page 9 k/a k/a=2,3",
        )],
    ),
    (
        "ReplyOrder",
        "before the notice of 11",
        &[(
            "m ! notify PUT k/a 11 4\nm < page 11 - k/c=2",
            "m < page 11 - k/c=2\nm ! notify PUT k/a 11 4",
        )],
    ),
    (
        "ReplyOrder",
        "after one that was answered 11",
        &[(
            "w > LIST \"\" COUNT 1000\n",
            "w > UPDATE o 5 5\nw < done 10\nw > LIST \"\" COUNT 1000\n",
        )],
    ),
    (
        "MirrorEqual",
        "k/c",
        &[("m < page 11 - k/c=2", "m < page 11 - k/c=3")],
    ),
    ("MirrorEqual", "x is None", &[(" x=7", "")]),
    ("MirrorEqual", "y is", &[(" x=7", " x=7 y=1")]),
    ("MirrorEqual", "disorder", &[("o=5 x=7", "x=7 o=5")]),
    (
        "MirrorEqual",
        "not listed all",
        &[
            ("m > LIST k/ AFTER k/a COUNT 1\n", ""),
            ("m < page 11 - k/c=2\n", ""),
        ],
    ),
    (
        "MirrorEqual",
        "from 5 to 5 were these the keys",
        &[("l < keys k/a k/b", "l < keys k/a k/b o")],
    ),
    (
        "MirrorEqual",
        "were these the keys: []",
        &[("l < keys k/a k/b", "l < keys")],
    ),
    (
        "MirrorEqual",
        "were these the keys",
        &[("l < keys k/a k/b", "l < keys k/b k/a")],
    ),
];

/// The faults of a run that ends with the server.
pub const DRAIN_FAULTS: &[Fault] = &[
    (
        "Reliable",
        "revision 4",
        &[("a ! notify PUT k/c 4 1\n", "")],
    ),
    (
        "Reliable",
        "revision 4",
        &[("b ! lost 2 4", "b ! lost 2 3")],
    ),
    ("Reliable", "revision 2", &[("b ! lost 2 4\n", "")]),
    (
        "Reliable",
        "revision 4",
        &[("l ! lost 3 4", "l ! lost 3 3")],
    ),
    ("Reliable", "revision 3", &[("l ! lost 3 4\n", "")]),
    ("Accounted", "notices_lost is", &[("=LOST", "=4")]),
    ("Accounted", "notices_delivered is", &[("=DELIVERED", "=9")]),
    (
        "Accounted",
        "is told, and lost",
        &[("b ! lost 2 4", "b ! notify PUT k/b 2 1\nb ! lost 2 4")],
    ),
    (
        "Drained",
        "not told that the server stops",
        &[("b ! drain\n", "")],
    ),
    (
        "Drained",
        "not told that the server stops",
        &[("l ! drain\n", "")],
    ),
    ("Drained", "not ended this connection", &[("a end\n", "")]),
    ("Drained", "not ended this connection", &[("w end\n", "")]),
    ("Drained", "of its own accord", &[("h half\n", "")]),
    ("Drained", "8 heard", &[("=ANSWERED", "=9")]),
];
