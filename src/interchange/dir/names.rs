//! From a URL to the names of folders and a file, which are safe on every file system:
//! visible ASCII without separators, no dots at either end, no names of devices, none
//! longer than 200 bytes.

use crate::model::{Headers, Sha256Digest, UrlText};

use super::{INDEX, SUMS};

/// The longest name; suffixes come behind it, and file systems allow 255.
const MAX_NAME: usize = 200;
/// The longest path below the folder.
const MAX_PATH: usize = 1000;

/// What may stand in a name. The percent sign is kept: paths of URLs are escaped already.
const SAFE: &[u8] = b"-._~!$&'()+,;=@%";

const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The files that a folder for a host must not take the place of.
const OURS: &[&str] = &[INDEX, SUMS];

/// Names for what a path that ends in a slash stands for.
const INDEXES: &[(&str, &str)] = &[
    ("application/json", "index.json"),
    ("application/xml", "index.xml"),
    ("text/xml", "index.xml"),
    ("text/plain", "index.txt"),
    ("text/css", "index.css"),
    ("text/javascript", "index.js"),
    ("application/javascript", "index.js"),
    ("image/png", "index.png"),
    ("image/jpeg", "index.jpg"),
    ("image/svg+xml", "index.svg"),
    ("application/pdf", "index.pdf"),
];

/// The names on the way to the file of this entry, the last one being its own.
pub(super) fn of(url: &UrlText, headers: &Headers) -> Vec<String> {
    let mut names = vec![host(url)];
    let path = url.path();
    let mut parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let last = parts.pop().unwrap_or_default();
    names.extend(parts.into_iter().map(safe));
    let last = if last.is_empty() { index_name(headers) } else { last };
    names.push(match url.query() {
        Some(query) => safe(&format!("{last}@{query}")),
        None => safe(last),
    });
    if names.iter().map(|name| name.len() + 1).sum::<usize>() > MAX_PATH {
        let digest = digest_of(url.as_str());
        names.truncate(1);
        names.extend(["~long".to_owned(), digest]);
    }
    names
}

fn host(url: &UrlText) -> String {
    let authority = url.authority().unwrap_or_default().to_ascii_lowercase();
    let host = authority.rsplit_once('@').map_or(&*authority, |(_, host)| host);
    let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    let name = match port {
        Some((name, port)) => safe(&format!("{name}_{port}")),
        None => safe(host),
    };
    if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(&name)) { format!("_{name}") } else { name }
}

fn index_name(headers: &Headers) -> &'static str {
    let kind = headers.get_text("content-type").unwrap_or_default().to_ascii_lowercase();
    let mime = kind.split(';').next().unwrap_or_default().trim();
    INDEXES.iter().find(|(known, _)| *known == mime).map_or("index.html", |(_, name)| name)
}

/// One name of whatever text.
fn safe(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        // Names that begin with a dot are hidden, and some mean something to programs.
        let is_outer_dot = byte == b'.' && (at == 0 || at + 1 == text.len());
        if (byte.is_ascii_alphanumeric() || SAFE.contains(&byte)) && !is_outer_dot {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > MAX_NAME {
        let digest = digest_of(text);
        name.truncate(MAX_NAME - 1 - digest.len());
        name.push('~');
        name.push_str(&digest);
    }
    if name.is_empty() || is_device(&name) { format!("_{name}") } else { name }
}

fn digest_of(text: &str) -> String {
    let mut digest = Sha256Digest::of(text.as_bytes()).to_string();
    digest.truncate(32);
    digest
}

/// Whether Windows takes the name for a device, which it does whatever the ending is.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().find_map(|kind| stem.strip_prefix(kind));
    DEVICES.contains(&&*stem)
        || numbered.is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_paths_that_people_recognise() {
        for (url, path) in [
            ("https://e.org/", "e.org/index.html"),
            ("https://e.org:8080/a/b.js", "e.org_8080/a/b.js"),
            ("https://e.org/a?x=1&y=/2", "e.org/a@x=1&y=%2F2"),
            ("https://e.org/a/?", "e.org/a/index.html@"),
            ("https://[::1]:8/x", "%5B%3A%3A1%5D_8/x"),
            ("https://e.org//a//b", "e.org/_/a/_/b"),
            ("https://e.org/a%20b", "e.org/a%20b"),
            ("https://e.org/CON", "e.org/_CON"),
            ("https://e.org/lpt1.txt/x", "e.org/_lpt1.txt/x"),
            ("https://e.org/.git/config", "e.org/%2Egit/config"),
            ("https://index.ndjson/x", "_index.ndjson/x"),
            ("https://sha256sums/x", "_sha256sums/x"),
        ] {
            assert_eq!(of(&UrlText::verbatim(url), &Headers::new()).join("/"), path, "{url}");
        }
        let json = Headers::new().with("Content-Type", "application/json; charset=utf-8");
        assert_eq!(of(&UrlText::verbatim("http://h/a/"), &json), ["h", "a", "index.json"]);
    }

    #[test]
    fn no_text_leads_out_of_the_folder() {
        let long = format!("http://h/{}", "a/".repeat(5000));
        let wide = format!("http://h/{}", "ä".repeat(500));
        for url in [
            "http://h/../../etc/passwd",
            "http://../x",
            "http://h/..",
            "http://h/.",
            "http://h/a/..?..",
            "http:///etc/passwd",
            "http://h/a\\..\\b",
            "http://h/C:/x",
            "http://h/a\0b\nc",
            "../../x",
            "/etc/passwd",
            "",
            "http://h/x. ",
            "http://..%2f..%2f/x",
            &long,
            &wide,
        ] {
            let names = of(&UrlText::verbatim(url), &Headers::new());
            assert!(names.len() >= 2, "{url:?}: a host and a file");
            for name in &names {
                assert!(!name.is_empty() && name.len() <= MAX_NAME + 1, "{url:?}: {name:?}");
                assert!(!name.starts_with('.') && !name.ends_with(['.', ' ']), "{url:?}: {name:?}");
                assert!(name.bytes().all(|c| c.is_ascii_graphic()), "{url:?}: {name:?}");
                assert!(!name.contains(['/', '\\', ':', '"', '<', '>', '|', '?', '*']), "{name:?}");
            }
        }
    }
}
