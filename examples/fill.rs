//! Fills a store with made-up entries, the same for the same numbers: something to list,
//! move and clean. For measurements and tours, not a cache of anything.
//!
//! ```text
//! cargo run --release --example fill -- ADDRESS ENTRIES [BODY_BYTES]
//! ```
//!
//! 500 hosts; times over the last ninety days; one in ten not found, one in seven stale
//! from the start, one in twenty with a TTL that is over. Without BODY_BYTES most bodies have 100 to 2000 bytes and
//! a few have more.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use cachectl::{
    Access, EntryHead, EntryId, Headers, Key, Method, Request, Timestamp, UrlText, Variant,
    open_with,
};
use futures_util::stream::{self, StreamExt};

const KINDS: [&str; 5] =
    ["text/html", "application/json", "image/png", "text/css", "application/octet-stream"];

/// A number that looks random, the same for the same seed.
fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn entry(i: u64, now: Timestamp, bytes: Option<usize>) -> cachectl::Result<(EntryHead, Bytes)> {
    let random = mix(i);
    let host = random % 500;
    let kind = KINDS[(random >> 9) as usize % KINDS.len()];
    let url = UrlText::parse(&format!("https://host{host}.example.com/items/{i}?page={}", i % 7))?;
    let key = Key::native("", &Method::GET, &url);
    let age = Duration::from_secs((random >> 12) % (90 * 86_400));
    let created = Timestamp::from_millis((now - age).millis());
    let status = if random.is_multiple_of(10) { 404 } else { 200 };
    let lifetime = if random.is_multiple_of(7) { 0 } else { 365 * 86_400 };
    let headers = Headers::new()
        .with("Content-Type", kind)
        .with("Cache-Control", format!("max-age={lifetime}"))
        .with("ETag", format!("\"{random:x}\""))
        .with("Server", "example");
    let request = Request::new(Method::GET, url).with_header("Accept", "*/*");
    let id = EntryId::new(key, Variant::none());
    let mut head = EntryHead::new(id, request, status, headers, created);
    head.extensions.http_version = Some("HTTP/1.1".into());
    head.uses = random % 5;
    head.last_used_at = (head.uses > 0).then(|| created + age / 2);
    if random.is_multiple_of(20) {
        head.expires_at = Some(created + age / 3);
    }
    let length = bytes.unwrap_or(match random % 100 {
        0 => 20_000 + (random >> 20) as usize % 80_000,
        _ => 100 + (random >> 20) as usize % 1900,
    });
    let byte = b'a' + (random % 26) as u8;
    Ok((head, Bytes::from(vec![byte; length])))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, entries, rest @ ..] = &args[..] else {
        return Err("usage: fill ADDRESS ENTRIES [BODY_BYTES]".into());
    };
    let entries: u64 = entries.parse()?;
    let bytes: Option<usize> = rest.first().map(|text| text.parse()).transpose()?;
    let store = open_with(&address.parse()?, Access::Create)?.in_place();
    let now = Timestamp::now();
    let jobs = if store.capabilities().remote { 16 } else { 1 };
    let mut done = stream::iter(0..entries)
        .map(|i| {
            let store = &store;
            async move {
                let (head, body) = entry(i, now, bytes)?;
                let mut put = store.put(head).await?;
                put.write(body).await?;
                put.commit().await
            }
        })
        .buffer_unordered(jobs);
    while let Some(stored) = done.next().await {
        stored?;
    }
    drop(done);
    store.close().await?;
    writeln!(std::io::stdout(), "{entries} entries in {address}")?;
    Ok(())
}
