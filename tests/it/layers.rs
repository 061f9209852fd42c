//! Who may import whom. The rules stand in `lib.rs` and `ARCHITECTURE.md`; this reads the
//! `use crate::` lines and keeps them true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Left may use right, and itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("model", &["error"]),
    ("policy", &["model"]),
    ("filter", &["error", "model", "policy"]),
    ("serializer", &["error", "model"]),
    ("decode", &["model"]),
    ("interchange", &["error", "model", "decode"]),
    ("storage", &["error", "filter", "model", "policy"]),
    ("backend", &["error", "filter", "model", "policy", "serializer", "storage"]),
    ("transfer", &["error", "filter", "interchange", "model", "policy", "serializer", "storage"]),
    ("client", &["error", "model", "policy", "storage"]),
    ("foreign", &["error", "filter", "model", "policy", "backend", "storage"]),
    ("open", &["error", "model", "backend", "foreign", "serializer", "storage"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules of the crate that a file names: `crate::x`, in `use` lines and elsewhere.
fn named(text: &str) -> BTreeSet<String> {
    text.match_indices("crate::")
        .filter(|(at, _)| !text[..*at].ends_with('$'))
        .map(|(at, found)| &text[at + found.len()..])
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for file in sources(&src) {
        let inside = file.strip_prefix(&src).expect("below src").to_owned();
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        if module == "lib" || module == "bin" {
            continue;
        }
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} is not in the table of layers"));
        let text = fs::read_to_string(&file).expect("text");
        for name in named(&text) {
            let is_module = ALLOWED.iter().any(|(known, _)| *known == name);
            let fine = name == module || allowed.contains(&name.as_str());
            assert!(!is_module || fine, "{} must not use crate::{name}", inside.display());
        }
        checked += 1;
    }
    assert!(checked > 30, "the sources were found");
}

#[test]
fn one_backend_does_not_know_another() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend");
    let kinds = ["memory", "file", "sqlite", "redis", "s3"];
    for file in sources(&folder) {
        let inside = file.strip_prefix(&folder).expect("below").to_owned();
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
        let own = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&file).expect("text");
        for kind in kinds.iter().filter(|kind| **kind != own) {
            for path in [format!("super::{kind}::"), format!("crate::backend::{kind}::")] {
                assert!(!text.contains(&path), "{} knows {kind}", inside.display());
            }
        }
    }
}

#[test]
fn the_program_uses_only_what_is_public() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/cachectl");
    for file in sources(&folder) {
        let text = fs::read_to_string(&file).expect("text");
        assert!(!text.contains("#[path"), "{} reaches around the border", file.display());
    }
}

/// Commands ask for facts: a kind of store or a layout is named in its own row, and in what is
/// written for people.
#[test]
fn no_command_names_a_backend_or_a_layout() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let names = ["memory", "file", "sqlite", "redis", "s3", "native"];
    for file in sources(&folder) {
        let text = fs::read_to_string(&file).expect("text");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let is_named = |name: &&&str| line.contains(&format!("\"{name}\""));
            let named = names.iter().find(is_named);
            assert!(named.is_none(), "{} names {named:?}: {line}", file.display());
            assert!(!line.contains("hishel"), "{}: {line}", file.display());
        }
    }
}

#[test]
fn our_own_layout_is_named_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let all = sources(&folder).into_iter().map(|file| fs::read_to_string(file).expect("text"));
    assert_eq!(all.map(|text| text.matches("\"native\"").count()).sum::<usize>(), 1);
}
