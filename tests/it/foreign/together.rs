//! Three generations of hishel keep their caches in one folder, `.cache/hishel`, by default, and
//! people keep other things there too. A store is what its layout owns, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::testkit::program::{Desk, copy_tree};

const FOLDER: &str = ".cache/hishel";

/// Each store: its address, and the file that it is, if it is one.
const STORES: [(&str, Option<&str>); 3] = [
    ("file:.cache/hishel", None),
    ("sqlite:.cache/hishel/hishel_cache.db", Some("hishel_cache.db")),
    ("sqlite:.cache/hishel/hishel_cache_v2.db", Some("hishel_cache_v2.db")),
];

/// What else may lie there.
const STRAY: [(&str, &[u8]); 16] = [
    ("notes.txt", b"notes"),
    ("settings.json", b"{\"response\": 1}"),
    ("conf.yaml", b"response: none\n"),
    ("data.pickle", b"\x80\x04N."),
    ("README", b"{"),
    ("empty", b""),
    ("hishel_cache.db-journal", b""),
    ("other.db", b"SQLite format 3\0 and so on"),
    ("other.db-wal", b"\x37\x7f\x06\x82"),
    ("00000000000000000000000000000000.bak", b"{\"response\": {"),
    ("0123456789ABCDEF0123456789ABCDEF", b"{\"response\": {"),
    ("0123456789abcdef0123456789abcde", b"{\"response\": {"),
    ("0123456789abcdef0123456789abcdef", b"what is no value at all"),
    ("core", b"\x7fELF"),
    ("a\nb", b"{\"response\": {"),
    ("-rf", b"x"),
];

struct Scene {
    desk: Desk,
    /// The files of generation 0.
    values: Vec<PathBuf>,
}

impl Scene {
    fn new() -> Self {
        let desk = Desk::new();
        let folder = desk.file(FOLDER);
        fs::create_dir_all(&folder).expect("made");
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for sample in [
            "hishel-0.1.5/file-json/cache",
            "hishel-1.4.0/sqlite-msgpack",
            "hishel-2.0.0/sqlite-msgpack-rfc",
        ] {
            copy_tree(&samples.join(sample), &folder);
        }
        let _ = fs::remove_file(folder.join("manifest.json"));
        let is_value = |path: &PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            name.len() == 32 && name.bytes().all(|c| c.is_ascii_hexdigit())
        };
        let values = fs::read_dir(&folder).expect("a folder").flatten().map(|e| e.path());
        let values: Vec<PathBuf> = values.filter(is_value).collect();
        assert!(values.len() > 3, "{values:?}");
        for (name, content) in STRAY {
            fs::write(folder.join(name), content).expect("written");
        }
        fs::create_dir_all(folder.join("below")).expect("made");
        fs::write(folder.join("below/x"), "x").expect("written");
        Scene { desk, values }
    }

    /// Everything in the folder but what a store owns.
    fn others(&self, own: Option<&str>) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.desk.file(FOLDER)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_own = match own {
                    None => self.values.contains(&path),
                    Some(own) => {
                        name == own || name == format!("{own}-wal") || name == format!("{own}-shm")
                    }
                };
                if !is_own {
                    all.insert(path.clone(), fs::read(path).expect("read"));
                }
            }
        }
        all
    }
}

#[test]
fn each_store_sees_and_touches_its_own() {
    for (store, own) in STORES {
        let scene = Scene::new();
        let desk = &scene.desk;
        let others = scene.others(own);
        let listed = desk.ok(&["list", "--backend", store]);
        let count = listed.lines().count();
        assert!(count > 0, "{store}");
        if own.is_none() {
            assert_eq!(count, scene.values.len(), "{store}: {listed}");
        }
        for args in [
            &["list", "--json", "--backend", store][..],
            &["verify", "--backend", store],
            &["stats", "--backend", store],
            &["migrate", store, "file:copy", "--include-expired"],
            &["export", "--as", "archive", "-o", "x.ndjson", "--backend", store],
            &["gc", "--corrupt", "--yes", "--backend", store],
            &["verify", "--repair", "--yes", "--quarantine", "q", "--backend", store],
        ] {
            let ran = desk.run(args);
            assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.text(), ran.stderr);
            assert!(!ran.stderr.contains("warning"), "{args:?}: {}", ran.stderr);
            assert_eq!(scene.others(own), others, "{args:?}");
            let left = desk.ok(&["list", "--backend", store]);
            assert_eq!(left.lines().count(), count, "{args:?}");
        }
        assert!(!desk.file("q").exists(), "{store}: nothing was put aside");
        let stats: serde_json::Value =
            serde_json::from_str(&desk.ok(&["stats", "--json", "--backend", store])).expect("JSON");
        assert_eq!(stats["entries"], count, "{stats}");
        desk.ok(&["purge", "--all", "--yes", "--backend", store]);
        assert_eq!(scene.others(own), others, "{store}: purged");
        let ran = desk.run(&["list", "--backend", store]);
        assert_eq!(ran.text(), "", "{store}: {}", ran.stderr);
    }
}
