//! Stores that are filled without the program, with entries whose ages are known.

use std::time::Duration;

use bytes::Bytes;
use cachectl::{
    Access, Backend, EntryHead, EntryId, Found, Headers, Key, Method, Request, Timestamp, UrlText,
    Variant, block_on, open_with,
};

use super::program::Desk;

/// One entry to be put on the shelf.
#[derive(Clone)]
pub struct Item {
    pub url: &'static str,
    pub status: u16,
    pub age: Duration,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Bytes,
    pub uses: u64,
    /// Until when the store keeps it, from now on; negative ones are over.
    pub ttl: Option<i64>,
}

pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// A page that was stored so long ago.
pub fn item(url: &'static str, age: Duration) -> Item {
    Item {
        url,
        status: 200,
        age,
        headers: vec![("Content-Type", "text/html"), ("Cache-Control", "max-age=864000")],
        body: Bytes::from_static(b"<p>hello</p>"),
        uses: 0,
        ttl: None,
    }
}

/// Entries of every kind: fresh, stale, expired, missing, large, with a credential.
pub fn assortment() -> Vec<Item> {
    let bytes = |n: usize| Bytes::from(vec![b'x'; n]);
    vec![
        Item { uses: 3, ..item("https://api.example.org/v1/users", 8 * HOUR) },
        Item {
            body: bytes(49_357),
            headers: vec![
                ("Content-Type", "application/json"),
                ("Cache-Control", "max-age=3600"),
                ("ETag", "\"a91f\""),
            ],
            ..item("https://api.example.org/v1/items?page=2", 3 * DAY)
        },
        Item { status: 404, ..item("https://www.example.com/gone", 5 * DAY) },
        Item { ttl: Some(-3600), ..item("https://www.example.com/old", 9 * DAY) },
        Item {
            headers: vec![("Content-Type", "image/png"), ("Cache-Control", "no-cache")],
            body: bytes(2000),
            ..item("https://www.example.com/logo.png", 40 * DAY)
        },
        Item {
            headers: vec![
                ("Content-Type", "text/html; charset=utf-8"),
                ("Cache-Control", "max-age=864000"),
                ("Set-Cookie", "session=planted-secret"),
            ],
            ttl: Some(86_400),
            ..item("https://user.example.net/me?token=planted-secret", 2 * DAY)
        },
    ]
}

fn head_of(item: &Item, now: Timestamp) -> EntryHead {
    let url = UrlText::parse(item.url).expect("a URL");
    let id = EntryId::new(Key::native("", &Method::GET, &url), Variant::none());
    let headers: Headers = item.headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let at = Timestamp::from_millis((now - item.age).millis());
    let request = Request::new(Method::GET, url).with_header("Accept", "*/*");
    let mut head = EntryHead::new(id, request, item.status, headers, at);
    head.extensions.http_version = Some("HTTP/1.1".into());
    head.extensions.reason =
        Some(if item.status == 200 { b"OK".to_vec() } else { b"Not Found".to_vec() });
    head.uses = item.uses;
    head.last_used_at = (item.uses > 0).then(|| Timestamp::from_millis((now - HOUR).millis()));
    head.expires_at = item.ttl.map(|secs| Timestamp::from_millis(now.millis() + secs * 1000));
    head
}

/// The store at an address, as seen from the desk.
pub fn open(desk: &Desk, address: &str) -> std::sync::Arc<dyn Backend> {
    let address = match address.split_once(':') {
        Some((kind, path)) => format!("{kind}:{}", desk.file(path).display()),
        None => panic!("{address} is no address with a path"),
    };
    open_with(&address.parse().expect("an address"), Access::Create).expect("a store").in_place()
}

/// Stores these.
pub fn fill(desk: &Desk, address: &str, items: &[Item]) -> Vec<Found> {
    let store = open(desk, address);
    let now = Timestamp::now();
    let found = items.iter().map(|item| {
        block_on(async {
            let mut put = store.put(head_of(item, now)).await?;
            put.write(item.body.clone()).await?;
            put.commit().await
        })
        .expect("stored")
    });
    let found = found.collect();
    block_on(store.close()).expect("closed");
    found
}
