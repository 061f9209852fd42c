//! What `get` says about an answer: its head, a filled template, a JSON report, the reasons.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use cachectl::{Answer, Error, Secrets, Settings, Timestamp};
use serde::Serialize;

use crate::output::columns::View;
use crate::output::entry::EntryObject;
use crate::output::talk;
use crate::output::text::{cell, escaped, push_message_text};

/// An answer, and what was measured.
pub struct Report<'a> {
    pub answer: &'a Answer,
    /// Bytes of the body as transferred.
    pub size: u64,
    pub elapsed: Duration,
    pub settings: &'a Settings,
    pub secrets: Secrets,
}

impl Report<'_> {
    /// Status line and header fields as they came, `Cache-Status` as the last one.
    pub fn head(&self) -> Vec<u8> {
        let answer = self.answer;
        let version = answer.extensions.http_version.as_deref().unwrap_or("HTTP/1.1");
        let mut head = Vec::new();
        push_message_text(&mut head, version.as_bytes());
        head.extend_from_slice(format!(" {} ", answer.status).as_bytes());
        push_message_text(&mut head, answer.extensions.reason.as_deref().unwrap_or_default());
        head.push(b'\n');
        for (name, value) in answer.headers.iter() {
            push_message_text(&mut head, name);
            head.extend_from_slice(b": ");
            push_message_text(&mut head, value);
            head.push(b'\n');
        }
        head.extend_from_slice(format!("Cache-Status: {}\n\n", answer.cache).as_bytes());
        head
    }

    /// The report as one JSON object: the entry, and the verdict.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            #[serde(flatten)]
            entry: Option<EntryObject>,
            #[serde(skip_serializing_if = "Option::is_none")]
            fetched: Option<Fetched<'a>>,
            cache: &'a str,
            cache_status: String,
            size_download_bytes: u64,
            time_total_s: f64,
        }
        /// What is known of an answer that is not stored.
        #[derive(Serialize)]
        struct Fetched<'a> {
            url: String,
            status: u16,
            key: &'a str,
            not_stored: Option<&'static str>,
        }
        let answer = self.answer;
        let view = View {
            now: Timestamp::now(),
            settings: self.settings.clone(),
            secrets: self.secrets.clone(),
        };
        let entry = answer.entry.as_deref().map(|head| EntryObject {
            stored_bytes: answer.stored_bytes,
            ..EntryObject::of_head(head, &view)
        });
        let fetched = entry.is_none().then(|| Fetched {
            url: self.secrets.url(answer.url.as_str()).into_owned(),
            status: answer.status,
            key: &answer.key,
            not_stored: answer.why_not_stored().map(cachectl::Reason::code),
        });
        let object = Object {
            entry,
            fetched,
            cache: answer.cache.verdict().name(),
            cache_status: answer.cache.to_string(),
            size_download_bytes: self.size,
            time_total_s: (self.elapsed.as_secs_f64() * 1e6).round() / 1e6,
        };
        serde_json::to_string(&object).unwrap_or_default()
    }

    /// Says on standard error how it came to this answer.
    pub fn why(&self) {
        let answer = self.answer;
        let url = self.secrets.url(answer.url.as_str()).into_owned();
        let mut text = format!(
            "{:<12} {} {}",
            answer.cache.verdict().name().to_ascii_uppercase(),
            escaped(&url),
            &answer.key[..answer.key.len().min(12)]
        );
        let mut line = |name: &str, value: &str| {
            let _ = write!(text, "\n  {name:<14} {}", escaped(value));
        };
        let reasons = answer.decision.iter().flat_map(|d| &d.reasons);
        for reason in reasons {
            line(reason.code(), &reason.to_string());
        }
        if let Some(reason) = answer.why_not_stored() {
            line("not stored", &format!("{}: {reason}", reason.code()));
        }
        line("cache-status", &answer.cache.to_string());
        for part in text.lines() {
            talk::explain(part);
        }
    }
}

/// Text with `%{name}`, `\n` and `\t`.
pub struct Template(Vec<Piece>);

enum Piece {
    Text(String),
    Value(&'static str),
}

const VALUES: &[&str] = &[
    "http_code",
    "content_type",
    "size_download",
    "time_total",
    "url_effective",
    "cache",
    "cache_status",
    "cache_key",
    "age",
    "ttl",
];

impl Template {
    pub fn parse(text: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("%{") {
                let (name, tail) = after.split_once('}').ok_or_else(|| {
                    Error::usage(format!("--write-out has %{{ without }}: {text:?}"))
                })?;
                let known = VALUES.iter().find(|v| **v == name).ok_or_else(|| {
                    Error::usage(format!("--write-out does not know %{{{name}}}"))
                        .try_this(VALUES.map_join())
                })?;
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
                pieces.push(Piece::Value(known));
                rest = tail;
                continue;
            }
            let escape = [("\\n", '\n'), ("\\t", '\t'), ("\\r", '\r'), ("\\\\", '\\'), ("%%", '%')];
            match escape.iter().find(|(written, _)| rest.starts_with(written)) {
                Some((written, meant)) => {
                    literal.push(*meant);
                    rest = &rest[written.len()..];
                }
                None => {
                    literal.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        pieces.push(Piece::Text(literal));
        Ok(Template(pieces))
    }

    pub fn fill(&self, report: &Report<'_>) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Value(name) => cell(value(name, report).into()).into_owned(),
            })
            .collect()
    }
}

trait MapJoin {
    fn map_join(&self) -> String;
}

impl MapJoin for [&str] {
    fn map_join(&self) -> String {
        self.iter().map(|name| format!("%{{{name}}}")).collect::<Vec<_>>().join(" ")
    }
}

fn value(name: &str, report: &Report<'_>) -> String {
    let answer = report.answer;
    let number = |n: Option<String>| n.unwrap_or_default();
    match name {
        "http_code" => answer.status.to_string(),
        "content_type" => answer.headers.get_text("content-type").unwrap_or_default().into_owned(),
        "size_download" => report.size.to_string(),
        "time_total" => format!("{:.6}", report.elapsed.as_secs_f64()),
        "url_effective" => report.secrets.url(answer.url.as_str()).into_owned(),
        "cache" => answer.cache.verdict().name().to_owned(),
        "cache_status" => answer.cache.to_string(),
        "cache_key" => answer.key.clone(),
        "age" => number(answer.age.map(|age| age.to_string())),
        "ttl" => number(answer.cache.ttl.map(|ttl| ttl.to_string())),
        _ => String::new(),
    }
}
