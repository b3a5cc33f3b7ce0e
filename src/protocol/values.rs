//! Encodes a long list in slices, as it is sent.

use super::notice::INLINE_BYTES_MAX;
use super::{Dialect, resp};
use crate::list::{Many, Snapshot, Value};

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
    /// The present value has been handed on, and its end is to come.
    owes_end: bool,
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
            owes_end: false,
        }
    }

    /// How many bytes are still to come.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Frees a part of what is still to come, which nobody wants any more; false when nothing is
    /// left.
    pub fn forget(&mut self) -> bool {
        self.snapshot.forget()
    }

    /// Appends the next bytes until `out` holds about `bytes_max`, nothing is left, or a long value
    /// comes next. That is returned as it is stored, to follow `out`; what ends it comes next.
    pub fn fill(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> Option<Value> {
        let before = out.len();
        if let Some(values) = self.head.take() {
            resp::array_head(values, out);
        }
        if std::mem::take(&mut self.owes_end) {
            self.end_value(out);
        }
        let mut long = None;
        while out.len() < bytes_max {
            let Some(values) = self.snapshot.first() else {
                break;
            };
            let Some(value) = values.get(self.index) else {
                self.snapshot.drop_first();
                self.index = 0;
                continue;
            };
            if self.framed {
                resp::bulk_head(value.len(), out);
            }
            if value.len() > INLINE_BYTES_MAX {
                long = Some(value.clone());
                self.owes_end = true;
                break;
            }
            out.extend_from_slice(value);
            self.end_value(out);
        }
        let handed_on = long.as_ref().map_or(0, |value| value.len());
        self.left -= out.len() - before + handed_on;
        long
    }

    fn end_value(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.framed { b"\r\n" } else { b"\n" });
        self.index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::List;
    use crate::protocol::encode_reply;
    use crate::protocol::reply::Reply;

    #[test]
    fn slices_of_any_size_add_up_to_the_whole_reply() {
        let mut list = Many::default();
        list.push(Value::from(&b""[..]));
        let length = |n| {
            if n % 100 == 7 {
                INLINE_BYTES_MAX + n
            } else {
                n % 40
            }
        };
        (0..600).for_each(|n| list.push(Value::from("x".repeat(length(n)).as_bytes())));
        for dialect in [Dialect::Lines, Dialect::Resp2, Dialect::Resp3] {
            let mut whole = Vec::new();
            encode_reply(&Reply::Values(List::Many(&list)), dialect, &mut whole);
            for slice in [1, 7, 64, 5000, 1 << 20] {
                let mut values = Values::new(&list, dialect);
                assert_eq!(values.left(), whole.len());
                let mut told = Vec::new();
                while values.left() > 0 {
                    let mut out = Vec::new();
                    let long = values.fill(&mut out, slice);
                    assert!(!out.is_empty() || long.is_some());
                    assert!(out.len() < slice + INLINE_BYTES_MAX + 16);
                    told.extend(out);
                    told.extend(long.iter().flat_map(|value| value.iter()));
                }
                assert!(told == whole, "in slices of {slice}");
            }
        }
    }
}
