//! One promise each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachectl::transfer::check;
use cachectl::{
    Backend, BodyFacts, ByteRange, Compact, Detail, EntryHead, EntryId, ErrorKind, Filter, Found,
    Headers, Manage, Moment, Order, Outcome, Over, Parcel, Part, Piece, Problem, Query,
    SERIALIZERS, Settings, Sort, SortBy, Stamp, Timestamp, Upkeep, Variant,
};
use futures_util::StreamExt;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::fixtures::Place;
use crate::testkit::alone;
use crate::testkit::sample::{head, head_under, never, noise, noon, variant_head};

const URL: &str = "https://example.org/a";
const LARGE: usize = 1 << 20;

fn upkeep(store: &Arc<dyn Backend>) -> &dyn Upkeep {
    store.upkeep().expect("it has one")
}

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
fn as_stored(store: &Arc<dyn Backend>, head: &EntryHead, found: &Found) -> EntryHead {
    let serializer = found.head.serializer.clone();
    EntryHead { body: found.head.body, serializer, ..store.rules().project(head.clone()) }
}

/// What a store knows of this body.
fn facts(store: &Arc<dyn Backend>, body: &Bytes) -> BodyFacts {
    let facts = BodyFacts::of(body);
    match store.capabilities().digests {
        true => facts,
        false => BodyFacts { xxh3: None, sha256: None, ..facts },
    }
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
        assert_eq!(found.head, as_stored(&store, &head, &found));
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
            assert_eq!(found.head.body, facts(&store, &content));
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
    assert_eq!(committed.head.body, facts(&store, &content));
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
    if let Some((bodies, path)) = place.bodies() {
        // A bridge may clean up on another thread.
        for _ in 0..500 {
            if bodies.large_bodies(path) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(bodies.large_bodies(path), 0, "no orphan stays");
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
        if let Some((bodies, path)) = place.bodies() {
            let expected = usize::from(length == LARGE);
            assert_eq!(bodies.large_bodies(path), expected, "the old body goes");
        }
    }
    assert_eq!(body(&store, &only(&store, &other.id.key).await).await, "other");
}

pub async fn a_put_over_what_was_seen_undoes_nobody_s_work(place: Place) {
    let store = place.open();
    let id = head(URL).id;
    for length in [10, LARGE] {
        let over = |over: Over, seed: u64| {
            let store = Arc::clone(&store);
            async move {
                let mut put = store.put(head(URL)).await.expect("begun");
                put.write(noise(seed, length)).await.expect("written");
                put.commit_over(over).await.expect("an answer").map(|found| found.stamp)
            }
        };
        assert_eq!(over(Over::State(Stamp::fresh()), 1).await, Outcome::Absent);
        let first = over(Over::Nothing, 2).await.done().expect("there was nothing");
        assert_eq!(over(Over::Nothing, 3).await, Outcome::Changed);
        assert_eq!(body(&store, &only(&store, &id.key).await).await, noise(2, length));
        let second = over(Over::State(first), 4).await.done().expect("as it was seen");
        assert_eq!(over(Over::State(first), 5).await, Outcome::Changed);
        let found = only(&store, &id.key).await;
        assert_eq!((found.stamp, body(&store, &found).await), (second, noise(4, length)));
        if let Some((bodies, path)) = place.bodies() {
            // A bridge may clean up on another thread.
            for _ in 0..500 {
                if bodies.large_bodies(path) <= 1 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(bodies.large_bodies(path), usize::from(length == LARGE), "no orphan stays");
            if length == LARGE {
                // Without its body it counts as absent, here as for readers.
                bodies.lose_large_body(path);
                over(Over::Nothing, 7).await.done().expect("there was nothing to see");
            }
        }
        store.remove(&id, None).await.expect("removed");
    }
}

pub async fn putting_many_is_putting_each(place: Place) {
    let store = place.open();
    let at = |i: u64| head(&format!("https://example.org/{i}"));
    let stale = put(&store, at(0), "old").await.stamp;
    let seen = put(&store, at(0), "seen").await.stamp;
    put(&store, at(1), noise(1, LARGE)).await;
    let lengths = [0, 1, 20_000, 16 * 1024, LARGE, 300, 400_000];
    let wanted = [
        (at(0), Over::State(seen), 0, Outcome::Done(())),
        (at(0), Over::State(stale), 1, Outcome::Changed),
        (at(1), Over::Nothing, 2, Outcome::Changed),
        (at(2), Over::Nothing, 3, Outcome::Done(())),
        (at(2), Over::Nothing, 4, Outcome::Changed),
        (at(3), Over::State(seen), 5, Outcome::Absent),
        (at(1), Over::Anything, 6, Outcome::Done(())),
        (at(4), Over::Nothing, 4, Outcome::Done(())),
        (at(5), Over::Anything, 5, Outcome::Done(())),
    ];
    let body_of = |i: usize| noise(i as u64 + 7, lengths[i]);
    let parcel = |(head, over, i, _): &(EntryHead, Over, usize, Outcome<()>)| {
        let told = BodyFacts { bytes: 1, ..BodyFacts::default() };
        Parcel::new(EntryHead { body: told, ..head.clone() }, body_of(*i), *over)
    };
    let placed = store.put_many(wanted.iter().map(parcel).collect()).await.expect("outcomes");
    let placed: Vec<_> = placed.into_iter().map(|placed| placed.expect("no trouble")).collect();
    let outcomes: Vec<_> = placed.iter().map(|placed| placed.map(drop)).collect();
    assert_eq!(outcomes, wanted.iter().map(|(.., outcome)| *outcome).collect::<Vec<_>>());
    for ((head, _, i, outcome), placed) in wanted.iter().zip(&placed) {
        if let (Outcome::Done(()), Outcome::Done(stamp)) = (outcome, placed) {
            let found = only(&store, &head.id.key).await;
            assert_eq!(found.head, as_stored(&store, head, &found));
            assert_eq!((found.stamp, body(&store, &found).await), (*stamp, body_of(*i)));
        }
    }
    assert_eq!(all(&store, Query::default()).await.len(), 5);
    if let Some((bodies, path)) = place.bodies() {
        // Bridges and servers may clean up a little later.
        for _ in 0..500 {
            if bodies.large_bodies(path) <= 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(bodies.large_bodies(path), 2, "no orphan stays");
    }
}

pub async fn finding_many_is_finding_each(place: Place) {
    let store = place.open();
    let can = store.capabilities();
    let mut ids = Vec::new();
    for (i, length) in [(0, 10), (1, LARGE), (2, 0), (3, 20_000)] {
        let head = head(&format!("https://example.org/{i}"));
        ids.push(put(&store, head, noise(i, length)).await.head.id);
    }
    ids.push(head("https://example.org/absent").id);
    if can.variants {
        let variant = variant_head("https://example.org/0", "de");
        ids.push(put(&store, variant, "a variant").await.head.id);
        ids.push(variant_head("https://example.org/0", "fr").id);
    }
    let found = store.find_many(&ids).await.expect("answers");
    assert_eq!(found.len(), ids.len());
    for (id, found) in ids.iter().zip(found) {
        let found = found.expect("no trouble");
        let alone = store.find(id).await.expect("an answer");
        assert_eq!(found.as_ref().map(|f| f.stamp), alone.as_ref().map(|f| f.stamp), "{id}");
        assert_eq!(found.as_ref().map(|f| &f.head), alone.as_ref().map(|f| &f.head), "{id}");
        if let (Some(found), Some(alone)) = (found, alone) {
            assert_eq!(body(&store, &found).await, body(&store, &alone).await, "{id}");
        }
    }
}

pub async fn finding_many_tells_the_damaged_one(place: Place) {
    let store = place.open();
    let mut ids = Vec::new();
    for i in 0..4 {
        let head = head(&format!("https://example.org/{i}"));
        ids.push(put(&store, head, noise(i, 2000)).await.head.id);
    }
    store.remove(&ids[0], None).await.expect("removed");
    let (wounds, path) = place.wounds();
    wounds.spoil_record(path, &ids[3], 400);
    let found = store.find_many(&ids).await.expect("answers");
    assert!(matches!(found[0], Ok(None)));
    assert!(matches!(found[2], Ok(Some(_))), "the others are not harmed");
    let error = found[3].as_ref().expect_err("it is damaged");
    assert_eq!(error.kind(), ErrorKind::Codec);
}

pub async fn variants_of_a_key_stand_side_by_side(place: Place) {
    let store = place.open();
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
        assert_eq!(found.head, as_stored(&store, &variant_head(URL, language), &found));
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
            assert_eq!(found.head, as_stored(&store, &head, &found), "{}", serializer.name());
            assert_eq!(body(&store, &found).await, content, "{}", serializer.name());
        }
    }
}

pub async fn an_entry_asks_for_its_serializer(place: Place) {
    let store = place.open();
    put(&store, head(URL), "x").await;
    let found = only(&store, &head(URL).id.key).await;
    assert_eq!(found.head.serializer.as_deref(), Some(store.capabilities().serializer));
    for serializer in store.capabilities().serializers {
        let wanted = Some((*serializer).into());
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
        assert_eq!(facts(&store, &body(&store, &found).await), found.head.body);
    }
    // Who cannot compare and write in one step may leave a loser's body to the clean-up.
    if let Some((bodies, path)) = place.bodies()
        && store.capabilities().atomic_stamps
    {
        let large = usize::from(only(&store, &head(URL).id.key).await.inline.is_none());
        assert_eq!(bodies.large_bodies(path), large, "the losers' bodies go");
    }
}

pub async fn writers_of_different_variants_lose_nothing(place: Place) {
    let store = place.open();
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
    assert!(found.inline.is_none(), "a large body has its own place");
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
        assert_eq!(after.head, as_stored(&store, &new, &after));
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
    if let Some((bodies, path)) = place.bodies() {
        assert_eq!(bodies.large_bodies(path), 0);
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
    let mut expiring = head(URL);
    expiring.expires_at = Some(noon() + Duration::from_secs(1));
    put(&store, expiring.clone(), noise(1, LARGE)).await;
    if !store.capabilities().server_ttl {
        assert_eq!(only(&store, &expiring.id.key).await.head.expires_at, expiring.expires_at);
    }
    for minute in 1..=600u64 {
        upkeep(&store).tidy(noon() + Duration::from_secs(minute * 61)).await.expect("tidied");
        if store.candidates(&expiring.id.key).await.expect("an answer").is_empty() {
            break;
        }
    }
    assert!(store.candidates(&expiring.id.key).await.expect("an answer").is_empty());
    if let Some((bodies, path)) = place.bodies() {
        assert_eq!(bodies.large_bodies(path), 0);
    }
}

pub async fn a_server_with_a_ttl_forgets_by_itself(place: Place) {
    let store = place.open();
    for length in [10, LARGE] {
        let mut short = variant_head(URL, "de");
        // On a busy machine a short life may be over before it is looked at.
        for life in [400, 4000, 40_000] {
            let soon = Timestamp::now() + Duration::from_millis(life);
            let soon = Timestamp::from_millis(soon.millis());
            short.expires_at = Some(soon);
            if store.capabilities().variants {
                put(&store, variant_head(URL, "en"), noise(1, length)).await;
            }
            put(&store, short.clone(), noise(2, length)).await;
            if store.capabilities().variants {
                let forever = only_variant(&store, "en").await;
                let removed = store.remove(&forever.head.id, None).await.expect("removed");
                assert!(removed.done().is_some());
            }
            let found = store.find(&short.id).await.expect("an answer");
            if let Some(found) = found {
                assert_eq!(found.head.expires_at, short.expires_at);
                break;
            }
            assert!(soon <= Timestamp::now(), "it goes too early");
        }
        let started = std::time::Instant::now();
        while !store.candidates(&short.id.key).await.expect("an answer").is_empty() {
            assert!(started.elapsed() < Duration::from_secs(60), "it does not go by itself");
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
        upkeep(&store).tidy(noon() + Duration::from_secs(minute * 61)).await.expect("tidied");
    }
    assert_eq!(all(&store, Query::default()).await.len(), 2);
}

pub async fn uses_are_counted_and_change_no_stamp(place: Place) {
    let store = place.open();
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
        if i % 2 == 1 && !store.capabilities().variants {
            continue;
        }
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
    if !alone::is_child() {
        return alone::run_here();
    }
    // As many short entries or, where each takes its time, fewer long ones.
    let (entries, length) =
        if store.capabilities().kind == "s3" { (700, 16_000) } else { (10_000, 10) };
    let body = noise(1, length);
    let batches = (0..entries).step_by(100).map(|first| {
        let urls = (first..first + 100).map(|i| format!("https://example.org/{i}"));
        let parcel = |url: String| Parcel::new(head(&url), body.clone(), Over::Anything);
        urls.map(parcel).collect::<Vec<_>>()
    });
    let at_once = if store.capabilities().remote { 8 } else { 1 };
    let put = futures_util::stream::iter(batches).for_each_concurrent(at_once, |batch| async {
        for placed in store.put_many(batch).await.expect("the store takes them") {
            assert!(placed.expect("each is stored").is_done());
        }
    });
    put.await;
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
    let (bodies, path) = place.bodies().expect("bodies have a place");
    put(&store, head(URL), noise(1, LARGE)).await;
    let found = only(&store, &head(URL).id.key).await;
    bodies.lose_large_body(path);
    let error = store.body(&found.head.id, found.stamp, ByteRange::WHOLE).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert!(store.candidates(&found.head.id.key).await.expect("no error").is_empty());
    put(&store, head(URL), "again").await;
    assert_eq!(body(&store, &only(&store, &found.head.id.key).await).await, "again");
}

pub async fn a_damaged_record_is_an_error_that_names_it(place: Place) {
    let store = place.open();
    let (wounds, path) = place.wounds();
    put(&store, head("https://e.org/other"), "x").await;
    // In the version mark, in the head, in the inline body.
    for offset in [1, 400, 1500] {
        put(&store, head(URL), noise(1, 2000)).await;
        wounds.spoil_record(path, &head(URL).id, offset);
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
    let (bodies, path) = place.bodies().expect("bodies have a place");
    put(&store, head(URL), noise(1, LARGE)).await;
    let found = only(&store, &head(URL).id.key).await;
    bodies.flip_in_large_body(path);
    let error = store.body_of(&found).await.expect_err("damaged");
    assert_eq!(error.kind(), ErrorKind::Codec, "{error:?}");
}

pub async fn a_damaged_record_can_be_replaced(place: Place) {
    let store = place.open();
    let (wounds, path) = place.wounds();
    for offset in [1, 400, 1500] {
        put(&store, head(URL), noise(1, 2000)).await;
        wounds.spoil_record(path, &head(URL).id, offset);
        put(&store, head(URL), "new").await;
        assert_eq!(body(&store, &only(&store, &head(URL).id.key).await).await, "new");
    }
}

pub async fn capacity_drops_the_least_recently_used(place: Place) {
    let store = place.open();
    let capacity = store.capabilities().capacity.expect("a capacity");
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
    let location = store.rules().location(&head(URL).id);
    assert!(!location.is_empty());
    if let Some((_, path)) = place.bodies() {
        let place = path.file_name().expect("a name").to_string_lossy();
        assert!(location.contains(place.trim_start_matches('.')), "{location}");
    }
}

pub async fn removing_many_heeds_each_stamp(place: Place) {
    let store = place.open();
    let mut wanted = Vec::new();
    let variants = store.capabilities().variants;
    for i in 0..300 {
        let url = if variants { i / 2 } else { i };
        let head = variant_head(&format!("https://example.org/{url}"), ["de", "en"][i % 2]);
        let length = if i % 100 == 7 { LARGE } else { 10 };
        let found = put(&store, head, noise(i as u64, length)).await;
        wanted.push((found.head.id, found.stamp));
    }
    // One was replaced since, one removed, one stays beside its variant.
    let replaced = wanted[4].0.clone();
    let url = if variants { "https://example.org/2" } else { "https://example.org/4" };
    put(&store, variant_head(url, "de"), "new").await;
    store.remove(&wanted[9].0, None).await.expect("removed");
    let stays = wanted.remove(20).0;
    let removed = store.remove_many(&wanted).await.expect("outcomes");
    let removed: Vec<_> = removed.into_iter().map(|r| r.expect("no trouble")).collect();
    assert_eq!(removed.len(), wanted.len());
    for (i, outcome) in removed.into_iter().enumerate() {
        match i {
            4 => assert_eq!(outcome, Outcome::Changed),
            9 => assert_eq!(outcome, Outcome::Absent),
            _ => assert!(matches!(outcome, Outcome::Done(_)), "{i}: {outcome:?}"),
        }
    }
    let left: BTreeSet<_> =
        all(&store, Query::default()).await.into_iter().map(|f| f.head.id).collect();
    assert_eq!(left, BTreeSet::from([replaced, stays]));
}

/// Two hundred entries that differ in everything that can be asked about.
async fn assorted(store: &Arc<dyn Backend>) {
    for i in 0..200u64 {
        let host = ["a.example.org", "B.example.com", "c.example.net"][(i % 3) as usize];
        let mut head = head(&format!("https://{host}/{i}?q={}", i % 5));
        head.status = [200, 301, 404, 500][(i % 4) as usize];
        head.created_at = noon() - Duration::from_millis(i * 3_600_123);
        head.received_at = head.created_at;
        head.requested_at = head.created_at;
        head.uses = i % 6;
        head.last_used_at = (i % 6 > 0).then(|| noon() - Duration::from_secs(i * 60));
        head.expires_at = (i % 4 == 1).then(|| never() - Duration::from_secs(i));
        head.headers
            .set("Cache-Control", ["max-age=60", "no-cache", "max-age=9999999"][(i % 3) as usize]);
        if i % 7 == 0 {
            head.headers.set("Content-Type", "image/png");
        }
        put(store, head, noise(i, (i * 37 % 4000) as usize)).await;
    }
}

pub async fn fewer_details_say_the_same(place: Place) {
    let store = place.open();
    assorted(&store).await;
    let settings = Settings::default();
    let whole = all(&store, Query::default()).await;
    let columns = all(&store, Query::with_detail(Detail::Columns)).await;
    for now in [noon(), noon() - Duration::from_secs(86_400)] {
        let row = |found: &Found| {
            let head = &found.head;
            (
                head.id.clone(),
                found.stamp,
                (head.request.method.clone(), head.request.url.clone(), head.status),
                (head.body.bytes, found.stored_bytes, head.uses, head.last_used_at),
                (head.created_at, head.expires_at, head.serializer.clone()),
                head.headers.get_text("content-type").map(|t| t.into_owned()),
                found.state(now, &settings),
            )
        };
        let sorted = |found: &[Found]| {
            let mut rows: Vec<_> = found.iter().map(row).collect();
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            rows
        };
        assert_eq!(sorted(&columns), sorted(&whole));
    }
    put(&store, variant_head("https://example.org/two", "de"), "x").await;
    put(&store, variant_head("https://example.org/two", "en"), "x").await;
    put(&store, head_under("any text"), "x").await;
    let keys: BTreeSet<_> =
        all(&store, Query::default()).await.into_iter().map(|f| f.head.id.key).collect();
    let named = all(&store, Query::with_detail(Detail::Key)).await;
    assert_eq!(named.iter().map(|f| f.head.id.key.clone()).collect::<BTreeSet<_>>(), keys);
    if !store.capabilities().scan_repeats {
        assert_eq!(named.len(), keys.len(), "each key once");
    }
}

pub async fn a_scan_goes_on_behind_a_cursor(place: Place) {
    let store = place.open();
    for i in 0..150 {
        let language = ["de", "en"][i % 2];
        put(&store, variant_head(&format!("https://example.org/{}", i / 2), language), "x").await;
    }
    put(&store, head_under("any text"), "x").await;
    let expected: BTreeSet<_> =
        all(&store, Query::default()).await.into_iter().map(|f| f.head.id).collect();
    let mut seen = Vec::new();
    let mut query = Query::default();
    loop {
        let page: Vec<_> = store.scan(query.clone()).take(7).collect().await;
        let page: Vec<Found> = page.into_iter().map(|f| f.expect("an entry")).collect();
        let Some(last) = page.last() else { break };
        query.after = Some(last.cursor());
        seen.extend(page.iter().map(|found| found.head.id.clone()));
        assert!(seen.len() <= 3 * expected.len(), "the pages come to an end");
    }
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), expected);
    if !store.capabilities().scan_repeats {
        assert_eq!(seen.len(), expected.len(), "each once");
    }
}

/// Expressions with all fields, operators and connectives.
fn expressions() -> impl Strategy<Value = String> {
    use proptest::prelude::*;
    let test = prop_oneof![
        (prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]), 190u16..510)
            .prop_map(|(op, status)| format!("status {op} {status}")),
        (1u16..6, 1u16..6).prop_map(|(a, b)| format!("status in ({a}xx, {b}04)")),
        (
            prop::sample::select(vec!["size", "stored"]),
            prop::sample::select(vec!["<", ">="]),
            0u32..6000
        )
            .prop_map(|(field, op, bytes)| format!("{field} {op} {bytes}")),
        (0u32..4000, 0u32..4000).prop_map(|(a, b)| format!("size in {a}..={b}")),
        (
            prop::sample::select(vec!["age", "idle"]),
            prop::sample::select(vec!["<", ">"]),
            0u32..300
        )
            .prop_map(|(field, op, hours)| format!("{field} {op} {hours}h")),
        (
            prop::sample::select(vec!["created", "used", "expires"]),
            prop::sample::select(vec!["<", ">", ">="]),
            0u32..300
        )
            .prop_map(|(field, op, hours)| format!("{field} {op} {hours}h")),
        (prop::sample::select(vec!["=", "<", ">="]), 0u8..7)
            .prop_map(|(op, n)| format!("uses {op} {n}")),
        prop::sample::select(vec!["a.example.org", "b.EXAMPLE.com", "c.*"]).prop_map(
            |host| format!("host {} '{host}'", if host.contains('*') { "~" } else { "=" })
        ),
        prop::sample::select(vec!["fresh", "stale", "expired"])
            .prop_map(|s| format!("state = {s}")),
        Just("url = 'https://a.example.org/3?q=3'".to_owned()),
        Just("expires is null".to_owned()),
        Just("type ~ 'image/*'".to_owned()),
        Just("has(set-cookie)".to_owned()),
        "[0-9a-f]{1,2}".prop_map(|prefix| format!("key ~ '{prefix}*'")),
    ];
    test.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

pub async fn what_a_store_looks_for_itself_is_what_matches(place: Place) {
    let store = place.open();
    assorted(&store).await;
    let settings = Settings::default();
    let now = noon() + Duration::from_secs(1800);
    let moment = Moment { now, settings: &settings };
    let everything = all(&store, Query::default()).await;
    let mut runner = TestRunner::deterministic();
    let rounds = if store.capabilities().kind == "s3" { 12 } else { 60 };
    for _ in 0..rounds {
        let text = expressions().new_tree(&mut runner).expect("an expression").current();
        let filter = Filter::parse(&text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        let matching = |found: Vec<Found>| -> BTreeSet<EntryId> {
            let matching = found.into_iter().filter(|found| found.is_meant_by(&filter, moment));
            matching.map(|found| found.head.id).collect()
        };
        let expected = matching(everything.clone());
        for detail in [Detail::Key, Detail::Head] {
            let query = Query::of(&filter, moment).and_detail(detail);
            assert_eq!(matching(all(&store, query).await), expected, "{text}");
        }
    }
}

pub async fn a_store_that_sorts_keeps_to_the_order(place: Place) {
    let store = place.open();
    assorted(&store).await;
    let everything = all(&store, Query::default()).await;
    for (by, name) in [
        (Order::Size, "size"),
        (Order::Stored, "stored"),
        (Order::Created, "created"),
        (Order::Uses, "uses"),
        (Order::Used, "used"),
        (Order::Expires, "expires"),
        (Order::Url, "url"),
        (Order::Status, "status"),
    ] {
        for descending in [false, true] {
            let mut query = Query::default();
            query.sort = Some(Sort { by, descending, limit: 20 });
            let found = all(&store, query).await;
            let way = if descending { format!("{name}:desc") } else { name.to_owned() };
            let order = SortBy::parse([&*way]).expect("an order");
            let settings = Settings::default();
            let moment = Moment { now: noon(), settings: &settings };
            let key = |f: &Found| order.key(&f.head, f.stored_bytes, None, moment);
            let mut expected: Vec<_> = everything.iter().map(key).collect();
            expected.sort();
            expected.truncate(20);
            assert_eq!(found.iter().map(key).collect::<Vec<_>>(), expected, "{way}");
        }
    }
}

pub async fn usage_counts_what_is_there(place: Place) {
    let store = place.open();
    assert_eq!(upkeep(&store).usage().await.expect("usage").entries, 0);
    let mut bytes = 0;
    for i in 0..10 {
        let length = if i == 3 { LARGE } else { 100 };
        put(&store, head(&format!("https://example.org/{i}")), noise(i, length)).await;
        bytes += length as u64;
    }
    let usage = upkeep(&store).usage().await.expect("usage");
    assert_eq!(usage.entries, 10);
    assert!(usage.stored_bytes >= bytes && usage.stored_bytes < 2 * bytes, "{usage:?}");
    assert!(usage.disk_bytes.is_none_or(|disk| disk >= bytes), "{usage:?}");
}

pub async fn compacting_loses_nothing(place: Place) {
    let store = place.open();
    for i in 0..40 {
        put(&store, head(&format!("https://example.org/{i}")), noise(i, 30_000)).await;
    }
    let found = all(&store, Query::default()).await;
    for gone in &found[..30] {
        store.remove(&gone.head.id, None).await.expect("removed");
    }
    let before = upkeep(&store).usage().await.expect("usage").disk_bytes;
    upkeep(&store).compact(Compact::Auto).await.expect("compacted");
    let after = upkeep(&store).usage().await.expect("usage").disk_bytes;
    assert!(after <= before, "{after:?} after {before:?}");
    assert_eq!(all(&store, Query::default()).await.len(), 10);
    for kept in &found[30..] {
        assert_eq!(body(&store, kept).await.len(), 30_000);
    }
    put(&store, head(URL), noise(1, LARGE)).await;
    assert_eq!(all(&store, Query::default()).await.len(), 11);
}

pub async fn stored_bytes_can_be_had_as_they_lie(place: Place) {
    let store = place.open();
    let found = put(&store, head(URL), "the body").await;
    let raw = upkeep(&store).raw(Part::Record(found.head.id.clone())).await.expect("a record");
    let raw = raw.collect_bytes().await.expect("its bytes");
    assert!(raw.windows(8).any(|part| part == b"the body"), "the body lies in it as it is");
    for part in
        [Part::Record(head("https://e.org/absent").id), Part::Piece("entries/ab/../x".into())]
    {
        let error = upkeep(&store).raw(part).await.expect_err("nothing there");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    }
}

async fn leftovers(store: &Arc<dyn Backend>) -> Vec<Piece> {
    let pieces: Vec<_> = upkeep(store).leftovers(never()).collect().await;
    pieces.into_iter().map(|piece| piece.expect("a piece")).collect()
}

pub async fn what_is_in_use_is_not_left_over(place: Place) {
    let store = place.open();
    put(&store, head(URL), noise(1, LARGE)).await;
    put(&store, variant_head("https://e.org/v", "de"), noise(2, LARGE)).await;
    put(&store, variant_head("https://e.org/v", "en"), noise(3, LARGE)).await;
    put(&store, head("https://e.org/small"), "x").await;
    assert_eq!(leftovers(&store).await, []);
    assert!(upkeep(&store).leftovers(noon()).next().await.is_none());
}

pub async fn a_record_without_its_body_is_left_over(place: Place) {
    let store = place.open();
    let (bodies, path) = place.bodies().expect("bodies have a place");
    put(&store, head(URL), noise(1, LARGE)).await;
    put(&store, head("https://e.org/other"), "x").await;
    bodies.lose_large_body(path);
    let pieces = leftovers(&store).await;
    let found = pieces.iter().find(|piece| piece.problem == Problem::OrphanIndex);
    let piece = found.expect("the record that is left");
    assert_eq!(piece.key.as_ref(), Some(&head(URL).id.key));
    for piece in &pieces {
        let outcome = upkeep(&store).discard(piece).await.expect("no trouble");
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?} for {piece:?}");
    }
    assert_eq!(leftovers(&store).await, []);
    assert_eq!(all(&store, Query::default()).await.len(), 1, "the other entry stays");
}

pub async fn a_damaged_record_can_be_saved_and_discarded(place: Place) {
    let store = place.open();
    let (wounds, path) = place.wounds();
    put(&store, head("https://e.org/other"), "x").await;
    // In the version mark, in the head, in the inline body.
    for offset in [1, 400, 1500] {
        put(&store, head(URL), noise(1, 2000)).await;
        wounds.spoil_record(path, &head(URL).id, offset);
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        let error = found.into_iter().find_map(Result::err).expect("damage");
        let piece = Piece::of(&error).expect("the piece that is damaged").clone();
        assert_eq!(piece.key.as_ref(), Some(&head(URL).id.key), "{piece:?}");
        assert!(!piece.detail.is_empty());
        let part = match &piece.entry {
            Some((id, _)) => Part::Record(id.clone()),
            None => Part::Piece(piece.name.clone()),
        };
        let raw = upkeep(&store).raw(part).await.expect("it can be saved");
        assert!(!raw.collect_bytes().await.expect("its bytes").is_empty());
        let outcome = upkeep(&store).discard(&piece).await.expect("no trouble");
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?} for {piece:?}");
        assert_eq!(all(&store, Query::default()).await.len(), 1, "the other entry stays");
        let again = upkeep(&store).discard(&piece).await.expect("no trouble");
        assert_eq!(again, Outcome::Absent);
    }
}

pub async fn a_piece_that_was_made_whole_is_not_discarded(place: Place) {
    let store = place.open();
    let (wounds, path) = place.wounds();
    put(&store, head(URL), noise(1, 2000)).await;
    wounds.spoil_record(path, &head(URL).id, 1500);
    let found: Vec<_> = store.scan(Query::default()).collect().await;
    let error = found.into_iter().find_map(Result::err).expect("damage");
    let piece = Piece::of(&error).expect("the piece that is damaged").clone();
    put(&store, head(URL), "whole").await;
    let outcome = upkeep(&store).discard(&piece).await.expect("no trouble");
    // Where each entry has a record of its own, the old one may be there still, and go.
    let is_another = place.bodies().is_none() && store.capabilities().variants;
    assert!(is_another || !matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!(body(&store, &only(&store, &head(URL).id.key).await).await, "whole");
}

pub async fn verifying_finds_nothing_wrong_with_what_is_whole(place: Place) {
    let store = place.open();
    put(&store, head("https://e.org/small"), "x").await;
    put(&store, head(URL), noise(1, LARGE)).await;
    for found in all(&store, Query::default()).await {
        assert_eq!(check(&*store, &found).await.expect("no trouble"), None);
    }
}

pub async fn verifying_tells_what_is_wrong(place: Place) {
    let store = place.open();
    put(&store, head("https://e.org/small"), "x").await;
    put(&store, head(URL), noise(1, LARGE)).await;
    let (bodies, path) = place.bodies().expect("bodies have a place");
    let found = only(&store, &head(URL).id.key).await;
    bodies.flip_in_large_body(path);
    let piece = check(&*store, &found).await.expect("no trouble").expect("damage");
    assert_eq!(piece.problem, Problem::DigestMismatch, "{piece:?}");
    assert_eq!(piece.entry, Some((found.head.id.clone(), found.stamp)));
    let outcome = upkeep(&store).discard(&piece).await.expect("no trouble");
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!(all(&store, Query::default()).await.len(), 1, "the other entry stays");
    // One under a key that is not that of its request.
    let mut stray = head("https://e.org/stray");
    stray.id = head("https://e.org/elsewhere").id;
    let stray = put(&store, stray, "x").await;
    let piece = check(&*store, &stray).await.expect("no trouble").expect("damage");
    assert_eq!(piece.problem, Problem::KeyMismatch, "{piece:?}");
}

/// Each call, and each item of a stream, is there when it is first asked for.
pub async fn nothing_is_waited_for(place: Place) {
    fn ready<T>(future: impl Future<Output = T>) -> T {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }
    let store = place.open();
    for length in [10, LARGE] {
        let mut put = ready(store.put(head(URL))).expect("a put");
        ready(put.write(noise(1, length))).expect("written");
        let found = ready(put.commit()).expect("stored");
        let id = found.head.id.clone();
        ready(store.candidates(&id.key)).expect("an answer");
        ready(store.find_many(std::slice::from_ref(&id))).expect("an answer");
        let mut body = ready(store.body(&id, found.stamp, ByteRange::WHOLE)).expect("a body");
        while ready(body.chunk()).expect("a chunk").is_some() {}
        ready(store.record_use(&id, found.stamp, noon())).expect("noted");
        let mut scan = store.scan(Query::default());
        while ready(scan.next()).is_some() {}
        let mut leftovers = upkeep(&store).leftovers(noon());
        while ready(leftovers.next()).is_some() {}
        let outcome = ready(store.update(&id, found.head.clone(), found.stamp)).expect("updated");
        let stamp = outcome.done().expect("it was there");
        ready(store.remove(&id, Some(stamp))).expect("removed");
        let parcel = Parcel::new(head(URL), noise(2, 10), Over::Anything);
        ready(store.put_many(vec![parcel])).expect("stored");
        let left = ready(store.candidates(&id.key)).expect("an answer");
        ready(store.remove_many(&[(id, left[0].stamp)])).expect("removed");
    }
    ready(upkeep(&store).usage()).expect("usage");
    ready(store.identity()).expect("names");
    ready(store.sync()).expect("on the disk");
    ready(upkeep(&store).tidy(noon())).expect("tidied");
    ready(upkeep(&store).compact(Compact::Auto)).expect("compacted");
    ready(store.close()).expect("closed");
}
