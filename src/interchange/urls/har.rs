//! The requests of a HAR. Credentials stay behind: of the fields only `Accept…` come along.

use serde::Deserialize;

use crate::error::{Error, Result, unquoted};
use crate::model::Headers;

use super::super::har::{Found, Shape, Skimmer};
use super::super::input::Input;
use super::{Items, Listed, is_accept};

pub(super) struct Requests {
    entries: Skimmer,
    name: String,
    index: u64,
    left_out: u64,
    is_over: bool,
}

const SHAPE: Shape = Shape::Members(&[(
    "request",
    Shape::Members(&[("method", Shape::Whole), ("url", Shape::Whole), ("headers", Shape::Whole)]),
)]);

#[derive(Deserialize)]
struct Entry {
    request: Asked,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    value: String,
}

impl Requests {
    pub(super) fn new(from: Input, name: String) -> Result<Self> {
        let entries = Skimmer::new(from, &SHAPE)?;
        Ok(Requests { entries, name, index: 0, left_out: 0, is_over: false })
    }

    fn listed(&mut self, text: &[u8]) -> Option<Result<Listed>> {
        let place = format!("{} log.entries[{}]", self.name, self.index);
        self.index += 1;
        let asked = match serde_json::from_slice::<Entry>(text) {
            Ok(entry) => entry.request,
            Err(e) => {
                return Some(Err(
                    Error::codec(format!("{place} is no request")).because(unquoted(e))
                ));
            }
        };
        // `data:` and the like were never fetched.
        let is_http = asked.url.starts_with("http://") || asked.url.starts_with("https://");
        if asked.method != "GET" || !is_http {
            self.left_out += 1;
            return None;
        }
        let mut headers = Headers::new();
        for Pair { name, value } in asked.headers {
            if is_accept(&name) && !value.contains(['\r', '\n']) {
                headers.push(name, value);
            }
        }
        Some(Ok(Listed { url: asked.url, headers, place }))
    }
}

impl Items for Requests {
    fn next(&mut self) -> Option<Result<Listed>> {
        while !self.is_over {
            match self.entries.next() {
                Ok(Found::Entry(entry)) => {
                    if let Some(listed) = self.listed(&entry.json) {
                        return Some(listed);
                    }
                }
                Ok(Found::TooLong) => self.left_out += 1,
                Ok(Found::End) => self.is_over = true,
                Err(e) => {
                    self.is_over = true;
                    return Some(Err(e));
                }
            }
        }
        None
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}
