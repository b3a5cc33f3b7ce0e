//! Does what one verb on the command line asks for.

use crate::failure::Failure;
use crate::options::Options;
use crate::print;
use crate::request;
use crate::verbs::{Name, Verb};
use kvmsg::client::{Client, Error, Reply};
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
    // Before connecting: whoever feeds standard input may take long.
    if let (Name::Put, [_, value]) = (verb.name, &mut args[..])
        && value == b"-"
    {
        *value = read_value()?;
    }
    let done = async {
        let client = Client::connect(&options.server, options.timeout).await;
        let mut client = client.map_err(|error| failure(options, error))?;
        match verb.name {
            Name::Watch => watch(options, &mut client).await,
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
    let reply = reply.map_err(|error| failure(options, error))?;
    let mut bytes = Vec::new();
    options.form.on_stdout().reply(&reply, &mut bytes);
    print::out(&bytes)?;
    match reply {
        Reply::NotFound => Ok(ExitCode::from(NOT_FOUND)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Prints what others change, until as many notices have come as were asked for, or somebody
/// ends it.
async fn watch(options: &Options, client: &mut Client) -> Result<ExitCode, Failure> {
    let began = client.watch().await;
    began.map_err(|error| failure(options, error))?;
    let form = options.form.on_stdout();
    let mut left = options.count;
    while left != Some(0) {
        let notice = client.notice().await;
        let notice = notice.map_err(|error| failure(options, error))?;
        let mut bytes = Vec::new();
        form.notice(&notice, &mut bytes);
        print::out(&bytes)?;
        left = left.map(|left| left - 1);
    }
    Ok(ExitCode::SUCCESS)
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

fn failure(options: &Options, error: Error) -> Failure {
    Failure::Server(options.server.clone(), error)
}
