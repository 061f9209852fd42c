//! One promise each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachectl::{
    Backend, BodyFacts, ByteRange, EntryHead, EntryId, ErrorKind, Found, Headers, Manage, Outcome,
    Query, SERIALIZERS, Stamp, Timestamp, Variant,
};
use futures_util::StreamExt;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::fixtures::Place;
use crate::testkit::alone;
use crate::testkit::sample::{head, head_under, never, noise, noon, variant_head};

const URL: &str = "https://example.org/a";
const LARGE: usize = 1 << 20;

async fn put(store: &Arc<dyn Backend>, head: EntryHead, body: impl Into<Bytes>) -> Found {
    store.put_whole(head, body.into()).await.expect("the entry is stored")
}

async fn only(store: &Arc<dyn Backend>, key: &str) -> Found {
    let mut found = store.candidates(key).await.expect("an answer");
    assert_eq!(found.len(), 1, "one entry under {key}");
    found.remove(0)
}

async fn body(store: &Arc<dyn Backend>, found: &Found) -> Bytes {
    store.body_of(found).await.expect("the body")
}

async fn all(store: &Arc<dyn Backend>, query: Query) -> Vec<Found> {
    let found: Vec<_> = store.scan(query).collect().await;
    found.into_iter().map(|f| f.expect("an entry")).collect()
}

/// A head as it comes back: facts and serializer are the store's to say.
fn as_stored(head: &EntryHead, found: &Found) -> EntryHead {
    EntryHead { body: found.head.body, serializer: found.head.serializer.clone(), ..head.clone() }
}

pub async fn absent_key_is_an_empty_answer(place: Place) {
    let store = place.open();
    assert!(store.candidates("nothing").await.expect("no error").is_empty());
    assert!(all(&store, Query::default()).await.is_empty());
}

pub async fn a_committed_entry_comes_back_whole(place: Place) {
    let store = place.open();
    for (url, length) in [("https://e.org/small", 100), ("https://e.org/large", LARGE)] {
        let mut head = head(url);
        head.expires_at = Some(never());
        head.uses = 7;
        head.last_used_at = Some(noon());
        head.forced = true;
        head.invalidated = true;
        head.partition = "alice".into();
        head.request.extensions.other.insert("timeout".into(), serde_json::json!({"read": 5.0}));
        head.extensions.other.insert("note".into(), serde_json::json!(["x", null]));
        let content = noise(1, length);
        let committed = put(&store, head.clone(), content.clone()).await;
        let found = only(&store, &head.id.key).await;
        assert_eq!(found.head, as_stored(&head, &found));
        assert_eq!(found.stamp, committed.stamp);
        assert_eq!(body(&store, &found).await, content);
    }
}

pub async fn every_length_around_the_limits_comes_back(place: Place) {
    let store = place.open();
    let limits = [0usize, 1, 16 * 1024, 32 * 1024, 256 * 1024, LARGE, 2 * LARGE];
    for limit in limits {
        for length in limit.saturating_sub(1)..=limit + 1 {
            let content = noise(length as u64, length);
            // In pieces, because that is how bodies come.
            let mut under_way = store.put(head(URL)).await.expect("a put");
            for piece in content.chunks(7000) {
                under_way.write(Bytes::copy_from_slice(piece)).await.expect("written");
            }
            under_way.commit().await.expect("committed");
            let found = only(&store, &head(URL).id.key).await;
            assert_eq!(body(&store, &found).await, content, "{length} bytes");
            assert_eq!(found.head.body, BodyFacts::of(&content));
        }
    }
}

pub async fn small_bodies_ride_along(place: Place) {
    let store = place.open();
    put(&store, head(URL), "hello").await;
    let found = only(&store, &head(URL).id.key).await;
    assert_eq!(found.inline.as_deref(), Some(&b"hello"[..]));
}

pub async fn facts_are_computed_from_the_body(place: Place) {
    let store = place.open();
    let mut head = head(URL);
    head.body = BodyFacts { bytes: 99, xxh3: Some(1), sha256: None };
    let content = noise(2, LARGE);
    let committed = put(&store, head, content.clone()).await;
    assert_eq!(committed.head.body, BodyFacts::of(&content));
}

pub async fn nothing_is_visible_before_commit(place: Place) {
    let store = place.open();
    let key = head(URL).id.key;
    let mut under_way = store.put(head(URL)).await.expect("a put");
    under_way.write(noise(3, LARGE)).await.expect("written");
    assert!(store.candidates(&key).await.expect("an answer").is_empty());
    assert!(all(&store, Query::default()).await.is_empty());
    under_way.commit().await.expect("committed");
    only(&store, &key).await;
}

pub async fn a_dropped_put_leaves_nothing(place: Place) {
    let store = place.open();
    put(&store, head(URL), "old").await;
    for length in [10, 5 * LARGE] {
        let mut under_way = store.put(head(URL)).await.expect("a put");
        under_way.write(noise(4, length)).await.expect("written");
        drop(under_way);
    }
    assert_eq!(body(&store, &only(&store, &head(URL).id.key).await).await, "old");
    if let Some((wounds, path)) = place.wounds() {
        // A bridge may clean up on another thread.
        for _ in 0..500 {
            if wounds.large_bodies(path) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(wounds.large_bodies(path), 0, "no orphan stays");
    }
}

pub async fn a_put_replaces_the_same_identity_only(place: Place) {
    let store = place.open();
    let other = head("https://example.org/b");
    put(&store, other.clone(), "other").await;
    for (length, seed) in [(10, 1), (LARGE, 2), (LARGE, 3), (10, 4)] {
        let before = store.candidates(&head(URL).id.key).await.expect("an answer");
        let content = noise(seed, length);
        put(&store, head(URL), content.clone()).await;
        let found = only(&store, &head(URL).id.key).await;
        assert_eq!(body(&store, &found).await, content);
        assert!(before.iter().all(|old| old.stamp != found.stamp), "another state, another stamp");
        if let Some((wounds, path)) = place.wounds() {
            let expected = usize::from(length == LARGE);
            assert_eq!(wounds.large_bodies(path), expected, "the old body goes");
        }
    }
    assert_eq!(body(&store, &only(&store, &other.id.key).await).await, "other");
}

pub async fn variants_of_a_key_stand_side_by_side(place: Place) {
    let store = place.open();
    if !store.capabilities().variants {
        return;
    }
    let contents = [("de", noise(1, 10)), ("en", noise(2, LARGE)), ("fr", noise(3, 20_000))];
    for (language, content) in &contents {
        put(&store, variant_head(URL, language), content.clone()).await;
    }
    put(&store, head(URL), "none").await;
    let key = head(URL).id.key;
    assert_eq!(store.candidates(&key).await.expect("an answer").len(), 4);
    for (language, content) in &contents {
        let id = variant_head(URL, language).id;
        let found = store.find(&id).await.expect("an answer").expect("the variant");
        assert_eq!(found.head, as_stored(&variant_head(URL, language), &found));
        assert_eq!(body(&store, &found).await, *content);
    }
}

pub async fn any_text_is_a_key(place: Place) {
    let store = place.open();
    let long = "long ".repeat(2000);
    let keys = [
        "x",
        "../../etc/passwd",
        "a/b",
        "ä ö",
        "UPPER",
        "upper",
        ".",
        "..",
        " ",
        "*",
        "%",
        "a\nb",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789ABCDEF",
        &long,
    ];
    for key in keys {
        put(&store, head_under(key), key.to_owned()).await;
    }
    for key in keys {
        let found = only(&store, key).await;
        assert_eq!((&*found.head.id.key, body(&store, &found).await), (key, key.to_owned().into()));
    }
    let scanned: BTreeSet<_> =
        all(&store, Query::default()).await.into_iter().map(|f| f.head.id.key).collect();
    assert_eq!(scanned, keys.iter().map(|k| (*k).to_owned()).collect());
}

fn any_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::prelude::any::<u8>(), 0..most)
}

pub async fn any_bytes_survive_every_serializer(place: Place) {
    let store = place.open();
    let mut runner = TestRunner::deterministic();
    let fields = proptest::collection::vec((any_bytes(12), any_bytes(40)), 0..12);
    for round in 0..24 {
        for serializer in SERIALIZERS {
            let draw = |runner: &mut TestRunner| {
                let drawn = fields.new_tree(runner).expect("a value").current();
                drawn.into_iter().collect::<Headers>()
            };
            let mut head = head(&format!("https://example.org/{round}"));
            head.headers = draw(&mut runner);
            head.request.headers = draw(&mut runner);
            head.extensions.reason =
                Some(any_bytes(9).new_tree(&mut runner).expect("a value").current());
            head.serializer = Some(serializer.name().into());
            let content = any_bytes(300).new_tree(&mut runner).expect("a value").current();
            put(&store, head.clone(), content.clone()).await;
            let found = only(&store, &head.id.key).await;
            assert_eq!(found.head, as_stored(&head, &found), "{}", serializer.name());
            assert_eq!(body(&store, &found).await, content, "{}", serializer.name());
        }
    }
}

pub async fn an_entry_asks_for_its_serializer(place: Place) {
    let store = place.open();
    if !store.capabilities().persistent {
        return;
    }
    put(&store, head(URL), "x").await;
    let found = only(&store, &head(URL).id.key).await;
    assert_eq!(found.head.serializer.as_deref(), Some(store.capabilities().serializer));
    for serializer in SERIALIZERS {
        let wanted = Some(serializer.name().into());
        put(&store, EntryHead { serializer: wanted.clone(), ..head(URL) }, "x").await;
        assert_eq!(only(&store, &head(URL).id.key).await.head.serializer, wanted);
    }
}

pub async fn two_writers_of_one_key_end_with_one_whole_entry(place: Place) {
    let store = place.open();
    let lengths = [100, 20_000, LARGE];
    for round in 0..8u64 {
        let write = |seed: u64| {
            let store = Arc::clone(&store);
            let content = noise(seed, lengths[seed as usize % 3] + seed as usize);
            tokio::spawn(async move { put(&store, head(URL), content).await })
        };
        let writers: Vec<_> = (0..4).map(|i| write(round * 4 + i)).collect();
        let mut committed = Vec::new();
        for writer in writers {
            committed.push(writer.await.expect("no panic"));
        }
        let found = only(&store, &head(URL).id.key).await;
        let winner = committed.iter().find(|c| c.stamp == found.stamp).expect("one of the writers");
        assert_eq!(winner.head.body, found.head.body);
        assert_eq!(BodyFacts::of(&body(&store, &found).await), found.head.body);
    }
    // Who cannot compare and write in one step may leave a loser's body to the clean-up.
    if let Some((wounds, path)) = place.wounds()
        && store.capabilities().atomic_stamps
    {
        let large = usize::from(only(&store, &head(URL).id.key).await.inline.is_none());
        assert_eq!(wounds.large_bodies(path), large, "the losers' bodies go");
    }
}

pub async fn writers_of_different_variants_lose_nothing(place: Place) {
    let store = place.open();
    if !(store.capabilities().variants && store.capabilities().atomic_stamps) {
        return;
    }
    let languages: Vec<String> = (0..12).map(|i| format!("l{i}")).collect();
    let writers: Vec<_> = languages
        .iter()
        .map(|language| {
            let (store, head) = (Arc::clone(&store), variant_head(URL, language));
            let content = language.clone();
            tokio::spawn(async move { put(&store, head, content).await })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    for language in &languages {
        let found = store.find(&variant_head(URL, language).id).await.expect("an answer");
        assert_eq!(body(&store, &found.expect("the variant")).await, *language);
    }
}

pub async fn a_range_of_a_body(place: Place) {
    let store = place.open();
    for length in [1000usize, 3 * LARGE] {
        let content = noise(5, length);
        put(&store, head(URL), content.clone()).await;
        let found = only(&store, &head(URL).id.key).await;
        let last = length as u64 - 1;
        for (first, end) in [
            (0, None),
            (0, Some(0)),
            (1, Some(999)),
            (last, None),
            (last / 2, Some(last)),
            (300, Some(last + 10)),
            (last + 1, None),
        ] {
            let range = ByteRange { first, last: end };
            let part = store.body(&found.head.id, found.stamp, range).await.expect("a body");
            let (first, size) = range.within(length as u64);
            assert_eq!(part.length(), size);
            let expected = content.slice(first as usize..(first + size) as usize);
            assert_eq!(part.collect_bytes().await.expect("bytes"), expected, "{range:?}");
        }
    }
}

pub async fn a_body_of_another_state_is_the_old_one_or_changed(place: Place) {
    let store = place.open();
    for length in [10, LARGE] {
        put(&store, head(URL), noise(1, length)).await;
        let old = only(&store, &head(URL).id.key).await;
        put(&store, head(URL), noise(2, length)).await;
        let id = &old.head.id;
        // A store that knew the old body from before may still have it.
        match store.body(id, old.stamp, ByteRange::WHOLE).await {
            Ok(body) => {
                assert_eq!(body.collect_bytes().await.expect("whole"), noise(1, length));
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Changed),
        }
        let never = store.body(id, Stamp::fresh(), ByteRange::WHOLE).await;
        assert_eq!(never.expect_err("no such state").kind(), ErrorKind::Changed);
        let nobody = EntryId::new("nobody", Variant::none());
        let error = store.body(&nobody, old.stamp, ByteRange::WHOLE).await.expect_err("absent");
        assert_eq!(error.kind(), ErrorKind::Changed);
    }
}

pub async fn a_reader_during_replacement_sees_one_body(place: Place) {
    let store = place.open();
    let old = noise(1, 8 * LARGE);
    put(&store, head(URL), old.clone()).await;
    let found = only(&store, &head(URL).id.key).await;
    if found.inline.is_some() {
        return;
    }
    let mut reading =
        store.body(&found.head.id, found.stamp, ByteRange::WHOLE).await.expect("a body");
    let mut seen = reading.chunk().await.expect("a chunk").expect("some bytes").to_vec();
    put(&store, head(URL), noise(2, 8 * LARGE)).await;
    loop {
        match reading.chunk().await {
            Ok(Some(chunk)) => seen.extend_from_slice(&chunk),
            Ok(None) => {
                assert_eq!(seen, old, "the old bytes to the end");
                break;
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Changed);
                assert_eq!(seen, old[..seen.len()], "old bytes up to the error");
                break;
            }
        }
    }
}

pub async fn update_changes_the_head_and_keeps_the_body(place: Place) {
    let store = place.open();
    for length in [10, LARGE] {
        let content = noise(6, length);
        put(&store, head(URL), content.clone()).await;
        let found = only(&store, &head(URL).id.key).await;
        let mut new = found.head.clone();
        new.headers.set("Cache-Control", "no-cache");
        new.received_at = noon() + Duration::from_secs(5);
        new.invalidated = true;
        new.expires_at = Some(never());
        let outcome = store.update(&found.head.id, new.clone(), found.stamp).await.expect("done");
        let stamp = outcome.done().expect("the stamp was the one seen");
        let after = only(&store, &head(URL).id.key).await;
        assert_eq!(after.head, as_stored(&new, &after));
        assert_eq!(after.stamp, stamp);
        assert_ne!(after.stamp, found.stamp);
        assert_eq!(body(&store, &after).await, content);
    }
}

pub async fn update_with_an_old_stamp_changes_nothing(place: Place) {
    let store = place.open();
    put(&store, head(URL), "old").await;
    let old = only(&store, &head(URL).id.key).await;
    put(&store, head(URL), "new").await;
    let now = only(&store, &head(URL).id.key).await;
    let wrong = EntryHead { status: 500, ..old.head.clone() };
    let outcome = store.update(&old.head.id, wrong, old.stamp).await.expect("an answer");
    assert_eq!(outcome, Outcome::Changed);
    let after = only(&store, &head(URL).id.key).await;
    assert_eq!((after.head, after.stamp), (now.head, now.stamp));
}

pub async fn update_of_an_absent_entry(place: Place) {
    let store = place.open();
    let id = head(URL).id;
    let outcome = store.update(&id, head(URL), Stamp::fresh()).await.expect("an answer");
    assert_eq!(outcome, Outcome::Absent);
    assert!(store.candidates(&id.key).await.expect("an answer").is_empty());
}

pub async fn remove_takes_one_variant(place: Place) {
    let store = place.open();
    if !store.capabilities().variants {
        return;
    }
    for language in ["de", "en"] {
        put(&store, variant_head(URL, language), noise(1, LARGE)).await;
    }
    let id = variant_head(URL, "de").id;
    assert_eq!(store.remove(&id, None).await.expect("an answer"), Outcome::Done(()));
    assert_eq!(only(&store, &id.key).await.head.id, variant_head(URL, "en").id);
    let last = only(&store, &id.key).await;
    let outcome = store.remove(&last.head.id, Some(last.stamp)).await.expect("an answer");
    assert_eq!(outcome, Outcome::Done(()));
    assert!(store.candidates(&id.key).await.expect("an answer").is_empty());
    if let Some((wounds, path)) = place.wounds() {
        assert_eq!(wounds.large_bodies(path), 0);
    }
}

pub async fn remove_with_an_old_stamp_changes_nothing(place: Place) {
    let store = place.open();
    put(&store, head(URL), "old").await;
    let old = only(&store, &head(URL).id.key).await;
    put(&store, head(URL), "new").await;
    let outcome = store.remove(&old.head.id, Some(old.stamp)).await.expect("an answer");
    assert_eq!(outcome, Outcome::Changed);
    assert_eq!(body(&store, &only(&store, &old.head.id.key).await).await, "new");
}

pub async fn remove_of_an_absent_entry(place: Place) {
    let store = place.open();
    for seen in [None, Some(Stamp::fresh())] {
        let outcome = store.remove(&head(URL).id, seen).await.expect("no error");
        assert_eq!(outcome, Outcome::Absent);
    }
}

pub async fn expired_entries_are_shown_until_tidied(place: Place) {
    let store = place.open();
    if !store.capabilities().sweeps {
        return;
    }
    let mut expiring = head(URL);
    expiring.expires_at = Some(noon() + Duration::from_secs(1));
    put(&store, expiring.clone(), noise(1, LARGE)).await;
    if !store.capabilities().server_ttl {
        assert_eq!(only(&store, &expiring.id.key).await.head.expires_at, expiring.expires_at);
    }
    for minute in 1..=600u64 {
        store.tidy(noon() + Duration::from_secs(minute * 61)).await.expect("tidied");
        if store.candidates(&expiring.id.key).await.expect("an answer").is_empty() {
            if let Some((wounds, path)) = place.wounds() {
                assert_eq!(wounds.large_bodies(path), 0);
            }
            return;
        }
    }
    panic!("still there after 600 turns");
}

pub async fn a_server_with_a_ttl_forgets_by_itself(place: Place) {
    let store = place.open();
    if !store.capabilities().server_ttl {
        return;
    }
    for length in [10, LARGE] {
        let mut short = variant_head(URL, "de");
        short.expires_at = Some(Timestamp::now() + Duration::from_millis(400));
        put(&store, variant_head(URL, "en"), noise(1, length)).await;
        put(&store, short.clone(), noise(2, length)).await;
        let forever = only_variant(&store, "en").await;
        assert!(store.remove(&forever.head.id, None).await.expect("removed").done().is_some());
        assert_eq!(only_variant(&store, "de").await.head.expires_at, short.expires_at);
        let started = std::time::Instant::now();
        while !store.candidates(&short.id.key).await.expect("an answer").is_empty() {
            assert!(started.elapsed() < Duration::from_secs(20), "it does not go by itself");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(all(&store, Query::default()).await.is_empty());
    }
}

async fn only_variant(store: &Arc<dyn Backend>, language: &str) -> Found {
    let id = variant_head(URL, language).id;
    store.find(&id).await.expect("an answer").expect("the variant")
}

pub async fn tidying_leaves_what_has_not_expired(place: Place) {
    let store = place.open();
    put(&store, head("https://e.org/none"), "x").await;
    let mut later = head("https://e.org/later");
    later.expires_at = Some(noon() + Duration::from_secs(1_000_000_000));
    put(&store, later, "x").await;
    for minute in 1..=300u64 {
        store.tidy(noon() + Duration::from_secs(minute * 61)).await.expect("tidied");
    }
    assert_eq!(all(&store, Query::default()).await.len(), 2);
}

pub async fn uses_are_counted_and_change_no_stamp(place: Place) {
    let store = place.open();
    if store.capabilities().notes_uses_every.is_none() {
        return;
    }
    put(&store, variant_head(URL, "de"), noise(1, 50)).await;
    put(&store, variant_head(URL, "en"), noise(1, LARGE)).await;
    let id = variant_head(URL, "en").id;
    let before = store.find(&id).await.expect("an answer").expect("the entry");
    assert_eq!((before.head.uses, before.head.last_used_at), (0, None));
    for minute in 1..=3u64 {
        let at = noon() + Duration::from_secs(60 * minute);
        store.record_use(&id, before.stamp, at).await.expect("noted");
    }
    let after = store.find(&id).await.expect("an answer").expect("the entry");
    assert_eq!(after.head.uses, 3);
    assert_eq!(after.head.last_used_at, Some(noon() + Duration::from_secs(180)));
    assert_eq!(after.stamp, before.stamp);
    let other = store.find(&variant_head(URL, "de").id).await.expect("an answer");
    assert_eq!(other.expect("the entry").head.uses, 0);
}

pub async fn a_use_of_an_older_state_is_not_counted(place: Place) {
    let store = place.open();
    let old = put(&store, head(URL), "old").await;
    put(&store, head(URL), "new").await;
    store.record_use(&old.head.id, old.stamp, noon()).await.expect("no error");
    assert_eq!(only(&store, &old.head.id.key).await.head.uses, 0);
    let nobody = EntryId::new("nobody", Variant::none());
    store.record_use(&nobody, old.stamp, noon()).await.expect("no error");
}

pub async fn a_scan_brings_each_entry_once(place: Place) {
    let store = place.open();
    let mut expected = BTreeSet::new();
    for i in 0..300 {
        let url = format!("https://example.org/{}", i / 2);
        let head = variant_head(&url, if i % 2 == 0 { "de" } else { "en" });
        expected.insert(head.id.clone());
        put(&store, head, noise(i, if i % 50 == 0 { LARGE } else { 10 })).await;
    }
    let found = all(&store, Query::default()).await;
    let scanned: BTreeSet<_> = found.iter().map(|f| f.head.id.clone()).collect();
    assert_eq!(scanned, expected);
    if !store.capabilities().scan_repeats {
        assert_eq!(found.len(), expected.len(), "each once");
    }
    for found in found {
        let alone = store.find(&found.head.id).await.expect("an answer").expect("the entry");
        assert_eq!((alone.head, alone.stamp), (found.head, found.stamp));
    }
}

pub async fn a_scan_can_be_limited_to_a_key_prefix(place: Place) {
    let store = place.open();
    let keys = [
        "abcdef00000000000000000000000000",
        "abcdef11111111111111111111111111",
        "abcdee00000000000000000000000000",
        "abcdef and more",
        "ab",
    ];
    for key in keys {
        put(&store, head_under(key), "x").await;
    }
    for prefix in ["", "ab", "abcdef", "abcdef1", "abcdef ", "z"] {
        let query = Query::with_key_prefix(prefix);
        let found: BTreeSet<_> =
            all(&store, query).await.into_iter().map(|f| f.head.id.key).collect();
        let expected: BTreeSet<_> =
            keys.iter().filter(|k| k.starts_with(prefix)).map(|k| (*k).to_owned()).collect();
        assert_eq!(found, expected, "{prefix:?}");
    }
}

pub async fn a_scan_of_ten_thousand_in_constant_memory(place: Place) {
    let store = place.open();
    if !store.capabilities().persistent {
        return;
    }
    if !alone::is_child() {
        return alone::run_here();
    }
    // Some 20 MB, as many short entries or, where each takes its time, fewer long ones.
    let (entries, length) =
        if store.capabilities().kind == "s3" { (2_200, 8_000) } else { (10_000, 10) };
    let urls = futures_util::stream::iter(0..entries).map(|i| format!("https://example.org/{i}"));
    let at_once = if store.capabilities().remote { 16 } else { 1 };
    urls.for_each_concurrent(at_once, |url| {
        let store = &store;
        async move { drop(put(store, head(&url), noise(1, length)).await) }
    })
    .await;
    let meter = alone::Meter::start();
    let mut found = store.scan(Query::default());
    let mut count = 0;
    while let Some(item) = found.next().await {
        item.expect("an entry");
        count += 1;
    }
    assert_eq!(count, entries);
    // A server in this process has memory of its own.
    if !place.has_server_inside() {
        meter.assert_below(8 << 20);
    }
}

pub async fn a_large_body_in_constant_memory(place: Place) {
    let store = place.open();
    if !store.capabilities().streams_bodies {
        return;
    }
    if !alone::is_child() {
        return alone::run_here();
    }
    const CHUNKS: u64 = 64;
    let chunk = noise(9, LARGE);
    put(&store, head("https://e.org/warm-up"), chunk.clone()).await;
    let meter = alone::Meter::start();
    let mut under_way = store.put(head(URL)).await.expect("a put");
    for _ in 0..CHUNKS {
        under_way.write(chunk.clone()).await.expect("written");
    }
    under_way.commit().await.expect("committed");
    let found = only(&store, &head(URL).id.key).await;
    let mut reading =
        store.body(&found.head.id, found.stamp, ByteRange::WHOLE).await.expect("a body");
    let mut length = 0;
    while let Some(chunk) = reading.chunk().await.expect("a chunk") {
        length += chunk.len() as u64;
    }
    assert_eq!(length, CHUNKS * LARGE as u64);
    // S3 takes parts, of which one fills while another goes out.
    let parts = store.capabilities().kind == "s3";
    meter.assert_below(if parts { 48 << 20 } else { 16 << 20 });
}

pub async fn entries_outlive_the_store(place: Place) {
    let store = place.open();
    if !store.capabilities().persistent {
        return;
    }
    let content = noise(7, LARGE);
    put(&store, head(URL), content.clone()).await;
    put(&store, head("https://e.org/small"), "small").await;
    let before = only(&store, &head(URL).id.key).await;
    store.close().await.expect("closed");
    drop(store);
    let store = place.open();
    let after = only(&store, &head(URL).id.key).await;
    assert_eq!((&after.head, after.stamp), (&before.head, before.stamp));
    assert_eq!(body(&store, &after).await, content);
    assert_eq!(all(&store, Query::default()).await.len(), 2);
}

pub async fn a_record_whose_large_body_is_gone_is_absent(place: Place) {
    let store = place.open();
    let Some((wounds, path)) = place.wounds() else { return };
    put(&store, head(URL), noise(1, LARGE)).await;
    let found = only(&store, &head(URL).id.key).await;
    wounds.lose_large_body(path);
    let error = store.body(&found.head.id, found.stamp, ByteRange::WHOLE).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert!(store.candidates(&found.head.id.key).await.expect("no error").is_empty());
    put(&store, head(URL), "again").await;
    assert_eq!(body(&store, &only(&store, &found.head.id.key).await).await, "again");
}

pub async fn a_damaged_record_is_an_error_that_names_it(place: Place) {
    let store = place.open();
    let Some((wounds, path)) = place.wounds() else { return };
    put(&store, head("https://e.org/other"), "x").await;
    // In the version mark, in the head, in the inline body.
    for offset in [1, 400, 1500] {
        put(&store, head(URL), noise(1, 2000)).await;
        wounds.flip_in_record(path, &head(URL).id, offset);
        let error = store.candidates(&head(URL).id.key).await.expect_err("damaged");
        assert_eq!(error.kind(), ErrorKind::Codec, "{error:?}");
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        assert_eq!(found.iter().filter(|f| f.is_err()).count(), 1, "one error item");
        assert_eq!(found.iter().filter(|f| f.is_ok()).count(), 1, "the scan goes on");
        store.remove(&head(URL).id, None).await.expect("it can be removed, or is gone already");
    }
}

pub async fn a_damaged_body_is_an_error(place: Place) {
    let store = place.open();
    let Some((wounds, path)) = place.wounds() else { return };
    put(&store, head(URL), noise(1, LARGE)).await;
    let found = only(&store, &head(URL).id.key).await;
    wounds.flip_in_large_body(path);
    let error = store.body_of(&found).await.expect_err("damaged");
    assert_eq!(error.kind(), ErrorKind::Codec, "{error:?}");
}

pub async fn a_damaged_record_can_be_replaced(place: Place) {
    let store = place.open();
    let Some((wounds, path)) = place.wounds() else { return };
    for offset in [1, 400, 1500] {
        put(&store, head(URL), noise(1, 2000)).await;
        wounds.flip_in_record(path, &head(URL).id, offset);
        put(&store, head(URL), "new").await;
        assert_eq!(body(&store, &only(&store, &head(URL).id.key).await).await, "new");
    }
}

pub async fn capacity_drops_the_least_recently_used(place: Place) {
    let store = place.open();
    let Some(capacity) = store.capabilities().capacity else { return };
    let url = |i: usize| format!("https://example.org/{i}");
    for i in 0..capacity {
        put(&store, head(&url(i)), "x").await;
    }
    let first = only(&store, &head(&url(0)).id.key).await;
    store.record_use(&first.head.id, first.stamp, noon()).await.expect("noted");
    put(&store, head(&url(capacity)), "x").await;
    only(&store, &head(&url(0)).id.key).await;
    let second = store.candidates(&head(&url(1)).id.key).await.expect("an answer");
    assert!(second.is_empty(), "the least recently used one went");
    assert_eq!(all(&store, Query::default()).await.len(), capacity);
}

pub async fn a_location_names_the_place(place: Place) {
    let store = place.open();
    put(&store, head(URL), "x").await;
    let location = store.location(&head(URL).id);
    assert!(!location.is_empty());
    if let Some((_, path)) = place.wounds() {
        let place = path.file_name().expect("a name").to_string_lossy();
        assert!(location.contains(place.trim_start_matches('.')), "{location}");
    }
}
