//! Which places below the folder are taken, and by what.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

/// The places that were given out. Letter case does not count, because there are file
/// systems where it does not; of each place only a hash is held, so that a large export
/// costs a few bytes an entry. Where two hashes are the same, a name gets a suffix that it
/// would not need.
pub(super) struct Tree {
    root: PathBuf,
    taken: HashMap<u64, Taken>,
    /// Files that had to make room for a folder: where they were, where they are.
    moved: BTreeMap<String, String>,
}

#[derive(Clone, Copy)]
enum Taken {
    Folder,
    /// The number for the next one that wants this place.
    File(u32),
}

fn place(path: &str) -> u64 {
    xxh3_64(path.to_ascii_lowercase().as_bytes())
}

impl Tree {
    pub(super) fn new(root: &Path) -> Self {
        Tree { root: root.to_owned(), taken: HashMap::new(), moved: BTreeMap::new() }
    }

    /// Creates a file of these names, or like them; gives its path with slashes.
    pub(super) fn create(&mut self, names: &[String]) -> io::Result<(String, File)> {
        let (name, folders) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut folder = String::new();
        for name in folders {
            folder.push_str(name);
            if let Some(Taken::File(_)) = self.taken.insert(place(&folder), Taken::Folder) {
                self.step_aside(&folder)?;
            }
            folder.push('/');
        }
        fs::create_dir_all(self.root.join(&folder))?;
        let path = self.free(&format!("{folder}{name}"));
        let file =
            File::options().read(true).write(true).create_new(true).open(self.root.join(&path))?;
        Ok((path, file))
    }

    /// Where a file is, after all that has moved.
    pub(super) fn final_path<'a>(&'a self, path: &'a str) -> &'a str {
        let mut path = path;
        while let Some(next) = self.moved.get(path) {
            path = next;
        }
        path
    }

    /// A free place like this one; it is taken from now on.
    fn free(&mut self, path: &str) -> String {
        let mut candidate = path.to_owned();
        loop {
            let number = match self.taken.get_mut(&place(&candidate)) {
                None => {
                    self.taken.insert(place(&candidate), Taken::File(2));
                    return candidate;
                }
                Some(Taken::Folder) => {
                    candidate.push_str("~file");
                    continue;
                }
                Some(Taken::File(next)) => {
                    *next += 1;
                    *next - 1
                }
            };
            candidate = numbered(path, number);
        }
    }

    /// Moves the file at this place, which has to become a folder.
    fn step_aside(&mut self, path: &str) -> io::Result<()> {
        let names: Vec<&str> = path.split('/').collect();
        // Nothing is there if the entry was given up.
        let Some(old) = self.find("", &names)? else { return Ok(()) };
        let new = self.free(&format!("{old}~file"));
        fs::rename(self.root.join(&old), self.root.join(&new))?;
        self.moved.insert(old, new);
        Ok(())
    }

    /// The file of these names, in whatever letter case it was written.
    fn find(&self, folder: &str, names: &[&str]) -> io::Result<Option<String>> {
        let Some((name, rest)) = names.split_first() else { return Ok(None) };
        for entry in fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let found = entry.file_name().to_string_lossy().into_owned();
            if !found.eq_ignore_ascii_case(name) {
                continue;
            }
            let path = if folder.is_empty() { found } else { format!("{folder}/{found}") };
            if entry.file_type()?.is_dir() {
                if let Some(file) = self.find(&path, rest)? {
                    return Ok(Some(file));
                }
            } else if rest.is_empty() {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}

/// The path with `~vN` before its ending, so that programs still know the type.
fn numbered(path: &str, number: u32) -> String {
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let is_ending = |text: &str| {
        (1..=5).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    match path[name..].rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_ending(ending) => {
            format!("{}{stem}~v{number}.{ending}", &path[..name])
        }
        _ => format!("{path}~v{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(paths: &[&str]) -> (tempfile::TempDir, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let mut tree = Tree::new(root.path());
        let made: Vec<String> = paths
            .iter()
            .map(|path| {
                let names: Vec<String> = path.split('/').map(ToOwned::to_owned).collect();
                let (made, file) = tree.create(&names).unwrap();
                file.set_len(paths.len() as u64).unwrap();
                made
            })
            .collect();
        let made: Vec<String> = made.iter().map(|path| tree.final_path(path).to_owned()).collect();
        for path in &made {
            assert!(root.path().join(path).is_file(), "{path}");
        }
        (root, made)
    }

    #[test]
    fn no_two_files_get_one_place() {
        let (_root, made) = all(&["h/a.js", "h/a.js", "h/A.JS", "h/a.js", "h/b", "h/b", "h/b~v2"]);
        let wanted =
            ["h/a.js", "h/a~v2.js", "h/A~v3.JS", "h/a~v4.js", "h/b", "h/b~v2", "h/b~v2~v2"];
        assert_eq!(made, wanted);
    }

    #[test]
    fn a_file_makes_room_for_a_folder_whichever_comes_first() {
        assert_eq!(all(&["h/a", "h/a/b"]).1, ["h/a~file", "h/a/b"]);
        assert_eq!(all(&["h/a/b", "h/a"]).1, ["h/a/b", "h/a~file"]);
        assert_eq!(all(&["h/A", "h/a/b", "h/A/B/c"]).1, ["h/A~file", "h/a/b~file", "h/A/B/c"]);
        assert_eq!(all(&["h/a", "h/a~file", "h/a/b"]).1, ["h/a~file~v2", "h/a~file", "h/a/b"]);
    }
}
