//! Holds the manual pages to what the program says of itself.

use std::collections::BTreeSet;

/// Words, in order, that one side has.
pub(crate) type Words = BTreeSet<String>;

/// What only one of the two has.
pub(crate) fn differences(one: &str, a: &Words, other: &str, b: &Words) -> Vec<String> {
    let only_a = a
        .difference(b)
        .map(|word| format!("{word}: in {one}, not in {other}"));
    let only_b = b
        .difference(a)
        .map(|word| format!("{word}: in {other}, not in {one}"));
    only_a.chain(only_b).collect()
}

/// The flags in what `--help` prints.
pub(crate) fn flags_of_help(help: &str) -> Words {
    let words = help.split(|c: char| c.is_whitespace() || "[]()|,=.:;\"'`".contains(c));
    // A usage line has `--key` in the place of every key.
    words
        .filter(|word| is_flag(word) && *word != "--key")
        .map(str::to_owned)
        .collect()
}

fn is_flag(word: &str) -> bool {
    let name = word
        .strip_prefix("--")
        .or(word.strip_prefix('-'))
        .unwrap_or_default();
    name == "0" || name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The keys, at the start of what `--print-config` prints for each.
pub(crate) fn keys_of_config(config: &str) -> Words {
    let key = |line: &str| line.split([' ', '=']).next().unwrap_or_default().to_owned();
    config.lines().map(key).collect()
}

/// What the items of a page's lists say with `macro_name`: `.It Fl c Ar file` with "Fl" is `c`.
pub(crate) fn items(page: &str, macro_name: &str) -> Words {
    let items = page.lines().filter(|line| line.starts_with(".It "));
    items.flat_map(|line| said(line, macro_name)).collect()
}

/// What a page says with `macro_name` anywhere.
pub(crate) fn mentions(page: &str, macro_name: &str) -> Words {
    let lines = page
        .lines()
        .filter(|line| line.starts_with('.') && !line.starts_with(".\\\""));
    lines.flat_map(|line| said(line, macro_name)).collect()
}

fn said(line: &str, macro_name: &str) -> Vec<String> {
    let words: Vec<&str> = line.trim_start_matches('.').split_whitespace().collect();
    let said = words.windows(2).filter(|two| two[0] == macro_name);
    let said = said.map(|two| two[1].to_owned());
    said.filter(|word| word != "-key").collect()
}

/// Flags as a page's `Fl` names them, written out: `c` is `-c`, `-check` is `--check`.
pub(crate) fn written_out(flags: Words) -> Words {
    flags.into_iter().map(|flag| format!("-{flag}")).collect()
}

/// The verbs in what `--help` prints, with their arguments: `put KEY VALUE`, `ping [TEXT]`.
pub(crate) fn verbs_of_help(help: &str) -> Words {
    let (_, rest) = help.split_once("\nVerbs:\n").unwrap_or_default();
    let lines = rest.lines().take_while(|line| !line.is_empty());
    // Two blanks or more stand between a verb's arguments and what it does.
    let usages = lines.filter_map(|line| line.trim_start().split("  ").next());
    usages.map(str::to_owned).collect()
}

/// The verbs that a subsection of a page lists, with their arguments in the same form.
pub(crate) fn verbs(page: &str, subsection: &str) -> Words {
    let head = format!(".Ss {subsection}");
    let lines = page.lines().skip_while(|line| **line != head).skip(1);
    let ends = |line: &&str| line.starts_with(".Ss ") || line.starts_with(".Sh ");
    let lines = lines.take_while(|line| !ends(line));
    let items = lines.filter_map(|line| line.strip_prefix(".It Cm "));
    items.map(usage).collect()
}

/// `put Ar key value` as `put KEY VALUE`, and `ping Op Ar text` as `ping [TEXT]`.
fn usage(item: &str) -> String {
    let (verb, args) = item.split_once(' ').unwrap_or((item, ""));
    let mut usage = verb.to_owned();
    let mut is_optional = false;
    for word in args.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "Op" => is_optional = true,
            "Ar" => {}
            arg if is_optional => usage.push_str(&format!(" [{}]", arg.to_uppercase())),
            arg => usage.push_str(&format!(" {}", arg.to_uppercase())),
        }
    }
    usage
}

/// Every word of a text that begins with `KVMSGD_` and goes on, without a `*` behind it.
pub(crate) fn variables(text: &str) -> Words {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("KVMSGD_") && *word != "KVMSGD_")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
fn words(words: &[&str]) -> Words {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn differences_are_found_on_both_sides() {
    let (a, b) = (words(&["same", "a"]), words(&["b", "same"]));
    assert_eq!(differences("x", &a, "y", &a), [""; 0]);
    assert_eq!(
        differences("x", &a, "y", &b),
        ["a: in x, not in y", "b: in y, not in x"]
    );
}

#[test]
fn flags_are_found_in_help() {
    let help =
        "usage: kvmsgd [-c FILE] [--key value]\n  -h, --help  print this - not -1 (--x-y)\n  -0\n";
    let expected = words(&["-0", "-c", "-h", "--help", "--x-y"]);
    assert_eq!(flags_of_help(help), expected);
}

#[test]
fn keys_are_found_in_the_printed_settings() {
    let config = "listen = \"127.0.0.1:8080\" # default\nclients_max = 7 # --clients-max\n";
    assert_eq!(keys_of_config(config), words(&["listen", "clients_max"]));
}

#[test]
fn flags_are_found_in_a_page() {
    let page = ".Op Fl h Op Fl -key Ar value
.It Fl c Ar file , Fl -config Ar file
.\\\" .It Fl d
It Fl e
";
    assert_eq!(written_out(items(page, "Fl")), words(&["-c", "--config"]));
    assert_eq!(
        written_out(mentions(page, "Fl")),
        words(&["-c", "--config", "-h"])
    );
}

#[test]
fn verbs_are_found_in_help_and_in_a_page() {
    let expected = words(&["put KEY VALUE", "ping [TEXT]", "stats"]);
    let help = "x\n\nVerbs:\n  put KEY VALUE  append\n  ping [TEXT]    ask\n  stats  all\n\
        \nExamples:\n  no verb\n";
    assert_eq!(verbs_of_help(help), expected);
    let page = ".It Cm before\n.Ss Verbs\n.Bl\n.It Cm put Ar key value\n.Sx Output\n\
        .It Cm ping Op Ar text\n.It Cm stats\n.El\n.Ss Output\n.It Cm after\n";
    assert_eq!(verbs(page, "Verbs"), expected);
}

#[test]
fn variables_are_found_in_a_page() {
    let page = ".It Ev KVMSGD_LISTEN\nKVMSGD_ (KVMSGD_CONFIG), KVMSGD_PORT*\nXKVMSGD_Y kvmsgd_z\n";
    let expected = words(&["KVMSGD_LISTEN", "KVMSGD_CONFIG", "KVMSGD_PORT"]);
    assert_eq!(variables(page), expected);
}
