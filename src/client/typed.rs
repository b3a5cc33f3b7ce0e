//! Asks one request at a time: a method for each, that waits for its reply.

use super::{Client, Error, Reply, Request, Stat};

impl Client {
    /// Appends a value; returns the revision.
    ///
    /// # Errors
    ///
    /// See [`Error`]; so for all requests.
    pub async fn put(&mut self, key: &[u8], value: &[u8]) -> Result<u64, Error> {
        let revision = self.change(&Request::Put { key, value }).await?;
        revision.ok_or_else(|| Error::protocol("a PUT found nothing"))
    }

    /// All values of a key, or nothing if there is no such key.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn get(&mut self, key: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Error> {
        match self.ask(&Request::Get { key }).await? {
            Reply::Values(values) => Ok(Some(values)),
            _ => Ok(None),
        }
    }

    /// Replaces the first value equal to `old`; returns the revision, or nothing if there is none.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn update(
        &mut self,
        key: &[u8],
        old: &[u8],
        new: &[u8],
    ) -> Result<Option<u64>, Error> {
        self.change(&Request::Update { key, old, new }).await
    }

    /// Removes the first value equal to this; returns the revision, or nothing if there is none.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn remove(&mut self, key: &[u8], value: &[u8]) -> Result<Option<u64>, Error> {
        self.change(&Request::Remove { key, value }).await
    }

    /// Removes a key; returns the revision, or nothing if there is no such key.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete(&mut self, key: &[u8]) -> Result<Option<u64>, Error> {
        self.change(&Request::Delete { key }).await
    }

    /// Asks to be told of every change by others from now on; see [`notice`](Client::notice).
    /// Returns the revision after which the notices begin.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn watch(&mut self) -> Result<u64, Error> {
        match self.ask(&Request::Watch).await? {
            Reply::Watching { revision, .. } => Ok(revision),
            _ => Err(Error::protocol("a WATCH found nothing")),
        }
    }

    /// The server's counters, in its order.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn stats(&mut self) -> Result<Vec<(String, Stat)>, Error> {
        match self.ask(&Request::Stats).await? {
            Reply::Stats(stats) => Ok(stats),
            _ => Err(Error::protocol("no counters came")),
        }
    }

    async fn change(&mut self, request: &Request<'_>) -> Result<Option<u64>, Error> {
        match self.ask(request).await? {
            Reply::Revision(revision) => Ok(Some(revision)),
            _ => Ok(None),
        }
    }

    /// Sends one request and waits for its reply; those before it must have been received.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn ask(&mut self, request: &Request<'_>) -> Result<Reply, Error> {
        self.send(request).await?;
        match self.receive().await? {
            Reply::Refused(text) => Err(Error::Refused(text)),
            reply => Ok(reply),
        }
    }
}
