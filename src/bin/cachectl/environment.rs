//! The only reader of the process's environment, beside clap (for `CACHECTL_*` flags)
//! and the libraries that have variables of their own (`SSL_CERT_FILE`, `AWS_*`).

use std::env;
use std::io::IsTerminal;
use std::path::PathBuf;

use cachectl::Proxies;

/// Text of a variable that is set and not empty.
pub fn text(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether a variable is set to nothing, which is as good as not set.
pub fn is_empty(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| value.is_empty())
}

/// Whether any flag may be set by a variable.
pub fn sets_flags() -> bool {
    env::vars_os().any(|(name, _)| {
        name.as_encoded_bytes().starts_with(b"CACHECTL_") && name != REDIS_PASSWORD
    })
}

/// The variables that are meant for this program, set to something.
pub fn ours() -> Vec<String> {
    let names = env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = names.filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with("CACHECTL_") && name != REDIS_PASSWORD).collect()
}

/// The password for Redis.
pub const REDIS_PASSWORD: &str = "CACHECTL_REDIS_PASSWORD";

/// The home folder.
pub fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute())
}

/// Where the user's configuration file is looked for.
pub fn user_config() -> Option<PathBuf> {
    let base = env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(home()?.join(config_folder())))?;
    Some(base.join("cachectl").join("config.toml"))
}

fn config_folder() -> &'static str {
    if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" }
}

/// Where certificates of authorities are said to be, by which variable.
pub fn own_roots() -> Vec<(&'static str, PathBuf)> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter();
    named.filter_map(|name| Some((name, PathBuf::from(env::var_os(name)?)))).collect()
}

/// The proxies of the environment; lower-case names come first, as in other clients.
pub fn proxies() -> Proxies {
    let either = |name: &str| text(&name.to_ascii_lowercase()).or_else(|| text(name));
    let all = either("ALL_PROXY");
    let direct = either("NO_PROXY").unwrap_or_default();
    Proxies {
        http: either("HTTP_PROXY").or_else(|| all.clone()),
        https: either("HTTPS_PROXY").or(all),
        direct: direct
            .split(',')
            .map(|entry| entry.trim().to_owned())
            .filter(|e| !e.is_empty())
            .collect(),
    }
}

/// Whether a stream gets colour, when the user has not said.
pub fn wants_color(stream: &impl IsTerminal) -> bool {
    if text("NO_COLOR").is_some() {
        return false;
    }
    if text("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    !is_dumb_terminal() && stream.is_terminal()
}

/// Whether this is a machine that nobody watches.
pub fn is_ci() -> bool {
    text("CI").is_some_and(|value| !value.eq_ignore_ascii_case("false"))
}

/// Whether the terminal can only take lines.
pub fn is_dumb_terminal() -> bool {
    text("TERM").is_some_and(|term| term == "dumb")
}

/// What `RUST_LOG` says.
pub fn log_filter() -> Option<String> {
    text("RUST_LOG")
}
