//! Reading one file. Every key is known; anything else is an error that names its line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use cachectl::{Error, expected, parse_duration, parse_size};
use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, Given, Layer, Line, NamedStore, shown_path, trust_hint};
use crate::cli::When;
use crate::environment;

/// Reads a file on top of what was read before.
pub fn read(config: &mut Config, layer: Layer, path: &Path, text: &str) -> Result<()> {
    let reader = Reader { layer, path, text };
    let table = DeTable::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        reader.refuse(at, e.message())
    })?;
    reader.root(config, table.get_ref())
}

struct Reader<'a> {
    layer: Layer,
    path: &'a Path,
    text: &'a str,
}

type Key<'a> = Spanned<Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn line(&self, at: usize) -> Line {
        let number = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        Line { layer: self.layer, file: self.path.to_owned(), number }
    }

    fn refuse(&self, at: usize, why: &str) -> anyhow::Error {
        let line = self.line(at);
        Error::usage(format!("the configuration {} cannot be used", shown_path(self.path)))
            .because(format!("line {}: {why}", line.number))
            .coded("bad_config")
            .try_this("correct that line, or --no-config")
            .into()
    }

    /// Refuses what a stranger may not say: files to read, hosts to send to, commands to run.
    fn refuse_stranger(&self, key: &Key<'_>, what: &str) -> Result<()> {
        if !self.layer.is_of_strangers() {
            return Ok(());
        }
        let line = self.line(key.span().start);
        let file = shown_path(self.path);
        Err(Error::usage(format!("the project's file {file} may not {what}"))
            .because(format!("line {}: whoever wrote the project wrote it", line.number))
            .coded("untrusted_project")
            .try_this(trust_hint(self.path))
            .into())
    }

    fn unknown(&self, key: &Key<'_>, known: &[&'static str]) -> anyhow::Error {
        let name = key.get_ref();
        let hint = expected(name, known.iter().copied());
        self.refuse(key.span().start, &format!("unknown key {name:?}; {hint}"))
    }

    fn given<T>(&self, key: &Key<'_>, value: T) -> Given<T> {
        Given { value, line: self.line(key.span().start) }
    }

    fn text(&self, value: &Value<'_>) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            _ => Err(self.refuse(value.span().start, "a text in quotes is expected")),
        }
    }

    fn flag(&self, value: &Value<'_>) -> Result<bool> {
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.refuse(value.span().start, "true or false is expected")),
        }
    }

    /// A text that `parse` understands.
    fn parsed<T>(
        &self,
        value: &Value<'_>,
        parse: impl FnOnce(&str) -> cachectl::Result<T>,
    ) -> Result<T> {
        let text = self.text(value)?;
        parse(&text).map_err(|e| {
            let hint = e.hint().map_or(String::new(), |hint| format!(" (as in {hint})"));
            self.refuse(value.span().start, &format!("{e:#}{hint}"))
        })
    }

    fn table<'t>(&self, value: &'t Value<'t>) -> Result<&'t DeTable<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.refuse(value.span().start, "a table is expected")),
        }
    }

    fn texts(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<Given<String>>> {
        match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().map(|item| Ok(self.given(key, self.text(item)?))).collect()
            }
            _ => Err(self.refuse(value.span().start, "a list of texts is expected")),
        }
    }

    fn root(&self, config: &mut Config, table: &DeTable<'_>) -> Result<()> {
        const KNOWN: &[&str] = &[
            "backend",
            "serializer",
            "ttl",
            "readonly",
            "color",
            "backends",
            "http",
            "redact",
            "trusted_projects",
        ];
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "backend" => config.backend = Some(self.given(key, self.text(value)?)),
                "serializer" => config.serializer = Some(self.given(key, self.text(value)?)),
                "ttl" => {
                    self.parsed(value, parse_duration)?;
                    config.ttl = Some(self.given(key, self.text(value)?));
                }
                "readonly" => config.readonly = Some(self.given(key, self.flag(value)?)),
                "color" => {
                    let text = self.text(value)?;
                    When::from_str(&text, false).map_err(|_| {
                        let why = format!("{text:?} is not auto, always or never");
                        self.refuse(value.span().start, &why)
                    })?;
                    config.color = Some(self.given(key, text));
                }
                "backends" => self.stores(config, self.table(value)?)?,
                "http" => self.http(config, self.table(value)?)?,
                "redact" => self.redact(config, self.table(value)?)?,
                "trusted_projects" => self.trusted(config, key, value)?,
                _ => return Err(self.unknown(key, KNOWN)),
            }
        }
        Ok(())
    }

    /// Folders below which projects are the user's own.
    fn trusted(&self, config: &mut Config, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
        if matches!(self.layer, Layer::Project | Layer::Trusted) {
            let why = "a project cannot vouch for itself; your own configuration can";
            return Err(self.refuse(key.span().start, why));
        }
        for folder in self.texts(key, value)? {
            let path = match (folder.value.strip_prefix("~/"), environment::home()) {
                (Some(below), Some(home)) => home.join(below),
                _ => PathBuf::from(&folder.value),
            };
            if !path.is_absolute() {
                let why = format!("{:?} is not the whole path of a folder", folder.value);
                return Err(self.refuse(value.span().start, &why));
            }
            config.trusted_projects.push(Given { value: path, line: folder.line });
        }
        Ok(())
    }

    /// A later file replaces a store as a whole, so that it does not take over settings of
    /// another address. What the user calls by a name, no stranger may put in its place.
    fn stores(&self, config: &mut Config, table: &DeTable<'_>) -> Result<()> {
        for (name, value) in table {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let text = name.get_ref();
            if !(text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_name)) {
                let why = format!("{text:?} cannot be the name of a store");
                return Err(self.refuse(name.span().start, &why));
            }
            if config.stores.contains_key(text.as_ref()) {
                self.refuse_stranger(name, &format!("redefine your own store {text:?}"))?;
            }
            let store = self.store(name, self.table(value)?)?;
            config.stores.insert(text.clone().into_owned(), store);
        }
        Ok(())
    }

    fn store(&self, name: &Key<'_>, table: &DeTable<'_>) -> Result<NamedStore> {
        let mut address = None;
        let mut params = BTreeMap::new();
        let mut password_command = None;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "password_command" if matches!(self.layer, Layer::Project | Layer::Trusted) => {
                    let why = "a project's file may not name commands; the user's own may";
                    return Err(self.refuse(key.span().start, why));
                }
                "password_file" | "ca" => {
                    self.refuse_stranger(key, "name files to read")?;
                    params.insert(key.get_ref().to_string(), self.given(key, self.text(value)?));
                }
                "password_command" => {
                    let words = self.texts(key, value)?.into_iter().map(|word| word.value);
                    password_command = Some(self.given(key, words.collect()));
                }
                "address" => address = Some(self.given(key, self.text(value)?)),
                other => {
                    let text = match value.get_ref() {
                        DeValue::Boolean(flag) => flag.to_string(),
                        DeValue::Integer(number) => number.to_string(),
                        _ => self.text(value)?,
                    };
                    params.insert(other.to_owned(), self.given(key, text));
                }
            }
        }
        let address = address.ok_or_else(|| {
            self.refuse(name.span().start, &format!("store {:?} has no address", name.get_ref()))
        })?;
        Ok(NamedStore { address, params, password_command })
    }

    fn http(&self, config: &mut Config, table: &DeTable<'_>) -> Result<()> {
        const KNOWN: &[&str] = &[
            "timeout",
            "connect_timeout",
            "read_timeout",
            "max_body",
            "cacheable_status",
            "shared",
            "partition",
            "api_keys_apart",
            "headers",
        ];
        let http = &mut config.http;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "timeout" => {
                    http.timeout = Some(self.given(key, self.parsed(value, parse_duration)?));
                }
                "connect_timeout" => {
                    let span = self.parsed(value, parse_duration)?;
                    http.connect_timeout = Some(self.given(key, span));
                }
                "read_timeout" => {
                    http.read_timeout = Some(self.given(key, self.parsed(value, parse_duration)?));
                }
                "max_body" => {
                    http.max_body = Some(self.given(key, self.parsed(value, parse_size)?));
                }
                "cacheable_status" => {
                    let set = self.parsed(value, str::parse)?;
                    http.cacheable_status = Some(self.given(key, set));
                }
                "shared" => http.shared = Some(self.given(key, self.flag(value)?)),
                "api_keys_apart" => {
                    self.refuse_stranger(key, "mix answers for different API keys")?;
                    http.api_keys_apart = Some(self.given(key, self.flag(value)?));
                }
                "partition" => http.partition = Some(self.given(key, self.text(value)?)),
                "headers" => {
                    self.refuse_stranger(key, "set header fields for all hosts")?;
                    for (name, value) in self.table(value)? {
                        let pair = (name.get_ref().clone().into_owned(), self.text(value)?);
                        http.headers.retain(|g| !g.value.0.eq_ignore_ascii_case(&pair.0));
                        http.headers.push(self.given(name, pair));
                    }
                }
                _ => return Err(self.unknown(key, KNOWN)),
            }
        }
        Ok(())
    }

    fn redact(&self, config: &mut Config, table: &DeTable<'_>) -> Result<()> {
        for (key, value) in table {
            let texts = self.texts(key, value)?;
            match key.get_ref().as_ref() {
                "headers" => config.redact_headers.extend(texts),
                "query" => config.redact_query.extend(texts),
                _ => return Err(self.unknown(key, &["headers", "query"])),
            }
        }
        Ok(())
    }
}
