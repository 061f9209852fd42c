//! Moves that are cut off at any moment. Whatever is done then, the same command in the end
//! leaves what one run would have left.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cachectl::block_on;

use crate::testkit::program::Desk;
use crate::testkit::sample::{head, noise};
use crate::testkit::shelf;

/// How the run ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Interrupt,
    Kill,
}

/// What happens before it runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    /// Only while the source is still whole.
    DestinationDeleted,
    SourceChanged,
    OtherFolder,
    OtherOptions,
    OtherSpelling,
}

const THEN: [Then; 6] = [
    Then::Nothing,
    Then::DestinationDeleted,
    Then::SourceChanged,
    Then::OtherFolder,
    Then::OtherOptions,
    Then::OtherSpelling,
];

/// So many moments, from the start to a little behind the end of a run.
const MOMENTS: u64 = 20;

struct Scene {
    desk: Desk,
    from: &'static str,
    to: &'static str,
}

impl Scene {
    fn new(from: &'static str, to: &'static str) -> Self {
        let desk = Desk::new();
        let store = shelf::open(&desk, "file:seed");
        for i in 0..60u64 {
            let put = async {
                let mut put = store.put(head(&format!("https://e.org/{i}"))).await?;
                put.write(noise(i, if i % 10 == 0 { 60_000 } else { 300 })).await?;
                put.commit().await
            };
            block_on(put).expect("stored");
        }
        block_on(store.close()).expect("closed");
        desk.ok(&["migrate", "-q", "file:seed", from]);
        Scene { desk, from, to }
    }

    /// The same once more, before anything has happened.
    fn again(&self) -> Self {
        let desk = Desk::new();
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .args(
                std::fs::read_dir(self.desk.path()).expect("a folder").flatten().map(|e| e.path()),
            )
            .arg(desk.path())
            .status();
        assert!(copied.expect("cp runs").success());
        Scene { desk, from: self.from, to: self.to }
    }

    fn count(&self, store: &str) -> usize {
        let ran = self.desk.run(&["list", "--columns", "key", "--backend", store]);
        assert!(matches!(ran.code, 0 | 3), "{store}: {}", ran.stderr);
        ran.text().lines().count()
    }

    fn place(&self, store: &str) -> PathBuf {
        let name = store.split_once(':').expect("an address").1.split('?').next().expect("a path");
        self.desk.file(name)
    }

    /// The place of a store by its whole path.
    fn whole(&self, store: &str) -> String {
        let (kind, rest) = store.split_once(':').expect("an address");
        format!("{kind}:{}", self.desk.file(rest).display())
    }

    /// Runs a move, or a copy, until it is cut off; gives the exit code, if there is one.
    fn cut(&self, args: &[&str], after: Duration, how: Cut) -> Option<i32> {
        let mut child = self
            .desk
            .command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        std::thread::sleep(after);
        match how {
            Cut::Kill => drop(child.kill()),
            Cut::Interrupt => {
                let id = i32::try_from(child.id()).expect("a number");
                let id = rustix::process::Pid::from_raw(id).expect("a process");
                let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
            }
        }
        child.wait().expect("it ends").code()
    }

    /// One more entry, and another answer in the place of an old one.
    fn change_source(&self) {
        let later = |url: &str| {
            let mut head = head(url);
            head.created_at = head.created_at + Duration::from_secs(60);
            head
        };
        for store in ["file:seed", self.from] {
            let store = shelf::open(&self.desk, store);
            for (n, url) in ["https://e.org/new", "https://e.org/5"].into_iter().enumerate() {
                let put = async {
                    let mut put = store.put(later(url)).await?;
                    put.write(noise(900 + n as u64, 500)).await?;
                    put.commit().await
                };
                block_on(put).expect("stored");
            }
            block_on(store.close()).expect("closed");
        }
    }

    /// Does what happens in between, and gives the arguments of the last run.
    fn prepare(&self, then: Then, moves: bool) -> (Vec<String>, PathBuf) {
        let (mut from, mut to) = (self.from.to_owned(), self.to.to_owned());
        let (mut folder, mut more) = (self.desk.path().to_owned(), Vec::new());
        match then {
            Then::Nothing => {}
            Then::DestinationDeleted => {
                if self.count(self.from) >= 60 {
                    let place = self.place(self.to);
                    let _ = std::fs::remove_dir_all(&place);
                    for ending in ["", "-wal", "-shm", "-journal"] {
                        let _ = std::fs::remove_file(format!("{}{ending}", place.display()));
                    }
                }
            }
            Then::SourceChanged => self.change_source(),
            Then::OtherFolder => {
                (from, to) = (self.whole(self.from), self.whole(self.to));
                folder = self.desk.file("elsewhere");
                std::fs::create_dir_all(&folder).expect("made");
            }
            Then::OtherOptions => {
                more =
                    vec!["-j1".to_owned(), "--no-verify".to_owned(), "--max-errors=3".to_owned()];
            }
            Then::OtherSpelling => {
                let (kind, rest) = self.to.split_once(':').expect("an address");
                to = format!("{kind}:./{rest}");
            }
        }
        let mut args = vec!["migrate".to_owned(), from, to];
        if moves {
            args.extend(["--move".to_owned(), "--yes".to_owned()]);
        }
        args.extend(more);
        (args, folder)
    }
}

fn try_all(from: &'static str, to: &'static str, moves: bool) {
    let mode: &[&str] = if moves { &["--move", "--yes"] } else { &[] };
    let first = Scene::new(from, to);
    let whole = {
        let scene = first.again();
        let started = std::time::Instant::now();
        scene.desk.ok(&[&["migrate", from, to], mode].concat());
        started.elapsed()
    };
    for moment in 0..MOMENTS {
        let scene = first.again();
        let args = [&["migrate", from, to], mode].concat();
        let how = if moment % 2 == 0 { Cut::Interrupt } else { Cut::Kill };
        let then = THEN[moment as usize % THEN.len()];
        let after = whole.mul_f64((moment + 1) as f64 / (MOMENTS - 1) as f64);
        let code = scene.cut(&args, after, how);
        let what = format!("{args:?} {how:?} after {after:?} ({code:?}), then {then:?}");
        match (how, code) {
            (Cut::Kill, None) | (_, Some(0)) | (Cut::Interrupt, Some(130) | None) => {}
            _ => panic!("{what}"),
        }
        // Nothing is lost: what is not in the one is whole in the other.
        let left = scene.count(scene.from);
        assert!(left + scene.count(scene.to) >= 60, "{what}");
        let (args, folder) = scene.prepare(then, moves);
        let output = scene.desk.command(&[]).args(&args).current_dir(folder).output();
        let output = output.expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{what}: {said}");
        let ran = scene.desk.run(&["diff", "--content", "file:seed", scene.to]);
        assert_eq!(ran.code, 0, "{what}: {}{}", ran.text(), ran.stderr);
        scene.desk.ok(&["verify", "--backend", scene.to]);
        let left = if moves { 0 } else { scene.count("file:seed") };
        assert_eq!(scene.count(scene.from), left, "{what}");
    }
}

#[test]
fn a_copy_from_files_into_a_database() {
    try_all("file:a", "sqlite:b.db", false);
}

#[test]
fn a_move_from_files_into_a_database() {
    try_all("file:a", "sqlite:b.db", true);
}

#[test]
fn a_move_from_a_database_into_files() {
    try_all("sqlite:a.db", "file:b", true);
}

#[test]
fn a_move_from_files_into_files() {
    try_all("file:a", "file:b", true);
}
