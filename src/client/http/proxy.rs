//! Proxies: which one a URL goes through, and plain HTTP through one.
//!
//! `ureq` asks every proxy for a tunnel, also for plain HTTP, which many refuse. A plain
//! request goes to the proxy as such, with the whole URL in its first line.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport,
};
use ureq::{Agent, Proxy, ProxyProtocol};

use crate::error::{Error, Result};
use crate::model::{Secrets, UrlText};

/// Which proxy serves which URLs.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `http` URLs: `http://`, `https://`, `socks4://`, `socks4a://` or `socks5://`.
    pub http: Option<String>,
    /// For `https` URLs.
    pub https: Option<String>,
    /// Hosts that are reached directly, as in `NO_PROXY`: names with everything below
    /// them, addresses, networks (`10.0.0.0/8`), any of them with a port, or `*`.
    pub direct: Vec<String>,
}

/// Hides passwords.
impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hidden =
            |url: &Option<String>| url.as_deref().map(|u| Secrets::built_in().url(u).into_owned());
        f.debug_struct("Proxies")
            .field("http", &hidden(&self.http))
            .field("https", &hidden(&self.https))
            .field("direct", &self.direct)
            .finish()
    }
}

impl Proxies {
    /// The proxy for a URL.
    pub(super) fn for_url(&self, url: &UrlText) -> Result<Option<Proxy>> {
        let proxy = if url.scheme() == Some("https") { &self.https } else { &self.http };
        let Some(proxy) = proxy.as_deref().filter(|p| !p.is_empty()) else { return Ok(None) };
        if url.host().is_some_and(|host| self.is_direct(host, port_of(url))) {
            return Ok(None);
        }
        Proxy::new(proxy).map(Some).map_err(|e| {
            let shown = Secrets::built_in().url(proxy).into_owned();
            Error::usage(format!("{shown:?} is not the address of a proxy"))
                .because(e)
                .try_this("http://host:port in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY")
        })
    }

    fn is_direct(&self, host: &str, port: u16) -> bool {
        let host = bare(host).to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        self.direct.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()).any(
            |entry| {
                if entry == "*" {
                    return true;
                }
                if let Some((network, length)) = entry.split_once('/') {
                    return address.is_some_and(|address| is_within(address, network, length));
                }
                let (entry, wanted) = match entry.rsplit_once(':') {
                    // More colons than one, and no brackets: an address alone.
                    Some((name, number)) if !name.contains(':') || name.ends_with(']') => {
                        (name, number.parse().ok())
                    }
                    _ => (entry, None),
                };
                let entry = bare(entry).trim_start_matches('*').trim_start_matches('.');
                let entry = entry.to_ascii_lowercase();
                let below = || host.strip_suffix(&*entry).is_some_and(|rest| rest.ends_with('.'));
                let is_host = match entry.parse::<IpAddr>() {
                    Ok(entry) => address == Some(entry),
                    Err(_) => host == entry || below(),
                };
                is_host && wanted.is_none_or(|wanted: u16| wanted == port)
            },
        )
    }
}

/// Without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn port_of(url: &UrlText) -> u16 {
    let port = url.authority().and_then(|authority| {
        let (name, port) = authority.rsplit_once(':')?;
        (!name.contains(':') || name.ends_with(']')).then(|| port.parse().ok())?
    });
    port.unwrap_or(if url.scheme() == Some("https") { 443 } else { 80 })
}

/// Whether an address is within a network, `10.0.0.0` and `8`.
fn is_within(address: IpAddr, network: &str, length: &str) -> bool {
    let (Ok(network), Ok(length)) = (bare(network).parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    // As 128 bits, of which an IPv4 address has the first 32.
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let ((address, most), (network, same)) = (bits(address), bits(network));
    if most != same || length > most {
        return false;
    }
    (address ^ network).checked_shr(128 - length).unwrap_or(0) == 0
}

/// Connects plain HTTP requests to their proxy.
#[derive(Debug)]
pub(super) struct PlainProxyConnector;

impl<In: Transport> Connector<In> for PlainProxyConnector {
    type Out = Either<In, ThroughProxy>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        if let Some(transport) = chained {
            return Ok(Some(Either::A(transport)));
        }
        let Some(proxy) = details.config.proxy() else { return Ok(None) };
        let is_http = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
        if !is_http || details.needs_tls() {
            return Ok(None);
        }
        let config = direct_config(details.config);
        let addrs = details.resolver.resolve(proxy.uri(), &config, details.timeout)?;
        let to_proxy = ConnectionDetails {
            uri: proxy.uri(),
            addrs,
            config: &config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let inner = (details.run_connector)(&to_proxy)?;
        let through = ThroughProxy {
            inner,
            origin: origin_of(details.uri),
            credentials: credentials_of(proxy),
        };
        Ok(Some(Either::B(through)))
    }
}

/// The same limits, without the proxy.
fn direct_config(config: &Config) -> Config {
    Agent::config_builder()
        .tls_config(config.tls_config().clone())
        .proxy(None)
        .timeout_per_read(config.timeout_per_read())
        .timeout_per_write(config.timeout_per_write())
        .timeout_connect(config.timeouts().connect.or(Some(Duration::from_secs(60))))
        .input_buffer_size(config.input_buffer_size())
        .build()
}

fn origin_of(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |a| a.as_str());
    format!("http://{authority}")
}

fn credentials_of(proxy: &Proxy) -> Option<String> {
    let user = proxy.username()?;
    let password = proxy.password().unwrap_or_default();
    let encoded = BASE64.encode(format!("{user}:{password}"));
    Some(format!("Proxy-Authorization: Basic {encoded}\r\n"))
}

/// A connection to a proxy, over which requests go with the whole URL.
pub(super) struct ThroughProxy {
    inner: Box<dyn Transport>,
    origin: String,
    credentials: Option<String>,
}

/// Hides credentials.
impl std::fmt::Debug for ThroughProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ThroughProxy({})", self.origin)
    }
}

impl ThroughProxy {
    /// The head of a request in the form that proxies take; `None` for other output.
    fn rewritten(&self, output: &[u8]) -> Option<Vec<u8>> {
        let line_end = output.windows(2).position(|w| w == b"\r\n")?;
        let line = &output[..line_end];
        let method_end = line.iter().position(|&c| c == b' ')?;
        let is_request = line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0");
        if !is_request || line.get(method_end + 1) != Some(&b'/') {
            return None;
        }
        let mut head = Vec::with_capacity(output.len() + 256);
        head.extend_from_slice(&line[..=method_end]);
        head.extend_from_slice(self.origin.as_bytes());
        head.extend_from_slice(&line[method_end + 1..]);
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(self.credentials.as_deref().unwrap_or_default().as_bytes());
        head.extend_from_slice(&output[line_end + 2..]);
        Some(head)
    }
}

impl Transport for ThroughProxy {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.inner.buffers().output()[..amount].to_vec();
        let Some(head) = self.rewritten(&output) else {
            return self.inner.transmit_output(amount, timeout);
        };
        let mut rest = &head[..];
        while !rest.is_empty() {
            let room = self.inner.buffers().output();
            let part = rest.len().min(room.len());
            if part == 0 {
                return Err(ureq::Error::Io(io::ErrorKind::WriteZero.into()));
            }
            room[..part].copy_from_slice(&rest[..part]);
            self.inner.transmit_output(part, timeout)?;
            rest = &rest[part..];
        }
        Ok(())
    }

    fn maybe_await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.maybe_await_input(timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_reached_directly_as_no_proxy_says() {
        let proxies = |direct: &str| Proxies {
            http: Some("http://p:1".into()),
            https: None,
            direct: direct.split(',').map(ToOwned::to_owned).collect(),
        };
        for (direct, url, through) in [
            ("example.org", "http://example.org/", false),
            ("example.org", "http://www.example.org:8080/", false),
            (".example.org", "http://www.example.org/", false),
            ("example.org", "http://notexample.org/", true),
            ("*", "http://anything/", false),
            ("::1", "http://[::1]:80/", false),
            ("x", "https://secure/", false),
            ("x", "http://plain/", true),
            ("127.0.0.0/8", "http://127.1.2.3/", false),
            ("127.0.0.0/8", "http://128.1.2.3/", true),
            ("10.1.2.0/23", "http://10.1.3.255:8080/", false),
            ("10.1.2.0/23", "http://10.1.4.0/", true),
            ("10.1.2.3/32", "http://10.1.2.3/", false),
            ("0.0.0.0/0", "http://1.2.3.4/", false),
            ("0.0.0.0/0", "http://[::1]/", true),
            ("fd00::/8", "http://[fd12::1]/", false),
            ("fd00::/8", "http://[fe12::1]/", true),
            ("10.0.0.0/33", "http://10.0.0.0/", true),
            ("10.0.0.0/x", "http://10.0.0.0/", true),
            ("127.0.0.0/8", "http://localhost/", true),
            ("example.org:8080", "http://example.org:8080/", false),
            ("example.org:8080", "http://example.org/", true),
            ("example.org:80", "http://example.org/", false),
            ("[::1]:80", "http://[::1]/", false),
            ("*.example.org", "http://www.example.org/", false),
            ("", "http://example.org/", true),
        ] {
            let url = UrlText::parse(url).unwrap();
            let proxy = proxies(direct).for_url(&url).unwrap();
            assert_eq!(proxy.is_some(), through, "{direct}: {url}");
        }
    }
}
