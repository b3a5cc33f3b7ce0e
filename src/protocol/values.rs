//! Encodes a long list in slices, as it is sent.

use super::{Dialect, resp};
use crate::list::{Many, Snapshot};

/// How many chunks of a list [`Values::forget`] frees at a time: some 2000 values.
const FORGOTTEN_CHUNKS: usize = 8;

/// A long list on its way to a client: encoded in slices as it is sent, never copied whole.
#[derive(Debug)]
pub struct Values {
    snapshot: Snapshot,
    framed: bool,
    /// The bytes that are still to come.
    left: usize,
    /// The number of values, until the head of the reply has been written.
    head: Option<usize>,
    /// The present value among the first of the snapshot.
    index: usize,
    /// How much of the present value has been written, once its own head has been.
    offset: Option<usize>,
}

impl Values {
    /// Takes the list as it is now. In lines the list must be typable.
    pub fn new(list: &Many, dialect: Dialect) -> Values {
        let framed = dialect != Dialect::Lines;
        let mut head = Vec::new();
        let left = if framed {
            resp::array_head(list.len(), &mut head);
            head.len() + list.bulk_bytes()
        } else {
            list.bytes() + list.len()
        };
        let head = framed.then_some(list.len());
        Values {
            snapshot: list.snapshot(),
            framed,
            left,
            head,
            index: 0,
            offset: None,
        }
    }

    /// How many bytes are still to come.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Frees a part of what is still to come, which nobody wants any more; false when nothing is
    /// left.
    pub fn forget(&mut self) -> bool {
        (0..FORGOTTEN_CHUNKS).for_each(|_| self.snapshot.drop_first());
        self.snapshot.first().is_some()
    }

    /// Appends the next bytes until `out` holds about `bytes_max` or nothing is left.
    pub fn fill(&mut self, out: &mut Vec<u8>, bytes_max: usize) {
        let before = out.len();
        if let Some(values) = self.head.take() {
            resp::array_head(values, out);
        }
        while out.len() < bytes_max && self.fill_value(out, bytes_max) {}
        self.left -= out.len() - before;
    }

    /// Appends (the rest of) one value, at most as much as there is room for; false at the end.
    fn fill_value(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> bool {
        let Some(values) = self.snapshot.first() else {
            return false;
        };
        let Some(value) = values.get(self.index) else {
            self.snapshot.drop_first();
            self.index = 0;
            return true;
        };
        if self.offset.is_none() && self.framed {
            resp::bulk_head(value.len(), out);
        }
        let rest = &value[self.offset.unwrap_or(0)..];
        let now = rest.len().min(bytes_max.saturating_sub(out.len()));
        out.extend_from_slice(&rest[..now]);
        if now < rest.len() {
            self.offset = Some(self.offset.unwrap_or(0) + now);
            return true;
        }
        out.extend_from_slice(if self.framed { b"\r\n" } else { b"\n" });
        (self.index, self.offset) = (self.index + 1, None);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::List;
    use crate::protocol::encode_reply;
    use crate::protocol::reply::Reply;
    use std::rc::Rc;

    #[test]
    fn slices_of_any_size_add_up_to_the_whole_reply() {
        let mut list = Many::default();
        list.push(Rc::from(&b""[..]));
        (0..600).for_each(|n| list.push(Rc::from("x".repeat(n % 40).as_bytes())));
        for dialect in [Dialect::Lines, Dialect::Resp2, Dialect::Resp3] {
            let mut whole = Vec::new();
            encode_reply(&Reply::Values(List::Many(&list)), dialect, &mut whole);
            for slice in [1, 7, 64, 5000, 1 << 20] {
                let mut values = Values::new(&list, dialect);
                assert_eq!(values.left(), whole.len());
                let mut told = Vec::new();
                while values.left() > 0 {
                    let mut out = Vec::new();
                    values.fill(&mut out, slice);
                    assert!(!out.is_empty() && out.len() < slice + 16);
                    told.extend(out);
                }
                assert!(told == whole, "in slices of {slice}");
            }
        }
    }
}
