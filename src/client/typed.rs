//! Asks one request at a time: a method for each, that waits for its reply.

use super::{Client, Error, Page, Position, Reply, Request, Stat};

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

    /// Asks to be told of changes by others to keys that begin with `prefix`, from now on; see
    /// [`notice`](Client::notice). Returns the position after which the notices begin. Several
    /// prefixes add up. The empty one is that of every key.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn watch(&mut self, prefix: &[u8]) -> Result<Position, Error> {
        self.begin(prefix, None).await
    }

    /// The same, of changes after `since`. For a connection that watches nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if the server does not know all of them any more; see also [`Error`].
    pub async fn watch_since(
        &mut self,
        prefix: &[u8],
        since: &Position,
    ) -> Result<Position, Error> {
        self.begin(prefix, Some(since)).await
    }

    async fn begin(&mut self, prefix: &[u8], since: Option<&Position>) -> Result<Position, Error> {
        let request = Request::Watch {
            prefix,
            since,
            echo: false,
        };
        match self.ask(&request).await? {
            Reply::Watching(position) => Ok(position),
            _ => Err(Error::protocol("a WATCH found nothing")),
        }
    }

    /// Asks to be told no more of a prefix, or of any. Notices that came before are still there.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn unwatch(&mut self, prefix: Option<&[u8]>) -> Result<(), Error> {
        self.ask(&Request::Unwatch { prefix }).await.map(drop)
    }

    /// The first page of the keys that begin with `prefix`, or of those of them behind `after`;
    /// see [`Page::next`]. It holds at most `count` keys, or as many as the server thinks fit.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        count: Option<u64>,
    ) -> Result<Page, Error> {
        let request = Request::List {
            prefix,
            after,
            count,
        };
        match self.ask(&request).await? {
            Reply::Page(page) => Ok(page),
            _ => Err(Error::protocol("a LIST found nothing")),
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
            Reply::Gone { oldest, epoch } => Err(Error::Gone { oldest, epoch }),
            reply => Ok(reply),
        }
    }
}
