//! Checks what names something: keys, and prefixes of them.

use super::super::escaped;
use super::{KEY_BYTES_MAX, Refusal, Span};

/// A key, if this field is one.
pub(super) fn key(field: Span, buffer: &[u8]) -> Result<Span, Refusal> {
    let length = field.of(buffer).len();
    if length == 0 || length > KEY_BYTES_MAX {
        let text = format!("a key has 1 to {KEY_BYTES_MAX} bytes, this one {length}");
        return Err(Refusal::new(text));
    }
    without_line_end("key", field, buffer)
}

/// What keys begin with, if this field can be that.
pub(super) fn prefix(field: Span, buffer: &[u8]) -> Result<Span, Refusal> {
    let length = field.of(buffer).len();
    if length > KEY_BYTES_MAX {
        let text = format!("a prefix has at most {KEY_BYTES_MAX} bytes, this one {length}");
        return Err(Refusal::new(text));
    }
    without_line_end("prefix", field, buffer)
}

fn without_line_end(what: &str, field: Span, buffer: &[u8]) -> Result<Span, Refusal> {
    let bytes = field.of(buffer);
    if has_line_end(bytes) {
        let shown = escaped(bytes);
        return Err(Refusal::new(format!(
            "a {what} holds no line end: '{shown}'"
        )));
    }
    Ok(field)
}

/// Looks at eight bytes at once, as the processor can, and at the last eight however many there
/// are: a key is too short for what is faster on long ones.
fn has_line_end(bytes: &[u8]) -> bool {
    let is_end = |found: bool, byte: &u8| found | matches!(byte, b'\r' | b'\n');
    match bytes.last_chunk::<8>() {
        Some(last) => {
            let (chunks, _) = bytes.as_chunks::<8>();
            let mut all = chunks.iter().chain([last]);
            all.any(|chunk| chunk.iter().fold(false, is_end))
        }
        None => bytes.iter().fold(false, is_end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_found_wherever_it_is_and_nothing_else_is() {
        let others: Vec<u8> = (0..=255).filter(|byte| !b"\r\n".contains(byte)).collect();
        assert!(!has_line_end(&others));
        for length in 0..50 {
            let bytes = &others[..length];
            assert!(!has_line_end(bytes), "{length}");
            for (at, end) in (0..length).flat_map(|at| [(at, b'\r'), (at, b'\n')]) {
                let mut bytes = bytes.to_vec();
                bytes[at] = end;
                assert!(has_line_end(&bytes), "{length} {at}");
            }
        }
    }
}
