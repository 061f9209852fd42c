//! What `get` and `warm` have in common: the request they send, and how.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use cachectl::{
    Client, Error, ErrorKind, Headers, HttpOptions, HttpTransport, Incoming, Method, Outgoing,
    Request, RequestOptions, Secrets, Transport, decode,
};
use clap::Args;

use super::WriteArgs;
use super::options::{Limit, limit, span};
use crate::config::Config;
use crate::output::talk;
use crate::{environment, input, signals};

/// What is sent, and what is wanted of the answer.
#[derive(Debug, Clone, Args)]
pub struct FetchArgs {
    /// Send this header field; @FILE reads one a line, to keep secrets out of the process list
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,

    /// Follow at most this many redirects
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub max_redirs: u32,

    /// Limit the whole of it, redirects and retries included
    #[arg(long, value_name = "DUR", value_parser = limit)]
    pub max_time: Option<Limit>,

    /// Limit connecting [default: 10s]
    #[arg(long, value_name = "DUR", value_parser = limit)]
    pub connect_timeout: Option<Limit>,

    /// Limit how long the origin may be silent [default: 30s]
    #[arg(long, value_name = "DUR", value_parser = limit)]
    pub read_timeout: Option<Limit>,

    /// Ask the origin whether the stored answer still holds, even if it is fresh
    #[arg(long)]
    pub revalidate: bool,

    /// Fetch anew, whatever is stored
    #[arg(long, conflicts_with = "revalidate")]
    pub refresh: bool,

    /// Accept no answer older than this
    #[arg(long, value_name = "DUR", value_parser = span)]
    pub max_age: Option<Duration>,

    /// Ask for gzip, br and zstd; store what comes, undo it on the way out
    #[arg(long)]
    pub compressed: bool,

    /// Store and serve for --ttl even what the headers forbid
    #[arg(long, requires = "ttl")]
    pub force_cache: bool,

    /// Label what is stored now; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
}

impl FetchArgs {
    /// The request for a URL: with the fields that were said, those of the configuration,
    /// and the usual ones.
    pub fn request(&self, method: Method, url: &str, config: &Config) -> Result<Request> {
        request_for(method, url, &headers_of(&self.headers)?, self.compressed, config)
    }

    /// How the transport connects.
    pub fn http_options(&self, config: &Config, in_place: bool) -> HttpOptions {
        let defaults = HttpOptions::default();
        let http = &config.http;
        let limit = |flag: Option<Limit>, file: Option<Option<Duration>>, default| {
            flag.map(|l| l.0).or(file).unwrap_or(default)
        };
        HttpOptions {
            connect_timeout: limit(
                self.connect_timeout,
                http.connect_timeout.as_ref().map(|g| g.value),
                defaults.connect_timeout,
            ),
            read_timeout: limit(
                self.read_timeout,
                http.read_timeout.as_ref().map(|g| g.value),
                defaults.read_timeout,
            ),
            proxies: environment::proxies(),
            in_place,
            ..defaults
        }
    }

    /// How long the whole of one fetch may take.
    pub fn whole(&self, config: &Config) -> Option<Duration> {
        let whole = self.max_time.map(|l| l.0).or(config.http.timeout.as_ref().map(|g| g.value));
        whole.flatten()
    }

    /// The options that are directives.
    pub fn policy(&self, write: &WriteArgs) -> RequestOptions {
        RequestOptions {
            revalidate: self.revalidate,
            refresh: self.refresh,
            max_age: self.max_age,
            force: write.ttl.and_then(|ttl| ttl.0).filter(|_| self.force_cache),
            ..RequestOptions::default()
        }
    }
}

/// A header field as it was said; without a value it is not sent, whatever is usual.
pub type Said = (String, Option<Vec<u8>>);

/// The request that `get` sends for a URL: with the fields that were said, those of the
/// configuration, and the usual ones.
pub fn request_for(
    method: Method,
    url: &str,
    said: &[Said],
    compressed: bool,
    config: &Config,
) -> Result<Request> {
    let mut request = Client::request(method, url)?;
    let mut default = |name: &str, value: &str| {
        let is_said = said.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !is_said && !request.headers.contains(name) {
            request.headers.push(name, value);
        }
    };
    for header in &config.http.headers {
        default(&header.value.0, &header.value.1);
    }
    default("User-Agent", concat!("cachectl/", env!("CARGO_PKG_VERSION")));
    default("Accept", "*/*");
    if compressed {
        default("Accept-Encoding", decode::ACCEPTED);
    }
    add_said(&mut request, said);
    Ok(request)
}

/// What is said explicitly replaces what the request has.
pub fn add_said(request: &mut Request, said: &[Said]) {
    for (name, _) in said {
        request.headers.remove(name);
    }
    for (name, value) in said {
        if let Some(value) = value {
            request.headers.push(name, value);
        }
    }
}

/// Header fields as they are said: `Name: value`, or `@FILE` with one a line; as with curl
/// `Name:` leaves a usual field out, and `Name;` sends it empty.
pub fn headers_of(said: &[String]) -> Result<Vec<Said>> {
    let mut given = Vec::new();
    for header in said {
        match header.strip_prefix('@') {
            Some(file) => given.extend(headers_from(file)?),
            None => given.push(parse_header(header.as_bytes())?),
        }
    }
    Ok(given)
}

/// One field a line; empty lines and `#` comments are skipped. Values are bytes.
fn headers_from(file: &str) -> Result<Vec<Said>> {
    let text = input::bytes(Path::new(file), "a list of header fields").map_err(|e| {
        Error::new(ErrorKind::LocalFile, format!("cannot read the header fields in {file}"))
            .because(e)
    })?;
    text.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&text)
        .split(|&c| c == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(parse_header)
        .collect()
}

/// `Name: value`. The value is not repeated in an error, for it may be a credential.
fn parse_header(text: &[u8]) -> Result<Said> {
    let refuse = |why: &str| {
        Error::usage(format!("a field of --header cannot be sent: {why}"))
            .try_this("-H 'Name: value'")
    };
    let name_of = |name: &[u8]| {
        let name = std::str::from_utf8(name.trim_ascii()).ok();
        let name = name.filter(|name| Method::parse(name).is_ok());
        name.map(ToOwned::to_owned).ok_or_else(|| refuse("its name is not a token"))
    };
    let Some(colon) = text.iter().position(|&c| c == b':') else {
        let name = text.strip_suffix(b";").ok_or_else(|| refuse("it has no colon"))?;
        return Ok((name_of(name)?, Some(Vec::new())));
    };
    let name = name_of(&text[..colon])?;
    let value = text[colon + 1..].trim_ascii();
    if value.iter().any(|&c| c < b' ' && c != b'\t' || c == 0x7f) {
        return Err(refuse(&format!("the value of {name} has control characters")).into());
    }
    Ok((name, (!value.is_empty()).then(|| value.to_owned())))
}

/// The transport, made when the first request goes out: a hit needs none of it.
#[derive(Debug)]
pub struct Origin {
    options: HttpOptions,
    transport: OnceLock<HttpTransport>,
}

impl Origin {
    pub fn new(options: HttpOptions) -> Self {
        Origin { options, transport: OnceLock::new() }
    }
}

/// The TLS library passes over certificates that it cannot read; then no host is trusted, and
/// nobody knows why.
fn tell_of_lost_roots() {
    for (name, path) in environment::own_roots() {
        if let Err(e) = std::fs::File::open(&path) {
            let told = format!("{name} names {}, which cannot be read", path.display());
            let error = Error::new(ErrorKind::LocalFile, told).because(e);
            talk::warning(error.message(), &error.causes());
        }
    }
}

/// Tells of the fields of a message, one in a line, credentials hidden.
fn note_fields(way: char, headers: &Headers) {
    for (name, value) in headers.iter() {
        let name = String::from_utf8_lossy(name);
        tracing::debug!("{way} {name}: {}", Secrets::built_in().header_value(&name, value));
    }
}

#[async_trait]
impl Transport for Origin {
    async fn send(&self, request: Outgoing) -> cachectl::Result<Incoming> {
        signals::listen();
        let is_secure = request.url.as_str().starts_with("https:");
        let transport = self.transport.get_or_init(|| {
            if is_secure {
                tell_of_lost_roots();
            }
            HttpTransport::new(self.options.clone())
        });
        let shown = Secrets::built_in();
        tracing::debug!("> {} {}", request.method, shown.url(request.url.as_str()));
        note_fields('>', &request.headers);
        let incoming = transport.send(request).await?;
        tracing::debug!("< {}", incoming.status);
        note_fields('<', &incoming.headers);
        Ok(incoming)
    }

    async fn pause(&self, span: Duration) {
        std::thread::sleep(span);
    }
}
