//! JSON: the document is one line, so that `head -1 FILE | jq` shows it.
//!
//! ```text
//! {"cachectl":1,"xxh3":"<16 hex>","entries":[…]}\n
//! ```
//!
//! The checksum covers everything from `"entries"` up to the line end.

use serde::Deserialize;

use crate::error::Result;
use crate::model::unhex;

use super::document::{Document, Entry};
use super::{MAX_DOCUMENT, Recorded, Serializer, VERSION, check_parts, checksum, damaged, too_new};

/// The default: readable, and fast to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonSerializer;

const NAME: &str = "json";
const OPENING: &[u8] = b"{\"cachectl\":";
const SUM: &[u8] = b",\"xxh3\":\"";

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
}

impl Serializer for JsonSerializer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_binary(&self) -> bool {
        false
    }

    fn recognises(&self, document: &[u8]) -> bool {
        document.starts_with(OPENING)
    }

    fn dumps(&self, entries: &[Recorded]) -> Result<Vec<u8>> {
        let opening = format!("{{\"cachectl\":{VERSION},\"xxh3\":\"");
        let mut line = Vec::with_capacity(2048 * entries.len().max(1));
        line.extend_from_slice(opening.as_bytes());
        line.extend_from_slice(b"0000000000000000\",");
        let content = line.len();
        serde_json::to_writer(&mut line, &Document::of(entries))
            .map_err(|e| damaged(NAME, "it cannot be written").because(e))?;
        // The document's own brace gives way to the opening.
        line.remove(content);
        let sum = format!("{:016x}", checksum(&line[content..]));
        line[opening.len()..opening.len() + 16].copy_from_slice(sum.as_bytes());
        line.push(b'\n');
        Ok(line)
    }

    fn loads(&self, record: &[u8]) -> Result<(Vec<Recorded>, usize)> {
        let within = &record[..record.len().min(MAX_DOCUMENT)];
        let end = within
            .iter()
            .position(|&c| c == b'\n')
            .ok_or_else(|| damaged(NAME, "its first line has no end"))?;
        let line = &within[..end];
        let rest = line.strip_prefix(OPENING).ok_or_else(|| damaged(NAME, "no version mark"))?;
        let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        let version = std::str::from_utf8(&rest[..digits]).ok().and_then(|d| d.parse().ok());
        match version {
            Some(version) if version > u64::from(VERSION) => return Err(too_new(NAME, version)),
            Some(1..) => {}
            _ => return Err(damaged(NAME, "no version mark")),
        }
        let sum = rest[digits..].strip_prefix(SUM).and_then(|r| r.split_at_checked(18));
        let (sum, content) = sum.ok_or_else(|| damaged(NAME, "no checksum"))?;
        let wanted = std::str::from_utf8(&sum[..16]).ok().and_then(unhex).map(u64::from_be_bytes);
        if wanted != Some(checksum(content)) {
            return Err(damaged(NAME, "its checksum is wrong"));
        }
        check_parts(NAME, content)?;
        let line: Line<'_> = serde_json::from_slice(line).map_err(|e| damaged(NAME, e))?;
        let entries = Document { entries: line.entries }.into_entries();
        Ok((entries.map_err(|why| damaged(NAME, why))?, end + 1))
    }
}
