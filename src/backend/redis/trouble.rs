//! What the errors of a server mean, and what helps.

use ::redis::{ErrorKind as RedisKind, RedisError, ServerErrorKind};

use crate::error::Error;

/// The code of an error about a key under which something else lies: one among many.
pub(crate) const NOT_OURS: &str = "not_ours";

/// The error of a command to the server of this name.
pub(super) fn explain(error: RedisError, name: &str) -> Error {
    let kind = error.kind();
    let code = error.code().unwrap_or_default().to_owned();
    let detail = error.detail().unwrap_or_default().to_owned();
    let text = error.to_string();
    let at = |what: &str| Error::store(format!("{what} {name}"));
    let said = |error: Error| error.because(server_words(&code, &detail, &text));
    let wants_password = detail.contains("Authentication required");
    if wants_password
        || kind == RedisKind::AuthenticationFailed
        || matches!(code.as_str(), "WRONGPASS" | "NOAUTH")
    {
        return denied(at("access denied by"), wants_password);
    }
    if text.contains("cluster support disabled") {
        return at("one server, and no cluster:")
            .coded("store_no_cluster")
            .try_this("the same address without ?cluster=true");
    }
    match (kind, code.as_str()) {
        (RedisKind::Server(ServerErrorKind::NoPerm), _) | (_, "NOPERM") => {
            said(at("not allowed by")).coded("store_denied").try_this(
                "an ACL like: ~NAMESPACE:* +@read +@write +@connection +eval +scan",
            )
        }
        (_, "OOM") => said(at("no memory left in")).coded("no_space").try_this(
            "a larger maxmemory, an eviction policy such as allkeys-lru, or a ttl on what is stored",
        ),
        (_, "MISCONF") => said(at("writing is off in")).coded("store_failed").try_this(
            "the server cannot save to its disk; see its log, or stop-writes-on-bgsave-error",
        ),
        (_, "WRONGTYPE") => said(at("something else lies at a name of ours in"))
            .coded(NOT_OURS)
            .try_this("another namespace=, or another db="),
        (RedisKind::Server(ServerErrorKind::ReadOnly), _) => {
            said(at("read-only replica:")).coded("store_read_only").try_this(
                "the address of its master, sentinel=NAME, or readonly=true to only read",
            )
        }
        (RedisKind::Server(ServerErrorKind::BusyLoading), _) => {
            said(at("still loading its data:")).coded("store_busy").passing().try_this("a little later")
        }
        (
            RedisKind::Server(
                ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot,
            ),
            _,
        ) => said(at("part of a cluster:")).coded("store_is_cluster").try_this("?cluster=true"),
        (RedisKind::Server(ServerErrorKind::ClusterDown), _)
        | (RedisKind::ClusterConnectionNotFound, _) => said(at("the cluster is not up:"))
            .coded("store_unreachable")
            .passing()
            .try_this("redis-cli cluster info"),
        (RedisKind::MasterNameNotFoundBySentinel, _) => {
            said(at("the sentinels do not know this master:"))
                .coded("store_unreachable")
                .try_this("sentinel=NAME as in: redis-cli -p 26379 sentinel masters")
        }
        (RedisKind::Io, _) => unreachable(&error, name).because(text),
        (RedisKind::InvalidClientConfig, _) if text.contains("sentinel") => at("no sentinel:")
            .coded("store_no_sentinel")
            .try_this("the addresses of the sentinels, or the same address without ?sentinel="),
        (RedisKind::InvalidClientConfig, _) => {
            Error::usage(format!("{name} cannot be connected to")).because(text)
        }
        (_, "ERR") if detail.contains("DB index") || detail.contains("database") => {
            said(at("no such database in")).coded("bad_address").try_this("another db=")
        }
        (_, "ERR") if detail.contains("unknown command") => said(at("a command is missing in"))
            .coded("store_failed")
            .try_this("Redis 6 or newer, or Valkey, with EVAL allowed"),
        _ => said(at("an error came from")).coded("store_failed"),
    }
}

fn denied(error: Error, wants_password: bool) -> Error {
    let how = if wants_password {
        "it wants a password, and none was given"
    } else {
        "it does not accept this user and password"
    };
    error.because(how).coded("store_denied").try_this(
        "the right user and password: password_file=, CACHECTL_REDIS_PASSWORD, \
         or password_command in the configuration",
    )
}

fn unreachable(error: &RedisError, name: &str) -> Error {
    let text = error.to_string();
    let hint = if name.starts_with("rediss") {
        "is it the right host and port? redis:// if the server speaks without TLS"
    } else {
        "is it the right host and port? rediss:// if the server wants TLS"
    };
    let host = name.split("//").nth(1).unwrap_or(name);
    if error.is_timeout() || text.contains("timed out") {
        return Error::store(format!("no answer from {name}"))
            .coded("store_unreachable")
            .passing()
            .try_this(hint);
    }
    if text.contains("certificate") || text.contains("UnknownIssuer") {
        return Error::store(format!("the certificate of {name} is not trusted"))
            .coded("store_untrusted")
            .try_this("ca=FILE with the certificate of its authority, or SSL_CERT_FILE");
    }
    if error.is_connection_refusal() {
        return Error::store(format!("nothing answers at {name}"))
            .coded("store_unreachable")
            .passing()
            .try_this(format!(
                "start the server, or correct the address; {host} has to be listening"
            ));
    }
    Error::store(format!("{name} cannot be reached"))
        .coded("store_unreachable")
        .passing()
        .try_this(hint)
}

/// What the server said, in one line and without the client's own wrapping.
fn server_words(code: &str, detail: &str, text: &str) -> String {
    match (code, detail) {
        ("", "") => text.to_owned(),
        (code, "") => code.to_owned(),
        ("", detail) => detail.to_owned(),
        (code, detail) => format!("{code} {detail}"),
    }
}
