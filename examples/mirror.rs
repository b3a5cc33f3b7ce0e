//! Prints what is under a prefix as it changes: `cargo run --example mirror -- user:`

use kvmsg::client::{Error, Mirror, Update};

fn main() -> Result<(), Error> {
    let prefix = std::env::args().nth(1).unwrap_or_default();
    let server = std::env::var("KVMSG_SERVER").unwrap_or("127.0.0.1:8080".to_owned());
    let mut mirror = Mirror::new(&server, prefix.as_bytes());
    smol::block_on(async {
        loop {
            match mirror.next().await? {
                Update::Listed { changed } => {
                    println!("{} keys:", mirror.map().len());
                    changed.iter().for_each(|key| show(&mirror, key));
                }
                Update::Changed { key, .. } => show(&mirror, &key),
                Update::Disconnected { error, pause } => eprintln!("{error}; again in {pause:?}"),
                Update::Connected | Update::Progress { .. } => {}
            }
        }
    })
}

/// The map is up to date before `next` returns, so it need not be told what the change was.
fn show(mirror: &Mirror, key: &[u8]) {
    let values: Vec<_> = mirror
        .get(key)
        .iter()
        .map(|value| String::from_utf8_lossy(value))
        .collect();
    println!("{} = {values:?}", String::from_utf8_lossy(key));
}
