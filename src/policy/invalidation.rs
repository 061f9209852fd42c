//! What an unsafe request makes unusable (RFC 9111 section 4.4).

use crate::model::{Request, UrlText};

use super::Received;

/// The URLs whose stored responses must be validated before any further use, after this
/// answer to this request: the target, and `Location` and `Content-Location` where they
/// have the same origin. Empty for safe methods and for answers that are not 2xx or 3xx.
pub fn invalidated_by(request: &Request, received: &Received) -> Vec<UrlText> {
    if request.method.is_safe() || !(200..400).contains(&received.status) {
        return Vec::new();
    }
    let mut urls = vec![request.url.clone()];
    for name in ["location", "content-location"] {
        let named = received
            .headers
            .get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|reference| request.url.join(reference));
        urls.extend(named.filter(|url| url.origin() == request.url.origin()));
    }
    urls.sort_unstable();
    urls.dedup();
    urls
}
