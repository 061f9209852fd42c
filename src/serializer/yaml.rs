//! YAML: one block document between `---` and `...`, to be read by people.
//!
//! ```text
//! --- # cachectl 1 xxh3 <16 hex>
//! entries:
//!   - key: "…"
//! ...
//! ```
//!
//! Every text is double-quoted: YAML 1.1 readers such as `PyYAML` would take plain `no`,
//! `1e3` or `12:30:45` for something else. The checksum covers the lines between the marks.

use std::fmt::Write;

use serde_json::Value;

use crate::error::Result;
use crate::model::unhex;

use super::document::Document;
use super::{MAX_DOCUMENT, Recorded, Serializer, VERSION, check_parts, checksum, damaged, too_new};

/// Readable, and slow: a head takes about ten times as long as with JSON.
#[derive(Debug, Clone, Copy, Default)]
pub struct YamlSerializer;

const NAME: &str = "yaml";
const OPENING: &str = "--- # cachectl ";
const CLOSING: &[u8] = b"\n...\n";

impl Serializer for YamlSerializer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_binary(&self) -> bool {
        false
    }

    fn recognises(&self, document: &[u8]) -> bool {
        document.starts_with(OPENING.as_bytes())
    }

    fn dumps(&self, entries: &[Recorded]) -> Result<Vec<u8>> {
        let value = serde_json::to_value(Document::of(entries))
            .map_err(|e| damaged(NAME, "it cannot be written").because(e))?;
        let content = emit(&value);
        let sum = checksum(content.as_bytes());
        let mut text = format!("{OPENING}{VERSION} xxh3 {sum:016x}\n");
        text.push_str(&content);
        text.push_str("...\n");
        Ok(text.into_bytes())
    }

    fn loads(&self, record: &[u8]) -> Result<(Vec<Recorded>, usize)> {
        let within = &record[..record.len().min(MAX_DOCUMENT)];
        let end = within
            .windows(CLOSING.len())
            .position(|w| w == CLOSING)
            .ok_or_else(|| damaged(NAME, "its document has no end"))?;
        let text = std::str::from_utf8(&within[..=end])
            .map_err(|e| damaged(NAME, "it is not UTF-8").because(e))?;
        let (mark, content) = text
            .strip_prefix(OPENING)
            .and_then(|rest| rest.split_once('\n'))
            .ok_or_else(|| damaged(NAME, "no version mark"))?;
        let (version, sum) =
            mark.split_once(" xxh3 ").ok_or_else(|| damaged(NAME, "no checksum"))?;
        match version.parse::<u64>() {
            Ok(version) if version > u64::from(VERSION) => return Err(too_new(NAME, version)),
            Ok(1..) => {}
            _ => return Err(damaged(NAME, "no version mark")),
        }
        if unhex(sum).map(u64::from_be_bytes) != Some(checksum(content.as_bytes())) {
            return Err(damaged(NAME, "its checksum is wrong"));
        }
        check_parts(NAME, content.as_bytes())?;
        let document: Document<'_> = serde_yaml::from_str(content).map_err(|e| damaged(NAME, e))?;
        let entries = document.into_entries().map_err(|why| damaged(NAME, why))?;
        Ok((entries, end + CLOSING.len()))
    }
}

/// Writes a value in block style, every text double-quoted, for readers of YAML 1.1 and 1.2.
pub(crate) fn emit(value: &Value) -> String {
    let mut out = String::with_capacity(2048);
    block(&mut out, value, 0, false);
    out
}

/// `inline`: the cursor stands behind `- ` or `key:`.
fn block(out: &mut String, value: &Value, indent: usize, inline: bool) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (i, (name, value)) in map.iter().enumerate() {
                if i > 0 || !inline {
                    pad(out, indent);
                }
                key(out, name);
                out.push(':');
                nested(out, value, indent + 2);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 || !inline {
                    pad(out, indent);
                }
                out.push_str("- ");
                block(out, item, indent + 2, true);
            }
        }
        scalar => {
            flow(out, scalar);
            out.push('\n');
        }
    }
}

/// The value of a key: short forms on the same line, blocks below.
fn nested(out: &mut String, value: &Value, indent: usize) {
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        block(out, value, indent, false);
    } else {
        out.push(' ');
        block(out, value, indent, true);
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn key(out: &mut String, name: &str) {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !WORDS.iter().any(|w| w.eq_ignore_ascii_case(name));
    if plain {
        out.push_str(name);
    } else {
        quoted(out, name);
    }
}

fn flow(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => quoted(out, text),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        // null, booleans and numbers are written alike in JSON and YAML.
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~'
            | '\u{a0}'..='\u{2027}'
            | '\u{202a}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fefe}'
            | '\u{ff00}'..='\u{fffd}'
            | '\u{10000}'..='\u{10ffff}' => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = if code < 0x100 {
                    write!(out, "\\x{code:02x}")
                } else {
                    write!(out, "\\u{code:04x}")
                };
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_emitted_reads_back_as_the_same_value() {
        let strange: String = (0u32..0x3000)
            .chain([0xd7ff, 0xe000, 0xfeff, 0xfffe, 0xffff, 0x1_0000, 0x10_ffff])
            .filter_map(char::from_u32)
            .collect();
        let value = json!({
            "plain": "x",
            "no": "no",
            "list": ["yes", "1e3", "12:30:45", "", "~", "# c", "- d", "a: b", strange],
            "nested": [["a", {"b": [1, null, true, 1.5]}], [], {}],
            "empty": {},
            "two words": -3,
        });
        let text = emit(&value);
        assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value, "{text}");
    }
}
