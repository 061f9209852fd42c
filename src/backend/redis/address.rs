//! From an address to a server, a cluster, or a master that sentinels know.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use ::redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates,
};

use crate::error::{Error, ErrorKind, Result};
use crate::model::percent_decode;
use crate::storage::{Access, Address, Driver, OpenMarked, Opened, Param, Reach};

use super::super::codec_of;
use super::link::Target;
use super::{AsyncRedisStorage, DEFAULT_BATCH, DEFAULT_NAMESPACE};

const DEFAULT_PORT: u16 = 6379;

/// The longest password, and the longest list of authorities, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;
const MAX_CERTIFICATES: u64 = 4 << 20;

#[cfg(feature = "redis-cluster")]
const DEFAULT_SENTINEL_PORT: u16 = 26379;

pub(in super::super) const DRIVER: Driver = Driver {
    kind: "redis",
    reach: Reach::Server,
    default: "redis://localhost:6379/0",
    shares_files: false,
    takes_password: true,
    schemes: &["redis", "rediss", "redis+unix"],
    about: "Redis or Valkey: one server, a cluster, or a master that sentinels name",
    forms: "redis://[USER@]HOST[:PORT][/DB], rediss://… (TLS), redis+unix:///PATH",
    params: &[
        Param { name: "namespace", default: DEFAULT_NAMESPACE, about: "what all names begin with" },
        Param { name: "db", default: "0", about: "the number of the database" },
        Param { name: "password_file", default: "", about: "a file that holds the password" },
        Param { name: "ca", default: "", about: "a file with the authority to trust (PEM)" },
        Param { name: "cluster", default: "false", about: "a Redis Cluster" },
        Param { name: "sentinel", default: "", about: "the master's name; HOST is a sentinel" },
        Param {
            name: "batch",
            default: "1000",
            about: "names that one step of a listing looks at",
        },
    ],
    open: Some(open),
    open_marked: Some(open_marked),
};

fn open(address: &Address, _: Access) -> Result<Opened> {
    Ok(Opened::Async(Arc::new(store(address)?)))
}

fn open_marked(address: &Address) -> OpenMarked {
    let store = store(address);
    Box::pin(async move {
        let store = store?;
        Ok(store.inner.is_marked().await?.then(|| Opened::Async(Arc::new(store))))
    })
}

fn store(address: &Address) -> Result<AsyncRedisStorage> {
    let mut builder = AsyncRedisStorage::builder()
        .namespace(address.param("namespace").unwrap_or(DEFAULT_NAMESPACE))
        .ttl(address.duration("ttl")?);
    builder.codec = codec_of(address)?;
    builder.batch = address.number("batch")?.unwrap_or(DEFAULT_BATCH);
    builder.target = Some(target(address));
    builder.build()
}

/// What an address says about the server.
struct Server {
    hosts: Vec<(String, Option<u16>)>,
    socket: Option<PathBuf>,
    tls: bool,
    settings: RedisConnectionInfo,
    certificates: Option<TlsCertificates>,
}

/// Whom to connect to, and its name for people.
pub(super) fn target(address: &Address) -> Result<(Target, String)> {
    let server = Server::of(address)?;
    let name = server.name(address);
    let refuse = |e: RedisError| address.refuse(&e.to_string());
    let target = match (address.flag("cluster")?.unwrap_or(false), address.param("sentinel")) {
        (true, Some(_)) => return Err(address.refuse("it is a cluster, or has sentinels")),
        (true, None) => server.cluster(address)?,
        (false, Some(master)) => server.sentinels(master, address)?,
        (false, None) => Target::Server(server.client(address)?.map_err(refuse)?),
    };
    Ok((target, name))
}

impl Server {
    fn of(address: &Address) -> Result<Self> {
        let location = address.location().unwrap_or("//localhost");
        let Some(rest) = location.strip_prefix("//") else {
            return Err(address
                .refuse("two slashes are missing")
                .try_this(format!("{}://{location}", address.scheme())));
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let is_socket = address.scheme() == "redis+unix";
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        if !user.is_empty() {
            settings = settings.set_username(decoded(user, address)?);
        }
        if let Some(password) = password_of(address, password)? {
            settings = settings.set_password(password);
        }
        let db = if is_socket { "" } else { path.trim_start_matches('/') };
        let db = match address.param("db").unwrap_or(db) {
            "" => 0,
            text => {
                text.parse().map_err(|_| address.refuse("a database is a number, such as 0"))?
            }
        };
        let server = Server {
            hosts: if is_socket { Vec::new() } else { hosts_of(hosts, address)? },
            socket: is_socket.then(|| bytes_to_path(path)),
            tls: address.scheme() == "rediss",
            settings: settings.set_db(db),
            certificates: certificates(address)?,
        };
        if server.socket.as_ref().is_some_and(|path| path.as_os_str().len() < 2) {
            return Err(address
                .refuse("the path is missing")
                .try_this("redis+unix:///path/to.sock"));
        }
        Ok(server)
    }

    /// The place for people: what was connected to, and nothing secret.
    fn name(&self, address: &Address) -> String {
        if let Some(socket) = &self.socket {
            return format!("redis+unix://{}", socket.display());
        }
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|(host, port)| match port {
                Some(port) => format!("{host}:{port}"),
                None => host.clone(),
            })
            .collect();
        let db = match self.settings.db() {
            0 => String::new(),
            db => format!("/{db}"),
        };
        let scheme = if self.tls { "rediss" } else { "redis" };
        let by = match address.param("sentinel") {
            Some(master) => format!(" (master {master})"),
            None => String::new(),
        };
        format!("{scheme}://{}{db}{by}", hosts.join(","))
    }

    fn addr(&self, host: &str, port: u16) -> ConnectionAddr {
        let host = host.to_owned();
        if self.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }

    fn infos(&self, default_port: u16) -> Result<Vec<ConnectionInfo>, RedisError> {
        let addr = |(host, port): &(String, Option<u16>)| {
            let info = self.addr(host, port.unwrap_or(default_port)).into_connection_info()?;
            Ok(info.set_redis_settings(self.settings.clone()))
        };
        self.hosts.iter().map(addr).collect()
    }

    fn client(&self, address: &Address) -> Result<Result<Client, RedisError>> {
        if self.hosts.len() > 1 {
            return Err(address
                .refuse("it names several servers")
                .try_this("cluster=true, or sentinel=NAME"));
        }
        let info = match &self.socket {
            Some(path) => ConnectionAddr::Unix(path.clone())
                .into_connection_info()
                .map(|info| info.set_redis_settings(self.settings.clone())),
            None => self.infos(DEFAULT_PORT).map(|mut infos| infos.swap_remove(0)),
        };
        Ok(info.and_then(|info| match &self.certificates {
            Some(certificates) if self.tls => Client::build_with_tls(info, certificates.clone()),
            _ => Client::open(info),
        }))
    }

    #[cfg(feature = "redis-cluster")]
    fn cluster(&self, address: &Address) -> Result<Target> {
        use super::link::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT};
        use ::redis::cluster::ClusterClient;
        let refuse = |e: RedisError| address.refuse(&e.to_string());
        if self.settings.db() != 0 {
            return Err(address.refuse("a cluster has the database 0 only"));
        }
        let mut builder = ClusterClient::builder(self.infos(DEFAULT_PORT).map_err(refuse)?)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT);
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        builder.build().map(Target::Cluster).map_err(refuse)
    }

    #[cfg(feature = "redis-cluster")]
    fn sentinels(&self, master: &str, address: &Address) -> Result<Target> {
        use ::redis::TlsMode;
        use ::redis::sentinel::{SentinelClientBuilder, SentinelServerType};
        let refuse = |e: RedisError| address.refuse(&e.to_string());
        let hosts = self.hosts.iter();
        let hosts =
            hosts.map(|(host, port)| self.addr(host, port.unwrap_or(DEFAULT_SENTINEL_PORT)));
        let mut builder = SentinelClientBuilder::new(hosts, master, SentinelServerType::Master)
            .map_err(refuse)?;
        builder = builder.set_client_to_redis_db(self.settings.db());
        if let Some(user) = self.settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = self.settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if self.tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        builder.build().map(|client| Target::Sentinels(client.into())).map_err(refuse)
    }

    #[cfg(not(feature = "redis-cluster"))]
    fn cluster(&self, address: &Address) -> Result<Target> {
        Err(not_built(address))
    }

    #[cfg(not(feature = "redis-cluster"))]
    fn sentinels(&self, _: &str, address: &Address) -> Result<Target> {
        Err(not_built(address))
    }
}

#[cfg(not(feature = "redis-cluster"))]
fn not_built(address: &Address) -> Error {
    address
        .refuse("this build knows neither clusters nor sentinels")
        .coded("backend_not_built")
        .try_this("build with the cargo feature `redis-cluster`")
}

/// `host`, `host:port`, `[::1]:port`, several of them with commas.
fn hosts_of(text: &str, address: &Address) -> Result<Vec<(String, Option<u16>)>> {
    if text.is_empty() {
        return Ok(vec![("localhost".to_owned(), None)]);
    }
    text.split(',')
        .map(|host| {
            let bracket = host.rfind(']').unwrap_or(0);
            let (name, port) = match host[bracket..].rfind(':') {
                Some(at) => (&host[..bracket + at], Some(&host[bracket + at + 1..])),
                None => (host, None),
            };
            let port = port
                .map(str::parse)
                .transpose()
                .map_err(|_| address.refuse("a port is a number up to 65535"))?;
            let name = name.trim_start_matches('[').trim_end_matches(']');
            if name.is_empty() {
                return Err(address.refuse("a host is missing"));
            }
            Ok((decoded(name, address)?, port))
        })
        .collect()
}

fn decoded(text: &str, address: &Address) -> Result<String> {
    String::from_utf8(percent_decode(text.as_bytes()))
        .map_err(|_| address.refuse("it is not UTF-8 when its percent signs are decoded"))
}

/// The password of the address itself, the one given beside it, or that in its file.
fn password_of(address: &Address, in_url: &str) -> Result<Option<String>> {
    if let Some(path) = address.param("password_file") {
        let text = read_up_to(MAX_PASSWORD, path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
            .map_err(|e| unreadable("password file", path, e))?;
        return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if !in_url.is_empty() {
        return decoded(in_url, address).map(Some);
    }
    Ok(address.password().map(str::to_owned))
}

fn certificates(address: &Address) -> Result<Option<TlsCertificates>> {
    if address.scheme() != "rediss" {
        return match address.param("ca") {
            Some(_) => Err(address.refuse("ca= goes with rediss://")),
            None => Ok(None),
        };
    }
    // Another crate may have installed the same one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(path) = address.param("ca") else { return Ok(None) };
    let root_cert = read_up_to(MAX_CERTIFICATES, path);
    let root_cert = root_cert.map_err(|e| unreadable("certificate", path, e))?;
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) }))
}

/// Reads a file whole, whatever it is: a password may well come out of a pipe.
fn read_up_to(most: u64, path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => Err(io::Error::other(format!("it is longer than {most} bytes"))),
    }
}

fn unreadable(what: &str, path: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, format!("cannot read the {what} {path}")).because(error)
}

fn bytes_to_path(text: &str) -> PathBuf {
    crate::storage::bytes_to_path(percent_decode(text.as_bytes()))
}
