//! The values of generation 0: one for each key, with the whole entry in it, body and all.
//!
//! Which of three serializers wrote a value stands nowhere, so its first bytes tell. All
//! three carry the same. Read: 0.0.23 to 0.1.5.

mod pickle;
mod tree;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::model::{
    BodyDigest, EntryHead, EntryId, Extensions, Headers, Method, Request, Timestamp, UrlText,
    Variant,
};
use crate::policy;

/// Which serializer a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::foreign) enum Form {
    Json,
    Yaml,
    Pickle,
}

/// All of them, the usual one first.
pub(in crate::foreign) const FORMS: [Form; 3] = [Form::Json, Form::Yaml, Form::Pickle];

impl Form {
    /// The form that a value begins like.
    pub(in crate::foreign) fn of(value: &[u8]) -> Option<Form> {
        let start = value.trim_ascii_start();
        if start.starts_with(b"{") {
            Some(Form::Json)
        } else if start.starts_with(b"response:") {
            Some(Form::Yaml)
        } else {
            // Protocols 3 to 5 begin with their number.
            matches!(value, [0x80, 3..=5, ..]).then_some(Form::Pickle)
        }
    }

    /// Whether a value begins as hishel begins one. So many bytes of it are needed:
    /// [`Form::SIGN`].
    pub(in crate::foreign) fn is_signed(start: &[u8]) -> bool {
        match Form::of(start) {
            None => false,
            Some(Form::Yaml) => true,
            Some(Form::Json) => {
                let members = start.trim_ascii_start()[1..].trim_ascii_start();
                let first: [&[u8]; 3] = [b"\"response\"", b"\"request\"", b"\"metadata\""];
                first.iter().any(|first| members.starts_with(first))
            }
            Some(Form::Pickle) => start.windows(8).any(|part| part == b"httpcore"),
        }
    }

    pub(in crate::foreign) const SIGN: usize = 64;

    /// Whether a value of this form, of which these are the last bytes, may have come to its end.
    pub(in crate::foreign) fn may_end_with(self, end: &[u8]) -> bool {
        match self {
            Form::Json => end.trim_ascii_end().ends_with(b"}"),
            Form::Yaml => !end.ends_with(b"\0"),
            Form::Pickle => end.ends_with(b"."),
        }
    }

    pub(in crate::foreign) fn name(self) -> &'static str {
        match self {
            Form::Json => "json",
            Form::Yaml => "yaml",
            Form::Pickle => "pickle",
        }
    }

    pub(in crate::foreign) fn named(name: &str) -> Option<Form> {
        FORMS.into_iter().find(|form| form.name() == name)
    }

    /// How exactly a time is written.
    pub(in crate::foreign) fn keeps_of(self, time: Timestamp) -> Timestamp {
        match self {
            Form::Pickle => time,
            Form::Json | Form::Yaml => Timestamp::from_secs(time.secs()),
        }
    }

    /// Whether a value is text, which SQLite stores as such.
    pub(in crate::foreign) fn is_text(self) -> bool {
        self != Form::Pickle
    }
}

/// What one value says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::foreign) struct Value {
    pub status: u16,
    pub headers: Headers,
    pub body: Bytes,
    pub http_version: Option<String>,
    pub reason: Option<Vec<u8>>,
    pub method: String,
    /// As hishel hashes it.
    pub url: String,
    pub request_headers: Headers,
    /// `timeout` and `sni_hostname`.
    pub request_extensions: BTreeMap<String, Json>,
    /// What the value says its key is; where it lies counts.
    pub cache_key: String,
    pub uses: u64,
    pub created_at: Timestamp,
}

/// What is left of the length that header fields of one message may have: a megabyte in all,
/// many times of what clients take. In a pickle or in YAML one text may stand for many.
struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Room(1 << 20)
    }
}

impl Room {
    /// Takes what a field needs.
    ///
    /// # Errors
    /// `Codec` when there is no room for it.
    fn take(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        // A colon, a space and the end of the line belong to it.
        let length = name.as_ref().len() + value.as_ref().len() + 4;
        let left = self.0.checked_sub(length);
        self.0 = left.ok_or_else(|| Error::codec("its header fields are longer than 1 MiB"))?;
        Ok(())
    }
}

/// Reads a value.
///
/// # Errors
/// `Codec` for what is none, or torn.
pub(in crate::foreign) fn loads(bytes: &[u8]) -> Result<(Form, Value)> {
    if bytes.is_empty() {
        return Err(Error::codec("the value is empty").coded("record_damaged"));
    }
    let form = Form::of(bytes).ok_or_else(|| {
        Error::codec("the value is neither JSON, nor YAML, nor a pickle").coded("record_damaged")
    })?;
    let value = match form {
        Form::Json => tree::from_json(bytes),
        Form::Yaml => tree::from_yaml(bytes),
        Form::Pickle => pickle::loads(bytes),
    };
    Ok((form, value.map_err(|e| e.coded("record_damaged"))?))
}

/// Writes a value as hishel's own serializer of this form would.
///
/// # Errors
/// `Codec` for what the form cannot hold.
pub(in crate::foreign) fn dumps(value: &Value, form: Form) -> Result<Vec<u8>> {
    match form {
        Form::Json => tree::to_json(value),
        Form::Yaml => tree::to_yaml(value),
        Form::Pickle => Ok(pickle::dumps(value)),
    }
}

impl Value {
    /// What a value has to say of an entry. Fields that no place is for are lost; who
    /// compares the heads sees which.
    pub(in crate::foreign) fn of(head: &EntryHead, body: Bytes) -> Self {
        let keeps = |name: &str| matches!(name, "timeout" | "sni_hostname");
        let extensions = &head.request.extensions.other;
        let kept = extensions.iter().filter(|(name, _)| keeps(name));
        let is_ascii = |reason: &&Vec<u8>| reason.is_ascii();
        let mut headers = head.headers.clone();
        // Without one hishel takes an entry for infinitely old.
        if !headers.contains("date") {
            headers.push("Date", policy::format_date(head.created_at));
        }
        Value {
            status: head.status,
            headers,
            body,
            http_version: head.extensions.http_version.as_deref().map(str::to_owned),
            // hishel fails on any other.
            reason: head.extensions.reason.as_ref().filter(is_ascii).cloned(),
            method: head.request.method.as_str().to_owned(),
            url: super::key::rebuilt(&head.request.url),
            request_headers: head.request.headers.clone(),
            request_extensions: kept.map(|(name, json)| (name.clone(), json.clone())).collect(),
            cache_key: head.id.key.clone(),
            uses: head.uses,
            created_at: head.created_at,
        }
    }

    /// The entry that lies under this key, and its body.
    pub(in crate::foreign) fn into_entry(self, key: &str, form: Form) -> (EntryHead, Bytes) {
        let selection = policy::selection(&self.headers, &self.request_headers);
        let variant = if selection.is_empty() { Variant::none() } else { Variant::of(&selection) };
        let request = Request {
            method: Method::verbatim(&self.method),
            url: UrlText::verbatim(self.url),
            headers: self.request_headers,
            extensions: Extensions { other: self.request_extensions, ..Extensions::default() },
        };
        let id = EntryId::new(key, variant);
        let mut head = EntryHead::new(id, request, self.status, self.headers, self.created_at);
        head.extensions.http_version = self.http_version.map(Into::into);
        head.extensions.reason = self.reason;
        head.selections = if selection.is_empty() { Vec::new() } else { vec![selection] };
        head.received_at = super::received_at(&head.headers, self.created_at);
        head.requested_at = head.received_at;
        head.uses = self.uses;
        head.serializer = Some(form.name().into());
        let mut digest = BodyDigest::new();
        digest.update(&self.body);
        head.body = digest.finish();
        (head, self.body)
    }
}
