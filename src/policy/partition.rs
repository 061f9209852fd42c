//! For whom an answer is (rule K4).

use crate::model::{Headers, Secrets, Sha256Digest};

use super::Settings;

/// What stands in a partition before each credential.
const CREDENTIAL: char = '\u{1f}';

/// Credentials that part nothing: cookies, which change with every answer and say what they select
/// in `Vary`, and what is for the proxy.
const OTHERS: [&str; 3] = ["cookie", "set-cookie", "proxy-authorization"];

/// The partition of a request, of which `base` is the configured part: in a private cache the
/// digests of its credentials stand behind that, so that nobody without the same credentials is
/// answered from the entry. A shared cache goes by section 3.5 of RFC 9111 instead.
pub fn partition(base: &str, request: &Headers, settings: &Settings) -> String {
    let mut partition = base.to_owned();
    if settings.shared || has_credentials(base) {
        return partition;
    }
    let mut names: Vec<String> = request
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase())
        .filter(|name| parts(name, settings))
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let value = request.joined(&name).unwrap_or_default();
        partition.push(CREDENTIAL);
        partition.push_str(&format!("{name}={}", Sha256Digest::of(&value)));
    }
    partition
}

/// Whether answers to requests with different values of this field are kept apart.
fn parts(name: &str, settings: &Settings) -> bool {
    name == "authorization"
        || (settings.api_keys_apart
            && Secrets::built_in().is_secret_header(name)
            && !OTHERS.contains(&name))
}

/// Whether a partition is the one of somebody with credentials.
pub fn has_credentials(partition: &str) -> bool {
    partition.contains(CREDENTIAL)
}

/// Whether a credential was hidden when the request was written down, and its partition is not
/// known either, so that nobody can tell for whom the answer is.
pub(crate) fn owner_is_hidden(base: &str, request: &Headers, settings: &Settings) -> bool {
    let mut fields = request.iter();
    !has_credentials(base)
        && fields.any(|(name, value)| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            let value = String::from_utf8_lossy(value).to_ascii_lowercase();
            let is_struck =
                value.is_empty() || value.contains("redacted") || value.bytes().all(|c| c == b'*');
            parts(&name, settings) && is_struck
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> String {
        let headers = fields.iter().copied().collect();
        partition("team", &headers, &Settings::default())
    }

    #[test]
    fn k4_credentials_part_entries_and_nothing_else_does() {
        let plain = of(&[("Accept", "a/b"), ("Cookie", "a=b"), ("Proxy-Authorization", "Basic x")]);
        assert_eq!(plain, "team");
        assert!(!has_credentials(&plain));
        let keys = [
            of(&[("Authorization", "Bearer a")]),
            of(&[("Authorization", "Bearer b")]),
            of(&[("X-Api-Key", "a")]),
            of(&[("x-gitlab-token", "a")]),
            of(&[("X-Api-Key", "a"), ("Authorization", "Bearer a")]),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(has_credentials(a) && a.starts_with("team\u{1f}"), "{a}");
            assert!(!a.contains("Bearer"), "{a}");
            assert!(keys[i + 1..].iter().all(|b| a != b));
        }
        let both = of(&[("authorization", "Bearer a"), ("x-api-key", "a")]);
        assert_eq!(both, keys[4], "neither order nor case of names matters");
    }

    #[test]
    fn k4_settings_say_what_parts() {
        let fields = [("Authorization", "Bearer a"), ("X-Api-Key", "a")];
        let headers = fields.into_iter().collect();
        let shared = Settings { shared: true, ..Settings::default() };
        assert_eq!(partition("", &headers, &shared), "");
        let narrow = Settings { api_keys_apart: false, ..Settings::default() };
        let only = Headers::new().with("Authorization", "Bearer a");
        assert_eq!(partition("", &headers, &narrow), partition("", &only, &narrow));
    }
}
