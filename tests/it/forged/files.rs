//! Folders: what stands in a record, and what stands in the place of one.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{GOOD, Rest, Scene, VICTIM, fifo, forge, items, key, link, shelf, signed, sparse};
use crate::testkit::alone;

/// A native store, of which the victim's parts are known.
struct Native<'a> {
    scene: &'a Scene,
    base: PathBuf,
}

impl Native<'_> {
    fn part(&self, part: &str) -> PathBuf {
        let key = key(VICTIM);
        self.base.join(part).join(&key[..2])
    }

    fn record(&self) -> PathBuf {
        self.part("entries").join(key(VICTIM))
    }

    fn body(&self) -> PathBuf {
        let mut bodies = fs::read_dir(self.part("bodies")).expect("a folder").flatten();
        let is_victims = |path: &PathBuf| {
            path.file_name().expect("a name").as_bytes().starts_with(key(VICTIM).as_bytes())
        };
        bodies.find_map(|entry| Some(entry.path()).filter(is_victims)).expect("a body")
    }

    fn forge(&self, change: impl FnOnce(&mut Value)) {
        let record = fs::read(self.record()).expect("a record");
        fs::write(self.record(), forge(&record, change)).expect("written");
    }

    /// The victim's body lies elsewhere, as its record says.
    fn body_at(&self, name: &str, of: Option<&Path>) {
        let length = of.map_or(40_000, |of| fs::metadata(of).expect("there").len());
        self.forge(|entries| {
            let body = &mut entries[0]["body"];
            *body = json!({ "bytes": length, "in": name });
        });
    }
}

type Case = (&'static str, Rest, fn(&Native<'_>));

const BODIES: &[Case] = &[
    ("a body by an absolute path", Rest::Usable, |s| {
        let precious = s.scene.precious();
        s.body_at(precious.to_str().expect("text"), Some(&precious));
    }),
    ("a body by a path upwards", Rest::Usable, |s| {
        s.body_at("../../../outside/precious.txt", Some(&s.scene.precious()));
    }),
    ("a body that is another record's", Rest::Usable, |s| {
        let good = key(GOOD[1]);
        let folder = s.base.join("bodies").join(&good[..2]);
        let bodies = fs::read_dir(folder).expect("a folder").flatten();
        let name = bodies.map(|e| e.file_name().into_string().expect("a name"));
        let name = name.into_iter().find(|n| n.starts_with(&good)).expect("a body");
        s.body_at(&format!("../{}/{name}", &good[..2]), None);
    }),
    ("a body of another record's name", Rest::Usable, |s| {
        s.body_at(&format!("{}.0123456789abcdef", key(GOOD[1])), None);
    }),
    ("a body without a name", Rest::Usable, |s| s.body_at("", None)),
    ("a body named by a dot", Rest::Usable, |s| s.body_at(".", None)),
    ("a body named by two dots", Rest::Usable, |s| s.body_at("..", None)),
    ("a body with a NUL in its name", Rest::Usable, |s| s.body_at("a\0b", None)),
    ("a body with a line end in its name", Rest::Usable, |s| s.body_at("a\nb", None)),
    ("a body named by the record itself", Rest::Usable, |s| {
        s.body_at(&format!("../../entries/{}/{}", &key(VICTIM)[..2], key(VICTIM)), None);
    }),
    ("a body of an impossible length", Rest::Usable, |s| {
        s.forge(|entries| entries[0]["body"]["bytes"] = json!(u64::MAX));
    }),
    ("a body in the record at an impossible offset", Rest::Usable, |s| {
        s.forge(|entries| entries[0]["body"] = json!({ "bytes": 10, "at": u64::MAX - 3 }));
    }),
    ("two entries with one body", Rest::Usable, |s| {
        s.forge(|entries| {
            let mut second = entries[0].clone();
            second["variant"] = json!("0123456789abcdef0123456789abcdef");
            entries.as_array_mut().expect("a list").push(second);
        });
    }),
    ("an entry of another key", Rest::Usable, |s| {
        s.forge(|entries| entries[0]["key"] = json!(key(GOOD[0])));
    }),
];

const RECORDS: &[Case] = &[
    ("a million entries in a record", Rest::Usable, |s| {
        let content = format!("\"entries\":[{}0]}}", "{},".repeat(1_000_000));
        fs::write(s.record(), signed(&content, b"")).expect("written");
    }),
    ("a million values in a head", Rest::Usable, |s| {
        let many = format!("[{}0]", "0,".repeat(1_500_000));
        let mut content = String::new();
        s.forge(|entries| {
            entries[0]["request"]["other"] = json!({ "a": "MANY" });
            content = format!("\"entries\":{}}}", entries.to_string().replace("\"MANY\"", &many));
        });
        fs::write(s.record(), signed(&content, b"")).expect("written");
    }),
    ("a value without a bottom", Rest::Usable, |s| {
        let content =
            format!("\"entries\":[{{\"request\":{{\"other\":{{\"a\":{}", "[".repeat(500_000));
        fs::write(s.record(), signed(&content, b"")).expect("written");
    }),
    ("a record without an end", Rest::Usable, |s| {
        sparse(&s.record(), b"{\"cachectl\":1,\"xxh3\":\"", 100 << 20);
    }),
    ("a record of zeros", Rest::Usable, |s| sparse(&s.record(), b"", 100 << 20)),
    ("a YAML record that laughs", Rest::Usable, |s| {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let nine = [format!("*a{}", n - 1).as_str(); 9].join(", ");
            laughs += &format!("a{n}: &a{n} [{nine}]\n");
        }
        laughs += "entries: [{request: {other: {a: *a11}}}]\n";
        let sum = xxhash_rust::xxh3::xxh3_64(laughs.as_bytes());
        let record = format!("--- # cachectl 1 xxh3 {sum:016x}\n{laughs}...\n");
        fs::write(s.record(), record).expect("written");
    }),
    ("a YAML record of many parts", Rest::Usable, |s| {
        let content = format!("entries: [{}]\n", "{},".repeat(200_000));
        let sum = xxhash_rust::xxh3::xxh3_64(content.as_bytes());
        let record = format!("--- # cachectl 1 xxh3 {sum:016x}\n{content}...\n");
        fs::write(s.record(), record).expect("written");
    }),
    ("a bincode record of many parts", Rest::Usable, |s| {
        // A list of four million empty lists.
        let mut content = vec![0xfc];
        content.extend_from_slice(&4_000_000u32.to_le_bytes());
        content.resize(4_000_005, 0);
        let sum = xxhash_rust::xxh3::xxh3_64(&content);
        let mut record = vec![0xca, 1];
        record.extend_from_slice(&(content.len() as u32).to_le_bytes());
        record.extend_from_slice(&sum.to_le_bytes());
        record.extend_from_slice(&content);
        fs::write(s.record(), record).expect("written");
    }),
];

const INSTEAD: &[Case] = &[
    ("a pipe for a record", Rest::Usable, |s| fifo(&s.record())),
    ("a folder for a record", Rest::Usable, |s| {
        fs::remove_file(s.record()).expect("removed");
        fs::create_dir(s.record()).expect("made");
        fs::write(s.record().join("inside"), "x").expect("written");
    }),
    ("a link for a record", Rest::Usable, |s| link(&s.record(), &s.scene.precious())),
    ("a link to a device for a record", Rest::Usable, |s| {
        link(&s.record(), Path::new("/dev/zero"));
    }),
    ("a link to nothing for a record", Rest::Usable, |s| link(&s.record(), Path::new("/nowhere"))),
    ("a link to a record for a record", Rest::Usable, |s| {
        let good = key(GOOD[0]);
        link(&s.record(), &s.base.join("entries").join(&good[..2]).join(&good));
    }),
    ("a socket for a record", Rest::Usable, |s| {
        fs::remove_file(s.record()).expect("removed");
        // By a short name: sockets have no long ones.
        let here = s.base.parent().expect("a folder").join("sock");
        let socket = std::os::unix::net::UnixListener::bind(&here).expect("a socket");
        fs::rename(here, s.record()).expect("moved");
        drop(socket);
    }),
    ("a pipe for a body", Rest::Usable, |s| fifo(&s.body())),
    ("a link for a body", Rest::Usable, |s| link(&s.body(), &s.scene.precious())),
    ("a link to a device for a body", Rest::Usable, |s| link(&s.body(), Path::new("/dev/zero"))),
    ("a folder for a body", Rest::Usable, |s| {
        let body = s.body();
        fs::remove_file(&body).expect("removed");
        fs::create_dir(&body).expect("made");
    }),
];

const AROUND: &[Case] = &[
    ("a link for a folder of bodies", Rest::Usable, |s| {
        link(&s.part("bodies"), &s.scene.desk.file("outside/folder"));
    }),
    ("a pipe for a lock", Rest::Usable, |s| fifo(&s.part("locks"))),
    ("a link for a lock", Rest::Usable, |s| link(&s.part("locks"), &s.scene.precious())),
    ("a link for an unfinished file", Rest::Usable, |s| {
        link(&s.part("entries").join(".0123456789ab.tmp"), &s.scene.precious());
    }),
    ("a pipe for an unfinished file", Rest::Usable, |s| {
        fifo(&s.part("entries").join(".0123456789ab.tmp"));
    }),
    ("strange names among the records", Rest::Usable, |s| {
        for name in [&b"notes.txt"[..], b"a\nb", b"\xff\xfe", b"-rf", b"con"] {
            let name = std::ffi::OsStr::from_bytes(name);
            fs::write(s.part("entries").join(name), "not a record").expect("written");
            fs::write(s.part("bodies").join(name), "not a body").expect("written");
        }
    }),
    ("a link for what the sweep has noted", Rest::Usable, |s| {
        for name in ["sweep", "swept", "sweep.json", "state"] {
            link(&s.base.join(name), &s.scene.precious());
        }
    }),
    ("a pipe for the marker", Rest::Lost, |s| fifo(&s.base.join("cachectl.json"))),
    ("a link for the marker", Rest::Lost, |s| {
        link(&s.base.join("cachectl.json"), &s.scene.precious());
    }),
    ("a folder for the marker", Rest::Lost, |s| {
        fs::remove_file(s.base.join("cachectl.json")).expect("removed");
        fs::create_dir(s.base.join("cachectl.json")).expect("made");
    }),
    ("a marker without an end", Rest::Lost, |s| {
        sparse(&s.base.join("cachectl.json"), b"{\"cachectl\":", 1 << 40);
    }),
    ("a link for all records", Rest::Lost, |s| {
        link(&s.base.join("entries"), &s.scene.desk.file("outside/folder"));
    }),
    ("a link for all locks", Rest::Usable, |s| {
        link(&s.base.join("locks"), &s.scene.desk.file("outside/folder"));
    }),
];

fn try_cases(cases: &[Case]) {
    if !alone::is_child() {
        return alone::run_here();
    }
    for (what, rest, forge) in cases {
        let scene = Scene::new();
        shelf::fill(&scene.desk, "file:s", &items());
        forge(&Native { scene: &scene, base: scene.desk.file("s") });
        scene.try_all("file:s", *rest, what);
    }
}

#[test]
fn records_that_name_what_is_not_theirs() {
    try_cases(BODIES);
}

#[test]
fn records_without_measure() {
    try_cases(RECORDS);
}

#[test]
fn what_is_no_record() {
    try_cases(INSTEAD);
}

#[test]
fn what_lies_around_the_records() {
    try_cases(AROUND);
}
