//! From one client's cache to another's, and back.

use crate::testkit::program::Desk;

/// Samples with the store that they are, and one of the same kind and layout to come back to.
const SAMPLES: &[(&str, &str, &str)] = &[
    ("hishel-0.1.5/file-json/cache", "file:src", "file:back?layout=hishel-0"),
    ("hishel-0.1.5/file-pickle/cache", "file:src", "file:back?layout=hishel-0&serializer=pickle"),
    ("hishel-0.1.5/sqlite-yaml/cache.sqlite", "sqlite:src", "sqlite:back?layout=hishel-0"),
    ("hishel-1.4.0/sqlite-msgpack/hishel_cache.db", "sqlite:src", "sqlite:back?layout=hishel-1"),
    (
        "hishel-2.0.0/sqlite-msgpack-rfc/hishel_cache_v2.db",
        "sqlite:src",
        "sqlite:back?layout=hishel-2&rfc=true",
    ),
    (
        "hishel-2.0.0/sqlite-msgpack-norfc/hishel_cache_v2.db",
        "sqlite:src",
        "sqlite:back?layout=hishel-2&rfc=false",
    ),
];

/// Where they go.
const TARGETS: &[&str] = &[
    "file:n",
    "sqlite:n.db",
    "file:h0?layout=hishel-0",
    "sqlite:h0.db?layout=hishel-0&serializer=pickle",
    "sqlite:h1.db?layout=hishel-1",
    "sqlite:h2.db?layout=hishel-2&rfc=true",
];

/// A desk with a copy of a sample at `src`.
fn desk_with(sample: &str) -> Desk {
    let desk = Desk::new();
    desk.put_sample(sample, "src");
    desk
}

/// Entries that a migration has copied, met already under their key, and not got over, as its report says.
fn migrate(desk: &Desk, from: &str, to: &str) -> [u64; 3] {
    let ran = desk.run(&["migrate", "-q", "--json", "--include-expired", from, to]);
    let report: serde_json::Value = serde_json::from_str(&ran.text()).expect("a report");
    let of = |action: &str| report["actions"][action]["entries"].as_u64().unwrap_or_default();
    let failed = report["failed"]["entries"].as_u64().expect("a number");
    assert_eq!(ran.code, if failed > 0 { 5 } else { 0 }, "{}", ran.stderr);
    [of("copy"), of("keep") + of("unchanged") + of("overwrite"), failed]
}

fn count(desk: &Desk, store: &str) -> u64 {
    let list = desk.ok(&["list", "--json", "--backend", store]);
    serde_json::from_str::<Vec<serde_json::Value>>(&list).expect("a list").len() as u64
}

#[test]
fn every_entry_arrives_or_is_told_of() {
    for (sample, source, _) in SAMPLES {
        for target in TARGETS {
            let desk = desk_with(sample);
            let whole = count(&desk, source);
            let [copied, met, failed] = migrate(&desk, source, target);
            assert_eq!(copied + met + failed, whole, "{sample} to {target}");
            assert_eq!(count(&desk, target), copied, "{sample} to {target}");
            // A key of a program's own choice cannot be any file's name.
            let cannot = sample.starts_with("hishel-2") && target.starts_with("file:h0");
            assert_eq!(failed, u64::from(cannot), "{sample} to {target}");
            // Once more, and nothing is left to do.
            let [copied, _, again] = migrate(&desk, source, target);
            assert_eq!([copied, again], [0, failed], "{sample} to {target}, again");
        }
    }
}

#[test]
fn a_native_store_gives_back_what_it_was_given() {
    for (sample, source, back) in SAMPLES {
        // In one of them two entries answer the same request, and only one of them can.
        if sample.starts_with("hishel-1.4.0") {
            continue;
        }
        for native in ["file:n", "sqlite:n.db?serializer=bincode"] {
            let desk = desk_with(sample);
            let whole = count(&desk, source);
            assert_eq!(migrate(&desk, source, native), [whole, 0, 0], "{sample}");
            assert_eq!(migrate(&desk, native, back), [whole, 0, 0], "{sample}");
            desk.ok(&["diff", "--content", source, back]);
            let keys = |store: &str| desk.ok(&["list", "--keys", "--backend", store]);
            let sorted = |text: String| {
                let mut keys: Vec<_> = text.lines().map(str::to_owned).collect();
                keys.sort();
                keys
            };
            assert_eq!(sorted(keys(source)), sorted(keys(back)), "{sample}");
        }
    }
}

/// What each URL of a store is answered with, for everybody and with credentials.
fn answers(desk: &Desk, urls: &[String], store: &str) -> Vec<(i32, Vec<u8>)> {
    let asked = urls.iter().flat_map(|url| [(url, None), (url, Some("Authorization: Bearer a"))]);
    asked
        .map(|(url, field)| {
            let mut args = vec!["get", "-q", "--offline", "--backend", store, url.as_str()];
            args.extend(field.iter().flat_map(|field| ["-H", field]));
            let ran = desk.run(&args);
            (ran.code, ran.stdout)
        })
        .collect()
}

/// Exports a sample in each format, and asks what its source was asked wherever it is imported.
fn is_answered_from_exports_of(sample: usize) {
    let (sample, source, _) = SAMPLES[sample];
    let desk = desk_with(sample);
    let list = desk.ok(&["list", "--json", "--backend", source]);
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).expect("a list");
    let mut urls: Vec<String> =
        list.iter().map(|e| e["url"].as_str().expect("a URL").to_owned()).collect();
    urls.sort();
    urls.dedup();
    let before = answers(&desk, &urls, source);
    let exports = [
        ("archive", "a.ndjson", TARGETS),
        ("dir", "d", &TARGETS[..1]),
        ("har", "h", &TARGETS[..1]),
    ];
    for (format, file, targets) in exports {
        desk.ok(&["export", "-q", "--as", format, "-o", file, "--backend", source]);
        for target in targets {
            let to = target.replacen(':', &format!(":{format}-"), 1);
            let import = ["import", "-q", file, "--as", format];
            let ran = desk.run(&[&import[..], &["--backend", &to]].concat());
            let after = answers(&desk, &urls, &to);
            for ((url, a), b) in urls.iter().flat_map(|u| [u, u]).zip(&before).zip(&after) {
                // A recording holds bodies without their codings, which more requests take.
                let is_more = format == "har" && a.0 == 4 && b.0 == 0;
                let told = format!("{sample} as {format} into {to}: {url}\n{}", ran.stderr);
                assert!(is_more || a == b, "{told}{} {}", a.0, b.0);
            }
        }
    }
}

#[test]
fn exports_of_files_in_json_answer_wherever_they_are_imported() {
    is_answered_from_exports_of(0);
}

#[test]
fn exports_of_files_in_pickle_answer_wherever_they_are_imported() {
    is_answered_from_exports_of(1);
}

#[test]
fn exports_of_generation_0_in_sqlite_answer_wherever_they_are_imported() {
    is_answered_from_exports_of(2);
}

#[test]
fn exports_of_generation_1_answer_wherever_they_are_imported() {
    is_answered_from_exports_of(3);
}

#[test]
fn exports_of_generation_2_answer_wherever_they_are_imported() {
    is_answered_from_exports_of(4);
}

#[test]
fn exports_of_generation_2_in_plain_mode_answer_wherever_they_are_imported() {
    is_answered_from_exports_of(5);
}

/// Generation 0 has no place for the end that another layout gives an entry.
#[test]
fn what_has_expired_stays_out_where_no_end_is_kept() {
    let (sample, source, _) = SAMPLES[3];
    let desk = desk_with(sample);
    desk.ok(&["export", "-q", "-o", "a.ndjson", "--backend", source]);
    desk.ok(&["migrate", "-q", source, "file:migrated?layout=hishel-0"]);
    desk.ok(&["import", "-q", "a.ndjson", "--backend", "file:imported?layout=hishel-0"]);
    let expired = desk.ok(&["list", "--where", "state = expired", "--backend", source]);
    assert!(expired.contains("state=ttl"), "{expired}");
    for store in ["file:migrated", "file:imported"] {
        let list = desk.ok(&["list", "--backend", store]);
        assert!(!list.contains("state=ttl") && list.contains("items.json"), "{store}: {list}");
    }
}
