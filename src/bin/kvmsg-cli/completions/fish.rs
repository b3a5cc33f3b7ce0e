//! The script for fish.

use super::{SHELLS, verbs, verbs_with_flags, with_value};
use crate::options::table::{self, Id};
use kvmsg::flags::Flag;
use std::fmt::Write as _;

/// The script but for what it completes.
const SCRIPT: &str = r#"# Completes kvmsg-cli in fish; made by `kvmsg-cli completions fish`.

# Says which verb has been typed, if any.
function __kvmsg_cli_verb
    set -l words (commandline -opc)
    set -l is_value no
    for word in $words[2..-1]
        if test $is_value = yes
            set is_value no
            continue
        end
        switch $word
            case @VALUED@
                set is_value yes
            case '-*'
            case '*'
                string lower -- $word
                return
        end
    end
end

function __kvmsg_cli_has
    test "$(__kvmsg_cli_verb)" = "$argv[1]"
end

# Whether a command is being typed behind --exec --.
function __kvmsg_cli_runs
    set -l words (commandline -opc)
    contains -- --exec $words; and contains -- -- $words
end

complete -c kvmsg-cli -f
complete -c kvmsg-cli -n __kvmsg_cli_runs -F -a "(__fish_complete_command)"
"#;

pub fn script() -> String {
    let mut text = SCRIPT.replace(
        "@VALUED@",
        &[with_value(true), with_value(false)].concat().join(" "),
    );
    let mut words = Vec::new();
    for verb in verbs() {
        let help = quoted(verb.help);
        add(&mut text, "''", &format!("-a {} -d {help}", verb.word));
        words.push(verb.word);
    }
    for flag in table::general() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "complete -c kvmsg-cli {}", spec(flag));
    }
    for (verb, flags) in verbs_with_flags() {
        flags
            .iter()
            .for_each(|flag| add(&mut text, verb.word, &spec(flag)));
    }
    add(&mut text, "backup", "-F");
    add(&mut text, "help", &format!("-a '{}'", words.join(" ")));
    add(
        &mut text,
        "completions",
        &format!("-a '{}'", SHELLS.join(" ")),
    );
    text
}

/// Adds what is completed behind a verb.
fn add(text: &mut String, verb: &str, what: &str) {
    let _ = writeln!(
        text,
        "complete -c kvmsg-cli -n \"__kvmsg_cli_has {verb}\" {what}"
    );
}

/// A flag as `complete` takes it.
fn spec(flag: &Flag<Id>) -> String {
    let short = flag.short.map(|short| format!("-s {short} "));
    let value = match flag.value {
        None => "",
        Some("FILE") => "-r -F ",
        Some(_) => "-x ",
    };
    let (short, long) = (short.unwrap_or_default(), flag.long.replace('_', "-"));
    format!("{short}-l {long} {value}-d {}", quoted(flag.help))
}

/// A word in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
