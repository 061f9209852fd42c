//! How the release binary is linked. It starts, finds its entry and ends within a
//! millisecond or two, so what the loader does before `main` is a large part of a hit:
//! on Linux with glibc it is linked statically and at a fixed address, where the compiler
//! has what that needs. `CACHECTL_LINK=dynamic` asks for the usual way.

#![allow(clippy::print_stdout, reason = "that is how a build script talks to cargo")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What rustc asks for, and the archive that answers.
const ARCHIVES: &[(&str, &str)] = &[
    ("libc.a", "libc.a"),
    ("libm.a", "libm.a"),
    ("libpthread.a", "libpthread.a"),
    ("libdl.a", "libdl.a"),
    ("librt.a", "librt.a"),
    ("libutil.a", "libutil.a"),
    ("libgcc.a", "libgcc.a"),
    ("libgcc_s.a", "libgcc_eh.a"),
];

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed=CC");
    println!("cargo::rerun-if-env-changed=CACHECTL_LINK");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let is_this_linux = variable("CARGO_CFG_TARGET_OS") == "linux"
        && variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && variable("TARGET") == variable("HOST");
    let wanted = variable("PROFILE") == "release"
        && variable("CACHECTL_LINK") != "dynamic"
        && std::env::var_os("CARGO_FEATURE_CLI").is_some();
    if is_this_linux && wanted {
        let folder = PathBuf::from(variable("OUT_DIR"));
        if gather(&folder.join("archives")).is_some() {
            link_statically(&folder);
        }
    }
}

/// Puts the archives into one folder, in which the linker looks first; `None` when one is
/// missing.
fn gather(folder: &Path) -> Option<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).ok()?;
    for (wanted, archive) in ARCHIVES {
        link_file(&compiler_file(archive)?, &folder.join(wanted))?;
    }
    Some(())
}

fn link_statically(folder: &Path) {
    cc::Build::new()
        .file("build/names.c")
        .cargo_metadata(false)
        .out_dir(folder)
        .compile("cachectl_names");
    let archives = folder.join("archives");
    for arg in [
        "-static".to_owned(),
        "-no-pie".to_owned(),
        format!("-L{}", archives.display()),
        "-Wl,--wrap=getaddrinfo".to_owned(),
        folder.join("libcachectl_names.a").display().to_string(),
        "-lgcc".to_owned(),
        "-lc".to_owned(),
    ] {
        println!("cargo::rustc-link-arg-bins={arg}");
    }
}

#[cfg(unix)]
fn link_file(from: &Path, to: &Path) -> Option<()> {
    std::os::unix::fs::symlink(from, to).ok()
}

#[cfg(not(unix))]
fn link_file(from: &Path, to: &Path) -> Option<()> {
    fs::copy(from, to).ok().map(drop)
}

/// Where the C compiler that links keeps a file; it echoes the name when it has none.
fn compiler_file(name: &str) -> Option<PathBuf> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler).arg(format!("-print-file-name={name}")).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (path.is_absolute() && path.exists()).then_some(path)
}
