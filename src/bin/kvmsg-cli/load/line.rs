//! Reads a line as dump prints it: `{"key":"user","values":["john"]}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kvmsg::flags::text::quoted;
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt;

/// What a line must be.
const FORM: &str = r#"a line is {"key":KEY,"values":[VALUE,...]}"#;

/// A key with its values, at least one.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// Its values, in order.
    pub values: Vec<Vec<u8>>,
}

/// Why a line is none; its text is one line.
#[derive(Debug, PartialEq, Eq)]
pub enum LineError {
    /// It is no JSON.
    Json(String),
    /// It is another document.
    Form,
    /// It has a name too many.
    Unknown(String),
    /// A key or a value is neither text nor base64: which one.
    Bytes(String),
    /// A key or a value is said to be base64, and is not: which one.
    Base64(String),
    /// There are no values.
    Empty,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Json(why) => write!(f, "it is no JSON: {why}"),
            LineError::Form => f.write_str(FORM),
            LineError::Unknown(name) => {
                write!(f, "unknown name {}; {FORM}", quoted(OsStr::new(name)))
            }
            LineError::Bytes(which) => {
                write!(f, r#"{which} must be a text, or {{"base64":"..."}}"#)
            }
            LineError::Base64(which) => {
                write!(f, "{which} is no base64, as of RFC 4648, filled up with =")
            }
            LineError::Empty => f.write_str("there are no values; a key has at least one"),
        }
    }
}

impl std::error::Error for LineError {}

/// Reads it.
///
/// # Errors
///
/// See [`LineError`].
pub fn read(line: &[u8]) -> Result<Entry, LineError> {
    let document = serde_json::from_slice(line).map_err(|error| {
        // There is but one line, and another number stands in front of the message.
        LineError::Json(
            error
                .to_string()
                .replace(" at line 1 column ", " at column "),
        )
    })?;
    let Value::Object(mut names) = document else {
        return Err(LineError::Form);
    };
    let (Some(key), Some(Value::Array(values))) = (names.remove("key"), names.remove("values"))
    else {
        return Err(LineError::Form);
    };
    if let Some(name) = names.into_iter().map(|(name, _)| name).next() {
        return Err(LineError::Unknown(name));
    }
    if values.is_empty() {
        return Err(LineError::Empty);
    }
    let value = |(at, value)| bytes(value, || format!("value {at}"));
    Ok(Entry {
        key: bytes(key, || "the key".to_owned())?,
        values: (1..).zip(values).map(value).collect::<Result<_, _>>()?,
    })
}

/// A text, or what a base64 object stands for; `which` it is, if it is neither.
fn bytes(value: Value, which: impl Fn() -> String) -> Result<Vec<u8>, LineError> {
    if let Value::String(text) = value {
        return Ok(text.into_bytes());
    }
    let names = value.as_object().filter(|names| names.len() == 1);
    let encoded = names.and_then(|names| names.get("base64")?.as_str());
    let encoded = encoded.ok_or_else(|| LineError::Bytes(which()))?;
    let decoded = STANDARD.decode(encoded);
    decoded.map_err(|_| LineError::Base64(which()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key_with_its_values_and_nothing_else() {
        let read = |line: &str| match read(line.as_bytes()) {
            Ok(Entry { key, values }) => {
                let words = [key].into_iter().chain(values);
                let words = words.map(|word| word.escape_ascii().to_string());
                words.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        let cases = [
            (r#"{"key":"k","values":["a","\u0000\n"]}"#, r"k a \x00\n"),
            (
                r#" { "values": [""], "key": {"base64":"/w=="} } "#,
                r"\xff ",
            ),
            (
                r#"{"key":"k","values":["a"]"#,
                "it is no JSON: EOF while parsing an object at column 25",
            ),
            (r#"["k","a"]"#, FORM),
            (r#"{"key":"k"}"#, FORM),
            (r#"{"key":"k","values":"a"}"#, FORM),
            (
                r#"{"key":"k","values":["a"],"ttl":1}"#,
                r#"unknown name "ttl"; a line is {"key":KEY,"values":[VALUE,...]}"#,
            ),
            (
                r#"{"key":7,"values":["a"]}"#,
                r#"the key must be a text, or {"base64":"..."}"#,
            ),
            (
                r#"{"key":"k","values":["a",{"base64":"/w"}]}"#,
                "value 2 is no base64, as of RFC 4648, filled up with =",
            ),
            (
                r#"{"key":"k","values":[{"base64":"","x":1}]}"#,
                r#"value 1 must be a text, or {"base64":"..."}"#,
            ),
            (
                r#"{"key":"k","values":[]}"#,
                "there are no values; a key has at least one",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
