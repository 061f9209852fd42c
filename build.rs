//! How the release binary is linked. It starts, finds its entry and ends within a
//! millisecond or two, so what the loader does before `main` is a large part of a hit.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CC");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let is_linux_gnu =
        variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu";
    if !is_linux_gnu || variable("PROFILE") != "release" || variable("TARGET") != variable("HOST") {
        return;
    }
    // A fixed address: the loader has no twenty thousand relocations to do.
    link_arg("-no-pie");
    // Functions of libc are looked up when they are first called.
    link_arg("-Wl,-z,lazy");
    // One library less to find and map, where the compiler has it as an archive: the linker
    // takes the first of a name that it finds, and looks here first.
    let folder = PathBuf::from(variable("OUT_DIR")).join("archives");
    let _ = std::fs::remove_dir_all(&folder);
    if let (Some(unwinder), Some(support)) =
        (compiler_file("libgcc_eh.a"), compiler_file("libgcc.a"))
    {
        let linked = std::fs::create_dir_all(&folder)
            .and_then(|()| std::os::unix::fs::symlink(unwinder, folder.join("libgcc_s.a")));
        if linked.is_ok() {
            link_arg(&format!("-L{}", folder.display()));
            link_arg(&support.display().to_string());
        }
    }
}

fn link_arg(arg: &str) {
    println!("cargo::rustc-link-arg-bins={arg}");
}

/// Where the C compiler that links keeps a file; it echoes the name when it has none.
fn compiler_file(name: &str) -> Option<PathBuf> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler).arg(format!("-print-file-name={name}")).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (path.is_absolute() && path.exists()).then_some(path)
}
