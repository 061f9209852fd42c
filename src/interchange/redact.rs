//! Credentials out of heads, before any format sees them.

use std::borrow::Cow;

use crate::model::{EntryHead, Headers, Secrets, Selection, UrlText};

use super::WriteOptions;

/// Finds credentials in heads, and hides them if that is wanted.
pub(super) struct Redactor {
    secrets: Secrets,
    hides: bool,
}

impl Redactor {
    pub(super) fn new(options: &WriteOptions) -> Self {
        Redactor { secrets: options.secrets.clone(), hides: options.redact }
    }

    /// The head as it is written, and whether it carries credentials. Every format goes
    /// through here, so that none can forget it.
    pub(super) fn apply<'a>(&self, head: &'a EntryHead) -> (Cow<'a, EntryHead>, bool) {
        let hidden = self.hidden(head);
        let carries = hidden.is_some();
        match hidden {
            Some(hidden) if self.hides => (Cow::Owned(hidden), carries),
            _ => (Cow::Borrowed(head), carries),
        }
    }

    /// The head with everything hidden; `None` when there is nothing to hide.
    fn hidden(&self, head: &EntryHead) -> Option<EntryHead> {
        let key = self.secrets.url(&head.id.key);
        let url = self.secrets.url(head.request.url.as_str());
        let request = self.headers(&head.request.headers);
        let response = self.headers(&head.headers);
        let selects = head.selections.iter().flatten();
        let selections = selects.clone().any(|f| self.secrets.is_secret_header(&f.name));
        let nothing = matches!((&key, &url), (Cow::Borrowed(_), Cow::Borrowed(_)))
            && request.is_none()
            && response.is_none()
            && !selections;
        if nothing {
            return None;
        }
        let mut hidden = head.clone();
        hidden.id.key = key.into_owned();
        hidden.request.url = UrlText::verbatim(url);
        hidden.request.headers = request.unwrap_or(hidden.request.headers);
        hidden.headers = response.unwrap_or(hidden.headers);
        if selections {
            hidden.selections.iter_mut().for_each(|selection| self.hide_selection(selection));
        }
        Some(hidden)
    }

    /// The fields with credentials hidden; `None` when there is nothing to hide.
    fn headers(&self, headers: &Headers) -> Option<Headers> {
        let shown = |name: &[u8], value: &[u8]| -> Option<String> {
            let shown = self.secrets.header_value(&String::from_utf8_lossy(name), value);
            (shown != String::from_utf8_lossy(value)).then(|| shown.into_owned())
        };
        if !headers.iter().any(|(name, value)| shown(name, value).is_some()) {
            return None;
        }
        let mut hidden = Headers::with_capacity(headers.len(), headers.text_bytes());
        for (name, value) in headers.iter() {
            match shown(name, value) {
                Some(text) => hidden.push(name, text),
                None => hidden.push(name, value),
            }
        }
        Some(hidden)
    }

    fn hide_selection(&self, selection: &mut Selection) {
        for field in selection {
            if let Some(value) = &mut field.value
                && self.secrets.is_secret_header(&field.name)
            {
                *value = self.secrets.header_value(&field.name, value).into_owned().into_bytes();
            }
        }
    }
}
