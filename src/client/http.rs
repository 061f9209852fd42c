//! The transport over HTTP/1.1 and TLS: `ureq`, and what it hides.
//!
//! `ureq` gives header fields with lower-case names and regroups repeated ones, and drops
//! interim responses. A cache has to keep what came, so the connection is watched, and the
//! header section is read from it a second time.

mod messages;
mod proxy;

use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    ConnectProxyConnector, Connector, RustlsConnector, SocksConnector, TcpConnector,
};
use ureq::{Agent, Timeout};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Method, Secrets, UrlText};
use crate::storage::{BodyReader, BodyStream};

use super::transport::{Incoming, Outgoing, Transport};
use messages::{Seen, Watch};
pub use proxy::Proxies;

/// How the transport connects. The defaults are those of the command line.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// How long connecting may take, name lookup and TLS included. Default: 10 seconds.
    pub connect_timeout: Option<Duration>,
    /// How long the origin may be silent. Default: 30 seconds.
    pub read_timeout: Option<Duration>,
    /// Proxies. Default: none.
    pub proxies: Proxies,
    /// How many idle connections to one host are kept to be used again. Default: 3.
    pub keep_per_host: usize,
    /// Block the caller instead of a worker thread: for programs that do one thing at a
    /// time, which then need no runtime. Default: false.
    pub in_place: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(30)),
            proxies: Proxies::default(),
            keep_per_host: 3,
            in_place: false,
        }
    }
}

/// HTTP/1.1 over TCP and TLS, with the system's trust roots (or `SSL_CERT_FILE`), and with
/// connections that are used again.
#[derive(Clone)]
pub struct HttpTransport {
    agent: Agent,
    options: HttpOptions,
}

/// How much of a body is read at once.
const BODY_CHUNK: usize = 128 * 1024;

impl HttpTransport {
    /// A transport; nothing is connected or loaded yet.
    pub fn new(options: HttpOptions) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .tls_config(tls)
            .proxy(None)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .input_buffer_size(BODY_CHUNK)
            .max_idle_connections_per_host(options.keep_per_host)
            .max_idle_connections(options.keep_per_host.max(10))
            .timeout_connect(options.connect_timeout)
            .timeout_resolve(options.connect_timeout)
            .timeout_per_read(options.read_timeout)
            .timeout_per_write(options.read_timeout)
            .build();
        let connector =
            ().chain(SocksConnector::default())
                .chain(proxy::PlainProxyConnector)
                .chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(RustlsConnector::default())
                .chain(messages::Reader);
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        HttpTransport { agent, options }
    }

    /// Sends a request from this thread.
    fn exchange(&self, request: &Outgoing) -> Result<(Incoming, BodyReader)> {
        let name = shown(&request.url);
        let fail = |e| network_error(e, &name, &self.options);
        let mut builder = ureq::http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url.as_str());
        for (name, value) in request.headers.iter() {
            builder = builder.header(name, value);
        }
        // Methods that have a use for a body say that there is none (RFC 9110 section 8.6).
        if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
            builder = builder.header("Content-Length", "0");
        }
        let message = builder.body(()).map_err(|e| {
            Error::usage(format!("the request for {name} cannot be sent"))
                .because(e)
                .coded("bad_request")
        })?;
        let left = match request.deadline.map(|end| end.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Err(fail(ureq::Error::Timeout(Timeout::Global))),
            left => left,
        };
        let message = self
            .agent
            .configure_request(message)
            .timeout_global(left)
            .proxy(self.options.proxies.for_url(&request.url)?)
            .build();
        // Each of the connections that were kept may be gone by now.
        let mut others = self.options.keep_per_host;
        let (response, seen) = loop {
            messages::forget();
            let answered = self.agent.run(message.clone());
            let seen = messages::take();
            match (answered, seen) {
                (Err(_), Seen { was_gone: true, .. })
                    if others > 0 && request.method.is_idempotent() =>
                {
                    others -= 1;
                }
                (Err(_), Seen { trouble: Some(why), .. }) => {
                    let what = format!("the answer from {name} is not proper HTTP");
                    return Err(Error::new(ErrorKind::Network, what).because(why).coded("http"));
                }
                (Err(e), _) => return Err(fail(e)),
                (Ok(response), seen) => break (response, seen),
            }
        };
        let head = seen.head.ok_or_else(|| {
            Error::new(ErrorKind::Internal, format!("the response from {name} was not seen"))
        })?;
        let has_body = request.method != Method::HEAD && !matches!(head.status, 204 | 304);
        let length = has_body.then(|| response.body().content_length()).flatten().unwrap_or(0);
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let chunks = BodyChunks {
            reader: has_body.then_some(body),
            watch: seen.watch,
            buffer: BytesMut::new(),
            name,
            options: self.options.clone(),
        };
        let incoming = Incoming {
            status: head.status,
            headers: head.headers,
            extensions: head.extensions,
            interim: seen.interim,
            body: BodyStream::whole(Bytes::new()),
        };
        Ok((incoming, BodyReader::unchecked(chunks, length)))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Outgoing) -> Result<Incoming> {
        if self.options.in_place {
            let (incoming, body) = self.exchange(&request)?;
            return Ok(Incoming { body: BodyStream::in_place(body), ..incoming });
        }
        let this = self.clone();
        let work = move || this.exchange(&request);
        let (incoming, body) = crate::storage::on_pool(work).await??;
        Ok(Incoming { body: BodyStream::in_place(body).pooled(), ..incoming })
    }

    async fn pause(&self, span: Duration) {
        if self.options.in_place {
            std::thread::sleep(span);
        } else {
            tokio::time::sleep(span).await;
        }
    }
}

/// A response body, chunk by chunk, up to its proper end.
struct BodyChunks<R> {
    reader: Option<R>,
    watch: Watch,
    buffer: BytesMut,
    name: String,
    options: HttpOptions,
}

impl<R: Read> BodyChunks<R> {
    fn read(&mut self) -> io::Result<Option<Bytes>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        self.buffer.resize(BODY_CHUNK, 0);
        let got = loop {
            match reader.read(&mut self.buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if got > 0 {
            return Ok(Some(self.buffer.split_to(got).freeze()));
        }
        self.reader = None;
        // A connection that was torn down is no proper end, also where nothing but the
        // end of the connection marks the end of the body.
        if self.watch.is_broken() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for BodyChunks<R> {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(chunk) => chunk.map(Ok),
            Err(e) => {
                self.reader = None;
                let cause = ureq::Error::from(e);
                let timed_out = matches!(cause, ureq::Error::Timeout(_));
                Some(Err(if timed_out {
                    network_error(cause, &self.name, &self.options)
                } else {
                    let why = plain_words(&cause);
                    Error::new(ErrorKind::Network, format!("the body from {} broke off", self.name))
                        .because(why)
                        .coded("body_cut_off")
                        .passing()
                        .try_this("the same command again; nothing incomplete was stored")
                }))
            }
        }
    }
}

fn shown(url: &UrlText) -> String {
    Secrets::built_in().url(url.as_str()).into_owned()
}

/// What went wrong on the way to the origin, in words, with what to try.
fn network_error(error: ureq::Error, url: &str, options: &HttpOptions) -> Error {
    let new = |what: String| Error::new(ErrorKind::Network, what);
    let io_kind = match &error {
        ureq::Error::Io(e) => Some(e.kind()),
        _ => None,
    };
    match &error {
        e if is_lookup_failure(e) => new(format!("cannot fetch {url}"))
            .because("no such host, or its name cannot be looked up now")
            .coded("dns")
            .passing()
            .try_this("check the name; --stale-if-error serves what is stored meanwhile"),
        ureq::Error::Timeout(which) => {
            let (after, flag, what) = match which {
                Timeout::Connect | Timeout::Resolve => {
                    (options.connect_timeout, "--connect-timeout", "while connecting")
                }
                Timeout::PerRead | Timeout::PerWrite => {
                    (options.read_timeout, "--read-timeout", "of silence")
                }
                _ => (None, "--max-time", "in all"),
            };
            let after = after.map(|d| format!(" after {}", crate::model::format_duration(d)));
            new(format!("cannot fetch {url}"))
                .because(format!("timed out{} {what}", after.unwrap_or_default()))
                .coded("timeout")
                .passing()
                .try_this(format!("a longer {flag}"))
        }
        e if tls_error_of(e).is_some() => {
            let (why, hint) = tls_error_of(e).map(tls_words).unwrap_or_default();
            let error = new(format!("cannot fetch {url}")).because(why).coded("tls");
            match hint {
                Some(hint) => error.try_this(hint),
                None => error,
            }
        }
        ureq::Error::Tls(_) | ureq::Error::Pem(_) => {
            new(format!("cannot fetch {url}")).because(plain_words(&error)).coded("tls")
        }
        ureq::Error::Io(_) | ureq::Error::ConnectionFailed => {
            let refused = matches!(
                io_kind,
                Some(
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::HostUnreachable
                        | io::ErrorKind::NetworkUnreachable
                )
            );
            new(format!("cannot fetch {url}"))
                .because(plain_words(&error))
                .coded(if refused { "connect" } else { "connection_lost" })
                .passing()
                .try_this("is the origin up? --stale-if-error serves what is stored meanwhile")
        }
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            new(format!("cannot fetch {url} through the proxy"))
                .because(plain_words(&error))
                .coded("proxy")
                .try_this("HTTP_PROXY, HTTPS_PROXY and NO_PROXY say which proxy is used")
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Error::usage(format!("{url} cannot be fetched")).because(plain_words(&error))
        }
        _ => new(format!("the answer from {url} is not proper HTTP"))
            .because(plain_words(&error))
            .coded("http"),
    }
}

/// The error of the TLS library behind an error, however it was wrapped.
fn tls_error_of(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(e) => Some(e),
        ureq::Error::Io(e) => e.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// What is wrong with a secure connection, in words, and what helps.
fn tls_words(error: &rustls::Error) -> (String, Option<&'static str>) {
    use rustls::{CertificateError as Certificate, Error};
    const OWN_AUTHORITY: Option<&str> =
        Some("for a private certificate authority: SSL_CERT_FILE=ca.pem");
    const CLOCK: Option<&str> = Some("is the clock of this machine right?");
    let (why, hint) = match error {
        Error::InvalidCertificate(why) => match why {
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                ("its certificate has expired", CLOCK)
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                ("its certificate is not valid yet", CLOCK)
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                ("its certificate is for another host", Some("the name that the certificate has"))
            }
            Certificate::UnknownIssuer => {
                ("its certificate is of an authority that is not known here", OWN_AUTHORITY)
            }
            Certificate::Revoked => ("its certificate was revoked", None),
            Certificate::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                ("its certificate is one of an authority, and none of a server", OWN_AUTHORITY)
            }
            _ => return (format!("its certificate cannot be used: {why}"), OWN_AUTHORITY),
        },
        Error::InvalidMessage(_) => {
            ("it does not answer with TLS", Some("http:// in place of https://"))
        }
        Error::PeerIncompatible(_) => ("it knows no version of TLS that is secure", None),
        Error::AlertReceived(_) => ("it refuses the secure connection", None),
        other => return (other.to_string(), None),
    };
    (why.to_owned(), hint)
}

/// The system's resolver has an error of its own, which the standard library only words.
fn is_lookup_failure(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound => true,
        ureq::Error::Io(e) => e.to_string().contains("failed to lookup address"),
        _ => false,
    }
}

/// The library's words, without its own prefixes.
fn plain_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(e) => match e.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            io::ErrorKind::ConnectionReset => "connection reset by the origin".to_owned(),
            io::ErrorKind::UnexpectedEof => "the origin closed the connection too early".to_owned(),
            _ => e.to_string(),
        },
        ureq::Error::Protocol(e) => e.to_string(),
        ureq::Error::Rustls(e) => e.to_string(),
        other => other.to_string(),
    }
}
