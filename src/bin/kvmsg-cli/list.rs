//! Lists keys page by page, printing each page as it comes.

use crate::failure::Failure;
use crate::options::Options;
use crate::print;
use kvmsg::client::{Client, Error, Page};

/// Prints every key that begins with `prefix`, with its values or without.
///
/// # Errors
///
/// [`Failure::Server`], [`Failure::Output`].
pub async fn run(options: &Options, client: &mut Client, prefix: &[u8]) -> Result<(), Failure> {
    let form = options.form.on_stdout();
    let mut after = None;
    loop {
        let page = page(client, prefix, after).await;
        let page = page.map_err(|error| Failure::server(options, error))?;
        let mut bytes = Vec::new();
        for (key, values) in &page.keys {
            form.key(key, options.values.then_some(values), &mut bytes);
        }
        print::out(&bytes)?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// All keys that begin with `prefix`, as one page without their values.
///
/// # Errors
///
/// Those of [`Client::list`], and [`Error::Protocol`] if the pages do not come to an end.
pub async fn whole(client: &mut Client, prefix: &[u8]) -> Result<Page, Error> {
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let mut page = page(client, prefix, after).await?;
        let without = |(key, _)| (key, Vec::new());
        keys.extend(page.keys.into_iter().map(without));
        if page.next.is_none() {
            page.keys = keys;
            return Ok(page);
        }
        after = page.next;
    }
}

/// The page behind `after`; the next one begins further on.
///
/// # Errors
///
/// See [`whole`].
pub async fn page(
    client: &mut Client,
    prefix: &[u8],
    after: Option<Vec<u8>>,
) -> Result<Page, Error> {
    let page = client.list(prefix, after.as_deref(), None).await?;
    match page.next.is_some() && page.next <= after {
        true => Err(Error::Protocol(
            "its pages do not come to an end".to_owned(),
        )),
        false => Ok(page),
    }
}
