//! Does what one verb on the command line asks for.

use crate::failure::Failure;
use crate::options::Options;
use crate::print;
use crate::request::{self, prefix};
use crate::verbs::{Name, Verb};
use crate::watch;
use crate::{backup, bench, completions, dump, list, load};
use kvmsg::client::{Client, Reply};
use std::io::{self, Read as _};
use std::process::ExitCode;

/// The exit status of a verb that found nothing to act on.
const NOT_FOUND: u8 = 1;

/// The longest value that is read from standard input, in bytes: 1 GiB.
const VALUE_BYTES_MAX: usize = 1 << 30;

/// Does it; returns the exit status.
///
/// # Errors
///
/// Everything but "not found" is a [`Failure`].
pub fn run(
    options: &Options,
    verb: &'static Verb,
    mut args: Vec<Vec<u8>>,
) -> Result<ExitCode, Failure> {
    if verb.name == Name::Completions {
        return completions::run(&args).map(|()| ExitCode::SUCCESS);
    }
    // Before connecting: whoever feeds standard input may take long.
    if let (Name::Put, [_, value]) = (verb.name, &mut args[..])
        && value == b"-"
    {
        *value = read_value()?;
    }
    let done = async {
        match verb.name {
            Name::Watch => return watch::run(options, prefix(&args)).await,
            Name::Load => return load::run(options).await,
            Name::Backup => {
                let written = backup::run(options, prefix(&args)).await;
                return written.map(|()| ExitCode::SUCCESS);
            }
            Name::Bench => return bench::run(options).await,
            _ => {}
        }
        let client = Client::connect(&options.server, options.timeout).await;
        let mut client = client.map_err(|error| Failure::server(options, error))?;
        match verb.name {
            Name::List => {
                let listed = list::run(options, &mut client, prefix(&args)).await;
                listed.map(|()| ExitCode::SUCCESS)
            }
            Name::Dump => {
                let dumped = dump::run(options, client, prefix(&args)).await;
                dumped.map(|()| ExitCode::SUCCESS)
            }
            _ => ask(options, &mut client, verb, &args).await,
        }
    };
    smol::block_on(done)
}

async fn ask(
    options: &Options,
    client: &mut Client,
    verb: &'static Verb,
    args: &[Vec<u8>],
) -> Result<ExitCode, Failure> {
    let request = request::request(verb, args)?;
    let reply = client.ask(&request).await;
    let changes = request::changes(&request);
    let reply = reply.map_err(|error| Failure::of_request(options, changes, error))?;
    let mut bytes = Vec::new();
    options.form.on_stdout().reply(&reply, &mut bytes);
    print::out(&bytes)?;
    match reply {
        Reply::NotFound => Ok(ExitCode::from(NOT_FOUND)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn read_value() -> Result<Vec<u8>, Failure> {
    let mut value = Vec::new();
    let limit = VALUE_BYTES_MAX as u64 + 1;
    let read = io::stdin().lock().take(limit).read_to_end(&mut value);
    read.map_err(Failure::Input)?;
    match value.len() {
        ..=VALUE_BYTES_MAX => Ok(value),
        _ => Err(Failure::TooLong("standard input", VALUE_BYTES_MAX)),
    }
}
