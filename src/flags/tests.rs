//! Tries command lines on a table like that of a small client.

use super::*;

static TABLE: Table<char> = Table {
    program: "prog",
    about: "prog does it.",
    groups: &[
        Group {
            heading: "Flags",
            brief: None,
            apart: false,
            flags: &[
                Flag {
                    value: Some("ADDRESS"),
                    default: Some("here"),
                    ..Flag::switch('s', Some('s'), "server", "the server to speak to, if any")
                },
                Flag::switch('j', None, "json", "print documents"),
                Flag::switch('0', Some('0'), "null", "end each with NUL"),
                Flag::last('h', 'h', "help", "print this"),
            ],
        },
        Group {
            heading: "More",
            brief: Some("[--more value ...]"),
            apart: false,
            flags: &[Flag {
                value: Some("N"),
                ..Flag::switch(
                    'm',
                    None,
                    "so_many",
                    "how many of them there may be at once",
                )
            }],
        },
        Group {
            heading: "Flags of a verb",
            brief: Some("[FLAGS OF VERB]"),
            apart: true,
            flags: &[Flag::switch('q', Some('q'), "quickly", "do it quickly")],
        },
    ],
    operands: Some("[VERB ARGS...]"),
};

fn read(args: &[&str]) -> Result<(String, Vec<OsString>), FlagError> {
    let args = parse(&TABLE, args.iter().map(OsString::from))?;
    let shown = |given: &Given<char>| format!("{} {:?} {:?};", given.id, given.typed, given.value);
    Ok((args.given.iter().map(shown).collect(), args.operands))
}

#[test]
fn every_way_to_give_a_value_is_taken() {
    let ways: [&[&str]; 6] = [
        &["-s", "a"],
        &["-sa"],
        &["-s=a"],
        &["--server", "a"],
        &["--server=a"],
        &["-0sa"],
    ];
    for args in ways {
        let (given, operands) = read(args).unwrap();
        let name = if args[0].starts_with("--") {
            "--server"
        } else {
            "-s"
        };
        assert!(given.ends_with(&format!("s {name:?} \"a\";")), "{given}");
        assert!(operands.is_empty());
    }
    assert_eq!(
        read(&["--so-many", "--json"]).unwrap().0,
        r#"m "--so-many" "--json";"#
    );
    assert_eq!(read(&["--server="]).unwrap().0, r#"s "--server" "";"#);
}

#[test]
fn operands_keep_their_order_and_dashes_end_the_flags() {
    let (given, operands) = read(&["put", "--json", "-", "--", "-s", "--bogus"]).unwrap();
    assert_eq!(given, r#"j "--json" "";"#);
    assert_eq!(operands, ["put", "-", "-s", "--bogus"]);
}

#[test]
fn nothing_behind_help_is_looked_at() {
    for args in [
        &["-h", "--bogus"][..],
        &["--help=x"],
        &["-hx"],
        &["--help", "--so-many"],
    ] {
        assert!(read(args).unwrap().0.starts_with('h'), "{args:?}");
    }
}

#[test]
fn mistakes_are_told_in_one_line() {
    let cases: [(&[&str], &str); 8] = [
        (
            &["--jsno"],
            r#"unknown flag "--jsno"; did you mean --json?"#,
        ),
        (
            &["--so_many=3"],
            r#"unknown flag "--so_many"; did you mean --so-many?"#,
        ),
        (&["--\n"], r#"unknown flag "--\n"; prog -h lists the flags"#),
        (&["-x"], r#"unknown flag "-x"; prog -h lists the flags"#),
        (&["-s"], "-s: its value ADDRESS is missing"),
        (&["--server"], "--server: its value ADDRESS is missing"),
        (
            &["--json=yes"],
            r#"--json takes no value, but was given "yes""#,
        ),
        (&["-0=yes"], r#"-0 takes no value, but was given "yes""#),
    ];
    for (args, message) in cases {
        assert_eq!(read(args).unwrap_err().to_string(), message);
    }
}

#[test]
fn operands_are_refused_where_none_are_taken() {
    let table = Table {
        operands: None,
        groups: TABLE.groups,
        ..TABLE
    };
    let error = parse(&table, ["get".into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"unexpected operand "get"; only flags are taken"#
    );
}

#[test]
fn help_is_aligned() {
    let help = "\
prog does it.

usage: prog [-s ADDRESS] [--json] [-0] [-h] [--more value ...] [FLAGS OF VERB]
            [VERB ARGS...]

Flags:
  -s, --server ADDRESS  the server to speak to, if any [here]
      --json            print documents
  -0, --null            end each with NUL
  -h, --help            print this

More:
      --so-many N       how many of them there may be at once
";
    assert_eq!(super::help(&TABLE), help);
    // What stands apart is left out there, and read all the same.
    let apart = "Flags of a verb:\n  -q, --quickly  do it quickly\n";
    assert_eq!(section(&TABLE.groups[2]), apart);
    assert_eq!(
        read(&["-q"]).map(|read| read.0),
        Ok("q \"-q\" \"\";".to_owned())
    );
}

#[test]
fn long_lines_are_broken_and_indented() {
    let words: Vec<_> = (0..30).map(|n| format!("word{n}")).collect();
    let text = lines("start ", 6, &words);
    assert!(text.lines().count() > 2);
    assert!(text.lines().all(|line| line.len() <= COLUMNS_MAX));
    assert!(
        text.lines()
            .skip(1)
            .all(|line| line.starts_with("      word"))
    );
    assert_eq!(text.split_whitespace().count(), 31);
}

#[test]
fn what_is_verbatim_is_an_operand_whatever_it_looks_like() {
    let read = |args: &[&str]| {
        let args = args.iter().map(OsString::from);
        let args = parse_around(&TABLE, args, |operands, _| operands.len() == 1)?;
        let given: String = args.given.iter().map(|given| given.id).collect();
        Ok::<_, FlagError>((given, args.operands.join(OsStr::new(" "))))
    };
    for value in ["-0", "--json", "--", "-", "-h", "--unknown", ""] {
        let operands = OsString::from(format!("put {value}"));
        assert_eq!(
            read(&["-0", "put", value]),
            Ok(("0".to_owned(), operands.clone()))
        );
        assert_eq!(
            read(&["--", "put", value]),
            Ok((String::new(), operands.clone()))
        );
        assert_eq!(read(&["put", value, "-0"]), Ok(("0".to_owned(), operands)));
    }
    assert!(read(&["put", "value", "--unknown"]).is_err());
}
