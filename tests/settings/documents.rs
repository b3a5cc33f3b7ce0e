//! Holds the shipped file of settings and its manual page to the table of keys.

use kvmsg::config::keys::KEYS;
use kvmsg::config::{self, Config};

use super::{RANGES, kvmsgd, line, printed};

#[test]
fn shipped_file_holds_every_key_at_its_default() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/kvmsg.toml");
    let loaded = config::load(["-c".into(), path.into()], []).unwrap();
    assert_eq!(loaded, config::Command::Serve(Config::default()));
    let listing = printed(kvmsgd(&["-c", path, "--print-config"]));
    assert_eq!(listing.lines().count(), KEYS.len());
    for key in &KEYS {
        assert!(
            line(&listing, key.name).contains("kvmsg.toml:"),
            "{}",
            key.name
        );
    }
}

#[test]
fn manual_page_describes_every_key() {
    let page = include_str!("../../man/kvmsg.toml.5");
    let keys = page
        .split(".Sh KEYS")
        .nth(1)
        .unwrap()
        .split(".Sh")
        .next()
        .unwrap();
    let described: Vec<_> = keys.split(".It Ic ").skip(1).collect();
    let names: Vec<_> = described
        .iter()
        .map(|text| text.lines().next().unwrap())
        .collect();
    assert_eq!(names, KEYS.each_ref().map(|key| key.name));
    for (key, text) in KEYS.iter().zip(&described) {
        let default = key.default;
        let plain = [
            format!("The default is {default}."),
            format!("The default is {default} ("),
        ];
        let literal = [
            format!(".Li {default} ."),
            format!(".Li \\(dq{default}\\(dq ."),
        ];
        let said = |words: &String| text.contains(words);
        assert!(
            plain.iter().chain(&literal).any(said),
            "default of {}",
            key.name
        );
    }
    for (key, (lowest, highest), zero) in RANGES {
        let text = described[names.iter().position(|name| *name == key).unwrap()];
        assert!(
            text.contains(&format!("rom {lowest} to {highest}")),
            "range of {key}"
        );
        assert_eq!(text.contains("\n0 for no"), zero, "zero of {key}");
    }
}
