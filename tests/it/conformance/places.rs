//! Places that hold something else, or something from the future: refused by name, and
//! left as they are.

use std::fs;
use std::path::Path;

use cachectl::{Access, Address, Error, FileStorage, SqliteStorage, open_with};
use rusqlite::Connection;

fn address(text: String) -> Address {
    text.parse().expect("an address")
}

fn refused(address: &Address, access: Access) -> Error {
    open_with(address, access).expect_err("refused")
}

/// Every file below a folder with its content.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut queue = vec![folder.to_owned()];
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                queue.push(path);
            } else {
                let bytes = fs::read(&path).expect("a file");
                all.push((path.display().to_string(), bytes));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_folder_with_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("thesis.tex"), "x").expect("written");
    let before = content(folder.path());
    for access in [Access::Create, Access::Existing] {
        let error = refused(&address(format!("file:{}", folder.path().display())), access);
        assert_eq!(error.code(), "not_a_store");
        assert!(error.causes().contains("thesis.tex"), "{error:?}");
    }
    assert_eq!(content(folder.path()), before);
}

#[test]
fn a_hishel_folder_is_no_native_store() {
    for (name, record) in [
        ("bd152069787aaad359c85af6f2edbb25", &b"{\n    \"response\": {"[..]),
        ("bd152069787aaad359c85af6f2edbb25", b"response:\n  status: 200"),
        ("bd152069787aaad359c85af6f2edbb25", b"\x80\x04\x95"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(".gitignore"), "*").expect("written");
        fs::write(folder.path().join(name), record).expect("written");
        let before = content(folder.path());
        let place = format!("file:{}?layout=native", folder.path().display());
        let error = refused(&address(place), Access::Create);
        assert!(error.message().contains("hishel 0.x"), "{error:?}");
        assert_eq!(content(folder.path()), before);
    }
}

#[test]
fn hishel_databases_are_no_native_stores() {
    for (schema, name) in [
        ("CREATE TABLE cache(key TEXT, data BLOB, date_created REAL)", "hishel 0.x"),
        (
            "CREATE TABLE entries(id BLOB PRIMARY KEY, cache_key BLOB, data BLOB NOT NULL, created_at REAL NOT NULL, deleted_at REAL);
             CREATE TABLE streams(entry_id BLOB, chunk_number INTEGER, chunk_data BLOB)",
            "hishel 1.x",
        ),
        (
            "CREATE TABLE entries(id BLOB PRIMARY KEY, cache_key BLOB, data BLOB, expires_at REAL, last_accessed_at REAL, chunk_count INTEGER, ttl_deadline REAL, tti REAL);
             CREATE TABLE streams(entry_id BLOB, chunk_number INTEGER, chunk_data BLOB)",
            "hishel 2.x",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hishel.db");
        Connection::open(&path).and_then(|c| c.execute_batch(schema)).expect("a database");
        let before = content(folder.path());
        let place = format!("sqlite:{}?layout=native", path.display());
        let error = refused(&address(place), Access::Create);
        assert!(error.message().contains(name), "{name}: {error:?}");
        assert_eq!(content(folder.path()), before, "{name}");
    }
}

#[test]
fn another_table_of_the_same_name_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.db");
    let schema = "CREATE TABLE cache(id INTEGER, value TEXT)";
    Connection::open(&path).and_then(|c| c.execute_batch(schema)).expect("a database");
    let place = format!("sqlite:{}", path.display());
    let error = refused(&address(place.clone()), Access::Create);
    assert_eq!(error.code(), "not_a_store");
    assert!(error.hint().is_some_and(|hint| hint.contains("?table=")));
    open_with(&address(format!("{place}?table=http")), Access::Create)
        .expect("beside it there is room");
}

#[test]
fn a_store_beside_an_applications_tables_keeps_its_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.db");
    let app = Connection::open(&path).expect("a database");
    app.execute_batch("CREATE TABLE users(name TEXT)").expect("a table");
    let _store: SqliteStorage = SqliteStorage::builder().path(&path).build().expect("a store");
    let mode: String = app.query_row("PRAGMA journal_mode", [], |r| r.get(0)).expect("a mode");
    assert_eq!(mode, "delete", "the application's choice");
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    fs::write(&path, "no database at all, but a longer text than a header is").expect("written");
    let error = refused(&address(format!("sqlite:{}", path.display())), Access::Create);
    assert_eq!(error.code(), "not_a_store");
    assert!(fs::read(&path).expect("still there").starts_with(b"no database"));
}

#[test]
fn a_layout_from_the_future_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("files");
    let _store: FileStorage = FileStorage::builder().base_path(&files).build().expect("a store");
    fs::write(files.join("cachectl.json"), "{\"layout\":2}").expect("written");
    let database = folder.path().join("c.db");
    let _store: SqliteStorage = SqliteStorage::builder().path(&database).build().expect("a store");
    Connection::open(&database)
        .and_then(|c| c.execute_batch("UPDATE cache_meta SET value = 2 WHERE name = 'layout'"))
        .expect("changed");
    for place in [format!("file:{}", files.display()), format!("sqlite:{}", database.display())] {
        let error = refused(&address(place), Access::Create);
        assert_eq!(error.code(), "version_too_new", "{error:?}");
    }
}

#[test]
fn a_store_that_is_not_there_is_made_only_where_that_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    for (scheme, name) in [("file", "files"), ("sqlite", "c.db"), ("sqlite", "below/c.db")] {
        let path = folder.path().join(name);
        let place = address(format!("{scheme}:{}", path.display()));
        assert_eq!(refused(&place, Access::Existing).code(), "store_missing");
        assert!(!path.exists(), "{name} was not made");
        let read_only = place.clone().with_param("readonly", "true");
        assert_eq!(refused(&read_only, Access::Create).code(), "store_missing");
        open_with(&place, Access::Create).expect("made");
        assert!(path.exists());
        open_with(&place, Access::Existing).expect("there");
    }
}

#[cfg(unix)]
#[test]
fn what_is_made_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let files = folder.path().join("files");
    let _store: FileStorage = FileStorage::builder().base_path(&files).build().expect("a store");
    assert_eq!(mode(&files), 0o700);
    assert_eq!(fs::read_to_string(files.join(".gitignore")).expect("there"), "*\n");
    assert!(files.join("CACHEDIR.TAG").exists());
    let database = folder.path().join("c.db");
    let _store: SqliteStorage = SqliteStorage::builder().path(&database).build().expect("a store");
    assert_eq!(mode(&database), 0o600);
}

#[test]
fn parameters_that_do_not_exist_are_refused_with_the_nearest() {
    for (text, said) in [
        ("file:x?tll=5", "did you mean ttl?"),
        ("sqlite:x?tabel=y", "did you mean table?"),
        ("memory:?capacty=3", "did you mean capacity?"),
        ("file:x?readonly=yes", "readonly"),
        ("file:x?serializer=xml", "known are json, yaml, bincode"),
        ("file:x?serializer=jsn", "did you mean json?"),
        ("memory:x", "memory:"),
        ("memory:?capacity=0", "capacity"),
        ("fiel:x", "did you mean file?"),
    ] {
        let error = refused(&address(text.to_owned()), Access::Existing);
        assert_eq!(error.kind(), cachectl::ErrorKind::Usage, "{text}: {error:?}");
        let told = format!("{error:#} {}", error.hint().unwrap_or_default());
        assert!(told.contains(said), "{text}: {told}");
    }
}

#[test]
fn a_read_only_store_refuses_every_change() {
    use cachectl::{ErrorKind, Request, Response, Storage};
    let folder = tempfile::tempdir().expect("a folder");
    let place = format!("file:{}", folder.path().join("files").display());
    let (request, response) =
        (Request::get("https://e.org/").expect("a URL"), Response::new(200).with_body("x"));
    let store = cachectl::open_blocking(&place).expect("a store");
    store.store("k", &response, &request, None).expect("stored");
    let before = content(folder.path());
    let store = cachectl::open_blocking(&format!("{place}?readonly=true")).expect("a store");
    assert!(store.capabilities().read_only);
    assert_eq!(store.retrieve("k").expect("no error").expect("there").0.body, "x");
    for refused in
        [store.store("k", &response, &request, None), Storage::remove(&*store, "k".into())]
    {
        assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Refused);
    }
    assert_eq!(content(folder.path()), before, "not even the count of uses");
}
