//! Dumps keys with their values, a JSON object a line, all as they were at one revision.
//!
//! The server lists page by page, each at a revision of its own, so what changes meanwhile has to
//! be made up for: see [`snapshot`]. Until the last page has come nothing can be printed, and what
//! has come is kept in a temporary file, so memory is bounded however much there is.

mod snapshot;
mod spool;

use crate::failure::Failure;
use crate::options::Options;
use crate::print::{self, Form, OUTPUT_BYTES};
use kvmsg::client::Client;
use snapshot::Snapshot;

/// Prints every key that begins with `prefix`.
///
/// # Errors
///
/// [`Failure::Server`], [`Failure::Changing`], [`Failure::Temporary`], [`Failure::Output`].
pub async fn run(options: &Options, client: Client, prefix: &[u8]) -> Result<(), Failure> {
    let form = Form {
        json: true,
        ..Form::default()
    };
    let snapshot = Snapshot::take(options, client, prefix).await?;
    let mut bytes = Vec::new();
    snapshot.each(|key, values| {
        form.key(key, Some(values), &mut bytes);
        if bytes.len() >= OUTPUT_BYTES {
            print::out(&bytes)?;
            bytes.clear();
        }
        Ok(())
    })?;
    print::out(&bytes)
}
